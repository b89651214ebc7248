"""The private names of requests, and of the cookie jar behind it, that esipy uses; no other file does. Read in requests
2.34 and CPython 3.14."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from esipy._http.urllib3_internals import merged_pairs
from esipy._message.lowercase import ReceivedHeaders


class RequestHeaders(CaseInsensitiveDict[str]):
    """The headers of one request, made and copied in one step each. urllib3 copies them for every request, and requests
    would set one after the other both times, each by three calls of functions."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._store: Any = {name.lower(): (name, value) for name, value in headers.items()}

    def copy(self) -> RequestHeaders:
        copied = type(self).__new__(type(self))
        copied._store = self._store.copy()
        return copied


class ReceivedResponse(Response):
    """A response as requests makes it of one of urllib3. Its cookies and its encoding, which esipy does not read, are
    worked out when an app's hook reads them, and its headers are made in one step: that saves 6 % of a call."""

    def __init__(self, request: PreparedRequest, raw: Any, adapter: HTTPAdapter) -> None:
        self._content = False  # type: ignore[assignment]
        self._content_consumed = False
        self._next = None
        self.status_code = getattr(raw, 'status', None)  # type: ignore[assignment]
        self.headers = _received_headers(getattr(raw, 'headers', {}))
        self.raw = raw
        self.url = request.url  # type: ignore[assignment]
        self.history = []
        self.reason = raw.reason
        self.elapsed = timedelta(0)
        self.request = request
        self.connection = adapter

    @cached_property
    def cookies(self) -> RequestsCookieJar:  # type: ignore[override]
        """The cookies that the server has sent."""
        jar = RequestsCookieJar()
        extract_cookies_to_jar(jar, self.request, self.raw)  # type: ignore[no-untyped-call]
        return jar

    @cached_property
    def encoding(self) -> str | None:  # type: ignore[override]
        """The encoding of the text, as `Content-Type` says."""
        return get_encoding_from_headers(self.headers)


def _received_headers(headers: Any) -> CaseInsensitiveDict[str]:
    """The headers of a response of urllib3; of a mock, they may be any mapping."""
    pairs = merged_pairs(headers)
    if pairs is None:
        return CaseInsensitiveDict(headers)
    received: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    received._store = pairs  # type: ignore[attr-defined]
    return received


def as_dict(headers: Any) -> dict[str, str]:
    """Return the headers of a response, as they are spelled. A `CaseInsensitiveDict` has their lower-case names."""
    return ReceivedHeaders(headers._store) if type(headers) is CaseInsensitiveDict else dict(headers)  # type: ignore[attr-defined]


def has_content(response: Any) -> bool:
    """Return whether the body of a response is in memory already, as that of a mock is."""
    return getattr(response, '_content', False) is not False


def drop_content(response: Response) -> None:
    """Have a response without a body, which is not read."""
    response._content = b''


def set_cookies(prepared: PreparedRequest, session: Session) -> None:
    """Let requests find the cookies of a session where it looks for those of a request."""
    prepared._cookies = session.cookies  # type: ignore[attr-defined]


def renew_lock_of_cookies(session: Session) -> None:
    """In a forked child: another thread may have held the lock of the cookies, and does not exist here."""
    session.cookies._cookies_lock = threading.RLock()  # type: ignore[attr-defined]


def remember_position(prepared: PreparedRequest) -> None:
    """Remember where a body that is read while it is sent begins: a redirect sends it again (RFC 9110 section 15.4.8),
    which requests refuses for a body that cannot be rewound."""
    body: Any = prepared.body
    try:
        prepared._body_position = body.tell()  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        prepared._body_position = object()  # type: ignore[attr-defined]


def rewind(prepared: PreparedRequest) -> bool:
    """Put a body that was read while it was sent back to where it began; return False if it cannot be sent twice."""
    body: Any = prepared.body
    if body is None or isinstance(body, (bytes, str)):
        return True
    try:
        body.seek(prepared._body_position)  # type: ignore[attr-defined]
    except (AttributeError, OSError, TypeError, ValueError):
        return False
    return True


def has_cookies(session: Session) -> bool:
    """Return whether there are cookies in the jar of a session. Its length is counted by going through all of them."""
    return bool(getattr(session.cookies, '_cookies', True))


def cookies_of(session: Session) -> list[tuple[str, str, str, str]]:
    """Return what distinguishes the cookies of a session from another's."""
    return sorted((cookie.domain, cookie.path, cookie.name, str(cookie.value)) for cookie in session.cookies)
