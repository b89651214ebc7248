"""Between the client and a cache: which answers are asked for and kept. Whatever a cache does, no call fails by it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from esipy import clock
from esipy.cache import policy
from esipy.cache.base import BaseCache
from esipy.cache.keys import key_of
from esipy.cache.policy import CachedResponse
from esipy.events import advise
from esipy.message.exchange import Exchange

LOGGER = logging.getLogger(__name__)


#: An error that took this many seconds to come is a cache that hangs; it is left alone for a while then, so that no
#: call waits for it twice.
SLOW = 0.1
REST = 1.0


class Answers:
    """Finds and keeps the answers of exchanges. A cache that raises is a miss, told in the log once for each kind of
    error; an entry that is no answer is a miss. `keep_stale`: seconds for which an old answer is kept."""

    def __init__(self, keep_stale: float) -> None:
        self._keep_stale = keep_stale
        self._told: set[tuple[type, str, type]] = set()
        self._rests_until = 0.0

    def key(self, exchange: Exchange) -> Any:
        """What an exchange's answer is kept under."""
        return _key(exchange)[1]

    def find(self, cache: BaseCache, exchange: Exchange) -> CachedResponse | None:
        """The kept answer to a GET, fresh or not."""
        if exchange.method != 'GET':
            return None
        sent, key = _key(exchange)
        stored = _answer(self._ask(cache, 'get', key, None))
        return stored if stored is not None and policy.matches(stored.headers, sent) else None

    def keep(self, cache: BaseCache, exchange: Exchange, answer: CachedResponse, read: bool) -> CachedResponse:
        """Keep a GET's answer if it may be kept, and return it as it is kept; a write that worked makes the kept
        answer to its address old. `read`: its body is known to be JSON."""
        if exchange.method == 'GET':
            return self._store(cache, exchange, answer, read)
        if exchange.method != 'HEAD' and answer.status_code < 400:
            self._ask(cache, 'invalidate', self.key(exchange))
        return answer

    def renew(
        self, cache: BaseCache, exchange: Exchange, stored: CachedResponse, news: Mapping[str, str]
    ) -> CachedResponse:
        """The kept answer once more, after a 304 with the headers `news`."""
        read = policy.UNREAD not in stored.headers
        return self._store(
            cache, exchange, stored._replace(status_code=200, headers=policy.merged(stored.headers, news)), read
        )

    def _store(self, cache: BaseCache, exchange: Exchange, answer: CachedResponse, read: bool) -> CachedResponse:
        now = clock.time()
        sent, key = _key(exchange)
        headers = policy.kept(answer.status_code, answer.headers, sent, now, read)
        if headers is None:
            if answer.status_code == 200 and policy.was_expired(answer.headers, now):
                LOGGER.warning('[%s] returned expired result', answer.url)
                advise(f'[{answer.url}] returned expired result')
            return answer
        kept = answer._replace(headers=headers)
        self._ask(cache, 'set', key, kept, policy.keep_for(headers, now, self._keep_stale))
        return kept

    def _ask(self, cache: BaseCache, what: str, *arguments: Any) -> Any:
        """What a method of a cache gives; None when it raises. By position: apps' caches have names of their own."""
        begun = clock.monotonic()
        if begun < self._rests_until:
            return None
        try:
            return getattr(cache, what)(*arguments)
        except Exception as error:
            if clock.monotonic() - begun > SLOW:
                self._rests_until = clock.monotonic() + REST
            self._tell(cache, what, error)
            return None

    def _tell(self, cache: BaseCache, what: str, error: Exception) -> None:
        seen = (type(cache), what, type(error))
        if seen not in self._told:
            self._told.add(seen)
            LOGGER.warning('%s.%s raised %r: going on without it', type(cache).__name__, what, error)


def _key(exchange: Exchange) -> tuple[dict[str, str], Any]:
    """What the exchange says in the headers that choose between answers, and its key."""
    return key_of(exchange.request, exchange.chosen, exchange.compatibility_date, exchange.owner, exchange.opt)


def _answer(value: Any) -> CachedResponse | None:
    """What a cache gave, if it has the shape of an answer."""
    if type(value) is CachedResponse:
        return value
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        return None
    status, headers, content, url = value
    if not isinstance(status, int) or not isinstance(headers, Mapping) or not isinstance(content, bytes):
        return None
    return CachedResponse(status, dict(headers), content, str(url))
