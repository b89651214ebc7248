"""Responses as esipy makes them, beside those of requests: nothing that a hook of an app may read is missing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from esipy import EsiClient
from esipy._http.connection import Adapter
from esipy._http.requests_internals import ReceivedResponse
from tests.servers import Server, Visit

HEADERS = {
    'nothing': b'',
    'cookies': b'Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n',
    'encoding': b'Content-Type: text/plain; charset=latin-1\r\n',
    'JSON': b'Content-Type: application/json\r\n',
    'the same name twice': b'X-A: 1\r\nx-a: 2\r\nVary: Accept\r\nVary: Accept-Language\r\n',
}

#: What `requests.Response` has, but for the time it took, what it was asked for, and connections.
READ: dict[str, Callable[[requests.Response], Any]] = {
    'headers': lambda response: list(response.headers.items()),
    'cookies': lambda response: response.cookies.get_dict(),
    'encoding': lambda response: response.encoding,
    'text': lambda response: response.text,
    'status': lambda response: (response.status_code, response.reason, response.ok, response.is_redirect),
    'url': lambda response: (response.url, response.history, response.links, response.next),
    'pickled': lambda response: pickle.loads(pickle.dumps(response)).text,
}


def _sends(headers: bytes) -> Callable[[Visit], None]:
    return lambda visit: visit.send(b'HTTP/1.1 200 Fine\r\n' + headers + b'Content-Length: 2\r\n\r\nab')


@pytest.fixture(params=list(HEADERS.values()), ids=list(HEADERS), scope='module')
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[requests.Response, requests.Response]]:
    with Server(_sends(request.param)) as server:
        sessions = [requests.Session(), requests.Session()]
        for session, adapter in zip(sessions, (HTTPAdapter(), Adapter()), strict=True):
            session.mount('http://', adapter)
        ours, theirs = sessions[1].get(server.url), sessions[0].get(server.url)
        assert isinstance(ours, ReceivedResponse)
        yield ours, theirs
        for session in sessions:
            session.close()


@pytest.mark.parametrize('read', READ.values(), ids=READ)
def test_it_is_as_requests_makes_it(
    pair: tuple[requests.Response, requests.Response], read: Callable[[requests.Response], Any]
) -> None:
    ours, theirs = pair
    assert read(ours) == read(theirs)


def test_all_attributes_are_there(pair: tuple[requests.Response, requests.Response]) -> None:
    ours, theirs = pair
    assert [name for name in vars(theirs) if not hasattr(ours, name)] == []


def test_an_encoding_can_be_set(pair: tuple[requests.Response, requests.Response]) -> None:
    for response in pair:
        response.encoding = 'utf-16'
    ours, theirs = pair
    assert ours.text == theirs.text == b'ab'.decode('utf-16')


def test_what_a_tool_puts_in_its_place_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    genuine = HTTPAdapter.build_response

    def build(self: HTTPAdapter, req: Any, resp: Any) -> requests.Response:
        made.append(req.url)
        return genuine(self, req, resp)

    monkeypatch.setattr(HTTPAdapter, 'build_response', build)
    client = EsiClient(user_agent='tests', cache=None)
    with Server(_sends(b'')) as server:
        client._session.get(server.url)
    assert made == [f'{server.url}/']
    client.close()
