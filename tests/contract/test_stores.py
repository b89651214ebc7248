"""Every store keeps the contract of caches; the shared ones keep the values of apps too, and never a pickle."""

import gc
import os
import pickle
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diskcache
import memcache
import pymemcache
import pytest
import redis
from pymemcache.client.hash import HashClient
from pymemcache.serde import pickle_serde

from esipy._cache.envelope import seal
from esipy.cache import BaseCache, DictCache, FileCache, MemcachedCache, RedisCache, _hash
from esipy.testing import ANSWER, KEY, CacheContract
from tests.databases import Server

#: What apps keep in a cache beside answers.
VALUES: list[Any] = [
    {'issuer': 'login.eveonline.com', 'n': [1, 2.5, None, True]},
    b'\x00\xff',
    'text: ünïcode',
    (1, 'two', b'three', (4, [5])),
    {1, 2, 3},
    frozenset({'a', 'b'}),
    {1: 'a number as key', (2, 3): 'a tuple as key'},
    {'!bytes': 'a key that looks like a tag'},
    [],
    None,
    0,
    '',
]


class Evil:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


class TestDictCache(CacheContract):
    def make_cache(self) -> BaseCache:
        return DictCache()


class TestOwnSubclass(CacheContract):
    """As an app wrote it for 1.x: with a pickle, a hash, and names of its own for the arguments."""

    def make_cache(self) -> BaseCache:
        class Own(BaseCache):
            def __init__(self) -> None:
                self.stored: dict[str, bytes] = {}

            def set(self, name: Any, data: Any, seconds: Any = 300) -> None:
                self.stored[_hash(name)] = pickle.dumps(data)

            def get(self, name: Any, nothing: Any = None) -> Any:
                data = self.stored.get(_hash(name))
                return nothing if data is None else pickle.loads(data)

            def invalidate(self, name: Any) -> None:
                self.stored.pop(_hash(name), None)

        return Own()


class SharedContract(CacheContract):
    """What the stores outside this process must do besides."""

    #: The files that a pickle would make if it were read.
    directory: Path

    def plant(self, name: str, data: bytes) -> None:
        """Put bytes of an attacker under a name, by the store's own means."""
        raise NotImplementedError

    def plant_pickle(self, name: str, value: Any) -> None:
        """Put a pickle there in the way that the store's own library would read as one."""
        raise NotImplementedError

    @pytest.mark.parametrize('value', VALUES, ids=lambda value: type(value).__name__)
    def test_gives_back_an_apps_values_as_they_were(self, value: Any) -> None:
        cache = self.make_cache()
        cache.set('an app: key', value, 60)
        stored = cache.get('an app: key', 'missing')
        assert stored == value
        assert type(stored) is type(value)

    @pytest.mark.parametrize(
        'value', [object(), 1j, {'x': object()}, CacheContract], ids=lambda value: type(value).__name__
    )
    def test_refuses_what_an_envelope_cannot_hold(self, value: Any) -> None:
        with pytest.raises(TypeError, match='cannot store'):
            self.make_cache().set('key', value, 60)

    def test_a_response_that_another_process_has_changed_is_seen(self) -> None:
        """What was read last is remembered, and compared."""
        cache, other = self.make_cache(), self.make_cache()
        for number in range(5):
            other.set(KEY, ANSWER._replace(content=b'%d' % number), 60)
            assert [cache.get(KEY).content for _ in range(2)] == [b'%d' % number] * 2
        other.invalidate(KEY)
        assert cache.get(KEY) is None

    def test_it_remembers_a_bounded_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr('esipy._cache.shared._MAX_REMEMBERED', 5)
        cache: Any = self.make_cache()
        for number in range(12):
            cache.set(f'key {number}', ANSWER._replace(url=str(number)), 60)
            assert cache.get(f'key {number}').url == str(number)
        assert len(cache._read) <= 5
        cache.set('large', ANSWER._replace(content=bytes(5000)), 60)
        assert cache.get('large').content == bytes(5000)
        assert _hash('large') not in cache._read

    @pytest.mark.parametrize(
        'data',
        [
            b'',
            b'x',
            b'esipy2\x01',
            b'esipy2\x01A',
            b'esipy2\x00V' + b'\0' * 20,
            b'esipy2\x01V' + b'\xff' * 8,
            b'\x80\x04.',
        ],
    )
    def test_a_broken_entry_is_a_miss(self, data: bytes) -> None:
        cache = self.make_cache()
        self.plant(_hash(KEY), data)
        assert cache.get(KEY, 'miss') == 'miss'

    def test_an_entry_cut_short_anywhere_is_a_miss(self) -> None:
        cache = self.make_cache()
        whole = seal(_hash(KEY), ANSWER)
        for length in range(0, len(whole), 7):
            self.plant(_hash(KEY), whole[:length])
            assert cache.get(KEY, 'miss') == 'miss'

    def test_a_planted_pickle_is_never_read(self) -> None:
        cache = self.make_cache()
        trap = self.directory / 'sprung'
        self.plant(_hash(KEY), pickle.dumps(Evil(trap)))
        assert cache.get(KEY, 'miss') == 'miss'
        self.plant_pickle(_hash(KEY), Evil(trap))
        assert cache.get(KEY, 'miss') == 'miss'
        assert not trap.exists()

    def test_only_the_first_claims(self) -> None:
        cache = self.make_cache()
        cache.invalidate('acquire')
        assert cache.acquire('acquire', 60)
        assert not cache.acquire('acquire', 60)
        assert not self.make_cache().acquire('acquire', 60)
        cache.invalidate('acquire')
        assert cache.acquire('acquire', 60)


