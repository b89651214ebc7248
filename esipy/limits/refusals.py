"""What was refused and will be refused again: a 403 or 404 costs five tokens each time it is asked for.
https://developers.eveonline.com/docs/services/esi/best-practices/"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from esipy import clock, fork
from esipy.cache.policy import CachedResponse

#: A refusal is remembered for so many seconds, after each further one for twice as long, but not for more than a day.
FIRST = 60.0
LONGEST = 86400.0

#: So many are remembered, with at most so many bytes of each one's body.
_MANY = 10_000
_BYTES = 4096


class Refusal(NamedTuple):
    """An answer of 403 or 404, and until when (by `clock.time`) it is given without asking."""

    answer: CachedResponse
    until: float
    seconds: float


class Refusals:
    """The refusals of GETs and HEADs, by object and owner. Safe between threads; those used longest ago are forgotten
    first. `on`: without it nothing is remembered."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._known: OrderedDict[Hashable, Refusal] = OrderedDict()
        self._renew()
        fork.renew_after(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def find(self, method: str, key: Hashable) -> Refusal | None:
        """What is remembered and still holds."""
        if not self._known or method not in ('GET', 'HEAD'):
            return None
        with self._lock:
            found = self._known.get((method, key))
        return found if found is not None and clock.time() < found.until else None

    def note(self, method: str, key: Hashable, answer: CachedResponse) -> None:
        """What the server said this time."""
        if not self._on or method not in ('GET', 'HEAD'):
            return
        with self._lock:
            before = self._known.pop((method, key), None)
            if answer.status_code in (403, 404) and len(answer.content) <= _BYTES:
                seconds = FIRST if before is None else min(LONGEST, before.seconds * 2)
                self._known[method, key] = Refusal(answer, clock.time() + seconds, seconds)
                if len(self._known) > _MANY:
                    self._known.popitem(last=False)
            elif before is not None and answer.status_code >= 500:
                self._known[method, key] = before  # which says nothing of the object
