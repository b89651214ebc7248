"""Calls with conditions of their own (`If-None-Match`, `If-Modified-Since`), over a socket: RFC 9111 section 4.3.2."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import clock
from esipy.service import ServiceClient
from tests.cases.freshness import CONDITIONS
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


class Versioned(Server):
    """A thing with an ETag, which answers 304 to a request that has it already."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.tag = '"1"'
        self.headers = {'Cache-Control': 'max-age=60'}
        self.more: dict[str, str] | None = None

    def _page(self, visit: Visit) -> None:
        headers = {**self.headers, 'ETag': self.tag} if self.more is None else {**self.headers, **self.more}
        if visit.headers.get('if-none-match') == self.tag:
            visit.send(response_bytes(b'', 304, headers, length=-1))
        else:
            visit.send(response_bytes({'visit': visit.number}, headers=headers))


@pytest.fixture
def server() -> Iterator[Versioned]:
    with Versioned() as running:
        yield running


def call_at(server: Server, **conditions: str) -> Any:
    call = app_at(server.url).op['get_thing']()
    call[0]._p['header'].update({name.replace('_', '-'): value for name, value in conditions.items()})
    return call


@pytest.mark.parametrize(('headers', 'sent', 'unchanged'), CONDITIONS)
def test_a_fresh_response_is_returned_for_them(
    server: Versioned, headers: dict[str, str], sent: dict[str, str], unchanged: bool
) -> None:
    server.more = headers
    with client() as esi:
        esi.request(call_at(server))
        response = esi.request(call_at(server, **sent))
        assert (response.from_cache, response.not_modified) == (True, unchanged)
        assert (response.status, response.raw) == ((304, b'') if unchanged else (200, b'{"visit": 0}'))
        assert response.ok
        if unchanged:
            assert response.headers.get('ETag') == headers.get('ETag'), 'RFC 9110 section 15.4.5'
    assert len(server.visits) == 1


def test_a_service_with_headers_of_a_call(server: Versioned) -> None:
    table = {'thing': {'path': '/thing'}}
    with ServiceClient(spec=table, base_path=server.url) as service:
        tag = service.call('thing').headers['ETag']
        assert service.call('thing', headers={'If-None-Match': tag}).status == 304
        assert service.call('thing', headers={'If-None-Match': '"other"'}).status == 200
    assert len(server.visits) == 1


def test_a_response_that_it_gets_is_stored_for_all(server: Versioned) -> None:
    with client() as esi:
        assert not esi.request(call_at(server, If_None_Match='"0"')).from_cache
        assert esi.request(call_at(server)).from_cache


def test_a_stale_response_is_revalidated_with_the_conditions_of_the_call(server: Versioned) -> None:
    with client() as esi:
        esi.request(call_at(server))
        clock.move(70)
        unchanged = esi.request(call_at(server, If_None_Match='"1"'))
        assert (unchanged.status, unchanged.from_cache, unchanged.not_modified) == (304, False, True)
        assert server.visits[1].headers['if-none-match'] == '"1"'
        # RFC 9111 section 4.3.4: the 304 is about the stored response, which is fresh again.
        again = esi.request(call_at(server))
        assert (again.from_cache, again.data.visit) == (True, 0)
        clock.move(70)
        server.tag = '"2"'
        assert esi.request(call_at(server, If_None_Match='"1"')).data.visit == 2
        assert esi.request(call_at(server)).data.visit == 2
    assert len(server.visits) == 3


def test_a_304_about_another_version_leaves_the_stored_one(server: Versioned) -> None:
    with client() as esi:
        esi.request(call_at(server))
        clock.move(70)
        server.tag = '"2"'
        assert esi.request(call_at(server, If_None_Match='"2"')).status == 304
        plain = esi.request(call_at(server))
        assert (plain.from_cache, plain.data.visit) == (False, 2)


def test_calls_with_other_conditions_at_the_same_time_share_no_request(server: Versioned) -> None:
    """One of them gets a 304, which is nothing that the other one could use."""
    arrived, go = threading.Event(), threading.Event()

    def page(visit: Visit) -> None:
        if visit.number == 0:
            arrived.set()
            go.wait(20)
        server._page(visit)

    found = []
    with Server(page) as slow, client(cache=None) as esi:
        thread = threading.Thread(target=lambda: found.append(esi.request(call_at(slow, If_None_Match='"1"'))))
        thread.start()
        assert arrived.wait(20)
        try:
            assert esi.request(call_at(slow)).status == 200
        finally:
            go.set()
            thread.join()
    assert [response.status for response in found] == [304]
