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
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import get_cookie_header
from requests.exceptions import RequestException, Timeout
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import super_len
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from esipy import clock, fork
from esipy.cache.keys import digest
from esipy.exceptions import CallError, ConnectionFailedError, TimedOutError, UndecodableBodyError
from esipy.message.failure import failed_body, masked
from esipy.message.headers import is_secret
from esipy.message.request import Outgoing

#: Bodies are read in pieces of this size, and their length is checked after each.
_PIECE = 2**17

#: Servers whose connections are remembered.
_POOLS = 100

#: What `requests` reads from the environment to choose proxies and certificates.
_VARIABLES = [
    *(name for word in ('http', 'https', 'all', 'no') for name in (f'{word}_proxy', f'{word}_PROXY'.upper())),
    'REQUESTS_CA_BUNDLE',
    'CURL_CA_BUNDLE',
]

#: As CPython keeps them.
_IN_BYTES = [os.environ.encodekey(name) for name in _VARIABLES]

#: Connect, and between two bytes; None: wait for ever.
Timeouts = tuple[float | None, float | None] | float | None


class Answer(NamedTuple):
    """What came over the wire; with a `failure`, what stands for an answer that did not come, or not as it should."""

    status: int
    headers: dict[str, str]
    content: bytes
    url: str
    failure: NoAnswer | BadBody | None = None
    #: Seconds until its headers were there.
    until_headers: float = 0.0
    #: The body, still on its way, where that was asked for; `content` is empty then.
    stream: BinaryIO | None = None
    #: How many redirects led to it, each of them an answer too.
    redirects: int = 0
    #: How often it was asked for before, by connections that were closed just then: nobody knows what was answered.
    lost: int = 0


class NoAnswer(Exception):
    """Nothing came, or not the whole of it.

    `timed_out`: the server was too slow. `unsent`: the connection was never made, so the server knows nothing
    of the request. `lost`: as in Answer. The cause is the error of `requests` or `urllib3`.
    """

    lost = 0

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
    #: It was sent by a connection that had served before, and nothing of an answer has come.
    idle: bool = False


_clock = _Clock()


class _Watched(io.RawIOBase):
    """A socket's reading side on which a byte now and then does not put off the deadline for ever."""

    def __init__(self, reader: io.RawIOBase, sock: socket.socket) -> None:
        self._reader = reader
        self._sock = sock
        #: The server has said all that it will.
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if _clock.deadline is not None:
            left = _clock.deadline - clock.monotonic()
            if left <= 0:
                raise TimeoutError('deadline')
            wait = _clock.between_bytes
            self._sock.settimeout(left if wait is None else min(left, wait))
        count = self._reader.readinto(buffer)
        if count == 0:
            self.is_over = True
        return count

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()


