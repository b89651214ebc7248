"""A directory of the user's own, and locks between the processes of one machine in it."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esipy._runtime.lazy import missing_extra
from esipy.exceptions import TokenStoreBusyError, TokenStoreError

LOGGER = logging.getLogger('esipy.stores')

#: Seconds between two looks at a lock that another one holds.
_POLL = 0.02


def of_user() -> Path:
    """Where this system keeps the data of the user's programs, for esipy. Raises ImportError without the extra."""
    try:
        import platformdirs
    except ImportError as error:
        raise missing_extra('this token store', 'platformdirs', 'tokens', error) from None
    return platformdirs.user_data_path('esipy', appauthor=False)


def make_private(directory: Path) -> None:
    """Make the directory, for this user alone. One that is there stays as it is, with a warning if others may write."""
    try:
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        mode = directory.stat().st_mode
    except OSError as error:
        raise TokenStoreError(f'{directory}: cannot be made: {error.strerror}') from error
    if os.name == 'posix' and mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        warn(f'{directory}: others can write to this directory, and so put tokens of their own in place')


@contextmanager
def locked(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock that the file `path` stands for; the system frees it when its holder dies.

    A new object each time: it shuts out other threads as it does other processes.
    """
    try:
        import filelock
    except ImportError as error:
        raise missing_extra('this token store', 'filelock', 'tokens', error) from None
    lock = filelock.FileLock(path, timeout=wait, mode=0o600, thread_local=False)
    try:
        lock.acquire(poll_interval=_POLL)
    except filelock.Timeout:
        raise TokenStoreBusyError(f'{path}: another thread or process holds this lock for {wait:g} s') from None
    except OSError as error:
        raise TokenStoreError(f'{path}: cannot be locked: {error.strerror}') from error
    try:
        yield
    finally:
        lock.release()


def warn(message: str) -> None:
    """Tell the user, and the log of a service that nobody watches."""
    LOGGER.warning(message)
    warnings.warn(message, stacklevel=2)
