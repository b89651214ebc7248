"""Between the client and a cache: which answers are asked for and kept. Whatever a cache does, no call fails by it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from esipy import clock
from esipy._cache import policy
from esipy._cache.base import BaseCache, DummyCache
from esipy._cache.keys import key_of
from esipy._cache.policy import CachedResponse
from esipy._message.exchange import Exchange
from esipy._message.headers import VARIED
from esipy.events import advise

LOGGER = logging.getLogger('esipy.client')

#: An error that took this many seconds to come is a cache that hangs; it is left alone for a while then, so that no
#: call waits for it twice.
SLOW = 0.1
REST = 1.0


class ResponseCache:
    """Finds and keeps the answers of exchanges. A cache that raises is a miss, told in the log once for each kind of
    error; an entry that is no answer is a miss. `keep_stale`: seconds for which an old answer is kept for its
    validator; `stale_if_error`: for which it may be given when the server is down; `said`: gives the headers of all
    requests, for `Vary`."""

    def __init__(
        self, keep_stale: float, stale_if_error: float = 0.0, said: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        self._said = said
        self._keep_stale = keep_stale
        self._stale_if_error = stale_if_error
        self._told: set[tuple[Any, ...]] = set()
        self._rests_until = 0.0

    def key(self, exchange: Exchange) -> Any:
        """What an exchange's answer is kept under."""
        return _key(exchange)[1]

    def lookup(self, exchange: Exchange) -> CachedResponse | None:
        """Return the stored response to a GET, fresh or stale."""
        cache = exchange.settings.cache
        if exchange.method != 'GET' or exchange.is_streamed or exchange.bypass_cache or type(cache) is DummyCache:
            return None
        sent, key = _key(exchange)
        stored = _answer(self._ask(exchange, cache, 'get', key, None))
        if stored is None or not stored.headers.get(VARIED):
            return stored
        return stored if policy.matches(stored.headers, {**self._said(), **sent}) else None

    def store(self, exchange: Exchange, response: CachedResponse, read: bool, store: bool) -> CachedResponse:
        """Store a GET's response, if `store` and if it may be stored, and return it as it is stored. `read`: its body
        is known to be JSON."""
        return self._store(exchange, response, read, store) if exchange.method == 'GET' else response

    def invalidate(self, exchange: Exchange) -> None:
        """Remove the stored response of the exchange's URL."""
        self._ask(exchange, exchange.settings.cache, 'invalidate', self.key(exchange))

    def revalidated(
        self, exchange: Exchange, stored: CachedResponse, news: Mapping[str, str], store: bool
    ) -> CachedResponse:
        """Return the stored response updated with `news`, the headers of a 304."""
        read = policy.UNREAD not in stored.headers
        updated = stored._replace(status_code=200, headers=policy.merged(stored.headers, news))
        return self._store(exchange, updated, read, store)

    def _store(self, exchange: Exchange, answer: CachedResponse, read: bool, store: bool) -> CachedResponse:
        now = clock.time()
        sent, key = _key(exchange)
        said = {**self._said(), **sent}
        headers = policy.kept(answer.status_code, answer.headers, said, now, read, self._stale_if_error)
        if answer.status_code == 200 and (headers is None or policy.expiry(headers) <= now):
            self._doubt(exchange, answer, policy.lower(answer.headers), now)
        if headers is None:
            return answer
        kept = answer._replace(headers=headers)
        cache = exchange.settings.cache
        if store and type(cache) is not DummyCache:  # which needs nothing worked out
            seconds = policy.keep_for(headers, now, self._keep_stale, self._stale_if_error)
            self._ask(exchange, cache, 'set', key, kept, seconds)
        return kept

    def _doubt(self, exchange: Exchange, answer: CachedResponse, low: policy.Lower, now: float) -> None:
        """Say what is wrong with what an answer tells of its freshness: in the log once for each operation."""
        if policy.was_expired(low, now) and not policy.validators(low):
            LOGGER.warning('[%s] returned expired result', answer.url)
            advise(f'[{answer.url}] returned expired result')
            return
        doubt = policy.doubt(low)
        name = exchange.request.operation.id
        if doubt and (name, doubt) not in self._told:
            self._told.add((name, doubt))
            LOGGER.warning('[%s] %s: taken for old already (told once)', answer.url, doubt)

    def _ask(self, exchange: Exchange, cache: BaseCache, what: str, *arguments: Any) -> Any:
        """What a method of a cache gives; None when it raises. By position: apps' caches have names of their own.

        One that hung is not asked again for the same exchange, and for a while by no other: no call waits twice.
        """
        begun = clock.monotonic()
        if begun < self._rests_until or exchange.without_cache:
            return None
        try:
            return getattr(cache, what)(*arguments)
        except Exception as error:
            if clock.monotonic() - begun > SLOW:
                self._rests_until = clock.monotonic() + REST
                exchange.without_cache = True
            self._tell(cache, what, error)
            return None

    def _tell(self, cache: BaseCache, what: str, error: Exception) -> None:
        seen: tuple[Any, ...] = (type(cache), what, type(error))
        if seen not in self._told:
            self._told.add(seen)
            LOGGER.warning('%s.%s raised %r: going on without it', type(cache).__name__, what, error)


def _key(exchange: Exchange) -> tuple[dict[str, str], Any]:
    """What the exchange says in the headers that choose between answers, and its key."""
    return key_of(exchange.request, exchange.vary, exchange.compatibility_date, exchange.owner, exchange.opt)


def _answer(value: Any) -> CachedResponse | None:
    """What a cache gave, if it has the shape of an answer that is kept."""
    if type(value) is CachedResponse and value.status_code == 200 and type(value.headers) is dict:
        return value
    if all(hasattr(value, name) for name in CachedResponse._fields):  # an app's own object: 1.x asked for these alone
        value = [getattr(value, name) for name in CachedResponse._fields]
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        return None
    status, headers, content, url = value
    if status != 200 or not isinstance(headers, Mapping) or not isinstance(content, bytes):
        return None
    if not all(type(text) is str for pair in headers.items() for text in pair):
        return None
    return CachedResponse(status, dict(headers), content, str(url))