class _WatchedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Watched(self.fp.detach(), sock), _PIECE)

    def begin(self) -> None:
        """Read the headers, all of them. The standard library takes the end of a connection for theirs; what they would
        have said is not known then, be it how long the body is or where a redirect leads (RFC 9112 section 8)."""
        super().begin()
        if self.fp.raw.is_over:  # type: ignore[attr-defined]
            raise http.client.HTTPException('the headers break off')

    def _read_status(self) -> tuple[str, int, str]:
        """The first status that is an answer (RFC 9110 section 15.2); the standard library knows 100 alone."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            while self.fp.readline(_PIECE) not in (b'\r\n', b'\n', b''):
                pass


class _Kept:
    """A connection that knows whether it has served before: one that is kept may be closed by the server just when
    the next request is on its way (RFC 9112 section 9.3.1)."""

    response_class = _WatchedResponse
    _has_served = False

    def connect(self) -> None:
        self._has_served = False
        super().connect()  # type: ignore[misc]

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        _clock.idle = self._has_served
        if hasattr(body, 'read') or hasattr(body, '__next__'):
            body = self._in_time(body)
        super().request(method, url, body, *args, **kwargs)  # type: ignore[misc]

    def _in_time(self, body: Any) -> Iterator[Any]:
        """A body that is read while it is sent, piece by piece: each may take as long as connecting may, and a server
        that takes one now and then does not put off the deadline for ever."""
        size = self.blocksize  # type: ignore[attr-defined]
        for piece in iter(lambda: body.read(size) or None, None) if hasattr(body, 'read') else body:
            if _clock.deadline is not None:
                left = _clock.deadline - clock.monotonic()
                if left <= 0:
                    raise TimeoutError('deadline')
                sock = self.sock  # type: ignore[attr-defined]
                longest = sock.gettimeout()
                sock.settimeout(left if longest is None else min(left, longest))
            yield piece

    def getresponse(self) -> Any:
        response = super().getresponse()  # type: ignore[misc]
        self._has_served, _clock.idle = True, False
        return response


class _HTTPConnection(_Kept, HTTPConnection):  # type: ignore[misc]
    pass


class _HTTPSConnection(_Kept, HTTPSConnection):  # type: ignore[misc]
    pass


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
    secrets: tuple[str, ...]


#: Headers of a session that choose between answers.
_CHOOSING = ('Accept-Language', 'X-Tenant', 'X-Compatibility-Date')


def _read(headers: Mapping[str, Any]) -> _Read:
    chosen = [(name, str(headers[name])) for name in _CHOOSING if headers.get(name) is not None]
    # Whose the answers are, where it is not the Authorization that tells: an API key, say.
    whose = [(name, digest(str(value).encode())) for name, value in headers.items() if _tells_whose(name, value)]
    authorization = headers.get('Authorization')
    plain = {name: value for name, value in headers.items() if value is not None}  # None: as requests, not sent
    secret = tuple(str(value) for name, value in plain.items() if is_secret(name))
    return _Read(plain, (*chosen, *whose), None if authorization is None else str(authorization), secret)


def _tells_whose(name: str, value: Any) -> bool:
    return value is not None and name.lower() != 'authorization' and is_secret(name)


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
        fork.renew_after(self)

    def send(
        self,
        outgoing: Outgoing,
        headers: Mapping[str, str],
        timeout: Timeouts,
        deadline: float | None,
        redirects: bool = True,
        streamed: bool = False,
    ) -> Answer:
        """Send, and read the whole answer. `deadline`: when it must be over, by `clock.monotonic`. `streamed`: leave
        the body of a good answer to be read by the caller, on whom only the time between two bytes is a limit then.

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
        _clock.deadline, _clock.between_bytes, _clock.idle = deadline, between_bytes, False
        try:
            response = self.session.send(
                prepared,
                stream=True,
                timeout=(connect, between_bytes),
                allow_redirects=redirects,
                **self._settings_for(outgoing.url),
            )
            if not issubclass(type(response), requests.Response):
                return self._checked(_made_up(response, outgoing.url))
            if streamed and response.ok:
                return _opened(response, outgoing.url, timeout)
            try:
                return self._read(response, outgoing.url, deadline)
            finally:
                response.close()
        except (RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: what a server's redirect leads to is no address.
            if not (_clock.idle and outgoing.method in _SAFE and _was_closed(error)):
                raise _no_answer(error) from error
        finally:
            _clock.deadline = None
        # Once more, until there is none left that was kept: a new one that is closed is an error.
        try:
            answer = self.send(outgoing, headers, timeout, deadline, redirects, streamed)
        except NoAnswer as error:
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

    def authorization(self) -> str | None:
        """What the session signs every request with."""
        if self.session.auth is not None:
            return self._whose(self.session.auth)
        return self._headers().authorization

    def secrets(self) -> tuple[str, ...]:
        """What the session's headers hold that nobody may see."""
        return self._headers().secrets

    def shown(self) -> Mapping[str, str]:
        """Digests of what the session says in all requests."""
        plain = self._headers().plain
        if self._shown[0] is not plain:
            self._shown = plain, {name: digest(str(value).encode()) for name, value in plain.items()}
        return self._shown[1]

    def choosing(self) -> tuple[tuple[str, str], ...]:
        """What the session says that chooses between answers."""
        chosen = self._headers().chosen
        params = self.session.params
        return (*chosen, ('?', digest(repr(params).encode()))) if params else chosen

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

    def _headers(self) -> _Read:
        headers = self.session.headers
        return headers.read() if type(headers) is SessionHeaders else _read(headers)

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
        _check_headers(together)
        prepared.headers = CaseInsensitiveDict(together)
        prepared.body = outgoing.body
        if outgoing.body is not None and not isinstance(outgoing.body, bytes):
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

    def _read(self, response: requests.Response, url: str, deadline: float | None) -> Answer:
        """The whole body, decompressed, unless it is too large or takes too long."""
        url, until_headers = masked(response.url or url), response.elapsed.total_seconds()
        passed = len(response.history)
        answer = Answer(response.status_code, dict(response.headers), b'', url, None, until_headers, None, passed)
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
        if not _is_complete(raw) and (pieces or raw.tell()):  # bytes came, though they may have made nothing
            raise BadBody(f'body cannot be decompressed: {_CUT_OFF}', answer)
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


def _made_up(response: Any, url: str) -> Answer:
    """What a test puts in the place of an answer of `requests`: it has what 1.x asked for, and perhaps no more."""
    told = getattr(response, 'url', None)
    address = masked(told if isinstance(told, str) else url)
    return Answer(response.status_code, dict(response.headers), response.content or b'', address)


def _opened(response: requests.Response, url: str, timeout: Timeouts) -> Answer:
    """An answer whose body is yet to come."""
    address = masked(response.url or url)
    between_bytes = timeout[1] if isinstance(timeout, tuple) else timeout
    stream = cast(BinaryIO, io.BufferedReader(_Body(response, address, between_bytes), _PIECE))
    until_headers = response.elapsed.total_seconds()
    passed = len(response.history)
    return Answer(response.status_code, dict(response.headers), b'', address, None, until_headers, stream, passed)


class _Body(io.RawIOBase):
    """A body while it comes, decompressed. Its connection is given back at its end, and shut when it is closed before.

    Reading raises ConnectionFailedError, TimedOutError after `between_bytes` seconds without any, and
    UndecodableBodyError.
    """

    def __init__(self, response: requests.Response, url: str, between_bytes: float | None) -> None:
        made_up = getattr(response, '_content', False) is not False or not hasattr(response.raw, 'read1')
        self._raw: Any = urllib3.HTTPResponse(io.BytesIO(response.content)) if made_up else response.raw
        self._response = response
        self._url = url
        self._patience = _FOR_EVER if between_bytes is None else between_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        _clock.deadline, _clock.between_bytes = clock.monotonic() + self._patience, self._patience
        try:
            piece: bytes = self._raw.read1(len(buffer), decode_content=True)
            if not piece and not _is_complete(self._raw):
                raise urllib3.exceptions.DecodeError(_CUT_OFF)
        except urllib3.exceptions.DecodeError as error:
            self.close()
            reason = f'body cannot be decompressed: {error}'
            raise UndecodableBodyError(self._url, self._response.status_code, reason=reason) from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            failure = _no_answer(error)
            kind = TimedOutError if failure.timed_out else ConnectionFailedError
            raise kind(self._url, 500, response=failed_body(failure.reason)) from failure
        finally:
            _clock.deadline = None
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


#: Seconds that stand for "for ever"; the system's calls count in milliseconds, in 32 bits.
_FOR_EVER = 86400.0

_CUT_OFF = 'its end is missing'


def _is_complete(raw: Any) -> bool:
    """Whether compressed data came to its end, which urllib3 does not look after."""
    decoder = getattr(raw, '_decoder', None)
    return all(map(_is_at_its_end, getattr(decoder, '_decoders', (decoder,))))  # several, one within the other


def _is_at_its_end(decoder: Any) -> bool:
    """Whether a decoder of urllib3's has seen all; brotli's has another word for it than zlib's."""
    own = getattr(decoder, '_obj', None)
    is_finished = getattr(own, 'is_finished', None)
    return bool(getattr(own, 'eof', True) if is_finished is None else is_finished())


def check_options(where: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError for `headers`, a `timeout` or other seconds of the wrong kind, which would only be noticed much
    later. The value is not told: it could hold a token."""
    headers, timeout, session = options['headers'], options['timeout'], options.get('session')
    if session is not None and not hasattr(session, 'send'):
        raise TypeError(f'{where}: session must be a requests.Session, not a {type(session).__name__}')
    if headers is not None and not isinstance(headers, Mapping):
        raise TypeError(f'{where}: headers must be a dict, not a {type(headers).__name__}')
    if not _is_timeout(timeout):
        raise TypeError(f'{where}: timeout must be seconds, or a pair of them (connect, between bytes), or None')
    for name in ('deadline', 'max_wait', 'keep_stale', 'stale_if_error'):
        if not isinstance(options.get(name, 0), (int, float, type(None))):
            raise TypeError(f'{where}: {name} must be seconds, not a {type(options[name]).__name__}')


def timeout_of(where: str, value: Any) -> Timeouts:
    """A timeout as `Transport` takes it; a configuration file knows no tuples. Raises CallError for what is none."""
    timeout: Timeouts = tuple(value) if isinstance(value, list) else value
    if not _is_timeout(timeout):
        raise CallError(
            where, [('timeout', f'{value!r} is neither seconds nor a pair of them (connect, between bytes)')]
        )
    return timeout


def _is_timeout(value: Any) -> bool:
    seconds = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(one is None or (isinstance(one, (int, float)) and type(one) is not bool and one > 0) for one in seconds)


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

#: What cannot be part of a header's name (RFC 9110 section 5.6.2).
_UNNAMABLE = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")


def _check_headers(headers: Mapping[str, Any]) -> None:
    """Raise CallError, without the value, for a header that cannot be sent."""
    values = ' '.join(map(str, headers.values()))
    is_plain = values.isascii() and values.isprintable()  # as good as always, and told in no time
    if not is_plain and _UNSENDABLE.search(values):
        faults = [(name, 'this value cannot be sent') for name in headers if _UNSENDABLE.search(str(headers[name]))]
        raise CallError('request headers', faults)
    if _UNNAMABLE.search(''.join(map(str, headers))):
        faults = [(repr(name), 'no name of a header') for name in headers if _UNNAMABLE.search(str(name))]
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


#: Methods that change nothing (RFC 9110 section 9.2.1).
_SAFE = frozenset({'GET', 'HEAD', 'OPTIONS'})


def _was_closed(error: Exception) -> bool:
    """Whether the server closed the connection, in whatever way."""
    return any(isinstance(cause, ConnectionError) for cause in _causes(error))


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
