"""Every store keeps the contract of caches; the shared ones keep the values of apps too, and never a pickle."""

import contextlib
import gc
import os
import pickle
import sqlite3
import tempfile
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
        from esipy._cache.envelope import seal

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


# ---------------------------------------------------------------------- what somebody plants in the directory

LARGE = ANSWER._replace(content=b'x' * 200_000)

#: What stands in files outside: an entry that would be a hit.
VICTIM = seal(_hash(KEY), ANSWER)


def _plant_file_name(cache: FileCache, name: str) -> None:
    """Have the entry of KEY say that its value is in another file."""
    cache._cache._sql('UPDATE Cache SET filename = ? WHERE key = ?', (name, _hash(KEY)))


def _inside(cache: FileCache) -> str:
    ((name,),) = cache._cache._sql('SELECT filename FROM Cache WHERE key = ?', (_hash(KEY),)).fetchall()
    return str(name)


@pytest.mark.parametrize(
    'planted',
    [
        '{outside}',
        '../victim',
        'aa/../../victim',
        '../../victim.val',
        '00/00/' + '0' * 28 + '.val/../../../../victim',
        '',
    ],
)
def test_no_file_outside_the_directory_is_read_or_removed(tmp_path: Path, planted: str) -> None:
    victim = tmp_path / 'victim'
    victim.write_bytes(VICTIM)
    cache = FileCache(tmp_path / 'cache')
    cache.set(KEY, LARGE, 60)
    _plant_file_name(cache, planted.format(outside=victim))
    assert cache.get(KEY, 'miss') == 'miss'
    cache.set(KEY, ANSWER, 60)
    _plant_file_name(cache, planted.format(outside=victim))
    cache.invalidate(KEY)
    cache._cache.clear()
    cache.close()
    assert victim.read_bytes() == VICTIM


@pytest.mark.parametrize('kind', ['pipe', 'link to a file', 'link to a pipe', 'directory', 'linked directory'])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / 'victim'
    victim.write_bytes(VICTIM)
    cache = FileCache(tmp_path / 'cache')
    cache.set(KEY, LARGE, 60)
    file = tmp_path / 'cache' / _inside(cache)
    file.unlink()
    if kind == 'pipe':
        os.mkfifo(file)
    elif kind == 'link to a file':
        file.symlink_to(victim)
    elif kind == 'link to a pipe':
        os.mkfifo(tmp_path / 'pipe')
        file.symlink_to(tmp_path / 'pipe')
    elif kind == 'directory':
        file.mkdir()
    else:
        elsewhere = tmp_path / 'elsewhere'
        elsewhere.mkdir()
        (elsewhere / file.name).write_bytes(VICTIM)
        file.parent.rmdir()
        file.parent.symlink_to(elsewhere)
    assert cache.get(KEY, 'miss') == 'miss'
    cache.invalidate(KEY)
    cache.close()
    assert victim.read_bytes() == VICTIM
    if kind == 'linked directory':
        assert (elsewhere / file.name).read_bytes() == VICTIM


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """Whoever makes links of all the directories that diskcache would make."""
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    cache = FileCache(tmp_path / 'cache')
    for number in range(256):
        (tmp_path / 'cache' / f'{number:02x}').symlink_to(elsewhere)
    with pytest.raises(PermissionError, match='link'):
        cache.set(KEY, LARGE, 60)
    assert cache.get(KEY, 'miss') == 'miss'
    cache.set(KEY, ANSWER, 60)
    assert cache.get(KEY) == ANSWER
    cache.close()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize('end', ['', '-wal', '-shm', '-journal'])
