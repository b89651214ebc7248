"""Where answers are kept: the public door of all caches, and their contract (`base.BaseCache`)."""

import logging

from esipy.cache.base import BaseCache, DummyCache
from esipy.cache.file import FileCache
from esipy.cache.keys import _hash
from esipy.cache.memcached import MemcachedCache
from esipy.cache.memory import DictCache
from esipy.cache.redis import RedisCache

__all__ = ['BaseCache', 'DictCache', 'DummyCache', 'FileCache', 'MemcachedCache', 'RedisCache', '_hash']

#: The parent of all loggers of the caches.
LOGGER = logging.getLogger(__name__)
