"""A token refresh in a thread of its own, so that a call can stop waiting for it without losing the new tokens.

The SSO may replace the refresh token with every use. A refresh that has begun must therefore end, and its tokens must
be stored, even if the call that needed them has reached its deadline.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from esipy import clock
from esipy.exceptions import EsiError

Response = Mapping[str, Any] | None

#: Seconds between two looks into the store while a refresh is under way.
LOOK_EVERY = 0.25


class BackgroundRefresh:
    """One refresh, and the threads that wait for it.

    `work()` refreshes and returns the token response, or None if the store had newer tokens. `on_refreshed(response)`
    then runs in the thread that started the refresh, since apps keep tokens there that are bound to their thread (a
    database session); in the refreshing thread, if that one has stopped waiting. The other threads wait for its end.
    """

    def __init__(self, work: Callable[[], Response], on_refreshed: Callable[[Mapping[str, Any]], None]) -> None:
        self._work = work
        self._on_refreshed = on_refreshed
        self._response: Response = None
        self._error: BaseException | None = None
        self._refreshed = threading.Event()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._is_abandoned = False

    @property
    def has_response(self) -> bool:
        """Return whether the SSO has sent new tokens."""
        return self._response is not None

    def start(self, done: Callable[[], None]) -> None:
        """Begin in a thread of its own; in this one if the system starts no more threads, or the interpreter is ending.
        `done` is called as soon as the tokens are there, or the refresh has failed."""
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(self.run, done), name='esipy_refresh', daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self.run(done)

    def run(self, done: Callable[[], None]) -> None:
        """Refresh in this thread. `done` as in `start`."""
        try:
            self._response = self._work()
        except BaseException as error:
            self._error = error
        done()
        with self._lock:
            self._refreshed.set()
            finish = self._is_abandoned
        if finish:
            self._finish()

    def lead(self, begin: Callable[[], None], deadline: float | None, is_superseded: Callable[[], bool]) -> None:
        """`begin` the refresh, wait for it, and call `on_refreshed`. Other arguments and errors as in `follow`.

        Ctrl-C may come as early as in `begin`: the refresh then ends without this thread.
        """
        try:
            begin()
            if _wait(self._refreshed, deadline, is_superseded):
                self._finish()
        finally:
            with self._lock:
                self._is_abandoned = True
                finish = self._refreshed.is_set() and not self._done.is_set()
            if finish:
                self._finish()
        self._raise()

    def follow(self, deadline: float | None, is_superseded: Callable[[], bool]) -> None:
        """Wait until the refresh is over, `deadline` (by `clock.monotonic`) has passed, or `is_superseded()`.

        Raises the error of the refresh.
        """
        _wait(self._done, deadline, is_superseded)
        self._raise()

    def _finish(self) -> None:
        try:
            if self._response is not None:
                self._on_refreshed(self._response)
        finally:
            self._done.set()

    def _raise(self) -> None:
        if self._error is not None:
            # Each thread raises a copy: a shared one would collect the tracebacks of all of them.
            raise copy.copy(self._error) if isinstance(self._error, EsiError) else self._error


def _wait(event: threading.Event, deadline: float | None, is_superseded: Callable[[], bool]) -> bool:
    """Wait for an event, in steps. Return whether it happened."""
    while True:
        left = LOOK_EVERY if deadline is None else min(LOOK_EVERY, deadline - clock.monotonic())
        if event.wait(max(0.0, left)):
            return True
        if left <= 0 or is_superseded():
            return False
