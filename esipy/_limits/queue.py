"""Who waits for what: lines of threads, served in the order in which they came."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Hashable
from itertools import count
from typing import Any

from esipy import clock
from esipy._runtime import fork

#: What a line is for: the keys of the ledgers that all in it draw from.
Keys = frozenset[Hashable]

#: Longer waits are cut into pieces of so many seconds: a Ctrl-C that comes just before one begins does not end it.
_LONGEST = 5.0


class Waiter:
    """One thread's place in a line: `with lines.join(keys, priority) as place`. No lock is held in the block."""

    __slots__ = ('_lines', 'keys', 'rank', 'woken')

    def __init__(self, lines: WaitQueue, keys: Keys, rank: tuple[float, int]) -> None:
        self._lines = lines
        #: Set when there may be something to see for who sleeps here.
        self.woken = threading.Event()
        self.keys = keys
        self.rank = rank

    def __enter__(self) -> Waiter:
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.leave(self)

    @property
    def position(self) -> int:
        """How many are served before."""
        return self._lines.position(self)

    def sleep(self, seconds: float) -> None:
        """Until so many seconds have passed, or something happened since the last sleep: this thread may be the
        first now, or tokens have come back, or the clock was moved."""
        self.woken.wait(min(max(0.0, seconds), _LONGEST))
        self.woken.clear()

    def wake(self) -> None:
        self.woken.set()


class WaitQueue:
    """All lines. Safe between threads; in a forked child nobody waits."""

    def __init__(self) -> None:
        self._reset_after_fork()
        fork.reset_after_fork(self)
        clock.notify_on_shift(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        #: Lines by what they are for, each sorted by rank; an empty one is not kept. Others only look whether one is
        #: there.
        self.waiting: dict[Keys, list[Waiter]] = {}

    def join(self, keys: Keys, priority: float) -> Waiter:
        """Take the place behind all who have the same priority or a higher one."""
        with self._lock:
            place = Waiter(self, keys, (-priority, next(self._numbers)))
            bisect.insort(self.waiting.setdefault(keys, []), place, key=_rank)
        return place

    def leave(self, place: Waiter) -> None:
        """Give the place up, served or not; the next one sees what there is for him."""
        with self._lock:
            line = self.waiting[place.keys]
            del line[bisect.bisect_left(line, place.rank, key=_rank)]
            if line:
                line[0].wake()
            else:
                del self.waiting[place.keys]

    def position(self, place: Waiter) -> int:
        with self._lock:
            return bisect.bisect_left(self.waiting[place.keys], place.rank, key=_rank)

    def wake(self, keys: Keys) -> None:
        """Something came back there: whoever is the first in a line for any of it sees whether that is enough."""
        with self._lock:
            for of, line in self.waiting.items():
                if not keys.isdisjoint(of):
                    line[0].wake()

    def _on_clock_shift(self) -> None:
        with self._lock:
            for line in self.waiting.values():
                line[0].wake()


def _rank(place: Waiter) -> Any:
    return place.rank
