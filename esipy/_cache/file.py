"""FileCache: in a directory, shared by the processes of one machine, through diskcache.

Others who can write to the directory decide what is read from it, but nothing more: no file outside it is read or
removed, and nothing in it is unpickled. The path may lead through links; what counts is the directory where it leads
when the cache is made, and who could make it lead elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from esipy import clock
from esipy._cache.shared import LOGGER, SharedCache
from esipy._runtime.lazy import missing_extra
from esipy._runtime.private_directory import make_private_directory


class FileCache(SharedCache):
    """Stores values in the directory `path`; `settings` are those of `diskcache.Cache` (`size_limit`, `timeout`, …).

    A directory that it makes is private to the user. Where the directory cannot be used it warns, and stores nothing:
    so it does, as root, in a directory of another user, or behind a link of another user. `secret`: seals every entry,
    so that others who can write to the directory cannot forge one.
    """

    def __init__(self, path: str | os.PathLike[str], secret: str | bytes | None = None, **settings: Any) -> None:
        try:
            import diskcache
        except ImportError as error:
            raise missing_extra('this cache', 'diskcache', 'disk', error) from None
        super().__init__(secret)
        settings.setdefault('disk', _disk_of_bytes(diskcache))
        settings.setdefault('timeout', 5)
        self._place = os.fspath(path)
        self._cache: Any = None
        self._this_thread = _ThisThread()
        try:
            directory = _made_private(Path(os.path.expandvars(path)).expanduser().absolute())
            _check_database(directory, diskcache.core.DBNAME)
            _make_database_private(directory, diskcache.core.DBNAME)
            self._cache = diskcache.Cache(os.fspath(directory), **settings)
            weakref.finalize(self, self._cache.close)
        except Exception as error:
            message = f'{path}: cannot be used as a cache, so nothing is stored: {error}'
            LOGGER.warning(message)
            warnings.warn(message, stacklevel=2)

    def close(self) -> None:
        """Close this thread's connection; the next use opens another. (In a forked child diskcache opens its own.)"""
        if self._cache is not None:
            self._cache.close()

    def __repr__(self) -> str:
        return f'<{type(self).__name__} in {self._place}>'

    def _opened(self) -> Any:
        """Return diskcache's cache, after its connection in this thread is known (`_con`, read in diskcache 5.6.3)."""
        connection = self._cache._con
        _deadline.until = clock.monotonic() + _LONGEST_COMMAND
        if self._this_thread.connection is not connection:
            self._this_thread.connection = connection
            _open_connections.hold(self._cache, connection)
            connection.set_progress_handler(_is_over, _STEPS)
        return self._cache

    def _load(self, name: str) -> Any:
        return None if self._cache is None else self._opened().get(name)

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        return self._cache is not None and self._opened().set(name, data, expire=expire)

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        return self._cache is None or bool(self._opened().add(name, data, expire=expire))

    def _delete(self, name: str) -> Any:
        return self._cache is not None and self._opened().delete(name)


class _ThisThread(threading.local):
    """This thread's connection to the database of one cache."""

    connection: Any = None


class _Connection:
    """Closes a connection. diskcache does not when a thread ends, and from Python 3.13 on a connection that was not
    closed is a ResourceWarning."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __del__(self) -> None:
        with suppress(Exception):  # it is a parent's, in a forked child
            self.connection.close()


class _OpenConnections(threading.local):
    """The connections of this thread, which no other thread can close: they are closed when it ends, even if their
    cache is gone by then, or when it opens another one after their cache has gone."""

    def __init__(self) -> None:
        #: A weak reference to the cache and the connection, by the identity of the cache.
        self.held: dict[int, tuple[weakref.ref[Any], _Connection]] = {}

    def hold(self, cache: Any, connection: Any) -> None:
        self.held = {number: held for number, held in self.held.items() if held[0]() is not None}
        self.held[id(cache)] = weakref.ref(cache), _Connection(connection)


_open_connections = _OpenConnections()


class _Deadline(threading.local):
    """When what this thread does with a database has to be over, by `clock.monotonic`."""

    until = 0.0


_deadline = _Deadline()

#: Seconds after which a command is interrupted: in a database that somebody has changed it may never end.
_LONGEST_COMMAND = 5.0

#: Steps of SQLite between two looks at the clock.
_STEPS = 100_000


def _is_over() -> bool:
    return clock.monotonic() > _deadline.until


#: Users who can write to a directory are meant to use the cache in it.
_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

#: Bytes of a file that is read.
_MAX_FILE = 2**30

#: How diskcache names the files of large values.
_FILE_NAME = re.compile(r'[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val', re.ASCII)


@lru_cache(maxsize=1)
def _disk_of_bytes(diskcache: Any) -> Any:
    """diskcache's storage, without its pickles, and without trust in the file names of its database."""

    class Disk(diskcache.Disk):  # type: ignore[misc]
        """Texts as keys, bytes as values; anything else in the database is a miss."""

        def __init__(self, directory: str, *args: Any, **settings: Any) -> None:
            super().__init__(directory, *args, **settings)
            self.directory = directory

        def filename(self, *args: Any) -> Any:
            name, path = super().filename(*args)
            if not is_inside(self.directory, name):
                raise PermissionError(f'{path}: not written, since a directory above it is a link')
            if not os.stat(self.directory).st_mode & _WRITTEN_BY_OTHERS:
                make_private_directory(Path(path).parent)
            return name, path

        def get(self, key: Any, raw: Any) -> Any:
            return key if raw else None

        def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:
            if mode not in (diskcache.core.MODE_RAW, diskcache.core.MODE_BINARY):
                return None
            if mode == diskcache.core.MODE_RAW:
                return value if isinstance(value, bytes) else None
            return _read(self.directory, filename)

        def remove(self, file_path: Any) -> None:
            if is_inside(self.directory, file_path):
                super().remove(file_path)

    return Disk


