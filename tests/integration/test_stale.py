"""`stale_if_error`: the last good response while the server is down, marked, for so long and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from esipy import clock
from esipy.cache import BaseCache, DictCache
from esipy.exceptions import UndecodableBodyError
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, unused_url

HOUR = 3600


class Failing(Server):
    """Good answers, until it is given a `fault`."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.headers: dict[str, str] = {'Cache-Control': 'max-age=60', 'ETag': '"x"'}
        self.fault: Any = None

    def _page(self, visit: Visit) -> None:
        if self.fault is not None:
            self.fault(visit)
        else:
            content = {'visit': visit.number, 'owner': visit.headers.get('authorization')}
            visit.send(response_bytes(content, headers=self.headers))


@pytest.fixture
def server() -> Iterator[Failing]:
    with Failing() as running:
        yield running


def status(code: int, body: Any = b'{"error": "down"}', **headers: str) -> Any:
    return lambda visit: visit.send(response_bytes(body, code, headers))


DOWN = {
    '500': status(500),
    '502 as a page': status(502, b'<html>Bad gateway</html>', **{'Content-Type': 'text/html'}),
    '503': status(503, **{'Cache-Control': 'max-age=60', 'ETag': '"error"'}),
    '504 without a body': status(504, b''),
    '520': status(520),
    '420': status(420),
    'reset': Visit.reset,
    'closed': Visit.close,
    'cut short': lambda visit: (visit.send(response_bytes({'a': 1}, length=1000)), visit.close()),
}


@pytest.mark.parametrize('fault', DOWN.values(), ids=DOWN.keys())
def test_the_last_good_response_while_the_server_is_down(server: Failing, fault: Any) -> None:
    with client(stale_if_error=HOUR) as esi:
        call = app_at(server.url).op['get_thing']()
        assert not esi.request(call).stale
        server.fault = fault
        clock.move(61)
        response = esi.request(call, raise_on_error=True)
        assert (response.status, response.data.visit) == (200, 0)
        assert response.stale
        assert (response.from_cache, response.not_modified, response.failed) == (False, False, False)
        assert response.attempts == 1
        assert response.age >= 61
        # By a kept connection first, if that is what was closed.
        assert len(server.visits) == (3 if fault in (Visit.reset, Visit.close) else 2), 'the server is asked each time'
        clock.move(HOUR - 10)
        assert esi.request(call).stale
        clock.move(20)
        assert not esi.request(call, raw_body_only=True).stale, 'not for longer'
        server.fault = None
        good = esi.request(call)
        assert (good.ok, good.stale) == (True, False)


def test_nothing_listens() -> None:
    cache = DictCache()
    with Failing() as server, client(cache=cache) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
    with client(cache=cache, stale_if_error=HOUR) as esi:
        clock.move(61)
        assert esi.request(call).stale
        other = app_at(unused_url()).op['get_thing']()
        assert esi.request(other).failed, 'of another server nothing is kept'


def test_without_the_option_the_error_is_reported(server: Failing) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        server.fault = status(503)
        clock.move(61)
        assert (esi.request(call).status, esi.request(call).stale) == (503, False)


@pytest.mark.parametrize('code', [400, 401, 403, 404, 422, 429])
def test_what_the_server_refuses_is_refused(server: Failing, code: int) -> None:
    with client(stale_if_error=HOUR) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        server.fault = status(code)
        clock.move(61)
        response = esi.request(call)
        assert (response.status, response.stale) == (code, False)


@pytest.mark.parametrize('name', ['put_thing', 'delete_thing'])
def test_writes_fail_as_they_do(server: Failing, name: str) -> None:
    with client(stale_if_error=HOUR) as esi:
        op = app_at(server.url).op
        esi.request(op['get_thing']())
        server.fault = status(503)
        clock.move(61)
        write = esi.request(op[name]() if name == 'delete_thing' else op[name](body={}))
        assert (write.status, write.stale) == (503, False)
        assert esi.head(op['get_thing']()).status == 503
        assert esi.request(op['get_thing']()).stale, 'a write that failed leaves it there'


