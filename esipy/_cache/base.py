"""The contract of a cache: `set`, `get` and `invalidate`, as subclasses written for EsiPy 1.x have them, and `acquire`
for caches that several processes share."""

from __future__ import annotations

from typing import Any


class BaseCache:
    """Base of all caches.

    `key` is hashable: a text, or a tuple of the URL and frozendicts (`esipy.cache._hash` makes a text of
    either). `value` is a `CachedResponse` of plain types, or what an app stores itself.
    """

    def set(self, key: Any, value: Any, expire: float | None = 300) -> Any:
        """Store `value` for `expire` seconds; 0 or None: for ever. Storing it for longer does no harm: esipy itself
        checks whether a response is still fresh, and revalidates a stale one by its ETag."""
        raise NotImplementedError

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the stored value, or `default`."""
        raise NotImplementedError

    def invalidate(self, key: Any) -> Any:
        """Remove a value; one that is not stored is not an error."""
        raise NotImplementedError

    def acquire(self, key: Any, expire: int) -> bool:
        """Return whether the caller is the first to ask for `key` within `expire` seconds, among all that share this
        cache. The others may wait for what the first one stores. A cache that cannot know says yes to everyone."""
        return True

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'


class DummyCache(BaseCache):
    """Stores nothing."""

    def set(self, key: Any, value: Any, expire: float | None = 300) -> None:
        pass

    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def invalidate(self, key: Any) -> None:
        pass
