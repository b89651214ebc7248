"""What the rules of RFC 9111 make of a response. Each row begins with the section that it is about.

A number in place of a header's text is a date, so many seconds after the response came, in the server's words.
"""

from typing import Any, NamedTuple

HOUR = 3600

Headers = dict[str, Any]

#: As the validators of a response are asked with.
ETAG, MODIFIED = 'If-None-Match', 'If-Modified-Since'

LAST = {'Last-Modified': 'Wed, 01 Jan 2025 00:00:00 GMT'}
TAG = {'ETag': '"x"'}
MINUTE = {'Cache-Control': 'max-age=60'}


class Expected(NamedTuple):
    """A GET's 200. `fresh`: for so many seconds it is given without asking; None: it is not kept at all. `asks`: how
    it is asked for after that."""

    section: str
    headers: Headers
    fresh: float | None
    asks: tuple[str, ...] = ()


RESPONSES = [
    # what is said of freshness
    Expected('4.2.1', MINUTE, 60),
    Expected('4.2.1', {'Expires': 60}, 60),
    Expected('4.2.1', {'Expires': 60, 'Date': 0}, 60),
    Expected('4.2.1', {'Cache-Control': 'max-age=60', 'Expires': 600}, 60),
    Expected('4.2.1', {'Cache-Control': 'max-age=600', 'Expires': 60}, 600),
    Expected('4.2.1', {'Cache-Control': 'max-age=60', 'Expires': -60}, 60),
    Expected('4.2.1', {'Cache-Control': 'max-age=60', 'Expires': 'rubbish'}, 60),
    Expected('5.2', {'Cache-Control': 'public, max-age=60'}, 60),
    Expected('5.2', {'Cache-Control': 'MAX-AGE=60'}, 60),
    Expected('5.2', {'cache-control': 'max-age=60'}, 60),
    Expected('5.2', {'Cache-Control': ' ,, max-age = 60 , '}, 60),
    Expected('5.2', {'Cache-Control': 'private="set-cookie, x", max-age=60'}, 60),
    Expected('5.2', {'Cache-Control': 'something-new, max-age=60'}, 60),
    Expected('5.2.2.7', {'Cache-Control': 'private, max-age=60'}, 60),
    Expected('5.2.2.10', {'Cache-Control': 's-maxage=600, max-age=60'}, 60),
    Expected('5.2.2.10', {'Cache-Control': 's-maxage=600', 'Expires': 60}, 60),
    Expected('5.2.2.2', {'Cache-Control': 'max-age=60, must-revalidate'}, 60),
    # nothing is said
    Expected('4.2.2', {}, None),
    Expected('4.2.2', {'Cache-Control': 'public'}, None),
    Expected('4.2.2', {'Cache-Control': ''}, None),
    Expected('4.2.2', {'Date': 0}, None),
    Expected('4.2.2', {'Age': '5'}, None),
    Expected('4.2.2', TAG, 0, (ETAG,)),
    Expected('4.2.2', LAST, 0, (MODIFIED,)),
    # how old it is when it comes
    Expected('4.2.3', {**MINUTE, 'Age': '50'}, 10),
    Expected('4.2.3', {**MINUTE, 'Age': '0'}, 60),
    Expected('4.2.3', {**MINUTE, 'Age': '60'}, None),
    Expected('4.2.3', {**MINUTE, 'Age': '90'}, None),
    Expected('4.2.3', {**MINUTE, **TAG, 'Age': '90'}, 0, (ETAG,)),
    Expected('4.2.3', {'Expires': 60, 'Age': '50'}, 10),
    Expected('5.1', {**MINUTE, 'Age': 'old'}, 60),
    Expected('5.1', {**MINUTE, 'Age': '-50'}, 60),
    Expected('5.1', {**MINUTE, 'Age': ''}, 60),
    Expected('5.1', {**MINUTE, 'Age': '50, 20'}, 10),
    # a server whose clock is wrong
    Expected('4.2.1', {'Expires': HOUR + 60, 'Date': HOUR}, 60),
    Expected('4.2.1', {'Expires': -HOUR + 60, 'Date': -HOUR}, 60),
    Expected('4.2.1', {'Expires': HOUR - 60, 'Date': HOUR}, None),
    Expected('4.2.1', {**MINUTE, 'Date': HOUR}, 60),
    Expected('4.2.1', {**MINUTE, 'Date': -HOUR}, 60),
    Expected('4.2.1', {'Expires': 60, 'Date': 'yesterday'}, 60),
    # dates that are none, and old ones
    Expected('5.3', {'Expires': '0'}, None),
    Expected('5.3', {'Expires': '-1'}, None),
    Expected('5.3', {'Expires': ''}, None),
    Expected('5.3', {'Expires': 'in a minute'}, None),
    Expected('5.3', {'Expires': '0', **TAG}, 0, (ETAG,)),
    Expected('5.3', {'Expires': -60}, None),
    Expected('5.3', {'Expires': -60, **LAST}, 0, (MODIFIED,)),
    Expected('5.3', {'Expires': 'Thu, 01 Jan 1970 00:00:00 GMT'}, None),
    Expected('5.3', {'Expires': 'Sunday, 06-Nov-94 08:50:37 GMT', 'Date': 'Sun Nov  6 08:49:37 1994'}, 60),
    # only the three formats of RFC 9110 section 5.6.7 are dates
    *(
        Expected('5.3', {'Expires': date, 'Date': 'Sun, 06 Nov 1994 08:49:37 GMT', **TAG}, 0, (ETAG,))
        for date in (
            'Sun, 06 Nov 1994 08:50:37',
            'Sun, 06 Nov 1994 08:50:37 -0000',
            'Sun, 06 Nov 1994 08:50:37 +0000',
            'Sun, 06 Nov 1994 08:50:37 UTC',
            'Sun, 06 Nov 1994 08:50:37 EST',
            'Sun, 6 Nov 1994 08:50:37 GMT',
            'Sun, 06 Nov 94 08:50:37 GMT',
            'Sun, 06-Nov-1994 08:50:37 GMT',
            'Sunday, 06 Nov 1994 08:50:37 GMT',
            'Sun, 06 November 1994 08:50:37 GMT',
            'Sun 06 Nov 1994 08:50:37 GMT',
            'Sun,06 Nov 1994 08:50:37 GMT',
            'Sun, 06 Nov 1994 8:50:37 GMT',
            'Sun, 06 Nov 1994 08.50.37 GMT',
            'Sun, 06 Nov 1994 08:50 GMT',
            'Sun, 06 Nov 1994 24:50:37 GMT',
            'Sun, 06 Nov 1994 08:60:37 GMT',
            'Sun, 31 Feb 1994 08:50:37 GMT',
            '06 Nov 1994 08:50:37 GMT',
            '1994-11-06T08:50:37Z',
            '784111837',
        )
    ),
    # commas within quotes (RFC 9110 section 5.6.4), lists with gaps, and what else a server writes
    Expected('5.2', {'Cache-Control': 'foo="a, max-age=600", max-age=60'}, 60),
    Expected('5.2', {'Cache-Control': 'foo="no-store", max-age=60'}, 60),
    Expected('5.2', {'Cache-Control': 'foo="a\\", no-store, ", max-age=60'}, 60),
    Expected('5.2', {'Cache-Control': ', ,max-age=60,, '}, 60),
    Expected('5.2', {'Cache-Control': 'max-age="60"'}, 60),
    Expected('5.2.2.3', {'Cache-Control': 'no-store, must-understand, max-age=60'}, 60),
    Expected('5.2.2.3', {'Cache-Control': 'must-understand, max-age=60'}, 60),
    Expected('5.3', {'Expires': 'Fri, 31 Dec 9999 23:59:59 GMT'}, 2**31),
    # max-age that makes no sense counts as over, whatever Expires says
    Expected('4.2.1', {'Cache-Control': 'max-age=soon'}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age=soon', 'Expires': 60}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age=-60'}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age=60.5'}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age=1e3'}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age='}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age'}, None),
    Expected('4.2.1', {'Cache-Control': 'max-age=-60', **TAG}, 0, (ETAG,)),
    Expected('5.2.2.1', {'Cache-Control': 'max-age="60"'}, 60),
    Expected('4.2.1', {'Cache-Control': 'max-age=60, max-age=600'}, 60),
    Expected('4.2.1', {'Cache-Control': 'max-age=600, max-age=60'}, 600),
    Expected('5.2.2.1', {'Cache-Control': 'max-age=0'}, None),
    Expected('5.2.2.1', {'Cache-Control': 'max-age=0', **TAG}, 0, (ETAG,)),
    Expected('1.2.2', {'Cache-Control': 'max-age=' + '9' * 30}, 2**31),
    # what may not be kept, or not be used without asking
    Expected('5.2.2.5', {'Cache-Control': 'no-store'}, None),
    Expected('5.2.2.5', {'Cache-Control': 'no-store, max-age=60', **TAG}, None),
    Expected('5.2.2.5', {'Cache-Control': 'No-Store', **LAST}, None),
    Expected('5.2.2.4', {'Cache-Control': 'no-cache'}, None),
    Expected('5.2.2.4', {'Cache-Control': 'no-cache, max-age=60', **TAG}, 0, (ETAG,)),
    Expected('5.2.2.4', {'Cache-Control': 'no-cache="set-cookie", max-age=60', **LAST}, 0, (MODIFIED,)),
    Expected('4.1', {**MINUTE, **TAG, 'Vary': '*'}, None),
    Expected('4.1', {**MINUTE, 'Vary': 'Accept-Language, *'}, None),
    Expected('4.1', {**MINUTE, 'Vary': 'Accept-Encoding'}, 60),
    # how it is asked for
    Expected('4.3.1', {**MINUTE, **TAG}, 60, (ETAG,)),
    Expected('4.3.1', {**MINUTE, 'ETag': 'W/"weak"'}, 60, (ETAG,)),
    Expected('4.3.1', {**MINUTE, **LAST}, 60, (MODIFIED,)),
    Expected('4.3.1', {**MINUTE, **TAG, **LAST}, 60, (ETAG, MODIFIED)),
    Expected('4.3.1', {**MINUTE, 'ETag': ''}, 60),
]


