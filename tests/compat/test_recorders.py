"""VCR.py records what esipy sends, and replays it when the server is gone. It replaces urllib3's connection classes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import vcr
from requests.adapters import HTTPAdapter

from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, gzipped, response_bytes

GOOD = {'players': 1}
TOKENS = {'access_token': 'a.b.c', 'expires_in': 1200, 'refresh_token': 'second'}

#: What the server sends; the last one redirects.
RESPONSES: dict[str, bytes | None] = {
    'plain': response_bytes(GOOD),
    'gzip': gzipped(json.dumps(GOOD).encode()),
    'chunked': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{"players":1}\r\n0\r\n\r\n',
    'closing': response_bytes(GOOD, headers={'Connection': 'close'}),
    'redirect': None,
}
ADAPTERS = {'ours': lambda: None, "an app's own": HTTPAdapter}


@pytest.mark.parametrize('adapter', ADAPTERS)
@pytest.mark.parametrize('used_before', [False, True])
@pytest.mark.parametrize('kind', RESPONSES)
def test_a_call(kind: str, used_before: bool, adapter: str, tmp_path: Path) -> None:
    def page(visit: Visit) -> None:
        data = RESPONSES[kind]
        if data is None:
            data = response_bytes(b'', 302, {'Location': '/there'}) if visit.path == '/thing' else response_bytes(GOOD)
        visit.send(data)

    options: dict[str, Any] = {'cache': None, 'transport_adapter': ADAPTERS[adapter]()}  # type: ignore[operator]
    cassette = tmp_path / 'calls.yaml'
    with Server(page) as server, client(**options) as esi:
        call = app_at(server.url).op['get_thing'](q='x')
        if used_before:
            assert esi.request(call).data == GOOD
        with vcr.use_cassette(cassette) as recorded:
            assert esi.request(call).data == GOOD
        hops = len(recorded)
        assert hops == (2 if kind == 'redirect' else 1)
        visits = len(server.visits)
        assert esi.request(call).data == GOOD
        assert len(server.visits) == visits + hops, 'outside the block requests are sent'
    with client(**options) as esi, vcr.use_cassette(cassette, record_mode='none') as played:
        response = esi.request(call)
        assert (response.status, response.data, played.play_count) == (200, GOOD, hops)
        with pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException):
            esi.request(call)


def twice(page: Callable[[Visit], Any], work: Callable[[str], Any], tmp_path: Path) -> list[Any]:
    """What `work(url)` returns while it is recorded, and while it is replayed without a server."""
    matched = {'match_on': ['method', 'uri', 'body']}
    with Server(page) as server, vcr.use_cassette(tmp_path / 'calls.yaml', **matched):
        recorded = work(server.url)
    with vcr.use_cassette(tmp_path / 'calls.yaml', record_mode='none', **matched) as cassette:
        replayed = work(server.url)
        assert cassette.all_played
    return [recorded, replayed]


@pytest.mark.parametrize('method', ['get', 'head', 'post', 'put', 'delete'])
@pytest.mark.parametrize('status', [200, 404])
def test_every_method_with_its_body(method: str, status: int, tmp_path: Path) -> None:
    def work(url: str) -> tuple[Any, ...]:
        name = 'get' if method == 'head' else method
        call = app_at(url).op[f'{name}_thing'](**({'body': {'a': 1}} if method in ('post', 'put') else {}))
        with client(cache=None) as esi:
            response = esi.head(call) if method == 'head' else esi.request(call)
        return response.status, response.raw, response.header['X-Pages'], response.failed

    body = None if method == 'head' else json.dumps(GOOD).encode()
    found = twice(lambda visit: visit.send(response_bytes(GOOD, status, {'X-Pages': '3'})), work, tmp_path)
    assert found == [(status, body, [3], False)] * 2


def test_a_revalidation(tmp_path: Path) -> None:
    """A stored response is revalidated, and the 304 is replayed."""

    def page(visit: Visit) -> None:
        if 'if-none-match' in visit.headers:
            visit.send(response_bytes(b'', 304, {'ETag': '"1"'}))
        else:
            visit.send(response_bytes(GOOD, headers={'ETag': '"1"', 'X-Pages': '2'}))

    def work(url: str) -> list[Any]:
        call = app_at(url).op['get_thing'](q='x')
        with client() as esi:
            responses = [esi.request(call), esi.request(call)]
        return [(response.status, response.data, response.not_modified) for response in responses]

    assert twice(page, work, tmp_path) == [[(200, GOOD, False), (200, GOOD, True)]] * 2


def test_the_sso(tmp_path: Path) -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes(TOKENS if visit.path.endswith('token') else GOOD))

    def work(url: str) -> list[Any]:
        mine = security('first', sso=url)
        with client(security=mine, cache=None) as esi:
            found = [mine.refresh(), esi.request(app_at(url).op['get_mine']()).data]
        mine.revoke()
        return [*found, mine.refresh_token]

    assert twice(page, work, tmp_path) == [[TOKENS, GOOD, None]] * 2


WITHIN = """
import sys, vcr
with vcr.use_cassette(sys.argv[2]) as cassette:
    from tests.integration.things import app_at, client
    with client(cache=None) as esi:
        call = app_at(sys.argv[1]).op['get_thing']()
        assert esi.request(call).data == {'players': 1}
        assert len(cassette) == 1
        pool = next(iter(esi._session.get_adapter('http://')._pools.values()))
        assert 'VCR' in pool.ConnectionCls.__name__
    with client(cache=None) as esi:
        esi.request(call)
        pool = next(iter(esi._session.get_adapter('http://')._pools.values()))
with client(cache=None) as esi:
    assert esi.request(call).data == {'players': 1}
assert pool.ConnectionCls.__module__ == 'esipy._http.connection'
assert not any('vcr' in base.__module__ for base in pool.ConnectionCls.__mro__)
"""


def test_esipy_is_imported_while_a_recorder_runs(tmp_path: Path) -> None:
    """It takes urllib3's own classes for its own, not those of the recorder."""
    with Server(lambda visit: visit.send(response_bytes(GOOD))) as server:
        arguments = [sys.executable, '-W', 'error', '-c', WITHIN, server.url, str(tmp_path / 'calls.yaml')]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, '')
