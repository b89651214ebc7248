"""Telemetry, the base of the plugins that measure calls: it never harms a call, and its values are bounded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from esipy._cache.base import DummyCache
from esipy._http import BodyError, RawResponse
from esipy._message.lowercase import lowercase
from esipy._plugins.base import CallContext, Plugin
from esipy._runtime.redact import masked_error
from esipy._runtime.resilience import LogOnce

LOGGER = logging.getLogger('esipy.telemetry')

Result = TypeVar('Result')

#: In place of values beyond the bound of BoundedValues.
OTHER = 'other'


class Telemetry(Plugin):
    """A plugin whose problems are logged once, and never harm a call."""

    def __init__(self) -> None:
        self._problems = LogOnce(LOGGER)

    def _report(self, what: str, error: Exception) -> None:
        """Log an error, once for each kind."""
        message = '%s.%s raised %s; the call goes on (logged once)'
        self._problems.warning((what, type(error)), message, type(self).__name__, what, masked_error(error))


def harmless(method: Callable[..., Result]) -> Callable[..., Result | None]:
    """Decorate a method of a Telemetry plugin: what it raises is logged once, and it returns None."""

    @wraps(method)
    def guarded(self: Telemetry, *args: Any) -> Result | None:
        try:
            return method(self, *args)
        except Exception as error:
            self._report(method.__name__, error)
            return None

    return guarded


class BoundedValues:
    """Makes label values of texts that may come from outside: printable, at most 100 characters, and at most `limit`
    different ones; further ones become 'other'. Safe between threads."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> str:
        text = text[:100]
        known = self._known.get(text)
        if known is not None:
            return known
        with self._lock:
            if len(self._known) >= self._limit:
                return OTHER
            value = ''.join(letter if letter.isprintable() else '?' for letter in text)
            self._known[text] = value
            return value


def cache_result(call: CallContext) -> str | None:
    """Return what the cache had for a call: 'hit', 'stale', 'revalidated' (by a 304) or 'miss'; None if it was not
    asked."""
    response = call.response
    if response is None or call.method != 'GET' or call.is_streamed or type(call.settings.cache) is DummyCache:
        return None
    if response.stale:
        return 'stale'
    if response.from_cache:
        return 'hit'
    return 'revalidated' if response.not_modified else 'miss'


def has_status(raw: RawResponse) -> bool:
    """Return whether the status of an attempt is the server's: without a response it is made up."""
    return raw.failure is None or isinstance(raw.failure, BodyError)


def error_type(raw: RawResponse) -> str | None:
    """Return the kind of error of an attempt: the name of esipy's exception, or the status; None if there is none."""
    if isinstance(raw.failure, BodyError):
        return 'UndecodableBodyError'
    if raw.failure is not None:
        return 'TimedOutError' if raw.failure.timed_out else 'ConnectionFailedError'
    return str(raw.status) if raw.status >= 400 else None


def header(raw: RawResponse, name: str) -> str | None:
    """Return a header of a response; `name` is in lower case."""
    return lowercase(raw.headers).get(name)
