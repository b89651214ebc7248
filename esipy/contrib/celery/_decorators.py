"""The decorators of tasks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from celery.signals import worker_init

from esipy._runtime.suggest import closest
from esipy.contrib.celery._bound import check_is_bound, check_is_task
from esipy.contrib.celery._limit import RATE_LIMIT, RateLimit
from esipy.contrib.celery._rates import parse_rate
from esipy.contrib.celery._retry import run_when_possible
from esipy.contrib.celery._waits import PROBE_EVERY, WAITS_OUTSIDE
from esipy.contrib.celery._worker import prepare_worker

Function = TypeVar('Function', bound=Callable[..., Any])

# Before a worker receives messages; by then it has imported the modules of its tasks, and with them this one.
worker_init.connect(prepare_worker, weak=False)


def rate_limited_task(rate: str, keys: Sequence[str | int] | None = None) -> Callable[[Function], Function]:
    """Decorate the function of a bound task, so that its calls are spaced evenly over all workers::

        @app.task(bind=True)
        @rate_limited_task('10/m', keys=['corporation_id'])
        def update(self, corporation_id, name=None): ...

    `rate`: 'N/window'; a window is s, m, h or d after an optional number. Two calls start at least window/N apart, by
    the clock of Redis. `keys`: names of the task's parameters, or their positions from 0, `self` not counted; each
    combination of their values has a bucket of its own, whether they are passed by name, by position or not at all.

    A task that has to wait occupies no worker, and goes on with the same id, retries, queue and priority. Called
    directly or eagerly, it waits in its thread and then runs; a wait of more than a minute is a LimitedError.

    Raises TypeError or ValueError when it decorates: for a rate that is not one, for a key that the task does not have,
    and for a function that is not that of a bound task.
    """
    if callable(rate):
        raise TypeError("rate_limited_task needs a rate: write @rate_limited_task('10/m') above the function")
    parsed = parse_rate(rate)

    def decorate(function: Function) -> Function:
        signature = check_is_bound('rate_limited_task', function)
        limit = RateLimit(parsed, _names(() if keys is None else keys, signature, function.__qualname__), signature)

        @functools.wraps(function)
        def run(task: Any, /, *args: Any, **kwargs: Any) -> Any:
            check_is_task('rate_limited_task', task)
            limit.wait(task, args, kwargs)
            return function(task, *args, **kwargs)

        run.__signature__ = signature  # type: ignore[attr-defined]  # Celery checks arguments by it
        setattr(run, RATE_LIMIT, limit)
        setattr(run, WAITS_OUTSIDE, True)
        return run  # type: ignore[return-value]

    return decorate


@overload
def retry_when_limited(function: Function, /) -> Function: ...


@overload
def retry_when_limited(*, probe_every: float = 30.0) -> Callable[[Function], Function]: ...


def retry_when_limited(
    function: Function | None = None, /, *, probe_every: float = 30.0
) -> Function | Callable[[Function], Function]:
    """Decorate the function of a bound task, so that it comes again when a rate limit or a downtime allows it::

        @app.task(bind=True)
        @retry_when_limited
        def update(self, corporation_id): ...

    A LimitedError that leaves the function ends this run of the task, which comes again after the error's `retry_after`
    seconds and a little more, so that not all come at once. A DowntimeError ends it until the server is up: every
    `probe_every` seconds, one of the tasks that wait for the server runs, to find out, and the others wait on. Neither
    counts as a retry, and waiting tasks are in no queue and occupy no worker.

    A task that is called directly or eagerly raises the error. Raises TypeError or ValueError when it decorates a
    function that is not that of a bound task, and for a `probe_every` that is not a positive number.
    """
    if not 0.001 <= probe_every <= 86400:
        raise ValueError(f'probe_every is a number of seconds up to a day, not {probe_every!r}')
    microseconds = round(probe_every * 1_000_000)

    def decorate(function: Function) -> Function:
        signature = check_is_bound('retry_when_limited', function)

        @functools.wraps(function)
        def run(task: Any, /, *args: Any, **kwargs: Any) -> Any:
            check_is_task('retry_when_limited', task)
            return run_when_possible(task, functools.partial(function, task, *args, **kwargs), microseconds)

        run.__signature__ = signature  # type: ignore[attr-defined]
        setattr(run, PROBE_EVERY, microseconds)
        setattr(run, WAITS_OUTSIDE, True)
        return run  # type: ignore[return-value]

    return decorate if function is None else decorate(function)


#: django-esi's name.
rate_limit_retry_task = retry_when_limited


def _names(keys: object, signature: inspect.Signature, function: str) -> list[str]:
    """Return the names of the parameters that `keys` select. Raises TypeError or ValueError for another one."""
    if not isinstance(keys, Sequence) or isinstance(keys, (str, bytes)):
        raise TypeError(f'rate_limited_task: keys of {function} is {keys!r}, not a list; write keys=[{keys!r}]')
    parameters = list(signature.parameters.values())[1:]
    known = [one.name for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    takes_any_name = any(one.kind is one.VAR_KEYWORD for one in parameters)
    names = []
    for key in keys:
        if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(known):
            names.append(known[key])
        elif isinstance(key, str) and (key in known or takes_any_name):
            names.append(key)
        else:
            nearest = closest(key, known)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'its parameters are {", ".join(known) or "none"}'
            raise ValueError(f'rate_limited_task: {function} has no parameter {key!r}, which keys names; {hint}')
    return names
