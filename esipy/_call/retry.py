"""Retries: whether a failed attempt is repeated, and after how long."""

from __future__ import annotations

import random

from esipy import clock
from esipy._http import RawResponse, TransportError
from esipy._http.send import SAFE
from esipy._message.exchange import Exchange
from esipy._message.headers import retry_after
from esipy._message.status import kind_of
from esipy._spec.model import Operation
from esipy.exceptions import DowntimeError

#: Exponential backoff: seconds before the second attempt; they double each time, up to a maximum, with jitter.
FIRST_BACKOFF = 0.3
MAX_BACKOFF = 30.0
JITTER = 0.25

#: Methods that may be repeated (RFC 9110 section 9.2.2).
IDEMPOTENT = SAFE | {'PUT', 'DELETE'}

#: Operations that use POST only because their list of ids is long: they change nothing.
QUERIES = frozenset(
    {
        '/characters/affiliation',
        '/characters/{character_id}/assets/locations',
        '/characters/{character_id}/assets/names',
        '/characters/{character_id}/cspa',
        '/corporations/{corporation_id}/assets/locations',
        '/corporations/{corporation_id}/assets/names',
        '/route/{origin_system_id}/{destination_system_id}',
        '/universe/ids',
        '/universe/names',
    }
)


def next_attempt(exchange: Exchange, raw: RawResponse, now: float) -> float | None:
    """Return the seconds until the next attempt; None if there is none. A streamed request is sent once.

    What a rate limit rejected is repeated once in any case, as soon as the limits allow it. While the server is down
    for its daily maintenance it is not asked again and again. `now`: seconds since the epoch.
    """
    if raw.status < 400 or exchange.request.is_streamed:
        return None
    settings = exchange.settings
    has_attempts = settings.retry_requests and exchange.attempts < settings.retries
    after = retry_after({name.lower(): value for name, value in raw.headers.items()}, now)
    if exchange.rejections and raw.status in (420, 429, 520):
        # The reservation of the next attempt waits.
        return 0.0 if exchange.rejections == 1 or has_attempts else None
    if not has_attempts or kind_of(raw.status, now, after) is DowntimeError or not may_repeat(exchange, raw):
        return None
    wait = backoff(exchange.attempts, after, random.uniform(-1, 1))
    in_time = exchange.deadline is None or clock.monotonic() + wait < exchange.deadline
    return wait if in_time else None


def may_repeat(exchange: Exchange, raw: RawResponse) -> bool:
    """Return whether the request may be repeated: after a rate-limit rejection (it was not processed); after a 5xx, if
    it is idempotent; without a response, if it never left or is safe."""
    if raw.status in (420, 429):
        return True
    is_query = _is_query(exchange.request.operation)
    if isinstance(raw.failure, TransportError):
        return raw.failure.unsent or is_query or exchange.method in SAFE
    return 500 <= raw.status <= 599 and (is_query or exchange.method in IDEMPOTENT)


def _is_query(operation: Operation) -> bool:
    return operation.path.rstrip('/') in QUERIES


def backoff(attempt: int, after: float | None, jitter: float) -> float:
    """Return the seconds to wait after attempt number `attempt` (from 1). `after`: `Retry-After` in seconds;
    `jitter`: between -1 and 1, at random."""
    if after is not None:
        return after
    return min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** (attempt - 1)) * (1 + JITTER * jitter)
