"""Which responses of one URL are stored, so that a write makes all of them invalid: in every language and of every date
(RFC 9111 section 4.4). Only URLs that can be written are remembered.

What is stored in this process (by DictCache, or an app's own cache) is remembered in this process; what is stored in a
cache that processes share, in that cache.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from esipy._cache.base import BaseCache
from esipy._cache.keys import Key, frozendict, resource_of
from esipy._cache.shared import SharedCache
from esipy._runtime import fork

#: So many variants of one URL are remembered, and those of so many URLs.
MAX_VARIANTS = 100
MAX_URLS = 10_000

#: The parts of a key behind its URL: headers, path and query.
Variant = list[dict[str, Any]]

#: Calls a method of a cache; returns None if it raises.
CallCache = Callable[..., Any]


class _Memory:
    """The variants in the caches of this process."""

    def __init__(self) -> None:
        self.by_cache: weakref.WeakKeyDictionary[BaseCache, OrderedDict[str, list[Variant]]] = (
            weakref.WeakKeyDictionary()
        )
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self.lock = threading.Lock()


_memory = _Memory()


def add(cache: BaseCache, key: Any, seconds: int, call_cache: CallCache) -> None:
    """Remember that a response is stored under `key`, in a cache that keeps entries for `seconds`."""
    index, variant = resource_of(key), [dict(part) for part in key[1:]]
    if isinstance(cache, SharedCache):
        known = _shared(index, call_cache)
        if variant not in known:
            call_cache('set', index, [*known, variant][-MAX_VARIANTS:], seconds)
        return
    with _memory.lock:
        urls = _memory.by_cache.setdefault(cache, OrderedDict())
        known = urls.setdefault(index, [])
        urls.move_to_end(index)
        if variant not in known:
            known.append(variant)
            del known[:-MAX_VARIANTS]
        if len(urls) > MAX_URLS:
            urls.popitem(last=False)


def remove(cache: BaseCache, url: str, index: str, call_cache: CallCache) -> list[Any]:
    """Return the keys of all variants of a resource, and remove them from the index. `url`: without its query;
    `index`: as `resource_of` returns it."""
    if isinstance(cache, SharedCache):
        known = _shared(index, call_cache)
        if known:
            call_cache('invalidate', index)
    else:
        with _memory.lock:
            known = _memory.by_cache.get(cache, OrderedDict()).pop(index, [])
    return [Key((url, *map(frozendict, variant))) for variant in known]


def _shared(index: str, call_cache: CallCache) -> list[Variant]:
    """The variants in a cache that processes share; nothing else that is stored there counts."""
    found = call_cache('get', index, None)
    return [one for one in found if _is_variant(one)] if isinstance(found, list) else []


def _is_variant(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(isinstance(part, dict) for part in value)
