"""What one process has kept another one finds: other hash seeds, other Pythons, many at once, servers that die."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import memcache
import pymemcache
import pytest
import redis

from esipy import App, EsiClient
from esipy._cache.keys import frozendict
from esipy.cache import BaseCache, FileCache, MemcachedCache, RedisCache, _hash
from esipy.sandbox import Sandbox
from tests.databases import Server, memcached_server, redis_server
from tests.integration.things import app_at
from tests.servers import Server as Web
from tests.servers import Visit, response_bytes, wait_until

WORKER = Path(__file__).with_name('worker.py')
ROOT = Path(__file__).parents[2]

U = 'https://esi.evetech.net/status'

#: Keys and their hashes, which must never change: a change empties every shared cache there is.
HASHES: list[tuple[Any, str]] = [
    ('esipy:app:meta_swagger_url', 'esi_d62d427d3b6fa29f2d5c1b2e068ef07f'),
    ('', 'esi_d41d8cd98f00b204e9800998ecf8427e'),
    ('ünïcode', 'esi_cd1850cd26e86481ddbc2c94e29e1224'),
    ((U, frozendict(), frozendict(), frozendict()), 'esi_ccf415f83dd9764e9af51f7c33d27ba8'),
    ((U, frozendict({'accept-language': 'de'}), frozendict(), frozendict()), 'esi_a32c27d13941d14af67aad9975c0b081'),
    (
        (U, frozendict({'b': '2', 'a': '1'}), frozendict({'x': '1'}), frozendict({'page': '2'})),
        'esi_a45f2f7d3212332c545f8a05aa530c0c',
    ),
    ((U, frozendict(), frozendict(), frozendict({'ids': ('1', '2')})), 'esi_40585863d2f0a526b0da8ec01d6b9179'),
    (
        (U, frozendict({'authorization': 'character:90000001'}), frozendict(), frozendict()),
        'esi_c1c0a529f6b8a433981eab3607bc7f76',
    ),
    ((U, frozenset({('a', '1'), ('b', '2')}), frozenset(), frozenset()), 'esi_37da67e9a589fee27a76ca0674aa7535'),
    ((1, 2.5, None, True, b'x'), 'esi_112c7e423af75986aa65b2db304e0b6e'),
]


@cache
def interpreters() -> list[str]:
    """This Python, and those of other versions that the machine has."""
    found = {sys.version_info[:2]: sys.executable}
    places = [*os.environ.get('PATH', '').split(os.pathsep), *map(str, Path.home().glob('.pyenv/versions/*/bin'))]
    for minor in (11, 12, 13, 14):
        for place in places:
            program = Path(place) / f'python3.{minor}'
            if (3, minor) not in found and program.is_file() and _can_run(program):
                found[3, minor] = str(program)
    return list(found.values())


def environment(seed: str = 'random') -> dict[str, str]:
    """Where an interpreter of another version finds esipy and the pure Python packages of this one."""
    site = [path for path in sys.path if path.endswith('site-packages')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *site]), 'PYTHONHASHSEED': seed}


def _can_run(program: Path) -> bool:
    command = [str(program), '-c', 'import esipy, redis, diskcache, memcache']
    return subprocess.run(command, env=environment(), capture_output=True, check=False).returncode == 0


@pytest.fixture(scope='module')
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=['file', 'redis', 'memcached'])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A shared store: its name, and where it is."""
    if request.param == 'file':
        return 'file', str(tmp_path / 'cache')
    server: Server = request.getfixturevalue(f'{request.param}_on')
    if request.param == 'redis':
        with redis.Redis(port=server.port) as client:
            client.flushall()
    return request.param, str(server.port)


