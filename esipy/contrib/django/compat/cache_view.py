"""A cache that is only read, or only written: what `use_cache` and `store_cache` of one call ask for."""

from __future__ import annotations

from typing import Any

from esipy._cache.base import BaseCache


class CacheView(BaseCache):
    """`cache`, without reading or without storing."""

    def __init__(self, cache: BaseCache, *, reads: bool, stores: bool) -> None:
        self._cache = cache
        self._reads = reads
        self._stores = stores

    def get(self, key: Any, default: Any = None) -> Any:
        return self._cache.get(key, default) if self._reads else default

    def set(self, key: Any, value: Any, expire: float | None = 300) -> Any:
        return self._cache.set(key, value, expire) if self._stores else None

    def invalidate(self, key: Any) -> Any:
        return self._cache.invalidate(key)
