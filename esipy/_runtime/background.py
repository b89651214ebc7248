"""Work that nobody waits for, in threads of its own: at most so many at a time, and each piece once at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from contextvars import copy_context

from esipy._runtime import fork
from esipy._runtime.redact import masked_error
from esipy._runtime.workers import Cancellable, Cancelled

LOGGER = logging.getLogger('esipy.client')


class Background:
    """Runs pieces of work in daemon threads, which end with their work: at most `limit` at a time.

    Safe between threads; a forked child begins with none.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Hashable] = set()
        self._group = Cancellable()

    def start(self, name: Hashable, work: Callable[[], object]) -> bool:
        """Run `work` in a thread of its own, in a copy of this thread's context. Return whether it runs: True also if
        work of this `name` is running already, False if as many threads run as may, or as the system allows."""
        with self._lock:
            if name in self._running:
                return True
            if len(self._running) >= self._limit:
                return False
            self._running.add(name)
            running, group = self._running, self._group
        arguments = name, work, running, group
        thread = threading.Thread(
            target=copy_context().run, args=(self._run, *arguments), name='esipy_background', daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter ends
            running.discard(name)
            return False
        return True

    def _run(self, name: Hashable, work: Callable[[], object], running: set[Hashable], group: Cancellable) -> None:
        try:
            with group.joined():
                work()
        except Cancelled:
            pass
        except Exception as error:
            LOGGER.debug('work in the background failed (%s)', masked_error(error))
        finally:
            running.discard(name)

    def close(self) -> None:
        """Cancel what is running: it neither waits nor sends any more. Later work may start."""
        with self._lock:
            group, self._group = self._group, Cancellable()
        group.cancel()
