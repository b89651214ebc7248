"""DictCache: in this process, bounded, safe between threads."""

from __future__ import annotations

import sys
import threading
from typing import Any

from esipy import clock
from esipy._cache.base import BaseCache
from esipy._runtime import fork


class DictCache(BaseCache):
    """Stores values in a dict; when it is full the least recently used are removed first.

    `max_entries`: how many values; `max_bytes`: how large they may be together, roughly. None: no limit.
    Values stay when they expire: the ETag of a stale response makes the next request cheap.
    """

    def __init__(self, max_entries: int | None = 10_000, max_bytes: int | None = 256 * 2**20) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        # In order of use: a value that is read is put back at the end.
        self._dict: dict[Any, Any] = {}
        self._bytes = 0
        #: Until when (by `clock.monotonic`) a key is claimed.
        self._claims: dict[Any, float] = {}
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def get(self, key: Any, default: Any = None) -> Any:
        with self._lock:
            if key not in self._dict:
                return default
            value = self._dict[key] = self._dict.pop(key)
            return value

    def set(self, key: Any, value: Any, expire: float | None = 300) -> None:
        with self._lock:
            self._drop(key)
            self._dict[key] = value
            self._bytes += _size(value)
            while self._is_too_full():
                self._drop(next(iter(self._dict)))

    def invalidate(self, key: Any) -> None:
        with self._lock:
            self._drop(key)
            self._claims.pop(key, None)

    def acquire(self, key: Any, expire: int) -> bool:
        now = clock.monotonic()
        with self._lock:
            if self._claims.get(key, now) > now:
                return False
            self._claims = {other: until for other, until in self._claims.items() if until > now}
            self._claims[key] = now + expire
            return True

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._dict.clear()
            self._claims.clear()
            self._bytes = 0

    def _drop(self, key: Any) -> None:
        if key in self._dict:
            self._bytes -= _size(self._dict.pop(key))
        if not self._dict:
            self._bytes = 0  # also when somebody put an empty dict in its place, as old tests do

    def _is_too_full(self) -> bool:
        if self.max_entries is not None and len(self._dict) > self.max_entries:
            return True
        return self.max_bytes is not None and self._bytes > self.max_bytes

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {len(self._dict)} entries, {self._bytes / 2**20:.1f} MiB>'


def _size(value: Any) -> int:
    """Bytes that a value takes, roughly: its texts and bytes, and what a tuple or dict of them needs."""
    size = sys.getsizeof(value)
    if isinstance(value, tuple):
        return size + sum(map(_size, value))
    if isinstance(value, dict):
        return size + sum(_size(key) + _size(item) for key, item in value.items())
    return size
