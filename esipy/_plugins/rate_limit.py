"""RateLimit: how many requests in a time."""

from __future__ import annotations

from esipy._plugins.throttle import Throttle


class RateLimit(Throttle):
    """`RateLimit(period=1, limit=20)`: at most `limit` requests of all clients that have this object in any `period`
    seconds, however long they are under way: a place is free again `period` seconds after its answer.

    Who waits, and for how long, is as in Pool. `response.blocked_by_ratelimit`: seconds that a call has waited.
    """

    note = 'blocked_by_ratelimit'

    def __init__(
        self, period: float = 1, limit: int = 1, timeout: float | None = None, hard_limit: int | None = None
    ) -> None:
        super().__init__(limit, period, timeout, hard_limit)
