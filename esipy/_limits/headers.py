"""What an answer's headers say of limits. Pure. What makes no sense counts as not said, and is named in `doubts`.

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
from esipy._message.headers import LONGEST, retry_after

#: The error limit, where nothing else is told: so many answers other than 2xx and 3xx in a minute.
ERRORS = Rule(100, 60.0)

_UNITS = {'s': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}
_RULE = re.compile(r'\s*([1-9][0-9]{0,9})\s*/\s*([1-9][0-9]{0,5})\s*([smhd])\s*', re.ASCII)


class RateLimitHeaders(NamedTuple):
    """The bucket's group, rule and what is left of it; of the error limit what is left and the seconds until its
    window ends; seconds to stay away. None: not told."""

    group: str | None = None
    rule: Rule | None = None
    remaining: int | None = None
    errors_left: int | None = None
    errors_reset: float | None = None
    retry_after: float | None = None
    doubts: tuple[str, ...] = ()


NOTHING = RateLimitHeaders()


@lru_cache(maxsize=1024)
def rule_of(text: str) -> Rule | None:
    """`150/15m` as a rule; None for what is none, or lasts longer than a day."""
    found = _RULE.fullmatch(text)
    if found is None:
        return None
    window = int(found[2]) * _UNITS[found[3]]
    return Rule(int(found[1]), window) if window <= LONGEST else None


def read(headers: Mapping[str, str], now: float) -> RateLimitHeaders:
    """What the headers of an answer say. `now`: seconds since the epoch, for an answer without a `Date`."""
    names = ' '.join(headers).lower()
    if 'x-ratelimit-' not in names and 'x-esi-error-limit-' not in names and 'retry-after' not in names:
        return NOTHING
    low = {name.lower(): value for name, value in headers.items()}
    doubts: list[str] = []
    limit, rule = low.get('x-ratelimit-limit'), None
    if limit is not None:
        rule = rule_of(limit)
        if rule is None:
            doubts.append(f'X-Ratelimit-Limit: {limit[:40]!r}')
    left = _count(low.get('x-ratelimit-remaining'), 'X-Ratelimit-Remaining', doubts)
    used = _count(low.get('x-ratelimit-used'), 'X-Ratelimit-Used', doubts)
    # Whether `Used` is what is used of the window or by this answer: there cannot be more than the whole.
    if left and rule and left + (used or 0) > rule.tokens:
        doubts.append(f'X-Ratelimit-Remaining: {left} and Used: {used} of {rule.tokens}')
        left = None
    errors_left = _count(low.get('x-esi-error-limit-remain'), 'X-ESI-Error-Limit-Remain', doubts)
    reset = _count(low.get('x-esi-error-limit-reset'), 'X-ESI-Error-Limit-Reset', doubts)
    if (errors_left or 0) > ERRORS.tokens or (reset or 0) > LONGEST:
        doubts.append(f'X-ESI-Error-Limit-Remain: {errors_left}, Reset: {reset}')
        errors_left = reset = None
    return RateLimitHeaders(
        low.get('x-ratelimit-group'),
        rule,
        left if rule else None,
        errors_left,
        None if reset is None else float(reset),
        _away(low, now, doubts),
        tuple(doubts),
    )


def _count(text: str | None, name: str, doubts: list[str]) -> int | None:
    if text is None:
        return None
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= 12:
        return int(digits)
    doubts.append(f'{name}: {text[:40]!r}')
    return None


def _away(low: Mapping[str, str], now: float, doubts: list[str]) -> float | None:
    text = low.get('retry-after')
    away = retry_after(low, now)
    if text and away is None:
        doubts.append(f'Retry-After: {text[:40]!r}')
    return away
