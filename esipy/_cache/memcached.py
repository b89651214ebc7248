"""MemcachedCache: in memcached, through python-memcached or pymemcache."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

from esipy._cache.shared import LOGGER, SharedCache
from esipy._runtime import fork
from esipy._runtime.bounded_socket import Bounded, BoundedSocket
from esipy._runtime.lazy import missing_extra

#: What memcached takes of one value by default, less room for its own notes.
LARGEST = 2**20 - 1024

#: From this many seconds on memcached takes a lifetime for a date (protocol.txt, "Expiration times").
_THIRTY_DAYS = 30 * 86400

_PACKED = b'z'
_PLAIN = b'-'

#: The most that a packed value may become.
_MOST = 64 * 2**20

#: Seconds to wait for memcached where the app's client sets no limit, as pymemcache's by default.
DEFAULT_TIMEOUT = 5.0


class MemcachedCache(SharedCache):
    """Stores values in memcached. `memcache_client`: a `memcache.Client` (python-memcached) or a client of pymemcache.

    A value that is too large for memcached is compressed; if it is still too large it is not stored, which is logged
    once. The client's timeout is how long a call waits when memcached hangs (5 seconds where it has none). `secret`:
    seals every entry, so that others who can write to memcached cannot forge one. Raises TypeError for another client.
    """

    def __init__(self, memcache_client: Any, secret: str | bytes | None = None) -> None:
        super().__init__(secret)
        kind = type(memcache_client).__module__.partition('.')[0]
        if kind == 'pymemcache':
            self._guard: Any = _PymemcacheGuard(memcache_client)
        else:
            try:
                import memcache
            except ImportError as error:
                raise missing_extra('this cache', 'python-memcached', 'memcached', error) from None
            if not isinstance(memcache_client, memcache.Client):
                kind = type(memcache_client).__name__
                raise TypeError(f'memcache_client must be a memcache.Client or a client of pymemcache, not {kind}')
            self._guard = _MemcacheGuard(memcache_client)
        self._mc = memcache_client
        self._has_warned = False
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        # One connection of pymemcache is for one thread at a time; the other clients see to that themselves.
        self._lock: Any = threading.Lock() if self._guard.one_at_a_time else nullcontext()

    def _load(self, name: str) -> Any:
        with self._lock, self._guard.in_use():
            data = self._mc.get(name)
        return _unpacked(data) if isinstance(data, bytes) else None

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        packed = _PLAIN + data
        if len(packed) > LARGEST:
            packed = _PACKED + zlib.compress(data, 1)
        if len(packed) > LARGEST:
            self._warn_too_large(len(data))
            return self._delete(name)
        with self._lock, self._guard.in_use():
            seconds = 0 if expire is None else min(expire, _THIRTY_DAYS)
            return self._mc.set(name, packed, seconds, noreply=False)

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        with self._lock, self._guard.in_use():
            if self._mc.add(name, _PLAIN + data, expire, noreply=False):
                return True
        # Some clients return False also if the server is down: then no caller would be the first.
        return self._load(name) is None

    def _delete(self, name: str) -> Any:
        with self._lock, self._guard.in_use():
            return self._mc.delete(name, noreply=False)

    def _warn_too_large(self, size: int) -> None:
        if not self._has_warned:
            self._has_warned = True
            LOGGER.warning('a value of %d bytes is too large for memcached and is not stored (logged once)', size)


def _unpacked(data: bytes) -> bytes | None:
    if data[:1] == _PLAIN:
        return data[1:]
    if data[:1] != _PACKED:
        return None
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(data[1:], _MOST)
    except zlib.error:
        return None
    return plain if unpacker.eof else None


class _MemcacheGuard:
    """Keeps python-memcached from unpickling and unpacking during our own use, and bounds what it reads then. Its
    clients are thread-local objects, so that another thread's use is not touched."""

    one_at_a_time = False

    def __init__(self, client: Any) -> None:
        self._client = client

    @contextmanager
    def in_use(self) -> Iterator[None]:
        client = self._client
        seconds = 0.0
        for server in client.servers:
            kind: Any = type(server)
            server.__class__ = _bounded_server(kind)
            seconds = max(seconds, server.socket_timeout or DEFAULT_TIMEOUT)
        saved = client.unpickler, client.decompressor
        client.unpickler, client.decompressor = _refuse, _nothing
        try:
            with Bounded(seconds or DEFAULT_TIMEOUT):
                yield
        except BaseException:  # the rest of a reply must not be read as the next reply
            client.disconnect_all()
            raise
        finally:
            client.unpickler, client.decompressor = saved


