"""EsiClient: the conductor. `_perform` tells the life of a call from top to bottom; each step has a file of its own.

what one execution knows       message/exchange.py
whose call it is, signing      security.py, cache/keys.py
what is kept, and how long     cache/answers.py, cache/policy.py
many calls                     lists.py, parallel.py
when to wait                   limits/
sending, and sending again     transport/, retry.py
who else takes part            plugins/base.py
reading the answer             message/response.py, message/failure.py
"""

from __future__ import annotations

import copy
import io
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any, NamedTuple

import requests

from esipy import clock
from esipy._cache import policy
from esipy._cache.base import BaseCache, DummyCache
from esipy._cache.check import check_cache
from esipy._cache.keys import authorization_of, owner_of, owner_of_signed
from esipy._cache.memory import DictCache
from esipy._cache.policy import CachedResponse
from esipy._call import retry
from esipy._call.coalesce import Coalescer
from esipy._call.negative_cache import NegativeCache, Rejection
from esipy._call.response_cache import ResponseCache
from esipy._http import (
    BodyError,
    RawResponse,
    Timeouts,
    Transport,
    TransportError,
    check_options,
    make_session,
    timeout_of,
)
from esipy._http.send import SAFE
from esipy._limits.base import Budget, Estimate, Limits
from esipy._limits.disabled import NoLimits
from esipy._limits.memory import SHARED
from esipy._message.bind import day_of
from esipy._message.errors import error_of, failed, failed_body, kind_of, undecodable, unreadable
from esipy._message.exchange import Exchange
from esipy._message.headers import retry_after
from esipy._message.pyswagger import fill_response, to_request, update_pair
from esipy._message.request import Outgoing, Request
from esipy._message.response import Response
from esipy._paging.methods import Call, Lists, bounded
from esipy._plugins import base as plugins
from esipy._runtime.redact import masked
from esipy._runtime.workers import map_unordered, raise_if_cancelled
from esipy._version import __version__
from esipy.events import API_CALL_STATS, advise, advise_of_unknown, emit, unknown_option
from esipy.exceptions import (
    APIException,
    CallError,
    DowntimeError,
    EsiError,
    LimitedError,
    TokenError,
    UndecodableBodyError,
)
from esipy.progress import counting

LOGGER = logging.getLogger(__name__)

#: Not given, where None means something.
UNSET: Any = object()

#: Where a thread keeps what another one keeps already, and what is no GET's answer.
_NOWHERE = DummyCache()

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
    'stale_if_error': 0.0,
    'strict': False,
    'check_scopes': True,
    'plugins': (),
    'app': None,
    'limits': SHARED,
    'max_wait': None,
    'remember_refusals': False,
}


class SharedResult(NamedTuple):
    """What one thread brought for all who asked for the same."""

    answer: RawResponse
    #: The kept answer that it was asked after.
    asked: CachedResponse | None
    owner: str


