"""The rules of RFC 9111, as pure functions: headers and the time in, a decision out."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from esipy._cache import policy
from esipy._message.headers import EXPIRY, OURS, RECEIVED

NOW = 1_800_000_000.0


def http(seconds: float) -> str:
    return formatdate(NOW + seconds, usegmt=True)


@pytest.mark.parametrize(
    ('headers', 'seconds'),
    [
        ({}, None),
        ({'cache-control': ''}, None),
        ({'cache-control': 'public'}, None),
        ({'cache-control': 'max-age=5'}, 5),
        ({'cache-control': 'MAX-AGE = 5'}, 5),
        ({'cache-control': 'max-age=5, max-age=9'}, 5),
        ({'cache-control': 'private, max-age="5"', 'age': '2'}, 3),
        ({'cache-control': 'max-age=5', 'age': '9'}, -4),
        ({'cache-control': 'max-age=5', 'age': '-9'}, 5),
        ({'cache-control': 'no-cache, max-age=5'}, 0),
        ({'cache-control': 'max-age=5', 'expires': http(100)}, 5),
        ({'cache-control': 's-maxage=5', 'expires': http(100)}, 100),
        ({'cache-control': 'max-age=1e3'}, 0),
        ({'expires': http(7)}, 7),
        ({'expires': http(7), 'date': http(-3)}, 10),
        ({'expires': http(7), 'date': 'rubbish'}, 7),
        ({'expires': 'rubbish'}, 0),
        ({'expires': '-1'}, 0),
        ({'expires': ''}, 0),
        ({'expires': http(-7)}, -7),
        ({'expires': 'Sunday, 06-Nov-94 08:49:37 GMT'}, 784111777 - NOW),
    ],
)
def test_lifetime(headers: dict[str, str], seconds: float | None) -> None:
    assert policy.lifetime(headers, NOW) == seconds


@pytest.mark.parametrize(
    ('status', 'headers', 'stored'),
    [
        (200, {}, False),
        (200, {'Cache-Control': 'max-age=5'}, True),
        (200, {'cache-control': 'max-age=0'}, False),
        (200, {'ETAG': '"x"'}, True),
        (200, {'last-modified': http(-5)}, True),
        (200, {'ETag': '"x"', 'Cache-Control': 'no-store'}, False),
        (200, {'ETag': '"x"', 'Vary': '*'}, False),
        (200, {'ETag': '"x"', 'Vary': 'Accept, *'}, False),
        (200, {'Expires': http(-5)}, False),
        (200, {'Expires': http(5)}, True),
        (203, {'Cache-Control': 'max-age=5'}, True),
        (203, {'ETag': '"x"'}, False),
        (500, {'Cache-Control': 'max-age=5'}, True),
        (429, {'Cache-Control': 'max-age=5'}, False),
    ],
)
def test_what_is_stored(status: int, headers: dict[str, str], stored: bool) -> None:
    assert (policy.stored_headers(status, headers, {}, NOW) is not None) is stored


def test_the_notes_on_a_stored_response() -> None:
    notes = policy.stored_headers(200, {'Cache-Control': 'max-age=5'}, {}, NOW)
    assert notes is not None
    assert (float(notes[RECEIVED]), float(notes[EXPIRY])) == (NOW, NOW + 5)
    assert policy.is_fresh(notes, NOW + 4.9)
    assert not policy.is_fresh(notes, NOW + 5)
    assert {name for name in notes if not name.startswith(OURS)} == {'Cache-Control'}
    assert policy.ttl(notes, NOW) == 5
    for lost in ({}, {EXPIRY: 'soon'}, {EXPIRY: ''}):
        assert not policy.is_fresh(lost, NOW)


def test_a_stored_response_cannot_bring_notes_of_its_own() -> None:
    notes = policy.stored_headers(200, {EXPIRY: '9e99', 'ETag': '"x"'}, {}, NOW)
    assert notes is not None
    assert not policy.is_fresh(notes, NOW + 1)


def test_how_long_a_store_keeps_it() -> None:
    notes = policy.stored_headers(200, {'Cache-Control': 'max-age=60', 'ETag': '"x"'}, {}, NOW)
    assert notes is not None
    assert policy.ttl(notes, NOW) == 60 + 7 * 86400
    assert policy.ttl(notes, NOW, keep_stale=10) == 70
    assert policy.ttl(notes, NOW + 1000, keep_stale=0) == 1


def test_merging_after_a_304() -> None:
    old = {
        'ETag': '"1"',
        'Expires': http(0),
        'Date': http(-60),
        'Age': '5',
        'X-Pages': '3',
        'content-type': 'application/json',
    }
    merged = policy.merged(
        old, {'etag': '"2"', 'Cache-Control': 'max-age=9', 'Content-Length': '0', 'Content-Type': 'x'}
    )
    assert merged == {
        'etag': '"2"',
        'Cache-Control': 'max-age=9',
        'X-Pages': '3',
        'content-type': 'application/json',
    }
    assert policy.merged({'Cache-Control': 'max-age=9'}, {}) == {'Cache-Control': 'max-age=9'}


def test_vary() -> None:
    notes = policy.stored_headers(200, {'ETag': '"x"', 'Vary': 'Accept-Language'}, {'Accept-Language': 'de'}, NOW)
    assert notes is not None
    assert policy.matches(notes, {'accept-language': 'de'})
    assert not policy.matches(notes, {'Accept-Language': 'en'})
    assert not policy.matches(notes, {})