@lru_cache
def _bounded_server(kind: Any) -> Any:
    """Return a class of python-memcached's servers whose sockets are bounded (`_get_socket`, read in 1.62)."""
    if hasattr(kind, 'is_bounded'):
        return kind

    def get_socket(self: Any) -> Any:
        sock = kind._get_socket(self)
        if sock is not None and type(sock) is not BoundedSocket:
            sock = self.socket = BoundedSocket(sock)
        return sock

    return type(kind.__name__, (kind,), {'_get_socket': get_socket, 'is_bounded': True})


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise ValueError('esipy keeps no pickles')


def _nothing(data: bytes) -> bytes:
    return b''


class _PymemcacheGuard:
    """Keeps a pymemcache client's own decoding from what we read, since it may be one that unpickles, and bounds what
    it reads for us."""

    def __init__(self, client: Any) -> None:
        self._state = threading.local()
        client = client.__dict__.get('_client', client)  # the one behind a retrying client
        pooled = hasattr(client, 'client_pool') or getattr(client, 'use_pooling', False)
        self.one_at_a_time = not pooled
        self._seconds = DEFAULT_TIMEOUT
        if hasattr(client, 'clients'):
            client.__class__ = _guarded_hash_client(type(client), self)
            self.protect_all(client)
        else:
            self._protect(client)
            self._seconds = client.timeout or DEFAULT_TIMEOUT

    def protect_all(self, client: Any) -> None:
        """Protect the clients of a hash client, one for each server. It makes another one for a server that is back."""
        for one in client.clients.values():
            self._protect(one)
            self._seconds = one.timeout or DEFAULT_TIMEOUT

    def _protect(self, one: Any) -> None:
        if isinstance(one.serde, _Serde) and one.serde.state is self._state:
            return
        one.serde = _Serde(one.serde, self._state)
        one.connect_timeout = one.connect_timeout or DEFAULT_TIMEOUT
        one.close()  # those that wait in a pool decode as before
        if hasattr(one, 'client_pool'):
            one.client_class = _bounded_client(one.client_class)
        else:
            kind: Any = type(one)
            one.__class__ = _bounded_client(kind)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        self._state.in_use = True
        try:
            with Bounded(self._seconds):
                yield
        finally:
            self._state.in_use = False


@lru_cache
def _bounded_client(kind: Any) -> Any:
    """Return a class of pymemcache's clients whose sockets are bounded (`_connect` and `sock`, read in 4.0)."""
    if hasattr(kind, 'is_bounded'):
        return kind

    def connect(self: Any) -> None:
        kind._connect(self)
        self.sock = BoundedSocket(self.sock)

    return type(kind.__name__, (kind,), {'_connect': connect, 'is_bounded': True})


def _guarded_hash_client(kind: Any, guard: _PymemcacheGuard) -> Any:
    """Return a class of hash clients that protect what they make for a server that comes, or comes back."""

    def add_server(self: Any, *server: Any) -> None:
        kind.add_server(self, *server)
        guard.protect_all(self)

    return type(kind.__name__, (kind,), {'add_server': add_server})


class _Serde:
    """A client's own coder, except while its thread is in use by us: then only bare bytes come through."""

    def __init__(self, own: Any, state: threading.local) -> None:
        self._own = own
        self.state = state

    def serialize(self, key: Any, value: Any) -> Any:
        return (value, 0) if type(value) is bytes else self._own.serialize(key, value)

    def deserialize(self, key: Any, value: Any, flags: int) -> Any:
        if getattr(self.state, 'in_use', False):
            return value if flags == 0 else None
        return self._own.deserialize(key, value, flags)
