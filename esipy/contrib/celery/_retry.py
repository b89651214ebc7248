"""A task whose call meets a rate limit or a downtime comes again when it can succeed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from esipy.contrib.celery._messages import Waits, run_of, waits_of
from esipy.contrib.celery._redis import connections
from esipy.contrib.celery._waits import can_wait_outside, until_available, wait_for_server, wait_outside
from esipy.exceptions import ClientError, DowntimeError, LimitedError

#: Seconds to wait if neither the server nor esipy says how long.
DEFAULT_WAIT = 60.0

#: Seconds to wait at least, so that a task does not go round and round.
SHORTEST_WAIT = 0.1

#: Tasks that are to wait equally long wait for up to so much longer, each for another time.
JITTER = 0.1


def run_when_possible(task: Any, run: Callable[[], Any], probe_every: int) -> Any:
    """Return what `run` returns. In a worker, a LimitedError or DowntimeError of it makes the task wait instead.
    `probe_every`: microseconds between two probes of a server that is down."""
    request = task.request
    if not can_wait_outside(task):
        return run()
    waits = waits_of(request.headers or {}, request.retries)
    name = run_of(request.id, request.retries)
    server: str = until_available(lambda: connections(task.app).server_of(task.name, name))
    if server:
        wait_for_server(task, waits._replace(times=waits.times + 1, server=server), probe_every)
    try:
        result = run()
    except LimitedError as raised:
        error = raised
    except DowntimeError as raised:
        server = urlsplit(raised.url).netloc or 'the server'
    except ClientError:
        _report_up(task, waits)
        raise
    else:
        _report_up(task, waits)
        return result
    # Outside of the except clauses, so that the errors are not sent along with the Ignore that ends this run.
    if server:
        wait_for_server(task, waits._replace(times=waits.times + 1, server=server), probe_every)
    if not error.limit:  # the server sent it; otherwise nothing was sent
        _report_up(task, waits)
    seconds = DEFAULT_WAIT if error.retry_after is None else max(SHORTEST_WAIT, error.retry_after)
    seconds *= 1 + random.uniform(0, JITTER)
    wait_outside(task, waits._replace(times=waits.times + 1), round(seconds * 1_000_000))


def _report_up(task: Any, waits: Waits) -> None:
    """The server for which this task has waited responds again."""
    if waits.server:
        until_available(lambda: connections(task.app).up(waits.server))
