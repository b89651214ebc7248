"""How a task waits: outside, so that it occupies no worker, or in its thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from celery.exceptions import Ignore
from kombu.exceptions import OperationalError

from esipy import clock
from esipy._runtime.redact import masked_error
from esipy._runtime.resilience import LogOnce
from esipy.contrib.celery._messages import Waits, of_running
from esipy.contrib.celery._redis import REDIS_ERRORS, broker_of, connections, is_broken

LOGGER = logging.getLogger('esipy.celery')

Result = TypeVar('Result')

#: The name under which a function decorated by retry_when_limited has the microseconds between two probes.
PROBE_EVERY = 'esipy_probe_every'

#: The name under which the function of a task says that it may wait outside: a worker is prepared for it.
WAITS_OUTSIDE = 'esipy_waits_outside'

#: What is raised while Redis cannot be used.
UNAVAILABLE = (*REDIS_ERRORS, OperationalError)

#: Seconds after which a task that runs asks again for a Redis that could not be used.
ASK_AGAIN = 1.0

_log_once = LogOnce(LOGGER)


def can_wait_outside(task: Any) -> bool:
    """Return whether the task that runs came from a queue to which it can be returned. With the broker
    `memory://` there is one process and no Redis."""
    request = task.request
    is_message = request.id is not None and not request.called_directly and not request.is_eager
    return is_message and broker_of(task.app) != 'memory'


def until_available(run: Callable[[], Result]) -> Result:
    """Return what `run` returns, as soon as Redis can be used. A task that has begun exists nowhere else, so that it
    must not give up. What somebody has changed there so that it cannot be read is an error at once."""
    while True:
        try:
            return run()
        except UNAVAILABLE as error:
            if is_broken(error):
                raise
            _log_once.warning(
                type(error).__name__,
                'Redis is not available (%s); tasks and crawls that need it continue when it is (logged once)',
                masked_error(error),
            )
            clock.sleep(ASK_AGAIN)


def wait_outside(task: Any, waits: Waits, wait: int) -> None:
    """End this run of the task; its message comes back after `wait` microseconds. `waits`: what the message notes.

    Raises celery.exceptions.Ignore: unlike Retry, it counts for nothing, and leaves alone what belongs to the task's
    end, such as the lock of celery-once.
    """
    redis = until_available(lambda: connections(task.app))
    message = of_running(redis.channel, task, waits)
    until_available(lambda: redis.add(message, wait))
    raise Ignore(f'waits for {wait / 1_000_000:.3f} s')


def wait_for_server(task: Any, waits: Waits, probe_every: int) -> None:
    """End this run of the task; its message comes back when the server that `waits` names is up, or as a probe.

    Raises celery.exceptions.Ignore.
    """
    redis = until_available(lambda: connections(task.app))
    message = of_running(redis.channel, task, waits)
    until_available(lambda: redis.hold(message, task.name, waits.server, probe_every))
    raise Ignore(f'waits until {waits.server} is up')
