"""EsiClient: the conductor. `_execute` tells the life of a call from top to bottom; each step has a file of its own.

whose call it is, signing      security.py
what is kept, and how long     cache/policy.py, cache/keys.py
sending, and sending again     transport.py, retry.py
reading the answer             message/response.py, message/failure.py
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from esipy import clock, retry
from esipy.cache import policy
from esipy.cache.base import BaseCache
from esipy.cache.choose import check_cache
from esipy.cache.guard import Guard
from esipy.cache.keys import key_of, owner_of
from esipy.cache.policy import CachedResponse
from esipy.events import API_CALL_STATS, emit
from esipy.exceptions import APIException, EsiError, UndecodableBodyError
from esipy.message.exchange import Exchange
from esipy.message.failure import error_of, failed_body
from esipy.message.foreign import adopt, fill
from esipy.message.request import Request
from esipy.message.response import Response
from esipy.parallel import run_all
from esipy.transport import Answer, BadBody, NoAnswer, Timeouts, Transport, make_session
from esipy.version import __version__

LOGGER = logging.getLogger(__name__)

#: What `app.op[name](...)` returns.
Call = tuple[Request, Response]

#: Not given, where None means something.
UNSET: Any = object()

_USER_AGENT_ADVICE = (
    "Defining a 'User-Agent' header is a good practice, and allows CCP to contact you if required. "
    "To do this, simply add the following when creating the client: headers={'User-Agent':'something'}."
)

_OPTIONS: dict[str, Any] = {
    'headers': None,
    'transport_adapter': None,
    'cache': False,
    'raw_body_only': False,
    'signal_api_call_stats': API_CALL_STATS,
    'timeout': (5.0, 30.0),
    'no_etag_body': False,
    'session': None,
    'compatibility_date': None,
    'retries': 5,
    'pool_size': 100,
    'user_agent': None,
    'deadline': 60.0,
    'max_body': 64 * 2**20,
    'keep_stale': policy.KEEP_STALE,
    'strict': False,
}


class EsiClient:
    """Executes calls: `client.request(app.op['get_status']())`. Made once, used by any number of threads.

    `security`: an EsiSecurity, or any callable that takes a Request and returns it with the headers it needs.
    `retry_requests`: repeat what the server failed to answer. Options:

    - `headers`: sent with every request; `user_agent`: the header of that name (without one it warns, as 1.x did)
    - `cache`: a BaseCache; None: none; by default a DictCache
    - `timeout`: seconds to connect and between two bytes, a number or a pair; None: wait for ever, no deadline
    - `deadline`: seconds for a whole call, whatever the server does
    - `retries`: attempts in all, with `retry_requests`
    - `raw_body_only`: never decode; `no_etag_body`: give a bare 304 where the kept answer still holds
    - `transport_adapter`: an adapter of `requests`; `session`: a whole session of one's own
    - `pool_size`: connections that are kept open, which is how many threads can work without making new ones
    - `max_body`: the most bytes of a body, decompressed, that are taken
    - `compatibility_date`: 'YYYY-MM-DD', instead of the App's
    - `keep_stale`: seconds for which the cache keeps an old answer for its entity tag
    - `signal_api_call_stats`: a Signal of one's own instead of API_CALL_STATS
    - `strict`: an answer that differs from its description raises UndecodableBodyError, which tells how

    An unknown option warns. In a `with` block the connections are closed at its end.
    """

    def __init__(self, security: Any = None, retry_requests: bool = False, **options: Any) -> None:
        _warn_of_unknown('EsiClient', options, _OPTIONS)
        chosen = {**_OPTIONS, **options}
        self.security = security
        self.retry_requests = retry_requests
        self.cache: BaseCache = check_cache(chosen['cache'])
        self.raw_body_only: bool = chosen['raw_body_only']
        self.signal_api_call_stats = chosen['signal_api_call_stats']
        self.timeout: Timeouts = chosen['timeout']
        self.no_etag_body: bool = chosen['no_etag_body']
        self.compatibility_date: str | None = chosen['compatibility_date'] and str(chosen['compatibility_date'])
        self.retries: int = chosen['retries']
        self.pool_size: int = chosen['pool_size']
        self.deadline: float | None = chosen['deadline']
        self.keep_stale: float = chosen['keep_stale']
        self.strict: bool = chosen['strict']
        self.transport_adapter = chosen['transport_adapter']
        self._session = make_session(self.pool_size, self.transport_adapter, chosen['session'])
        self._transport = Transport(self._session, chosen['max_body'])
        self._guard = Guard()
        self._warned: set[str] = set()
        self._set_headers(chosen)

    def _set_headers(self, chosen: Mapping[str, Any]) -> None:
        headers = dict(chosen['headers'] or {})
        if chosen['user_agent']:
            headers['User-Agent'] = chosen['user_agent']
        if chosen['session'] is None and 'user-agent' not in {name.lower() for name in headers}:
            LOGGER.warning(_USER_AGENT_ADVICE)
            warnings.warn(_USER_AGENT_ADVICE, stacklevel=3)
            headers['User-Agent'] = f'esipy/{__version__}'
        self.headers: dict[str, str] = headers
        self._session.headers.update({'Accept': 'application/json', **headers})

    # ------------------------------------------------------------------ what apps call

    def request(
        self,
        req_and_resp: Call,
        raw_body_only: bool | None = None,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool = False,
        security: Any = UNSET,
        timeout: Timeouts = UNSET,
        **unknown: Any,
    ) -> Response:
        """Execute a call and return its answer, from the cache while that is fresh.

        `opt`: {'url_netloc': …, 'url_scheme': …} sends it elsewhere. `raise_on_error`: raise the APIException that
        a status of 400 or more stands for. A body that is not JSON always raises UndecodableBodyError.
        """
        _warn_of_unknown('request()', unknown, _REQUEST_OPTIONS)
        exchange = self._exchange(req_and_resp, None, opt, security, timeout)
        response, error = self._execute(exchange, raw_body_only)
        if error is not None and (raise_on_error or isinstance(error, UndecodableBodyError)):
            raise error
        filled: Response = fill(req_and_resp, response)
        return filled

    def head(
        self,
        req_and_resp: Call,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool = False,
        security: Any = UNSET,
        timeout: Timeouts = UNSET,
        **unknown: Any,
    ) -> Response:
        """Ask for the headers of a call's answer alone. Arguments and errors as in `request`."""
        _warn_of_unknown('head()', unknown, _REQUEST_OPTIONS)
        exchange = self._exchange(req_and_resp, 'HEAD', opt, security, timeout)
        response, error = self._execute(exchange, True)
        if error is not None and raise_on_error:
            raise error
        filled: Response = fill(req_and_resp, response)
        return filled

    def multi_request(
        self,
        reqs_and_resps: Iterable[Call],
        threads: int = 20,
        raw_body_only: bool | None = None,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool = False,
        on_result: Callable[[Request, Response], Any] | None = None,
        progress: Callable[[int], Any] | None = None,
        **options: Any,
    ) -> list[Call]:
        """Execute any number of calls in `threads` (1 to 100) and return (Request, Response) pairs in their order.

        `reqs_and_resps` may be a generator: it is consumed as work proceeds. `on_result(request, response)` is
        called as answers come, in this thread, and then nothing is kept: the list returned is empty. `progress` is
        called with the number of calls done. One call that fails never loses the others: all are executed, and
        with `raise_on_error` the first error is raised at the end, with the list as its `results`.
        """
        _warn_of_unknown('multi_request()', options, _MULTI_REQUEST_OPTIONS)
        results: dict[int, Call] = {}
        errors: dict[int, EsiError] = {}

        def run(call: Call) -> tuple[Call, EsiError | None]:
            return self._one_of_many(call, raw_body_only, opt, options)

        def done(index: int, count: int, outcome: tuple[Call, EsiError | None]) -> None:
            pair, error = outcome
            if error is not None and raise_on_error:
                errors[index] = error
            if on_result is None:
                results[index] = pair
            else:
                on_result(*pair)
            if progress is not None:
                progress(count)

        run_all(run, reqs_and_resps, max(min(threads, 100), 1), done)
        pairs = [results[index] for index in sorted(results)]
        if errors:
            first = errors[min(errors)]
            first.results = pairs  # type: ignore[attr-defined]
            raise first
        return pairs

    def close(self) -> None:
        """Close all connections. A call after that opens new ones."""
        self._transport.close()

    def __enter__(self) -> EsiClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the life of a call

    def _execute(self, exchange: Exchange, raw_body_only: bool | None) -> tuple[Response, APIException | None]:
        """One execution, whole: the answer, and the error that it stands for, if it does."""
        self._tell_owner(exchange)
        stored = self._look_up(exchange)
        if stored is not None and policy.is_fresh(stored.headers, clock.time()):
            response = self._response(exchange, stored)
            response.from_cache = True
        else:
            response = self._fetch(exchange, stored)
        response.raw_body_only = self.raw_body_only if raw_body_only is None else raw_body_only
        return response, self._check(exchange, response)

    def _exchange(
        self, call: Call, method: str | None, opt: Mapping[str, str] | None, security: Any, timeout: Timeouts
    ) -> Exchange:
        return Exchange(
            adopt(call),
            method,
            opt,
            self.security if security is UNSET else security,
            self.timeout if timeout is UNSET else timeout,
            self.deadline,
            self.compatibility_date,
        )

    def _tell_owner(self, exchange: Exchange) -> None:
        """Whose call it is. A security object that can tell without signing saves a refresh for a kept answer."""
        request, security = exchange.request, exchange.security
        if security is None or 'Authorization' in request._p['header']:
            exchange.owner = owner_of(request._p['header'].get('Authorization') or self._authorization())
            return
        owner = security.owner_of(request) if hasattr(security, 'owner_of') else None
        if owner is None:
            self._sign(exchange)
        else:
            exchange.owner = owner

    def _authorization(self) -> str | None:
        """What an app put into the session to sign every request with."""
        if self._session.auth is not None:
            return repr(self._session.auth)
        given = self._session.headers.get('Authorization')
        return None if given is None else str(given)

    def _sign(self, exchange: Exchange) -> None:
        """Have the request signed, on a copy: every execution starts clean. What was signed says whose it is."""
        signed = exchange.request.copy()
        signed = exchange.security(signed) or signed
        exchange.signed = signed if isinstance(signed, Request) else exchange.request  # pyswagger's: signed in place
        exchange.owner = getattr(signed, 'owner', None) or owner_of(signed._p['header'].get('Authorization'))

    def _look_up(self, exchange: Exchange) -> CachedResponse | None:
        """The kept answer to a GET, fresh or not."""
        if exchange.method != 'GET':
            return None
        sent = self._key(exchange)
        stored = self._guard.get(self.cache, exchange.key)
        return stored if stored is not None and policy.matches(stored.headers, sent) else None

    def _key(self, exchange: Exchange) -> dict[str, str]:
        """Set the exchange's cache key; returns what it says in the headers that choose between answers."""
        session = self._session.headers
        chosen = tuple((name, str(session[name])) for name in _CHOOSING if name in session)
        sent, exchange.key = key_of(exchange.request, chosen, exchange.compatibility_date, exchange.owner)
        return sent

    def _fetch(self, exchange: Exchange, stored: CachedResponse | None) -> Response:
        """Ask the server, and keep what it says."""
        answer, stored = self._attempts(exchange, stored)
        if answer.failure is not None:
            return self._failed(exchange, answer)
        if answer.status == 304 and stored is not None and not self.no_etag_body:
            merged = policy.merged(stored.headers, answer.headers)
            kept = self._keep(exchange, CachedResponse(200, merged, stored.content, stored.url))
            response = self._response(exchange, kept)
            response.not_modified = True
            return response
        return self._response(exchange, self._keep(exchange, CachedResponse(*answer[:4])))

    def _attempts(self, exchange: Exchange, stored: CachedResponse | None) -> tuple[Answer, CachedResponse | None]:
        """Send, and send again as far as `retry` allows: the last answer, and the kept one that it was asked after."""
        while True:
            exchange.attempts += 1
            if exchange.security is not None and exchange.signed is None:
                owner = exchange.owner
                self._sign(exchange)
                if exchange.owner != owner:
                    stored = self._look_up(exchange)  # another thread's token: what was found is not this one's
            answer = self._send(exchange, stored)
            wait = self._pause(exchange, answer)
            if wait is None:
                return answer, stored
            LOGGER.warning(
                '[failure #%d] %r %d: again in %.2f s', exchange.attempts, exchange.request, answer.status, wait
            )
            clock.sleep(wait)
            exchange.signed = None  # its token may have expired meanwhile

    def _send(self, exchange: Exchange, stored: CachedResponse | None) -> Answer:
        """One attempt, and its signal."""
        outgoing = exchange.outgoing()
        headers = outgoing.headers
        if stored is not None:
            headers = {**headers, **policy.validators(stored.headers)}
        begun = clock.monotonic()
        try:
            answer = self._transport.send(outgoing, headers, exchange.timeout, exchange.deadline)
        except NoAnswer as failure:
            answer = Answer(500, {}, failed_body(failure.reason), outgoing.url, failure)
        except BadBody as error:
            self._report(exchange, error.answer, begun)
            raise self._undecodable(exchange, error) from None
        self._report(exchange, answer, begun)
        return answer

    def _pause(self, exchange: Exchange, answer: Answer) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if not self.retry_requests or exchange.attempts >= self.retries:
            return None
        operation, failure = exchange.request.operation, answer.failure
        if failure is None and not retry.may_repeat(operation, exchange.method, answer.status):
            return None
        if failure is not None and not failure.unsent and not retry.may_have_arrived(operation, exchange.method):
            return None
        told = policy.lower(answer.headers).get('retry-after')
        wait = retry.pause(exchange.attempts, retry.retry_after(told, clock.time()), random.uniform(-1, 1))
        if exchange.deadline is not None and clock.monotonic() + wait >= exchange.deadline:
            return None
        return wait

    def _keep(self, exchange: Exchange, answer: CachedResponse) -> CachedResponse:
        """Keep a GET's answer if it may be kept; a write that worked makes the kept answer to its address old."""
        if exchange.method == 'GET':
            return self._store(exchange, answer)
        if exchange.method != 'HEAD' and answer.status_code < 400:
            self._key(exchange)
            self._guard.invalidate(self.cache, exchange.key)
        return answer

    def _store(self, exchange: Exchange, answer: CachedResponse) -> CachedResponse:
        now = clock.time()
        headers = policy.kept(answer.status_code, answer.headers, self._key(exchange), now)
        if headers is None:
            if answer.status_code == 200 and policy.was_expired(answer.headers, now):
                LOGGER.warning('[%s] returned expired result', answer.url)
                warnings.warn(f'[{answer.url}] returned expired result', stacklevel=6)
            return answer
        kept = answer._replace(headers=headers)
        self._guard.set(self.cache, exchange.key, kept, policy.keep_for(headers, now, self.keep_stale))
        return kept

    # ------------------------------------------------------------------ what comes of an answer

    def _response(self, exchange: Exchange, answer: CachedResponse) -> Response:
        response = Response(exchange.request)
        response.status = answer.status_code
        response.raw = None if exchange.method == 'HEAD' else answer.content
        response.url = answer.url
        response.attempts = exchange.attempts
        response.take_headers(answer.headers)
        response.elapsed = clock.monotonic() - exchange.started
        return response

    def _failed(self, exchange: Exchange, answer: Answer) -> Response:
        """The answer that 1.x made up when there was none."""
        response = self._response(exchange, CachedResponse(*answer[:4]))
        response.failed = True
        response.cause = answer.failure
        return response

    def _check(self, exchange: Exchange, response: Response) -> APIException | None:
        """Warn of what the server warns of; tell what is wrong with the answer."""
        warning = response.warning
        if warning:
            self._warn(exchange, response, warning)
        if not response.raw_body_only and not response.from_cache and not response.not_modified:
            try:
                response.decoded()
                if self.strict:
                    response.check()
            except UndecodableBodyError as error:
                return error
        if response.ok:
            return None
        now = clock.time()
        problem = error_of(response, now, retry.retry_after(response.headers.get('Retry-After'), now))
        problem.__cause__ = response.cause
        return problem

    def _warn(self, exchange: Exchange, response: Response, warning: str) -> None:
        name = exchange.request.operation.id
        if name not in self._warned:
            self._warned.add(name)
            LOGGER.warning('[%s] %s', response.url, warning)
        warnings.warn(f'[{response.url}] {warning}', stacklevel=5)

    def _undecodable(self, exchange: Exchange, error: BadBody) -> UndecodableBodyError:
        return UndecodableBodyError(
            error.answer.url,
            error.answer.status,
            request_param=exchange.request.query,
            response_header=error.answer.headers,
            reason=error.reason,
        )

    def _report(self, exchange: Exchange, answer: Answer, begun: float) -> None:
        """API_CALL_STATS: something went out, and this is what came of it."""
        emit(
            self.signal_api_call_stats,
            {
                'operation': exchange.request.operation.id,
                'method': exchange.method,
                'attempt': exchange.attempts,
                'headers': answer.headers,
            },
            url=answer.url,
            status_code=answer.status,
            elapsed_time=clock.monotonic() - begun,
            message=None if answer.status == 200 else answer.content,
        )

    def _one_of_many(
        self, call: Call, raw_body_only: bool | None, opt: Mapping[str, str] | None, options: Mapping[str, Any]
    ) -> tuple[Call, EsiError | None]:
        """A call of `multi_request`: its pair, and what would have been raised."""
        exchange = self._exchange(call, None, opt, options.get('security', UNSET), options.get('timeout', UNSET))
        try:
            response, error = self._execute(exchange, raw_body_only)
            return (call[0], fill(call, response)), error
        except EsiError as problem:
            failed = Answer(500, {}, failed_body(str(problem)), exchange.request.url)
            response = self._failed(exchange, failed)
            response.cause = problem
            return (call[0], response), problem


#: Headers of the client's session that choose between answers.
_CHOOSING = ('Accept-Language', 'X-Tenant', 'X-Compatibility-Date')

_REQUEST_OPTIONS = ('raw_body_only', 'opt', 'raise_on_error', 'security', 'timeout')
_MULTI_REQUEST_OPTIONS = (*_REQUEST_OPTIONS, 'threads', 'on_result', 'progress')


def _warn_of_unknown(where: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """1.x swallowed what it did not know."""
    known = list(known)
    for name in given:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f', did you mean {nearest[0]!r}?' if nearest else f'; there are {", ".join(known)}'
            warnings.warn(f'{where}: unknown option {name!r}{hint}', stacklevel=4)
