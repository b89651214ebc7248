"""Pool limits how many requests are sent at the same time."""

from __future__ import annotations

from esipy._plugins.throttle import Throttle


class Pool(Throttle):
    """`Pool(5)`: at most `limit` requests, of all clients that have this object, are in flight at the same time.

    The others wait, in the order in which they came: for at most `timeout` seconds (then: TooMuchTimePendingError), and
    at most `hard_limit` of them (further ones: TooManyRequestsPendingError). `response.blocked_by_pool`: the seconds
    that a call has waited; they do not count towards its deadline. A request that a hook makes with the same client
    needs a slot of its own. Closing a client ends its waiting calls with a RequestLimitError.
    """

    note = 'blocked_by_pool'

    def __init__(self, limit: int = 1, timeout: float | None = None, hard_limit: int | None = None) -> None:
        super().__init__(limit, 0.0, timeout, hard_limit)
