"""Throttle, the base of Pool and RateLimit: requests take slots, or wait for one in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from typing import ClassVar

from esipy import clock
from esipy._plugins.base import CallContext, HookContext, Plugin
from esipy._runtime import fork
from esipy._runtime.steps import SLOT_WAIT, step
from esipy.exceptions import RequestLimitError, TooManyRequestsPendingError, TooMuchTimePendingError


class Throttle(Plugin):
    """`limit` slots. A request holds one, which is free again `period` seconds after its response.

    Safe between threads, which wait without holding a lock. A forked child begins with all slots free.
    """

    #: The note of how many seconds a call has waited.
    note: ClassVar[str]

    def __init__(self, limit: int, period: float, timeout: float | None, hard_limit: int | None) -> None:
        if limit < 1 or period < 0:
            raise ValueError(
                f'{type(self).__name__}: limit must be at least 1 and period at least 0, not {limit} and {period}'
            )
        self.limit = limit
        self.period = period
        self.timeout = timeout
        self.hard_limit = hard_limit
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._busy = 0
        #: When the slots of ended requests are free again, by `clock.monotonic`, the first one first.
        self._resting: deque[float] = deque()
        self._queue: deque[_Waiter] = deque()

    def close(self) -> None:
        """End the waiting calls of the client that is being closed with an error. Those of other clients, which may
        have the same object, go on waiting."""
        with self._lock:
            for waiter in self._queue:
                if waiter.call.client_is_closed():
                    waiter.is_cancelled = True
                    waiter.woken.set()

    @property
    def pending(self) -> int:
        """The number of requests that wait."""
        return len(self._queue)

    @property
    def taken(self) -> int:
        """The number of slots that are not free."""
        with self._lock:
            self._wake_up()
            return self._busy + len(self._resting)

    def around_attempt(self, call: CallContext) -> HookContext:
        return _Slot(self, call)

    def _wait(self, call: CallContext) -> None:
        """Wait for a slot. The wait does not count towards the call's deadline."""
        begun = clock.monotonic()
        try:
            with step(SLOT_WAIT, plugin=type(self).__name__):
                self._queue_up(call, begun)
        finally:
            waited = clock.monotonic() - begun
            call.notes[self.note] = call.notes.get(self.note, 0.0) + waited
            if call.deadline is not None:
                call.deadline += waited

    def _queue_up(self, call: CallContext, begun: float) -> None:
        me = _Waiter(call)
        try:
            with self._lock:
                if self.hard_limit is not None and len(self._queue) >= self.hard_limit:
                    reason = f'{len(self._queue)} requests are waiting already, and hard_limit is {self.hard_limit}'
                    raise TooManyRequestsPendingError(f'{call.name}: {type(self).__name__}: {reason}')
                self._queue.append(me)
            while True:
                with self._lock:
                    if me.is_cancelled:
                        reason = 'the client was closed while the request waited'
                        raise RequestLimitError(f'{call.name}: {type(self).__name__}: {reason}')
                    me.woken.clear()
                    now = clock.monotonic()
                    is_first = self._queue[0] is me
                    if is_first and self._acquire():
                        return
                    pause = self._resting[0] - now if is_first and self._resting else None
                left = None if self.timeout is None else begun + self.timeout - now
                if left is not None and left <= 0:
                    reason = f'the request waited for {now - begun:.3g} s (timeout={self.timeout}) and was not sent'
                    raise TooMuchTimePendingError(f'{call.name}: {type(self).__name__}: {reason}')
                me.woken.wait(left if pause is None else pause if left is None else min(pause, left))
        finally:
            with self._lock:
                if me in self._queue:
                    self._queue.remove(me)
                self._wake_first()

    def _acquire(self) -> bool:
        if self._resting:
            self._wake_up()
        if self._busy + len(self._resting) >= self.limit:
            return False
        self._busy += 1
        return True

    def _wake_up(self) -> None:
        """Free the slots of ended requests whose period is over."""
        while self._resting and self._resting[0] <= clock.monotonic():
            self._resting.popleft()

    def _wake_first(self) -> None:
        if self._queue:
            self._queue[0].woken.set()


class _Waiter:
    """A call that waits for a slot."""

    __slots__ = ('call', 'is_cancelled', 'woken')

    def __init__(self, call: CallContext) -> None:
        self.call = call
        #: Set when there may be a slot.
        self.woken = threading.Event()
        #: Its client was closed.
        self.is_cancelled = False


class _Slot:
    """A slot, held by one attempt."""

    __slots__ = ('_call', '_throttle')

    def __init__(self, throttle: Throttle, call: CallContext) -> None:
        self._throttle = throttle
        self._call = call

    def __enter__(self) -> None:
        throttle, call = self._throttle, self._call
        with throttle._lock:
            is_free = not throttle._queue and throttle._acquire()
        if is_free:
            call.notes.setdefault(throttle.note, 0.0)
        else:
            throttle._wait(call)

    def __exit__(self, *error: object) -> None:
        throttle = self._throttle
        with throttle._lock:
            if throttle._busy:  # a child that was forked meanwhile begins with all slots free
                throttle._busy -= 1
            if throttle.period:
                throttle._resting.append(clock.monotonic() + throttle.period)
            if throttle._queue:
                throttle._wake_first()
