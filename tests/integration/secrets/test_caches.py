"""Nothing secret is in any cache."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import memcache
import pytest
import redis
import requests

from esipy import clock
from esipy.cache import BaseCache, DictCache, DummyCache, FileCache, MemcachedCache, RedisCache
from tests.integration.secrets.planted import CODE, SECRETS, World
from tests.integration.secrets.ways import API_FAULTS, WAYS
from tests.leaks import Watch, WatchedCache

Opened = tuple[BaseCache, Callable[[], bytes]]


def _dummy(directory: Path, request: pytest.FixtureRequest) -> Opened:
    return DummyCache(), lambda: b''


def _dict(directory: Path, request: pytest.FixtureRequest) -> Opened:
    cache = DictCache()
    return cache, lambda: repr(vars(cache)).encode()


def _file(directory: Path, request: pytest.FixtureRequest) -> Opened:
    cache = FileCache(directory)
    request.addfinalizer(cache.close)
    return cache, lambda: b''.join(one.read_bytes() for one in directory.rglob('*') if one.is_file())


def _redis(directory: Path, request: pytest.FixtureRequest) -> Opened:
    server = redis.Redis(port=request.getfixturevalue('redis_on').port)
    request.addfinalizer(server.close)
    server.flushall()
    return RedisCache(server), lambda: b''.join(key + (server.get(key) or b'') for key in server.scan_iter())


def _memcached(directory: Path, request: pytest.FixtureRequest) -> Opened:
    port = request.getfixturevalue('memcached_on').port
    server = memcache.Client([f'127.0.0.1:{port}'])
    request.addfinalizer(server.disconnect_all)
    return MemcachedCache(server), lambda: _all_of_memcached(port)


def _all_of_memcached(port: int) -> bytes:
    """Every key and every value, by its own protocol."""
    with socket.create_connection(('127.0.0.1', port), timeout=5) as connection:
        reader = connection.makefile('rb')
        connection.sendall(b'lru_crawler metadump all\r\n')
        keys = []
        while (line := reader.readline()).startswith(b'key='):
            keys.append(requests.utils.unquote(line.split()[0][4:].decode()).encode())  # type: ignore[attr-defined]
        found = b''
        for key in keys:
            connection.sendall(b'get ' + key + b'\r\n')
            head = reader.readline()
            found += head + (reader.read(int(head.split()[3])) if head.startswith(b'VALUE') else b'')
            while reader.readline() not in (b'END\r\n', b''):
                pass
        return found


CACHES = {'dummy': _dummy, 'dict': _dict, 'file': _file, 'redis': _redis, 'memcached': _memcached}


@pytest.mark.parametrize('name', CACHES)
def test_nothing_secret_is_in_a_cache(name: str, world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Keys, entries, and all bytes that the store has. Fails when `make_cache_key` takes the Authorization header or a
    token of the query as it is."""
    opened, everything = CACHES[name](tmp_path / 'cache', request)
    kept = b''
    with Watch(SECRETS, exempt=('urllib3',)) as watch:
        cache = WatchedCache(watch, opened)
        for way in WAYS.values():
            esi, call = way(world, cache=cache, stale_if_error=60.0, remember_refusals=True)
            with esi:
                for status in (200, 200, 403):
                    world.api = API_FAULTS['403'] if status == 403 else None
                    clock.move(120 if status == 403 else 0)
                    esi.request(call)
                    kept += everything()
                world.api = None
                esi.request(world.call('put_mine', body={}))
        one = world.security(cache=cache)
        one.auth(CODE)
        kept += everything()
        watch.text('what the store has', kept)
        watch.text('a repr', repr(opened))
    assert name == 'dummy' or b'{"a": 1}' in kept
    assert watch.leaks() == []