class TestFileCache(SharedContract):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> Iterator[None]:
        self.directory = tmp_path
        self.caches: list[FileCache] = []
        yield
        for cache in self.caches:
            cache.close()

    def make_cache(self) -> BaseCache:
        cache = FileCache(self.directory / 'cache', size_limit=2**26)
        self.caches.append(cache)
        return cache

    def plant(self, name: str, data: bytes) -> None:
        with diskcache.Cache(self.directory / 'cache') as own:
            own[name] = data

    def plant_pickle(self, name: str, value: Any) -> None:
        with diskcache.Cache(self.directory / 'cache') as own:
            own[name] = value

    def test_a_pickle_in_place_of_a_key_is_never_read(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        trap = self.directory / 'sprung'
        with sqlite3.connect(self.directory / 'cache' / 'cache.db') as database:
            database.execute('UPDATE Cache SET key = ?, raw = 0', (pickle.dumps(Evil(trap)),))
        database.close()
        assert cache.get(KEY) is None
        assert not trap.exists()

    @pytest.mark.parametrize(
        'settings',
        [
            {},
            {'statistics': True},
            {'eviction_policy': 'least-recently-used'},
            {'eviction_policy': 'least-frequently-used', 'size_limit': 2**20},
            {'disk_min_file_size': 10},
            {'sqlite_mmap_size': 0, 'timeout': 1},
            {'disk': diskcache.Disk},
        ],
        ids=repr,
    )
    def test_settings_are_diskcaches(self, settings: dict[str, Any]) -> None:
        cache = FileCache(self.directory / 'cache', **settings)
        self.caches.append(cache)
        for _ in range(2):
            cache.set(KEY, ANSWER, 60)
            assert cache.get(KEY) == ANSWER
        assert cache.get('not there', 'miss') == 'miss'
        if 'statistics' in settings:
            assert cache._cache.stats() == (2, 1)

    def test_what_has_expired_is_a_miss(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 1)
        assert cache.get(KEY) == ANSWER
        time.sleep(1.1)
        assert cache.get(KEY, 'miss') == 'miss'

    def test_it_goes_on_after_close(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        for _ in range(2):
            assert cache.get(KEY) == ANSWER
            self.caches[0].close()

    @pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='open files are read from /proc')
    def test_threads_close_their_connections_after_their_cache_has_gone(self) -> None:
        """From Python 3.13 on, one that is not closed is a ResourceWarning too, which fails the test."""
        caches = [FileCache(self.directory / '0')]
        steps: list[set[str]] = []
        barrier = threading.Barrier(2, timeout=30)

        def work() -> None:
            for _ in range(3):
                caches[-1].set('in a thread', 1, 60)
                steps.append(self.opened())
                barrier.wait()  # the cache is dropped, and another one made
                barrier.wait()

        thread = threading.Thread(target=work)
        thread.start()
        for number in range(1, 4):
            barrier.wait()
            caches.clear()
            gc.collect()
            caches.append(FileCache(self.directory / str(number)))
            barrier.wait()
        thread.join()
        caches.clear()
        gc.collect()
        assert steps == [{'0'}, {'1'}, {'2'}]
        assert self.opened() == set()

    def opened(self) -> set[str]:
        """Return the directories whose database this process has open."""
        links = [Path('/proc/self/fd', name) for name in os.listdir('/proc/self/fd')]
        files = [Path(os.readlink(link)) for link in links if link.is_symlink()]
        return {file.parent.name for file in files if file.parent.parent == self.directory and file.name == 'cache.db'}

    def test_a_forked_child_reads_and_writes(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        assert cache.get(KEY) == ANSWER
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)  # from 3.12: a fork beside threads
            child = os.fork()
        if child == 0:
            good = cache.get(KEY) == ANSWER
            cache.set('child', 1, 60)
            os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert cache.get(KEY) == ANSWER
        assert cache.get('child') == 1

    def test_its_directory_is_private(self) -> None:
        self.make_cache()
        assert os.stat(self.directory / 'cache').st_mode & 0o777 == 0o700

    def test_a_directory_that_is_there_stays_as_it_is_with_one_warning(self) -> None:
        directory = self.directory / 'cache'
        directory.mkdir()
        directory.chmod(0o777)
        with pytest.warns(UserWarning, match='others can write') as warned:
            self.make_cache()
        assert len(warned) == 1
        assert directory.stat().st_mode & 0o777 == 0o777

    def test_a_directory_that_cannot_be_used_warns_and_keeps_nothing(self) -> None:
        (self.directory / 'file').write_text('in the way')
        with pytest.warns(UserWarning, match='cannot be used') as warned:
            cache = FileCache(self.directory / 'file' / 'cache')
        assert len(warned) == 1
        cache.set(KEY, ANSWER, 60)
        cache.invalidate(KEY)
        assert cache.get(KEY, 'miss') == 'miss'


class _Redis(SharedContract):
    decode_responses = False

    @pytest.fixture(autouse=True)
    def _server(self, redis_on: Server, tmp_path: Path) -> Iterator[None]:
        self.directory = tmp_path
        self.client = redis.Redis(port=redis_on.port, decode_responses=self.decode_responses)
        self.client.flushall()
        yield
        self.client.close()

    def make_cache(self) -> BaseCache:
        return RedisCache(self.client)

    def plant(self, name: str, data: bytes) -> None:
        self.client.set(name, data)

    def plant_pickle(self, name: str, value: Any) -> None:
        self.client.set(name, pickle.dumps(value))

    def test_what_expires_leaves_the_server(self) -> None:
        self.make_cache().set(KEY, ANSWER, 60)
        assert 0 < self.client.ttl(_hash(KEY)) <= 60

    def test_what_is_no_client_is_a_type_error(self) -> None:
        with pytest.raises(TypeError):
            RedisCache('localhost')


class TestRedisCache(_Redis):
    pass


class TestRedisCacheOfTexts(_Redis):
    """A client that decodes what it reads."""

    decode_responses = True


class TestRedisCluster(SharedContract):
    """A cluster's client is used as it is."""

    @pytest.fixture(autouse=True, params=[False, True], ids=['bytes', 'texts'])
    def _server(self, request: pytest.FixtureRequest, cluster_on: Server, tmp_path: Path) -> Iterator[None]:
        self.directory = tmp_path
        self.client = redis.RedisCluster(host='127.0.0.1', port=cluster_on.port, decode_responses=request.param)
        self.client.flushall()
        yield
        self.client.close()

    def make_cache(self) -> BaseCache:
        return RedisCache(self.client)

    def plant(self, name: str, data: bytes) -> None:
        self.client.set(name, data)

    def plant_pickle(self, name: str, value: Any) -> None:
        self.client.set(name, pickle.dumps(value))


# python-memcached leaves the connections of ended threads to the garbage collector.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
class _Memcached(SharedContract):
    @pytest.fixture(autouse=True)
    def _server(self, memcached_on: Server, tmp_path: Path) -> Iterator[None]:
        self.directory = tmp_path
        self.port = memcached_on.port
        self.opened: list[Any] = []
        yield
        for client in self.opened:
            client.disconnect_all()

    def client(self) -> Any:
        raise NotImplementedError

    def make_cache(self) -> BaseCache:
        client = self.client()
        self.opened.append(client)
        return MemcachedCache(client)

    def plant(self, name: str, data: bytes) -> None:
        client = pymemcache.Client(('127.0.0.1', self.port))
        client.set(name, data, noreply=False)
        client.close()

    def plant_pickle(self, name: str, value: Any) -> None:
        client = pymemcache.Client(('127.0.0.1', self.port))
        client.set(name, pickle.dumps(value), flags=1, noreply=False)  # both libraries' flag for a pickle
        client.close()

    def test_a_value_over_the_limit_is_packed_or_skipped_aloud(self, caplog: pytest.LogCaptureFixture) -> None:
        cache = self.make_cache()
        page = ANSWER._replace(content=b'{"price": 1.25}' * 200_000)
        cache.set(KEY, page, 60)
        assert cache.get(KEY) == page
        for _ in range(2):
            cache.set(KEY, ANSWER._replace(content=os.urandom(2**21)), 60)
            assert cache.get(KEY) is None
        assert caplog.text.count('too large for memcached') == 1

    def test_what_is_no_client_is_a_type_error(self) -> None:
        with pytest.raises(TypeError):
            MemcachedCache('localhost')


class TestPythonMemcached(_Memcached):
    def client(self) -> Any:
        return memcache.Client([f'127.0.0.1:{self.port}'])

    def test_the_clients_own_use_still_unpickles(self) -> None:
        cache = self.make_cache()
        cache.get(KEY)
        self.opened[0].set('own', {'an', 'own', 'value'})
        assert self.opened[0].get('own') == {'an', 'own', 'value'}


class TestPymemcache(_Memcached):
    def client(self) -> Any:
        return pymemcache.Client(('127.0.0.1', self.port))


class TestPymemcacheThatPickles(_Memcached):
    def client(self) -> Any:
        return pymemcache.Client(('127.0.0.1', self.port), serde=pickle_serde)


class TestPymemcachePooled(_Memcached):
    def client(self) -> Any:
        return pymemcache.PooledClient(('127.0.0.1', self.port), serde=pickle_serde)


class TestPymemcacheHashed(_Memcached):
    def client(self) -> Any:
        return HashClient([('127.0.0.1', self.port)], serde=pickle_serde, use_pooling=True)
