"""When a failed attempt is repeated, and after how long. Pure: what happened goes in, a decision comes out."""

from __future__ import annotations

from esipy._http import RawResponse, TransportError
from esipy._http.send import SAFE
from esipy._message.exchange import Exchange
from esipy._spec.model import Operation

#: Seconds before the second attempt; it doubles each time, give or take the jitter.
FIRST_PAUSE = 0.3
LONGEST_PAUSE = 30.0
JITTER = 0.25

#: Methods that may be repeated (RFC 9110 section 9.2.2).
IDEMPOTENT = SAFE | {'PUT', 'DELETE'}

#: Operations that POST only because their question is long: they change nothing.
QUESTIONS = frozenset(
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


def may_repeat(exchange: Exchange, answer: RawResponse) -> bool:
    """Whether to send again: what a limit refused, for it was not done; a 5xx, for what does no harm when it is done
    twice; what was not answered, if it never left or changes nothing."""
    if answer.status in (420, 429):
        return True
    question = _is_question(exchange.request.operation)
    if isinstance(answer.failure, TransportError):
        return answer.failure.unsent or question or exchange.method in SAFE
    return 500 <= answer.status <= 599 and (question or exchange.method in IDEMPOTENT)


def _is_question(operation: Operation) -> bool:
    return operation.path.rstrip('/') in QUESTIONS


def pause(attempt: int, retry_after: float | None, jitter: float) -> float:
    """Seconds to wait after attempt number `attempt` (from 1). `jitter`: between -1 and 1, at random."""
    if retry_after is not None:
        return retry_after
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1)) * (1 + JITTER * jitter)
