"""Many calls at once: a pool of threads that takes work as it is done, and gives results in the order of the work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

Work = TypeVar('Work')
Result = TypeVar('Result')

#: Calls that wait in front of each thread, so that none is ever idle.
_AHEAD = 2


def run_all(
    run: Callable[[Work], Result],
    work: Iterable[Work],
    threads: int,
    done: Callable[[int, int, Result], Any],
) -> None:
    """`run` each piece of `work` in one of `threads`; `done(index, count, result)` is called in the calling
    thread, as results come; `count` is how many there are so far.

    `work` is consumed as it is done, so that it may be endless or made on the way. An error in `run`, in `work` or
    in `done`, or Ctrl-C, ends it: what has not begun is dropped.
    """
    source = enumerate(work)
    count = 0
    with _pool(threads) as pool:
        pending: dict[Future[Result], int] = {}
        while True:
            for index, piece in islice(source, threads * _AHEAD - len(pending)):
                pending[pool.submit(run, piece)] = index
            if not pending:
                return
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                count += 1
                done(pending.pop(future), count, future.result())


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are not waited for when something went wrong: Ctrl-C stops at once."""
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix='esipy')
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
