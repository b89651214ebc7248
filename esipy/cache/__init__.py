"""Where answers are kept: the public door of all caches, and their contract (`base.BaseCache`)."""

import logging
from typing import TYPE_CHECKING

from esipy import late
from esipy.cache.base import BaseCache, DummyCache
from esipy.cache.keys import _hash
from esipy.cache.memory import DictCache

if TYPE_CHECKING:
    from esipy.cache.file import FileCache
    from esipy.cache.memcached import MemcachedCache
    from esipy.cache.redis import RedisCache

__all__ = ['BaseCache', 'DictCache', 'DummyCache', 'FileCache', 'MemcachedCache', 'RedisCache', '_hash']

#: The parent of all loggers of the caches.
LOGGER = logging.getLogger(__name__)

__getattr__, __dir__ = late.names(__name__, {'FileCache': 'file', 'MemcachedCache': 'memcached', 'RedisCache': 'redis'})
