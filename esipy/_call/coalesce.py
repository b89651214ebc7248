"""The same request at the same time goes out once: who comes second waits for what the first one brings."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any, Generic, Protocol, TypeVar

from esipy import clock
from esipy._runtime import fork

Result = TypeVar('Result')


class Pilot(Protocol):
    """Whose request it is that is under way. `was_held`: it had to wait for a limit, which is nobody's fault."""

    was_throttled: bool


class SharedRequest(Generic[Result]):
    """One request under way, as one thread sees it: `with flights.board(…) as flight`.

    `result`: what another thread brought, or None: then this thread goes itself, and tells the others with `land`.
    `waited`: seconds that it waited for another, who was kept by a limit.
    `outdated`: something was written meanwhile, so that what this one brings is of the past.
    """

    __slots__ = ('_flights', 'key', 'landed', 'outdated', 'patience', 'pilot', 'result', 'waited')

    def __init__(self, flights: Coalescer[Result] | None, key: Hashable, patience: Any, pilot: Pilot) -> None:
        self._flights = flights
        self.key = key
        self.patience = patience
        self.pilot = pilot
        self.result: Result | None = None
        self.outdated = False
        self.waited = 0.0
        #: Made by the first who waits: most fly alone.
        self.landed: threading.Event | None = None

    def land(self, result: Result) -> None:
        """Give `result` to all who wait."""
        self.result = result
        if self.landed is not None:
            self.landed.set()

    def __enter__(self) -> SharedRequest[Result]:
        return self

    def __exit__(self, *error: object) -> None:
        if self._flights is not None:
            self._flights.end(self)


class _Here(threading.local):
    """How many flights this thread is in, of any client."""

    flying = 0


_here = _Here()


class Coalescer(Generic[Result]):
    """What is under way, by key. Safe between threads; a forked child begins with nothing under way.

    `landings`: how many have ended; who looked for a kept answer before one did may find one now.
    """

    def __init__(self) -> None:
        self.landings = 0
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, SharedRequest[Result]] = {}

    def board(self, key: Hashable, patience: Any, deadline: float | None, pilot: Pilot) -> SharedRequest[Result]:
        """The first for `key` gets a flight of its own. Who comes while it is under way waits for its result, until
        `deadline` (by `clock.monotonic`): only with the same `patience`, which says how long a server may be silent.

        A thread that is in a flight itself waits for nobody: a signal's receiver may ask again for what is being
        fetched, or for what another thread fetches whose receiver asks for this.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = SharedRequest(self, key, patience, pilot)
                _here.flying += 1
                return flight
            landed = flight.landed = flight.landed or threading.Event()
        alone: SharedRequest[Result] = SharedRequest(None, key, patience, pilot)
        if not _here.flying and flight.patience == patience:
            if flight.result is None:  # looked at after `landed` was there, as `land` does it the other way round
                begun = clock.monotonic()
                landed.wait(None if deadline is None else max(0.0, deadline - begun))
                alone.waited = clock.monotonic() - begun if flight.pilot.was_throttled else 0.0
            alone.result = flight.result
        return alone

    def end(self, flight: SharedRequest[Result]) -> None:
        """A flight's thread is done with it."""
        _here.flying -= 1
        with self._lock:
            if self._flights.get(flight.key) is flight:
                del self._flights[flight.key]
            self.landings += 1
        if flight.landed is not None:
            flight.landed.set()

    def outdate(self, key: Hashable) -> None:
        """What is under way for `key` is of the past: who comes now does not wait for it."""
        with self._lock:
            flight = self._flights.pop(key, None)
        if flight is not None:
            flight.outdated = True
