"""The contract of a cache: three methods. Subclasses of apps written for EsiPy 1.x fulfil it unchanged."""

from __future__ import annotations

from typing import Any


class BaseCache:
    """Base of all caches.

    `key` is hashable: a text, or a tuple of the address and frozendicts (`esipy.cache._hash` makes a text of
    either). `value` is a `CachedResponse` of plain types, or what an app puts there itself.
    """

    def set(self, key: Any, value: Any, expire: float | None = 300) -> Any:
        """Keep `value` for `expire` seconds; 0 or None: for ever. Keeping it longer does no harm: esipy itself
        looks whether an answer is still fresh, and revalidates an old one by its entity tag."""
        raise NotImplementedError

    def get(self, key: Any, default: Any = None) -> Any:
        """The value that was kept, or `default`."""
        raise NotImplementedError

    def invalidate(self, key: Any) -> Any:
        """Forget a value; one that is not there is no error."""
        raise NotImplementedError

    def claim(self, key: Any, expire: int) -> bool:
        """Whether the caller is the first to come for `key` in `expire` seconds, among all that share this cache: who
        is not may wait for what the first one puts there. A cache that cannot tell says yes to everyone."""
        return True


class DummyCache(BaseCache):
    """Keeps nothing."""

    def set(self, key: Any, value: Any, expire: float | None = 300) -> None:
        pass

    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def invalidate(self, key: Any) -> None:
        pass
