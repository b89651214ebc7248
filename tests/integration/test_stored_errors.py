"""Errors that say for how long they are fresh: they are stored, and raise what they raised when they arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from esipy import clock
from esipy.cache import BaseCache, DictCache, FileCache
from esipy.exceptions import APIException, ForbiddenError, NotFoundError, ServerError, UndecodableBodyError
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


class Changing(Server):
    """Responds with `status`, `body` and `headers`, whatever they are by then."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.status, self.body = 404, b'{"error": "no such thing"}'
        self.headers = {'Cache-Control': 'max-age=600'}

    def _page(self, visit: Visit) -> None:
        visit.send(response_bytes(self.body, self.status, self.headers))


@pytest.fixture
def server() -> Iterator[Changing]:
    with Changing() as running:
        yield running


@pytest.fixture(params=['DictCache', 'FileCache'])
def cache(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[BaseCache]:
    made = DictCache() if request.param == 'DictCache' else FileCache(tmp_path / 'cache')
    yield made
    if isinstance(made, FileCache):
        made.close()


@pytest.mark.parametrize(('status', 'kind'), [(404, NotFoundError), (410, APIException), (503, ServerError)])
def test_a_stored_error_is_the_same_error(
    server: Changing, cache: BaseCache, status: int, kind: type[APIException]
) -> None:
    server.status = status
    errors = []
    for _ in range(2):
        with client(cache=cache) as esi:
            assert esi.request(app_at(server.url).op['get_thing']()).status == status
            with pytest.raises(kind) as caught:
                esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
            errors.append(caught.value)
    assert len(server.visits) == 1
    first, second = errors
    assert (type(first), str(first), first.response) == (type(second), str(second), second.response)
    assert first.response == server.body


@pytest.mark.parametrize('cached', [False, True])
def test_a_body_that_is_not_json(server: Changing, cached: bool) -> None:
    """As the error of its status, and as an UndecodableBodyError: also if nobody had read it when it was stored."""
    server.body = b'<html>'
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        if cached:
            assert esi.request(call, raw_body_only=True).raw == b'<html>'
        for _ in range(2):
            with pytest.raises(UndecodableBodyError) as caught:
                esi.request(call)
            assert isinstance(caught.value, NotFoundError)
    assert len(server.visits) == (1 if cached else 2), 'what cannot be read is not stored'


def test_a_403_is_requested_again(server: Changing) -> None:
    server.status = 403
    with client() as esi:
        for _ in range(2):
            with pytest.raises(ForbiddenError):
                esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
    assert len(server.visits) == 2


@pytest.mark.parametrize(('status', 'replaces'), [(404, True), (410, True), (503, False), (500, False)])
def test_a_server_error_does_not_replace_a_good_response(server: Changing, status: int, replaces: bool) -> None:
    server.status, server.body, server.headers = 200, b'{"a": 1}', {'Cache-Control': 'max-age=60', 'ETag': '"x"'}
    with client(stale_if_error=600) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(70)
        server.status, server.headers = status, {'Cache-Control': 'max-age=600'}
        esi.request(call)
        asked = len(server.visits)
        last = esi.request(call)
        if replaces:
            assert (last.status, last.from_cache, len(server.visits)) == (status, True, asked)
        else:
            assert (last.status, last.stale, len(server.visits)) == (200, True, asked + 1)
            assert server.visits[-1].headers['if-none-match'] == '"x"'


def test_a_fresh_request_that_fails_leaves_what_is_stored(server: Changing) -> None:
    server.status, server.body = 200, b'{"a": 1}'
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        server.status = 503
        call[0]._p['header']['Cache-Control'] = 'no-cache'
        assert esi.request(call).status == 503
        del call[0]._p['header']['Cache-Control']
        assert (esi.request(call).status, esi.request(call).from_cache) == (200, True)


def test_retries_come_before_what_is_stored(server: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)
    server.status = 500
    with client(retry_requests=True, retries=3) as esi:
        call = app_at(server.url).op['get_thing']()
        assert (esi.request(call).attempts, len(server.visits)) == (3, 3)
        assert (esi.request(call).from_cache, len(server.visits)) == (True, 3)
        clock.move(61)
        server.status = 200
        assert esi.request(call).ok


def test_no_directive_of_a_request_revalidates_an_error(server: Changing) -> None:
    server.headers['ETag'] = '"x"'
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        call[0]._p['header']['Cache-Control'] = 'max-age=0'
        assert not esi.request(call).from_cache
    assert 'if-none-match' not in server.visits[1].headers
