"""What bad responses get: a clear error or the documented answer, in time, from servers that misbehave byte by byte."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.auth import HTTPDigestAuth

from esipy import App, EsiClient
from esipy._message.errors import error_of
from esipy.exceptions import APIException, ConnectionFailedError, LimitedError, TimedOutError, UndecodableBodyError
from tests.integration.things import SOON, app_at, client
from tests.servers import JSON, Proxy, Server, Visit, gzipped, response_bytes, unused_url

pytestmark = pytest.mark.usefixtures('no_leaks')

GOOD = {'players': 1}
HTML = b'<html><body>Bad gateway</body></html>'


def ask(page: Callable[[Visit], Any], **options: Any) -> Any:
    with Server(page) as server, client(**options) as esi:
        return esi.request(app_at(server.url).op['get_thing']())


# ---------------------------------------------------------------------- answers that are fine


@pytest.mark.parametrize(
    'data',
    [
        response_bytes(GOOD),
        gzipped(json.dumps(GOOD).encode()),
        response_bytes(zlib.compress(json.dumps(GOOD).encode()), headers={'Content-Encoding': 'deflate'}),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"players":1\r\n1\r\n}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd;x=y\r\n{"players":1}\r\n0\r\nTrailer: x\r\n\r\n',
        b'HTTP/1.1 100 Continue\r\n\r\n' + response_bytes(GOOD),
        b'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n' + response_bytes(GOOD),
        response_bytes(GOOD, headers={'Content-Type': 'text/plain'}),
        response_bytes(json.dumps(GOOD).encode('utf-8-sig')[3:]),
    ],
    ids=['plain', 'gzip', 'deflate', 'chunked', 'trailers', '100', '102+103', 'text/plain', 'utf-8'],
)
def test_good_responses(data: bytes) -> None:
    response = ask(lambda visit: visit.send(data))
    assert response.status == 200
    assert response.data.players == 1


def test_a_body_that_ends_with_the_connection() -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes(GOOD, length=-1, headers={'Connection': 'close'}))
        visit.close()

    assert ask(page).data.players == 1


@pytest.mark.parametrize('status', [204, 205, 304])
def test_statuses_without_a_body(status: int) -> None:
    response = ask(lambda visit: visit.send(response_bytes(b'', status)))
    assert (response.status, response.data, response.raw) == (status, None, b'')
    assert response.ok


#: What a description says of responses, and a status whose body is empty: whether that is in order.
EMPTY: dict[str, tuple[list[str], int, bool]] = {
    'an error is described by default': (['204', 'default'], 200, True),
    'accepted': (['200', 'default'], 202, True),
    'created, where all successes are described': (['2XX', 'default'], 201, False),
    'a success is described by default': (['default'], 200, False),
    'a success is described': (['200', 'default'], 200, False),
    'nothing to be shown': (['default'], 205, True),
}


@pytest.mark.parametrize(('described', 'status', 'is_good'), EMPTY.values(), ids=EMPTY)
def test_an_empty_body(described: list[str], status: int, is_good: bool) -> None:
    whole: dict[str, Any] = {'description': '', 'content': {'application/json': {'schema': {'type': 'object'}}}}
    responses = {name: {'description': ''} if name == '204' else whole for name in described}
    with Server(lambda visit: visit.send(response_bytes(b'', status))) as server, client() as esi:
        document = {
            'openapi': '3.1.0',
            'info': {'title': 'Empty', 'version': '1'},
            'servers': [{'url': server.url}],
            'paths': {'/a': {'put': {'operationId': 'put_a', 'responses': responses}}},
        }
        call = App.create(document).op['put_a']()
        if is_good:
            assert esi.request(call).data is None
        else:
            with pytest.raises(UndecodableBodyError):
                esi.request(call)


def test_bytes_behind_a_204_are_not_the_next_response() -> None:
    def page(visit: Visit) -> None:
        visit.send(
            response_bytes(b'HTTP/1.1 200 OK\r\n\r\n' if visit.number == 0 else GOOD, 204 if visit.number == 0 else 200)
        )

    with Server(page) as server, client() as esi:
        app = app_at(server.url)
        assert esi.request(app.op['delete_nothing']()).status == 204
        time.sleep(0.05)
        assert esi.request(app.op['get_thing']()).data == GOOD


def test_a_body_behind_head_is_not_the_next_response() -> None:
    with Server(lambda visit: visit.send(response_bytes(GOOD))) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        assert esi.head(call).status == 200
        time.sleep(0.05)
        assert esi.request(call).data == GOOD


# ---------------------------------------------------------------------- bodies that are not what they should be


@pytest.mark.parametrize(
    'data',
    [
        response_bytes(HTML, headers={'Content-Type': 'text/html'}),
        response_bytes(b'{"players": 12'),
        response_bytes(b'not json'),
        response_bytes(b'\xff\xfe\x00'),
        response_bytes(b'[' * 100_000),
        response_bytes(b''),
        response_bytes(b'{"players": 1}', length=9),
        response_bytes(HTML, 502, {'Content-Type': 'text/html'}),
        response_bytes(HTML, 404, {'Content-Type': 'text/html'}),
        response_bytes(b'hello', headers={'Content-Encoding': 'gzip'}),
    ],
    ids=[
        'html',
        'truncated JSON',
        'text',
        'no text',
        'deep',
        'empty',
        'Content-Length too small',
        'html 502',
        'html 404',
        'not gzip',
    ],
)
def test_not_json(data: bytes) -> None:
    def page(visit: Visit) -> None:
        visit.send(data)
        visit.close()

    with pytest.raises(UndecodableBodyError) as caught:
        ask(page)
    assert isinstance(caught.value, APIException)
    assert caught.value.status_code in (200, 404, 502)
    assert caught.value.reason
    assert caught.value.url.endswith('/thing')


@pytest.mark.parametrize('coding', ['gzip', 'deflate', 'gzip, gzip', 'deflate, gzip'])
def test_compressed_data_that_is_cut_off_anywhere_is_reported(coding: str) -> None:
    """Also before anything could be made of it. Nothing at all is an empty body."""
    packed = json.dumps(GOOD).encode() * 9
    for one in coding.split(', '):
        packed = {'gzip': gzip.compress, 'deflate': zlib.compress}[one](packed)  # type: ignore[dict-item]

    def page(visit: Visit) -> None:
        visit.send(response_bytes(packed[: visit.number], headers={'Content-Encoding': coding}))

    with Server(page) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        assert esi.request(call, raw_body_only=True).raw == b''
        for _ in range(1, len(packed)):
            with pytest.raises(ConnectionFailedError, match='ends early'):
                esi.request(call, raw_body_only=True, raise_on_error=True)
        assert esi.request(call, raw_body_only=True).raw == json.dumps(GOOD).encode() * 9


@pytest.mark.parametrize('status', [200, 204, 302, 304, 404])
def test_headers_that_break_off_are_not_a_response(status: int) -> None:
    """At whichever byte: neither is what came of them believed, nor a place that a redirect half names."""
    body = b'{"players": 1}' if status not in (204, 304) else b''
    whole = response_bytes(body, status, {'ETag': '"1"', 'Location': '/things/whole', 'X-Pages': '12'})
    head = whole.index(b'\r\n\r\n') + 3
    cuts = iter(range(1, head + 1))

    def page(visit: Visit) -> None:
        visit.send(whole[: next(cuts)])
        visit.close()

    with Server(page) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        for _ in range(head):
            response = esi.request(call, raw_body_only=True)
            assert (response.failed, response.status) == (True, 500)
        assert {visit.path for visit in server.visits} == {'/thing'}


def test_not_json_with_raw_body_only_is_left_to_the_app() -> None:
    response = ask(lambda visit: visit.send(response_bytes(HTML)), raw_body_only=True)
    assert (response.raw, response.data) == (HTML, None)


@pytest.mark.parametrize('status', [400, 403, 404, 420, 500, 503])
def test_an_empty_error_is_an_error(status: int) -> None:
    response = ask(lambda visit: visit.send(response_bytes(b'', status)))
    assert (response.status, response.data, response.ok) == (status, None, False)


def test_a_gzip_bomb_is_refused_early() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b''.join(bomb.compress(b'\0' * 2**20) for _ in range(64)) + bomb.flush()
    with pytest.raises(UndecodableBodyError, match='max_body'):
        ask(lambda visit: visit.send(response_bytes(packed, headers={'Content-Encoding': 'gzip'})), max_body=2**20)


def test_a_long_plain_body_is_refused_before_it_is_read() -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes(b'"', length=10**12))
        for _ in range(200):
            visit.send(b'x' * 2**20)

    with pytest.raises(UndecodableBodyError, match='max_body'):
        ask(page, max_body=2**20)


def test_the_bomb_behind_a_redirect_is_not_unpacked() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b''.join(bomb.compress(b'\0' * 2**20) for _ in range(64)) + bomb.flush()

    def page(visit: Visit) -> None:
        if visit.path == '/thing':
            visit.send(response_bytes(packed, 302, {'Location': '/other', 'Content-Encoding': 'gzip'}))
        else:
            visit.send(response_bytes(GOOD))

    import tracemalloc

    with Server(page) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        tracemalloc.start()
        assert esi.request(call).data == GOOD
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 2**20


# ---------------------------------------------------------------------- no response, or not the whole of it


def _cut(visit: Visit) -> None:
    visit.send(response_bytes(GOOD, length=1000))
    visit.close()


def _cut_gzip(visit: Visit) -> None:
    packed = gzip.compress(b'{"a": "' + b'x' * 100_000 + b'"}')
    visit.send(response_bytes(packed[:50], headers={'Content-Encoding': 'gzip'}, length=len(packed)))
    visit.close()


def _cut_chunk(visit: Visit) -> None:
    visit.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"pl')
    visit.close()


def _no_last_chunk(visit: Visit) -> None:
    visit.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n')
    visit.close()


def _bad_chunk(visit: Visit) -> None:
    visit.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n')
    visit.close()


def _sent(data: bytes) -> Callable[[Visit], None]:
    def page(visit: Visit) -> None:
        visit.send(data)
        visit.close()

    return page


BROKEN = {
    'reset': Visit.reset,
    'closed': Visit.close,
    'cut': _cut,
    'cut gzip': _cut_gzip,
    'cut chunk': _cut_chunk,
    'no last chunk': _no_last_chunk,
    'bad chunk': _bad_chunk,
    'not HTTP': _sent(b'SSH-2.0-OpenSSH_9.6\r\n\r\n'),
    'bad status': _sent(b'HTTP/1.1 abc OK\r\n\r\n'),
    'long status line': _sent(b'HTTP/1.1 200 ' + b'x' * 100_000 + b'\r\n\r\n'),
    'a long header': _sent(b'HTTP/1.1 200 OK\r\nX-Long: ' + b'x' * 100_000 + b'\r\n\r\n'),
    'too many headers': _sent(b'HTTP/1.1 200 OK\r\n' + b''.join(b'X-%d: 1\r\n' % n for n in range(500)) + b'\r\n'),
    'two lengths': _sent(b'HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}'),
    'redirect to itself': lambda visit: visit.send(response_bytes(b'', 302, {'Location': visit.target})),
    'redirect to no host': lambda visit: visit.send(response_bytes(b'', 302, {'Location': 'http://'})),
    'redirect to rubbish': lambda visit: visit.send(response_bytes(b'', 302, {'Location': 'http://[::1'})),
    'redirect to a long name': lambda visit: visit.send(
        response_bytes(b'', 302, {'Location': f'http://{"x" * 99}.localhost/'})
    ),
}


@pytest.mark.parametrize('fault', BROKEN)
def test_no_response_is_a_made_up_500(fault: str) -> None:
    with Server(BROKEN[fault]) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        response = esi.request(call)
        assert (response.status, response.failed, response.ok) == (500, True, False)
        assert response.cause is not None
        assert response.data.error
        assert not response.from_cache
        with pytest.raises(ConnectionFailedError) as caught:
            esi.request(call, raise_on_error=True)
        assert not isinstance(caught.value, TimedOutError)
        assert caught.value.status_code == 500
        assert caught.value.__cause__ is not None
        assert esi.cache._dict == {}  # type: ignore[attr-defined]


def test_nobody_listens() -> None:
    with client() as esi:
        call = app_at(unused_url()).op['get_thing']()
        assert esi.request(call).failed
        with pytest.raises(ConnectionFailedError):
            esi.request(call, raise_on_error=True)


# ---------------------------------------------------------------------- too slow

BODY = json.dumps({'text': 'x' * 5000}).encode()
CHUNKS = b''.join(b'1\r\n' + bytes([byte]) + b'\r\n' for byte in BODY)
HEAD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'

DRIPS: dict[str, bytes] = {
    'status line': b'',
    'headers': HEAD,
    'body': HEAD + b'Content-Length: %d\r\n\r\n' % len(BODY),
    'until close': HEAD + b'\r\n',
    'chunks': HEAD + b'Transfer-Encoding: chunked\r\n\r\n',
    'gzip': HEAD + b'Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n' % len(gzip.compress(BODY)),
}
DRIPPED = {
    'status line': HEAD,
    'headers': b''.join(b'X-%d: 1\r\n' % number for number in range(90)),
    'chunks': CHUNKS,
    'gzip': gzip.compress(bytes(range(256)) * 100),
}


@pytest.mark.parametrize('where', DRIPS)
@pytest.mark.parametrize('adapter', ['ours', 'own'])
def test_a_byte_now_and_then_does_not_defeat_the_deadline(where: str, adapter: str) -> None:
    from requests.adapters import HTTPAdapter

    def page(visit: Visit) -> None:
        visit.send(DRIPS[where])
        visit.drip(DRIPPED.get(where, BODY))

    options: dict[str, Any] = {} if adapter == 'ours' else {'transport_adapter': HTTPAdapter()}
    with Server(page) as server, client(timeout=(5, 5), deadline=0.4, **options) as esi:
        call = app_at(server.url).op['get_thing']()
        begun = time.monotonic()
        with pytest.raises(TimedOutError):
            esi.request(call, raise_on_error=True)
        assert 0.3 < time.monotonic() - begun < 20


def test_a_whole_session_of_ones_own_keeps_the_deadline() -> None:
    import requests

    def page(visit: Visit) -> None:
        visit.send(DRIPS['body'])
        visit.drip(BODY)

    with Server(page) as server, requests.Session() as session, client(session=session, deadline=0.4) as esi:
        begun = time.monotonic()
        assert esi.request(app_at(server.url).op['get_thing']()).failed
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize('options', [{'timeout': 0.3}, {'timeout': (5, 0.3)}, {'deadline': 0.3}])
def test_a_server_that_never_responds(options: dict[str, Any]) -> None:
    with Server(Visit.hang) as server, client(**options) as esi:
        call = app_at(server.url).op['get_thing']()
        begun = time.monotonic()
        response = esi.request(call)
        assert time.monotonic() - begun < 20
        assert response.failed
        with pytest.raises(TimedOutError):
            esi.request(call, raise_on_error=True)
        with pytest.raises(TimedOutError):
            esi.request(call, raise_on_error=True, timeout=0.1)


def test_a_server_that_accepts_and_never_reads() -> None:
    import socket

    with socket.create_server(('127.0.0.1', 0)) as listening, client(timeout=0.3) as esi:
        url = f'http://127.0.0.1:{listening.getsockname()[1]}'
        begun = time.monotonic()
        call = app_at(url).op['put_thing'](body={'text': 'x' * 20_000_000})
        assert esi.request(call).failed
        assert time.monotonic() - begun < 20


def test_timeout_none_waits_for_ever() -> None:
    """And lifts the deadline, too."""

    def page(visit: Visit) -> None:
        time.sleep(0.5)
        visit.send(response_bytes(GOOD))

    with Server(page) as server, client(timeout=None, deadline=0.1) as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).data == GOOD


def test_the_defaults() -> None:
    with pytest.warns(UserWarning, match='User-Agent'):
        made = EsiClient()
    assert made.timeout == (5.0, 30.0)
    assert made.deadline == 60.0
    assert SOON < 30


# ---------------------------------------------------------------------- where else a call is led


def test_redirects_are_followed_on_the_same_host() -> None:
    def page(visit: Visit) -> None:
        if visit.path == '/thing':
            visit.send(response_bytes(b'', 307, {'Location': '/elsewhere'}))
        else:
            visit.send(response_bytes(GOOD))

    with Server(page) as server, client() as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
        assert response.data == GOOD
        assert response.url == f'{server.url}/elsewhere'


@pytest.mark.parametrize('how', ['token=', 'security', 'session', 'constructor'])
@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost'])
def test_authorization_never_goes_to_another_host(how: str, host: str) -> None:
    from tests.integration.things import security

    with (
        Server(lambda visit: visit.send(response_bytes(GOOD))) as other,
        Server(
            lambda visit: visit.send(response_bytes(b'', 302, {'Location': f'http://{host}:{other.port}/mine'}))
        ) as server,
        client() as esi,
    ):
        arguments = {}
        if how == 'token=':
            arguments['token'] = 'secret-token'
        elif how == 'security':
            esi.security = security('secret-token')
        elif how == 'session':
            esi._session.headers['Authorization'] = 'Bearer secret-token'
        else:
            esi._session.headers.update({'authorization': 'Bearer secret-token'})
        assert esi.request(app_at(server.url).op['get_mine'](**arguments)).data == GOOD
        assert server.visits[0].headers['authorization'] == 'Bearer secret-token'
        assert 'authorization' not in other.visits[0].headers
        assert 'secret-token' not in str([visit.headers for visit in other.visits])


def test_headers_in_any_number_and_case() -> None:
    headers = {'x-pages': '7', 'ETAG': '"x"', 'X-Strange': 'ü', 'Set-Cookie': 'a=b'}
    response = ask(lambda visit: visit.send(response_bytes(GOOD, headers=headers)))
    assert response.header['X-Pages'] == [7]
    assert response.headers['etag'] == '"x"'
    assert response.pages == 7
    assert JSON['Content-Type'] == response.headers['content-type']


@pytest.mark.parametrize(
    ('headers', 'seconds'),
    [
        ({'Retry-After': '7, 7'}, 7),
        ({'Retry-After': '7,7,7'}, 7),
        ({'Retry-After': '7, 8'}, None),
        ({'X-ESI-Error-Limit-Reset': '9, 9'}, 9),
    ],
)
def test_a_number_that_a_proxy_has_repeated(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(LimitedError) as caught:
        ask(lambda visit: visit.send(response_bytes({'error': 'x'}, 420, headers)), raise_on_error=True, limits=None)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize('after', [b'rubbish', b'\0' * 512, b'\n'], ids=['text', 'padding', 'a line end'])
def test_what_follows_the_end_of_gzip_data_is_ignored(after: bytes) -> None:
    data = response_bytes(gzip.compress(json.dumps(GOOD).encode()) + after, headers={'Content-Encoding': 'gzip'})
    assert ask(lambda visit: visit.send(data)).data == GOOD


@pytest.mark.parametrize('cut', [1, 5, 12, 20])
def test_a_compressed_body_that_is_cut_short_is_retried(cut: int) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())

    def page(visit: Visit) -> None:
        body = packed if visit.number else packed[:-cut]
        visit.send(response_bytes(body, headers={'Content-Encoding': 'gzip'}))

    with Server(page) as server, client(retry_requests=True, cache=None) as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
    assert (response.data, response.attempts) == (GOOD, 2)


@pytest.mark.parametrize(
    'lengths',
    ['{0}, {0}', '{0},{0},{0}', '{0} ,\t{0}', '{0}, {0}\r\nContent-Length: {0}', '{0}\r\nContent-Length: {0}'],
)
def test_a_length_that_is_repeated(lengths: str) -> None:
    body = json.dumps(GOOD).encode()
    head = f'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {lengths.format(len(body))}\r\n\r\n'
    with Server(lambda visit: visit.send(head.encode() + body)) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        assert [esi.request(call).data for _ in range(3)] == [GOOD] * 3
        assert server.connections == 1, 'the connection is kept'


# ---------------------------------------------------------------------- redirects

METHODS = ('get', 'head', 'post', 'put', 'patch', 'delete')


def redirecting_app(url: str) -> App:
    body = {'content': {'application/json': {'schema': {'type': 'object'}}}}
    methods = {
        method: {
            'operationId': f'{method}_thing',
            'responses': {'200': {'description': 'OK'}},
            'security': [{'OAuth2': []}],
            **({'requestBody': body} if method in ('post', 'put', 'patch') else {}),
        }
        for method in METHODS
    }
    schemes = {'OAuth2': {'type': 'oauth2', 'flows': {}}}
    return App.create(
        {
            'openapi': '3.1.0',
            'info': {'title': 'Things', 'version': '1'},
            'servers': [{'url': url}],
            'paths': {'/thing': methods},
            'components': {'securitySchemes': schemes},
        }
    )


def redirected(method: str, status: int, location: str, tmp_netrc: Any = None) -> tuple[Any, Server, Server]:
    def page(visit: Visit) -> None:
        if visit.path == '/thing':
            place = location.format(other=other.port, same=server.port)
            visit.send(response_bytes(b'', status, {'Location': place} if place else {}))
        else:
            visit.send(response_bytes(GOOD))

    with Server(page) as other, Server(page) as server, client(cache=None) as esi:
        operation = redirecting_app(server.url).op[f'{method}_thing']
        arguments = {'body': {'a': 1}} if method in ('post', 'put', 'patch') else {}
        call = operation(token='the-token', **arguments)
        response = esi.head(call) if method == 'head' else esi.request(call)
    return response, server, other


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize('method', METHODS)
def test_a_redirect_on_the_same_origin(method: str, status: int, netrc: None) -> None:
    response, server, _ = redirected(method, status, '/there')
    assert (response.status, response.ok) == (200, True)
    first, second = server.visits
    expected = 'get' if status == 303 and method != 'head' else method
    assert second.method == expected.upper()
    assert second.headers['authorization'] == 'Bearer the-token', 'nothing of .netrc'
    assert second.body == (first.body if expected == method else b'')


ELSEWHERE = ['http://127.0.0.1:{other}/there', 'http://localhost:{same}/there', '//127.0.0.1:{other}/there']


@pytest.mark.parametrize('location', ELSEWHERE)
@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize('method', METHODS)
def test_a_redirect_to_another_origin(method: str, status: int, location: str, netrc: None) -> None:
    response, server, other = redirected(method, status, location)
    arrived = [*other.visits, *server.visits[1:]]
    if method in ('get', 'head') or status == 303:
        assert response.ok
        (visit,) = arrived
        assert visit.body == b''
        assert visit.method == ('HEAD' if method == 'head' else 'GET')
        assert visit.headers.keys() <= {'host', 'connection', 'accept', 'accept-encoding', 'user-agent'}
    else:
        assert arrived == []
        assert (response.status, response.ok) == (status, False)


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize('method', METHODS)
def test_the_credentials_of_a_session_are_not_sent_to_another_origin(method: str, status: int) -> None:
    """Digest authentication responds to a 401 by itself; a hook of the app's own stays."""
    challenge = {'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth"'}
    seen: list[int] = []
    own = requests.Session()
    own.auth = HTTPDigestAuth('somebody', 'secret')
    own.hooks['response'].append(lambda response, **options: seen.append(response.status_code))

    def page(visit: Visit) -> None:
        visit.send(response_bytes(b'', status, {'Location': f'{other.url}/there'}))

    refusal = response_bytes({}, 401, challenge)
    with (
        Server(lambda visit: visit.send(refusal)) as other,
        Server(page) as server,
        client(cache=None, session=own) as esi,
    ):
        operation = redirecting_app(server.url).op[f'{method}_thing']
        arguments = {'body': {'a': 1}} if method in ('post', 'put', 'patch') else {}
        call = operation(**arguments)
        response = esi.head(call) if method == 'head' else esi.request(call)
    if method in ('get', 'head') or status == 303:
        (visit,) = other.visits
        assert 'authorization' not in visit.headers
        assert (response.status, seen) == (401, [status, 401])
    else:
        assert (other.visits, response.status, seen) == ([], status, [status])


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize('location', ['', 'file:///etc/passwd', 'ftp://localhost/'])
def test_a_redirect_that_leads_nowhere_is_an_error(status: int, location: str) -> None:
    response, server, _ = redirected('get', status, location)
    assert (response.status, response.ok, len(server.visits)) == (status, False, 1)
    with pytest.raises(APIException, match='not followed'):
        raise error_of(response, 0)


