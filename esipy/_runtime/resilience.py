"""What to do about a dependency that fails (a cache, a store, Redis): log it once, and skip it for a while."""

from __future__ import annotations

import logging
from collections.abc import Hashable

from esipy import clock


class LogOnce:
    """Logs one warning for each kind of problem, however often it happens. Safe between threads.

    `max_kinds` bounds the memory: beyond that many kinds, further ones are logged each time.
    """

    def __init__(self, logger: logging.Logger, max_kinds: int = 1000) -> None:
        self._logger = logger
        self._max_kinds = max_kinds
        self._logged: set[Hashable] = set()

    def warning(self, kind: Hashable, message: str, *args: object) -> None:
        """Log a warning unless one of the same `kind` has been logged."""
        if kind in self._logged:
            return
        if len(self._logged) < self._max_kinds:
            self._logged.add(kind)
        self._logger.warning(message, *args)


class CircuitBreaker:
    """Skips a dependency for `open_for` seconds after it failed, so that not every call waits for it.

    The circuit is open while the dependency is skipped. Times are those of `clock.monotonic`.
    """

    def __init__(self, open_for: float) -> None:
        self.open_for = open_for
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return clock.monotonic() < self._open_until

    def open(self) -> None:
        """Skip the dependency from now on, for `open_for` seconds."""
        self._open_until = clock.monotonic() + self.open_for

    def close(self) -> None:
        """Use the dependency again."""
        self._open_until = 0.0