@pytest.mark.parametrize('kind', ['link', 'broken link', 'pipe', 'directory'])
def test_the_database_is_a_regular_file(tmp_path: Path, kind: str, end: str) -> None:
    victim = tmp_path / 'victim'
    directory = tmp_path / 'cache'
    directory.mkdir(mode=0o700)
    planted = directory / f'cache.db{end}'
    if kind == 'pipe':
        os.mkfifo(planted)
    elif kind == 'directory':
        planted.mkdir()
    else:
        planted.symlink_to(victim)
        if kind == 'link':
            victim.write_bytes(b'')
    with pytest.warns(UserWarning, match='not a regular file'):
        cache = FileCache(directory)
    cache.set(KEY, ANSWER, 60)
    assert cache.get(KEY, 'miss') == 'miss'
    assert not victim.exists() or victim.read_bytes() == b''


@pytest.mark.skipif(os.name != 'posix' or os.geteuid() != 0, reason='only root can make a directory of another user')
@pytest.mark.parametrize('mode', [0o700, 0o755, 0o777])
def test_root_does_not_use_a_directory_of_another_user(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / 'cache'
    directory.mkdir()
    directory.chmod(mode)
    os.chown(directory, 65534, 65534)
    with pytest.warns(UserWarning, match='belongs to another user'):
        cache = FileCache(directory)
    cache.set(KEY, ANSWER, 60)
    assert cache.get(KEY, 'miss') == 'miss'
    assert list(directory.iterdir()) == []


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A directory above that all users may enter. The test runs as a user who is not root."""
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        os.seteuid(65534)
        try:
            yield Path(above)
        finally:
            os.seteuid(0)


@pytest.mark.skipif(os.name != 'posix' or os.geteuid() != 0, reason='only root can make a directory of another user')
@pytest.mark.parametrize('owner', [0, 65533])
def test_a_user_is_warned_of_a_directory_of_another_user(nobody: Path, owner: int) -> None:
    directory = nobody / 'cache'
    os.seteuid(0)
    directory.mkdir()
    directory.chmod(0o777)
    os.chown(directory, owner, owner)
    os.seteuid(65534)
    with pytest.warns(UserWarning, match='it belongs to another user'):
        cache = FileCache(directory)
    cache.set(KEY, ANSWER, 60)
    assert cache.get(KEY) == ANSWER
    cache.close()


def _linked(tmp_path: Path, how: str) -> Path:
    """A path that leads through a link to an existing directory."""
    target = tmp_path / 'target'
    target.mkdir(mode=0o700)
    link = tmp_path / 'link'
    if how == 'the directory is a link':
        link.symlink_to(target)
        return link
    if how == 'a link to a link':
        (tmp_path / 'second').symlink_to('target')
        link.symlink_to('./second')
        return link
    link.symlink_to(target)
    return link / 'new' / 'cache'


LINKED = ['the directory is a link', 'a link to a link', 'a directory above is a link']


@pytest.mark.parametrize('how', LINKED)
def test_a_path_may_lead_through_links(tmp_path: Path, how: str) -> None:
    cache = FileCache(_linked(tmp_path, how))
    cache.set(KEY, LARGE, 60)
    assert cache.get(KEY) == LARGE
    assert list((tmp_path / 'target').iterdir())
    cache.close()


@pytest.mark.parametrize('how', LINKED)
@pytest.mark.parametrize('then', ['the link leads elsewhere', 'a link in its place'])
def test_a_link_that_is_changed_leads_nowhere_else(tmp_path: Path, how: str, then: str) -> None:
    path = _linked(tmp_path, how)
    cache = FileCache(path)
    cache.set(KEY, LARGE, 60)
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    victim = elsewhere / _inside(cache)
    victim.parent.mkdir(parents=True)
    victim.write_bytes(VICTIM)
    if then == 'the link leads elsewhere':
        (tmp_path / 'link').unlink()
        (tmp_path / 'link').symlink_to(elsewhere)
    else:
        real = path.resolve()
        real.rename(tmp_path / 'moved')
        real.symlink_to(elsewhere)
    assert cache.get(KEY, 'miss') in (LARGE, 'miss')
    with contextlib.suppress(PermissionError):
        cache.set(KEY, LARGE, 60)
    cache.invalidate(KEY)
    cache.close()
    assert victim.read_bytes() == VICTIM
    assert [file for file in elsewhere.rglob('*') if file.is_file()] == [victim]


@pytest.mark.skipif(os.name != 'posix' or os.geteuid() != 0, reason='only root can make a link of another user')
@pytest.mark.parametrize('how', LINKED)
def test_root_does_not_follow_a_link_of_another_user(tmp_path: Path, how: str) -> None:
    path = _linked(tmp_path, how)
    os.lchown(tmp_path / 'link', 65534, 65534)
    with pytest.warns(UserWarning, match='link .* belongs to another user'):
        cache = FileCache(path)
    cache.set(KEY, ANSWER, 60)
    assert cache.get(KEY, 'miss') == 'miss'


@pytest.mark.skipif(os.name != 'posix' or os.geteuid() != 0, reason='only root can make a directory of another user')
@pytest.mark.parametrize('mode', [0o700, 0o777])
def test_a_directory_above_that_others_can_change_is_reported(tmp_path: Path, mode: int) -> None:
    above = tmp_path / 'above'
    above.mkdir()
    above.chmod(mode)
    if mode == 0o700:
        os.chown(above, 65534, 65534)
    with pytest.warns(UserWarning, match='above it'):
        FileCache(above / 'cache').close()
    above.chmod(mode | 0o1000)
    os.chown(above, 0, 0)
    FileCache(above / 'cache').close()  # as in /tmp, others cannot remove it there


def test_a_file_of_any_size_is_a_miss(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / 'cache')
    cache.set(KEY, LARGE, 60)
    os.truncate(tmp_path / 'cache' / _inside(cache), 2**40)  # with a hole, so that it takes no room
    assert cache.get(KEY, 'miss') == 'miss'
    cache.close()


@pytest.mark.parametrize('umask', [0, 0o002, 0o022, 0o077])
@pytest.mark.parametrize('mode', [None, 0o755])
def test_nobody_else_can_read_what_is_stored(tmp_path: Path, umask: int, mode: int | None) -> None:
    """Neither in directories that are new, nor in one that others may look into, whatever the umask."""
    directory = tmp_path / 'above' / 'cache'
    if mode is not None:
        directory.mkdir(parents=True)
        directory.chmod(mode)
        directory.parent.chmod(mode)
    before = os.umask(umask)
    try:
        cache = FileCache(directory)
        cache.set(KEY, LARGE, 60)
        assert cache.get(KEY) == LARGE
    finally:
        os.umask(before)
    file = directory / _inside(cache)
    assert directory.stat().st_mode & 0o777 == (mode or 0o700)
    assert directory.parent.stat().st_mode & 0o777 == (mode or 0o700)
    for each in directory.iterdir():
        assert each.stat().st_mode & 0o077 == 0 or mode is None or each.is_dir()
    assert file.parent.stat().st_mode & 0o777 == 0o700
    cache.close()


def test_a_database_whose_table_never_ends_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody puts a view in the place of the table, which SQLite reads forever."""
    monkeypatch.setattr('esipy._cache.file._LONGEST_COMMAND', 0.2)
    cache = FileCache(tmp_path / 'cache')
    cache.set(KEY, ANSWER, 60)
    with contextlib.closing(sqlite3.connect(tmp_path / 'cache' / 'cache.db')) as database:
        database.executescript(
            'DROP TABLE Cache; CREATE VIEW Cache AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) '
            'SELECT x AS rowid, x AS key, 1 AS raw, 0 AS store_time, NULL AS expire_time, 0 AS access_time, 0 AS '
            'access_count, NULL AS tag, 1 AS size, 1 AS mode, NULL AS filename, x AS value FROM n;'
        )
    for use in (lambda: cache.get(KEY), lambda: cache.set(KEY, ANSWER, 60), lambda: cache.invalidate(KEY)):
        with pytest.raises(sqlite3.OperationalError, match='interrupted'):
            use()
    cache.close()
