"""The rate-limit headers of a response. Pure. An implausible header counts as missing, and is named in `invalid`.

    X-Ratelimit-Group: market-order      X-ESI-Error-Limit-Remain: 87
    X-Ratelimit-Limit: 150/15m           X-ESI-Error-Limit-Reset: 12
    X-Ratelimit-Remaining: 148           Retry-After: 30

https://developers.eveonline.com/docs/services/esi/rate-limiting/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from esipy._limits.ledger import Rule
from esipy._message.headers import LONGEST, once, retry_after
from esipy._message.lowercase import lowercase

#: The error limit, unless headers differ: so many responses other than 2xx and 3xx in a minute.
ERRORS = Rule(100, 60.0)

_UNITS = {'s': 1.0, 'm': 60.0, 'h': 3600.0, 'd': 86400.0}
_RULE = re.compile(r'\s*([1-9][0-9]{0,9})\s*/\s*([1-9][0-9]{0,5})\s*([smhd])\s*', re.ASCII)
_COUNT = re.compile('[0-9]{1,12}')


class RateLimitHeaders(NamedTuple):
    """The bucket's group, rule and remaining tokens; the remaining errors of the error limit and the seconds until its
    window ends; the seconds to stay away. None: there is no such header, or not a plausible one."""

    group: str | None = None
    rule: Rule | None = None
    remaining: int | None = None
    errors_left: int | None = None
    errors_reset: float | None = None
    retry_after: float | None = None
    invalid: Sequence[str] = ()


def parse_rule(text: str) -> Rule | None:
    """Return `150/15m` as a rule; None if it is not a rule, or has a window longer than a day."""
    match = _RULE.fullmatch(once(text))
    if match is None:
        return None
    window = int(match[2]) * _UNITS[match[3]]
    return Rule(int(match[1]), window) if window <= LONGEST else None


#: The headers that are read, in the order in which `parse` names them.
_NAMES = (
    'x-ratelimit-group',
    'x-ratelimit-limit',
    'x-ratelimit-remaining',
    'x-ratelimit-used',
    'x-esi-error-limit-remain',
    'x-esi-error-limit-reset',
    'retry-after',
)


def parse(headers: Mapping[str, str], now: Callable[[], float]) -> RateLimitHeaders:
    """Return the rate-limit headers of a response. `now`: returns the seconds since the epoch, for a `Retry-After` in a
    response without a `Date`."""
    low = lowercase(headers)
    group, limit, remaining, used, errors, reset, wait = map(low.get, _NAMES)
    group, rule, problem = _bucket(group, limit)
    invalid = [problem] if problem else []
    left = errors_left = errors_reset = seconds = None
    if remaining is not None and rule is not None:
        left = _count(remaining, 'X-Ratelimit-Remaining', invalid)
        spent = None if used is None else _count(used, 'X-Ratelimit-Used', invalid)
        # Whether `Used` is what is used of the window or by this response: the sum cannot be more than the limit.
        if left and left + (spent or 0) > rule.tokens:
            invalid.append(f'X-Ratelimit-Remaining: {left} and Used: {spent} of {rule.tokens}')
            left = None
    if errors is not None or reset is not None:
        errors_left, errors_reset = _errors(errors, reset, invalid)
    if wait:
        seconds = _retry_after(low, now(), invalid)
    return RateLimitHeaders(group, rule, left, errors_left, errors_reset, seconds, invalid)


@lru_cache(maxsize=256)  # a server sends the same few values all day
def _bucket(group: str | None, limit: str | None) -> tuple[str | None, Rule | None, str]:
    """Return a bucket's group and rule, and which header is implausible."""
    rule = None if limit is None else parse_rule(limit)
    problem = '' if limit is None or rule is not None else f'X-Ratelimit-Limit: {limit[:40]!r}'
    return None if group is None else once(group), rule, problem


def _errors(left: str | None, reset: str | None, invalid: list[str]) -> tuple[int | None, float | None]:
    """Return the remaining errors, and the seconds until their window ends."""
    errors = None if left is None else _count(left, 'X-ESI-Error-Limit-Remain', invalid)
    seconds = None if reset is None else _count(reset, 'X-ESI-Error-Limit-Reset', invalid)
    if (errors or 0) > ERRORS.tokens or (seconds or 0) > LONGEST:
        invalid.append(f'X-ESI-Error-Limit-Remain: {errors}, Reset: {seconds}')
        return None, None
    return errors, None if seconds is None else float(seconds)


def _count(text: str, name: str, invalid: list[str]) -> int | None:
    if _COUNT.fullmatch(text) or _COUNT.fullmatch(text := once(text)):
        return int(text)
    invalid.append(f'{name}: {text[:40]!r}')
    return None


def _retry_after(low: Mapping[str, str], now: float, invalid: list[str]) -> float | None:
    seconds = retry_after(low, now)
    if seconds is None:
        invalid.append(f'Retry-After: {low["retry-after"][:40]!r}')
    return seconds
