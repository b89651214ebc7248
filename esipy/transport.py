"""One request in, one answer out: the only file that sends API calls, through `requests`.

Everything goes through `requests.Session.send` and its adapters, so that an app's own adapter, and what tests
put in their place (httmock, responses, requests-mock), work. What `Session.request` would work out anew for
every call (proxies, CA bundle, cookies) is remembered as long as nothing it depends on has changed.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import socket
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import get_cookie_header
from requests.exceptions import RequestException, Timeout
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from esipy import clock, fork
from esipy.exceptions import CallError
from esipy.message.failure import masked
from esipy.message.request import Outgoing

#: Bodies are read in pieces of this size, and their length is checked after each.
_PIECE = 2**16

#: Servers whose connections are remembered.
_POOLS = 100

#: What `requests` reads from the environment to choose proxies and certificates.
_VARIABLES = [
    *(name for word in ('http', 'https', 'all', 'no') for name in (f'{word}_proxy', f'{word}_PROXY'.upper())),
    'REQUESTS_CA_BUNDLE',
    'CURL_CA_BUNDLE',
]

#: Connect, and between two bytes; None: wait for ever.
Timeouts = tuple[float | None, float | None] | float | None


class Answer(NamedTuple):
    """What came over the wire; with a `failure`, what stands for an answer that did not come, or not as it should."""

    status: int
    headers: dict[str, str]
    content: bytes
    url: str
    failure: NoAnswer | BadBody | None = None


class NoAnswer(Exception):
    """Nothing came, or not the whole of it.

    `timed_out`: the server was too slow. `unsent`: the connection was never made, so the server knows nothing
    of the request. The cause is the error of `requests` or `urllib3`.
    """

    def __init__(self, reason: str, *, timed_out: bool = False, unsent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out
        self.unsent = unsent


class BadBody(Exception):
    """The body is too large, or not compressed the way it says."""

    def __init__(self, reason: str, answer: Answer) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


class _Clock(threading.local):
    """When the request of this thread must be over (by `clock.monotonic`), and how long it may wait for bytes."""

    deadline: float | None = None
    between_bytes: float | None = None


_clock = _Clock()


class _Watched(io.RawIOBase):
    """A socket's reading side on which a byte now and then does not put off the deadline for ever."""

    def __init__(self, reader: io.RawIOBase, sock: socket.socket) -> None:
        self._reader = reader
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if _clock.deadline is not None:
            left = _clock.deadline - clock.monotonic()
            if left <= 0:
                raise TimeoutError('deadline')
            wait = _clock.between_bytes
            self._sock.settimeout(left if wait is None else min(left, wait))
        return self._reader.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()


class _WatchedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Watched(self.fp.detach(), sock), _PIECE)

    def _read_status(self) -> tuple[str, int, str]:
        """The first status that is an answer (RFC 9110 section 15.2); the standard library knows 100 alone."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            while self.fp.readline(_PIECE) not in (b'\r\n', b'\n', b''):
                pass


class _HTTPConnection(HTTPConnection):
    response_class = _WatchedResponse


class _HTTPSConnection(HTTPSConnection):
    response_class = _WatchedResponse


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def _watch(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {'http': _HTTPPool, 'https': _HTTPSPool}
    return manager


class Adapter(HTTPAdapter):
    """requests' adapter, with deadlines that hold. It remembers which pool leads to which server: working that out
    takes a tenth of a request on the same machine."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)
        self._pools: dict[Any, Any] = {}

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        if proxies:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        key = (*request.url.split('/', 3)[:3], verify, cert)
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) > _POOLS:
                self._pools.clear()
            pool = self._pools[key] = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return pool

    def request_url(self, request: Any, proxies: Any) -> Any:
        return super().request_url(request, proxies) if proxies else request.path_url

    def close(self) -> None:
        self._pools.clear()
        super().close()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return _watch(super().proxy_manager_for(*args, **kwargs))


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

    def read(self) -> _Read:
        changes, known = self._remembered
        if changes != self._changes:
            changes = self._changes  # before reading: a change on the way is seen the next time
            known = _read(self)
            self._remembered = changes, known
        return known  # type: ignore[no-any-return]


class _Read(NamedTuple):
    """What a session's headers say."""

    plain: dict[str, Any]
    #: Those that choose between answers.
    chosen: tuple[tuple[str, str], ...]
    authorization: str | None


#: Headers of a session that choose between answers.
_CHOOSING = ('Accept-Language', 'X-Tenant', 'X-Compatibility-Date')