def is_inside(directory: str, name: Any) -> bool:
    """Return whether a file of the database is one that diskcache made: in the directory, whose path contains no link,
    and not through a link that was put there since."""
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        return False
    whole = os.path.join(directory, name)
    return os.path.realpath(whole) == whole


def _read(directory: str, name: Any) -> bytes | None:
    """The bytes of a large value; None unless it is a regular file (a pipe would never end) of a size that fits into
    memory (a file with a hole may have any size)."""
    if not is_inside(directory, name):
        return None
    flags = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)
    try:
        with open(os.open(os.path.join(directory, name), flags), 'rb') as file:
            status = os.fstat(file.fileno())
            return file.read(_MAX_FILE) if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_FILE else None
    except OSError:
        return None


def _check_database(directory: Path, name: str) -> None:
    """Raise PermissionError if a file of the database is a link (it may lead outside) or a pipe (it never ends)."""
    for end in ('', '-wal', '-shm', '-journal'):
        file = directory / f'{name}{end}'
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(file.lstat().st_mode):
                raise PermissionError(f'{file.name} is not a regular file')


def _make_database_private(directory: Path, name: str) -> None:
    """Make the file of a new database so that nobody else can read the responses in it, unless others are meant to use
    the directory. SQLite gives its other files the same mode."""
    if not directory.stat().st_mode & _WRITTEN_BY_OTHERS:
        with suppress(FileExistsError):
            os.close(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _made_private(path: Path) -> Path:
    """Return the directory where a path leads; it is made, for this user alone, if it does not exist. One that exists
    stays as it is, with a warning if others could write to it, or make the path lead elsewhere.

    Raises PermissionError for root, in a directory of another user, or behind a link of another user.
    """
    is_new = make_private_directory(path)
    directory = path.resolve(strict=True)
    if os.name == 'posix':
        user = os.geteuid()
        way = _way(path, {})
        owners = {part: part.lstat().st_uid for part in way if part.is_symlink()}
        links = [f'the link {part}' for part, owner in owners.items() if owner not in (user, 0)]
        if not is_new and directory.stat().st_uid != user:
            links.append('it')
        if links and user == 0:
            raise PermissionError(f'{links[0]} belongs to another user, who could decide what root reads from it')
        others = [*(f'{one} belongs to another user' for one in links), *_others_above(path, way, user)]
        if not is_new and directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            others.append('others can write to it')
        if others:
            _warn(f'{path}: {others[0]}, so that others decide what is read from it; use a directory of your own')
    return directory


def _others_above(path: Path, way: Iterable[Path], user: int) -> Iterator[str]:
    """What lets other users put another directory in the place of one that the path leads through."""
    for part in way:
        status = part.lstat()
        if part == path or stat.S_ISLNK(status.st_mode):
            continue
        if status.st_uid not in (user, 0):
            yield f'the directory {part} above it belongs to another user'
        # In a directory such as /tmp (sticky) others can remove only what is theirs.
        elif status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            yield f'others can write to the directory {part} above it'


def _way(path: Path, seen: dict[Path, None]) -> Iterable[Path]:
    """Return a path with the directories and links that it leads through, each once."""
    for part in (path, *path.parents):
        if part in seen:
            continue
        seen[part] = None
        if part.is_symlink():
            _way(part.parent / os.readlink(part), seen)
    return seen


def _warn(message: str) -> None:
    LOGGER.warning(message)
    warnings.warn(message, stacklevel=5)