class Renewal(NamedTuple):
    """A response that was revalidated `after` so many seconds, and a 304 with headers of its own. `fresh`: for how long
    it is fresh from then on. `headers_of_result`: some headers of what the caller gets; None: it is not there. Dates
    count from the moment of the 304."""

    section: str
    headers: Headers
    after: float
    news: Headers
    fresh: float
    headers_of_result: dict[str, str | None] = {}  # noqa: RUF012 (nobody changes it)


RENEWALS = [
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {}, 60, {'Cache-Control': 'max-age=60', 'ETag': '"x"'}),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'Cache-Control': 'max-age=120'}, 120, {'Cache-Control': 'max-age=120'}),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'Expires': 90}, 90, {'Cache-Control': None}),
    Renewal('4.3.4', {**TAG, 'Expires': -1}, 0, {'Cache-Control': 'max-age=9'}, 9, {'Expires': None}),
    Renewal('4.3.4', {**TAG, 'Expires': -1}, 0, {'Expires': 30}, 30),
    Renewal('4.3.4', {**TAG, 'Expires': -1}, 0, {}, 0),
    Renewal('4.3.4', {**TAG, 'Expires': 60, 'Date': 0}, 61, {}, 0, {'Date': None}),
    Renewal('4.3.4', {**TAG, 'Expires': 60, 'Date': 0}, 61, {'Date': 0}, 0),
    Renewal('4.3.4', {**TAG, 'Expires': 60, 'Date': 0}, 61, {'Expires': HOUR + 20, 'Date': HOUR}, 20),
    Renewal('4.3.4', TAG, 0, {}, 0),
    Renewal('4.3.4', LAST, 0, {}, 0, {'Last-Modified': LAST['Last-Modified']}),
    Renewal('4.3.4', {**TAG, **LAST}, 0, {**MINUTE}, 60),
    Renewal('4.3.4', {**TAG, **MINUTE, 'Age': '50'}, 11, {}, 60, {'Age': None}),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'Age': '50'}, 10, {'Age': '50'}),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'Cache-Control': 'no-cache'}, 0),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'Expires': '0'}, 0),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'ETag': '"y"'}, 60, {'ETag': '"y"'}),
    Renewal('4.3.4', {**TAG, **MINUTE}, 61, {'etag': '"y"'}, 60, {'ETag': '"y"'}),
    Renewal('3.2', {**TAG, **MINUTE, 'X-Pages': '3'}, 61, {'X-New': '1'}, 60, {'X-Pages': '3', 'X-New': '1'}),
    Renewal('3.2', {**TAG, **MINUTE, 'X-Pages': '3'}, 61, {'X-Pages': '4'}, 60, {'X-Pages': '4'}),
    Renewal('3.2', {**TAG, **MINUTE}, 61, {'Content-Type': 'text/html'}, 60, {'Content-Type': 'application/json'}),
    Renewal('3.2', {**TAG, **MINUTE}, 61, {'Content-Encoding': 'gzip'}, 60, {'Content-Encoding': None}),
    Renewal('3.2', {**TAG, **MINUTE}, 61, {'Warning': '299 - "old"'}, 60, {'Warning': '299 - "old"'}),
]


