"""Something that is not Redis, or does not mean well, responds in its place: no call fails by it, and no error but that
of the store reaches the application."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from esipy import App, EsiApp, EsiClient
from esipy.cache import RedisCache
from esipy.exceptions import TokenStoreError
from esipy.limits import RedisLimits
from esipy.sandbox import Sandbox
from esipy.stores import RedisTokens, Tokens
from tests.contract.unending import Unending, in_time
from tests.databases import Server
from tests.leaks import Watch

SECRET = 'planted-refresh-token'


def bulk(text: bytes) -> bytes:
    return b'$%d\r\n%s\r\n' % (len(text), text)


#: What it says, to everything. None: it hangs up.
REPLIES: dict[str, bytes | None] = {
    'nothing': b'$-1\r\n',
    'a number': b':42\r\n',
    'a long number': b':' + b'9' * 5000 + b'\r\n',
    'OK': b'+OK\r\n',
    'a list': b'*2\r\n:1\r\n$1\r\na\r\n',
    'an empty list': b'*0\r\n',
    'a list in lists': b'*1\r\n' * 5000 + b':1\r\n',
    'an error': b'-ERR ' + SECRET.encode() + b'\r\n',
    'an elsewhere': b'-MOVED 1 127.0.0.1:1\r\n',
    'an unknown script': b'-NOSCRIPT x\r\n',
    'garbage': b'\xff\xfe\x00garbage\r\n',
    'a length that is not one': b'$abc\r\n',
    'a negative length': b'$-5\r\n',
    'a gigabyte that never comes': b'$1073741824\r\nabc',
    'a list that never comes': b'*1000000000\r\n:1\r\n',
    'two replies at once': bulk(b'a') + bulk(b'b'),
    'not UTF-8': bulk(b'\xff\xfe\xfd'),
    'an infinite number': bulk(b'[{"wait": 1e999, "under_way": false}]'),
    'not a number': bulk(b'[{"wait": NaN, "under_way": false}]'),
    'a wait of another kind': bulk(b'[{"wait": "x", "under_way": false}]'),
    'totals of another kind': bulk(b'[{"totals": ["a", null]}]'),
    'totals that are missing': bulk(b'[{"totals": []}]'),
    'null': bulk(b'[null]'),
    'another JSON': bulk(b'{"a": 1}'),
    'true': bulk(b'[true]'),
    'no results': bulk(b'[]'),
    'deep JSON': bulk(b'[' * 20_000),
    'a truth value': b'#t\r\n',
    'a map': b'%1\r\n+a\r\n:1\r\n',
    'hanging up': None,
}


@contextlib.contextmanager
def malicious(reply: bytes | None) -> Iterator[int]:
    """The port of a server that says the same to every command, after a proper greeting."""

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                if reply is None:
                    return
                greetings = data.count(b'SETINFO') + data.count(b'HELLO')
                connection.sendall(b'-ERR unknown command\r\n' * greetings or reply)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(('127.0.0.1', 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.fixture(scope='module')
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize('decoded', [False, True], ids=['bytes', 'texts'])
@pytest.mark.parametrize('reply', REPLIES)
def test_calls_go_on(esi: Sandbox, reply: str, decoded: bool) -> None:
    with (
        malicious(REPLIES[reply]) as port,
        redis.Redis(port=port, socket_timeout=0.5, protocol=2, decode_responses=decoded) as client,
    ):
        status = App.create(esi.document).op['get_status']
        options: list[dict[str, Any]] = [{'cache': RedisCache(client)}, {'limits': RedisLimits(client)}]
        for option in options:
            with EsiClient(user_agent='tests', **option) as caller:
                assert [caller.request(status()).status for _ in range(2)] == [200, 200]
                caller.budget()


@pytest.mark.parametrize('reply', ['a number', 'a list', 'not UTF-8', 'no results', 'garbage'])
def test_a_description_is_loaded_at_once(esi: Sandbox, reply: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr('esipy.clock.sleep', waited.append)
    with malicious(REPLIES[reply]) as port, redis.Redis(port=port, socket_timeout=0.5, protocol=2) as client:
        assert EsiApp(meta_url=esi.spec_url, cache=RedisCache(client)).op['get_status']
    assert sum(waited) < 1


@pytest.mark.parametrize('decoded', [False, True], ids=['bytes', 'texts'])
@pytest.mark.parametrize('reply', REPLIES)
def test_the_errors_of_a_token_store_are_its_own(reply: str, decoded: bool) -> None:
    with (
        malicious(REPLIES[reply]) as port,
        redis.Redis(port=port, socket_timeout=0.5, protocol=2, decode_responses=decoded) as client,
        Watch([SECRET]) as watch,
    ):
        store = RedisTokens(client, hold=0.2, wait=0.4)
        commands: list[Callable[[], Any]] = [
            lambda: store.get('id', 1),
            lambda: store.set(Tokens('id', 1, SECRET, SECRET, 1.0, ())),
            lambda: store.delete('id', 1),
            lambda: store.characters('id'),
        ]
        for command in commands:
            try:
                watch.text('a result', repr(command()))
            except TokenStoreError as error:
                watch.error(error)
        with contextlib.suppress(TokenStoreError), store.lock('id', 1):
            pass
    assert watch.leaks() == []


def _greeting(request: bytes) -> bytes:
    return b'-ERR unknown command\r\n' * (request.count(b'SETINFO') + request.count(b'HELLO'))


#: What it begins with, what it goes on with, and the seconds in between.
UNENDING: dict[str, tuple[bytes, bytes, float]] = {
    'a byte at a time': (b'$100000\r\n', b'x', 0.02),
    'a byte of a line at a time': (b'+', b'x', 0.02),
    'a line without an end': (b'+', b'x' * 65536, 0.0),
    'a number without an end': (b':', b'9' * 65536, 0.0),
    'a text without an end': (b'$999999999999\r\n', b'x' * 65536, 0.0),
    'a list without an end': (b'*1000000000\r\n', b':1\r\n' * 10_000, 0.0),
    'lists in a list without an end': (b'*1000000000\r\n', b'*0\r\n' * 10_000, 0.0),
    'a list of a byte at a time': (b'*1000000000\r\n', b'*0\r\n', 0.02),
    'replies without an end': (b'', b'$1\r\na\r\n' * 10_000, 0.0),
}


@pytest.mark.parametrize('reply', UNENDING)
@pytest.mark.parametrize('protocol', [2, 3])
def test_it_ends(reply: str, protocol: int, esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """redis-py's timeout starts again with every byte, and it reads as much as a reply announces."""
    monkeypatch.setattr('esipy._runtime.bounded_socket.MAX_REPLY', 2**20)
    begin, more, pause = UNENDING[reply]
    call = App.create(esi.document).op['get_status']
    with (
        Unending(begin, more, pause, _greeting if protocol == 2 else lambda request: b'') as server,
        redis.Redis(port=server.port, socket_timeout=0.1, protocol=protocol) as client,
    ):
        store = RedisTokens(client, hold=0.1, wait=0.2)
        commands: list[Callable[[], Any]] = [
            lambda: store.get('id', 1),
            lambda: store.set(Tokens('id', 1, SECRET)),
            lambda: store.characters('id'),
            lambda: store.lock('id', 1).__enter__(),
        ]
        for command in commands:
            assert isinstance(in_time(command), TokenStoreError) or reply == 'replies without an end'
        for option in ({'cache': RedisCache(client)}, {'limits': RedisLimits(client)}):
            with EsiClient(user_agent='tests', **option) as caller:
                assert in_time(lambda: caller.request(call()).status) == 200
        # What is sent beyond the bound stays in the buffers of the system.
        assert server.sent < (server.requests + 20) * 16 * 2**20


def test_a_connection_that_the_server_has_closed_is_replaced(redis_on: Server) -> None:
    """Redis closes idle connections (`timeout`): the look whether one is closed must see it through the bound."""
    with redis.Redis(port=redis_on.port) as client:
        cache = RedisCache(client)
        cache.set('key', 1)
        for _ in range(3):
            client.client_kill_filter(_type='normal', skipme=False)
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
            assert cache.get('key') == 1
