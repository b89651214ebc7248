"""What a worker does for tasks that wait: it puts them aside before they reach its pool, and back when they are due.

Celery's own ways to wait are not used. A countdown keeps the message in a worker's memory, and the broker delivers it
again when its visibility timeout has passed: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
"""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.utils.imports import instantiate

from esipy import clock
from esipy._runtime.redact import masked_error
from esipy.contrib.celery._limit import RATE_LIMIT, RateLimit
from esipy.contrib.celery._messages import Waits, header, of_delivered, run_of, waits_of
from esipy.contrib.celery._redis import Connections, broker_of, check_broker, connections
from esipy.contrib.celery._waits import PROBE_EVERY, UNAVAILABLE, WAITS_OUTSIDE

LOGGER = logging.getLogger('esipy.celery')

#: Microseconds before its time at which a message goes back into its queue: about as long as it takes from there to a
#: pool. The task waits for the rest in the pool.
LEAD = 20_000

#: How many messages go back in one step.
BATCH = 100

#: Seconds after which a worker looks again whether messages are due: another one may have put them aside.
LOOK_AGAIN = 0.2

#: Seconds for which Redis is left alone after it failed.
AFTER_ERROR = 1.0


class Releaser(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Puts messages that are due back into their queues, in a thread of the worker's main process."""

    requires = ('celery.worker.consumer.tasks:Tasks',)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        consumer.esipy_releaser = self
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._looks_at = 0.0

    def start(self, consumer: Any) -> None:
        check_broker(consumer.app)
        _check_tasks(consumer.app)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(consumer.app,), name='esipy-releaser', daemon=True)
        self._thread.start()

    def stop(self, consumer: Any) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    shutdown = stop

    def expect(self, wait: int) -> None:
        """A message is due in so many microseconds: look at it then."""
        if clock.monotonic() + (wait - LEAD) / 1_000_000 < self._looks_at:
            self._wake.set()

    def _run(self, app: Any) -> None:
        has_failed = False
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                count, following = connections(app).release(LEAD, BATCH)
            except Exception as error:  # whatever it is, other tasks will be due
                if not has_failed:
                    _log_failure(error)
                has_failed, count, delay = True, 0, AFTER_ERROR
            else:
                has_failed = False
                delay = LOOK_AGAIN if following < 0 else min(LOOK_AGAIN, following / 1_000_000)
            if count < BATCH:
                self._looks_at = clock.monotonic() + delay
                self._wake.wait(delay)


def _log_failure(error: Exception) -> None:
    LOGGER.warning(
        'tasks that are due cannot be put back into their queues (%s); this is tried again every second; check the '
        'Redis server',
        masked_error(error),
    )


def _check_tasks(app: Any) -> None:
    """Raise TypeError for a decorated task that is not bound: the decorator, which is below, cannot know."""
    for task in app.tasks.values():
        run = getattr(task, '_orig_run', task.run)  # Celery's autoretry_for puts a function around it
        if hasattr(run, WAITS_OUTSIDE) and not inspect.ismethod(run):
            raise TypeError(f'the task {task.name} waits for rate limits, so it must be bound: @app.task(bind=True)')


def strategy(original: Any, task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Return what a worker does with each message of a task that may have to wait: `Task.Strategy` of
    https://docs.celeryq.dev/en/stable/reference/celery.app.task.html. `original`: what it would do otherwise."""
    go_on = instantiate(original, task, app, consumer, **options)
    releaser: Releaser = consumer.esipy_releaser

    def receive(message: Any, body: Any, ack: Callable[..., Any], *more: Any, **options: Any) -> Any:
        try:
            wait = _put_aside(connections(app), task, message)
        except UNAVAILABLE:
            wait = None  # the task itself waits for Redis
        if wait is None:
            return go_on(message, body, ack, *more, **options)
        ack(LOGGER, consumer.connection_errors)
        releaser.expect(wait)
        return None

    return receive


def _put_aside(redis: Connections, task: Any, message: Any) -> int | None:
    """Store the message if its task has to wait. Returns the microseconds to wait, or None: it goes on to the pool."""
    headers = message.headers
    if not isinstance(headers, dict) or 'retries' not in headers or headers.get('eta'):
        return None  # the old protocol, or Celery waits first
    retries = headers['retries'] or 0
    waits, run = waits_of(headers, retries), run_of(headers['id'], retries)
    if headers.get('redelivered') and redis.times_waited(run) > waits.times:
        return 0  # a newer copy is waiting, or has run
    probe_every: int | None = getattr(task.run, PROBE_EVERY, None)
    server = '' if probe_every is None else redis.server_of(task.name, run)
    if server and probe_every is not None:
        redis.hold(of_delivered(message, Waits(waits.times + 1, waits.slots, server)), task.name, server, probe_every)
        return probe_every
    limit: RateLimit | None = getattr(task.run, RATE_LIMIT, None)
    return None if limit is None else _put_aside_for_slot(redis, limit, task, message, waits)


def _put_aside_for_slot(redis: Connections, limit: RateLimit, task: Any, message: Any, waits: Waits) -> int | None:
    try:
        args, kwargs = message.payload[:2] if limit.keys else ((), {})
        bucket = limit.bucket(task, args, kwargs)
    except Exception:
        return None  # the task reports what is wrong with its arguments
    slot, wait = redis.reserve(bucket, limit.spacing, waits.slots.get(bucket, 0))
    waits = waits._replace(slots={**waits.slots, bucket: slot})
    if wait <= LEAD:
        message.headers.update(header(waits, message.headers['retries'] or 0))
        return None
    redis.add(of_delivered(message, waits._replace(times=waits.times + 1)), wait)
    return wait


def prepare_worker(sender: Any, **_: Any) -> None:
    """Prepare a worker for tasks which may have to wait, before it receives messages."""
    app = sender.app
    if broker_of(app) == 'memory':
        return  # one process: a task waits in its thread
    for task in app.tasks.values():
        # A function around the decorated one may hide what it is. Then the task waits as soon as it runs.
        if hasattr(task.run, WAITS_OUTSIDE) and not isinstance(task.Strategy, functools.partial):
            task.Strategy = functools.partial(strategy, task.Strategy)
    app.steps['consumer'].add(Releaser)
