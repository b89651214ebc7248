"""Pool: how many requests at once."""

from __future__ import annotations

from esipy._plugins.throttle import Throttle


class Pool(Throttle):
    """`Pool(5)`: at most `limit` requests of all clients that have this object are under way at the same time.

    The others wait, in the order in which they came: no longer than `timeout` seconds (TooMuchTimePendingError), and
    no more than `hard_limit` of them (TooManyRequestsPendingError). `response.blocked_by_pool`: seconds that a call
    has waited, which do not count for its deadline. What a hook asks the same client for needs a place of its own.
    """

    note = 'blocked_by_pool'

    def __init__(self, limit: int = 1, timeout: float | None = None, hard_limit: int | None = None) -> None:
        super().__init__(limit, 0.0, timeout, hard_limit)
