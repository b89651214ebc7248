"""Between the pipeline and a cache: which responses are looked up, stored and invalidated. No call fails because of a
cache."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

from esipy import clock
from esipy._cache import policy
from esipy._cache.base import DummyCache
from esipy._cache.keys import key_of, resources_at, resources_of, with_conditions
from esipy._cache.policy import CachedResponse
from esipy._call import variants
from esipy._http import RawResponse, Transport
from esipy._http.redirects import origin
from esipy._http.session import cache_control
from esipy._message.exchange import Exchange
from esipy._message.headers import VARIED, directives
from esipy._message.lowercase import Lowercase, lowercase
from esipy._runtime.redact import masked_error
from esipy._runtime.resilience import CircuitBreaker, LogOnce
from esipy._runtime.steps import CACHE_LOOKUP, step
from esipy.events import advise

LOGGER = logging.getLogger('esipy.client')

#: An exception after so many seconds means that the cache hangs; it is then skipped for OPEN_FOR seconds, so that no
#: call waits for it twice.
SLOW = 0.1
OPEN_FOR = 1.0


class ResponseCache:
    """Looks up and stores the responses of exchanges in the client's cache.

    A cache that raises counts as empty, which is logged once for each kind of error. `keep_stale`: seconds for which a
    stale response is stored for its validator; `stale_if_error`: for which it may be returned when the server is down;
    `transport`: knows the headers of all requests.
    """

    def __init__(self, keep_stale: float, stale_if_error: float, transport: Transport) -> None:
        self._transport = transport
        self._keep_stale = keep_stale
        self._stale_if_error = stale_if_error
        self._log = LogOnce(LOGGER)
        self._breaker = CircuitBreaker(OPEN_FOR)

    def key(self, exchange: Exchange) -> Any:
        """Return the key under which an exchange's response is stored."""
        return _key(exchange)[1]

    def key_in_flight(self, exchange: Exchange) -> Any:
        """Return the key of the request that an exchange sends: those of others with it get the same response."""
        own = exchange.request._p['header']
        key = self.key(exchange)
        return with_conditions(key, own) if own and policy.is_conditional(own) else key

    def lookup(self, exchange: Exchange) -> CachedResponse | None:
        """Return the stored response to a GET, fresh or stale."""
        if exchange.method != 'GET' or exchange.is_streamed or exchange.bypass_cache:
            return None
        if type(exchange.settings.cache) is DummyCache:
            return None
        sent, key = _key(exchange)
        with step(CACHE_LOOKUP):
            stored = _response(self._call_cache(exchange, 'get', key, None))
        if stored is None:
            return None
        if stored.status_code != 200 and not self.may_use(exchange, stored):
            return None  # only a 200 is revalidated, or returned when the server is down
        if not stored.headers.get(VARIED):
            return stored
        return stored if policy.matches(stored.headers, {**self._transport.header_digests(), **sent}) else None

    def may_use(self, exchange: Exchange, stored: CachedResponse) -> bool:
        """Return whether a stored response may be returned without asking the server."""
        wanted = self._wanted(exchange)
        if wanted:
            return policy.may_be_used(stored.headers, wanted, clock.time())
        return policy.is_fresh(stored.headers, clock.time())

    def may_serve_while_revalidating(self, exchange: Exchange, stored: CachedResponse) -> bool:
        """Return whether a stale response may be returned while another thread revalidates it. Not to a pagination or
        `watch`: pages must be of one state, and changes are to be seen."""
        if exchange.resolve_304 or self._wanted(exchange):
            return False
        return policy.may_serve_while_revalidating(stored.headers, clock.time())

    def is_only_if_cached(self, exchange: Exchange) -> bool:
        """Return whether the request allows nothing but a stored response (RFC 9111 section 5.2.1.7)."""
        return exchange.method == 'GET' and 'only-if-cached' in self._wanted(exchange)

    def _wanted(self, exchange: Exchange) -> Mapping[str, str]:
        """The directives of the request (RFC 9111 section 5.2.1): its own, else those of the session."""
        own = exchange.request._p['header']
        text = cache_control(own) if own else None
        if text is None:
            text = self._transport.cache_control()
        return {} if text is None else directives({'cache-control': text})

    def store(self, exchange: Exchange, response: CachedResponse, read: bool, store: bool) -> CachedResponse:
        """Store a GET's response, if `store` and if it may be stored, and return it as it is stored. `read`: its body
        is known to be JSON."""
        return self._store(exchange, response, read, store) if exchange.method == 'GET' else response

    def revalidated(
        self, exchange: Exchange, stored: CachedResponse, news: Mapping[str, str], store: bool
    ) -> CachedResponse:
        """Return the stored response updated with `news`, the headers of a 304."""
        read = policy.UNREAD not in stored.headers
        updated = stored._replace(status_code=200, headers=policy.merged(stored.headers, news))
        return self._store(exchange, updated, read, store)

    def freshen(self, exchange: Exchange, news: Mapping[str, str]) -> None:
        """Update the stored response by a 304 to a request that has validators of its own (RFC 9111 section 4.3.4)."""
        stored = self.lookup(exchange)
        if stored is not None and stored.status_code == 200 and policy.is_identified_by(stored.headers, news):
            self.revalidated(exchange, stored, news, store=True)

    def update_by_head(self, exchange: Exchange, seen: RawResponse) -> None:
        """Update the stored response to a GET by that to a HEAD, or remove it if it is another one (RFC 9111 section
        4.3.5)."""
        if seen.status != 200 or seen.failure is not None or type(exchange.settings.cache) is DummyCache:
            return
        sent, key = _key(exchange)
        stored = _response(self._call_cache(exchange, 'get', key, None))
        if stored is None or not policy.matches(stored.headers, {**self._transport.header_digests(), **sent}):
            return
        if stored.status_code == 200 and policy.is_same_representation(stored.headers, seen.headers):
            self.revalidated(exchange, stored, seen.headers, store=True)
        else:
            self._call_cache(exchange, 'invalidate', key)

    def invalidate(self, exchange: Exchange, headers: Mapping[str, str] | None = None) -> None:
        """Remove every stored response of the exchange's URL that is its owner's or everybody's, in whatever language
        and of whatever date (RFC 9111 section 4.4). `headers`: those of the response to a write, whose `Location` and
        `Content-Location` may name another resource that has changed."""
        key = self.key(exchange)
        keys = [key]
        for index in resources_of(key):
            keys += self._remove_variants(exchange, key[0], index)
        for url in _changed_elsewhere(key[0], headers or {}):
            for index in resources_at(url, key):
                keys += self._remove_variants(exchange, url.partition('?')[0], index)
        for each in dict.fromkeys(keys):
            self._call_cache(exchange, 'invalidate', each)

    def _remove_variants(self, exchange: Exchange, url: str, index: str) -> list[Any]:
        cache = exchange.settings.cache
        if type(cache) is DummyCache:
            return []
        return variants.remove(cache, url, index, partial(self._call_cache, exchange))

    def _store(self, exchange: Exchange, response: CachedResponse, read: bool, store: bool) -> CachedResponse:
        now = clock.time()
        sent = self._sent(exchange) if 'vary' in lowercase(response.headers) else {}
        headers = policy.stored_headers(response.status_code, response.headers, sent, now, read, self._stale_if_error)
        if response.status_code == 200 and (headers is None or policy.expiry(headers) <= now):
            self._warn_freshness(exchange, response, lowercase(response.headers), now)
        if headers is None:
            return response
        stored = response._replace(headers=headers)
        if store and type(exchange.settings.cache) is not DummyCache and 'no-store' not in self._wanted(exchange):
            self._put(exchange, self.key(exchange), stored, now)
        return stored

    def _sent(self, exchange: Exchange) -> dict[str, str]:
        """Return the headers of the request by which a response may vary, secret ones as digests."""
        return {**self._transport.header_digests(), **_key(exchange)[0]}

    def _put(self, exchange: Exchange, key: Any, stored: CachedResponse, now: float) -> None:
        """Store a response for as long as it is of use. A server error never replaces a good response, which can still
        be revalidated, or be returned as long as the server is down."""
        if stored.status_code == 200:
            seconds = policy.ttl(stored.headers, now, self._keep_stale, self._stale_if_error)
        else:
            seconds = max(1, int(policy.expiry(stored.headers) - now))
        if stored.status_code >= 500:
            known = _response(self._call_cache(exchange, 'get', key, None))
            if known is not None and known.status_code == 200:
                return
        self._call_cache(exchange, 'set', key, stored, seconds)
        if exchange.request.operation.has_writes:
            lifetime = max(seconds, int(self._keep_stale))
            variants.add(exchange.settings.cache, key, lifetime, partial(self._call_cache, exchange))

    def _warn_freshness(self, exchange: Exchange, response: CachedResponse, low: Lowercase, now: float) -> None:
        """Log what is wrong with a response's freshness headers, once for each operation."""
        if policy.was_expired(low, now) and not policy.validators(low):
            LOGGER.warning('[%s] returned expired result', response.url)
            advise(f'[{response.url}] returned expired result')
            return
        problem = policy.freshness_problem(low)
        if problem:
            kind = exchange.request.operation.id, problem
            self._log.warning(kind, '[%s] %s; treating the response as stale (logged once)', response.url, problem)

    def _call_cache(self, exchange: Exchange, method: str, *arguments: Any) -> Any:
        """Call a method of the cache; return None if it raises. By position: apps' caches name arguments differently.

        A cache that hung is not called again for the same exchange, and for a while by no other: no call waits twice.
        """
        if self._breaker.is_open or exchange.without_cache:
            return None
        cache, begun = exchange.settings.cache, clock.monotonic()
        try:
            return getattr(cache, method)(*arguments)
        except Exception as error:
            if clock.monotonic() - begun > SLOW:
                self._breaker.open()
                exchange.without_cache = True
            name = type(cache).__name__
            self._log.warning(
                (name, method, type(error)),
                '%s.%s raised %s; calls continue without the cache',
                name,
                method,
                masked_error(error),
            )
            return None


