"""The caches for responses, and the contract that each of them keeps: `BaseCache`."""

import logging
from typing import TYPE_CHECKING

from esipy._cache.base import BaseCache, DummyCache
from esipy._cache.keys import _hash
from esipy._cache.memory import DictCache
from esipy._runtime.lazy import lazy_exports

if TYPE_CHECKING:
    from esipy._cache.file import FileCache
    from esipy._cache.memcached import MemcachedCache
    from esipy._cache.redis import RedisCache

__all__ = ['BaseCache', 'DictCache', 'DummyCache', 'FileCache', 'MemcachedCache', 'RedisCache', '_hash']

#: The parent of all loggers of the caches.
LOGGER = logging.getLogger(__name__)

__getattr__, __dir__ = lazy_exports(
    __name__,
    {'FileCache': 'esipy._cache.file', 'MemcachedCache': 'esipy._cache.memcached', 'RedisCache': 'esipy._cache.redis'},
)
