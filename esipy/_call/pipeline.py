"""The life of a call, from top to bottom. Every request of a client goes through it; each step has a file of its own.

0. the roles of the character, if asked to    roles.py
1. whose call it is, and its signature        signing.py
2. a stored response, fresh or stale          response_cache.py, _cache/policy.py
3. a remembered rejection                     negative_cache.py
4. the same GET of another thread             coalesce.py
5. a reservation at the rate limits           _limits/
6. the plugins, the ETag, and the request     _plugins/base.py, _cache/policy.py, _http/send.py
7. another attempt                            retry.py
8. the outcome: response and error            outcome.py, _message/
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from esipy import clock
from esipy._cache import policy
from esipy._cache.keys import resource_of, resources_of
from esipy._cache.policy import CachedResponse
from esipy._call import retry
from esipy._call.coalesce import Coalescer
from esipy._call.negative_cache import NegativeCache
from esipy._call.outcome import Outcomes
from esipy._call.response_cache import ResponseCache
from esipy._call.roles import RoleCheck
from esipy._call.signing import Signing
from esipy._http import BodyError, RawResponse, Transport, TransportError
from esipy._http.send import SAFE
from esipy._limits.base import Limits
from esipy._limits.disabled import NoLimits
from esipy._message.errors import failed_body
from esipy._message.exchange import Exchange
from esipy._message.request import Outgoing
from esipy._plugins.base import CallContext, Outcome, Plugin
from esipy._plugins.chain import Chain
from esipy._runtime.background import Background
from esipy._runtime.log_fields import log_fields
from esipy._runtime.redact import masked_address
from esipy._runtime.steps import RETRY_WAIT, step
from esipy._runtime.workers import Cancelled, raise_if_cancelled
from esipy.exceptions import LimitedError

LOGGER = logging.getLogger('esipy.client')


#: So many stale responses are revalidated in the background at a time, each within so many seconds if the call has no
#: deadline.
MOST_REVALIDATIONS = 4
LONGEST_REVALIDATION = 60.0


class Fetched(NamedTuple):
    """The last response, the stored response whose ETag or Last-Modified was sent, and whose call it was."""

    raw: RawResponse
    validated: CachedResponse | None
    owner: str


class Pipeline:
    """Executes the calls of one client. Safe between threads."""

    def __init__(
        self,
        transport: Transport,
        limits: Limits | NoLimits,
        responses: ResponseCache,
        rejections: NegativeCache,
        plugins: Sequence[Plugin],
        check_roles: bool,
    ) -> None:
        self.transport = transport
        self.limits = limits
        self.responses = responses
        self.rejections = rejections
        self.chain = Chain(plugins, self.run, self.deliver) if plugins else None
        self.signing = Signing(transport)
        self.coalescer: Coalescer[Fetched] = Coalescer()
        self.outcomes = Outcomes(responses)
        self.background = Background(MOST_REVALIDATIONS)
        execute = self.run if self.chain is None else self.chain.call
        #: Executes a call with the plugins around it. Roles are checked before, outside of what plugins hold.
        self.execute = RoleCheck(execute, has_plugins=self.chain is not None).execute if check_roles else execute

    def run(self, exchange: CallContext) -> Outcome:
        """Execute a call: return its response, and the error that the response stands for, if any."""
        if exchange.method == 'GET' and exchange.request._p['body'] and not exchange.request.is_streamed:
            exchange.content = exchange.request.data
        self.signing.identify(exchange)
        generation = self.coalescer.generation
        stored = self.responses.lookup(exchange)
        if stored is not None and self.responses.may_use(exchange, stored):
            response, error = self.outcomes.from_cache(exchange, stored)
        elif self.responses.is_only_if_cached(exchange):
            response, error = self.outcomes.not_stored(exchange)
        elif (rejection := self.rejections.lookup(exchange)) is not None:
            response, error = self.outcomes.from_rejection(exchange, rejection)
        elif exchange.method == 'GET' and not exchange.is_streamed:
            response, error = self._fetch_shared(exchange, stored, generation)
        else:
            response, error = self._fetch_alone(exchange)
        if exchange.warning:
            self.outcomes.report_warning(response, exchange.warning)
        return response, error

    def _fetch_shared(self, exchange: CallContext, stored: CachedResponse | None, generation: int) -> Outcome:
        """A GET: several threads that need it at once send one request, unless it is another character's.

        `stored` was looked up when `generation` requests had ended.
        """
        if exchange.revalidates not in (None, exchange.owner):
            raise Cancelled  # the security object signs for another character by now
        key = self.responses.key_in_flight(exchange)
        if stored is not None and self._revalidates_in_background(exchange, stored, key):
            return self.outcomes.stale(exchange, stored)
        with self.coalescer.join(key, exchange.timeout, exchange.deadline, exchange) as shared:
            if shared.result is not None and shared.result.owner == exchange.owner:
                return self.outcomes.from_server(exchange, *shared.result[:2], store=False)
            if exchange.deadline is not None:
                exchange.deadline += shared.waited
            if self.coalescer.generation != generation:  # this very request may have ended meanwhile
                stored = self.responses.lookup(exchange)
                if stored is not None and self.responses.may_use(exchange, stored):
                    return self.outcomes.from_cache(exchange, stored)
            # A request with conditions of its own is sent with these.
            is_conditional = policy.is_conditional(exchange.request._p['header'])
            fetched = self._attempts(exchange, None if is_conditional else stored)
            shared.publish(fetched)
            outcome = self.outcomes.from_server(exchange, *fetched[:2], store=exchange.store_response)
            if shared.invalidated:
                self.responses.invalidate(exchange)
            return outcome

    def _revalidates_in_background(self, exchange: CallContext, stored: CachedResponse, key: Any) -> bool:
        """Return True if a stale response may be returned while it is revalidated (RFC 5861 section 3), and it is
        being revalidated: by another thread, or by a background call that is started here, with plugins and rate
        limits. If too many of these are under way, the caller waits for the server.

        This thread signs first: receivers of AFTER_TOKEN_REFRESH may be bound to it.
        """
        if exchange.revalidates is not None or not self.responses.may_serve_while_revalidating(exchange, stored):
            return False
        if self.coalescer.is_in_flight(key):
            return True
        if exchange.security is not None and exchange.signed is None:
            owner = exchange.owner
            self.signing.sign(exchange)
            if exchange.owner != owner:
                return False
        background = exchange.again()
        background.revalidates = exchange.owner
        if background.deadline is None:
            background.deadline = clock.monotonic() + LONGEST_REVALIDATION
        return self.background.start(key, partial(self.execute, background))

    def _fetch_alone(self, exchange: CallContext) -> Outcome:
        """A write, a HEAD, or a streamed response. A write makes the stored responses of its URL invalid."""
        raw = self._attempts(exchange, None).raw
        may_be_done = isinstance(raw.failure, TransportError) and not raw.failure.unsent
        if exchange.method not in SAFE and (raw.status < 400 or may_be_done):
            written = resources_of(self.responses.key(exchange))
            self.coalescer.invalidate(lambda key: resource_of(key) in written)
            self.rejections.invalidate(written)
            self.responses.invalidate(exchange, raw.headers)
        elif exchange.method == 'HEAD':
            self.responses.update_by_head(exchange, raw)
        return self.outcomes.from_server(exchange, raw, None, store=False)

    def _attempts(self, exchange: CallContext, stored: CachedResponse | None) -> Fetched:
        """Send the request, and repeat it as far as `retry` allows. Each attempt is signed, reserved and settled."""
        raw: RawResponse | None = None
        while True:
            if exchange.security is not None and exchange.signed is None:
                stored = self._sign_again(exchange, stored)
            try:
                reservation = self.limits.reservation(exchange, self.signing.authorization(exchange))
                exchange.attempt_elapsed = None
                try:
                    if reservation.has_waited and exchange.signed is not None:
                        self.signing.sign(exchange)  # the token may have expired while the call waited
                    exchange.attempts += 1
                    raw = self._send(exchange, stored)
                except BaseException as error:
                    reservation.abandon(error)
                    raise
                reservation.settle(raw, sent=exchange.attempt_elapsed is not None)
            except LimitedError:
                if raw is None:
                    raise
                break  # the server's rejection stands: waiting for another attempt would take longer than `max_wait`
            if self.signing.has_new_token(exchange, raw):
                continue
            wait = retry.next_attempt(exchange, raw, clock.time())
            if wait is None:
                break
            LOGGER.warning(
                '[failure #%d] %r %d: retry in %.2f s',
                exchange.attempts,
                exchange.request,
                raw.status,
                wait,
                extra=log_fields(
                    exchange.request.operation.id,
                    status=raw.status,
                    attempt=exchange.attempts,
                    wait=wait,
                    headers=raw.headers,
                ),
            )
            with step(RETRY_WAIT):
                clock.sleep(wait)
            exchange.signed = None  # the token may expire meanwhile
        self.rejections.store(exchange, raw)
        return Fetched(raw, stored, exchange.owner)

    def _sign_again(self, exchange: Exchange, stored: CachedResponse | None) -> CachedResponse | None:
        """Sign, and return the stored response to validate: another one, if the token is now another character's."""
        owner = exchange.owner
        self.signing.sign(exchange)
        return stored if exchange.owner == owner else self.responses.lookup(exchange)

    def _send(self, exchange: CallContext, stored: CachedResponse | None) -> RawResponse:
        """One attempt, with the plugins around it. A stored response is revalidated: ETag, then Last-Modified."""
        outgoing = exchange.outgoing()
        if stored is not None:
            outgoing.headers.update(policy.validators(stored.headers))
        raw = self.deliver(exchange, outgoing) if self.chain is None else self.chain.attempt(exchange, outgoing)
        if exchange.attempt_elapsed is not None:
            self.outcomes.report_attempt(exchange, raw)
        return raw

    def deliver(self, exchange: Exchange, outgoing: Outgoing) -> RawResponse:
        """Put the request on the wire. What went wrong is part of the returned value, as 1.x made up a status 500."""
        raise_if_cancelled()
        begun = clock.monotonic()
        try:
            return self.transport.send(
                outgoing, outgoing.headers, exchange.timeout, exchange.deadline, streamed=exchange.is_streamed
            )
        except TransportError as error:
            failure = error.with_traceback(None)
            body = failed_body(failure.reason)
            return RawResponse(
                500, {}, body, masked_address(outgoing.url), failure, lost=failure.lost, history=failure.history
            )
        except BodyError as error:
            return error.raw._replace(failure=error.with_traceback(None))
        finally:
            exchange.attempt_elapsed = clock.monotonic() - begun
