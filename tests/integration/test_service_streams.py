"""Bodies that are read while they are sent, and answers that are read while they come."""

import contextlib
import gc
import gzip
import io
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esipy import App, EsiClient, clock
from esipy.cache import DictCache
from esipy.exceptions import ConnectionFailedError, NotFoundError, TimedOutError, UndecodableBodyError
from esipy.limits import MemoryLimits
from esipy.service import ServiceClient, json_decoder, json_encoder
from tests.integration.things import security
from tests.servers import Server, Visit, gzipped, response_bytes

SPEC: dict[str, Any] = {
    'up': {'path': '/up', 'method': 'put', 'stream_request': True},
    'down': {'path': '/down', 'stream_response': True},
    'look': {'path': '/down', 'method': 'head', 'stream_response': True},
    'plain': {'path': '/down'},
    'both': {'path': '/both', 'method': 'post', 'stream_request': True, 'stream_response': True},
}
LARGE = bytes(range(256)) * 4096


def client(server: Server | str, **options: Any) -> ServiceClient:
    address = server if isinstance(server, str) else server.url
    return ServiceClient(**{'spec': SPEC, 'base_path': address, 'pool_size': 1, **options})


def echo(visit: Visit) -> None:
    visit.send(response_bytes(visit.body, headers={'Cache-Control': 'max-age=60'}))


# ------------------------------------------------------------------ requests


def test_a_file_is_sent_with_its_length(tmp_path: Path) -> None:
    (tmp_path / 'large').write_bytes(LARGE)
    with (
        Server(echo) as server,
        client(server, serializer=json_encoder) as service,
        open(tmp_path / 'large', 'rb') as file,
    ):
        file.seek(16)
        assert service.up(file).data == LARGE[16:]
        visit = server.visits[0]
        assert visit.headers['content-length'] == str(len(LARGE) - 16)
        assert 'content-type' not in visit.headers
        assert not file.closed


def test_an_iterator_is_sent_in_chunks() -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(LARGE), 50_000):
            yield LARGE[start : start + 50_000]

    with Server(echo) as server, client(server) as service:
        assert service.up(pieces()).data == LARGE
        assert service.up(iter([])).data == b''
        assert [visit.headers['transfer-encoding'] for visit in server.visits] == ['chunked', 'chunked']


def test_what_is_no_stream_is_serialised_as_ever() -> None:
    with Server(echo) as server, client(server, serializer=json_encoder) as service:
        assert service.up({'a': 1}).data == b'{"a": 1}'
        assert service.up([1]).data == b'[1]'
        assert service.up().data == b''


@pytest.mark.parametrize('status', [401, 420, 429, 503])
def test_what_was_sent_is_not_sent_again(status: int) -> None:
    with Server(lambda visit: visit.send(response_bytes(b'', status))) as server:
        with client(server, retry_requests=True, limits=MemoryLimits(), security=security('t', server.url)) as service:
            assert service.up(io.BytesIO(b'abc')).status == status
        assert len(server.visits) == 1


def test_a_redirect_winds_a_file_back_and_refuses_an_iterator() -> None:
    def page(visit: Visit) -> None:
        if visit.path == '/up':
            visit.send(response_bytes(b'', 307, {'Location': '/there'}))
        else:
            echo(visit)

    with Server(page) as server, client(server) as service:
        file = io.BytesIO(b'0123456789')
        file.seek(5)
        assert service.up(file).data == b'56789'
        with pytest.raises(ConnectionFailedError, match='rewind'):
            service.up(iter([b'abc']))
        assert [visit.path for visit in server.visits] == ['/up', '/there', '/up']


