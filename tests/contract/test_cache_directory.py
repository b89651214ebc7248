"""FileCache in a directory that somebody else has changed: nothing outside is read, written or removed."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from esipy._cache.envelope import seal
from esipy.cache import FileCache, _hash
from esipy.testing import ANSWER, KEY

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