class Choice(NamedTuple):
    """`Vary`, what the request said that was answered, and one that may be answered with the same, or not."""

    section: str
    vary: str
    then: dict[str, str]
    now: dict[str, str]
    same: bool


DE, EN = {'Accept-Language': 'de'}, {'Accept-Language': 'en'}

CHOICES = [
    Choice('4.1', 'Accept-Language', DE, DE, True),
    Choice('4.1', 'Accept-Language', DE, EN, False),
    Choice('4.1', 'Accept-Language', DE, {'Accept-Language': ' De '}, True),
    Choice('4.1', 'Accept-Language', {'Accept-Language': 'fr,de;q=0.5'}, {'Accept-Language': 'FR ,  de;q=0.5'}, True),
    Choice('4.1', 'Accept-Language', {'Accept-Language': 'fr, de'}, {'Accept-Language': 'de, fr'}, False),
    Choice('4.1', 'X-Own', {'X-Own': 'a,b'}, {'X-Own': 'a, b'}, False),
    Choice('4.1', 'X-Own', {'X-Own': 'a'}, {'X-Own': 'A'}, False),
    Choice('4.1', 'Accept-Language', DE, {}, False),
    Choice('4.1', 'Accept-Language', {}, DE, False),
    Choice('4.1', 'Accept-Language', {}, {}, True),
    Choice('4.1', 'ACCEPT-language', DE, {'accept-LANGUAGE': 'de'}, True),
    Choice('4.1', 'Accept-Encoding, Accept-Language', DE, EN, False),
    Choice('4.1', 'Accept-Encoding', DE, {**DE, 'Accept-Encoding': 'br'}, True),
    Choice('4.1', 'X-Own', DE, {**DE, 'X-Own': '1'}, False),
    Choice('4.1', '', DE, {**DE, 'X-Own': '1'}, True),
]

