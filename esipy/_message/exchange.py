"""Exchange: the state of one execution of a call, from its options to its response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self, cast

from esipy import clock
from esipy._message.bind import day_of
from esipy._message.headers import EXPIRY, WARNED
from esipy._message.lowercase import lowercase
from esipy._message.options import UNSET, CallOptions, Timeouts, checked_signer, checked_timeout
from esipy._message.request import Outgoing, Request
from esipy._message.response import Response


class ClientSettings(Protocol):
    """The attributes of a client that an execution reads. An app may change them between two calls, as in 1.x."""

    security: Any
    timeout: Timeouts
    cache: Any
    raw_body_only: bool
    no_etag_body: bool
    strict: bool
    check_scopes: bool
    stale_if_error: float
    retry_requests: bool
    retries: int
    deadline: float | None
    max_wait: float | None
    compatibility_date: str | None
    signal_api_call_stats: Any


class SessionState(NamedTuple):
    """What the client's session adds to every request, as far as responses depend on it."""

    #: Pairs of header and value that select between responses.
    vary: tuple[tuple[str, str], ...]
    #: The Authorization that the session itself sends.
    authorization: str | None


class Exchange:
    """The state of one execution: what was requested, the owner of the call, and what has happened so far.

    It does not outlive the execution.
    """

    __slots__ = (
        'attempt_elapsed',
        'attempts',
        'authorization',
        'bypass_cache',
        'compatibility_date',
        'content',
        'deadline',
        'max_wait',
        'method',
        'opt',
        'original',
        'owner',
        'priority',
        'raw_body_only',
        'rejections',
        'request',
        'resolve_304',
        'revalidates',
        'security',
        'settings',
        'signed',
        'started',
        'store_response',
        'timeout',
        'token_refreshed',
        'vary',
        'warning',
        'was_throttled',
        'without_cache',
    )

    def __init__(self, request: Request, options: CallOptions, settings: ClientSettings, session: SessionState) -> None:
        self.request = request
        #: What it was made of, for a further execution: plugins may change the request and its options.
        self.original = request, options
        self.settings = settings
        self.started = clock.monotonic()
        self.method: str = options.method or str(request.method)
        self.opt = options.opt or {}
        #: Signs the request; None: it is not signed, or it is signed already.
        self.security: Any = (
            settings.security if options.security is UNSET else checked_signer(request.operation.id, options.security)
        )
        #: Seconds to connect and between two bytes; None lifts the deadline too.
        self.timeout: Timeouts = _timeout(request, options, settings)
        self.raw_body_only = settings.raw_body_only if options.raw_body_only is None else options.raw_body_only
        #: When the call must be over, by `clock.monotonic`.
        self.deadline = None if settings.deadline is None or self.timeout is None else self.started + settings.deadline
        date = options.compatibility_date
        self.compatibility_date = settings.compatibility_date if date is None else day_of(date, 'request()')
        self.vary, self.authorization = session
        self.bypass_cache = options.bypass_cache
        self.store_response = options.store_response
        self.resolve_304 = options.resolve_304
        self.priority = options.priority
        #: Seconds to wait for a rate limit at most; None: one window, from when the call is at the head of the queue.
        self.max_wait = settings.max_wait

        #: The request with its Authorization header, once it has one.
        self.signed: Request | None = None
        #: The server refused the token, and it was refreshed for this execution.
        self.token_refreshed = False
        #: The owner of the call, in the form that is used in cache keys; '' for a public one.
        self.owner = ''
        #: The body of a GET, encoded once: it is part of the cache key, and sent. None: it is encoded when it is sent.
        self.content: Any = None
        self.attempts = 0
        #: Seconds from sending the last attempt to the end of its response; None: nothing was sent.
        self.attempt_elapsed: float | None = None
        #: The `Warning` header of the response.
        self.warning: str | None = None
        #: The call had to wait for a rate limit.
        self.was_throttled = False
        #: This execution revalidates, in the background, a stored response that was returned stale: that of this owner.
        self.revalidates: str | None = None
        #: How often a rate limit of the server rejected it.
        self.rejections = 0
        #: The cache hung during this execution, and is skipped for the rest of it.
        self.without_cache = False

    def again(self) -> Self:
        """Return a further execution of the same call, with the same options, that begins now."""
        return type(self)(*self.original, self.settings, SessionState(self.vary, self.authorization))

    @property
    def is_streamed(self) -> bool:
        """The caller reads the body while it arrives: the response is neither stored nor shared."""
        return self.method != 'HEAD' and bool(self.request.operation.endpoint.get('stream_response'))

    def outgoing(self) -> Outgoing:
        """The HTTP request, signed if it has been."""
        request = self.signed or self.request
        is_own = self.content is not None and request._p['body'] == self.request._p['body']
        return request.outgoing(self.method, self.opt, self.compatibility_date, self.content if is_own else None)

    def response_of(self, status: int, headers: dict[str, str], content: bytes, url: str) -> Response:
        """Make the Response, whether it was just received or had been stored."""
        if EXPIRY in headers:  # it had been stored, and its warning was looked for then
            self.warning = headers.get(WARNED)
        else:
            self.warning = _warning(headers)
        response = Response(self.request)
        response.status = status
        response.raw = None if self.method == 'HEAD' else content
        response.url = url
        response.raw_body_only = self.raw_body_only
        response.attempts = self.attempts
        response.take_headers(headers)
        response.elapsed = clock.monotonic() - self.started
        return response


def _timeout(request: Request, options: CallOptions, settings: ClientSettings) -> Timeouts:
    """The timeout of the call, else that of its endpoint in a table, else the client's."""
    if options.timeout is not UNSET:
        return checked_timeout(request.operation.id, options.timeout)
    endpoint = request.operation.endpoint
    nearest: Any = endpoint.get('timeout', settings.timeout) if endpoint else settings.timeout
    return cast(Timeouts, tuple(nearest) if isinstance(nearest, list) else nearest)


def _warning(headers: Mapping[str, str]) -> str | None:
    return lowercase(headers).get('warning')
