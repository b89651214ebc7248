"""Something that is not memcached, or does not mean well, responds in its place: it is a miss, soon, and no pickle is
loaded."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memcache
import pymemcache
import pytest
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.serde import pickle_serde

from esipy import App, EsiClient
from esipy._cache.envelope import seal
from esipy.cache import MemcachedCache, _hash
from esipy.sandbox import Sandbox
from esipy.testing import ANSWER, KEY
from tests.contract.test_stores import Evil
from tests.contract.unending import Unending, in_time

NAME = _hash(KEY).encode()
OTHER = _hash('another key').encode()

#: Seconds that a client waits.
TIMEOUT = 0.1

pytestmark = pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')  # python-memcached's sockets


def value(data: bytes, name: bytes = NAME, flags: int = 0, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return b'VALUE %s %d %d\r\n%s\r\nEND\r\n' % (name, flags, size, data)


_THEIRS = b'-' + seal(OTHER.decode(), ANSWER)
_OURS = b'-' + seal(NAME.decode(), ANSWER)

#: What it says, to everything. None: it hangs up.
REPLIES: dict[str, bytes | None] = {
    'nothing': b'END\r\n',
    'the value of another key': value(_THEIRS, OTHER),
    'the value of another key under this one': value(_THEIRS),
    'another one first': value(_THEIRS, OTHER)[:-5] + value(_THEIRS)[:-5] + value(_THEIRS, OTHER),
    'two replies': value(_THEIRS) + value(_THEIRS),
    'too short a length': value(_OURS, length=10),
    'too long a length': value(_OURS, length=len(_OURS) + 100),
    'a negative length': value(_OURS, length=-5),
    'a length of 2': value(b'', length=-2),
    'a terabyte that never comes': value(b'abc', length=10**12),
    'a length that no integer holds': value(b'abc', length=10**30),
    'a length that is not one': b'VALUE %s 0 abc\r\nabc\r\nEND\r\n' % NAME,
    'no length': b'VALUE %s 0\r\nabc\r\nEND\r\n' % NAME,
    'flags that are not any': b'VALUE %s x 3\r\nabc\r\nEND\r\n' % NAME,
    'unknown flags': value(_OURS, flags=2**31),
    'negative flags': value(_OURS, flags=-1),
    'flags of a text': value(b'\xff\xfe', flags=16),
    'flags of an integer': value(b'9' * 10_000, flags=2),
    'flags of a long': value(b'9' * 10_000, flags=4),
    'flags of something packed': value(zlib.compress(bytes(10**7)), flags=8),
    'ours, packed twice': value(b'z' + zlib.compress(zlib.compress(bytes(10**7)))),
    'ours, packed to more than fits': value(b'z' + zlib.compress(bytes(70 * 2**20))),
    'ours, packed and cut short': value(b'z' + zlib.compress(_OURS)[:-9]),
    'STORED': b'STORED\r\n',
    'NOT_STORED': b'NOT_STORED\r\n',
    'an error': b'SERVER_ERROR out of memory\r\n',
    'a long error': b'SERVER_ERROR ' + b'x' * 100_000 + b'\r\n',
    'a client error': b'CLIENT_ERROR bad\r\n',
    'no command': b'ERROR\r\n',
    'garbage': b'\xff\xfe\x00garbage\r\n',
    'an empty line': b'\r\n',
    'hanging up': None,
    'half a line': b'VALUE ' + NAME,
}

CLIENTS = ['memcache', 'pymemcache', 'pickling', 'pooled', 'hashed', 'hashed and pooled', 'retrying']


@contextlib.contextmanager
def cache_at(port: int, kind: str) -> Iterator[MemcachedCache]:
    address = ('127.0.0.1', port)
    given: dict[str, Any] = {'timeout': TIMEOUT, 'connect_timeout': TIMEOUT, 'serde': pickle_serde}
    if kind == 'memcache':
        client: Any = memcache.Client([f'127.0.0.1:{port}'], socket_timeout=TIMEOUT, dead_retry=0)
    elif kind == 'pymemcache':
        client = pymemcache.Client(address, timeout=TIMEOUT)
    elif kind == 'pickling':
        client = pymemcache.Client(address, **given)
    elif kind == 'pooled':
        client = pymemcache.PooledClient(address, **given)
    elif kind == 'retrying':
        client = RetryingClient(pymemcache.Client(address, **given), attempts=2, retry_delay=0.01)
    else:
        client = HashClient([address], use_pooling=kind.endswith('pooled'), retry_attempts=0, dead_timeout=0, **given)
    try:
        yield MemcachedCache(client)
    finally:
        client.disconnect_all()


@pytest.fixture(scope='module')
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def _get(cache: MemcachedCache) -> Any:
    with contextlib.suppress(Exception):
        return cache.get(KEY)
    return None


def _use(cache: MemcachedCache) -> Any:
    """Use every method, whatever it raises; return what `get` returned, or None."""
    found = _get(cache)
    for use in (lambda: cache.set(KEY, ANSWER), lambda: cache.invalidate(KEY), lambda: cache.acquire(KEY, 5)):
        with contextlib.suppress(Exception):
            use()
    return found


@pytest.mark.parametrize('kind', ['memcache', 'pickling', 'hashed and pooled'])
@pytest.mark.parametrize('reply', REPLIES)
def test_it_is_a_miss(reply: str, kind: str) -> None:
    with Unending(REPLIES[reply]) as server, cache_at(server.port, kind) as cache:
        assert in_time(lambda: _use(cache)) is None


@pytest.mark.parametrize('kind', CLIENTS)
@pytest.mark.parametrize('flags', [0, 1, 9, 17, 255], ids=str)
def test_no_pickle_is_loaded(flags: int, kind: str, tmp_path: Path) -> None:
    """Not by the clients' own flags for one, either."""
    data = pickle.dumps(Evil(tmp_path / 'mark'))
    for entry in (data, zlib.compress(data)):
        with Unending(value(entry, flags=flags)) as server, cache_at(server.port, kind) as cache:
            assert in_time(lambda: _get(cache)) is None
    assert not (tmp_path / 'mark').exists()


