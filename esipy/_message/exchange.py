"""Exchange: one execution of a call, from its options to its answer. Nothing of it outlives the execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esipy import clock
from esipy._message.headers import EXPIRY, WARNED
from esipy._message.request import Outgoing, Request
from esipy._message.response import Response


class Exchange:
    """What the steps of an execution tell each other."""

    __slots__ = (
        'attempt_elapsed',
        'attempts',
        'authorization',
        'bypass_cache',
        'compatibility_date',
        'deadline',
        'is_patient',
        'max_wait',
        'method',
        'opt',
        'owner',
        'priority',
        'raw_body_only',
        'rejections',
        'request',
        'resolve_304',
        'security',
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

    def __init__(
        self,
        request: Request,
        method: str | None,
        opt: Mapping[str, str] | None,
        security: Any,
        timeout: Any,
        raw_body_only: bool,
        deadline: float | None,
        compatibility_date: str | None,
        vary: tuple[tuple[str, str], ...],
        authorization: str | None,
    ) -> None:
        self.request = request
        self.method: str = method or str(request.method)
        self.opt = opt or {}
        #: Signs the request; None: nobody does, or it is signed already.
        self.security = security
        #: Seconds to connect and between bytes; None lifts the deadline too.
        self.timeout = timeout
        self.raw_body_only = raw_body_only
        self.started = clock.monotonic()
        self.deadline = None if deadline is None or timeout is None else self.started + deadline
        self.compatibility_date = compatibility_date
        #: What the client's session says that chooses between answers: pairs of header and value.
        self.vary = vary
        #: What that session signs every request with.
        self.authorization = authorization
        #: The request with its Authorization header, once it has one.
        self.signed: Request | None = None
        #: The token was refused, and renewed for this execution.
        self.token_refreshed = False
        #: Whose call it is, in a form that may stand in a cache key; '' for a public one.
        self.owner = ''
        self.attempts = 0
        #: Ask as if nothing were kept.
        self.bypass_cache = False
        #: Keep what comes.
        self.store_response = True
        #: A 304 is no answer: give the kept one that it speaks of, whatever the client does.
        self.resolve_304 = False
        #: Seconds from sending the last attempt to the end of its answer; None: nothing went out.
        self.attempt_elapsed: float | None = None
        #: What the server announces with its answer.
        self.warning: str | None = None
        #: Who waits for a limit and has more of this goes before who has less.
        self.priority = 0.0
        #: Seconds to wait for a limit at most; None: one window, counted, if it is patient, from when it is the first.
        self.max_wait: float | None = None
        self.is_patient = False
        #: Whether it had to wait for one.
        self.was_throttled = False
        #: How often a limit of the server's refused it.
        self.rejections = 0
        #: The cache hung during this execution, and is left alone for the rest of it.
        self.without_cache = False

    @property
    def is_streamed(self) -> bool:
        """The caller reads the body of the answer, while it comes: it is neither kept nor shared."""
        return self.method != 'HEAD' and bool(self.request.operation.endpoint.get('stream_response'))

    def outgoing(self) -> Outgoing:
        """The request in the words of HTTP, signed if it has been."""
        return (self.signed or self.request).outgoing(self.method, self.opt, self.compatibility_date)

    def response_of(self, status: int, headers: dict[str, str], content: bytes, url: str) -> Response:
        """The Response of an answer, whether it came now or was kept."""
        if EXPIRY in headers:  # it was kept, and looked through then
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


def _warning(headers: Mapping[str, str]) -> str | None:
    if 'warning' not in ' '.join(headers).lower():
        return None
    return next((value for name, value in headers.items() if name.lower() == 'warning'), None)
