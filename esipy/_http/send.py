"""One request in, one answer out: the only file that sends API calls, through `requests`.

Everything goes through `requests.Session.send` and its adapters, so that an app's own adapter, and what tests
put in their place (httmock, responses, requests-mock), work. What `Session.request` would work out anew for
every call (proxies, CA bundle, cookies) is remembered as long as nothing it depends on has changed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import get_cookie_header
from requests.exceptions import RequestException
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import super_len

from esipy import clock
from esipy._http.body import CUT_OFF, is_complete, made_up, opened
from esipy._http.connection import PIECE, under_way, watch
from esipy._http.errors import no_answer, was_closed
from esipy._http.options import check_headers
from esipy._http.raw_response import BodyError, RawResponse, TransportError
from esipy._http.session import SessionHeaders, SessionIdentity, read
from esipy._message.options import Timeouts
from esipy._message.request import Outgoing
from esipy._runtime import fork
from esipy._runtime.redact import digest, is_secret, masked

#: What `requests` reads from the environment to choose proxies and certificates.
_VARIABLES = [
    *(name for word in ('http', 'https', 'all', 'no') for name in (f'{word}_proxy', f'{word}_PROXY'.upper())),
    'REQUESTS_CA_BUNDLE',
    'CURL_CA_BUNDLE',
]

#: As CPython keeps them.
_IN_BYTES = [os.environ.encodekey(name) for name in _VARIABLES]

#: Methods that change nothing (RFC 9110 section 9.2.1).
SAFE = frozenset({'GET', 'HEAD', 'OPTIONS'})


class Transport:
    """A session and what it needs to send: shared by all threads of a client."""

    def __init__(self, session: requests.Session, max_body: int) -> None:
        self.session = session
        self.max_body = max_body
        self._settings: dict[Any, dict[str, Any]] = {}
        self._abandoned: list[Any] = []
        #: What the session's headers were when it was last asked for their digests, and those.
        self._shown: tuple[Mapping[str, Any], Mapping[str, str]] = ({}, {})
        #: The session's `auth` and its name, where it has none by itself.
        self._auth: tuple[Any, str] = (None, '')
        fork.reset_after_fork(self)

    def send(
        self,
        outgoing: Outgoing,
        headers: Mapping[str, str],
        timeout: Timeouts,
        deadline: float | None,
        redirects: bool = True,
        streamed: bool = False,
    ) -> RawResponse:
        """Send, and read the whole answer. `deadline`: when it must be over, by `clock.monotonic`. `streamed`: leave
        the body of a good answer to be read by the caller, on whom only the time between two bytes is a limit then.

        Raises NoAnswer, BadBody for a body that cannot be taken, CallError for a header that cannot be sent.
        """
        prepared = self._prepared(outgoing, headers)
        connect, between_bytes = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        if deadline is not None:
            left = deadline - clock.monotonic()
            if left <= 0:
                raise TransportError('the deadline has passed', timed_out=True, unsent=True)
            connect = left if connect is None else min(connect, left)
            between_bytes = left if between_bytes is None else min(between_bytes, left)
        under_way.deadline, under_way.between_bytes, under_way.idle = deadline, between_bytes, False
        try:
            response = self.session.send(
                prepared,
                stream=True,
                timeout=(connect, between_bytes),
                allow_redirects=redirects,
                **self._settings_for(outgoing.url),
            )
            if not issubclass(type(response), requests.Response):
                return self._checked(made_up(response, outgoing.url))
            if streamed and response.ok:
                return opened(response, outgoing.url, timeout)
            try:
                return self._read(response, outgoing.url, deadline)
            finally:
                response.close()
        except (RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: what a server's redirect leads to is no address.
            if not (under_way.idle and outgoing.method in SAFE and was_closed(error)):
                raise no_answer(error) from error
        finally:
            under_way.deadline = None
        # Once more, until there is none left that was kept: a new one that is closed is an error.
        try:
            answer = self.send(outgoing, headers, timeout, deadline, redirects, streamed)
        except TransportError as error:
            error.lost += 1
            raise
        return answer._replace(lost=answer.lost + 1)

    def preview(self, outgoing: Outgoing) -> Outgoing:
        """The request as it would go out, its secrets hidden; the session's own `auth`, if any, is not asked."""
        headers = dict(self._prepared(outgoing, outgoing.headers, sign=False).headers)
        if self.session.auth is not None:
            headers['Authorization'] = '***'
        hidden = {name: '***' if is_secret(name) else str(value) for name, value in headers.items()}
        return outgoing._replace(url=masked(outgoing.url), headers=hidden)

    def vary_and_authorization(self) -> tuple[tuple[tuple[str, str], ...], str | None]:
        """What the session says that chooses between answers, and what it signs every request with."""
        said, session = self._headers(), self.session
        chosen, authorization = said.chosen, said.authorization
        if session.params:
            chosen = (*chosen, ('?', digest(repr(session.params).encode())))
        return chosen, authorization if session.auth is None else self._whose(session.auth)

    def secrets(self) -> tuple[str, ...]:
        """What the session's headers hold that nobody may see."""
        return self._headers().secrets

    def header_digests(self) -> Mapping[str, str]:
        """Digests of what the session says in all requests."""
        plain = self._headers().plain
        if self._shown[0] is not plain:
            self._shown = plain, {name: digest(str(value).encode()) for name, value in plain.items()}
        return self._shown[1]

    def _whose(self, auth: Any) -> str:
        """What tells one `auth` from another. Most objects do not tell, and the place that one had in memory is the
        next one's later: those have a name of their own as long as they are this session's."""
        if isinstance(auth, tuple):
            return repr(auth)
        if hasattr(auth, 'username') and hasattr(auth, 'password'):
            return repr((auth.username, auth.password))
        known, name = self._auth
        if known is not auth:
            name = os.urandom(16).hex()
            self._auth = auth, name
        return name

    def _headers(self) -> SessionIdentity:
        headers = self.session.headers
        return headers.read() if type(headers) is SessionHeaders else read(headers)

    def _prepared(self, outgoing: Outgoing, headers: Mapping[str, str], sign: bool = True) -> PreparedRequest:
        """What `Session.prepare_request` makes, without parsing again an address that is in order."""
        session = self.session
        prepared = PreparedRequest()
        prepared.method = outgoing.method
        if session.params:
            prepared.prepare_url(outgoing.url, session.params)
        else:
            prepared.url = outgoing.url
        together = {**self._headers().plain, **headers}
        check_headers(together)
        prepared.headers = CaseInsensitiveDict(together)
        prepared.body = outgoing.body
        if outgoing.body is not None and not isinstance(outgoing.body, (bytes, str)):
            _announce(prepared)
        elif outgoing.body is not None or outgoing.method not in ('GET', 'HEAD'):
            prepared.headers['Content-Length'] = str(len(outgoing.body or b''))
        prepared._cookies = session.cookies  # type: ignore[attr-defined]
        if len(session.cookies):
            cookies = get_cookie_header(session.cookies, prepared)  # type: ignore[no-untyped-call]
            if cookies:
                prepared.headers['Cookie'] = cookies
        prepared.hooks = {'response': [_drop_body_of_redirect, *session.hooks.get('response', ())]}
        if session.auth and sign:
            prepared.prepare_auth(session.auth)
        return prepared

    def _settings_for(self, url: str) -> dict[str, Any]:
        """Proxies, certificates: from the session and, where it trusts it, from the environment."""
        session = self.session
        split = urlsplit(url)
        environment = _environment() if session.trust_env else ()
        key = (split.scheme, split.netloc, environment, repr(session.proxies), session.verify, repr(session.cert))
        settings = self._settings.get(key)
        if settings is None:
            if len(self._settings) > 100:
                self._settings.clear()
            settings = dict(session.merge_environment_settings(url, {}, True, None, None))
            del settings['stream']
            self._settings[key] = settings
        return settings

    def _read(self, response: requests.Response, url: str, deadline: float | None) -> RawResponse:
        """The whole body, decompressed, unless it is too large or takes too long."""
        url, until_headers = masked(response.url or url), response.elapsed.total_seconds()
        passed = len(response.history)
        answer = RawResponse(response.status_code, dict(response.headers), b'', url, None, until_headers, None, passed)
        raw = response.raw
        if getattr(response, '_content', False) is not False or not hasattr(raw, 'stream'):
            return self._checked(answer._replace(content=response.content or b''))  # made up by a test's mock
        try:
            pieces, size = [], 0
            for piece in raw.stream(PIECE, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if size > self.max_body:
                    raise BodyError(f'body larger than max_body ({self.max_body} bytes)', answer)
                if deadline is not None and clock.monotonic() > deadline:
                    raise TransportError('the deadline passed while the body came', timed_out=True)
        except urllib3.exceptions.DecodeError as error:
            raise BodyError(f'body cannot be decompressed: {error}', answer) from None
        if not is_complete(raw) and (pieces or raw.tell()):  # bytes came, though they may have made nothing
            raise BodyError(f'body cannot be decompressed: {CUT_OFF}', answer)
        return answer._replace(content=b''.join(pieces))

    def _checked(self, answer: RawResponse) -> RawResponse:
        if len(answer.content) > self.max_body:
            raise BodyError(f'body larger than max_body ({self.max_body} bytes)', answer._replace(content=b''))
        return answer

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def _reset_after_fork(self) -> None:
        """After a fork: new pools. The old ones are kept, untouched: their sockets belong to the parent, and
        their locks may be held by threads that do not exist here."""
        for adapter in set(self.session.adapters.values()):
            if isinstance(adapter, HTTPAdapter):
                self._abandoned.append((adapter.poolmanager, adapter.proxy_manager))
                adapter.__setstate__(adapter.__getstate__())  # type: ignore[attr-defined]
                watch(adapter.poolmanager)
        self.session.cookies._cookies_lock = threading.RLock()  # type: ignore[attr-defined]


def _environment() -> tuple[Any, ...]:
    """What is set of the environment. `os.environ` raises and catches an error for each variable that is not, which
    takes longer than all else that is done here for a call; CPython keeps a dict behind it."""
    behind = getattr(os.environ, '_data', None)
    if behind is None:
        return tuple(map(os.environ.get, _VARIABLES))
    return tuple(map(behind.get, _IN_BYTES))


def _announce(prepared: PreparedRequest) -> None:
    """The headers of a body that is read while it is sent: its length where that can be told, else it goes in chunks
    (RFC 9112 section 7.1). Where it began is remembered: a redirect sends it again (RFC 9110 section 15.4.8), which
    `requests` refuses for what cannot be wound back."""
    body: Any = prepared.body
    length = super_len(body)  # type: ignore[no-untyped-call]
    if length:
        prepared.headers['Content-Length'] = str(length)
    else:
        prepared.headers['Transfer-Encoding'] = 'chunked'
    try:
        prepared._body_position = body.tell()  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        prepared._body_position = object()  # type: ignore[attr-defined]


def _drop_body_of_redirect(response: requests.Response, **options: Any) -> None:
    """Nobody reads it, and requests would take all of it into memory before it goes on."""
    content: Any = getattr(response, '_content', None)
    if response.is_redirect and content is False:
        response._content = b''
        response.raw.close()