@pytest.mark.parametrize('kind', ['a file', 'an iterator'])
def test_a_server_that_takes_a_body_slowly_does_not_defeat_the_deadline(kind: str) -> None:
    """Each piece is taken in time, and all of them together are not."""
    body: Any = io.BytesIO(bytes(2**24)) if kind == 'a file' else iter([bytes(2**14)] * 2**10)

    over = threading.Event()

    def take(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            for _ in range(60):
                if over.wait(0.05) or not connection.recv(2**15):
                    break

    with socket.create_server(('127.0.0.1', 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        taking = threading.Thread(target=take, args=(listening,))
        taking.start()
        address = f'http://127.0.0.1:{listening.getsockname()[1]}'
        begun = clock.monotonic()
        with client(address, timeout=20, deadline=0.5) as service, pytest.raises(TimedOutError):
            service.up(body)
        assert clock.monotonic() - begun < 10
        over.set()
        taking.join()


def test_an_iterator_that_fails_fails_the_call() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'abc'
        raise KeyError('mine')

    with Server(echo) as server, client(server) as service:
        with pytest.raises(KeyError, match='mine'):
            service.up(pieces())
        assert service.plain().status == 200
        assert [visit.path for visit in server.visits] == ['/down']


# ------------------------------------------------------------------ answers


def serving(raw: bytes) -> Server:
    return Server(lambda visit: visit.send(raw))


@pytest.mark.parametrize(
    'raw',
    [
        response_bytes(LARGE),
        gzipped(LARGE),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n' + LARGE + b'\r\n0\r\n\r\n',
    ],
    ids=['plain', 'compressed', 'chunked'],
)
def test_a_body_as_a_file(raw: bytes, tmp_path: Path) -> None:
    with serving(raw) as server, client(server, parser=json_decoder, max_body=1000) as service:
        response = service.down()
        assert (response.status, response.raw, response.data) == (200, b'', None)
        assert response.stream.read(10) == LARGE[:10]  # type: ignore[union-attr]
        with open(tmp_path / 'copy', 'wb') as copy:
            shutil.copyfileobj(response.stream, copy)  # type: ignore[arg-type]
        assert (tmp_path / 'copy').read_bytes() == LARGE[10:]
        assert response.stream.read() == b''  # type: ignore[union-attr]
        assert service.down().stream.read() == LARGE  # type: ignore[union-attr]
        assert server.connections == 1  # given back at its end


def test_pieces_come_when_they_are_sent() -> None:
    more = threading.Event()

    def page(visit: Visit) -> None:
        visit.send(b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none\n')
        more.wait(10)
        visit.send(b'two\n')

    with Server(page) as server, client(server) as service:
        lines = iter(service.down().stream)  # type: ignore[arg-type]
        assert next(lines) == b'one\n'
        more.set()
        assert list(lines) == [b'two\n']


def test_a_stream_that_is_closed_early_shuts_its_connection() -> None:
    with serving(response_bytes(LARGE)) as server, client(server) as service:
        with service.down().stream as stream:  # type: ignore[union-attr]
            assert stream.read(1) == b'\0'
        assert stream.closed
        with pytest.raises(ValueError):
            stream.read()
        assert service.down().stream.read() == LARGE  # type: ignore[union-attr]
        assert server.connections == 2


def test_a_stream_is_neither_stored_nor_shared() -> None:
    cache = DictCache()
    with (
        serving(response_bytes(b'{}', headers={'Cache-Control': 'max-age=60'})) as server,
        client(server, cache=cache) as service,
    ):
        first, second = service.down(), service.down()
        assert (first.stream.read(), second.stream.read()) == (b'{}', b'{}')  # type: ignore[union-attr]
        assert not service.plain().from_cache
        assert service.plain().from_cache
        assert not service.down().from_cache  # though there is something
        assert service.plain().from_cache  # and it makes nothing old
        assert len(server.visits) == 4


def test_an_error_is_read_whole() -> None:
    with serving(response_bytes({'error': 'none'}, 404)) as server, client(server, parser=json_decoder) as service:
        response = service.down()
        assert (response.stream, response.data) == (None, {'error': 'none'})
        with pytest.raises(NotFoundError):
            service.down(raise_on_error=True)


def test_a_failed_attempt_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)

    def page(visit: Visit) -> None:
        visit.send(response_bytes(b'at last', 503 if visit.number < 2 else 200))

    with Server(page) as server, client(server, retry_requests=True) as service:
        response = service.down()
        assert (response.attempts, response.stream.read()) == (3, b'at last')  # type: ignore[union-attr]


def test_a_head_has_no_stream() -> None:
    with Server(lambda visit: visit.send(response_bytes(b'', length=5))) as server, client(server) as service:
        assert (service.look().stream, service.look().data) == (None, None)


@pytest.mark.parametrize(
    ('raw', 'error', 'reason'),
    [
        (response_bytes(b'abc', length=10), ConnectionFailedError, 'cut short'),
        (gzipped(b'abc' * 100)[:-4], ConnectionFailedError, 'cut short'),
        (
            response_bytes(gzip.compress(b'abc' * 100)[:-4], headers={'Content-Encoding': 'gzip'}),
            UndecodableBodyError,
            'end is missing',
        ),
        (response_bytes(b'abc', headers={'Content-Encoding': 'gzip'}), UndecodableBodyError, 'cannot be decompressed'),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', ConnectionFailedError, 'cut short'),
    ],
    ids=[
        'cut short',
        'compressed and cut short',
        'compressed without its end',
        'not compressed',
        'in a chunk cut short',
    ],
)
def test_a_body_that_breaks_off(raw: bytes, error: type[Exception], reason: str) -> None:
    def page(visit: Visit) -> None:
        visit.send(raw)
        visit.close()

    with Server(page) as server, client(server) as service:
        stream = service.down(params={'token': 'hush'}).stream
        with pytest.raises(error, match=reason) as caught:
            stream.read()  # type: ignore[union-attr]
        assert stream.closed  # type: ignore[union-attr]
        assert 'hush' not in repr(vars(caught.value))


def test_silence_ends_by_the_timeout_and_the_deadline_is_for_what_comes_before() -> None:
    def page(visit: Visit) -> None:
        visit.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123')
        visit.server.stopping.wait(2)
        visit.send(b'4567')
        visit.hang()

    with Server(page) as server, client(server, timeout=(5, 3), deadline=1.5) as service:
        stream = service.down().stream
        assert stream.read(8) == b'01234567'  # type: ignore[union-attr]
        with pytest.raises(TimedOutError):
            stream.read()  # type: ignore[union-attr]


def test_both_ways_at_once() -> None:
    with Server(echo) as server, client(server) as service:
        assert service.both(iter([b'a', b'b'])).stream.read() == b'ab'  # type: ignore[union-attr]


def test_a_session_with_an_adapter_of_a_test(tmp_path: Path) -> None:
    """What mocks make up is a file too."""
    import requests_mock

    with ServiceClient(spec=SPEC, base_path='http://service.example') as service, requests_mock.Mocker() as mocked:
        mocked.get('http://service.example/down', content=b'made up')
        assert service.down().stream.read() == b'made up'  # type: ignore[union-attr]


def test_an_app_of_a_table_streams_too() -> None:
    with serving(response_bytes(b'abc')) as server, EsiClient(user_agent='tests') as esi:
        app = App.create({**SPEC, 'base_path': server.url})
        assert esi.request(app.op.down()).stream.read() == b'abc'  # type: ignore[union-attr]


@pytest.mark.parametrize('kept', [True, False], ids=['closed', 'forgotten'])
def test_a_stream_that_is_left_shuts_its_connection(kept: bool) -> None:
    gone = threading.Event()

    def page(visit: Visit) -> None:
        visit.send(response_bytes(b'abc', length=10))
        visit.hang()
        gone.set()

    with Server(page) as server, client(server) as service:
        stream = service.down().stream
        if kept:
            stream.close()  # type: ignore[union-attr]
        else:
            del stream
            gc.collect()
        assert gone.wait(10)