@pytest.mark.parametrize('kind', ['hashed', 'hashed and pooled'])
def test_no_pickle_is_loaded_from_a_server_that_is_back(kind: str, tmp_path: Path) -> None:
    """A hash client makes a new client for it, which decodes as the app has chosen."""
    data = pickle.dumps(Evil(tmp_path / 'mark'))
    with Unending(value(data, flags=1)) as server, cache_at(server.port, kind) as cache:
        server.begin = b'VAL'  # it hangs, and is taken for dead
        assert in_time(lambda: _get(cache)) is None
        server.begin = value(data, flags=1)
        time.sleep(0.01)  # its `dead_timeout` of no seconds
        before = server.requests
        assert [in_time(lambda: cache.get(KEY)) for _ in range(2)] == [None, None]
        assert server.requests > before
    assert not (tmp_path / 'mark').exists()


UNENDING: dict[str, tuple[bytes, bytes, float]] = {
    'a byte at a time': (value(_OURS)[:50], b'x', 0.05),
    'a byte of a line at a time': (b'VALUE ', b'x', 0.05),
    'a line without an end': (b'VALUE ', b'x' * 65536, 0.0),
    'empty lines': (b'', b'\r\n' * 10_000, 0.0),
    'values without an end': (b'', value(_THEIRS)[:-5] * 100, 0.0),
    'values of another key': (b'', value(_THEIRS, OTHER)[:-5] * 100, 0.0),
    'one value without an end': (b'VALUE %s 0 1000000000000\r\n' % NAME, b'x' * 65536, 0.0),
}


@pytest.mark.parametrize('kind', CLIENTS)
@pytest.mark.parametrize('reply', UNENDING)
def test_it_ends(reply: str, kind: str, esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy._runtime.bounded_socket.MAX_REPLY', 2**20)
    begin, more, pause = UNENDING[reply]
    call = App.create(esi.document).op['get_status']()
    with Unending(begin, more, pause) as server, cache_at(server.port, kind) as cache:
        assert in_time(lambda: _use(cache)) is None
        with EsiClient(user_agent='tests', cache=cache) as client:
            assert in_time(lambda: client.request(call).status) == 200
        # What is sent beyond the bound stays in the buffers of the system.
        assert server.sent < server.requests * 16 * 2**20


@pytest.mark.parametrize('kind', ['pymemcache', 'pooled', 'hashed'])
def test_a_client_without_a_timeout_waits_for_some_seconds(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy._cache.memcached.DEFAULT_TIMEOUT', 0.2)
    made: dict[str, Any] = {
        'pymemcache': lambda address: pymemcache.Client(address),
        'pooled': lambda address: pymemcache.PooledClient(address),
        'hashed': lambda address: HashClient([address], timeout=None, connect_timeout=None),
    }
    with Unending(b'VAL') as server:
        client = made[kind](('127.0.0.1', server.port))
        assert in_time(lambda: _use(MemcachedCache(client))) is None
        client.close()


@pytest.mark.parametrize('kind', ['memcache', 'pickling', 'pooled', 'hashed'])
def test_the_clients_own_use_is_not_bounded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy._runtime.bounded_socket.MAX_REPLY', 100)
    text = value(b'x' * 10_000, b'own')
    with Unending(text) as server, cache_at(server.port, kind) as cache:
        found = in_time(lambda: cache.get('own'))
        assert found is None or isinstance(found, Exception)
        assert cache._mc.get('own') == b'x' * 10_000


def test_a_lock_is_free_again() -> None:
    """Threads share one connection of pymemcache, one after the other."""
    with Unending(b'VAL') as server, cache_at(server.port, 'pymemcache') as cache:
        threads = [threading.Thread(target=_use, args=(cache,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert in_time(lambda: [thread.join() for thread in threads]) == [None, None]