class EsiClient(Lists):
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
    - `stale_if_error`: for how many seconds after its end an old answer is given when the server is down (`stale`)
    - `signal_api_call_stats`: a Signal of one's own instead of API_CALL_STATS
    - `limits`: a MemoryLimits or RedisLimits; by default one MemoryLimits for all clients of the process; None: none
    - `max_wait`: seconds that a call waits for a limit at most; a longer wait is a LimitedError at once. By default one
      window of the limit; in `multi_request` that begins when all calls before have had their turn
    - `remember_refusals`: give a 403 or 404 again without asking: for a minute, and twice as long after each one
    - `strict`: an answer that differs from its description raises UndecodableBodyError, which tells how
    - `app`: an App or EsiApp, for what is asked for without a call made of one (`request_path`, `names`, `ids`)
    - `check_scopes`: False: a call whose scope the token is known to lack is sent all the same
    - `plugins`: who else takes part in every call, in this order (see esipy.plugins)

    An unknown option warns. In a `with` block the connections are closed at its end.
    """

    def __init__(self, security: Any = None, retry_requests: bool = False, **options: Any) -> None:
        advise_of_unknown('EsiClient', options, _OPTIONS)
        # Looked up now: tests of apps put a mock in its place here.
        chosen = {**_OPTIONS, 'signal_api_call_stats': API_CALL_STATS, **options}
        check_options('EsiClient', chosen)
        self.security: Any = _signer(security, 'EsiClient')
        self.retry_requests = retry_requests
        self.cache: BaseCache = check_cache(chosen['cache'])
        self.raw_body_only: bool = chosen['raw_body_only']
        self.signal_api_call_stats = chosen['signal_api_call_stats']
        self.timeout: Timeouts = chosen['timeout']
        self.no_etag_body: bool = chosen['no_etag_body']
        date = chosen['compatibility_date']
        self.compatibility_date: str | None = day_of(date, 'EsiClient') if date else None
        self.retries: int = chosen['retries']
        self.pool_size: int = chosen['pool_size']
        self.deadline: float | None = chosen['deadline']
        self.keep_stale: float = chosen['keep_stale']
        self.stale_if_error: float = chosen['stale_if_error'] or 0.0
        self.strict: bool = chosen['strict']
        self.check_scopes: bool = chosen['check_scopes']
        self.limits: Limits | None = chosen['limits']
        self.max_wait: float | None = chosen['max_wait']
        self.remember_refusals: bool = chosen['remember_refusals']
        self.transport_adapter = chosen['transport_adapter']
        self.session = chosen['session']
        self.user_agent: str | None = chosen['user_agent']
        self.max_body: int = chosen['max_body']
        session = make_session(self.pool_size, self.transport_adapter, self.session)
        self._transport = Transport(session, self.max_body)
        self._answers = ResponseCache(self.keep_stale, self.stale_if_error, self._transport.header_digests)
        self._flights: Coalescer[SharedResult] = Coalescer()
        self._limits: Limits | NoLimits = _limits_of(self.limits)
        self._refusals = NegativeCache(self.remember_refusals, self._answers.key)
        self._warned: set[str] = set()
        #: Whether all this belongs to another client (see `as_character`).
        self._is_borrowed = False
        self.plugins = plugins.listed(chosen['plugins'])
        self._chain = plugins.Chain(self.plugins) if self.plugins else None
        self.app: Any = chosen['app']
        #: What is called, for plugins.
        self.service = 'ESI'
        self._set_headers(chosen)

    @property
    def _session(self) -> requests.Session:
        """What sends. As in 1.x, an app may put another one in its place."""
        return self._transport.session

    @_session.setter
    def _session(self, session: requests.Session) -> None:
        self._transport.session = make_session(self.pool_size, None, session)

    def _set_headers(self, chosen: Mapping[str, Any]) -> None:
        headers = dict(chosen['headers'] or {})
        if chosen['user_agent']:
            headers['User-Agent'] = chosen['user_agent']
        if chosen['session'] is None and 'user-agent' not in {name.lower() for name in headers}:
            LOGGER.warning(_USER_AGENT_ADVICE)
            advise(_USER_AGENT_ADVICE)
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
        compatibility_date: Any = None,
        priority: float = 0,
        **options: Any,
    ) -> Response:
        """Execute a call and return its answer, from the cache while that is fresh.

        `opt`: {'url_netloc': …, 'url_scheme': …} sends it elsewhere. `raise_on_error`: raise the APIException that
        a status of 400 or more stands for. A body that is not JSON always raises UndecodableBodyError, and a limit
        that would keep the call for longer than `max_wait` a LimitedError. `compatibility_date`: the day whose API is
        called, instead of the client's. `priority`: True, or any number: where calls wait for a limit, those with
        more go first. `options`: what the client's plugins take, as `headers` and `params`.
        """
        if options:
            self._advise('request()', options, _REQUEST_OPTIONS)
        exchange = self._exchange(
            req_and_resp, None, opt, security, timeout, raw_body_only, options, compatibility_date
        )
        exchange.priority = priority
        response, error = self._execute(exchange)
        if error is not None and (raise_on_error or isinstance(error, UndecodableBodyError)):
            update_pair(req_and_resp, response)
            raise error
        filled: Response = fill_response(req_and_resp, response)
        return filled

    def request_path(self, method: str, path: str, /, *, app: Any = None, **arguments: Any) -> Response:
        """Execute the call of the operation at a method and path::

            client.request_path('GET', '/universe/systems/{system_id}/', system_id=30000142)
            client.request_path('GET', '/characters/12345/', token=token)

        `app`: where to look it up, by default the client's. `arguments`: the operation's, and those of `request`.
        Raises UnknownOperationError with the nearest paths, CallError, and what `request` raises.
        """
        app = self.app if app is None else app
        if app is None:
            raise CallError('request_path()', [('app', 'whose paths? EsiClient(app=EsiApp()), or app= in the call')])
        known = {*_REQUEST_OPTIONS, *self.plugin_options}
        options = {name: arguments.pop(name) for name in [*arguments] if name in known}
        return self.request(app.by_path(method, path, **arguments), **options)

    def prepare(
        self,
        req_and_resp: Call,
        opt: Mapping[str, str] | None = None,
        security: Any = UNSET,
        compatibility_date: Any = None,
        **options: Any,
    ) -> Outgoing:
        """A dry run: what `request` would send if nothing was kept, as `method`, `url`, `headers` and `body`.

        Nothing is sent, no limit is spent and no token is refreshed. What is secret reads `***`.
        """
        if options:
            self._advise('prepare()', options, _REQUEST_OPTIONS)
        exchange = self._exchange(req_and_resp, None, opt, security, UNSET, None, options, compatibility_date)
        if self._chain is not None:
            self._chain.prepare(exchange)
        outgoing = exchange.outgoing()
        signer = exchange.security  # which is not asked: it might refresh
        if signer is not None and (exchange.request._security or not _can(signer, 'owner_of')):
            outgoing.headers.setdefault('Authorization', '***')
        return self._transport.preview(outgoing)

    def head(
        self,
        req_and_resp: Call,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool = False,
        security: Any = UNSET,
        timeout: Timeouts = UNSET,
        compatibility_date: Any = None,
        priority: float = 0,
        **options: Any,
    ) -> Response:
        """Ask for the headers of a call's answer alone. Arguments and errors as in `request`."""
        if options:
            self._advise('head()', options, _REQUEST_OPTIONS)
        exchange = self._exchange(req_and_resp, 'HEAD', opt, security, timeout, True, options, compatibility_date)
        exchange.priority = priority
        response, error = self._execute(exchange)
        if error is not None and raise_on_error:
            update_pair(req_and_resp, response)
            raise error
        filled: Response = fill_response(req_and_resp, response)
        return filled

    def multi_request(
        self,
        reqs_and_resps: Iterable[Call],
        threads: int = 20,
        raw_body_only: bool | None = None,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool = False,
        on_result: Callable[[Request, Response], Any] | None = None,
        progress: Callable[..., Any] | None = None,
        **options: Any,
    ) -> list[Call]:
        """Execute any number of calls in `threads` (1 to 100) and return (Request, Response) pairs in their order.

        `reqs_and_resps` may be a generator: it is consumed as work proceeds. `on_result(request, response)` is
        called as answers come, in this thread, and then nothing is kept: the list returned is empty. `progress` is
        called with the number of calls done, and with that of all calls if it takes two (None for a generator).

        One call that fails never loses the others: all are executed. With `raise_on_error` the first error is raised
        at the end, with the list as its `results`; so is, in any case, what is no error of esipy (one that a
        security callable of an app raised).
        """
        if options:
            self._advise('multi_request()', options, _MULTI_REQUEST_OPTIONS)
        results: dict[int, Call] = {}
        errors: dict[int, Exception] = {}
        total = len(reqs_and_resps) if isinstance(reqs_and_resps, Sized) else None
        told = counting(progress, total) if progress is not None else None

        # An app may have put a `request` of its own in the place of ours, which 1.x called here.
        is_ours = getattr(self.request, '__func__', None) is _REQUEST
        one_of_many = self._one_of_many if is_ours else self._one_of_the_apps

        def run(call: Call) -> tuple[Call | None, Exception | None]:
            return one_of_many(call, raw_body_only, opt, **options)

        def done(index: int, count: int, outcome: tuple[Call | None, Exception | None]) -> None:
            pair, error = outcome
            if error is not None and (raise_on_error or pair is None or not isinstance(error, EsiError)):
                errors[index] = error
            if pair is not None and on_result is not None:
                on_result(*pair)
            elif pair is not None:
                results[index] = pair
            if told is not None:
                told(count)

        map_unordered(run, reqs_and_resps, bounded(threads), done)
        pairs = [results[index] for index in sorted(results)]
        if errors:
            first = errors[min(errors)]
            first.results = pairs  # type: ignore[attr-defined]
            raise first
        return pairs

    def as_character(self, character_id: int) -> EsiClient:
        """This client, signing as a character of its security object's `store`: `client.as_character(90000001)`.

        It costs next to nothing, and shares all that this one has: connections, cache, limits, plugins, and with
        every other one for that character the tokens. Closing it closes nothing. `security=` of a single call still
        wins. Raises UnknownCharacterError.
        """
        if not hasattr(self.security, 'for_character'):
            raise TokenError('as_character() needs EsiClient(EsiSecurity(…, store=…)): the store knows the characters')
        one = copy.copy(self)
        one.security = self.security.for_character(character_id)
        one._is_borrowed = True
        return one

    def budget(self) -> list[Budget]:
        """Every limit that was drawn from, as it stands: what is used, what is left, when it comes back."""
        return list(self._limits.budget())

    def estimate(self, calls: Iterable[Call]) -> Estimate:
        """What calls will need of the limits, and in how many seconds the last of them can be sent, if no others come
        between and none fails. A call whose answer is in the cache, and fresh, needs nothing. Nothing is sent to the
        API; a token that is too old is renewed, for it tells whose bucket it is."""
        return self._limits.estimate(self._expected(calls))

    def _expected(self, calls: Iterable[Call]) -> Iterator[tuple[Exchange, str | None]]:
        """The exchanges of calls that have to be sent, with what each is signed with."""
        for call in calls:
            exchange = self._exchange(call, None, None, UNSET, UNSET, None, {})
            if self._chain is not None:
                self._chain.prepare(exchange)
            self._tell_owner(exchange)
            stored = self._answers.find(self.cache, exchange)
            if stored is None or not policy.is_fresh(stored.headers, clock.time()):
                if exchange.security is not None and exchange.signed is None:
                    self._sign(exchange)
                yield exchange, self._authorization(exchange)

    def _asker(
        self,
        *,
        opt: Mapping[str, str] | None = None,
        security: Any = UNSET,
        timeout: Timeouts = UNSET,
        compatibility_date: Any = None,
        priority: float = 0,
        **options: Any,
    ) -> Callable[..., Response]:
        unknown = options.keys() - self.plugin_options
        if unknown:
            known = [name for name in (*_WALK_OPTIONS, *self.plugin_options) if name not in unknown]
            raise TypeError(unknown_option(min(unknown), known))

        def ask(request: Request, *, anew: bool = False, keep: bool = True) -> Response:
            call = request, Response(request)
            exchange = self._exchange(call, None, opt, security, timeout, False, options, compatibility_date)
            exchange.priority, exchange.is_patient = priority, self.max_wait is None
            exchange.bypass_cache, exchange.store_response, exchange.resolve_304 = (
                anew,
                keep or not isinstance(self.cache, DictCache),
                True,
            )
            response, error = self._execute(exchange)
            if error is not None:
                raise error
            return response

        return ask

    def _said(self) -> Any:
        return self._transport.vary_and_authorization()[0], self.compatibility_date

    def close(self) -> None:
        """Close the plugins and all connections. A call after that opens new ones."""
        if self._is_borrowed:
            return
        try:
            if self._chain is not None:
                self._chain.close()
        finally:
            self._transport.close()

    def __enter__(self) -> EsiClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the life of a call

    def _exchange(
        self,
        call: Call,
        method: str | None,
        opt: Mapping[str, str] | None,
        security: Any,
        timeout: Timeouts,
        raw_body_only: bool | None,
        options: Mapping[str, Any],
        compatibility_date: Any = None,
    ) -> plugins.CallContext:
        request = to_request(call)
        chosen, authorization = self._transport.vary_and_authorization()
        exchange = plugins.CallContext(
            request,
            method,
            opt,
            self.security if security is UNSET else _signer(security, request.operation.id),
            self._timeout_of(request) if timeout is UNSET else timeout_of(request.operation.id, timeout),
            self.raw_body_only if raw_body_only is None else raw_body_only,
            self.deadline,
            self.compatibility_date if compatibility_date is None else day_of(compatibility_date, 'request()'),
            chosen,
            authorization,
        )
        exchange.max_wait = self.max_wait
        if self._chain is not None:
            given = options if timeout is UNSET else {**options, 'timeout': timeout}
            exchange.begin(self.service, self._transport.secrets, given)
        return exchange

    def _timeout_of(self, request: Request) -> Timeouts:
        """What stands beside the endpoint in a table, or the client's own."""
        endpoint = request.operation.endpoint
        nearest = endpoint.get('timeout', self.timeout) if endpoint else self.timeout
        return tuple(nearest) if isinstance(nearest, list) else nearest

    @property
    def plugin_options(self) -> frozenset[str]:
        """What the plugins take as options of a call."""
        return self._chain.call_options if self._chain is not None else frozenset()

    def _advise(self, where: str, given: Iterable[str], known: Iterable[str]) -> None:
        """Warn of options that neither the client nor a plugin knows."""
        advise_of_unknown(where, given, (*known, *self.plugin_options))

    def _execute(self, exchange: plugins.CallContext) -> tuple[Response, APIException | None]:
        """One execution, whole, with the plugins around it."""
        if self._chain is not None:
            return self._chain.call(exchange, self._perform)
        return self._perform(exchange)

    def _perform(self, exchange: plugins.CallContext) -> tuple[Response, APIException | None]:
        """One execution, whole: the answer, and the error that it stands for, if it does."""
        self._tell_owner(exchange)
        landings = self._flights.landings
        stored = self._answers.find(self.cache, exchange)
        if stored is not None and policy.is_fresh(stored.headers, clock.time()):
            response, error = self._take(exchange, stored)
        elif (refusal := self._refusals.find(exchange)) is not None:
            response, error = self._repeat(exchange, refusal)
        elif exchange.method == 'GET' and not exchange.is_streamed:
            response, error = self._fetch(exchange, stored, landings)
        else:
            response, error = self._do(exchange)
        if exchange.warning:
            self._pass_on_warning(response, exchange.warning)
        return response, error

    def _tell_owner(self, exchange: Exchange) -> None:
        """Whose call it is. A security object that can tell without signing saves a refresh for a kept answer."""
        given = authorization_of(exchange.request)
        if given is not None:
            exchange.security = None  # the call brings its own: it is older than the client's and more precise
        security = exchange.security
        owner = security.owner_of(exchange.request) if _can(security, 'owner_of') else None
        if security is not None and owner is None:
            self._sign(exchange)
        else:
            exchange.owner = owner or owner_of(given or exchange.authorization)

    def _sign(self, exchange: Exchange) -> None:
        """Have the request signed, on a copy: every execution starts clean. What was signed says whose it is."""
        if self.check_scopes and _can(exchange.security, 'require_scopes'):
            exchange.security.require_scopes(exchange.request)
        request: Any = exchange.request.copy()
        returned = exchange.security(request)
        # 1.x did not look at what came back: a request is edited in place.
        signed = returned if isinstance(returned, type(request)) else request
        exchange.signed = signed if isinstance(signed, Request) else exchange.request  # pyswagger's: signed in place
        owner = getattr(signed, 'owner', None) or owner_of_signed(exchange.request, signed)
        exchange.authorization = self._transport.vary_and_authorization()[1]  # an app may sign by its session
        exchange.owner = owner or owner_of(exchange.authorization)

    def _take(self, exchange: Exchange, stored: CachedResponse) -> tuple[Response, APIException | None]:
        """A kept answer that is still good."""
        response = exchange.response_of(*stored)
        response.from_cache = True
        if policy.UNREAD in stored.headers and not exchange.raw_body_only:
            return response, unreadable(response, self.strict, clock.time())
        return response, None

    def _repeat(self, exchange: Exchange, refusal: Rejection) -> tuple[Response, APIException | None]:
        """A refusal that is remembered, without asking for it again."""
        response, error = self._receive(exchange, refusal.answer, None, _NOWHERE)
        response.from_cache = response.remembered = True
        if error is not None:
            error.add_note(f'remembered: not asked again for {refusal.until - clock.time():.0f} s')
        return response, error

    def _fetch(
        self, exchange: plugins.CallContext, stored: CachedResponse | None, landings: int
    ) -> tuple[Response, APIException | None]:
        """Ask the server. The same GET of several threads at once is sent by one of them, unless it turns out to be
        somebody else's. `stored`: what was kept when so many flights had landed."""
        with self._flights.board(self._answers.key(exchange), exchange.timeout, exchange.deadline, exchange) as flight:
            if flight.result is not None and flight.result.owner == exchange.owner:
                return self._receive(exchange, flight.result.answer, flight.result.asked, _NOWHERE)
            if exchange.deadline is not None:
                exchange.deadline += flight.waited  # for one that had to wait for a limit
            if self._flights.landings != landings:  # perhaps this very call's, between looking and boarding
                stored = self._answers.find(self.cache, exchange)
                if stored is not None and policy.is_fresh(stored.headers, clock.time()):
                    return self._take(exchange, stored)
            answer, asked = self._attempts(exchange, stored)
            flight.land(SharedResult(answer, asked, exchange.owner))
            outcome = self._receive(exchange, answer, asked, self.cache if exchange.store_response else _NOWHERE)
            if flight.outdated:
                self._answers.forget(self.cache, exchange)
            return outcome

    def _do(self, exchange: plugins.CallContext) -> tuple[Response, APIException | None]:
        """A write, which makes the kept answer to its address old, a HEAD, and what is read while it comes."""
        answer, _ = self._attempts(exchange, None)
        # One that was cut off may have been done.
        lost = isinstance(answer.failure, TransportError) and not answer.failure.unsent
        if exchange.method not in SAFE and (answer.status < 400 or lost):
            self._flights.outdate(self._answers.key(exchange))
            self._answers.forget(self.cache, exchange)
        return self._receive(exchange, answer, None, _NOWHERE)

    def _attempts(
        self, exchange: plugins.CallContext, stored: CachedResponse | None
    ) -> tuple[RawResponse, CachedResponse | None]:
        """Send, and send again as far as `retry` allows: the last answer, and the kept one that it was asked after."""
        answer: RawResponse | None = None
        while True:
            if exchange.security is not None and exchange.signed is None:
                owner = exchange.owner
                self._sign(exchange)
                if exchange.owner != owner:
                    stored = self._answers.find(self.cache, exchange)  # another's token by now: not what was found
            try:
                answer = self._attempt(exchange, stored)
            except LimitedError:
                if answer is None:
                    raise
                return answer, stored  # the refusal that would have been waited out, had it not been for so long
            if answer.status == 401 and self._has_another_token(exchange):
                continue
            wait = self._pause(exchange, answer)
            if wait is None:
                return answer, stored
            LOGGER.warning(
                '[failure #%d] %r %d: again in %.2f s', exchange.attempts, exchange.request, answer.status, wait
            )
            clock.sleep(wait)
            exchange.signed = None  # its token may have expired meanwhile

    def _has_another_token(self, exchange: Exchange) -> bool:
        """After a 401, which did nothing: whether the security object has got a token to try once more with."""
        signed, exchange.signed = exchange.signed, None
        if exchange.token_refreshed or signed is None or not _can(exchange.security, 'refused'):
            return False
        if exchange.request.is_streamed:
            return False  # its body is gone
        exchange.token_refreshed = True
        return bool(exchange.security.refused(signed))

    def _attempt(self, exchange: plugins.CallContext, stored: CachedResponse | None) -> RawResponse:
        """One attempt, when the limits allow it."""
        with self._limits.reservation(exchange, self._authorization(exchange)) as reservation:
            if reservation.has_waited and exchange.signed is not None:
                self._sign(exchange)  # the token may have expired meanwhile
            exchange.attempts += 1
            exchange.attempt_elapsed = None
            answer = self._send(exchange, stored)
            reservation.settle(answer, sent=exchange.attempt_elapsed is not None)
        self._refusals.note(exchange, answer)
        return answer

    def _authorization(self, exchange: Exchange) -> str | None:
        """What an attempt is signed with, or what else tells whose it is."""
        if not exchange.owner:
            return None
        given = authorization_of(exchange.signed or exchange.request)
        return given or exchange.authorization or exchange.owner

    def _send(self, exchange: plugins.CallContext, stored: CachedResponse | None) -> RawResponse:
        """Send once, with the plugins around it, and tell so by the signal."""
        outgoing = exchange.outgoing()
        if stored is not None:
            outgoing.headers.update(policy.validators(stored.headers))
        if self._chain is not None:
            answer = self._chain.attempt(exchange, outgoing, self._deliver)
        else:
            answer = self._deliver(exchange, outgoing)
        if exchange.attempt_elapsed is not None:
            self._report(exchange, answer, exchange.attempt_elapsed)
        return answer

    def _deliver(self, exchange: Exchange, outgoing: Outgoing) -> RawResponse:
        """Bytes on the wire, and what came of it."""
        raise_if_cancelled()
        begun = clock.monotonic()
        try:
            return self._transport.send(
                outgoing, outgoing.headers, exchange.timeout, exchange.deadline, streamed=exchange.is_streamed
            )
        except TransportError as error:
            failure = error.with_traceback(None)
            body = failed_body(failure.reason)
            return RawResponse(500, {}, body, masked(outgoing.url), failure, lost=failure.lost)
        except BodyError as error:
            return error.answer._replace(failure=error.with_traceback(None))
        finally:
            exchange.attempt_elapsed = clock.monotonic() - begun

    def _report(self, exchange: Exchange, answer: RawResponse, took: float) -> None:
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
            elapsed_time=took,
            message=None if answer.status == 200 else answer.content,
        )

    def _pause(self, exchange: Exchange, answer: RawResponse) -> float | None:
        """Seconds until the next attempt; None if there is none. What was read while it was sent is sent once.

        What a limit refused is sent once more in any case, when the limits allow it; while the server is down for the
        day it is not asked again and again.
        """
        if answer.status < 400 or exchange.request.is_streamed:
            return None
        now = clock.time()
        told = retry_after(policy.lower(answer.headers), now)
        if exchange.rejections and answer.status in (420, 429, 520):
            again = exchange.rejections == 1 or (self.retry_requests and exchange.attempts < self.retries)
            return 0.0 if again else None
        if kind_of(answer.status, now, told) is DowntimeError:
            return None
        if not self.retry_requests or exchange.attempts >= self.retries or not retry.may_repeat(exchange, answer):
            return None
        wait = retry.pause(exchange.attempts, told, random.uniform(-1, 1))
        in_time = exchange.deadline is None or clock.monotonic() + wait < exchange.deadline
        return wait if in_time else None

    def _receive(
        self, exchange: Exchange, answer: RawResponse, stored: CachedResponse | None, cache: BaseCache
    ) -> tuple[Response, APIException | None]:
        """Read what came, and keep it in `cache` if it is any good. `stored`: the kept answer that it was asked
        after."""
        if stored is not None and policy.may_stand_in(stored.headers, answer.status, clock.time(), self.stale_if_error):
            response, error = self._take(exchange, stored)
            response.from_cache, response.stale = False, True
            return response, error
        came = CachedResponse(*answer[:4])
        if answer.status == 304 and stored is not None:
            kept = self._answers.renew(cache, exchange, stored, answer.headers)
            response = exchange.response_of(*(came if self.no_etag_body and not exchange.resolve_304 else kept))
            response.not_modified = True
            return response, None
        response = exchange.response_of(*came)
        response.not_modified = answer.status == 304 and policy.is_conditional(exchange.request._p['header'])
        if exchange.is_streamed and response.ok:
            response.stream = answer.stream or io.BytesIO(answer.content)  # a plugin's answer is there already
        if isinstance(answer.failure, TransportError):
            response.failed, response.cause = True, answer.failure
            return response, error_of(response, clock.time())
        if answer.failure is not None:
            return response, undecodable(response, answer.failure.reason)
        error = None if exchange.raw_body_only else unreadable(response, self.strict, clock.time())
        if error is None:
            kept = self._answers.keep(cache, exchange, came, read=not exchange.raw_body_only)
            response.take_headers(kept.headers)
        return response, error or (None if response.ok else error_of(response, clock.time()))

    def _pass_on_warning(self, response: Response, warning: str) -> None:
        """What the server announces: in the log once for each operation, as a warning each time."""
        name = response.operation.id
        if name not in self._warned:
            self._warned.add(name)
            LOGGER.warning('[%s] %s', response.url, warning)
        advise(f'[{response.url}] {warning}')

    def _one_of_many(
        self,
        call: Call,
        raw_body_only: bool | None,
        opt: Mapping[str, str] | None,
        security: Any = UNSET,
        timeout: Timeouts = UNSET,
        compatibility_date: Any = None,
        priority: float = 0,
        **options: Any,
    ) -> tuple[Call | None, Exception | None]:
        """A call of `multi_request`: its pair, and what would have been raised."""
        exchange = None
        try:
            exchange = self._exchange(call, None, opt, security, timeout, raw_body_only, options, compatibility_date)
            exchange.priority, exchange.is_patient = priority, self.max_wait is None
            response, error = self._execute(exchange)
            if isinstance(error, UndecodableBodyError):
                update_pair(call, response)
                raise error
            return (call[0], fill_response(call, response)), error
        except Exception as problem:
            return None if exchange is None else (call[0], failed(exchange, problem)), problem

    def _one_of_the_apps(
        self, call: Call, raw_body_only: bool | None, opt: Mapping[str, str] | None, **options: Any
    ) -> tuple[Call | None, Exception | None]:
        """The same by an app's own `request`, with the arguments that 1.x gave it."""
        body_only = self.raw_body_only if raw_body_only is None else raw_body_only
        try:
            response: Any = self.request(call, raw_body_only=body_only, opt=dict(opt or {}), **options)
        except (APIException, TokenError) as problem:
            exchange = self._exchange(call, None, opt, UNSET, UNSET, raw_body_only, {})
            return (call[0], failed(exchange, problem)), problem
        except Exception as problem:
            return None, problem
        refused = isinstance(response, Response) and not response.ok
        return (call[0], response), error_of(response, clock.time()) if refused else None


