"""RateLimit limits how many requests are sent in a period."""

from __future__ import annotations

from esipy._plugins.throttle import Throttle


class RateLimit(Throttle):
    """`RateLimit(period=1, limit=20)`: at most `limit` requests, of all clients that have this object, in any `period`
    seconds, however long each takes: a slot is free again `period` seconds after its response.

    The other requests wait as in Pool. `response.blocked_by_ratelimit`: the seconds that a call has waited.
    """

    note = 'blocked_by_ratelimit'

    def __init__(
        self, period: float = 1, limit: int = 1, timeout: float | None = None, hard_limit: int | None = None
    ) -> None:
        super().__init__(limit, period, timeout, hard_limit)
