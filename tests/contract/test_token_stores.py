"""Every token store keeps the contract; those of several processes lock between them, and survive a kill."""

import json
import os
import pickle
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import keyring
import pytest
import redis

from esipy._stores.base import TOKEN_REQUEST_DEADLINE
from esipy.exceptions import TokenStoreBusyError, TokenStoreError
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, KeyringTokens, MemoryTokens, RedisLock, RedisTokens, Tokens, TokenStore
from esipy.testing import TOKENS, TokenStoreContract
from tests.contract.keyring_backend import InFile
from tests.contract.unending import in_time
from tests.databases import Server, redis_server
from tests.integration.signed import ONE, client, security, signed_in, wallet

ROOT = Path(__file__).parents[2]
KEY = TOKENS.client_id, TOKENS.character_id
BARE = TOKENS._replace(access_token=None, expires_at=0.0)


class Evil:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@contextmanager
def worker(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process with a store (tokens_worker.py), which is gone afterwards."""
    command = [sys.executable, str(Path(__file__).with_name('tokens_worker.py')), *arguments]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def hears(process: subprocess.Popen[str], word: str) -> bool:
    assert process.stdout is not None
    return process.stdout.readline().strip() == word


def everything_in(error: BaseException) -> str:
    """All that an error tells: its text, attributes, causes and contexts, and its pickle."""
    report = ''
    following: BaseException | None = error
    while following is not None:
        report += f'{following!r} {following} {vars(following)} {pickle.dumps(following)!r}'
        following = following.__cause__ or following.__context__
    return report


@pytest.fixture(scope='module')
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.sso.rotate = True
        yield sandbox


class OurContract(TokenStoreContract):
    """What those of esipy must do besides."""

    def test_a_character_stays_signed_in(self, esi: Sandbox) -> None:
        """One object renews the tokens; the next one begins with what is in the store. With the used-up refresh token
        it would fail."""
        store = self.make_store()
        first = signed_in(store, esi)
        for _ in range(2):
            with client(security(esi, store=store)) as mine:
                response = mine.as_character(ONE).request(wallet(esi), raise_on_error=True)
            assert response.status == 200
            later = store.get(first.client_id, ONE)
            assert later is not None
            assert later.refresh_token != first.refresh_token
            assert (later.scopes, later.character_name, later.owner) == first[5:]
            store.set(later._replace(expires_at=0.0))
            first = later


class TestMemoryTokens(OurContract):
    def make_store(self) -> TokenStore:
        return MemoryTokens()

    def test_a_lock_that_is_never_free_is_an_error(self) -> None:
        store = MemoryTokens(wait=0.05)
        with (
            store.lock(*KEY),
            pytest.raises(
                TokenStoreBusyError, match=r'character 90000001: the lock .* 0\.05 s, because another thread'
            ),
            store.lock(*KEY),
        ):
            pass
        with store.lock(*KEY):
            pass

    def test_a_fork_while_another_thread_holds_a_lock(self) -> None:
        """Without `_renew` the child waits for a thread that it does not have."""
        store = MemoryTokens(wait=5)
        store.set(TOKENS)
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with store.lock(*KEY), store._lock:
                held.set()
                done.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(30)
        child = get_context('fork').Process(target=_refresh_once, args=(store,))
        child.start()
        try:
            child.join(10)
            assert child.exitcode == 0
        finally:
            child.kill()
            done.set()
            holder.join()


def _refresh_once(store: TokenStore) -> None:
    with store.lock(*KEY):
        assert store.get(*KEY) == TOKENS


class SharedContract(OurContract):
    """What the stores of several processes must do besides."""

    #: How tokens_worker.py finds the same store.
    kind: str
    place: str

    def make_store(self, **settings: Any) -> TokenStore:
        raise NotImplementedError

    def test_one_process_at_a_time_holds_the_lock(self) -> None:
        """Two processes and two threads count in one place: without the lock some steps are lost."""
        store = self.make_store()
        store.set(TOKENS._replace(refresh_token='0'))
        with (
            worker('count', self.kind, self.place, '20') as one,
            worker('count', self.kind, self.place, '20') as two,
        ):
            assert (one.wait(60), two.wait(60)) == (0, 0)
        found = store.get(*KEY)
        assert found is not None
        assert found.refresh_token == '40'

    def test_a_lock_that_another_process_holds_is_an_error_in_the_end(self) -> None:
        store = self.make_store(wait=0.2)
        with worker('hold', self.kind, self.place) as holder:
            assert hears(holder, 'held')
            with (
                pytest.raises(
                    TokenStoreBusyError, match=r'the lock was not free within 0\.2 s, because .* wait='
                ) as caught,
                store.lock(*KEY),
            ):
                pass
            assert isinstance(caught.value, TimeoutError)

    def test_a_killed_holder_lets_go_of_the_lock(self) -> None:
        store = self.make_store(wait=30)
        with worker('hold', self.kind, self.place) as holder:
            assert hears(holder, 'held')
            holder.send_signal(signal.SIGKILL)
            with store.lock(*KEY):
                store.set(TOKENS)
        assert store.get(*KEY) == self.as_stored(TOKENS)

    def test_another_object_finds_what_was_stored(self) -> None:
        self.make_store().set(TOKENS)
        again = self.make_store()
        assert again.get(*KEY) == self.as_stored(TOKENS)
        assert again.characters(TOKENS.client_id) == [TOKENS.character_id]


class TestFileTokens(SharedContract):
    kind = 'file'

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.directory = tmp_path / 'mine'
        self.place = str(self.directory / 'tokens.json')

    def make_store(self, **settings: Any) -> TokenStore:
        return FileTokens(self.place, **settings)

    @pytest.mark.parametrize('ending', ['lock', 'lock of a character'])
    @pytest.mark.parametrize('exists', [True, False])
    def test_a_lock_that_is_a_link_is_refused(self, ending: str, exists: bool) -> None:
        """Whoever can write to the directory would have any file emptied, or made."""
        self.directory.mkdir(mode=0o700)
        victim = self.directory.parent / 'victim'
        if exists:
            victim.write_text('keep me')
        store = self.make_store()
        if ending == 'lock':
            Path(f'{self.place}.lock').symlink_to(victim)
            with pytest.raises(TokenStoreError, match='cannot be locked'):
                store.set(TOKENS)
        else:
            with store.lock(*TOKENS[:2]):
                (lock,) = self.directory.glob('*.lock')
            lock.unlink()
            lock.symlink_to(victim)
            with pytest.raises(TokenStoreError, match='cannot be locked'), store.lock(*TOKENS[:2]):
                pass
        assert victim.exists() is exists
        assert not exists or victim.read_text() == 'keep me'

    def test_nobody_else_can_read_it(self) -> None:
        """From the first byte: the mode of the new file is looked at when it is opened. `open` and `chmod` fail it."""
        seen: dict[str, int] = {}
        really = os.open

        def spy(path: Any, *arguments: Any, **options: Any) -> int:
            descriptor = really(path, *arguments, **options)
            seen[Path(path).name] = stat.S_IMODE(os.fstat(descriptor).st_mode)
            return descriptor

        before = os.umask(0)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, 'open', spy)
                store = self.make_store()
                store.set(TOKENS)
            with store.lock(*KEY):
                pass
        finally:
            os.umask(before)
        assert seen['tokens.json.new'] == 0o600
        assert stat.S_IMODE(self.directory.stat().st_mode) == 0o700
        found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in self.directory.iterdir()}
        assert found.pop('tokens.json') == 0o600
        assert set(found.values()) == {0o600}
        assert all(name.endswith('.lock') for name in found)

    def test_what_others_could_read_is_made_private_with_a_warning(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        os.chmod(self.place, 0o644)
        with pytest.warns(UserWarning, match='other users could read these tokens until now'):
            assert store.get(*KEY) == TOKENS
        assert stat.S_IMODE(os.stat(self.place).st_mode) == 0o600
        assert store.get(*KEY) == TOKENS

    def test_what_belongs_to_another_user_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        store = self.make_store()
        store.set(TOKENS)
        somebody = os.geteuid() + 1
        monkeypatch.setattr(os, 'geteuid', lambda: somebody)
        for use in (lambda: store.get(*KEY), lambda: store.set(TOKENS)):
            with pytest.raises(TokenStoreError, match='belongs to another user'):
                use()

    def test_a_directory_that_others_can_write_to_is_reported(self) -> None:
        self.directory.mkdir()
        self.directory.chmod(0o777)
        with pytest.warns(UserWarning, match='other users can write to this directory.*: run chmod go-w'):
            self.make_store().set(TOKENS)

    @pytest.mark.parametrize(
        'content',
        [
            b'',
            b'\x80\x04\xff',
            b'refresh-SECRET = 1',
            b'"refresh-SECRET"',
            b'{"refresh-SECRET": 1}',
            b'{"version": 2, "tokens": ["refresh-SECRET"]}',
            b'{"version": 1, "tokens": {"refresh-SECRET": 1}}',
            b'{"version": 1, "tokens": [{"refresh_token": "refresh-SECRET"}]}',
            b'[' * 100_000 + b'refresh-SECRET',
            b'{"version": 1, "tokens": ["refresh-SECRET',
        ],
        ids=lambda content: content[:40].decode('ascii', 'replace'),
    )
    def test_a_broken_or_foreign_file_is_an_error_and_stays(self, content: bytes) -> None:
        self.directory.mkdir(mode=0o700)
        file = Path(self.place)
        file.write_bytes(content)
        file.chmod(0o600)
        store = self.make_store()
        uses = (
            lambda: store.get(*KEY),
            lambda: store.set(TOKENS),
            lambda: store.delete(*KEY),
            lambda: store.characters('x'),
        )
        for use in uses:
            with pytest.raises(TokenStoreError, match='not a file of tokens') as caught:
                use()
            report = everything_in(caught.value)
            assert str(file) in report
            assert 'SECRET' not in report
        assert file.read_bytes() == content

    def test_a_pickle_is_never_read(self) -> None:
        self.directory.mkdir(mode=0o700)
        mark = self.directory / 'mark'
        Path(self.place).write_bytes(pickle.dumps(Evil(mark)))
        Path(self.place).chmod(0o600)
        with pytest.raises(TokenStoreError):
            self.make_store().get(*KEY)
        assert not mark.exists()

    def test_a_killed_writer_leaves_a_whole_file(self) -> None:
        """Written in place, the file is found empty or cut short within a few rounds."""
        store = self.make_store()
        store.set(TOKENS)
        for pause in (0.01, 0.03, 0.05, 0.08, 0.13):
            with worker('write', 'file', self.place) as writer:
                assert hears(writer, 'writing')
                until = time.monotonic() + pause
                while time.monotonic() < until:
                    assert json.loads(Path(self.place).read_bytes())['version'] == 1
                writer.send_signal(signal.SIGKILL)
                writer.wait()
            assert store.characters(TOKENS.client_id)[0] == 90000001
        store.set(TOKENS)  # and sweeps away what was half written
        assert not Path(f'{self.place}.new').exists()

    def test_a_full_disk_leaves_the_old_file(self) -> None:
        """In a process that may write no more than 4 KiB to a file."""
        self.make_store().set(TOKENS)
        child = get_context('fork').Process(target=_write_too_much, args=(self.place,))
        child.start()
        child.join(60)
        assert child.exitcode == 0
        assert self.make_store().get(*KEY) == TOKENS
        assert not Path(f'{self.place}.new').exists()

    def test_a_place_that_cannot_be_is_an_error(self) -> None:
        self.directory.write_text('a file')
        with pytest.raises(TokenStoreError, match='cannot be created'):
            self.make_store().set(TOKENS)
        self.directory.unlink()
        Path(self.place).mkdir(parents=True, mode=0o700)
        self.directory.chmod(0o700)
        with pytest.raises(TokenStoreError, match='cannot be read: Is a directory'):
            self.make_store().set(TOKENS)

    @pytest.mark.parametrize('kind', ['pipe', 'link to a device', 'link to a file', 'link to a pipe', 'hole'])
    def test_only_a_regular_file_is_read(self, kind: str) -> None:
        """A pipe and /dev/zero have no end, and a file with a hole has any size."""
        store = self.make_store()
        store.set(TOKENS)
        file = Path(self.place)
        file.unlink()
        if kind == 'pipe':
            os.mkfifo(file)
        elif kind == 'hole':
            file.touch(0o600)
            os.truncate(file, 2**40)
        elif kind == 'link to a device':
            file.symlink_to('/dev/zero')
        elif kind == 'link to a pipe':
            os.mkfifo(self.directory / 'pipe')
            file.symlink_to(self.directory / 'pipe')
        else:
            (self.directory / 'other').write_text('{"version": 1, "tokens": []}')
            file.symlink_to(self.directory / 'other')
        for use in (lambda: store.get(*KEY), lambda: store.set(TOKENS), lambda: store.characters('x')):
            assert isinstance(in_time(use), TokenStoreError)

    @pytest.mark.parametrize('umask', [0, 0o022, 0o377, 0o777])
    def test_it_is_private_whatever_the_umask(self, umask: int) -> None:
        place = self.directory / 'above' / 'tokens' / 'tokens.json'
        before = os.umask(umask)
        try:
            FileTokens(place).set(TOKENS)
        finally:
            os.umask(before)
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (place, place.parent, place.parent.parent)]
        assert modes == [0o600, 0o700, 0o700]
        assert FileTokens(place).get(*KEY) == TOKENS

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        link = tmp_path / 'link.json'
        link.symlink_to(self.place)
        FileTokens(link).set(TOKENS)
        assert link.is_symlink()
        assert self.make_store().get(*KEY) == TOKENS

    @pytest.mark.skipif(sys.platform != 'linux', reason='XDG_DATA_HOME is asked on Linux')
    def test_by_default_it_is_where_programs_keep_data(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('XDG_DATA_HOME', str(self.directory))
        store = FileTokens()
        assert store.path == self.directory / 'esipy' / 'tokens.json'
        store.set(TOKENS)
        assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def _write_too_much(place: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    store = FileTokens(place)
    with pytest.raises(TokenStoreError, match='cannot be written: File too large') as caught:
        store.set(TOKENS._replace(character_id=90000002))
    assert 'SECRET' not in everything_in(caught.value)


class _Redis(SharedContract):
    kind = 'redis'
    decode_responses = False

    @pytest.fixture(autouse=True)
    def _server(self, redis_on: Server) -> Iterator[None]:
        self.place = str(redis_on.port)
        self.client = redis.Redis(port=redis_on.port, decode_responses=self.decode_responses)
        self.client.flushall()
        yield
        self.client.close()

    def make_store(self, **settings: Any) -> TokenStore:
        return RedisTokens(self.client, **settings)

    def test_no_key_shows_a_secret(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        with store.lock(*KEY):
            keys: Any = self.client.keys('*')
        assert {key if isinstance(key, str) else key.decode() for key in keys} == {
            'esipy:tokens:app-one',
            'esipy:lock:app-one:90000001',
        }

    def test_what_is_not_ours_is_an_error(self, tmp_path: Path) -> None:
        store = self.make_store()
        planted: list[Any] = [pickle.dumps(Evil(tmp_path / 'mark')), b'refresh-SECRET', b'', b'[1]', b'{"version": 1}']
        for value in planted:
            self.client.hset('esipy:tokens:app-one', '90000001', value)
            if not self.decode_responses or value.isascii():
                with pytest.raises(
                    TokenStoreError, match=r'field 90000001: the entry is not a record of .*: delete it'
                ) as caught:
                    store.get(*KEY)
                assert 'SECRET' not in everything_in(caught.value)
        assert not (tmp_path / 'mark').exists()
        store.set(TOKENS)
        assert store.get(*KEY) == TOKENS

    def test_tokens_in_the_place_of_others_are_refused(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        text: Any = self.client.hget('esipy:tokens:app-one', '90000001')
        self.client.hset('esipy:tokens:app-two', '90000001', text)
        with pytest.raises(TokenStoreError):
            store.get('app-two', 90000001)

    def test_a_key_of_another_kind_is_an_error(self) -> None:
        self.client.set('esipy:tokens:app-one', 'a text')
        with pytest.raises(TokenStoreError, match='WRONGTYPE') as caught:
            self.make_store().set(TOKENS)
        assert 'SECRET' not in everything_in(caught.value)

    def test_what_is_no_client_is_a_type_error(self) -> None:
        for kind in (RedisTokens, RedisLock):
            with pytest.raises(TypeError):
                kind('localhost')


class TestRedisTokens(_Redis):
    pass


class TestRedisTokensOfTexts(_Redis):
    """A client that decodes what it reads."""

    decode_responses = True


class TestRedisClusterTokens(OurContract):
    """A cluster's client is used as it is."""

    @pytest.fixture(autouse=True, params=[False, True], ids=['bytes', 'texts'])
    def _server(self, request: pytest.FixtureRequest, cluster_on: Server) -> Iterator[None]:
        self.client = redis.RedisCluster('127.0.0.1', cluster_on.port, decode_responses=request.param)
        self.client.flushall()
        yield
        self.client.close()

    def make_store(self) -> TokenStore:
        return RedisTokens(self.client)


def test_a_redis_that_is_down_is_an_error_at_once_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, redis.Redis(port=server.port) as client:
        store, lock = RedisTokens(client), RedisLock(client)
        store.set(TOKENS)
        server.kill()
        begun = time.monotonic()
        uses = (lambda: store.get(*KEY), lambda: store.set(TOKENS), lambda: _enter(lock('name')))
        for use in uses:
            with pytest.raises(
                TokenStoreError, match=r'Redis, .*: the command failed \(ConnectionError\): check the Redis'
            ) as caught:
                use()
            assert 'SECRET' not in everything_in(caught.value)
        assert time.monotonic() - begun < 9  # redis-py's own client tries for some ten seconds
        server.start()
        store.set(TOKENS)
        assert store.get(*KEY) == TOKENS
        with lock('name'):
            pass


def test_a_redis_that_goes_down_meanwhile_spoils_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(tmp_path) as server, redis.Redis(port=server.port) as client:
        with RedisLock(client)('name'):
            server.kill()
            done = True
        assert done
        assert 'esipy:lock:name: the lock could not be released (ConnectionError)' in caplog.text


def test_a_redis_that_repeats_what_it_refuses_shows_no_secret(tmp_path: Path) -> None:
    """Redis names the first arguments of a command that it does not know: tokens are among them."""
    with redis_server(tmp_path) as server:
        server.kill()
        server.command += ['--rename-command', 'HSET', '']
        server.start()
        with redis.Redis(port=server.port) as client:
            with pytest.raises(redis.ResponseError, match='SECRET'):
                client.hset('key', 'field', 'SECRET')
            with pytest.raises(TokenStoreError, match='ResponseError') as caught:
                RedisTokens(client).set(TOKENS)
            assert 'SECRET' not in everything_in(caught.value)


@pytest.mark.parametrize('kind', ['RedisTokens', 'RedisLock'])
def test_a_killed_process_does_not_hold_a_lock_for_longer_than_a_refresh_can_take(redis_on: Server, kind: str) -> None:
    with redis.Redis(port=redis_on.port) as client:
        client.flushall()
        lock = RedisTokens(client).lock('app', 1) if kind == 'RedisTokens' else RedisLock(client)('app:1')
        with lock:
            (key,) = client.keys('*')
            assert 0 < client.pttl(key) <= (TOKEN_REQUEST_DEADLINE + 10) * 1000


def test_a_lock_that_was_held_too_long_is_not_taken_from_the_next(
    redis_on: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Let go of by its name alone, without redis-py's token, the lock of the second would be free."""
    with redis.Redis(port=redis_on.port) as client:
        short, patient = RedisLock(client, 'test', hold=0.2), RedisLock(client, 'test', wait=0.2)
        first, second = short('name'), patient('name')
        first.__enter__()
        time.sleep(0.3)
        with second:
            first.__exit__(None, None, None)
            assert 'the lock could not be released (LockNotOwnedError)' in caplog.text
            with pytest.raises(TokenStoreBusyError):
                _enter(patient('name'))


def _enter(context: Any) -> None:
    with context:
        pass


class TestKeyringTokens(SharedContract):
    kind = 'keyring'

    @pytest.fixture(autouse=True)
    def _backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self.place = str(tmp_path / 'keyring.json')
        monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'data'))
        before = keyring.get_keyring()
        keyring.set_keyring(InFile(self.place))
        yield
        keyring.set_keyring(before)

    def make_store(self, **settings: Any) -> TokenStore:
        return KeyringTokens(**settings)

    def as_stored(self, tokens: Tokens) -> Tokens:
        return self.without_access_token(tokens)

    def test_nothing_is_left_when_all_are_deleted(self) -> None:
        store = self.make_store()
        for character_id in (90000001, 90000002):
            store.set(TOKENS._replace(character_id=character_id))
        assert len(json.loads(Path(self.place).read_text())) == 3
        for character_id in (90000001, 90000002):
            store.delete(TOKENS.client_id, character_id)
        assert json.loads(Path(self.place).read_text()) == {}

    def test_services_are_apart(self) -> None:
        self.make_store().set(TOKENS)
        assert KeyringTokens('another').get(*KEY) is None

    def test_what_does_not_fit_is_an_error_without_it(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        with pytest.raises(
            TokenStoreError, match=r"entry 'app-one:90000001': the entry cannot be written: PasswordSetError"
        ) as caught:
            store.set(TOKENS._replace(refresh_token='SECRET' + os.urandom(3000).hex()))
        assert 'SECRET' not in everything_in(caught.value)
        assert store.get(*KEY) == BARE

    @pytest.mark.parametrize('planted', ['', 'refresh-SECRET', '!!!', 'AAAA', '[1]'])
    def test_what_is_not_ours_is_an_error(self, planted: str) -> None:
        store = self.make_store()
        keyring.set_password('esipy', 'app-one:90000001', planted)
        with pytest.raises(TokenStoreError, match='the entry is not a record of this character: delete it') as caught:
            store.get(*KEY)
        assert 'SECRET' not in everything_in(caught.value)
        store.set(TOKENS)
        assert store.get(*KEY) == BARE

    def test_an_index_that_is_not_ours_is_an_error(self) -> None:
        keyring.set_password('esipy', 'app-one:characters', '{}')
        with pytest.raises(TokenStoreError, match='the entry is not a list of characters: delete it'):
            self.make_store().characters('app-one')

    def test_a_system_without_a_keyring_is_reported(self) -> None:
        from keyring.backends.fail import Keyring

        keyring.set_keyring(Keyring())
        with pytest.raises(TokenStoreError, match='the entry cannot be read: NoKeyringError: No recommended backend'):
            self.make_store().get(*KEY)


@pytest.mark.parametrize(
    ('make', 'package', 'extra'),
    [
        (lambda: FileTokens('tokens.json'), 'filelock', 'tokens'),
        (FileTokens, 'platformdirs', 'tokens'),
        (KeyringTokens, 'keyring', 'keyring'),
        (lambda: RedisTokens(None), 'redis', 'redis'),
        (lambda: RedisLock(None), 'redis', 'redis'),
    ],
)
def test_an_extra_that_is_missing_is_reported(
    make: Any, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'pip install "EsiPy\[{extra}\]"'):
        make()


def test_tokens_pickle() -> None:
    assert pickle.loads(pickle.dumps(TOKENS)) == TOKENS