#: Statuses with `max-age=600` and an entity tag, and for how many seconds they are returned without a request: server
#: errors for a minute. What depends on the token, on a rate limit or on a part of the body is not stored.
STATUSES = {
    **dict.fromkeys((200, 201, 203, 204, 299, 301, 302, 307, 308, 400, 404, 405, 410, 414, 422, 451, 499), 600),
    **dict.fromkeys((500, 501, 502, 503, 504, 599), 60),
    **dict.fromkeys((206, 304, 401, 403, 407, 408, 420, 421, 425, 429, 520), 0),
}

#: A status, what the response says, and whether it is stored.
STATUSES_THAT_SAY: list[tuple[int, dict[str, str], bool]] = [
    (404, {'Cache-Control': 'max-age=60'}, True),
    (404, {'Cache-Control': 'max-age=60, must-understand'}, True),
    (404, {'Cache-Control': 'no-store, must-understand, max-age=60'}, True),
    (204, {'Cache-Control': 'no-store, must-understand, max-age=60'}, True),
    (499, {'Cache-Control': 'max-age=60, must-understand'}, False),
    (599, {'Cache-Control': 'max-age=60, must-understand'}, False),
    (299, {'Cache-Control': 'no-store, must-understand, max-age=60'}, False),
    (206, {'Cache-Control': 'no-store, must-understand, max-age=60'}, False),
    (404, {'Cache-Control': 'no-store, max-age=60'}, False),
    (404, {'Cache-Control': 'no-cache, max-age=60'}, False),
    (404, {'Cache-Control': 'max-age=0'}, False),
    (404, {'Cache-Control': 'max-age=60', 'Age': '60'}, False),
    (404, {'Cache-Control': 'max-age=60', 'Vary': '*'}, False),
    (404, {'Cache-Control': 'stale-if-error=60'}, False),
    (404, TAG, False),
    (404, LAST, False),
    (410, {}, False),
    (503, {**TAG, 'Expires': '0'}, False),
    (503, {'Retry-After': '60'}, False),
]

