"""Steps of a call that may take long, such as waiting for a rate limit.

The code that takes a step marks it, wherever it is: `with step(RATE_LIMIT_WAIT, bucket=…):`. If the plugins of the call
that this thread executes have a hook for steps, it is called; otherwise nothing happens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec('Arguments')
Result = TypeVar('Result')

#: The names of all steps.
CACHE_LOOKUP = 'cache look-up'
SHARED_REQUEST_WAIT = 'shared request wait'
SLOT_WAIT = 'slot wait'
RATE_LIMIT_WAIT = 'rate limit wait'
TOKEN_REFRESH = 'token refresh'
RETRY_WAIT = 'retry wait'


class Step:
    """A step: its `name`, and `details`, which may be completed while it is taken."""

    __slots__ = ('details', 'name')

    def __init__(self, name: str, details: dict[str, Any]) -> None:
        self.name = name
        self.details = details

    def __repr__(self) -> str:
        return f'<Step {self.name}>'


class _ThisThread(threading.local):
    #: Returns a context manager for each step of the call that this thread executes.
    observer: Callable[[Step], AbstractContextManager[object]] | None = None
    #: The step that is being taken.
    current: Step | None = None


_this_thread = _ThisThread()


class _Unobserved:
    """A step that no plugin observes."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


_UNOBSERVED = _Unobserved()


class _Observed:
    """A step within the context manager of the observer."""

    __slots__ = ('_before', '_manager', '_step')

    def __init__(self, manager: AbstractContextManager[object], step: Step) -> None:
        self._manager = manager
        self._step = step

    def __enter__(self) -> None:
        self._manager.__enter__()
        self._before, _this_thread.current = _this_thread.current, self._step

    def __exit__(self, *error: Any) -> None:
        _this_thread.current = self._before
        self._manager.__exit__(*error)


def step(name: str, **details: Any) -> AbstractContextManager[None]:
    """Return a context manager around a step."""
    observer = _this_thread.observer
    if observer is None:
        return _UNOBSERVED
    observed = Step(name, details)
    return _Observed(observer(observed), observed)


def in_step(name: str) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Return a decorator: the function is a step."""

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            with step(name):
                return function(*args, **kwargs)

        return wrapper

    return decorate


def note(**details: Any) -> None:
    """Add details to the step that this thread is taking, if it is observed."""
    if _this_thread.current is not None:
        _this_thread.current.details.update(details)


class observed_by:
    """`with observed_by(observer):` passes the steps of this thread to `observer`, until the block ends."""

    __slots__ = ('_before', '_observer')

    def __init__(self, observer: Callable[[Step], AbstractContextManager[object]]) -> None:
        self._observer = observer

    def __enter__(self) -> None:
        self._before = _this_thread.observer
        _this_thread.observer = self._observer

    def __exit__(self, *error: object) -> None:
        _this_thread.observer = self._before
