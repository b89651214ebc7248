"""What may be stored, for how long it is fresh, how it is revalidated: RFC 9111, as pure functions.

Nothing here reads a clock or a store: `now` (seconds since the epoch) is an argument. A stored response is a
CachedResponse of plain types; notes on it, such as when it was received, are headers whose names begin with `OURS`.
`low`: headers as `lowercase` returns them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from esipy._cache.keys import CONDITIONS, normal_languages
from esipy._message.headers import (
    AGED,
    EXPIRY,
    MAX_SECONDS,
    OURS,
    RECEIVED,
    VARIED,
    WARNED,
    delta_seconds,
    directives,
    initial_age,
    moment,
)
from esipy._message.lowercase import lowercase


class CachedResponse(NamedTuple):
    """A stored response, in plain types: this is what caches are given."""

    status_code: int
    headers: dict[str, str]
    content: bytes
    url: str


#: Notes that the body of a stored response has not been read yet, so that it may not be JSON.
UNREAD = OURS + 'Unread'

#: The spelling of this header in stored responses, so that a hit reads it without comparing names in any case.
AGE = 'Age'

#: For how many seconds a stale response is stored for its validator.
KEEP_STALE = 7 * 86400

#: A server error is used for no longer than this, whatever the server says: it is nearly always over sooner.
LONGEST_SERVER_ERROR = 60.0

#: By how many seconds the clocks of machines that share a cache may differ.
_CLOCK_SKEW = 5.0


def lifetime(low: Mapping[str, str], now: float) -> float | None:
    """Return for how many seconds from its arrival (`now`) a response is fresh; negative: it was stale already; None:
    the response does not say.

    `max-age` less `Age` (RFC 9111 sections 4.2.1 and 4.2.3), else `Expires` against `Date`: both are of the
    server's clock, so that a wrong one of ours does not matter.
    """
    control = directives(low)
    if 'no-cache' in control:
        return 0.0
    age = initial_age(low)
    if 'max-age' in control:
        longest = delta_seconds(control['max-age'])
        return 0.0 if longest is None else longest - age  # an invalid one means stale: see `freshness_problem`
    if 'expires' not in low:
        return None
    expires = moment(low['expires'])
    if expires is None:
        return 0.0
    sent = moment(low.get('date'))
    return max(-MAX_SECONDS, min(MAX_SECONDS, expires - (now if sent is None else sent) - age))


def with_current_age(headers: Mapping[str, str], now: float) -> dict[str, str]:
    """Return a stored response's headers with the `Age` that it has now, which a cache must send (section 5.1)."""
    received = _number(headers.get(RECEIVED))
    sent = headers.get(AGE)
    age = (initial_age({'age': sent}) if sent else 0.0) + (max(0.0, now - received) if received else 0.0)
    return {**headers, AGE: str(int(age)), AGED: repr(now)}


def freshness_problem(low: Mapping[str, str]) -> str | None:
    """Return what is wrong with the freshness headers of a response that counts as stale because of it (sections 4.2.1
    and 5.3), for the log; None if nothing is."""
    control = directives(low)
    if 'max-age' in control:
        text = control['max-age']
        return None if delta_seconds(text) is not None else f'max-age is not a number of seconds: {text[:80]!r}'
    if 'expires' in low and moment(low['expires']) is None:
        return f'Expires is not a date: {low["expires"][:80]!r}'
    return None


def is_conditional(sent: Mapping[str, str]) -> bool:
    """Return whether a request itself asks only for what has changed (RFC 9110 section 13.1)."""
    return not CONDITIONS.isdisjoint(map(str.lower, sent))


