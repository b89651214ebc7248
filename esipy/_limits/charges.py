"""What a response costs in the ledgers that its call used. Pure."""

from __future__ import annotations

from esipy._http import RawResponse, TransportError
from esipy._limits.buckets import ERRORS, REQUESTS, BucketUse
from esipy._limits.headers import RateLimitHeaders
from esipy._limits.ledger import Charge
from esipy._limits.plans import ChargePlan

#: Stand for the response to a request that was not sent, and to one that was sent and got none.
NOT_SENT = RawResponse(500, {}, b'', '', TransportError('not sent', unsent=True))
NO_RESPONSE = RawResponse(500, {}, b'', '', TransportError('no response'))


def charge_of(use: BucketUse, raw: RawResponse, rate_limit_headers: RateLimitHeaders) -> Charge:
    """Return what a response costs in one ledger that its call uses."""
    kind, status, failure = use.kind, raw.status, raw.failure
    # What came before the response: requests whose responses were lost, and redirects.
    before = raw.lost * kind.max_cost + raw.redirects * kind.cost(302) if raw.lost or raw.redirects else 0
    if failure is not None and isinstance(failure, TransportError):
        return Charge(before + (0 if failure.unsent else use.max_cost))
    group, rule, remaining, errors_left, errors_reset, retry_after, _ = rate_limit_headers
    if kind is ERRORS:
        used = None if errors_left is None else use.rule.tokens - errors_left
        # The server rounds the end of the window to whole seconds: it may be one later.
        return Charge(before + kind.cost(status), None if errors_reset is None else errors_reset + 1.0, used)
    if kind is REQUESTS:
        return Charge(before + 1, blocked=(retry_after or 0.0) if status in (429, 520) else 0.0)
    if group is not None and group != use.group:
        rule = None
    used = None if remaining is None or rule is None else rule.tokens - remaining
    return Charge(before + kind.cost(status), None, used, rule, (retry_after or 0.0) if status == 429 else 0.0)


def is_rejection(plan: ChargePlan, raw: RawResponse) -> bool:
    """Return whether a rate limit rejected the request. Undocumented limits reject with 520 too."""
    return raw.status in (420, 429) or (raw.status == 520 and any(use.kind is REQUESTS for use in plan.uses))


def error_limit_blocked(raw: RawResponse, rate_limit_headers: RateLimitHeaders) -> float:
    """Return the seconds for which the server rejects everything: after a 420, until the window of errors ends."""
    if raw.status != 420:
        return 0.0
    if rate_limit_headers.errors_reset is not None:
        return rate_limit_headers.errors_reset + 1.0
    return rate_limit_headers.retry_after or 0.0
