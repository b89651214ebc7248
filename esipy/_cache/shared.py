"""What the stores outside this process share: values go in as envelopes, and come out or are a miss."""

from __future__ import annotations

import logging
from typing import Any

from esipy._cache.base import BaseCache
from esipy._cache.envelope import seal, unseal
from esipy._cache.keys import Key, _hash
from esipy._cache.policy import CachedResponse

LOGGER = logging.getLogger('esipy.cache')

#: Entries of at most so many bytes are remembered as they were read, and at most so many of them.
_SMALL = 4096
_MANY = 1000


class SharedCache(BaseCache):
    """Base of the stores outside this process. A subclass moves bytes: `_load`, `_save`, `_add`, `_delete`."""

    def __init__(self) -> None:
        #: Small answers as they were last read, by name, with their bytes: the same ones are read again and again.
        self._read: dict[str, tuple[bytes, CachedResponse]] = {}

    def set(self, key: Any, value: Any, expire: float | None = 300) -> Any:
        """Keep a value for `expire` seconds (0, None: for ever). Raises TypeError for what an envelope cannot hold."""
        return self._save(_hash(key), seal(value), None if not expire else max(1, int(expire)))

    def get(self, key: Any, default: Any = None) -> Any:
        """The value, or `default`. An entry that is broken, old or somebody else's is a miss."""
        name = key.hashed if type(key) is Key else _hash(key)
        data = self._load(name)
        if data is None:
            return default
        known = self._read.get(name)
        if known is not None and known[0] == data:
            return known[1]
        try:
            value = unseal(data)
        except ValueError as error:
            LOGGER.warning('%s: an entry was passed over: %s', type(self).__name__, error)
            return default
        if len(data) <= _SMALL and type(value) is CachedResponse:
            if len(self._read) >= _MANY:
                self._read.clear()
            self._read[name] = data, value
        return value

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
