"""Coalescing: identical requests at the same time are sent once; the other threads wait for that one's result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

from esipy import clock
from esipy._runtime import fork
from esipy._runtime.steps import SHARED_REQUEST_WAIT, step

Result = TypeVar('Result')


class Leader(Protocol):
    """The exchange that sends the request. `was_throttled`: it had to wait for a rate limit."""

    was_throttled: bool


class SharedRequest(Generic[Result]):
    """A request in flight, as one thread sees it: `with coalescer.join(…) as shared`.

    `result`: what another thread fetched, or None: then this thread sends the request and calls `publish`.
    `waited`: seconds spent waiting for a leader that a rate limit held back.
    `invalidated`: a write happened meanwhile, so that the result may be older than the write.
    """

    __slots__ = ('_coalescer', 'done', 'invalidated', 'key', 'leader', 'result', 'timeout', 'waited')

    def __init__(self, coalescer: Coalescer[Result] | None, key: Hashable, timeout: Any, leader: Leader) -> None:
        self._coalescer = coalescer
        self.key = key
        self.timeout = timeout
        self.leader = leader
        self.result: Result | None = None
        self.invalidated = False
        self.waited = 0.0
        #: Made by the first thread that waits: most requests are not shared.
        self.done: threading.Event | None = None

    def publish(self, result: Result) -> None:
        """Hand `result` to all threads that wait."""
        self.result = result
        if self.done is not None:
            self.done.set()

    def __enter__(self) -> SharedRequest[Result]:
        return self

    def __exit__(self, *error: object) -> None:
        if self._coalescer is not None:
            self._coalescer.leave(self)


class _ThisThread(threading.local):
    """How many shared requests this thread leads, of any client."""

    leading = 0


_this_thread = _ThisThread()


class Coalescer(Generic[Result]):
    """The requests in flight, by key. Safe between threads; a forked child begins with none.

    `generation`: how many have ended. A caller that looked into the cache before the last one ended may find a stored
    response now.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._in_flight: dict[Hashable, SharedRequest[Result]] = {}

    def join(self, key: Hashable, timeout: Any, deadline: float | None, leader: Leader) -> SharedRequest[Result]:
        """Lead the request for `key`, or wait for the thread that leads it, until `deadline` (by `clock.monotonic`).

        Only calls with the same `timeout` wait for each other: it says how long a server may be silent.

        A thread that leads a shared request never waits for one: a signal's receiver that repeats the request, or two
        receivers that request each other's URL, would deadlock.
        """
        with self._lock:
            shared = self._in_flight.get(key)
            if shared is None:
                shared = self._in_flight[key] = SharedRequest(self, key, timeout, leader)
                _this_thread.leading += 1
                return shared
            done = shared.done = shared.done or threading.Event()
        alone: SharedRequest[Result] = SharedRequest(None, key, timeout, leader)
        if not _this_thread.leading and shared.timeout == timeout:
            if shared.result is None:  # read after `done` was made; `publish` writes in the other order
                begun = clock.monotonic()
                with step(SHARED_REQUEST_WAIT):
                    done.wait(None if deadline is None else max(0.0, deadline - begun))
                alone.waited = clock.monotonic() - begun if shared.leader.was_throttled else 0.0
            alone.result = shared.result
        return alone

    def leave(self, shared: SharedRequest[Result]) -> None:
        """End a shared request, whether it has a result or not."""
        _this_thread.leading -= 1
        with self._lock:
            if self._in_flight.get(shared.key) is shared:
                del self._in_flight[shared.key]
            self.generation += 1
        if shared.done is not None:
            shared.done.set()

    def is_in_flight(self, key: Hashable) -> bool:
        """Return whether another thread is fetching the response for `key`."""
        return key in self._in_flight

    def invalidate(self, is_outdated: Callable[[Hashable], bool]) -> None:
        """Mark the requests in flight as outdated whose key `is_outdated`: later calls do not wait for them."""
        if not self._in_flight:
            return
        with self._lock:
            for key in [key for key in self._in_flight if is_outdated(key)]:
                self._in_flight.pop(key).invalidated = True
