"""The Celery task that works on a crawl: "take the next units", again and again."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from celery.signals import worker_init

from esipy.contrib.celery._messages import waits_of
from esipy.contrib.celery._waits import WAITS_OUTSIDE, can_wait_outside, wait_outside
from esipy.contrib.celery._worker import prepare_worker

#: Seconds without anything to do after which the task leaves the worker.
LONGEST_WAIT = 1.0

#: Microseconds for which it leaves the worker when its time is up, so that others get their turn.
PAUSE = 50_000

#: Seconds after which a task that should have come again is taken for lost: its worker was killed.
LOST_AFTER = 30.0

# The task waits outside of the workers, which they must be prepared for.
worker_init.connect(prepare_worker, weak=False)


class RunnableCrawl(Protocol):
    """What the task needs of a Crawl, whose module imports this one."""

    name: str

    def work(self, threads: int = 4) -> bool: ...
    def work_for(
        self, threads: int, seconds: float | None, stop: threading.Event | None, longest_wait: float = ...
    ) -> tuple[bool, float]: ...
    def report_runner(self, runner: str, lifetime: float | None) -> int: ...


def make_runner(crawl: RunnableCrawl, app: Any, threads: int, seconds: float) -> Any:
    """Register and return the task of a crawl: see `Crawl.task`."""

    def run(task: Any) -> None:
        if not can_wait_outside(task):
            crawl.work(threads)
            return
        runner = task.request.id
        for _ in range(crawl.report_runner(runner, seconds + LOST_AFTER)):
            task.delay()
        finished, wait = crawl.work_for(threads, seconds, None, LONGEST_WAIT)
        if finished:
            crawl.report_runner(runner, None)
            return
        crawl.report_runner(runner, wait + seconds + LOST_AFTER)
        waits = waits_of(task.request.headers or {}, task.request.retries)
        wait_outside(task, waits._replace(times=waits.times + 1), max(PAUSE, round(wait * 1_000_000)))

    setattr(run, WAITS_OUTSIDE, True)
    return app.task(run, name=f'esipy.crawl.{crawl.name}', bind=True, ignore_result=True)
