"""The limit of a task: its calls are spaced evenly, over all workers."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from kombu.utils.json import dumps

from esipy import clock
from esipy.contrib.celery._local import LocalBuckets
from esipy.contrib.celery._messages import waits_of
from esipy.contrib.celery._rates import Rate
from esipy.contrib.celery._redis import broker_of, connections
from esipy.contrib.celery._waits import can_wait_outside, until_available, wait_outside
from esipy.exceptions import LimitedError

#: The name under which a decorated function has its limit. functools.wraps hands it on to functions around it.
RATE_LIMIT = 'esipy_rate_limit'

#: Microseconds for which a task that has reached a pool waits in it. A longer wait is made outside.
IN_POOL = 500_000

#: Microseconds for which a task that is called directly or eagerly waits. A longer wait is an error.
CALLED_DIRECTLY = 60_000_000

_local = LocalBuckets()


class RateLimit:
    """The limit of one task: its rate, and the parameters whose values tell its buckets apart."""

    def __init__(self, rate: Rate, keys: Sequence[str], signature: inspect.Signature) -> None:
        self.spacing = rate.spacing
        self.keys = keys
        self._signature = signature

    def bucket(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Return the name of the bucket of a call. Different values never share one, since their JSON is hashed.

        Raises TypeError for arguments that the task does not take, and for values that JSON cannot express.
        """
        if not self.keys:
            return str(task.name)
        bound = self._signature.bind(task, *args, **kwargs)
        bound.apply_defaults()
        values = {**bound.kwargs, **bound.arguments}
        text = dumps([[key, values.get(key)] for key in self.keys], sort_keys=True)
        return f'{task.name}:{hashlib.sha256(text.encode()).hexdigest()[:32]}'

    def wait(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Return when the task may start. In a worker, a long wait ends this run of the task: it comes again."""
        request, bucket = task.request, self.bucket(task, args, kwargs)
        if not can_wait_outside(task):
            self._wait_here(task, bucket)
            return
        waits = waits_of(request.headers or {}, request.retries)
        slot, left = waits.slots.get(bucket, 0), IN_POOL
        while True:
            slot, wait = until_available(functools.partial(connections(task.app).start, bucket, self.spacing, slot))
            if not wait:
                return
            left -= wait
            if left < 0:
                wait_outside(task, waits._replace(times=waits.times + 1, slots={**waits.slots, bucket: slot}), wait)
            clock.sleep(wait / 1_000_000)

    def _wait_here(self, task: Any, bucket: str) -> None:
        """Wait for a task that nobody can put back into a queue."""
        buckets = connections(task.app) if broker_of(task.app) == 'redis' else _local
        slot, wait = 0, 1
        while wait:
            slot, wait = buckets.start(bucket, self.spacing, slot, CALLED_DIRECTLY)
            if not slot:
                raise LimitedError(
                    task.name,
                    429,
                    response=f'the rate limit of this task allows the call in {wait / 1_000_000:.1f} s',
                    retry_after=wait / 1_000_000,
                    limit=bucket,
                    remedy='a task that is called directly waits for a minute at most; call it by delay()',
                )
            clock.sleep(wait / 1_000_000)
