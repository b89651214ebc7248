"""MemcachedCache: in memcached, through python-memcached or pymemcache."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from esipy._cache.shared import LOGGER, SharedCache
from esipy._runtime import fork
from esipy._runtime.lazy import missing_extra

#: What memcached takes of one value by default, less room for its own notes.
LARGEST = 2**20 - 1024

#: From this many seconds on memcached takes a lifetime for a date (protocol.txt, "Expiration times").
_THIRTY_DAYS = 30 * 86400

_PACKED = b'z'
_PLAIN = b'-'

#: The most that a packed value may become.
_MOST = 64 * 2**20


class MemcachedCache(SharedCache):
    """Stores values in memcached. `memcache_client`: a `memcache.Client` (python-memcached) or a client of pymemcache.

    A value that is too large for memcached is compressed; if it is still too large it is not stored, which is logged
    once. `secret`: seals every entry, so that others who can write to memcached cannot forge one. Raises TypeError for
    another client.
    """

    def __init__(self, memcache_client: Any, secret: str | bytes | None = None) -> None:
        super().__init__(secret)
        kind = type(memcache_client).__module__.partition('.')[0]
        if kind == 'pymemcache':
            self._bytes_only: Any = _PymemcacheGuard(memcache_client)
        else:
            try:
                import memcache
            except ImportError as error:
                raise missing_extra('this cache', 'python-memcached', 'memcached', error) from None
            if not isinstance(memcache_client, memcache.Client):
                raise TypeError('cache must be an instance of memcache.Client')
            self._bytes_only = _MemcacheGuard(memcache_client)
        self._mc = memcache_client
        self._has_warned = False
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        # One connection of pymemcache is for one thread at a time; the other clients see to that themselves.
        self._lock: Any = threading.Lock() if self._bytes_only.one_at_a_time else nullcontext()

    def _load(self, name: str) -> Any:
        with self._lock, self._bytes_only.reading():
            data = self._mc.get(name)
        return _unpacked(data) if isinstance(data, bytes) else None

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        packed = _PLAIN + data
        if len(packed) > LARGEST:
            packed = _PACKED + zlib.compress(data, 1)
        if len(packed) > LARGEST:
            self._warn_too_large(len(data))
            return self._delete(name)
        with self._lock:
            seconds = 0 if expire is None else min(expire, _THIRTY_DAYS)
            return self._mc.set(name, packed, seconds, noreply=False)

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        with self._lock:
            if self._mc.add(name, _PLAIN + data, expire, noreply=False):
                return True
        # Some clients return False also if the server is down: then no caller would be the first.
        return self._load(name) is None

    def _delete(self, name: str) -> Any:
        with self._lock:
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
    """Keeps python-memcached from unpickling and unpacking during our own reading. Its clients are thread-local
    objects, so that another thread's reading is not touched."""

    one_at_a_time = False

    def __init__(self, client: Any) -> None:
        self._client = client

    @contextmanager
    def reading(self) -> Iterator[None]:
        client = self._client
        saved = client.unpickler, client.decompressor
        client.unpickler, client.decompressor = _refuse, _nothing
        try:
            yield
        finally:
            client.unpickler, client.decompressor = saved


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise ValueError('esipy keeps no pickles')


def _nothing(data: bytes) -> bytes:
    return b''


class _PymemcacheGuard:
    """Keeps a pymemcache client's own decoding from what we read: it may be one that unpickles."""

    def __init__(self, client: Any) -> None:
        self._state = threading.local()
        pooled = hasattr(client, 'client_pool') or getattr(client, 'use_pooling', False)
        self.one_at_a_time = not pooled
        for one in _clients(client):
            one.serde = _Serde(one.serde, self._state)
            if hasattr(one, 'client_pool'):
                one.close()  # those that wait in the pool decode as before

    @contextmanager
    def reading(self) -> Iterator[None]:
        self._state.reading = True
        try:
            yield
        finally:
            self._state.reading = False


class _Serde:
    """A client's own coder, except while its thread reads for us: then only bare bytes come through."""

    def __init__(self, own: Any, state: threading.local) -> None:
        self._own = own
        self._state = state

    def serialize(self, key: Any, value: Any) -> Any:
        return (value, 0) if type(value) is bytes else self._own.serialize(key, value)

    def deserialize(self, key: Any, value: Any, flags: int) -> Any:
        if getattr(self._state, 'reading', False):
            return value if flags == 0 else None
        return self._own.deserialize(key, value, flags)


def _clients(client: Any) -> list[Any]:
    """The clients that talk to a server each: of a hash client all its own, of a retrying one the one behind it."""
    client = client.__dict__.get('_client', client)
    return list(client.clients.values()) if hasattr(client, 'clients') else [client]
