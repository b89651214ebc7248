"""What a decorator for tasks may decorate: the function of a bound task."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import celery
from celery.local import Proxy

#: What the first parameter of a bound task is called. It is all that shows, before there is a task, that it is bound.
_NAMES_OF_SELF = ('self', '_self', 'task')


def check_is_bound(decorator: str, function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function that may be that of a bound task.

    Raises TypeError, with what to write, for a task that exists already and for a function without `self`.
    """
    order = f'write @app.task(bind=True) above @{decorator}(…), and it above the function'
    if isinstance(function, (celery.Task, Proxy)):
        raise TypeError(f'{decorator} decorates a function, and this is a task already, so the order is wrong: {order}')
    if not inspect.isroutine(function):
        raise TypeError(f'{decorator} decorates a function, not a {type(function).__name__}: {order}')
    if inspect.iscoroutinefunction(function):
        raise TypeError(f'{decorator}: {function.__qualname__} is a coroutine function, which Celery does not run')
    signature = inspect.signature(function)
    first = next(iter(signature.parameters), '')
    if first not in _NAMES_OF_SELF:
        raise TypeError(
            f'{decorator}: the first parameter of {function.__qualname__} is {first or "missing"}, not self, so this '
            f'is not the function of a bound task; {order}, whose first parameter is self'
        )
    return signature


def check_is_task(decorator: str, task: object) -> None:
    """Raise TypeError if a decorated function was called without its task: `bind=True` is missing."""
    if not isinstance(task, celery.Task):
        raise TypeError(
            f'{decorator}: the function was called without its task, because the task is not bound: write '
            f'@app.task(bind=True) above @{decorator}(…)'
        )
