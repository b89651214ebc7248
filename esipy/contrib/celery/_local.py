"""The buckets of a program that has no Redis: of use where one process is all there is."""

from __future__ import annotations

import threading

from esipy import clock


class LocalBuckets:
    """Grants as `_buckets.lua` does, to one process. Safe between threads. Times are microseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By bucket: the earliest slot that is not taken, and when a task was started the last time.
        self._buckets: dict[str, tuple[int, int]] = {}

    def start(self, bucket: str, spacing: int, slot: int, patience: int) -> tuple[int, int]:
        """Return the slot of a task and the microseconds until it may start; 0: it is started. No slot is taken that is
        more than `patience` microseconds away; the one returned is 0."""
        with self._lock:
            now = round(clock.monotonic() * 1_000_000)
            following, last = self._buckets.get(bucket, (now, now - spacing))
            if not slot:
                slot = max(now, following)
                if slot - now > patience:
                    return 0, slot - now
                following = slot + spacing
            wait = max(slot, last + spacing, now) - now
            if not wait:
                self._buckets = {name: times for name, times in self._buckets.items() if times[0] > now}
                following, last = max(following, now + spacing), now
            self._buckets[bucket] = following, last
            return slot, wait