def _read(headers: Mapping[str, Any]) -> _Read:
    chosen = tuple((name, str(headers[name])) for name in _CHOOSING if headers.get(name) is not None)
    authorization = headers.get('Authorization')
    plain = {name: value for name, value in headers.items() if value is not None}  # None: as requests, not sent
    return _Read(plain, chosen, None if authorization is None else str(authorization))


class Transport:
    """A session and what it needs to send: shared by all threads of a client."""

    def __init__(self, session: requests.Session, max_body: int) -> None:
        self.session = session
        self.max_body = max_body
        self._settings: dict[Any, dict[str, Any]] = {}
        self._abandoned: list[Any] = []
        fork.renew_after(self)

    def send(
        self,
        outgoing: Outgoing,
        headers: Mapping[str, str],
        timeout: Timeouts,
        deadline: float | None,
        redirects: bool = True,
    ) -> Answer:
        """Send, and read the whole answer. `deadline`: when it must be over, by `clock.monotonic`.

        Raises NoAnswer, BadBody for a body that cannot be taken, CallError for a header that cannot be sent.
        """
        prepared = self._prepared(outgoing, headers)
        connect, between_bytes = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        if deadline is not None:
            left = deadline - clock.monotonic()
            if left <= 0:
                raise NoAnswer('the deadline has passed', timed_out=True, unsent=True)
            connect = left if connect is None else min(connect, left)
            between_bytes = left if between_bytes is None else min(between_bytes, left)
        _clock.deadline, _clock.between_bytes = deadline, between_bytes
        try:
            response = self.session.send(
                prepared,
                stream=True,
                timeout=(connect, between_bytes),
                allow_redirects=redirects,
                **self._settings_for(outgoing.url),
            )
            try:
                return self._read(response, outgoing.url, deadline)
            finally:
                response.close()
        except (RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: what a server's redirect leads to is no address.
            raise _no_answer(error) from error
        finally:
            _clock.deadline = None

    def authorization(self) -> str | None:
        """What the session signs every request with."""
        if self.session.auth is not None:
            return repr(self.session.auth)
        return self._headers().authorization

    def choosing(self) -> tuple[tuple[str, str], ...]:
        """What the session says that chooses between answers."""
        chosen = self._headers().chosen
        return (*chosen, ('?', repr(self.session.params))) if self.session.params else chosen

    def _headers(self) -> _Read:
        headers = self.session.headers
        return headers.read() if type(headers) is SessionHeaders else _read(headers)

    def _prepared(self, outgoing: Outgoing, headers: Mapping[str, str]) -> PreparedRequest:
        """What `Session.prepare_request` makes, without parsing again an address that is in order."""
        session = self.session
        prepared = PreparedRequest()
        prepared.method = outgoing.method
        if session.params:
            prepared.prepare_url(outgoing.url, session.params)
        else:
            prepared.url = outgoing.url
        prepared.headers = CaseInsensitiveDict({**self._headers().plain, **headers})
        _check_headers(prepared.headers)
        prepared.body = outgoing.body
        if outgoing.body is not None or outgoing.method not in ('GET', 'HEAD'):
            prepared.headers['Content-Length'] = str(len(outgoing.body or b''))
        prepared._cookies = session.cookies  # type: ignore[attr-defined]
        if len(session.cookies):
            cookies = get_cookie_header(session.cookies, prepared)  # type: ignore[no-untyped-call]
            if cookies:
                prepared.headers['Cookie'] = cookies
        prepared.hooks = {'response': [_drop_body_of_redirect, *session.hooks.get('response', ())]}
        if session.auth:
            prepared.prepare_auth(session.auth)
        return prepared

    def _settings_for(self, url: str) -> dict[str, Any]:
        """Proxies, certificates: from the session and, where it trusts it, from the environment."""
        session = self.session
        split = urlsplit(url)
        environment = tuple(map(os.environ.get, _VARIABLES)) if session.trust_env else ()
        key = (split.scheme, split.netloc, environment, repr(session.proxies), session.verify, repr(session.cert))
        settings = self._settings.get(key)
        if settings is None:
            if len(self._settings) > 100:
                self._settings.clear()
            settings = dict(session.merge_environment_settings(url, {}, True, None, None))
            del settings['stream']
            self._settings[key] = settings
        return settings

    def _read(self, response: requests.Response, url: str, deadline: float | None) -> Answer:
        """The whole body, decompressed, unless it is too large or takes too long."""
        answer = Answer(response.status_code, dict(response.headers), b'', masked(response.url or url))
        raw = response.raw
        if getattr(response, '_content', False) is not False or not hasattr(raw, 'stream'):
            return self._checked(answer._replace(content=response.content or b''))  # made up by a test's mock
        try:
            pieces, size = [], 0
            for piece in raw.stream(_PIECE, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if size > self.max_body:
                    raise BadBody(f'body larger than max_body ({self.max_body} bytes)', answer)
                if deadline is not None and clock.monotonic() > deadline:
                    raise NoAnswer('the deadline passed while the body came', timed_out=True)
        except urllib3.exceptions.DecodeError as error:
            raise BadBody(f'body cannot be decompressed: {error}', answer) from None
        # urllib3 does not look whether the compressed data came to its end.
        if pieces and not getattr(getattr(getattr(raw, '_decoder', None), '_obj', None), 'eof', True):
            raise BadBody('body cannot be decompressed: its end is missing', answer)
        return answer._replace(content=b''.join(pieces))

    def _checked(self, answer: Answer) -> Answer:
        if len(answer.content) > self.max_body:
            raise BadBody(f'body larger than max_body ({self.max_body} bytes)', answer._replace(content=b''))
        return answer

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def _renew(self) -> None:
        """After a fork: new pools. The old ones are kept, untouched: their sockets belong to the parent, and
        their locks may be held by threads that do not exist here."""
        for adapter in set(self.session.adapters.values()):
            if isinstance(adapter, HTTPAdapter):
                self._abandoned.append((adapter.poolmanager, adapter.proxy_manager))
                adapter.__setstate__(adapter.__getstate__())  # type: ignore[attr-defined]
                _watch(adapter.poolmanager)
        self.session.cookies._cookies_lock = threading.RLock()  # type: ignore[attr-defined]


def make_session(pool_size: int, adapter: Any, session: requests.Session | None) -> requests.Session:
    """A session with connections for `pool_size` threads, or with the app's own adapter, or the app's own session."""
    if session is None:
        session = requests.Session()
        session.headers = SessionHeaders(session.headers)  # type: ignore[assignment]
        adapter = adapter or Adapter(pool_connections=10, pool_maxsize=pool_size)
        session.mount('http://', adapter)
        session.mount('https://', adapter)
    for mounted in session.adapters.values():
        if hasattr(mounted, 'poolmanager'):
            _watch(mounted.poolmanager)
    return session


def _drop_body_of_redirect(response: requests.Response, **options: Any) -> None:
    """Nobody reads it, and requests would take all of it into memory before it goes on."""
    content: Any = getattr(response, '_content', None)
    if response.is_redirect and content is False:
        response._content = b''
        response.raw.close()


#: What would begin another header (RFC 9110 section 5.5), or has no byte in one.
_UNSENDABLE = re.compile('[\\r\\n\\0]|[^\\x00-\\xff]')


def _check_headers(headers: Mapping[str, Any]) -> None:
    """Raise CallError, without the value, for a header that cannot be sent."""
    if _UNSENDABLE.search('\t'.join(map(str, headers.values()))):
        faults = [(name, 'this value cannot be sent') for name in headers if _UNSENDABLE.search(str(headers[name]))]
        raise CallError('request headers', faults)


def _no_answer(error: Exception) -> NoAnswer:
    """The one place where errors of the libraries below become ours, without what could hold a token: the request,
    connections, and the frames that worked on them."""
    causes = _causes(error)
    for cause in causes:
        cause.__traceback__ = None
        cause.args = tuple(masked(part) if isinstance(part, str) else part for part in cause.args)
        for name, value in list(vars(cause).items()):
            if name in ('request', 'response', 'pool', 'conn'):
                setattr(cause, name, None)
            elif isinstance(value, str):
                setattr(cause, name, masked(value))
    timed_out = any(
        isinstance(cause, (Timeout, TimeoutError, urllib3.exceptions.TimeoutError))
        # "connection refused", which urllib3 counts among the timeouts as well
        and not isinstance(cause, urllib3.exceptions.NewConnectionError)
        for cause in causes
    )
    unsent = any(
        isinstance(cause, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))
        for cause in causes
    )
    return NoAnswer(f'{type(error).__name__}: {masked(str(error))}', timed_out=timed_out, unsent=unsent)


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error with all that it was made of: causes, contexts, and errors among its arguments."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, 'reason', None), *one.args]
    return found
