"""EsiApp on any of the stores: workers that start at once fetch the document once, and start without a network."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memcache
import pymemcache
import pytest
import redis
from pymemcache.client.hash import HashClient

from esipy import EsiApp, clock
from esipy.cache import BaseCache, DictCache, FileCache, MemcachedCache, RedisCache, _hash
from esipy.exceptions import APIException
from esipy.sandbox import Sandbox
from tests.cases.documents import LIVE, path_of
from tests.databases import Server as Database
from tests.servers import Server, Visit, response_bytes, unused_url

STARTER = Path(__file__).with_name('starter.py')
ROOT = Path(__file__).parents[2]
META = '/meta/openapi.json'
KEY = 'esipy:app:meta_swagger_url'
CLAIM = f'{KEY}:claim'

# python-memcached leaves the connections of ended threads, and of servers that are down, to the garbage collector.
pytestmark = pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')


@pytest.fixture(params=['file', 'redis', 'memcached'])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """An empty shared store: its name, and where it is."""
    if request.param == 'file':
        yield 'file', str(tmp_path / 'cache')
        return
    server: Database = request.getfixturevalue(f'{request.param}_on')
    if request.param == 'redis':
        with redis.Redis(port=server.port) as client:
            client.flushall()
    else:
        own = pymemcache.Client(('127.0.0.1', server.port))
        own.delete_many([_hash(KEY), _hash(CLAIM)], noreply=False)
        own.close()
    yield request.param, str(server.port)


@pytest.fixture
def cache(place: tuple[str, str]) -> Iterator[BaseCache]:
    """A cache of this process in the same store."""
    if place[0] == 'file':
        kept = FileCache(place[1])
        yield kept
        kept.close()
    elif place[0] == 'redis':
        with redis.Redis(port=int(place[1])) as client:
            yield RedisCache(client)
    else:
        own = memcache.Client([f'127.0.0.1:{place[1]}'])
        yield MemcachedCache(own)
        own.disconnect_all()


def start(place: tuple[str, str], address: str, workers: int = 4) -> list[dict[str, Any]]:
    """Workers in processes of their own, which begin when the last one is ready: what they tell."""
    command = [sys.executable, str(STARTER), *place, address]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    reports = []
    try:
        for worker in running:
            assert worker.stdout is not None
            assert worker.stdout.readline() == 'ready\n'
        for worker in running:
            assert worker.stdin is not None
            worker.stdin.write('go\n')
            worker.stdin.flush()
        for worker in running:
            out, _ = worker.communicate(timeout=60)
            assert worker.returncode == 0
            reports.append(json.loads(out))
    finally:
        for worker in running:
            worker.kill()
            worker.wait()
    return reports


def test_four_workers_fetch_the_document_once(place: tuple[str, str]) -> None:
    with Sandbox() as esi:
        esi.faults.add('latency', seconds=0.5)
        reports = start(place, esi.url + META)
        assert len([entry for entry in esi.log if entry.path.startswith(META)]) == 1
    assert {one['operations'] for one in reports} == {reports[0]['operations']}
    assert [one['warnings'] for one in reports] == [[]] * 4


def test_they_start_without_a_network(place: tuple[str, str]) -> None:
    with Sandbox() as esi:
        address = esi.url + META
        first = start(place, address, 1)
    # The server is gone; the copy is fresh, and then it is old.
    assert start(place, address, 2) == first * 2


def test_an_old_copy_is_used_with_a_warning(place: tuple[str, str], cache: BaseCache) -> None:
    with Sandbox() as esi:
        address = esi.url + META
        EsiApp(cache=cache, meta_url=address)
    clock.move(2 * 86400)
    with pytest.warns(UserWarning, match='using the last copy'):
        app = EsiApp(cache=cache, meta_url=address)
    assert app.op['get_status']


def test_the_real_document_fits(cache: BaseCache) -> None:
    """Memcached takes one megabyte; the document is larger, and packed."""
    document = path_of(LIVE).read_bytes()
    assert len(document) > 2**20
    with Server(lambda visit: visit.send(response_bytes(document, headers={'ETag': '"x"'}))) as server:
        for _ in range(2):
            app = EsiApp(cache=cache, meta_url=server.url + META)
            assert app.op['get_status']
        assert len(server.visits) == 1


def test_a_worker_that_dies_with_the_claim_holds_up_nobody_for_long(
    cache: BaseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('esipy.app._CLAIMED', 1)
    assert cache.acquire(CLAIM, 3600)
    with Sandbox() as esi:
        begun = time.monotonic()
        assert EsiApp(cache=cache, meta_url=esi.url + META).op['get_status']
        assert 0.9 < time.monotonic() - begun < 30
        assert len(esi.log) == 1


# ---------------------------------------------------------------------- in one process


def at_once(work: Any, count: int = 10) -> list[Any]:
    results: list[Any] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_several_apps_of_one_process_fetch_it_once() -> None:
    cache = DictCache()
    with Sandbox() as esi:
        esi.faults.add('latency', seconds=0.3)
        apps = at_once(lambda: EsiApp(cache=cache, meta_url=esi.url + META))
        assert [len(app.op) for app in apps] == [len(apps[0].op)] * 10
        assert len(esi.log) == 1


def test_where_the_first_one_fails_the_next_one_goes() -> None:
    cache = DictCache()
    visits: list[Visit] = []

    def page(visit: Visit) -> None:
        visits.append(visit)
        visit.send(response_bytes({'error': 'no'}, 403))

    with Server(page) as server:
        errors = at_once(lambda: EsiApp(cache=cache, meta_url=server.url + META), 4)
    assert [type(error).__name__ for error in errors] == ['ForbiddenError'] * 4
    assert len(visits) == 4
    assert cache.acquire(CLAIM, 1)


def test_a_server_that_is_down_gives_the_claim_back() -> None:
    cache = DictCache()
    with pytest.raises(APIException):
        EsiApp(cache=cache, meta_url=unused_url())
    assert cache.acquire(CLAIM, 1)


class Refusing(DictCache):
    """Says no to everybody, and keeps nothing: as a client does whose server is down."""

    def set(self, *args: Any) -> None:
        pass

    def acquire(self, key: Any, expire: int) -> bool:
        return False


class Raising(DictCache):
    def acquire(self, key: Any, expire: int) -> bool:
        raise OSError('down')


def test_a_cache_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy.app._CLAIMED', 0.2)
    with Sandbox() as esi:
        for cache in (Refusing(), Raising()):
            assert EsiApp(cache=cache, meta_url=esi.url + META).op['get_status']


@pytest.mark.parametrize('kind', ['memcache', 'pymemcache', 'hashed'])
def test_a_memcached_that_is_down_holds_up_nobody(kind: str) -> None:
    port = int(unused_url().rpartition(':')[2])
    if kind == 'memcache':
        own: Any = memcache.Client([f'127.0.0.1:{port}'])
    elif kind == 'pymemcache':
        own = pymemcache.Client(('127.0.0.1', port))
    else:
        own = HashClient([('127.0.0.1', port)], ignore_exc=True)
    with Sandbox() as esi:
        begun = time.monotonic()
        assert EsiApp(cache=MemcachedCache(own), meta_url=esi.url + META).op['get_status']
        assert time.monotonic() - begun < 20


def test_apps_that_want_other_documents_share_a_cache() -> None:
    cache = DictCache()
    with Sandbox() as esi, Sandbox() as other:
        first = EsiApp(cache=cache, meta_url=esi.url + META)
        second = EsiApp(cache=cache, meta_url=other.url + META)
        assert len(first.op) == len(second.op)
        EsiApp(cache=cache, meta_url=other.url + META, compatibility_date='2025-12-16')
        asked = [entry.path for entry in other.log]
    assert asked[1].endswith('?compatibility_date=2025-12-16')
    assert len(asked) == 2
