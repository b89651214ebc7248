"""The lock on the row of a token: one thread of all processes has it, until its transaction ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connections, models, transaction

from esipy import clock
from esipy._runtime import fork

#: Seconds between two attempts to get the lock.
_PAUSE = 0.05


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
