"""Sessions of `requests`: made for many threads, and remembering what is worked out of their headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import requests
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from esipy._http.connection import Adapter, use_deadline_pools
from esipy._message.lowercase import lowercase
from esipy._runtime.redact import digest, is_secret


def make_session(pool_size: int, adapter: Any, session: requests.Session | None) -> requests.Session:
    """A session with connections for `pool_size` threads, or with the app's own adapter, or the app's own session."""
    if session is None:
        session = requests.Session()
        session.headers = SessionHeaders(session.headers)  # type: ignore[assignment]
        adapter = adapter or Adapter(pool_connections=10, pool_maxsize=pool_size)
        session.mount('http://', adapter)
        session.mount('https://', adapter)
        session.cookies = _OwnCookies()
    for mounted in session.adapters.values():
        if hasattr(mounted, 'poolmanager'):
            use_deadline_pools(mounted.poolmanager)
    return session


class _OwnCookies(RequestsCookieJar):
    """Stores no cookie that a server sets: all characters share a session, and it would grow without bound. Those that
    an app itself puts into the session are sent."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Leave the cookies of a response where they are."""


class SessionHeaders(CaseInsensitiveDict[str]):
    """A session's headers, which know when they were changed: what is worked out of them is remembered until then."""

    def __init__(self, *args: Any) -> None:
        self._changes = 0
        self._remembered: tuple[int, Any] = (-1, None)
        super().__init__(*args)

    def __setitem__(self, name: Any, value: Any) -> None:
        super().__setitem__(name, value)
        self._changes += 1

    def __delitem__(self, name: Any) -> None:
        super().__delitem__(name)
        self._changes += 1

    def read(self) -> SessionIdentity:
        changes, known = self._remembered
        if changes != self._changes:
            changes = self._changes  # before reading: a change on the way is seen the next time
            known = read(self)
            self._remembered = changes, known
        return known  # type: ignore[no-any-return]


class SessionIdentity(NamedTuple):
    """What a session's headers say."""

    plain: dict[str, Any]
    #: Those that select between responses.
    chosen: tuple[tuple[str, str], ...]
    authorization: str | None
    secrets: tuple[str, ...]
    #: What all requests say about the use of stored responses.
    cache_control: str | None


#: Headers of a session that select between responses.
_CHOOSING = ('Accept-Language', 'X-Tenant', 'X-Compatibility-Date')


def read(headers: Mapping[str, Any]) -> SessionIdentity:
    chosen = [(name, str(headers[name])) for name in _CHOOSING if headers.get(name) is not None]
    # The owner may be named by another header than Authorization: by an API key, for instance.
    whose = [(name, digest(str(value))) for name, value in headers.items() if _names_owner(name, value)]
    authorization = headers.get('Authorization')
    plain = {name: value for name, value in headers.items() if value is not None}  # None: as requests, not sent
    secret = tuple(str(value) for name, value in plain.items() if is_secret(name))
    control = cache_control(plain)
    return SessionIdentity(
        plain, (*chosen, *whose), None if authorization is None else str(authorization), secret, control
    )


_CACHE_CONTROL = frozenset({'cache-control', 'pragma'})


def cache_control(headers: Mapping[str, Any]) -> str | None:
    """Return `Cache-Control` of a request, or what `Pragma` says in its place (RFC 9111 section 5.4); None for none."""
    if _CACHE_CONTROL.isdisjoint(map(str.lower, headers)):  # as in most requests
        return None
    low = lowercase(headers)
    control = low.get('cache-control', low.get('pragma'))
    return None if control is None else str(control)


def _names_owner(name: str, value: Any) -> bool:
    return value is not None and name.lower() != 'authorization' and is_secret(name)