@pytest.mark.parametrize('variable', ['no_proxy', 'NO_PROXY'])
@pytest.mark.parametrize(
    ('hosts', 'by_proxy'),
    [
        ('127.0.0.1,localhost', []),
        ('localhost', ['/thing']),
        ('.example, localhost', ['/thing']),
        ('127.0.0.1', ['/there']),
        ('other.example', ['/thing', '/there']),
    ],
)
def test_no_proxy_counts_along_a_redirect(
    hosts: str, by_proxy: list[str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv('http_proxy', proxy.url)
        monkeypatch.setenv(variable, hosts)
        response, _, other = redirected('get', 302, 'http://localhost:{other}/there')
        assert response.ok
        assert len(other.visits) == 1
        assert ['/' + visit.target.rpartition('/')[2] for visit in proxy.visits] == by_proxy


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with credentials for every host of the tests."""
    file = tmp_path / 'netrc'
    file.write_text(''.join(f'machine {host} login somebody password secret\n' for host in ('127.0.0.1', 'localhost')))
    file.chmod(0o600)
    monkeypatch.setenv('NETRC', str(file))


@pytest.mark.parametrize('headers', [{}, {'Connection': 'Upgrade', 'Upgrade': 'websocket'}], ids=['bare', 'upgrade'])
@pytest.mark.parametrize('name', ['get_thing', 'post_thing', 'delete_nothing'])
def test_switching_protocols_is_not_a_success(name: str, headers: dict[str, str]) -> None:
    switching = response_bytes(b'', 101, headers, length=-1)
    with Server(lambda visit: (visit.send(switching), visit.close())) as server, client(cache=None) as esi:
        assert not esi.request(app_at(server.url).op[name](), raw_body_only=True).ok