#: What executes the calls of `multi_request`, unless an app does it otherwise.
_REQUEST = EsiClient.request


def _signer(security: Any, where: str) -> Any:
    """What signs; None for False and the like, which 1.x did not call either. Raises TypeError for what cannot."""
    if security and not callable(security):
        raise TypeError(f'{where}: security must be an EsiSecurity or a function, not {type(security).__name__}')
    return security or None


def _can(security: Any, name: str) -> bool:
    """Whether a security object has a method of ours. A mock in its place says so of everything; its class does not."""
    return hasattr(type(security), name)


_REQUEST_OPTIONS = ('raw_body_only', 'opt', 'raise_on_error', 'security', 'timeout', 'priority', 'compatibility_date')
#: What the walks take, nearly all of them.
_WALK_OPTIONS = ('threads', 'progress', 'max_pages', 'opt', 'security', 'timeout', 'priority', 'compatibility_date')
_MULTI_REQUEST_OPTIONS = (*_REQUEST_OPTIONS, 'threads', 'on_result', 'progress')


def _limits_of(chosen: Any) -> Limits | NoLimits:
    """The limits that a client was given. Raises TypeError for what is none."""
    if chosen is None:
        return NoLimits()
    if not isinstance(chosen, Limits):
        raise TypeError(f'limits must be a MemoryLimits, a RedisLimits or None, not {type(chosen).__name__}')
    return chosen
