"""What the caches outside this process have in common: values are stored in envelopes; a broken one is a miss."""

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
_MAX_REMEMBERED = 1000


class SharedCache(BaseCache):
    """Base of the caches outside this process. A subclass moves bytes: `_load`, `_save`, `_add`, `_delete`.

    `secret`: seals every entry with a MAC, so that others who can write to the store cannot forge one. All programs
    that share the store need the same secret. Raises TypeError for a secret that is not a text or bytes.
    """

    def __init__(self, secret: str | bytes | None = None) -> None:
        if secret is not None and not (secret and isinstance(secret, (str, bytes))):
            raise TypeError('secret must be a text or bytes, and not empty')
        self._secret = secret.encode() if isinstance(secret, str) else secret
        #: Small responses as they were last read, by name, with their bytes: the same ones are read again and again.
        self._read: dict[str, tuple[bytes, CachedResponse]] = {}

    def set(self, key: Any, value: Any, expire: float | None = 300) -> Any:
        """Store a value for `expire` seconds (0, None: for ever). Raises TypeError for what cannot be stored."""
        name = _hash(key)
        return self._save(name, seal(name, value, self._secret), None if not expire else max(1, int(expire)))

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value, or `default`. An entry that is broken, outdated, forged or of another key is a miss."""
        name = key.hashed if type(key) is Key else _hash(key)
        data = self._load(name)
        if data is None:
            return default
        known = self._read.get(name)
        if known is not None and known[0] == data:
            return known[1]
        try:
            value = unseal(name, data, self._secret)
        except ValueError as error:
            LOGGER.warning('%s: an entry is ignored: %s', type(self).__name__, error)
            return default
        if len(data) <= _SMALL and type(value) is CachedResponse:
            if len(self._read) >= _MAX_REMEMBERED:
                self._read.clear()
            self._read[name] = data, value
        return value

    def invalidate(self, key: Any) -> Any:
        """Remove a value."""
        return self._delete(_hash(key))

    def acquire(self, key: Any, expire: int) -> bool:
        """Return whether the caller is the first to ask for `key` within `expire` seconds, over all processes."""
        name = _hash(key)
        return self._add(name, seal(name, True, self._secret), expire)

    def _load(self, name: str) -> Any:
        raise NotImplementedError

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        raise NotImplementedError

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        raise NotImplementedError

    def _delete(self, name: str) -> Any:
        raise NotImplementedError
