"""FileCache: in a directory, shared by the processes of one machine, through diskcache."""

from __future__ import annotations

import os
import stat
import threading
import time
import warnings
import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

from esipy._cache.shared import LOGGER, SharedCache
from esipy._runtime import fork
from esipy._runtime.lazy import missing_extra


class _Here(threading.local):
    """What executes SQL in this thread."""

    execute: Any = None


class FileCache(SharedCache):
    """Keeps values in the directory `path`; `settings` are those of `diskcache.Cache` (`size_limit`, `timeout`, …).

    A directory that it makes is private to the user. Where the directory cannot be used it warns, and keeps nothing.
    """

    def __init__(self, path: str | os.PathLike[str], **settings: Any) -> None:
        try:
            import diskcache
        except ImportError as error:
            raise missing_extra('this cache', 'diskcache', 'disk', error) from None
        super().__init__()
        settings.setdefault('disk', _of_bytes(diskcache))
        settings.setdefault('timeout', 5)
        self._cache: Any = None
        self._reset_after_fork()
        fork.reset_after_fork(self)
        self._reads_plainly = False
        try:
            _make_private(Path(os.path.expandvars(path)).expanduser())
            self._cache = diskcache.Cache(os.fspath(path), **settings)
            weakref.finalize(self, self._cache.close)
            self._reads_plainly = _changes_nothing_on_reading(diskcache, self._cache, settings)
        except Exception as error:
            message = f'{path}: cannot be used as a cache, nothing is kept: {error}'
            LOGGER.warning(message)
            warnings.warn(message, stacklevel=2)

    def _reset_after_fork(self) -> None:
        """In a forked child: the parent's connections are not used."""
        self._here = _Here()

    def close(self) -> None:
        """Close this thread's connection; the next use opens another."""
        self._here.execute = None
        if self._cache is not None:
            self._cache.close()

    def _load(self, name: str) -> Any:
        if not self._reads_plainly:
            return None if self._cache is None else self._cache.get(name)
        # What `get` does by itself takes half as long again. Large values are in files, and left to it.
        execute = self._here.execute
        if execute is None:
            execute = self._here.execute = self._cache._con.cursor().execute
        rows = execute(_SELECT, (name,)).fetchall()
        if not rows:
            return None
        filename, value, expires = rows[0]
        if filename is not None:
            return self._cache.get(name)
        return value if expires is None or expires > time.time() else None

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        return self._cache is not None and self._cache.set(name, data, expire=expire)

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        return self._cache is None or bool(self._cache.add(name, data, expire=expire))

    def _delete(self, name: str) -> Any:
        return self._cache is not None and self._cache.delete(name)


#: A text as key is `raw`.
_SELECT = 'SELECT filename, value, expire_time FROM Cache WHERE key = ? AND raw = 1'


def _changes_nothing_on_reading(diskcache: Any, cache: Any, settings: dict[str, Any]) -> bool:
    """Whether a value may be read past `Cache.get`: by default it neither counts hits nor notes when one was read."""
    if settings['disk'] is not _of_bytes(diskcache) or cache.statistics or not hasattr(cache, '_con'):
        return False
    return diskcache.core.EVICTION_POLICY[cache.eviction_policy]['get'] is None


@lru_cache(maxsize=1)
def _of_bytes(diskcache: Any) -> Any:
    """diskcache's storage, which would read pickles if it found one, without that."""

    class Disk(diskcache.Disk):  # type: ignore[misc]
        """Texts as keys, bytes as values; anything else that stands in the database is a miss."""

        def get(self, key: Any, raw: Any) -> Any:
            return key if raw else None

        def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:
            if mode not in (diskcache.core.MODE_RAW, diskcache.core.MODE_BINARY):
                return None
            return super().fetch(mode, filename, value, read)

    return Disk


def _make_private(directory: Path) -> None:
    """Make the directory for this user alone; one that is there stays as it is, with a warning if others may write."""
    try:
        directory.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        if os.name == 'posix' and directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            message = f'{directory}: others can write to this cache, and so decide what is read from it'
            LOGGER.warning(message)
            warnings.warn(message, stacklevel=4)
