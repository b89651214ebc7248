"""The same request at the same time goes out once: who comes second waits for what the first one brings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from esipy import clock, fork

Result = TypeVar('Result')


class _Flight(Generic[Result]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.pilot = threading.get_ident()
        self.result: Result | None = None


class Flights(Generic[Result]):
    """What is under way, by key. Safe between threads; a forked child begins with nothing under way."""

    def __init__(self) -> None:
        self._renew()
        fork.renew_after(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight[Any]] = {}

    def join(self, key: Hashable, fetch: Callable[[], Result], deadline: float | None) -> tuple[Result, bool]:
        """What `fetch` gives, and whether it was fetched by this call.

        A thread that comes while another one is fetching for the same key waits for it, until `deadline` (by
        `clock.monotonic`); where the other one raises, it fetches itself.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                mine = self._flights[key] = _Flight[Result]()
        if flight is None:
            return self._fly(key, mine, fetch), True
        # A signal's receiver may ask again for what is being fetched, in the thread that fetches it.
        if flight.pilot != threading.get_ident():
            flight.landed.wait(None if deadline is None else max(0.0, deadline - clock.monotonic()))
            if flight.result is not None:
                return flight.result, False
        return fetch(), True

    def _fly(self, key: Hashable, flight: _Flight[Result], fetch: Callable[[], Result]) -> Result:
        try:
            flight.result = fetch()
            return flight.result
        finally:
            with self._lock:
                self._flights.pop(key, None)
            flight.landed.set()
