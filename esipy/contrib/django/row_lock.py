"""The lock on the row of a token: one thread of all processes has it, until its transaction ends.

And, for SQLite, the lock on refreshes: one thread of all processes has it, and the database itself is not locked.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from django.db import OperationalError, connections, models, transaction

from esipy import clock
from esipy._runtime import fork

Result = TypeVar('Result')

#: Seconds between two attempts to get the lock.
_PAUSE = 0.05

#: Seconds for which tokens that the SSO has given wait for other writers of an SQLite database.
_WRITERS_PATIENCE = 30.0

#: Seconds for which a refresh waits for those before it: more than any of them may take.
_REFRESHES_PATIENCE = 300.0

#: What the name of the file behind the lock on refreshes ends with. It stays empty, and may be deleted.
_LOCK_FILE = '-esipy-lock'


class RowBusyError(Exception):
    """Another transaction holds the lock for too long."""


class _Writers:
    """SQLite locks the whole database: the threads of one process wait here, so that none of them runs into SQLite's
    own timeout."""

    def __init__(self) -> None:
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self.lock = threading.RLock()


_writers = _Writers()


@contextmanager
def locked(token: Any, using: str, patience: float | None = None) -> Iterator[Any]:
    """The row of a token, as it is now, locked until the end of the block; None where it was deleted.

    `patience`: raise RowBusyError where the lock cannot be had within so many seconds.
    """
    features = connections[using].features
    rows = type(token)._base_manager.using(using).filter(pk=token.pk)
    if features.has_select_for_update:
        until = None if patience is None else clock.monotonic() + patience
        with transaction.atomic(using=using):
            yield _selected(rows, using, until)
    else:
        with _writers.lock, transaction.atomic(using=using):
            rows.update(sso_version=models.F('sso_version'))  # makes SQLite take its write lock
            yield rows.first()


def _selected(rows: Any, using: str, until: float | None) -> Any:
    features = connections[using].features
    # The weaker lock of PostgreSQL lets other transactions refer to the row (CallbackRedirect.token).
    options = {'no_key': features.has_select_for_no_key_update}
    if until is None:
        return rows.select_for_update(**options).first()
    while True:
        try:
            # A savepoint: PostgreSQL does nothing more in a transaction in which a statement failed.
            with transaction.atomic(using=using):
                return rows.select_for_update(nowait=True, **options).first()
        except OperationalError:
            if clock.monotonic() >= until:
                raise RowBusyError from None
        clock.sleep(_PAUSE)


def patiently(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, which is a whole transaction: it is repeated while other writers have locked an
    SQLite database for longer than SQLite waits by itself."""
    until = clock.monotonic() + _WRITERS_PATIENCE
    while True:
        try:
            return work()
        except OperationalError as error:
            if 'locked' not in str(error) or clock.monotonic() >= until:
                raise
        clock.sleep(_PAUSE)


@contextmanager
def alone(using: str, patience: float | None = None) -> Iterator[None]:
    """Until the end of the block no other thread or process refreshes a token of an SQLite database.

    What locks is a file of its own beside the database, in SQLite's own way: it works wherever the database does, and
    becomes free when a process is killed. `patience`: raise OperationalError where it cannot be had within so many
    seconds.
    """
    if not _writers.lock.acquire(timeout=-1 if patience is None else patience):
        raise OperationalError(f'another refresh in this process holds the lock for more than {patience:g} s')
    try:
        with connections[using].cursor() as cursor:
            cursor.execute('PRAGMA database_list')
            path = next((file for _, name, file in cursor.fetchall() if name == 'main'), None)
        if not path:  # a database in memory is of this process alone
            yield
            return
        seconds = _REFRESHES_PATIENCE if patience is None else patience
        with closing(sqlite3.connect(f'{path}{_LOCK_FILE}', timeout=seconds, isolation_level=None)) as lock:
            try:
                lock.execute('BEGIN IMMEDIATE')
            except sqlite3.OperationalError as error:
                raise OperationalError(f'the lock {path}{_LOCK_FILE} was not obtained: {error}') from error
            yield
    finally:
        _writers.lock.release()