def run(program: str, place: tuple[str, str], esi: Sandbox, times: int, seed: str, *more: str) -> dict[str, Any]:
    command = [program, str(WORKER), place[0], esi.url, place[1], str(times), *more]
    done = subprocess.run(command, env=environment(seed), capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    saw: dict[str, Any] = json.loads(done.stdout)
    return saw


@pytest.mark.parametrize(('key', 'hashed'), HASHES, ids=lambda value: repr(value)[:40])
def test_the_hash_of_a_key_never_changes(key: Any, hashed: str) -> None:
    assert _hash(key) == hashed


def test_other_seeds_and_other_pythons_hit_each_others_entries(place: tuple[str, str], esi: Sandbox) -> None:
    programs = interpreters()
    first = run(programs[0], place, esi, 10, '1')
    # memcached cannot be emptied at once, and holds what the run before this one left
    assert first['cached'] == 0 or place[0] == 'memcached'
    for seed, program in enumerate(programs, 2):
        saw = run(program, place, esi, 10, str(seed))
        assert saw['cached'] == 10
        assert saw['bodies'] == first['bodies']


def test_a_private_response_is_not_found_by_another_token(place: tuple[str, str], esi: Sandbox) -> None:
    mine, yours = esi.token(90000001), esi.token(90000001)
    assert run(sys.executable, place, esi, 2, '1', mine)['cached'] == 1
    assert run(sys.executable, place, esi, 2, '2', mine)['cached'] == 2
    assert run(sys.executable, place, esi, 2, '3', yours)['cached'] == 1


@pytest.mark.parametrize('place', ['file', 'redis'], indirect=True)
def test_four_processes_at_once(place: tuple[str, str], esi: Sandbox) -> None:
    with ThreadPoolExecutor(4) as pool:
        saw = list(pool.map(lambda seed: run(sys.executable, place, esi, 1000, str(seed)), range(4)))
    assert len({tuple(one['bodies']) for one in saw}) == 1
    # Ten different calls: at worst each process misses each of them once.
    assert sum(one['cached'] for one in saw) >= 4 * 1000 - 40


#: Seconds that the databases' clients wait, that a call takes at most on a busy machine, and for which a database says
#: nothing: a call that waits for it takes as long.
OUTAGE_TIMEOUT = 0.5
NORMAL = 4.0
SILENCE = 6.0


def database_at(kind: str, port: int) -> tuple[BaseCache, Any]:
    """A cache whose client waits for OUTAGE_TIMEOUT and no longer, and what closes it."""
    if kind == 'redis':
        client: Any = redis.Redis(port=port, socket_timeout=OUTAGE_TIMEOUT)
        return RedisCache(client), client.close
    if kind == 'pymemcache':
        address = ('127.0.0.1', port)
        client = pymemcache.PooledClient(address, timeout=OUTAGE_TIMEOUT, connect_timeout=OUTAGE_TIMEOUT)
        return MemcachedCache(client), client.close
    client = memcache.Client([f'127.0.0.1:{port}'], socket_timeout=OUTAGE_TIMEOUT)
    return MemcachedCache(client), client.disconnect_all


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')  # python-memcached's sockets
@pytest.mark.parametrize('outage', ['killed', 'stopped in its tracks'])
@pytest.mark.parametrize('kind', ['redis', 'pymemcache', 'memcache'])
def test_a_database_that_dies_under_load_fails_no_call(kind: str, outage: str, esi: Sandbox, tmp_path: Path) -> None:
    """And it is used again when it is back. 20 threads call all the while, also what is not in the cache yet."""
    context = redis_server(tmp_path) if kind == 'redis' else memcached_server(tmp_path)
    app = App.create(esi.document)
    with context as server:
        cache, close = database_at(kind, server.port)
        stop = threading.Event()
        slowest = [0.0]
        answered = [0]

        with EsiClient(cache=cache, user_agent='test/1.0') as client:

            def work(number: int) -> None:
                dice = random.Random(number)
                while not stop.is_set():
                    wanted = dice.randrange(1, 400)
                    begun = time.monotonic()
                    call = app.op['get_universe_types_type_id'](type_id=wanted)
                    assert client.request(call, raise_on_error=True).data.type_id == wanted
                    slowest[0] = max(slowest[0], time.monotonic() - begun)
                    answered[0] += 1

            with ThreadPoolExecutor(20) as pool:
                futures = [pool.submit(work, number) for number in range(20)]
                time.sleep(0.5)
                if outage == 'killed':
                    server.kill()
                    time.sleep(2)
                    server.start()
                else:
                    server.pause()
                    time.sleep(SILENCE)
                    server.resume()
                time.sleep(1.5)
                stop.set()
                for future in futures:
                    future.result()
            if kind != 'memcache':  # which leaves a server that was down alone for half a minute
                call = app.op['get_universe_types_type_id'](type_id=1000)
                # On a busy machine one more call may have waited in vain: then the cache is skipped for a second.
                wait_until(lambda: client.request(call).from_cache)
        close()
    assert answered[0] > 100
    assert slowest[0] < OUTAGE_TIMEOUT + NORMAL


class Counted(BaseCache):
    """A cache that counts how often it is asked."""

    def __init__(self, cache: BaseCache) -> None:
        self.cache, self.asked = cache, 0

    def get(self, key: Any, default: Any = None) -> Any:
        self.asked += 1
        return self.cache.get(key, default)

    def set(self, key: Any, value: Any, expire: float | None = 300) -> None:
        self.asked += 1
        self.cache.set(key, value, expire)

    def invalidate(self, key: Any) -> None:
        self.asked += 1
        self.cache.invalidate(key)


@pytest.mark.parametrize('kind', ['redis', 'pymemcache'])
def test_a_store_that_hangs_costs_a_slow_call_its_timeout_once(kind: str, tmp_path: Path) -> None:
    """Slower than the store is left alone: what hung when the call began is not asked again when it ends."""

    def slow(visit: Visit) -> None:
        time.sleep(1.5)
        visit.send(response_bytes({}, headers={'Cache-Control': 'max-age=60'}))

    context = redis_server(tmp_path) if kind == 'redis' else memcached_server(tmp_path)
    with Web(slow) as web, context as server, EsiClient(cache=None, user_agent='test/1.0') as client:
        cache, close = database_at(kind, server.port)
        client.cache = counted = Counted(cache)
        server.pause()
        assert client.request(app_at(web.url).op['get_thing']()).ok
        assert counted.asked == 1
        server.resume()
        close()


# ---------------------------------------------------------------------- a full disk

CROWDED = """
import logging, sys, warnings
from esipy import App, EsiClient
from esipy.cache import FileCache
from tests.integration.things import app_at

logging.basicConfig()
url, directory, how = sys.argv[1:]
cache = FileCache(directory)
if how == 'limit':
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
with EsiClient(cache=cache, user_agent='test/1.0') as client:
    operation = app_at(url).op['get_things_id']
    for number in range(60):
        response = client.request(operation(id=str(number % 30)), raise_on_error=True)
        assert response.data.id == str(number % 30), answer.data.id
cache.close()
print('all is well')
"""


@pytest.fixture(params=['limit', 'small disk'])
def crowded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A place where not everything fits: how it is made, and a directory."""
    if request.param == 'limit':
        yield 'limit', tmp_path / 'cache'
        return
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', str(tmp_path)]
    if shutil.which('mount') is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip('only root may mount a small disk')
    yield 'disk', tmp_path / 'cache'
    subprocess.run(['umount', '-l', str(tmp_path)], check=True)


def test_a_full_disk_fails_no_call(crowded: tuple[str, Path]) -> None:
    def page(visit: Visit) -> None:
        body = {'id': visit.path.rpartition('/')[2], 'text': 'x' * 50_000}
        visit.send(response_bytes(body, headers={'Cache-Control': 'max-age=600'}))

    how, directory = crowded
    with Web(page) as web:
        command = [sys.executable, '-c', CROWDED, web.url, str(directory), how]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, 'all is well\n'), done.stderr
    # Told once for each kind of error, and not for each call.
    matching = [line for line in done.stderr.splitlines() if 'continue without the cache' in line]
    assert 1 <= len(matching) <= 4, done.stderr


def test_a_directory_that_goes_away_fails_no_call(tmp_path: Path) -> None:
    with Web(lambda visit: visit.send(response_bytes({}, headers={'Cache-Control': 'max-age=600'}))) as web:
        cache = FileCache(tmp_path / 'cache')
        with EsiClient(cache=cache, user_agent='test/1.0') as client:
            operation = app_at(web.url).op['get_things_id']
            for number in range(10):
                assert client.request(operation(id=str(number))).ok
                if number == 4:
                    shutil.rmtree(tmp_path / 'cache')
        cache.close()
