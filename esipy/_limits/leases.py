"""Renews what calls have reserved in Redis while they are under way, so that what a killed process held is freed."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from esipy._limits.redis_script import RedisScript
from esipy._runtime import fork

#: Seconds for which a reservation is leased, and after which it is renewed while the call is under way, however long
#: that may be. When the lease ends, the call of a killed process counts as spent, at the cost that most calls have.
LEASE = 10.0
RENEW_EVERY = 3.0

#: So many renewals are sent at once at most.
_BATCH = 100


class Lease(NamedTuple):
    """A reservation in Redis, and when it was made or last renewed."""

    server: str
    keys: Sequence[str]
    since: float


class Leases:
    """The reservations of this process, with a thread that exists while there are any. Safe between threads; a forked
    child begins with none, since they are its parent's."""

    def __init__(self, script: RedisScript) -> None:
        self._script = script
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._thread: threading.Thread | None = None

    def add(self, name: str, server: str, keys: Sequence[str]) -> None:
        """Renew the reservation of that name until it is removed."""
        with self._lock:
            self._leases[name] = Lease(server, keys, time.monotonic())
            if self._thread is None:
                thread = threading.Thread(target=_renew_all, args=(weakref.ref(self),), daemon=True)
                with suppress(RuntimeError):  # the system starts no more of them: the next reservation tries again
                    thread.start()
                    self._thread = thread

    def remove(self, name: str) -> None:
        """The call has ended: its reservation is renewed no more."""
        with self._lock:
            self._leases.pop(name, None)

    def renew(self) -> bool:
        """Renew what is due. Returns False, and ends the thread, if nothing is reserved."""
        with self._lock:
            if not self._leases:
                self._thread = None
                return False
        for keys, names in self._due(time.monotonic()):
            self._script.run('renew', keys, (LEASE, names))
        return True

    def _due(self, now: float) -> list[tuple[list[str], list[str]]]:
        """Return the ledgers and, for each, the name of a renewal that is due, in batches of the same server."""
        due: dict[str, list[tuple[str, str]]] = {}
        with self._lock:
            for name, lease in self._leases.items():
                if now - lease.since >= RENEW_EVERY:
                    self._leases[name] = lease._replace(since=now)
                    due.setdefault(lease.server, []).extend((key, name) for key in lease.keys)
        batches = [
            renewals[start : start + _BATCH] for renewals in due.values() for start in range(0, len(renewals), _BATCH)
        ]
        return [([key for key, _ in batch], [name for _, name in batch]) for batch in batches]


def _renew_all(leases: weakref.ref[Leases]) -> None:
    """Renew until nothing is reserved, or the limits are not used any more."""
    while True:
        time.sleep(RENEW_EVERY / 3)
        current = leases()
        if current is None or not current.renew():
            return
        del current
