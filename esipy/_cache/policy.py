"""What may be kept, for how long it is fresh, how to ask whether it still holds: RFC 9111, as pure functions.

Nothing here reads a clock or talks to a store: `now` (seconds since the epoch) is passed in. A kept answer is
a CachedResponse of plain types; what else must be known of it stands among its headers under names of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from esipy._message.headers import EXPIRY, OURS, RECEIVED, VARIED, WARNED, moment


class CachedResponse(NamedTuple):
    """A kept answer, in plain types: this is what caches are given."""

    status_code: int
    headers: dict[str, str]
    content: bytes
    url: str


#: The note on an answer whose body nobody has read yet: it may not be JSON.
UNREAD = OURS + 'Unread'

#: For how many seconds an answer is kept for its validator after it stopped being fresh.
KEEP_STALE = 7 * 86400


#: No answer is fresh for longer (RFC 9111 section 1.2.2); an `Expires` of the year 9999 means "for ever".
_LONGEST = 2.0**31


class Lower(dict[str, str]):
    """Headers by their lower-case names."""

    __slots__ = ()


def lower(headers: Mapping[str, str]) -> Lower:
    """Headers by their lower-case names, which is how all functions here want them unless they say otherwise."""
    return headers if isinstance(headers, Lower) else Lower({name.lower(): value for name, value in headers.items()})


def lifetime(low: Mapping[str, str], now: float) -> float | None:
    """For how many seconds from its arrival (`now`) an answer is fresh; negative: it was old already; None: the
    answer does not say.

    `max-age` less `Age` (RFC 9111 sections 4.2.1 and 4.2.3), else `Expires` against `Date`: both are of the
    server's clock, so that a wrong one of ours does not matter.
    """
    control = directives(low)
    if 'no-cache' in control:
        return 0.0
    age = (_seconds(low['age'].partition(',')[0]) or 0.0) if 'age' in low else 0.0
    if 'max-age' in control:
        longest = _seconds(control['max-age'])
        return 0.0 if longest is None else longest - age  # what makes no sense counts as over: see `doubt`
    if 'expires' not in low:
        return None
    expires = moment(low['expires'])
    if expires is None:
        return 0.0
    sent = moment(low.get('date'))
    return max(-_LONGEST, min(_LONGEST, expires - (now if sent is None else sent) - age))


def doubt(low: Mapping[str, str]) -> str | None:
    """What is wrong with what an answer says of its freshness, if it makes no sense: then it counts as old already
    (sections 4.2.1 and 5.3). For the log."""
    control = directives(low)
    if 'max-age' in control:
        told = control['max-age']
        return None if _seconds(told) is not None else f'max-age {told!r} is no number of seconds'
    if 'expires' in low and moment(low['expires']) is None:
        return f'Expires {low["expires"]!r} is no date'
    return None


def is_conditional(sent: Mapping[str, str]) -> bool:
    """Whether a request asks by itself for what has changed alone (RFC 9110 section 13.1)."""
    return not {'if-none-match', 'if-modified-since'}.isdisjoint(lower(sent))


def validators(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that ask whether a kept answer still holds (section 4.3.1); empty where it has no validator, or one
    that cannot be sent: somebody else may have put it into a shared store. `headers` in any case."""
    low = lower(headers)
    asked = {'If-None-Match': low.get('etag'), 'If-Modified-Since': low.get('last-modified')}
    return {name: value for name, value in asked.items() if value and _VALIDATOR.fullmatch(value)}


#: What a header may hold (RFC 9110 section 5.5), without spaces around it.
_VALIDATOR = re.compile(r'[!-~\x80-\xff](?:[ -~\x80-\xff]*[!-~\x80-\xff])?')


def kept(
    status: int,
    headers: Mapping[str, str],
    sent: Mapping[str, str],
    now: float,
    read: bool = True,
    stale_if_error: float = 0.0,
) -> dict[str, str] | None:
    """The headers under which an answer to a request with the headers `sent` is kept; None if it may not be, or
    would be of no use (section 3). `headers` in any case. `read`: it is known that the body is JSON.
    `stale_if_error`: for how many seconds an old one is of use."""
    low = lower(headers)
    if status != 200 or 'no-store' in directives(low) or '*' in low.get('vary', ''):
        return None
    seconds = lifetime(low, now)
    if (seconds or 0.0) + stale_if_error <= 0 and not validators(low):
        return None
    return {
        **public(headers),
        **({} if read else {UNREAD: '1'}),
        **({WARNED: low['warning']} if 'warning' in low else {}),
        RECEIVED: repr(now),
        EXPIRY: repr(now + (seconds or 0.0)),
        VARIED: varied(low.get('vary'), sent),
    }


