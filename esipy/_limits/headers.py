"""The rate-limit headers of a response. Pure. An implausible header counts as missing, and is named in `invalid`.

    X-Ratelimit-Group: market-order      X-ESI-Error-Limit-Remain: 87
    X-Ratelimit-Limit: 150/15m           X-ESI-Error-Limit-Reset: 12
    X-Ratelimit-Remaining: 148           Retry-After: 30

https://developers.eveonline.com/docs/services/esi/rate-limiting/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from esipy._limits.ledger import Rule
from esipy._message.headers import LONGEST, once, retry_after
from esipy._message.lowercase import lowercase

#: The error limit, unless headers differ: so many responses other than 2xx and 3xx in a minute.
ERRORS = Rule(100, 60.0)

_UNITS = {'s': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}
_RULE = re.compile(r'\s*([1-9][0-9]{0,9})\s*/\s*([1-9][0-9]{0,5})\s*([smhd])\s*', re.ASCII)
_DIGITS = frozenset('0123456789')


class RateLimitHeaders(NamedTuple):
    """The bucket's group, rule and remaining tokens; the remaining errors of the error limit and the seconds until its
    window ends; the seconds to stay away. None: there is no such header, or not a plausible one."""

    group: str | None = None
    rule: Rule | None = None
    remaining: int | None = None
    errors_left: int | None = None
    errors_reset: float | None = None
    retry_after: float | None = None
    invalid: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> Rule | None:
    """Return `150/15m` as a rule; None if it is not a rule, or has a window longer than a day."""
    match = _RULE.fullmatch(once(text))
    if match is None:
        return None
    window = int(match[2]) * _UNITS[match[3]]
    return Rule(int(match[1]), window) if window <= LONGEST else None


def parse(headers: Mapping[str, str], now: float) -> RateLimitHeaders:
    """Return the rate-limit headers of a response. `now`: seconds since the epoch, for a response without a `Date`."""
    low = lowercase(headers)
    invalid: list[str] = []
    group, limit = low.get('x-ratelimit-group'), low.get('x-ratelimit-limit')
    rule = errors_left = reset = None
    if limit is not None:
        rule = parse_rule(limit)
        if rule is None:
            invalid.append(f'X-Ratelimit-Limit: {limit[:40]!r}')
    left = _count(low.get('x-ratelimit-remaining'), 'X-Ratelimit-Remaining', invalid)
    used = _count(low.get('x-ratelimit-used'), 'X-Ratelimit-Used', invalid)
    # Whether `Used` is what is used of the window or by this response: the sum cannot be more than the limit.
    if left and rule and left + (used or 0) > rule.tokens:
        invalid.append(f'X-Ratelimit-Remaining: {left} and Used: {used} of {rule.tokens}')
        left = None
    if 'x-esi-error-limit-remain' in low or 'x-esi-error-limit-reset' in low:
        errors_left, reset = _errors(low, invalid)
    seconds = _retry_after(low, now, invalid) if 'retry-after' in low else None
    return RateLimitHeaders(
        None if group is None else once(group),
        rule,
        left if rule else None,
        errors_left,
        reset,
        seconds,
        tuple(invalid),
    )


def _errors(low: Mapping[str, str], invalid: list[str]) -> tuple[int | None, float | None]:
    """Return the remaining errors, and the seconds until their window ends."""
    left = _count(low.get('x-esi-error-limit-remain'), 'X-ESI-Error-Limit-Remain', invalid)
    reset = _count(low.get('x-esi-error-limit-reset'), 'X-ESI-Error-Limit-Reset', invalid)
    if (left or 0) > ERRORS.tokens or (reset or 0) > LONGEST:
        invalid.append(f'X-ESI-Error-Limit-Remain: {left}, Reset: {reset}')
        return None, None
    return left, None if reset is None else float(reset)


def _count(text: str | None, name: str, invalid: list[str]) -> int | None:
    if text is None:
        return None
    digits = text if _DIGITS.issuperset(text) else once(text)
    if _DIGITS.issuperset(digits) and 0 < len(digits) <= 12:
        return int(digits)
    invalid.append(f'{name}: {text[:40]!r}')
    return None


def _retry_after(low: Mapping[str, str], now: float, invalid: list[str]) -> float | None:
    if not low['retry-after']:
        return None
    seconds = retry_after(low, now)
    if seconds is None:
        invalid.append(f'Retry-After: {low["retry-after"][:40]!r}')
    return seconds
