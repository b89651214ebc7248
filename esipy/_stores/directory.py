"""A private directory of the user, and locks in it between the processes of one machine."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esipy._runtime.lazy import missing_extra
from esipy._runtime.private_directory import make_private_directory
from esipy.exceptions import TokenStoreBusyError, TokenStoreError

LOGGER = logging.getLogger('esipy.stores')

#: Seconds between two attempts to acquire a lock that another process holds.
_POLL = 0.02


def of_user() -> Path:
    """Return the system's directory for the user's data, for esipy. Raises ImportError without the extra."""
    try:
        import platformdirs
    except ImportError as error:
        raise missing_extra('this token store', 'platformdirs', 'tokens', error) from None
    return platformdirs.user_data_path('esipy', appauthor=False)


def make_private(directory: Path) -> None:
    """Create the directory for this user only. An existing one is not changed; if others can write to it, warn."""
    try:
        make_private_directory(directory)
        mode = directory.stat().st_mode
    except OSError as error:
        raise TokenStoreError(f'{directory}: the directory cannot be created: {error.strerror}') from error
    if os.name == 'posix' and mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        warn(
            f'{directory}: other users can write to this directory, and could replace the tokens in it: '
            'run chmod go-w on it'
        )


@contextmanager
def locked(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock of the file `path`; the system releases it if the process is killed.

    It is a new object each time, which excludes other threads as well as other processes.
    """
    try:
        import filelock
    except ImportError as error:
        raise missing_extra('this token store', 'filelock', 'tokens', error) from None
    lock = filelock.FileLock(path, timeout=wait, mode=0o600, thread_local=False)
    try:
        lock.acquire(poll_interval=_POLL)
    except filelock.Timeout:
        raise TokenStoreBusyError(
            f'{path}: the lock was not free within {wait:g} s, because another thread or process holds it: try again, '
            'or allow more time with wait='
        ) from None
    except OSError as error:
        raise TokenStoreError(f'{path}: the file cannot be locked: {error.strerror}') from error
    try:
        yield
    finally:
        lock.release()


def warn(message: str) -> None:
    """Warn the user, and the log of a service that runs unattended."""
    LOGGER.warning(message)
    warnings.warn(message, stacklevel=2)
