"""DjangoCache: Django's cache framework as the client's cache."""

from __future__ import annotations

from typing import Any

from django.core.cache import caches

from esipy._cache.shared import SharedCache
from esipy.contrib.django.database import closing_new_connections


class DjangoCache(SharedCache):
    """Stores values in `CACHES[alias]`, whatever its backend is: local memory, Redis, memcached, files, a database.

    Only bytes are stored, under names that begin with `esi_` behind the KEY_PREFIX of the alias. What is not bytes of
    ours is a miss. `secret`: seals every entry, so that others who can write to the cache cannot forge one.

    The alias is looked up at each use: Django makes a backend for each thread.
    """

    def __init__(self, alias: str = 'default', secret: str | bytes | None = None) -> None:
        super().__init__(secret)
        self.alias = alias

    def _load(self, name: str) -> bytes | None:
        found = self._call('get', name)
        return found if type(found) is bytes else None

    def _save(self, name: str, data: bytes, expire: int | None) -> None:
        self._call('set', name, data, timeout=expire)

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        return bool(self._call('add', name, data, timeout=expire))

    def _delete(self, name: str) -> None:
        self._call('delete', name)

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        with closing_new_connections():  # a database may be behind the alias
            return getattr(caches[self.alias], method)(*arguments, **options)
