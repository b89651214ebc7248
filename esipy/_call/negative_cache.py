"""What was refused and will be refused again: a 403 or 404 costs five tokens each time it is asked for.
https://developers.eveonline.com/docs/services/esi/best-practices/"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from esipy import clock
from esipy._http import RawResponse
from esipy._message.exchange import Exchange
from esipy._runtime import fork

#: A refusal is remembered for so many seconds, after each further one for twice as long, but not for more than a day.
FIRST = 60.0
LONGEST = 86400.0

#: So many are remembered, with at most so many bytes of each one's body.
_MANY = 10_000
_BYTES = 4096


class Rejection(NamedTuple):
    """An answer of 403 or 404, and until when (by `clock.time`) it is given without asking."""

    answer: RawResponse
    until: float
    seconds: float


class NegativeCache:
    """The refusals of GETs and HEADs, by object and owner. Safe between threads; those used longest ago are forgotten
    first. `on`: without it nothing is remembered. `key`: tells address and owner of an exchange."""

    def __init__(self, on: bool, key: Callable[[Exchange], Hashable]) -> None:
        self._on = on
        self._key = key
        self._known: OrderedDict[Hashable, Rejection] = OrderedDict()
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def lookup(self, exchange: Exchange) -> Rejection | None:
        """What is remembered and still holds."""
        if not self._known or exchange.method not in ('GET', 'HEAD'):
            return None
        with self._lock:
            found = self._known.get(self._name(exchange))
        return found if found is not None and clock.time() < found.until else None

    def store(self, exchange: Exchange, answer: RawResponse) -> None:
        """What the server said this time."""
        if not self._on or exchange.method not in ('GET', 'HEAD'):
            return
        name = self._name(exchange)
        with self._lock:
            before = self._known.pop(name, None)
            if answer.status in (403, 404) and len(answer.content) <= _BYTES:
                seconds = FIRST if before is None else min(LONGEST, before.seconds * 2)
                self._known[name] = Rejection(answer, clock.time() + seconds, seconds)
                if len(self._known) > _MANY:
                    self._known.popitem(last=False)
            elif before is not None and answer.status >= 420:
                self._known[name] = before  # nothing was said of the object

    def _name(self, exchange: Exchange) -> Hashable:
        """Who signs in again with more scopes may be allowed what was refused before."""
        return exchange.method, self._key(exchange), getattr(exchange.security, 'scopes', None)