def keep_for(
    headers: Mapping[str, str], now: float, keep_stale: float = KEEP_STALE, stale_if_error: float = 0.0
) -> int:
    """For how many seconds a store should keep an answer: while it is fresh, and then for its validator and for the
    time when the server is down."""
    fresh = max(0.0, expiry(headers) - now)
    return max(1, int(fresh + max(keep_stale if validators(headers) else 0, stale_if_error)))


def expiry(headers: Mapping[str, str]) -> float:
    """Until when, by our clock, a kept answer is fresh; 0 for one that lost the note."""
    return _number(headers.get(EXPIRY))


def is_fresh(headers: Mapping[str, str], now: float) -> bool:
    """Whether a kept answer may be used without asking. One that comes from the future was kept by a machine whose
    clock is ahead of ours, or before ours was put back: nobody knows how old it is."""
    try:
        return now < float(headers[EXPIRY]) and float(headers[RECEIVED]) - _TOLERATED <= now
    except (KeyError, ValueError):
        return False


#: By how many seconds the clocks of those who share a cache may differ.
_TOLERATED = 5.0


def may_stand_in(headers: Mapping[str, str], status: int, now: float, stale_if_error: float) -> bool:
    """Whether a kept answer is given because the server is down: 5xx (no answer counts as 500) or 420, and not longer
    than `stale_if_error` seconds after it stopped being fresh (RFC 5861 section 4); never where the server forbade it
    (section 4.2.4)."""
    if status < 500 and status != 420:
        return False
    forbidden = {'no-cache', 'must-revalidate'} & directives(lower(headers)).keys()
    return not forbidden and now < expiry(headers) + stale_if_error


def was_expired(headers: Mapping[str, str], now: float) -> bool:
    """Whether an answer came with an `Expires` in the past, which some old routes send."""
    low = lower(headers)
    return 'expires' in low and 'max-age' not in directives(low) and (lifetime(low, now) or 0.0) < 0


def merged(headers: Mapping[str, str], news: Mapping[str, str]) -> dict[str, str]:
    """A kept answer's headers after a 304 (section 3.2): the new ones replace the old ones of the same name."""
    changes = {name: value for name, value in news.items() if name.lower() not in _OF_THE_BODY}
    gone = {name.lower() for name in changes} | {'age', 'date'}  # both told of the moment of the old answer
    if gone & _OF_FRESHNESS:
        gone |= _OF_FRESHNESS  # what was said of freshness before does not count beside what is said now
    return {**{name: value for name, value in headers.items() if name.lower() not in gone}, **changes}


_OF_FRESHNESS = frozenset({'cache-control', 'expires'})

#: These speak of the body that a 304 does not have.
_OF_THE_BODY = frozenset({'content-length', 'content-encoding', 'content-type', 'content-range', 'transfer-encoding'})


def varied(vary: str | None, sent: Mapping[str, str]) -> str:
    """What a request said in the headers that `Vary` names (section 4.1), without what tells whose it is."""
    names = _varying(vary) if vary else ()
    if not names:
        return ''
    low = lower(sent)
    return '\n'.join(f'{name}: {low.get(name, "")}' for name in names)


@lru_cache(maxsize=256)
def _varying(vary: str) -> list[str]:
    return sorted({name.strip().lower() for name in vary.split(',')} - _NOT_VARYING)


#: Whose answer it is stands in the key; how it was packed is undone before it is kept.
_NOT_VARYING = frozenset({'', 'authorization', 'cookie', 'accept-encoding', 'origin', 'user-agent'})


def matches(headers: Mapping[str, str], sent: Mapping[str, str]) -> bool:
    """Whether a kept answer was given to a request that said the same (`Vary`)."""
    return not headers.get(VARIED) or headers[VARIED] == varied(lower(headers).get('vary'), sent)


def public(headers: Mapping[str, str]) -> dict[str, str]:
    """A kept answer's headers without ours."""
    return {name: value for name, value in headers.items() if not name.startswith(OURS)}


def directives(headers: Mapping[str, str]) -> Mapping[str, str]:
    """`Cache-Control` as a dict; a directive without a value has ''. Of two alike the first counts."""
    return _directives(headers.get('cache-control', ''))


@lru_cache(maxsize=256)  # a server says the same few things all day
def _directives(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in text.split(','):
        name, _, value = part.partition('=')
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _seconds(text: str | None) -> float | None:
    """Delta-seconds (section 1.2.2), at most 2^31; None for what is none."""
    digits = (text or '').strip()
    return min(float(digits), _LONGEST) if digits.isascii() and digits.isdigit() else None
