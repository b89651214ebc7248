"""What headers say of limits: (what it is about, headers, what is understood, how many of them make no sense)."""

from __future__ import annotations

from typing import Any

from esipy._limits.headers import RateLimitHeaders
from esipy._limits.ledger import Rule

#: No header says anything.
NOTHING = RateLimitHeaders()

BUCKET = {
    'X-Ratelimit-Group': 'g',
    'X-Ratelimit-Limit': '150/15m',
    'X-Ratelimit-Remaining': '148',
    'X-Ratelimit-Used': '2',
}
_PARSED = NOTHING._replace(group='g', rule=Rule(150, 900.0), remaining=148)
_UNKNOWN = _PARSED._replace(remaining=None)

HEADERS: list[tuple[str, dict[str, str], Any, int]] = [
    ('nothing', {}, NOTHING, 0),
    ('a bucket', BUCKET, _PARSED, 0),
    ('in lower case', {name.lower(): value for name, value in BUCKET.items()}, _PARSED, 0),
    ('sent twice', {name: f'{value}, {value}' for name, value in BUCKET.items()}, _PARSED, 0),
    ('sent twice, differently', {**BUCKET, 'X-Ratelimit-Remaining': '148, 147'}, _UNKNOWN, 1),
    ('Retry-After sent twice', {'Retry-After': '7,7'}, NOTHING._replace(retry_after=7.0), 0),
    ('Retry-After sent twice, differently', {'Retry-After': '7, 8'}, NOTHING, 1),
    (
        'the error limit sent twice',
        {'X-ESI-Error-Limit-Remain': '50, 50', 'X-ESI-Error-Limit-Reset': '9, 9, 9'},
        NOTHING._replace(errors_left=50, errors_reset=9.0),
        0,
    ),
    ('a bucket that is empty', {**BUCKET, 'X-Ratelimit-Remaining': '0'}, _PARSED._replace(remaining=0), 0),
    (
        'overdrawn',
        {**BUCKET, 'X-Ratelimit-Remaining': '0', 'X-Ratelimit-Used': '153'},
        _PARSED._replace(remaining=0),
        0,
    ),
    (
        'Used in the window',
        {**BUCKET, 'X-Ratelimit-Remaining': '50', 'X-Ratelimit-Used': '100'},
        _PARSED._replace(remaining=50),
        0,
    ),
    ('without Used', {name: BUCKET[name] for name in list(BUCKET)[:3]}, _PARSED, 0),
    ('more left than there is', {**BUCKET, 'X-Ratelimit-Remaining': '151', 'X-Ratelimit-Used': '0'}, _UNKNOWN, 1),
    ('more used and left than there is', {**BUCKET, 'X-Ratelimit-Used': '100'}, _UNKNOWN, 1),
    ('negative', {**BUCKET, 'X-Ratelimit-Remaining': '-1'}, _UNKNOWN, 1),
    ('huge', {**BUCKET, 'X-Ratelimit-Remaining': '9' * 5000}, _UNKNOWN, 1),
    ('words', {**BUCKET, 'X-Ratelimit-Remaining': 'many'}, _UNKNOWN, 1),
    ('other digits', {**BUCKET, 'X-Ratelimit-Remaining': '\u0661'}, _UNKNOWN, 1),
    ('a number as Python writes it', {**BUCKET, 'X-Ratelimit-Remaining': '1_0'}, _UNKNOWN, 1),
    ('no window', {**BUCKET, 'X-Ratelimit-Limit': '150'}, NOTHING._replace(group='g'), 1),
    ('a window of nothing', {**BUCKET, 'X-Ratelimit-Limit': '150/0s'}, NOTHING._replace(group='g'), 1),
    ('a bucket of nothing', {**BUCKET, 'X-Ratelimit-Limit': '0/15m'}, NOTHING._replace(group='g'), 1),
    ('a window of years', {**BUCKET, 'X-Ratelimit-Limit': '150/999d'}, NOTHING._replace(group='g'), 1),
    ('a negative limit', {**BUCKET, 'X-Ratelimit-Limit': '-150/15m'}, NOTHING._replace(group='g'), 1),
    (
        'the error limit',
        {'X-ESI-Error-Limit-Remain': '87', 'X-ESI-Error-Limit-Reset': '12'},
        NOTHING._replace(errors_left=87, errors_reset=12.0),
        0,
    ),
    ('more errors than there are', {'X-ESI-Error-Limit-Remain': '101', 'X-ESI-Error-Limit-Reset': '12'}, NOTHING, 1),
    ('a minute without end', {'X-ESI-Error-Limit-Remain': '10', 'X-ESI-Error-Limit-Reset': '99999999'}, NOTHING, 1),
    ('a window of errors that ended', {'X-ESI-Error-Limit-Reset': '-3'}, NOTHING, 1),
    ('away for seconds', {'Retry-After': '30'}, NOTHING._replace(retry_after=30.0), 0),
    ('away for ever', {'Retry-After': '9' * 30}, NOTHING._replace(retry_after=86400.0), 0),
    ('away, who knows', {'Retry-After': 'soon'}, NOTHING, 1),
    ('a date', {'Retry-After': 'Sun, 06 Nov 1994 08:50:37 GMT'}, NOTHING._replace(retry_after=60.0), 0),
    ('a date of the past', {'Retry-After': 'Sun, 06 Nov 1994 08:00:00 GMT'}, NOTHING._replace(retry_after=0.0), 0),
    (
        'a date by a clock that is an hour ahead',
        {'Retry-After': 'Sun, 06 Nov 1994 09:50:37 GMT', 'Date': 'Sun, 06 Nov 1994 09:49:37 GMT'},
        NOTHING._replace(retry_after=60.0),
        0,
    ),
    ('a bucket that refuses', {**BUCKET, 'Retry-After': '7'}, _PARSED._replace(retry_after=7.0), 0),
]

#: 1994-11-06 08:49:37 UTC, the example of RFC 9110 section 5.6.7.
NOW = 784111777.0