NOON = 'Sun, 06 Nov 1994 12:00:00 GMT'
ONE = 'Sun, 06 Nov 1994 13:00:00 GMT'

#: A stored response, the conditions of a request, and whether that is answered with 304 (section 4.3.2).
CONDITIONS: list[tuple[dict[str, str], dict[str, str], bool]] = [
    ({'ETag': '"a"'}, {'If-None-Match': '"a"'}, True),
    ({'ETag': '"a"'}, {'if-none-match': '"a"'}, True),
    ({'ETag': '"a"'}, {'If-None-Match': '"b"'}, False),
    ({'ETag': '"a"'}, {'If-None-Match': '"A"'}, False),
    ({'ETag': 'W/"a"'}, {'If-None-Match': '"a"'}, True),
    ({'ETag': '"a"'}, {'If-None-Match': 'W/"a"'}, True),
    ({'ETag': '"a"'}, {'If-None-Match': '"b", W/"c" ,"a"'}, True),
    ({'ETag': '"a"'}, {'If-None-Match': '"b","c"'}, False),
    ({'ETag': '"b,a"'}, {'If-None-Match': '"b,a"'}, True),
    ({'ETag': '"a"'}, {'If-None-Match': '"b,a"'}, False),
    ({'ETag': 'a'}, {'If-None-Match': 'a'}, True),
    ({'ETag': 'a'}, {'If-None-Match': '"a"'}, False),
    ({'ETag': '"a"'}, {'If-None-Match': '*'}, True),
    ({}, {'If-None-Match': '*'}, True),
    ({}, {'If-None-Match': '"a"'}, False),
    ({'ETag': ''}, {'If-None-Match': '"a"'}, False),
    ({'ETag': '"a"', 'Last-Modified': NOON}, {'If-None-Match': '"b"', 'If-Modified-Since': NOON}, False),
    ({'ETag': '"a"', 'Last-Modified': ONE}, {'If-None-Match': '"a"', 'If-Modified-Since': NOON}, True),
    ({'Last-Modified': NOON}, {'If-Modified-Since': NOON}, True),
    ({'Last-Modified': NOON}, {'If-Modified-Since': ONE}, True),
    ({'Last-Modified': ONE}, {'If-Modified-Since': NOON}, False),
    ({'Last-Modified': NOON}, {'If-Modified-Since': 'Sunday, 06-Nov-94 12:00:00 GMT'}, True),
    ({'Last-Modified': NOON}, {'If-Modified-Since': 'noon'}, False),
    ({'Date': NOON}, {'If-Modified-Since': ONE}, True),
    ({'Date': ONE}, {'If-Modified-Since': NOON}, False),
    ({'Last-Modified': ONE, 'Date': NOON}, {'If-Modified-Since': NOON}, False),
    ({}, {'If-Modified-Since': NOON}, False),
]

