"""One request is sent, one response is read: the only file that sends API calls, through `requests`.

Everything goes through `requests.Session.send` and its adapters, so that an app's own adapter, and what tests
put in their place (httmock, responses, requests-mock), work. What `Session.request` would work out anew for
every call (proxies, CA bundle, cookies) is remembered as long as nothing it depends on has changed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import get_cookie_header
from requests.exceptions import RequestException
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import super_len

from esipy import clock
from esipy._http.body import from_mock, streaming
from esipy._http.connection import PIECE, current_request, use_deadline_pools
from esipy._http.errors import transport_error, was_closed
from esipy._http.options import check_headers
from esipy._http.proxies import check_proxy
from esipy._http.raw_response import BodyError, RawResponse, Redirect, TransportError
from esipy._http.redirects import MAX_REDIRECTS, REDIRECTS, origin, redirect_of
from esipy._http.requests_internals import (
    RequestHeaders,
    as_dict,
    cookies_of,
    drop_content,
    has_content,
    has_cookies,
    remember_position,
    renew_lock_of_cookies,
    rewind,
    set_cookies,
)
from esipy._http.session import SessionHeaders, SessionIdentity, read
from esipy._http.urllib3_internals import is_complete
from esipy._message.options import Timeouts
from esipy._message.request import Outgoing
from esipy._runtime import fork
from esipy._runtime.redact import digest, is_secret, masked_address, secrets_in, userinfo_of, without

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
    """Sends requests through a session; shared by all threads of a client."""

    def __init__(self, session: requests.Session, max_body: int) -> None:
        self.session = session
        self.max_body = max_body
        self._settings: dict[Any, dict[str, Any]] = {}
        self._abandoned: list[Any] = []
        #: The session's headers when their digests were last computed, and those digests.
        self._digests: tuple[Mapping[str, Any], Mapping[str, str]] = ({}, {})
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
        """Send a request and read the whole response. `deadline`: when it must be complete, by `clock.monotonic`.
        `streamed`: leave the body of a successful response to the caller; only the time between bytes is limited then.

        Raises TransportError, BodyError for a body that cannot be used, CallError for a header that cannot be sent.
        """
        prepared = first = self._prepared(outgoing, headers)
        current_request.deadline, current_request.idle = deadline, False
        url = outgoing.url
        history: list[Redirect] = []
        try:
            while True:
                response = self.session.send(
                    prepared,
                    stream=True,
                    timeout=self._timeouts(timeout, deadline),
                    allow_redirects=False,
                    **self._settings_along(url, prepared.url or url),
                )
                following = self._redirected(prepared, response) if redirects else None
                if following is None:
                    break
                prepared = following
                history.append(_followed(response.status_code, following, first))
                if len(history) > MAX_REDIRECTS:
                    raise TransportError(
                        f'the server sent more than {MAX_REDIRECTS} redirects for one request',
                        remedy='they probably never end: check the address, or report it to the operator of the server',
                    )
            if not issubclass(type(response), requests.Response):
                return self._checked(from_mock(response, url))
            if streamed and response.ok:
                return streaming(response, url, timeout)._replace(redirects=len(history), history=tuple(history))
            try:
                received = self._read(response, url, deadline, history)
                return received if received.status < 400 else _without_secrets(received, first)
            finally:
                response.close()
        except TransportError as error:
            error.history = tuple(history)
            raise
        except (RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if not (current_request.idle and outgoing.method in SAFE and was_closed(error)):
                failure = transport_error(error, _host_of(url), self._secrets_of(first, url))
                failure.history = tuple(history)
                raise failure from error
        finally:
            current_request.deadline = None
        # Again, until no kept connection is left; if a new one is closed, that is an error.
        try:
            raw = self.send(outgoing, headers, timeout, deadline, redirects, streamed)
        except TransportError as error:
            error.lost += 1
            raise
        return raw._replace(lost=raw.lost + 1)

    def _timeouts(self, timeout: Timeouts, deadline: float | None) -> tuple[float | None, float | None]:
        """Seconds to connect and between two bytes, neither of them beyond the deadline."""
        connect, between_bytes = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        if deadline is not None:
            left = deadline - clock.monotonic()
            if left <= 0:
                raise TransportError('the deadline has passed', timed_out=True, unsent=True)
            connect = left if connect is None else min(connect, left)
            between_bytes = left if between_bytes is None else min(between_bytes, left)
        current_request.between_bytes = between_bytes
        return connect, between_bytes

    def _redirected(self, sent: PreparedRequest, response: Any) -> PreparedRequest | None:
        """The request that a redirect asks for; None where there is none, or it must not be followed."""
        status = getattr(response, 'status_code', None)
        if status not in REDIRECTS:
            return None
        redirect = redirect_of(str(sent.method), str(sent.url), status, response.headers.get('location'))
        if redirect is None or (redirect.keeps_body and not rewind(sent)):
            return None
        response.close()
        following = sent.copy()
        following.method, following.url = redirect.method, redirect.url
        following.headers = CaseInsensitiveDict(redirect.headers(sent.headers))
        if not redirect.keeps_body:
            following.body = None
        if not redirect.is_same_origin:
            following.hooks = {'response': self._hooks()}  # without the session's `auth`, which may respond to a 401
        return following

    def _hooks(self) -> list[Any]:
        """What is called with each response: what an app has added to the session comes last."""
        return [_drop_body_of_redirect, *self.session.hooks.get('response', ())]

    def _secrets_of(self, sent: PreparedRequest, url: str) -> tuple[str, ...]:
        """Return what a request was signed with, and user names and passwords of its address and proxies. If a server
        or a proxy repeats them in a malformed response, they are in the text of an error."""
        try:
            proxies = self._settings_for(url).get('proxies') or {}
        except ValueError:
            proxies = {**self.session.proxies, **os.environ}
        return (*_sent_secrets(sent), *userinfo_of([url, *map(str, proxies.values())]))

    def preview(self, outgoing: Outgoing) -> Outgoing:
        """The request as it would go out, its secrets hidden; the session's own `auth`, if any, is not asked."""
        headers = dict(self._prepared(outgoing, outgoing.headers, sign=False).headers)
        if self.session.auth is not None:
            headers['Authorization'] = '***'
        hidden = {name: '***' if is_secret(name) else str(value) for name, value in headers.items()}
        return outgoing._replace(url=masked_address(outgoing.url), headers=hidden)

    def vary_and_authorization(self) -> tuple[tuple[tuple[str, str], ...], str | None]:
        """Return what the session sends that selects between responses, and what it signs every request with."""
        identity, session = self._headers(), self.session
        chosen, authorization = identity.chosen, identity.authorization
        if session.params:
            chosen = (*chosen, ('?', digest(repr(session.params))))
        if has_cookies(session):  # an app's own session, or one that it has put cookies into
            chosen = (*chosen, ('cookies', digest(repr(cookies_of(session)))))
        if session.cert:
            chosen = (*chosen, ('certificate', digest(repr(session.cert))))
        return chosen, authorization if session.auth is None else self._auth_identity(session.auth)

    def secrets(self) -> tuple[str, ...]:
        """Return the secret values among the session's headers."""
        return self._headers().secrets

    def cache_control(self) -> str | None:
        """Return what the session sends with all requests about the use of stored responses."""
        return self._headers().cache_control

    def header_digests(self) -> Mapping[str, str]:
        """Return digests of the headers that the session sends with all requests."""
        plain = self._headers().plain
        if self._digests[0] is not plain:
            self._digests = plain, {name: digest(str(value)) for name, value in plain.items()}
        return self._digests[1]

    def _auth_identity(self, auth: Any) -> str:
        """Return what distinguishes one `auth` of a session from another: user name and password, else a random name
        for as long as it is this session's (its place in memory may become that of another one)."""
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
        prepared.headers = RequestHeaders(together)
        prepared.body = outgoing.body
        if outgoing.body is not None and not isinstance(outgoing.body, (bytes, str)):
            _set_framing(prepared)
        elif outgoing.body is not None or outgoing.method not in ('GET', 'HEAD'):
            prepared.headers['Content-Length'] = str(len(outgoing.body or b''))
        set_cookies(prepared, session)
        if len(session.cookies):
            cookies = get_cookie_header(session.cookies, prepared)  # type: ignore[no-untyped-call]
            if cookies:
                prepared.headers['Cookie'] = cookies
        prepared.hooks = {'response': self._hooks()}
        if session.auth and sign:
            prepared.prepare_auth(session.auth)
        return prepared

    def _settings_along(self, first: str, url: str) -> dict[str, Any]:
        """The settings for `url`, to which `first` has led. The caller's certificate is for its origin only."""
        settings = self._settings_for(url)
        if url == first or not settings['cert'] or origin(urlsplit(url)) == origin(urlsplit(first)):
            return settings
        return {**settings, 'cert': None}

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
            check_proxy(url, settings['proxies'])
            self._settings[key] = settings
        return settings

    def _read(
        self, response: requests.Response, url: str, deadline: float | None, history: list[Redirect]
    ) -> RawResponse:
        """The whole body, decompressed, unless it is too large or takes too long."""
        url, until_headers = masked_address(response.url or url), response.elapsed.total_seconds()
        passed = len(history) + len(response.history)
        headers = as_dict(response.headers)
        received = RawResponse(
            response.status_code, headers, b'', url, None, until_headers, None, passed, 0, tuple(history)
        )
        raw = response.raw
        if has_content(response) or not hasattr(raw, 'stream'):
            return self._checked(received._replace(content=response.content or b''))  # made up by a test's mock
        try:
            pieces, size = [], 0
            for piece in raw.stream(_piece_of(response), decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if size > self.max_body:
                    raise BodyError(f'body larger than max_body ({self.max_body} bytes)', received)
                if deadline is not None and clock.monotonic() > deadline:
                    raise TransportError('the deadline passed while the body was received', timed_out=True)
        except urllib3.exceptions.DecodeError as error:
            raise BodyError(f'body cannot be decompressed: {error}', received) from None
        if not is_complete(raw) and (pieces or raw.tell()):  # bytes came, though they may have made nothing
            raise TransportError('the compressed body ends early')
        return received._replace(content=b''.join(pieces))

    def _checked(self, received: RawResponse) -> RawResponse:
        if len(received.content) > self.max_body:
            raise BodyError(f'body larger than max_body ({self.max_body} bytes)', received._replace(content=b''))
        return received

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
                use_deadline_pools(adapter.poolmanager)
        renew_lock_of_cookies(self.session)


def _environment() -> tuple[Any, ...]:
    """What is set of the environment. `os.environ` raises and catches an error for each variable that is not, which
    takes longer than all else that is done here for a call; CPython keeps a dict behind it."""
    behind = getattr(os.environ, '_data', None)
    if behind is None:
        return tuple(map(os.environ.get, _VARIABLES))
    return tuple(map(behind.get, _IN_BYTES))


def _set_framing(prepared: PreparedRequest) -> None:
    """The headers of a body that is read while it is sent: its length where it is known, else it goes in chunks
    (RFC 9112 section 7.1). Where it began is remembered: a redirect sends it again (RFC 9110 section 15.4.8), which
    `requests` refuses for what cannot be wound back."""
    body: Any = prepared.body
    length = super_len(body)  # type: ignore[no-untyped-call]
    if length:
        prepared.headers['Content-Length'] = str(length)
    else:
        prepared.headers['Transfer-Encoding'] = 'chunked'
    remember_position(prepared)


def _followed(status: int, following: PreparedRequest, first: PreparedRequest) -> Redirect:
    address = masked_address(without(str(following.url), _sent_secrets(first)))
    return Redirect(status, str(following.method), address, clock.monotonic())


def _sent_secrets(sent: PreparedRequest) -> tuple[str, ...]:
    """What a request was signed with, in its headers and in its address."""
    return secrets_in(sent.headers, parse_qsl(str(sent.url).partition('?')[2]))


def _without_secrets(received: RawResponse, sent: PreparedRequest) -> RawResponse:
    """Mask what an error response repeats of the request's secrets: its body and headers are shown in errors and
    logs."""
    secrets, content = _sent_secrets(sent), received.content
    for secret in secrets:
        content = content.replace(secret.encode('utf-8', 'replace'), b'***')
    headers = {name: without(value, secrets) for name, value in received.headers.items()}
    return received._replace(content=content, headers=headers)


def _piece_of(response: requests.Response) -> int:
    """Return how many bytes to request at a time: the whole of a short body that is not compressed. If
    fewer bytes come than it asked for, urllib3 asks for more, though there are none."""
    length = getattr(response.raw, 'length_remaining', None)
    return length if length and length < PIECE and 'Content-Encoding' not in response.headers else PIECE


def _host_of(url: str) -> str:
    """The host of an address, for an error; of one that cannot be read, nothing."""
    try:
        return masked_address(urlsplit(url).hostname or 'the server')
    except ValueError:
        return 'the server'


def _drop_body_of_redirect(response: requests.Response, **options: Any) -> None:
    """The body of a redirect is not needed, and requests would read all of it into memory."""
    if response.is_redirect and not has_content(response):
        drop_content(response)
        response.raw.close()
