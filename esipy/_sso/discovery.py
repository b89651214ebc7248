"""What the SSO publishes, asked for once in a process and address: its endpoints, and the keys of its tokens.

With a cache, a process that starts while the SSO is down knows them too.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from esipy import clock
from esipy._cache.base import BaseCache
from esipy._runtime import fork
from esipy.exceptions import SSOUnavailableError

LOGGER = logging.getLogger('esipy.security')

T = TypeVar('T')

#: Seconds before a page is asked for again because a token names a key that is not there: anybody can make such a
#: token.
COOL_DOWN = 60.0

#: Seconds for which a page saves asking; when the SSO is down, an older one is good enough.
FRESH = 86400.0

#: Seconds after which an old page that could not be had anew is asked for again.
_AGAIN = 600.0

#: Seconds after a failure in which an object that is being made does not wait for the SSO again.
_REST = 10.0


class _Page(NamedTuple):
    """What was read, and when it was asked for (by `clock.time`)."""

    found: Any
    asked: float


class _Memory:
    """What this process has read, by address, and when an address last failed (by `clock.monotonic`)."""

    def __init__(self) -> None:
        self.pages: dict[str, _Page] = {}
        self.failures: dict[str, float] = {}
        #: When an address was last fetched because what was known did not do (by `clock.time`).
        self.refetched: dict[str, float] = {}
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self.lock = threading.Lock()

    def forget(self) -> None:
        self.pages.clear()
        self.failures.clear()
        self.refetched.clear()


memory = _Memory()


class Discovery:
    """Pages of the SSO, through the memory of the process and a cache.

    `ask(url)` gives the bytes of a page, or raises SSOUnavailableError. `cache` keeps JSON values, sealed with
    `secret`: what others put there is a miss, or who writes to the cache could have tokens sent to himself. (An
    application without a secret has nothing to seal with: its cache should be its own.)
    """

    def __init__(self, ask: Callable[[str], bytes], cache: BaseCache, client_id: str, secret: str | None) -> None:
        self._ask = ask
        self._cache = cache
        self._client_id = client_id
        self._secret = (secret or client_id).encode()

    def get(self, url: str, read: Callable[[bytes], T], again: bool = False) -> T:
        """What `read` makes of the page at `url`; a ValueError of it means that this is no such page.

        `again`: what is known will not do; it is fetched again, but not twice within COOL_DOWN seconds.
        Raises SSOUnavailableError.
        """
        with memory.lock:
            page = memory.pages.get(url) or self._kept(url, read, FRESH)
            now = clock.time()
            if page is None:
                page = self._first(url, read)
            elif again and abs(now - memory.refetched.get(url, -math.inf)) > COOL_DOWN:
                memory.refetched[url] = now  # also if it fails
                page = self._asked(url, read)
            elif abs(now - page.asked) > FRESH:  # a key may have been withdrawn
                page = self._renewed(url, read, page)
            memory.pages[url] = page
        found: T = page.found
        return found

    def rests(self, url: str) -> bool:
        """Whether the SSO failed to answer a moment ago."""
        failed = memory.failures.get(url)
        return failed is not None and clock.monotonic() - failed < _REST

    def _first(self, url: str, read: Callable[[bytes], Any]) -> _Page:
        """The page from the SSO; an old one where it does not answer."""
        try:
            return self._asked(url, read)
        except SSOUnavailableError as error:
            kept = self._kept(url, read, None)
            if kept is None:
                raise
            return _for_a_while(url, kept, error)

    def _renewed(self, url: str, read: Callable[[bytes], Any], old: _Page) -> _Page:
        """The page from the SSO; `old` where it does not answer."""
        try:
            return self._asked(url, read)
        except SSOUnavailableError as error:
            return _for_a_while(url, old, error)

    def _asked(self, url: str, read: Callable[[bytes], Any]) -> _Page:
        """The page from the SSO."""
        now = clock.time()
        try:
            body = self._ask(url)
            page = _Page(_read(url, read, body), now)
        except SSOUnavailableError:
            memory.failures[url] = clock.monotonic()
            raise
        text = body.decode()
        self._try('set', self._key(url), {'asked': now, 'text': text, 'seal': self._seal(url, now, text)}, None)
        return page

    def _kept(self, url: str, read: Callable[[bytes], Any], fresh: float | None) -> _Page | None:
        """The page from the cache, not older than `fresh` seconds (None: of any age)."""
        kept = self._try('get', self._key(url), None)
        try:
            asked = float(kept['asked'])
            if not hmac.compare_digest(kept['seal'], self._seal(url, asked, kept['text'])):
                return None
            page = _Page(read(kept['text'].encode()), asked)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return page if fresh is None or abs(clock.time() - page.asked) < fresh else None

    def _try(self, what: str, *arguments: Any) -> Any:
        """A method of the cache, which fails nothing."""
        try:
            return getattr(self._cache, what)(*arguments)
        except Exception as error:
            LOGGER.warning('%s.%s raised %r: going on without it', type(self._cache).__name__, what, error)
            return None

    def _key(self, url: str) -> str:
        return f'esipy:sso:{self._client_id}:{url}'

    def _seal(self, url: str, asked: float, text: str) -> str:
        return hmac.new(self._secret, f'{url} {asked!r} {text}'.encode(), hashlib.sha256).hexdigest()


def _read(url: str, read: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return read(body)
    except ValueError as error:
        raise SSOUnavailableError(url, 200, response=str(error).encode()) from None


def _for_a_while(url: str, old: _Page, error: SSOUnavailableError) -> _Page:
    """An old page, until it is time to ask again."""
    LOGGER.warning('the SSO does not answer (%s): %s as it was known', error, url)
    return old._replace(asked=clock.time() - FRESH + _AGAIN)
