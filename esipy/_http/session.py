"""Sessions of `requests`: made for many threads, and remembering what is worked out of their headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import requests
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict

from esipy._http.connection import Adapter, watch
from esipy._runtime.redact import digest, is_secret


def make_session(pool_size: int, adapter: Any, session: requests.Session | None) -> requests.Session:
    """A session with connections for `pool_size` threads, or with the app's own adapter, or the app's own session."""
    if session is None:
        session = _Session()
        session.headers = SessionHeaders(session.headers)  # type: ignore[assignment]
        adapter = adapter or Adapter(pool_connections=10, pool_maxsize=pool_size)
        session.mount('http://', adapter)
        session.mount('https://', adapter)
    for mounted in session.adapters.values():
        if hasattr(mounted, 'poolmanager'):
            watch(mounted.poolmanager)
    return session


class _Session(requests.Session):
    """Along a redirect to another server goes nothing secret; `requests` thinks of Authorization and cookies."""

    def rebuild_auth(self, prepared_request: PreparedRequest, response: requests.Response) -> None:
        if self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
            for name in [name for name in prepared_request.headers if is_secret(name)]:
                del prepared_request.headers[name]
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]


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
    #: Those that choose between answers.
    chosen: tuple[tuple[str, str], ...]
    authorization: str | None
    secrets: tuple[str, ...]


#: Headers of a session that choose between answers.
_CHOOSING = ('Accept-Language', 'X-Tenant', 'X-Compatibility-Date')


def read(headers: Mapping[str, Any]) -> SessionIdentity:
    chosen = [(name, str(headers[name])) for name in _CHOOSING if headers.get(name) is not None]
    # Whose the answers are, where it is not the Authorization that tells: an API key, say.
    whose = [(name, digest(str(value).encode())) for name, value in headers.items() if _tells_whose(name, value)]
    authorization = headers.get('Authorization')
    plain = {name: value for name, value in headers.items() if value is not None}  # None: as requests, not sent
    secret = tuple(str(value) for name, value in plain.items() if is_secret(name))
    return SessionIdentity(plain, (*chosen, *whose), None if authorization is None else str(authorization), secret)


def _tells_whose(name: str, value: Any) -> bool:
    return value is not None and name.lower() != 'authorization' and is_secret(name)
