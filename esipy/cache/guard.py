"""Between the client and a cache: whatever a cache does, a call does not fail by it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from esipy.cache.base import BaseCache
from esipy.cache.policy import CachedResponse

LOGGER = logging.getLogger(__name__)


class Guard:
    """Asks any cache for answers. A cache that raises is a miss, told in the log once for each kind of error; an
    entry that is no answer is a miss."""

    def __init__(self) -> None:
        self._told: set[tuple[type, str, type]] = set()

    def get(self, cache: BaseCache, key: Any) -> CachedResponse | None:
        """The kept answer under `key`."""
        try:
            return _answer(cache.get(key, None))
        except Exception as error:
            self._tell(cache, 'get', error)
            return None

    def set(self, cache: BaseCache, key: Any, answer: CachedResponse, expire: int) -> None:
        """Keep an answer. By position: the caches of some apps have other names for the arguments."""
        try:
            cache.set(key, answer, expire)
        except Exception as error:
            self._tell(cache, 'set', error)

    def invalidate(self, cache: BaseCache, key: Any) -> None:
        """Forget an answer."""
        try:
            cache.invalidate(key)
        except Exception as error:
            self._tell(cache, 'invalidate', error)

    def _tell(self, cache: BaseCache, what: str, error: Exception) -> None:
        seen = (type(cache), what, type(error))
        if seen not in self._told:
            self._told.add(seen)
            LOGGER.warning('%s.%s raised %r: going on without it', type(cache).__name__, what, error)


def _answer(value: Any) -> CachedResponse | None:
    """What a cache gave, if it has the shape of an answer."""
    if type(value) is CachedResponse:
        return value
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        return None
    status, headers, content, url = value
    if not isinstance(status, int) or not isinstance(headers, Mapping) or not isinstance(content, bytes):
        return None
    return CachedResponse(status, dict(headers), content, str(url))
