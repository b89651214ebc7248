"""Turns: who may send now, and who waits, in the order in which they came. What Pool and RateLimit have in common."""

from __future__ import annotations

import threading
from collections import deque
from typing import ClassVar

from esipy import clock
from esipy._plugins.base import CallContext, HookContext, Plugin
from esipy._runtime import fork
from esipy.exceptions import TooManyRequestsPendingError, TooMuchTimePendingError


class Turns(Plugin):
    """`limit` places. Who sends has one, and it is free again `period` seconds after the answer.

    Safe between threads, which wait without holding a lock. A forked child begins with all places free.
    """

    #: The note of how many seconds a call has waited.
    note: ClassVar[str]

    def __init__(self, limit: int, period: float, timeout: float | None, hard_limit: int | None) -> None:
        if limit < 1 or period < 0:
            raise ValueError(f'{type(self).__name__}: a limit of {limit} in {period} s lets nothing through')
        self.limit = limit
        self.period = period
        self.timeout = timeout
        self.hard_limit = hard_limit
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._busy = 0
        #: When places that rest are free again, by `clock.monotonic`, the first one first.
        self._resting: deque[float] = deque()
        #: Who waits. An event is set when there may be something to take for its thread.
        self._queue: deque[threading.Event] = deque()

    @property
    def pending(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def taken(self) -> int:
        """How many places are not free."""
        with self._lock:
            self._wake_up()
            return self._busy + len(self._resting)

    def around_attempt(self, call: CallContext) -> HookContext:
        return _Turn(self, call)

    def _wait(self, call: CallContext) -> None:
        """Wait for a place, which does not count for the call's deadline."""
        begun = clock.monotonic()
        try:
            self._stand_in_line(call, begun)
        finally:
            waited = clock.monotonic() - begun
            call.notes[self.note] = call.notes.get(self.note, 0.0) + waited
            if call.deadline is not None:
                call.deadline += waited

    def _stand_in_line(self, call: CallContext, begun: float) -> None:
        me = threading.Event()
        try:
            with self._lock:
                if self.hard_limit is not None and len(self._queue) >= self.hard_limit:
                    reason = f'{len(self._queue)} requests wait already (hard_limit={self.hard_limit})'
                    raise TooManyRequestsPendingError(f'{call.name}: {type(self).__name__}: {reason}')
                self._queue.append(me)
            while True:
                with self._lock:
                    me.clear()
                    now = clock.monotonic()
                    is_first = self._queue[0] is me
                    if is_first and self._take():
                        return
                    pause = self._resting[0] - now if is_first and self._resting else None
                left = None if self.timeout is None else begun + self.timeout - now
                if left is not None and left <= 0:
                    reason = f'waited for {now - begun:.3g} s (timeout={self.timeout})'
                    raise TooMuchTimePendingError(f'{call.name}: {type(self).__name__}: {reason}')
                me.wait(left if pause is None else pause if left is None else min(pause, left))
        finally:
            with self._lock:
                if me in self._queue:
                    self._queue.remove(me)
                self._call_first()

    def _take(self) -> bool:
        if self._resting:
            self._wake_up()
        if self._busy + len(self._resting) >= self.limit:
            return False
        self._busy += 1
        return True

    def _wake_up(self) -> None:
        """Places that have rested are free."""
        while self._resting and self._resting[0] <= clock.monotonic():
            self._resting.popleft()

    def _call_first(self) -> None:
        if self._queue:
            self._queue[0].set()


class _Turn:
    """A place, for one attempt."""

    __slots__ = ('_call', '_turns')

    def __init__(self, turns: Turns, call: CallContext) -> None:
        self._turns = turns
        self._call = call

    def __enter__(self) -> None:
        turns, call = self._turns, self._call
        with turns._lock:
            is_free = not turns._queue and turns._take()
        if is_free:
            call.notes.setdefault(turns.note, 0.0)
        else:
            turns._wait(call)

    def __exit__(self, *error: object) -> None:
        turns = self._turns
        with turns._lock:
            if turns._busy:  # in a child that was forked meanwhile there is nothing to give back
                turns._busy -= 1
            if turns.period:
                turns._resting.append(clock.monotonic() + turns.period)
            if turns._queue:
                turns._call_first()
