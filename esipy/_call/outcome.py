"""The outcome of an execution: the Response, and the error that it represents, if any."""

from __future__ import annotations

import io
import logging

from esipy import clock
from esipy._cache import policy
from esipy._cache.policy import CachedResponse
from esipy._call.negative_cache import Rejection
from esipy._call.response_cache import ResponseCache
from esipy._http import RawResponse, TransportError
from esipy._message.errors import error_of, failed_body, undecodable, unreadable
from esipy._message.exchange import Exchange
from esipy._message.headers import masked_addresses
from esipy._message.response import Response
from esipy._plugins.base import Outcome
from esipy._runtime.log_fields import log_fields
from esipy._runtime.redact import masked_address
from esipy.events import advise, emit, has_receivers
from esipy.exceptions import APIException

LOGGER = logging.getLogger('esipy.client')


#: A time, in seconds since the epoch, at which no server has its daily maintenance.
MIDNIGHT = 0.0


class Outcomes:
    """Makes the outcomes of one client's executions, and stores the responses that may be stored."""

    def __init__(self, responses: ResponseCache) -> None:
        self._responses = responses
        #: The operations whose `Warning` header has been logged.
        self._warned: set[str] = set()

    def from_cache(self, exchange: Exchange, stored: CachedResponse) -> Outcome:
        """Return a stored response that is fresh; a 304, if the request asks only for what has changed since then."""
        headers = policy.with_current_age(stored.headers, clock.time())
        own = exchange.request._p['header']
        if own and stored.status_code == 200 and policy.is_conditional(own) and policy.is_not_modified(headers, own):
            response = exchange.response_of(304, headers, b'', stored.url)
            response.from_cache = response.not_modified = True
            return response, None
        response = exchange.response_of(stored.status_code, headers, stored.content, stored.url)
        response.from_cache = True
        error: APIException | None = None
        if policy.UNREAD in stored.headers and not exchange.raw_body_only:
            error = unreadable(response, exchange.settings.strict, clock.time())
        if stored.status_code != 200 and error is None and not response.ok:
            error = error_of(response, clock.time())
        return response, error

    def stale(self, exchange: Exchange, stored: CachedResponse) -> Outcome:
        """Return a stored response that is marked as stale."""
        response, error = self.from_cache(exchange, stored)
        response.from_cache, response.stale = False, True
        return response, error

    def not_stored(self, exchange: Exchange) -> Outcome:
        """Return the 504 of a request that allows nothing but a stored response (RFC 9111 section 5.2.1.7)."""
        body = failed_body('no usable response is stored, and the request has Cache-Control: only-if-cached')
        response = exchange.response_of(504, {}, body, masked_address(exchange.request.url))
        error = error_of(response, MIDNIGHT)  # not a response of the server, so that it does not mean its downtime
        error.remedy = 'send the request without only-if-cached'
        return response, error

    def from_rejection(self, exchange: Exchange, rejection: Rejection) -> Outcome:
        """Return a remembered 403 or 404 without asking again."""
        response, error = self._read(exchange, rejection.raw, store=False)
        response.from_cache = response.remembered = True
        if error is not None:
            error.add_note(f'remembered: the request is not repeated for {rejection.until - clock.time():.0f} s')
        return response, error

    def from_server(
        self, exchange: Exchange, raw: RawResponse, validated: CachedResponse | None, store: bool
    ) -> Outcome:
        """Return what the server sent, and store it if `store`. `validated`: the stored response whose validators the
        request carried."""
        if validated is not None and self._may_serve_stale(exchange, validated, raw):
            return self.stale(exchange, validated)
        if raw.status == 304 and validated is not None:
            return self._revalidated(exchange, raw, validated, store), None
        return self._read(exchange, raw, store)

    def _may_serve_stale(self, exchange: Exchange, stored: CachedResponse, raw: RawResponse) -> bool:
        return policy.may_serve_stale(stored.headers, raw.status, clock.time(), exchange.settings.stale_if_error)

    def _revalidated(self, exchange: Exchange, raw: RawResponse, stored: CachedResponse, store: bool) -> Response:
        """Return the stored response with the headers of the 304 (RFC 9111 section 4.3.4)."""
        fresh = self._responses.revalidated(exchange, stored, raw.headers, store)
        is_bare = exchange.settings.no_etag_body and not exchange.resolve_304
        response = exchange.response_of(*(CachedResponse(*raw[:4]) if is_bare else fresh))
        response.not_modified = True
        return response

    def _read(self, exchange: Exchange, raw: RawResponse, store: bool) -> Outcome:
        received = CachedResponse(*raw[:4])
        response = exchange.response_of(*received)
        response.not_modified = raw.status == 304 and policy.is_conditional(exchange.request._p['header'])
        if response.not_modified and store:
            self._responses.freshen(exchange, raw.headers)
        if exchange.is_streamed and response.ok:
            response.stream = raw.stream or io.BytesIO(raw.content)  # a plugin's response has its whole body
        if isinstance(raw.failure, TransportError):
            response.failed, response.cause = True, raw.failure
            return response, error_of(response, clock.time())
        if raw.failure is not None:
            return response, undecodable(response, raw.failure.reason)
        error = None if exchange.raw_body_only else unreadable(response, exchange.settings.strict, clock.time())
        if error is None:
            stored = self._responses.store(exchange, received, read=not exchange.raw_body_only, store=store)
            response.take_headers(stored.headers)
        return response, error or (None if response.ok else error_of(response, clock.time()))

    def report_attempt(self, exchange: Exchange, raw: RawResponse) -> None:
        """Send API_CALL_STATS for an attempt that went out, and log it."""
        if LOGGER.isEnabledFor(logging.DEBUG):
            name, seconds = exchange.request.operation.id, exchange.attempt_elapsed or 0.0
            fields = log_fields(
                name, status=raw.status, attempt=exchange.attempts, elapsed=seconds, headers=raw.headers
            )
            LOGGER.debug('%s: status %d in %.3f s', name, raw.status, seconds, extra=fields)
        if not has_receivers(exchange.settings.signal_api_call_stats):
            return
        emit(
            exchange.settings.signal_api_call_stats,
            {
                'operation': exchange.request.operation.id,
                'method': exchange.method,
                'attempt': exchange.attempts,
                'headers': masked_addresses(raw.headers),
            },
            url=raw.url,
            status_code=raw.status,
            elapsed_time=exchange.attempt_elapsed,
            message=None if raw.status == 200 else raw.content,
        )

    def report_warning(self, response: Response, warning: str) -> None:
        """Pass a `Warning` header on: to the log once for each operation, to `warnings.warn` each time (as in 1.x)."""
        name = response.operation.id
        if name not in self._warned:
            self._warned.add(name)
            LOGGER.warning('[%s] %s', response.url, warning, extra=log_fields(name, status=response.status))
        advise(f'[{response.url}] {warning}')
