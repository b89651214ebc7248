"""What esipy's threads do when they end: close what the caches have opened for them."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

_caches: weakref.WeakSet[Any] = weakref.WeakSet()


def close_in_each_thread(cache: Any) -> None:
    """Call `close` of a cache, which closes what is this thread's, at the end of each thread that esipy starts."""
    _caches.add(cache)


def close_caches() -> None:
    """A thread ends: its connections are closed now, and not when the interpreter finds them with a ResourceWarning."""
    for cache in list(_caches):
        with suppress(Exception):
            cache.close()
