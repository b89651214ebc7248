"""ProcessClient: one EsiClient for each process, made when it is first used."""

from __future__ import annotations

import threading
from collections.abc import Callable

from esipy._runtime import fork
from esipy.client import EsiClient


class ProcessClient:
    """Makes the client of a process when it is first used. Safe between threads; a forked process gets its own."""

    def __init__(self, make: Callable[[], EsiClient]) -> None:
        self._make = make
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._client: EsiClient | None = None

    def get(self) -> EsiClient:
        """Return the client of this process."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def close(self) -> None:
        """Close the client, if there is one."""
        with self._lock:
            if self._client is not None:
                self._client.close()