def _key(exchange: Exchange) -> tuple[dict[str, str], Any]:
    """The headers of the exchange that select between responses, and its key."""
    request, date = exchange.request, exchange.compatibility_date
    return key_of(request, exchange.vary, date, exchange.owner, exchange.opt, exchange.content)


def _changed_elsewhere(url: str, headers: Mapping[str, str]) -> list[str]:
    """The resources of the same origin that the response to a write names."""
    low = lowercase(headers)
    found = []
    for name in ('location', 'content-location'):
        with suppress(ValueError):  # not an address
            other = urljoin(url, low.get(name, '').strip()).partition('#')[0]
            if name in low and other != url and origin(urlsplit(other)) == origin(urlsplit(url)):
                found.append(other)
    return found


def _response(value: Any) -> CachedResponse | None:
    """What a cache returned, if it has the shape of a stored response."""
    if type(value) is CachedResponse and type(value.headers) is dict:
        return value if value.status_code == 200 or policy.is_storable(value.status_code) else None
    if all(hasattr(value, name) for name in CachedResponse._fields):  # an app's own object: 1.x read these alone
        value = [getattr(value, name) for name in CachedResponse._fields]
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        return None
    status, headers, content, url = value
    if not policy.is_storable(status) or not isinstance(headers, Mapping) or not isinstance(content, bytes):
        return None
    if not all(type(text) is str for pair in headers.items() for text in pair):
        return None
    return CachedResponse(status, dict(headers), content, str(url))
