"""Where answers are kept: the public door of all caches, and their contract (`base.BaseCache`)."""

from esipy.cache.base import BaseCache, DummyCache
from esipy.cache.keys import _hash
from esipy.cache.memory import DictCache

__all__ = ['BaseCache', 'DictCache', 'DummyCache', '_hash']
