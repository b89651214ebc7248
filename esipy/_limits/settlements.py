"""The costs of calls that have ended and that Redis does not know yet. They are sent in the same round trip as the next
reservation of this process; if there is none, a thread sends them after a moment. Until then Redis counts what was
reserved, which is never less.
"""

from __future__ import annotations

import atexit
import struct
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from esipy import clock
from esipy._limits.ledger import Charge
from esipy._limits.redis_script import RedisScript
from esipy._runtime import fork

#: Seconds for which a settlement waits for a reservation: at least once and at most twice as long.
DELAY = 0.02

#: If so many wait for a server, they are sent at once.
MOST = 100

#: The thread ends when nothing has waited for so many times `DELAY`.
_IDLE = 50

#: SETTLEMENT in ledgers.lua, but for the name.
_NUMBERS = struct.Struct('>9d')


class Settlement(NamedTuple):
    """What a call means for one ledger."""

    key: str
    #: That of the reservation; '' if nothing was reserved.
    name: str
    #: When the response was there, as `clock.shifted_monotonic` counts.
    at: float
    #: What had ever been spent of the ledger when the reservation was made.
    total: float
    charge: Charge

    def packed(self, number: int, now: float) -> bytes:
        """Return the arguments of `settle` in ledgers.lua for the key of that number."""
        spent, replenishes, used, rule, blocked = self.charge
        replenishes = -1 if replenishes is None else replenishes
        used = -1 if used is None else used
        ago = max(0.0, now - self.at)
        numbers = _NUMBERS.pack(number, ago, self.total, spent, blocked, replenishes, used, *(rule or (-1, -1)))
        return numbers + self.name.encode() + b'\0'


class Settlements:
    """Those of this process, by server: all keys of a server are in the same slot of a cluster. Safe between threads; a
    forked child begins with none, since they are its parent's."""

    def __init__(self, script: RedisScript) -> None:
        self._script = script
        self._reset_after_fork()
        fork.reset_after_fork(self)
        _all.add(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Settlement]] = {}
        self._thread: threading.Thread | None = None
        #: Held while a run sends settlements: when it is free, Redis knows all settlements but those that wait.
        self._sending = threading.Lock()

    def add(self, server: str, settlements: Iterable[Settlement]) -> bool:
        """Send these with the next run for their server. Return False if that must be now: many of them wait, or no
        thread can be started that would send them."""
        with self._lock:
            waiting = self._waiting.setdefault(server, [])
            waiting += settlements
            if self._thread is None:
                thread = threading.Thread(target=self._send_late, name='esipy_settlements', daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no more threads, or the interpreter ends
                    return False
                self._thread = thread
            return len(waiting) < MOST

    def run(self, server: str, operation: str, keys: Sequence[str], *arguments: Any) -> Any:
        """Send the settlements that wait for a server, and return the result of an operation of `ledgers.lua`, in one
        round trip."""
        with self._sending:
            return self._run(server, operation, keys, arguments)

    def try_run(self, server: str, operation: str, keys: Sequence[str], *arguments: Any) -> tuple[Any, bool]:
        """Do the same, but do not wait while another thread settles. Return the result, and whether everything that
        waited was settled before."""
        if self._sending.locked():
            return self._script.run(operation, keys, arguments), False
        return self.run(server, operation, keys, *arguments), True

    def _run(self, server: str, operation: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        with self._lock:
            waiting = self._waiting.pop(server, None)
        if not waiting:
            return self._script.run(operation, keys, arguments)
        now = clock.shifted_monotonic()
        sent = b''.join(settlement.packed(number, now) for number, settlement in enumerate(waiting, len(keys) + 1))
        try:
            return self._script.run(operation, [*keys, *(settlement.key for settlement in waiting)], arguments, sent)
        except BaseException:  # Ctrl-C: Redis may have them, and counts no reservation twice
            with self._lock:
                self._waiting[server] = waiting + self._waiting.get(server, [])
            raise

    def send(self) -> None:
        """Send what waits, for all servers."""
        for server in list(self._waiting):
            self.run(server, 'settle', ())

    def _send_late(self) -> None:
        """Send what no reservation has taken along in `DELAY` seconds, until nothing comes any more."""
        seen: dict[str, list[Settlement]] = {}
        idle = 0
        while idle < _IDLE or not self._end():
            time.sleep(DELAY)
            for server, waiting in self._waiting.copy().items():
                if waiting is seen.get(server):
                    self.run(server, 'settle', ())
            seen = self._waiting.copy()
            idle = 0 if seen else idle + 1

    def _end(self) -> bool:
        with self._lock:
            if not self._waiting:
                self._thread = None
            return not self._waiting


_all: weakref.WeakSet[Settlements] = weakref.WeakSet()


@atexit.register
def _send_all() -> None:
    for settlements in list(_all):
        settlements.send()
