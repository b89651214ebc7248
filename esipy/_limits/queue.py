"""Queues of the calls that wait for rate limits: those with the same priority are served first come, first served."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Hashable
from itertools import count
from typing import Any

from esipy import clock
from esipy._runtime import fork

#: Identifies a queue: the keys of the ledgers that all calls in it use.
Keys = frozenset[Hashable]

#: Longer waits are cut into pieces of so many seconds: a Ctrl-C just before a wait begins does not end it.
_LONGEST = 5.0


class Waiter:
    """One thread in a queue: `with queue.join(keys, priority) as waiter`. No lock is held in the block."""

    __slots__ = ('_queue', 'keys', 'rank', 'woken')

    def __init__(self, queue: WaitQueue, keys: Keys, rank: tuple[float, int]) -> None:
        self._queue = queue
        #: Set when the thread should look again.
        self.woken = threading.Event()
        self.keys = keys
        self.rank = rank

    def __enter__(self) -> Waiter:
        return self

    def __exit__(self, *error: object) -> None:
        self._queue.leave(self)

    @property
    def position(self) -> int:
        """Return how many waiters of the same queue are served before this one."""
        return self._queue.position(self)

    def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed, or something has happened since the last sleep: this waiter may be
        at the head now, or tokens have returned, or the clock was moved."""
        self.woken.wait(min(max(0.0, seconds), _LONGEST))
        self.woken.clear()

    def wake(self) -> None:
        self.woken.set()


class WaitQueue:
    """All queues. Safe between threads; in a forked child they are empty."""

    def __init__(self) -> None:
        self._reset_after_fork()
        fork.reset_after_fork(self)
        clock.notify_on_shift(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        #: The queues, each sorted by rank; an empty one is removed. Others only look whether one exists.
        self.waiting: dict[Keys, list[Waiter]] = {}

    def join(self, keys: Keys, priority: float) -> Waiter:
        """Join behind all that have the same priority or a higher one."""
        with self._lock:
            waiter = Waiter(self, keys, (-priority, next(self._numbers)))
            bisect.insort(self.waiting.setdefault(keys, []), waiter, key=_rank)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Leave, served or not; the next one looks whether there is room for it."""
        with self._lock:
            queue = self.waiting[waiter.keys]
            del queue[bisect.bisect_left(queue, waiter.rank, key=_rank)]
            if queue:
                queue[0].wake()
            else:
                del self.waiting[waiter.keys]

    def position(self, waiter: Waiter) -> int:
        with self._lock:
            return bisect.bisect_left(self.waiting[waiter.keys], waiter.rank, key=_rank)

    def wake(self, keys: Keys) -> None:
        """Tokens returned to those ledgers: the head of each queue that uses one of them looks whether they suffice."""
        with self._lock:
            for queue_keys, queue in self.waiting.items():
                if not keys.isdisjoint(queue_keys):
                    queue[0].wake()

    def _on_clock_shift(self) -> None:
        with self._lock:
            for queue in self.waiting.values():
                queue[0].wake()


def _rank(waiter: Waiter) -> Any:
    return waiter.rank
