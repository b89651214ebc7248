"""What the stores outside this process share: values go in as envelopes, and come out or are a miss."""

from __future__ import annotations

import logging
from typing import Any

from esipy.cache.base import BaseCache
from esipy.cache.envelope import seal, unseal
from esipy.cache.keys import _hash

LOGGER = logging.getLogger(__name__)


class SharedCache(BaseCache):
    """Base of the stores outside this process. A subclass moves bytes: `_load`, `_save`, `_add`, `_delete`."""

    def set(self, key: Any, value: Any, expire: float | None = 300) -> Any:
        """Keep a value for `expire` seconds (0, None: for ever). Raises TypeError for what an envelope cannot hold."""
        return self._save(_hash(key), seal(value), None if not expire else max(1, int(expire)))

    def get(self, key: Any, default: Any = None) -> Any:
        """The value, or `default`. An entry that is broken, old or somebody else's is a miss."""
        data = self._load(_hash(key))
        if data is None:
            return default
        try:
            return unseal(data)
        except ValueError as error:
            LOGGER.warning('%s: an entry was passed over: %s', type(self).__name__, error)
            return default

    def invalidate(self, key: Any) -> Any:
        """Forget a value."""
        return self._delete(_hash(key))

    def claim(self, key: Any, expire: int) -> bool:
        """Whether the caller is the first to come for `key` in `expire` seconds, over all processes."""
        return self._add(_hash(key), seal(True), expire)

    def _load(self, name: str) -> Any:
        raise NotImplementedError

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        raise NotImplementedError

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        raise NotImplementedError

    def _delete(self, name: str) -> Any:
        raise NotImplementedError


def missing(package: str, extra: str, error: ImportError) -> ImportError:
    """The error for an extra that is not installed, with the way out."""
    return ImportError(f'this cache needs {package}: pip install "EsiPy[{extra}]" ({error})')
