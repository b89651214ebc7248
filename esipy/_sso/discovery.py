"""Pages that the SSO publishes: its endpoints, and the keys of its tokens. Each is fetched once per process and URL.

With a cache, a process that starts while the SSO is down has them too.
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
from esipy._runtime.redact import masked_address, masked_error
from esipy._sso import metadata
from esipy.exceptions import SSOUnavailableError

LOGGER = logging.getLogger('esipy.security')

T = TypeVar('T')

#: Seconds between two refetches for tokens that the known keys do not fit: anybody can send such a token.
COOL_DOWN = 60.0

#: Seconds for which a page is fresh. If the SSO is down, an older one is used.
FRESH = 86400.0

#: Seconds after which an old page that could not be fetched is tried again.
_RETRY_AFTER = 600.0

#: Seconds after a failure in which the constructor of an object does not wait for the SSO again.
_OPEN_FOR = 10.0


class _Page(NamedTuple):
    """The content of a page, and when it was fetched (by `clock.time`)."""

    found: Any
    requested_at: float


class _Memory:
    """The pages of this process by URL, and when a URL last failed (by `clock.monotonic`)."""

    def __init__(self) -> None:
        self.pages: dict[str, _Page] = {}
        self.failures: dict[str, float] = {}
        #: When a URL was last fetched again because the known page did not fit (by `clock.time`).
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
    """Pages of the SSO, from the memory of the process, a cache, or the SSO.

    `ask(url)` returns the bytes of a page, or raises SSOUnavailableError. The entries of `cache` are JSON values with
    a MAC by `secret`: otherwise, whoever can write to the cache could have tokens sent to a URL of their own. (An
    application without a secret should have a cache of its own.)
    """

    def __init__(self, ask: Callable[[str], bytes], cache: BaseCache, client_id: str, secret: str | None) -> None:
        self._ask = ask
        self._cache = cache
        self._client_id = client_id
        self._secret = (secret or client_id).encode()

    def get(self, url: str, read: Callable[[bytes], T], again: bool = False) -> T:
        """Return what `read` makes of the page at `url`. It raises ValueError if the page is not what it should be.

        `again`: the known page does not fit, and is fetched again, but not twice within COOL_DOWN seconds.
        Raises SSOUnavailableError.
        """
        with memory.lock:
            page = memory.pages.get(url) or self._cached(url, read, FRESH)
            now = clock.time()
            if page is None:
                page = self._first(url, read)
            elif again and abs(now - memory.refetched.get(url, -math.inf)) > COOL_DOWN:
                memory.refetched[url] = now  # also if it fails
                page = _better(self._fetched(url, read), page)
            elif abs(now - page.requested_at) > FRESH:  # a key may have been withdrawn
                page = self._refetched(url, read, page)
            memory.pages[url] = page
        found: T = page.found
        return found

    def is_down(self, url: str) -> bool:
        """Return whether the SSO failed to respond a moment ago."""
        failed = memory.failures.get(url)
        return failed is not None and clock.monotonic() - failed < _OPEN_FOR

    def _first(self, url: str, read: Callable[[bytes], Any]) -> _Page:
        """Return the page of the SSO; an old one from the cache if it does not respond."""
        try:
            return self._fetched(url, read)
        except SSOUnavailableError as error:
            entry = self._cached(url, read, None)
            if entry is None:
                raise
            return _for_a_while(url, entry, error)

    def _refetched(self, url: str, read: Callable[[bytes], Any], old: _Page) -> _Page:
        """Return the page of the SSO; `old` if it does not respond."""
        try:
            return _better(self._fetched(url, read), old)
        except SSOUnavailableError as error:
            return _for_a_while(url, old, error)

    def _fetched(self, url: str, read: Callable[[bytes], Any]) -> _Page:
        """Fetch the page from the SSO."""
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

    def _cached(self, url: str, read: Callable[[bytes], Any], fresh: float | None) -> _Page | None:
        """Return the page from the cache, not older than `fresh` seconds (None: of any age)."""
        entry = self._try('get', self._key(url), None)
        try:
            requested_at = float(entry['asked'])
            if not hmac.compare_digest(entry['seal'], self._seal(url, requested_at, entry['text'])):
                return None
            page = _Page(read(entry['text'].encode()), requested_at)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return page if fresh is None or abs(clock.time() - page.requested_at) < fresh else None

    def _try(self, what: str, *arguments: Any) -> Any:
        """Call a method of the cache. A failure is logged."""
        try:
            return getattr(self._cache, what)(*arguments)
        except Exception as error:
            name = type(self._cache).__name__
            LOGGER.warning('%s.%s raised %s; esipy goes on without the cache', name, what, masked_error(error))
            return None

    def _key(self, url: str) -> str:
        return f'esipy:sso:{self._client_id}:{url}'

    def _seal(self, url: str, requested_at: float, text: str) -> str:
        return hmac.new(self._secret, f'{url} {requested_at!r} {text}'.encode(), hashlib.sha256).hexdigest()


def _read(url: str, read: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return read(body)
    except ValueError as error:
        what = 'keys' if read is metadata.keys else 'metadata'
        reason = f'the SSO published something other than its {what}: {error}'
        remedy = 'try again later; if it fails again, check sso_endpoints_url or sso_endpoints'
        raise SSOUnavailableError(
            url, 200, response=reason.encode(), operation='the SSO', method='GET', remedy=remedy
        ) from None


def _better(new: _Page, old: _Page) -> _Page:
    """Return the new page; if it is empty, the old one: no key set has no keys for long."""
    return new if new.found else old._replace(requested_at=new.requested_at)


def _for_a_while(url: str, old: _Page, error: SSOUnavailableError) -> _Page:
    """Return an old page that is used until it is time to try again."""
    LOGGER.warning('the SSO is not available (%s); the known copy of %s is used', error, masked_address(url))
    return old._replace(requested_at=clock.time() - FRESH + _RETRY_AFTER)
