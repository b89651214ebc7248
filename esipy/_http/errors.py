"""Errors of the libraries below become ours: here and nowhere else, and without what could hold a token."""

from __future__ import annotations

import urllib3
from requests.exceptions import Timeout

from esipy._http.raw_response import TransportError
from esipy._runtime.redact import masked


def no_answer(error: Exception) -> TransportError:
    """The one place where errors of the libraries below become ours, without what could hold a token: the request,
    connections, and the frames that worked on them."""
    causes = _causes(error)
    for cause in causes:
        cause.__traceback__ = None
        cause.args = tuple(masked(part) if isinstance(part, str) else part for part in cause.args)
        for name, value in list(vars(cause).items()):
            if name in ('request', 'response', 'pool', 'conn'):
                setattr(cause, name, None)
            elif isinstance(value, str):
                setattr(cause, name, masked(value))
    timed_out = any(
        isinstance(cause, (Timeout, TimeoutError, urllib3.exceptions.TimeoutError))
        # "connection refused", which urllib3 counts among the timeouts as well
        and not isinstance(cause, urllib3.exceptions.NewConnectionError)
        for cause in causes
    )
    unsent = any(
        isinstance(cause, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))
        for cause in causes
    )
    return TransportError(f'{type(error).__name__}: {masked(str(error))}', timed_out=timed_out, unsent=unsent)


def was_closed(error: Exception) -> bool:
    """Whether the server closed the connection, in whatever way."""
    return any(isinstance(cause, ConnectionError) for cause in _causes(error))


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error with all that it was made of: causes, contexts, and errors among its arguments."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, 'reason', None), *one.args]
    return found
