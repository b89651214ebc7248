"""Many calls at once: threads that take work as they finish it, and hand results to the thread that asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

Work = TypeVar('Work')
Result = TypeVar('Result')

#: Pieces of work that are taken for each thread, so that none is ever idle.
_AHEAD = 2


class Cancelled(BaseException):
    """Nobody waits any more for what this thread does. It ends that as Ctrl-C would, and reaches no caller."""


class _Here(threading.local):
    """The crew that this thread works in, if it does."""

    crew: WorkerPool[Any, Any] | None = None


_here = _Here()


def in_worker() -> bool:
    """Return whether this thread is one of a pool of esipy's."""
    return _here.crew is not None


def raise_if_cancelled(alarm: threading.Event | None = None) -> None:
    """Raise Dismissed in a thread whose crew has been dismissed: what it was to send would come too late, and who waits
    for a limit would keep others waiting. `alarm`: set when that happens to a thread which is about to sleep."""
    crew = _here.crew
    if crew is not None:
        crew.raise_if_cancelled(alarm)


def map_unordered(
    run: Callable[[Work], Result],
    work: Iterable[Work],
    threads: int,
    done: Callable[[int, int, Result], Any],
) -> None:
    """`run` each piece of `work` in one of `threads`; `done(index, count, result)` is called in the calling thread,
    as results come; `count` is how many there are so far.

    `work` is consumed as it is done, so that it may be endless or made on the way. An error in `run`, in `work` or
    in `done`, or Ctrl-C, ends it at once: what is not sent yet is dropped, what is under way is not waited for.
    """
    with WorkerPool(run, threads) as crew:
        for piece in work:
            crew.give(piece)
            while crew.has_result or crew.busy >= threads * _AHEAD:
                done(*crew.take())
        while crew.busy:
            done(*crew.take())


def map_ordered(run: Callable[[Work], Result], work: Iterable[Work], threads: int) -> Iterator[Result]:
    """What `run` makes of each piece of `work`, in its order. `threads` work ahead of whoever takes the results, one
    piece each and no further, so that memory stays flat.

    An error of `run` is raised as soon as it is known. Closing the generator ends it at once: what is under way is
    not waited for.
    """
    with WorkerPool(run, threads) as crew:
        pieces = iter(work)
        early: dict[int, Result] = {}
        following = 0
        while True:
            for piece in islice(pieces, threads - (crew.given - following)):
                crew.give(piece)
            if following == crew.given:
                return
            while following not in early:
                index, _, result = crew.take()
                early[index] = result
            yield early.pop(following)
            following += 1


#: Seconds after which a wait begins again: a Ctrl-C that comes just before one begins does not end it.
_GLANCE = 1.0


def _next(queue: SimpleQueue[Result]) -> Result:
    while True:
        try:
            return queue.get(timeout=_GLANCE)
        except Empty:
            continue


class WorkerPool(Generic[Work, Result]):
    """Threads, started as work comes in. They do not keep the interpreter from ending.

    Each piece of work is done in a copy of the context (`contextvars`) of the thread that gave it, a copy of its own:
    a context cannot be entered twice at once.
    """

    def __init__(self, run: Callable[[Work], Result], size: int) -> None:
        self._run = run
        self._size = size
        self._threads: list[threading.Thread] = []
        self._work: SimpleQueue[tuple[int, Work, Context] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
        #: How many pieces were given so far.
        self.given = 0
        self._taken = 0
        self._dismissed = False
        #: What wakes the threads that sleep, one for each.
        self._alarms: dict[int, threading.Event] = {}

    def give(self, piece: Work) -> None:
        if len(self._threads) < self._size:
            name = f'esipy_{len(self._threads)}'
            self._threads.append(threading.Thread(target=self._work_on, name=name, daemon=True))
            self._threads[-1].start()
        self._work.put((self.given, piece, copy_context()))
        self.given += 1

    @property
    def busy(self) -> int:
        """How many pieces were given whose results were not taken."""
        return self.given - self._taken

    @property
    def has_result(self) -> bool:
        return not self._results.empty()

    def take(self) -> tuple[int, int, Result]:
        """The next result: its piece's number, how many were taken so far, and what `run` returned."""
        index, result, error = _next(self._results)
        self._taken += 1
        if error is not None:
            raise error
        return index, self._taken, result

    def raise_if_cancelled(self, alarm: threading.Event | None) -> None:
        """See the function of this name. The alarm is there before it is looked whether it would have rung."""
        if alarm is not None:
            self._alarms[threading.get_ident()] = alarm
        if self._dismissed:
            raise Cancelled

    def _work_on(self) -> None:
        _here.crew = self
        while (given := self._work.get()) is not None:
            index, piece, context = given
            try:
                self._results.put((index, context.run(self._run, piece), None))
            except BaseException as error:
                self._results.put((index, None, error))

    def __enter__(self) -> WorkerPool[Work, Result]:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            while True:
                self._work.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._work.put(None)
        if error is None:
            for thread in self._threads:
                thread.join()
            return
        self._dismissed = True
        for alarm in list(self._alarms.values()):
            alarm.set()
