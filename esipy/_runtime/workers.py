"""Many calls at once, in threads. `concurrent.futures` does not fit: its threads keep the interpreter from ending, its
work cannot be cancelled while it waits for a rate limit, and it takes all work before the first result."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

Work = TypeVar('Work')
Result = TypeVar('Result')

LOGGER = logging.getLogger('esipy.client')

#: Pieces of work that are submitted for each thread, so that no thread is ever idle.
_AHEAD = 2


class Cancelled(BaseException):
    """The result of this thread is not needed any more. It ends the work as Ctrl-C would, and reaches no caller."""


class _ThreadState(threading.local):
    """The pool that this thread belongs to, if any."""

    pool: Cancellable | None = None


_thread = _ThreadState()


def in_worker() -> bool:
    """Return whether this thread is one of a pool of esipy's."""
    return _thread.pool is not None


def raise_if_cancelled(waker: threading.Event | None = None) -> None:
    """Raise Cancelled in a thread of a pool that was cancelled: its result is not needed, and it must not wait for a
    rate limit before others. `waker`: an event that is set if the pool is cancelled while this thread sleeps."""
    pool = _thread.pool
    if pool is not None:
        pool.raise_if_cancelled(waker)


def map_unordered(
    run: Callable[[Work], Result],
    work: Iterable[Work],
    threads: int,
    done: Callable[[int, int, Result], Any],
) -> None:
    """Run each piece of `work` in one of `threads`. `done(index, count, result)` is called in the calling thread as
    results arrive; `count` is the number of results so far.

    `work` is consumed as results arrive, so that it may be an endless generator. An error in `run`, `work` or `done`,
    or Ctrl-C, ends everything at once: what has not begun is dropped, and what has is not waited for.
    """
    with WorkerPool(run, threads) as pool:
        for piece in work:
            pool.submit(piece)
            while pool.has_result or pool.pending >= threads * _AHEAD:
                done(*pool.next_result())
        while pool.pending:
            done(*pool.next_result())


def map_ordered(run: Callable[[Work], Result], work: Iterable[Work], threads: int) -> Iterator[Result]:
    """Yield the results of `run` for each piece of `work`, in order. Each of the `threads` works at most one piece
    ahead of the consumer, so that memory stays flat.

    An error of `run` is raised as soon as it is known. Closing the generator ends everything at once: what has begun
    is not waited for.
    """
    with WorkerPool(run, threads) as pool:
        pieces = iter(work)
        early: dict[int, Result] = {}
        following = 0
        while True:
            for piece in islice(pieces, threads - (pool.submitted - following)):
                pool.submit(piece)
            if following == pool.submitted:
                return
            while following not in early:
                index, _, result = pool.next_result()
                early[index] = result
            yield early.pop(following)
            following += 1


#: Seconds after which a wait is repeated: a Ctrl-C that arrives just before a wait does not end it.
_WAIT_STEP = 1.0


def _next(queue: SimpleQueue[Result]) -> Result:
    while True:
        try:
            return queue.get(timeout=_WAIT_STEP)
        except Empty:
            continue


class Cancellable:
    """What threads work for: once it is cancelled, they neither send nor wait for a rate limit."""

    def __init__(self) -> None:
        self._is_cancelled = False
        #: The events that wake sleeping threads, by thread.
        self._wakers: dict[int, threading.Event] = {}

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Let this thread work for it in a `with` block. `raise_if_cancelled` of this module then knows it."""
        _thread.pool = self
        try:
            yield
        finally:
            _thread.pool = None

    def raise_if_cancelled(self, waker: threading.Event | None) -> None:
        """See the function of this name. The event is registered first, so that a cancellation in between sets it."""
        if waker is not None:
            self._wakers[threading.get_ident()] = waker
        if self._is_cancelled:
            raise Cancelled

    def cancel(self) -> None:
        """End what waits, and send nothing more."""
        self._is_cancelled = True
        for waker in list(self._wakers.values()):
            waker.set()


class WorkerPool(Cancellable, Generic[Work, Result]):
    """Daemon threads, started as work is submitted.

    Each piece of work runs in its own copy of the context (`contextvars`) of the thread that submitted it, since a
    context cannot be entered twice at once.
    """

    def __init__(self, run: Callable[[Work], Result], size: int) -> None:
        super().__init__()
        self._run = run
        self._size = size
        self._threads: list[threading.Thread] = []
        self._work: SimpleQueue[tuple[int, Work, Context] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
        #: The number of pieces that were submitted.
        self.submitted = 0
        self._returned = 0

    def submit(self, piece: Work) -> None:
        """Add a piece of work. Raises RuntimeError if there is no thread that could do it."""
        if len(self._threads) < self._size:
            self._start_thread()
        self._work.put((self.submitted, piece, copy_context()))
        self.submitted += 1

    def _start_thread(self) -> None:
        """Start one more thread. Where the system starts no more of them, those that run do all the work."""
        thread = threading.Thread(target=self._run_work, name=f'esipy_{len(self._threads)}', daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            count = len(self._threads)
            if count == 0:
                raise RuntimeError(
                    'no thread can be started for these calls: this process, its user or its container has as many as '
                    'it may have (ulimit -u, the pids limit), or no memory; use fewer threads elsewhere, or raise the '
                    'limit'
                ) from error
            LOGGER.warning('only %d of %d threads can be started (%s); they do all the work', count, self._size, error)
            self._size = count
        else:
            self._threads.append(thread)

    @property
    def pending(self) -> int:
        """The number of pieces whose results have not been returned."""
        return self.submitted - self._returned

    @property
    def has_result(self) -> bool:
        return not self._results.empty()

    def next_result(self) -> tuple[int, int, Result]:
        """Return the next result: the number of its piece, the number of results so far, and what `run` returned."""
        index, result, error = _next(self._results)
        self._returned += 1
        if error is not None:
            raise error
        return index, self._returned, result

    def _run_work(self) -> None:
        with self.joined():
            while (submitted := self._work.get()) is not None:
                index, piece, context = submitted
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
        self.cancel()
