"""Which cache an option means."""

from __future__ import annotations

from typing import Any

from esipy._cache.base import BaseCache, DummyCache
from esipy._cache.memory import DictCache


def check_cache(cache: Any) -> BaseCache:
    """Return the cache that an option means: False (not given) a DictCache, None a DummyCache.

    Raises ValueError for anything that is not a cache.
    """
    if isinstance(cache, BaseCache):
        return cache
    if cache is False:
        return DictCache()
    if cache is None:
        return DummyCache()
    kind = cache.__name__ if isinstance(cache, type) else type(cache).__name__
    raise ValueError(f'cache must be a BaseCache, such as DictCache() or RedisCache(redis_client), or None, not {kind}')