def test_another_attempt_comes_first(server: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)
    with client(stale_if_error=HOUR, retry_requests=True, retries=3) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(61)
        server.fault = status(503)
        response = esi.request(call)
        assert (response.stale, response.attempts, len(server.visits)) == (True, 3, 4)

        def once(visit: Visit) -> None:
            server.fault = None
            visit.send(response_bytes({}, 503))

        server.fault = once
        response = esi.request(call)
        assert (response.stale, response.attempts, response.data.visit) == (False, 2, 5)


@pytest.mark.parametrize('headers', [{'Cache-Control': 'max-age=60'}, {'ETag': '"x"'}, {}], ids=repr)
def test_it_is_returned_whatever_its_own_headers_said(server: Failing, headers: dict[str, str]) -> None:
    """Without a validator, and without a word on freshness, it is of no use but for this."""
    server.headers = headers
    with client(stale_if_error=HOUR) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        server.fault = status(503)
        clock.move(61)
        assert esi.request(call).stale


@pytest.mark.parametrize('control', ['no-store', 'no-cache', 'max-age=60, must-revalidate'])
def test_not_where_the_server_forbids_it(server: Failing, control: str) -> None:
    server.headers = {'Cache-Control': control, 'ETag': '"x"'}
    with client(stale_if_error=HOUR) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        server.fault = status(503)
        clock.move(61)
        assert (esi.request(call).stale, esi.request(call).status) == (False, 503)


def test_only_ones_own(server: Failing) -> None:
    cache = DictCache()
    with client(stale_if_error=HOUR, cache=cache) as esi:
        call = app_at(server.url).op['get_mine']()
        esi.request(call, security=security('alice'))
        server.fault = status(503)
        clock.move(61)
        assert esi.request(call, security=security('bob')).status == 503
        assert esi.request(call, security=security('alice')).data.owner == 'Bearer alice'


class Noting(BaseCache):
    """Remembers for how long it was asked to keep things."""

    def __init__(self) -> None:
        self.seconds: list[Any] = []

    def set(self, key: Any, value: Any, expire: Any = 300) -> None:
        self.seconds.append(expire)

    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def invalidate(self, key: Any) -> None:
        pass


@pytest.mark.parametrize(
    ('headers', 'options', 'seconds'),
    [
        ({'Cache-Control': 'max-age=60'}, {}, 60),
        ({'Cache-Control': 'max-age=60'}, {'stale_if_error': HOUR}, 60 + HOUR),
        ({'Cache-Control': 'max-age=60', 'ETag': '"x"'}, {'stale_if_error': HOUR}, 60 + 7 * 86400),
        ({'Cache-Control': 'max-age=60', 'ETag': '"x"'}, {'stale_if_error': HOUR, 'keep_stale': 5}, 60 + HOUR),
        ({'ETag': '"x"'}, {'stale_if_error': 30 * 86400}, 30 * 86400),
        ({}, {'stale_if_error': HOUR}, HOUR),
    ],
)
def test_a_store_keeps_it_long_enough(server: Failing, headers: Any, options: Any, seconds: int) -> None:
    server.headers = headers
    cache = Noting()
    with client(cache=cache, **options) as esi:
        esi.request(app_at(server.url).op['get_thing']())
    assert cache.seconds == [seconds]


def test_a_body_that_nobody_had_read(server: Failing) -> None:
    server.fault = lambda visit: visit.send(response_bytes(b'<html>', headers=server.headers))
    with client(stale_if_error=HOUR) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call, raw_body_only=True)
        server.fault = status(503)
        clock.move(61)
        assert esi.request(call, raw_body_only=True).raw == b'<html>'
        with pytest.raises(UndecodableBodyError):
            esi.request(call)
