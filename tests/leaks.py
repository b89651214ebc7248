"""Finds secrets in everything that comes out of esipy: log records, warnings, signals, errors, caches, texts.

with Watch(secrets) as watch:
    try:
        ...
    except EsiError as error:
        watch.error(error)
assert watch.leaks() == []
"""

from __future__ import annotations

import base64
import gc
import logging
import pickle
import types
import warnings
from collections.abc import Iterable
from typing import Any, Self
from urllib.parse import quote, quote_plus

from esipy._cache.keys import _hash
from esipy.cache import BaseCache
from esipy.events import API_CALL_STATS

#: What an error leads to without being part of it.
NOT_PART = (
    types.FrameType,
    types.TracebackType,
    types.ModuleType,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    type,
    logging.Logger,
)


def forms(secret: str) -> set[str]:
    """What a secret looks like in an address, a form, a header, a repr; and the ends of it, where it is cut."""
    encoded = base64.b64encode(secret.encode()).decode()
    whole = {secret, quote(secret, safe=''), quote_plus(secret), repr(secret)[1:-1], encoded, encoded.rstrip('=')}
    return whole | {secret[:24], secret[-24:]}


class Watch:
    """Keeps what comes out while it is entered, and finds `secrets` in it."""

    def __init__(self, secrets: Iterable[str], *, exempt: tuple[str, ...] = ()) -> None:
        """`exempt`: loggers that are not looked at."""
        self.forms = sorted(set().union(*map(forms, secrets)))
        self.exempt = exempt
        self.records: list[logging.LogRecord] = []
        self.things: list[tuple[str, Any]] = []
        self._handler = logging.Handler()
        self._handler.emit = self.records.append  # type: ignore[assignment, method-assign]
        self._catching = warnings.catch_warnings(record=True)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self._handler)
        root.setLevel(logging.DEBUG)
        self._warnings = self._catching.__enter__()
        warnings.simplefilter('always')
        API_CALL_STATS.add_receiver(self._called)
        return self

    def __exit__(self, *error: Any) -> None:
        API_CALL_STATS.remove_receiver(self._called)
        self.things += [('a warning', one.message) for one in self._warnings or ()]
        self._catching.__exit__(*error)
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)

    def _called(self, **arguments: Any) -> None:
        self.things.append(('a signal', arguments))

    def error(self, error: BaseException) -> None:
        """An error that reached the caller: itself, all that hangs on it, and its pickle."""
        packed = pickle.dumps(error)
        self.things += [('an error', error), ('a pickle', packed), ('a revived error', pickle.loads(packed))]

    def text(self, what: str, text: str | bytes) -> None:
        """Something that was shown or stored."""
        self.things.append((what, text))

    def leaks(self) -> list[str]:
        """Where a secret stands: what it was in, and the text around it."""
        found = [(what, one) for what, thing in self.things for one in holds(thing, *self.forms)]
        for record in self.records:
            if not record.name.startswith(self.exempt or ('\0',)):
                found += [(f'a record of {record.name}', one) for one in self._in_record(record)]
        return [f'{what}: {str(one)[:300]}' for what, one in found]

    def _in_record(self, record: logging.LogRecord) -> list[Any]:
        """Its text, its traceback, and what a handler that sends all it has would send."""
        errors = [one for one in (*(record.args or ()), *vars(record).values()) if isinstance(one, BaseException)]
        errors += [record.exc_info[1]] if record.exc_info and record.exc_info[1] else []
        return holds([logging.Formatter().format(record), repr(vars(record)), *errors], *self.forms)


class WatchedCache(BaseCache):
    """Tells a Watch what is given to a cache, and hands it on."""

    def __init__(self, watch: Watch, cache: BaseCache) -> None:
        self.watch = watch
        self.cache = cache

    def set(self, key: Any, value: Any, expire: int | None = 300) -> None:  # type: ignore[override]
        self.watch.things.append(('a cache', (key, _hash(key), value)))
        self.cache.set(key, value, expire)

    def get(self, key: Any, default: Any = None) -> Any:
        self.watch.things.append(('a key', (key, _hash(key))))
        return self.cache.get(key, default)

    def invalidate(self, key: Any) -> None:
        self.watch.things.append(('a key', (key, _hash(key))))
        self.cache.invalidate(key)


def holds(thing: Any, *secrets: str) -> list[Any]:
    """Everything that can be reached from a thing, by any attribute, in which a secret stands."""
    seen: dict[int, Any] = {}
    waiting, found = [thing], []
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, NOT_PART):
            continue
        seen[id(one)] = one
        if isinstance(one, str | bytes | bytearray):
            text = one if isinstance(one, str) else bytes(one).decode('latin-1')
            if any(secret in text for secret in secrets):
                found.append(one)
            continue
        waiting.extend(gc.get_referents(one))
        if isinstance(one, BaseException):
            waiting += [str(one), repr(one), one.__cause__, one.__context__, vars(one)]
    return found
