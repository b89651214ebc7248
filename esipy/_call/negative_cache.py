"""Rejections that are remembered: a 403 or 404 will be the same again, and costs five tokens each time.
https://developers.eveonline.com/docs/services/esi/best-practices/"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from typing import Any, NamedTuple

from esipy import clock
from esipy._cache.keys import resource_of
from esipy._http import RawResponse
from esipy._message.exchange import Exchange
from esipy._runtime import fork

#: A rejection is remembered for so many seconds; twice as long after each further one, but not longer than a day.
FIRST = 60.0
LONGEST = 86400.0

#: So many rejections are remembered, each with at most so many bytes of its body.
_MANY = 10_000
_BYTES = 4096


class Rejection(NamedTuple):
    """A 403 or 404, and until when (by `clock.time`) it is returned without asking the server."""

    raw: RawResponse
    until: float
    seconds: float


class NegativeCache:
    """The rejections of GETs and HEADs, by resource and owner. Safe between threads; the least recent one is dropped
    first. `on`: False remembers nothing. `key`: returns the cache key of an exchange, which contains its owner."""

    def __init__(self, on: bool, key: Callable[[Exchange], Hashable]) -> None:
        self._on = on
        self._key = key
        self._known: OrderedDict[tuple[Any, ...], Rejection] = OrderedDict()
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def lookup(self, exchange: Exchange) -> Rejection | None:
        """Return the rejection that is remembered for an exchange and has not expired."""
        if not self._known or exchange.method not in ('GET', 'HEAD'):
            return None
        with self._lock:
            found = self._known.get(self._name(exchange))
        return found if found is not None and clock.time() < found.until else None

    def store(self, exchange: Exchange, raw: RawResponse) -> None:
        """Remember a rejection; forget it after any other response, unless that says nothing about the resource."""
        if not self._on or exchange.method not in ('GET', 'HEAD'):
            return
        name = self._name(exchange)
        with self._lock:
            before = self._known.pop(name, None)
            if raw.status in (403, 404) and len(raw.content) <= _BYTES:
                seconds = FIRST if before is None else min(LONGEST, before.seconds * 2)
                self._known[name] = Rejection(raw, clock.time() + seconds, seconds)
                if len(self._known) > _MANY:
                    self._known.popitem(last=False)
            elif before is not None and raw.status >= 420:
                self._known[name] = before

    def invalidate(self, resources: Collection[str]) -> None:
        """Forget the rejections of what was written (as `resources_of` names it), in whatever language."""
        if not self._known:
            return
        with self._lock:
            for name in [name for name in self._known if resource_of(name[1]) in resources]:
                del self._known[name]

    def _name(self, exchange: Exchange) -> tuple[Any, ...]:
        """The scopes are part of it: a character who signs in again with more of them may be allowed more."""
        return exchange.method, self._key(exchange), getattr(exchange.security, 'scopes', None)