#: A stored response, a 304 to a request with conditions of its own, and whether that 304 is about it (section 4.3.4).
IDENTIFIED: list[tuple[dict[str, str], dict[str, str], bool]] = [
    ({'ETag': '"a"'}, {'ETag': '"a"'}, True),
    ({'ETag': '"a"'}, {'etag': 'W/"a"'}, True),
    ({'ETag': '"a"'}, {'ETag': '"b"'}, False),
    ({'ETag': '"a"', 'Last-Modified': NOON}, {'ETag': '"b"', 'Last-Modified': NOON}, False),
    ({'Last-Modified': NOON}, {'Last-Modified': NOON}, True),
    ({'Last-Modified': NOON}, {'Last-Modified': ONE}, False),
    ({'Last-Modified': NOON}, {'ETag': '"a"'}, False),
    ({'ETag': '"a"', 'Last-Modified': NOON}, {}, False),
]


class Sequence(NamedTuple):
    """Calls of one address, and which of them are sent. A status in a call's place is what the server answers from
    then on. 'other' asks the same path with another query; 'mine' and 'yours' are of two characters."""

    section: str
    steps: list[str | int]
    sent: list[str]


SEQUENCES = [
    Sequence('4', ['get', 'get'], ['get']),
    Sequence('3', ['head', 'get', 'get'], ['head', 'get']),
    Sequence('4', ['get', 'head', 'get'], ['get', 'head']),
    Sequence('3', ['head', 'head'], ['head', 'head']),
    Sequence('4', ['get', 'put', 'put'], ['get', 'put', 'put']),
    Sequence('4.4', ['get', 'put', 'get', 'get'], ['get', 'put', 'get']),
    Sequence('4.4', ['get', 'post', 'get', 'get'], ['get', 'post', 'get']),
    Sequence('4.4', ['get', 'delete', 'get', 'get'], ['get', 'delete', 'get']),
    Sequence('4.4', ['get', 204, 'delete', 200, 'get', 'get'], ['get', 'delete', 'get']),
    Sequence('4.4', ['get', 400, 'put', 200, 'get'], ['get', 'put']),
    Sequence('4.4', ['get', 500, 'delete', 200, 'get'], ['get', 'delete']),
    Sequence('4.4', ['get', 'other', 'put', 'other', 'get'], ['get', 'other', 'put', 'get']),
    Sequence('4.4', ['mine', 'yours', 'write mine', 'yours', 'mine'], ['mine', 'yours', 'write mine', 'mine']),
    Sequence('3', ['put', 'get', 'get'], ['put', 'get']),
    Sequence('3', [500, 'get', 'get'], ['get']),
    Sequence('3', [404, 'get', 'get'], ['get']),
    Sequence('3', [403, 'get', 'get'], ['get', 'get']),
    Sequence('3', [404, 'mine', 'yours', 'mine'], ['mine', 'yours']),
    Sequence('4', [404, 'get', 'other', 'get'], ['get', 'other']),
    Sequence('4.4', [404, 'get', 200, 'put', 'get', 'get'], ['get', 'put', 'get']),
    Sequence('4.3.5', [404, 'get', 200, 'head', 'get', 'get'], ['get', 'head', 'get']),
]