def is_not_modified(headers: Mapping[str, str], sent: Mapping[str, str]) -> bool:
    """Return whether the response to a conditional request is a 304, by a stored response (section
    4.3.2): `If-None-Match` by weak comparison, and only without it `If-Modified-Since`."""
    low, wanted = lowercase(headers), lowercase(sent)
    if 'if-none-match' in wanted:
        tags = wanted['if-none-match'].strip()
        etag = low.get('etag', '').strip()
        return tags in ('*', etag) or (bool(etag) and etag.removeprefix('W/') in _OPAQUE_TAG.findall(tags))
    since = moment(wanted.get('if-modified-since'))
    if since is None:
        return False
    known = (moment(low.get(name)) for name in ('last-modified', 'date'))
    modified = next((when for when in known if when is not None), _number(headers.get(RECEIVED)))
    return modified <= since


#: An entity tag without the mark of a weak one (RFC 9110 section 8.8.3).
_OPAQUE_TAG = re.compile(r'"[^"]*"')


def validators(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that revalidate a stored response (section 4.3.1); empty if it has no validator, or one that
    cannot be sent: another program may have put it into a shared store. `headers` in any case."""
    low = lowercase(headers)
    found = {'If-None-Match': low.get('etag'), 'If-Modified-Since': low.get('last-modified')}
    return {name: value for name, value in found.items() if value and _VALIDATOR.fullmatch(value)}


#: What a header may hold (RFC 9110 section 5.5), without spaces around it.
_VALIDATOR = re.compile(r'[!-~\x80-\xff](?:[ -~\x80-\xff]*[!-~\x80-\xff])?')


def stored_headers(
    status: int,
    headers: Mapping[str, str],
    sent: Mapping[str, str],
    now: float,
    read: bool = True,
    stale_if_error: float = 0.0,
) -> dict[str, str] | None:
    """Return the headers under which the response to a request with the headers `sent` is stored; None if it may not be
    stored, or would be of no use (section 3). `headers` in any case. `read`: it is known that the body is JSON.
    `stale_if_error`: for how many seconds a stale one is of use."""
    low = lowercase(headers)
    if not _may_be_stored(status, low):
        return None
    seconds = lifetime(low, now)
    if status == 200:
        usable = (seconds or 0.0) + max(stale_if_error, extension(low, 'stale-if-error'))
        if usable <= 0 and not validators(low):
            return None
    elif not seconds or seconds <= 0:
        return None  # such a response is never revalidated, nor returned when the server is down
    elif status >= 500:
        seconds = min(seconds, LONGEST_SERVER_ERROR)
    stored = _end_to_end(headers, low)
    if 'age' in low:
        stored = {AGE if name.lower() == 'age' else name: value for name, value in stored.items()}
    if not read:
        stored[UNREAD] = '1'
    if 'warning' in low:
        stored[WARNED] = low['warning']
    stored[RECEIVED] = repr(now)
    stored[EXPIRY] = repr(now + (seconds or 0.0))
    stored[VARIED] = varied(low.get('vary'), sent)
    return stored


def _may_be_stored(status: int, low: Mapping[str, str]) -> bool:
    """`no-store` counts, unless `must-understand` stands beside it and the status is one that a cache understands
    (section 5.2.2.3)."""
    control = directives(low)
    if not is_storable(status) or ('must-understand' in control and status not in _UNDERSTOOD):
        return False
    if 'no-store' in control and 'must-understand' not in control:
        return False
    return '*' not in low.get('vary', '')


def is_storable(status: Any) -> bool:
    """Return whether a response with this status can be stored: it is final, and depends on the resource alone."""
    return status == 200 or (type(status) is int and 200 < status < 600 and status not in _NEVER_STORED)


#: A part or no body (206, 304: no ranges are combined here); what depends on the token, which is not in the cache key
#: (401, 403, 407); what is over as soon as the server or a rate limit allows it (RFC 6585 section 4 forbids to store
#: 429; ESI's are 420 and 520).
_NEVER_STORED = frozenset({206, 304, 401, 403, 407, 408, 420, 421, 425, 429, 520})

#: The statuses whose caching RFC 9110 section 15 describes.
_UNDERSTOOD = frozenset({200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501})


#: Headers that concern one connection or proxy only (RFC 9110 section 7.6.1, RFC 9111 section 3.1).
_HOP_BY_HOP = frozenset(
    {
        'connection',
        'keep-alive',
        'proxy-connection',
        'proxy-authenticate',
        'proxy-authentication-info',
        'proxy-authorization',
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
    }
)


#: In lower case, as the names in a Lowercase are.
_OURS = OURS.lower()


def _end_to_end(headers: Mapping[str, str], low: Mapping[str, str]) -> dict[str, str]:
    """Headers without our own, and without those that concern the connection, such as any that `Connection` names
    (section 3.1)."""
    if _HOP_BY_HOP.isdisjoint(low) and _OURS not in ' '.join(low):
        return dict(headers)  # nearly always
    gone = _HOP_BY_HOP
    if 'connection' in low:
        gone = gone | {name.strip().lower() for name in low['connection'].split(',')}
    return {name: value for name, value in headers.items() if name.lower() not in gone and not name.startswith(OURS)}


def ttl(headers: Mapping[str, str], now: float, keep_stale: float = KEEP_STALE, stale_if_error: float = 0.0) -> int:
    """Return for how many seconds a cache should store a response: while it is fresh, and then for its validator and
    for the time when the server is down."""
    fresh = max(0.0, expiry(headers) - now)
    low = lowercase(headers)
    extra = max(stale_if_error, extension(low, 'stale-if-error'), extension(low, 'stale-while-revalidate'))
    return max(1, int(fresh + max(keep_stale if validators(low) else 0, extra)))


def expiry(headers: Mapping[str, str]) -> float:
    """Return until when, by our clock, a stored response is fresh; 0 for one that lost the note."""
    return _number(headers.get(EXPIRY))


def is_fresh(headers: Mapping[str, str], now: float) -> bool:
    """Return whether a stored response may be used without asking the server. One that comes from the future was stored
    by a machine whose clock is ahead of ours, or before ours was set back: its age is not known."""
    return now < _number(headers.get(EXPIRY)) and 0 < _number(headers.get(RECEIVED)) <= now + _CLOCK_SKEW


def may_be_used(headers: Mapping[str, str], wanted: Mapping[str, str], now: float) -> bool:
    """Return whether a stored response may be used without asking the server, by the directives of the request too
    (section 5.2.1)."""
    received = _number(headers.get(RECEIVED))
    low = lowercase(headers)
    if 'no-cache' in wanted or not 0 < received <= now + _CLOCK_SKEW:
        return False
    if 'max-age' in wanted and initial_age(low) + max(0.0, now - received) > (delta_seconds(wanted['max-age']) or 0.0):
        return False
    left = expiry(headers) - now
    if left > 0:
        return left >= (delta_seconds(wanted.get('min-fresh')) or 0.0)
    if 'max-stale' not in wanted or _FORBIDS_STALE & directives(low).keys():
        return False
    longest = MAX_SECONDS if not wanted['max-stale'] else delta_seconds(wanted['max-stale']) or 0.0
    return -left <= longest


def may_serve_stale(headers: Mapping[str, str], status: int, now: float, stale_if_error: float) -> bool:
    """Return whether a stored response is returned because the server is down: 5xx (no response counts as 500) or 420.

    Not longer than `stale_if_error` seconds after it stopped being fresh, or those of the server's own directive
    (RFC 5861 section 4); never where the server forbids it (RFC 9111 section 4.2.4).
    """
    if status < 500 and status != 420:
        return False
    low = lowercase(headers)
    seconds = max(stale_if_error, extension(low, 'stale-if-error'))
    if not seconds or _FORBIDS_STALE & directives(low).keys():
        return False
    return now < expiry(headers) + seconds


def may_serve_while_revalidating(headers: Mapping[str, str], now: float) -> bool:
    """Return whether a stale response may be returned while another thread revalidates it (RFC 5861 section 3)."""
    low = lowercase(headers)
    seconds = extension(low, 'stale-while-revalidate')
    if not seconds or _FORBIDS_STALE & directives(low).keys():
        return False
    return _number(headers.get(RECEIVED)) <= now + _CLOCK_SKEW and now < expiry(headers) + seconds


_FORBIDS_STALE = frozenset({'no-cache', 'must-revalidate'})


def extension(low: Mapping[str, str], name: str) -> float:
    """Return the seconds of a directive of RFC 5861; 0 if there is none."""
    return delta_seconds(directives(low).get(name)) or 0.0


def was_expired(headers: Mapping[str, str], now: float) -> bool:
    """Return whether a response came with an `Expires` in the past, which some old routes send."""
    low = lowercase(headers)
    return 'expires' in low and 'max-age' not in directives(low) and (lifetime(low, now) or 0.0) < 0


def merged(headers: Mapping[str, str], news: Mapping[str, str]) -> dict[str, str]:
    """Return a stored response's headers after a 304 (section 3.2): new ones replace old ones of the same name."""
    changes = {name: value for name, value in news.items() if name.lower() not in _OF_THE_BODY}
    gone = {name.lower() for name in changes} | {'age', 'date'}  # both described the old response
    if gone & _OF_FRESHNESS:
        gone |= _OF_FRESHNESS  # the old freshness headers do not count beside new ones
    return {**{name: value for name, value in headers.items() if name.lower() not in gone}, **changes}


_OF_FRESHNESS = frozenset({'cache-control', 'expires'})

#: These describe the body, which a 304 does not have.
_OF_THE_BODY = frozenset({'content-length', 'content-encoding', 'content-type', 'content-range', 'transfer-encoding'})


def is_same_representation(headers: Mapping[str, str], seen: Mapping[str, str]) -> bool:
    """Return whether the response to a HEAD is about the stored response (section 4.3.5)."""
    low, news = lowercase(headers), lowercase(seen)
    names = [name for name in ('etag', 'last-modified', 'content-length') if name in low and name in news]
    if low.get('content-encoding') != news.get('content-encoding') and 'content-length' in names:
        names.remove('content-length')
    return all(low[name] == news[name] for name in names)


def is_identified_by(headers: Mapping[str, str], news: Mapping[str, str]) -> bool:
    """Return whether a 304 to a request with validators of its own is about the stored response (section 4.3.4): it
    names the same entity tag or, without one, the same date."""
    low, named = lowercase(headers), lowercase(news)
    name = 'etag' if 'etag' in named else 'last-modified'
    return name in named and named[name].removeprefix('W/') == low.get(name, '').removeprefix('W/')


def varied(vary: str | None, sent: Mapping[str, str]) -> str:
    """Return the values of the request headers that `Vary` names (section 4.1), without those that show the owner."""
    names = _varying(vary) if vary else ()
    if not names:
        return ''
    low = lowercase(sent)
    values = {name: low.get(name, '') for name in names}
    if 'accept-language' in values:
        values['accept-language'] = normal_languages(values['accept-language'])
    return '\n'.join(f'{name}: {value}' for name, value in values.items())


@lru_cache(maxsize=256)
def _varying(vary: str) -> list[str]:
    return sorted({name.strip().lower() for name in vary.split(',')} - _NOT_VARYING)


#: The owner is part of the cache key; a compressed body is decompressed before it is stored.
_NOT_VARYING = frozenset({'', 'authorization', 'cookie', 'accept-encoding'})


def matches(headers: Mapping[str, str], sent: Mapping[str, str]) -> bool:
    """Return whether a stored response belongs to a request with these headers (`Vary`)."""
    return not headers.get(VARIED) or headers[VARIED] == varied(lowercase(headers).get('vary'), sent)


def _number(text: str | None) -> float:
    """One of our own notes; 0 for what is not a finite number, which another program may have put there."""
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if isfinite(number) else 0.0
