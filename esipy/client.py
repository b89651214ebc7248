"""EsiClient: what an app calls. How a call is executed: `esipy/_call/pipeline.py`, from top to bottom.

one call                     request, head, prepare, request_path     this file
many calls                   multi_request                            _call/batch.py
whole lists, names in bulk   all, records, paginate, sync, names      _paging/methods.py
options                      ClientOptions                            _call/client_options.py
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import requests

from esipy import clock
from esipy._cache import policy
from esipy._cache.memory import DictCache
from esipy._call import batch
from esipy._call.client_options import (
    MULTI_REQUEST_OPTIONS,
    PAGING_OPTIONS,
    REQUEST_OPTIONS,
    limits_of,
    resolved,
)
from esipy._call.negative_cache import NegativeCache
from esipy._call.pipeline import Pipeline
from esipy._call.response_cache import ResponseCache
from esipy._call.signing import has_method
from esipy._http import Transport, make_session
from esipy._limits.base import Budget, Estimate
from esipy._message.call import Pair
from esipy._message.errors import error_of, failed
from esipy._message.exchange import Exchange, SessionState
from esipy._message.options import OPTION_NAMES, UNSET, CallOptions, Timeouts, Unset, checked_signer
from esipy._message.pyswagger import fill_response, to_request, update_pair
from esipy._message.request import Outgoing, Request
from esipy._message.response import Response
from esipy._paging.methods import PagingMethods, bounded
from esipy._plugins.base import CallContext, Outcome
from esipy._plugins.chain import Chain
from esipy._version import __version__
from esipy.events import API_CALL_STATS, advise, advise_of_unknown, unknown_option
from esipy.exceptions import APIException, CallError, TokenError, UndecodableBodyError

if TYPE_CHECKING:
    from typing import Unpack

    from esipy._cache.base import BaseCache
    from esipy._call.client_options import ClientOptions
    from esipy._limits.base import Limits
    from esipy._plugins.base import Plugin

LOGGER = logging.getLogger(__name__)

_USER_AGENT_ADVICE = (
    "Defining a 'User-Agent' header is a good practice, and allows CCP to contact you if required. "
    "To do this, simply add the following when creating the client: headers={'User-Agent':'something'}."
)


class EsiClient(PagingMethods):
    """Executes calls: `client.request(app.op['get_status']())`. Made once, used by any number of threads.

    `security`: an EsiSecurity, or any callable that takes a Request and returns it with the headers it needs.
    `retry_requests`: repeat requests that failed at the server or on the way to it. Options:

    - `headers`: sent with every request; `user_agent`: the header of that name (without one it warns, as 1.x did)
    - `cache`: a BaseCache; None: none; by default a DictCache
    - `timeout`: seconds to connect and between two bytes, a number or a pair; None: wait for ever, no deadline
    - `deadline`: seconds for a whole call, whatever the server does
    - `retries`: attempts in all, with `retry_requests`
    - `raise_on_error`: raise the APIException of an error status in every call, unless the call says otherwise
    - `raw_body_only`: never decode; `no_etag_body`: return a bare 304 where the stored response is still valid
    - `transport_adapter`: an adapter of `requests`; `session`: a whole session of your own
    - `pool_size`: connections that are kept open, which is how many threads can work without making new ones
    - `max_body`: the maximum size of a decompressed body, in bytes
    - `compatibility_date`: 'YYYY-MM-DD', instead of the App's
    - `keep_stale`: seconds for which the cache keeps a stale response for its ETag
    - `stale_if_error`: for how many seconds a stale response is returned when the server is down (`stale`)
    - `signal_api_call_stats`: a Signal of your own instead of API_CALL_STATS
    - `limits`: a MemoryLimits or RedisLimits; by default one MemoryLimits for all clients of the process; None: none
    - `max_wait`: maximum seconds that a call waits for a rate limit, counted from when it is made; if the expected
      wait is longer, it raises LimitedError immediately. By default one window of the limit (at least a minute),
      counted from when the call is at the head of the queue: a queue of any length is served
    - `remember_refusals`: return a 403 or 404 again without asking: for a minute, and twice as long after each one
    - `strict`: a response that differs from its description raises UndecodableBodyError, which says where
    - `app`: an App or EsiApp, for requests that are not made from a call (`request_path`, `names`, `ids`)
    - `check_scopes`: False: a call whose scope the token is known to lack is sent all the same
    - `check_roles`: True: a call that needs a role in the corporation which the character lacks is not sent
      (MissingRoleError). The roles are fetched once, and again when that response has expired, if the token has the
      scope for it; otherwise the call is sent
    - `plugins`: take part in every call, in this order (see esipy.plugins)

    An unknown option warns. In a `with` block the connections are closed at its end.
    """

    headers: dict[str, str]
    cache: BaseCache
    raw_body_only: bool
    signal_api_call_stats: Any
    timeout: Timeouts
    no_etag_body: bool
    session: requests.Session | None
    transport_adapter: Any
    compatibility_date: str | None
    retries: int
    pool_size: int
    user_agent: str | None
    deadline: float | None
    max_body: int
    keep_stale: float
    stale_if_error: float
    strict: bool
    check_scopes: bool
    check_roles: bool
    plugins: tuple[Plugin, ...]
    app: Any
    limits: Limits | None
    max_wait: float | None
    remember_refusals: bool
    raise_on_error: bool

    def __init__(self, security: Any = None, retry_requests: bool = False, **options: Unpack[ClientOptions]) -> None:
        # API_CALL_STATS is looked up now: tests of apps put a mock in its place here.
        chosen = resolved({'signal_api_call_stats': API_CALL_STATS, **options})
        vars(self).update(chosen)
        self.security: Any = checked_signer('EsiClient', security)
        self.retry_requests = retry_requests
        #: The name of the service, for plugins.
        self.service = 'ESI'
        transport = Transport(make_session(self.pool_size, self.transport_adapter, self.session), self.max_body)
        responses = ResponseCache(self.keep_stale, self.stale_if_error, transport)
        self._pipeline = Pipeline(
            transport,
            limits_of(self.limits),
            responses,
            NegativeCache(self.remember_refusals, responses.key),
            self.plugins,
            self.check_roles,
        )
        #: Whether the pipeline belongs to another client (see `as_character`).
        self._is_borrowed = False
        self._set_headers(chosen)

    @property
    def _session(self) -> requests.Session:
        """The session that sends. As in 1.x, an app may replace it."""
        return self._pipeline.transport.session

    @_session.setter
    def _session(self, session: requests.Session) -> None:
        self._pipeline.transport.session = make_session(self.pool_size, None, session)

    def _set_headers(self, options: Mapping[str, Any]) -> None:
        headers = dict(options['headers'] or {})
        if options['user_agent']:
            headers['User-Agent'] = options['user_agent']
        if options['session'] is None and 'user-agent' not in {name.lower() for name in headers}:
            LOGGER.warning(_USER_AGENT_ADVICE)
            advise(_USER_AGENT_ADVICE)
            headers['User-Agent'] = f'esipy/{__version__}'
        self.headers = headers
        self._session.headers.update({'Accept': 'application/json', **headers})

    def request(
        self,
        req_and_resp: Pair,
        raw_body_only: bool | None = None,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool | None = None,
        security: Any = UNSET,
        timeout: Timeouts | Unset = UNSET,
        compatibility_date: Any = None,
        priority: float = 0,
        **options: Any,
    ) -> Response:
        """Execute a call and return its response, from the cache while it is fresh.

        `opt`: {'url_netloc': …, 'url_scheme': …} sends it elsewhere. `raise_on_error`: raise the APIException that
        a status of 400 or more stands for; by default as the client does. A body that is not JSON always raises
        UndecodableBodyError, and a rate limit that would hold the call for longer than `max_wait` a LimitedError.
        `compatibility_date`: the date whose API is called, instead of the client's. `priority`: True, or any number:
        of the calls that wait for a rate limit, those with a higher one go first. `options`: what the client's plugins
        accept, such as `headers` and `params`.
        """
        if options:
            self._advise('request()', options, REQUEST_OPTIONS)
        exchange = self._exchange(
            req_and_resp,
            CallOptions(
                opt=opt,
                security=security,
                timeout=timeout,
                raw_body_only=raw_body_only,
                compatibility_date=compatibility_date,
                priority=priority,
                plugin_options=options,
            ),
        )
        return self._returned(req_and_resp, self._pipeline.execute(exchange), raise_on_error)

    def head(
        self,
        req_and_resp: Pair,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool | None = None,
        security: Any = UNSET,
        timeout: Timeouts | Unset = UNSET,
        compatibility_date: Any = None,
        priority: float = 0,
        **options: Any,
    ) -> Response:
        """Request the headers of a call's response alone. Arguments and errors as in `request`."""
        if options:
            self._advise('head()', options, REQUEST_OPTIONS)
        exchange = self._exchange(
            req_and_resp,
            CallOptions(
                method='HEAD',
                opt=opt,
                security=security,
                timeout=timeout,
                raw_body_only=True,
                compatibility_date=compatibility_date,
                priority=priority,
                plugin_options=options,
            ),
        )
        return self._returned(req_and_resp, self._pipeline.execute(exchange), raise_on_error)

    def _returned(self, call: Pair, outcome: Outcome, raise_on_error: bool | None) -> Response:
        """The Response that the caller gets. Raises the error of an error status, if asked to, and of a body that
        cannot be decoded in any case, as 1.x did."""
        response, error = outcome
        raises = self.raise_on_error if raise_on_error is None else raise_on_error
        if error is not None and (raises or (isinstance(error, UndecodableBodyError) and response.raw is not None)):
            update_pair(call, response)
            raise error
        filled: Response = fill_response(call, response)
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
            fault = 'is not given: create EsiClient(app=EsiApp()) or pass app= to request_path()'
            raise CallError('request_path()', [('app', fault)])
        known = {*REQUEST_OPTIONS, *self.plugin_options}
        options = {name: arguments.pop(name) for name in [*arguments] if name in known}
        return self.request(app.by_path(method, path, **arguments), **options)

    def prepare(
        self,
        req_and_resp: Pair,
        opt: Mapping[str, str] | None = None,
        security: Any = UNSET,
        compatibility_date: Any = None,
        **options: Any,
    ) -> Outgoing:
        """A dry run: return what `request` would send without a cache, as `method`, `url`, `headers` and `body`.

        Nothing is sent, no rate limit is charged and no token is refreshed. Secrets read `***`.
        """
        if options:
            self._advise('prepare()', options, REQUEST_OPTIONS)
        exchange = self._exchange(
            req_and_resp,
            CallOptions(opt=opt, security=security, compatibility_date=compatibility_date, plugin_options=options),
        )
        if self._pipeline.chain is not None:
            self._pipeline.chain.prepare(exchange)
        outgoing = exchange.outgoing()
        signer = exchange.security  # is not called: it might refresh a token
        if signer is not None and (exchange.request._security or not has_method(signer, 'owner_of')):
            outgoing.headers.setdefault('Authorization', '***')
        return self._pipeline.transport.preview(outgoing)

    def multi_request(
        self,
        reqs_and_resps: Iterable[Pair],
        threads: int = 20,
        raw_body_only: bool | None = None,
        opt: Mapping[str, str] | None = None,
        raise_on_error: bool | None = None,
        on_result: Callable[[Request, Response], Any] | None = None,
        progress: Callable[..., Any] | None = None,
        **options: Any,
    ) -> list[Pair]:
        """Execute any number of calls in `threads` (1 to 100) and return (Request, Response) pairs in their order.

        `reqs_and_resps` may be a generator: it is consumed as work proceeds. `on_result(request, response)` is
        called as responses arrive, in this thread, and nothing is kept then: the returned list is empty. `progress` is
        called with the number of calls done, and with that of all calls if it takes two (None for a generator).

        One call that fails never loses the others: all are executed. With `raise_on_error` the first error is raised
        at the end, with the list as its `results`; so is, in any case, an error that is not esipy's (one that a
        security callable of an app raised).
        """
        if options:
            self._advise('multi_request()', options, MULTI_REQUEST_OPTIONS)
        # An app may have a `request` of its own in place of ours, which 1.x called here.
        if getattr(self.request, '__func__', None) is _REQUEST:
            run = partial(self._run_one, chosen=CallOptions.of(options, raw_body_only=raw_body_only, opt=opt))
        else:
            run = partial(self._run_overridden, raw_body_only=raw_body_only, opt=opt, **options)

        raises = self.raise_on_error if raise_on_error is None else raise_on_error
        run_all = partial(batch.execute_all, run, reqs_and_resps, bounded(threads), raises, on_result, progress)
        return self._run_batch('multi_request', '', options, run_all)

    def _run_one(self, call: Pair, chosen: CallOptions) -> batch.Result:
        """Execute one call of `multi_request`."""
        exchange = None
        try:
            exchange = self._exchange(call, chosen)
            response, error = self._pipeline.execute(exchange)
            if isinstance(error, UndecodableBodyError):
                update_pair(call, response)
                raise error
            return (call[0], fill_response(call, response)), error
        except Exception as problem:
            return None if exchange is None else (call[0], failed(exchange, problem)), problem

    def _run_overridden(
        self, call: Pair, raw_body_only: bool | None, opt: Mapping[str, str] | None, **options: Any
    ) -> batch.Result:
        """Execute one call of `multi_request` by an app's own `request`, with the arguments that 1.x passed to it."""
        body_only = self.raw_body_only if raw_body_only is None else raw_body_only
        try:
            response: Any = self.request(call, raw_body_only=body_only, opt=dict(opt or {}), **options)
        except (APIException, TokenError) as problem:
            exchange = self._exchange(call, CallOptions(opt=opt, raw_body_only=raw_body_only))
            return (call[0], failed(exchange, problem)), problem
        except Exception as problem:
            return None, problem
        is_error = isinstance(response, Response) and not response.ok
        return (call[0], response), error_of(response, clock.time()) if is_error else None

    def as_character(self, character_id: int) -> EsiClient:
        """Return this client, signing as a character of its security object's `store`:
        `client.as_character(90000001)`.

        It costs next to nothing, and shares everything that this one has: connections, cache, limits, plugins, and the
        tokens with every other one for that character. Closing it closes nothing. `security=` of a single call still
        wins. Raises UnknownCharacterError.
        """
        if not hasattr(self.security, 'for_character'):
            raise TokenError('as_character() needs EsiClient(EsiSecurity(…, store=…)): the store knows the characters')
        other = copy.copy(self)
        other.security = self.security.for_character(character_id)
        other._is_borrowed = True
        return other

    def budget(self) -> list[Budget]:
        """Return every rate limit that was used, as it stands: what is used, what is left, when it comes back."""
        return list(self._pipeline.limits.budget())

    def estimate(self, calls: Iterable[Pair]) -> Estimate:
        """Return the tokens that calls need, and in how many seconds the last of them can be sent, if no others come
        between and none fails. A call whose response is in the cache, and fresh, needs nothing. Nothing is sent to
        the API; an expired token is refreshed, since it says whose bucket it is."""
        return self._pipeline.limits.estimate(self._to_be_sent(calls))

    def _to_be_sent(self, calls: Iterable[Pair]) -> Iterator[tuple[Exchange, str | None]]:
        """The exchanges of calls that have no fresh response in the cache, and whose they are."""
        pipeline = self._pipeline
        for call in calls:
            exchange = self._exchange(call, CallOptions())
            if pipeline.chain is not None:
                pipeline.chain.prepare(exchange)
            pipeline.signing.identify(exchange)
            stored = pipeline.responses.lookup(exchange)
            if stored is None or not policy.is_fresh(stored.headers, clock.time()):
                if exchange.security is not None and exchange.signed is None:
                    pipeline.signing.sign(exchange)
                yield exchange, pipeline.signing.authorization(exchange)

    def _make_fetcher(self, **options: Any) -> Callable[..., Response]:
        unknown = options.keys() - OPTION_NAMES - self.plugin_options
        if unknown:
            known = [name for name in (*PAGING_OPTIONS, *self.plugin_options) if name not in unknown]
            raise TypeError(unknown_option(min(unknown), known))

        def fetch(request: Request, *, bypass_cache: bool = False, store: bool = True) -> Response:
            chosen = CallOptions.of(
                options,
                raw_body_only=False,
                bypass_cache=bypass_cache,
                store_response=store or not isinstance(self.cache, DictCache),
                resolve_304=True,
            )
            response, error = self._pipeline.execute(self._exchange((request, Response(request)), chosen))
            if error is not None:
                raise error
            return response

        return fetch

    def _vary_context(self) -> Any:
        return self._pipeline.transport.vary_and_authorization()[0], self.compatibility_date

    def _exchange(self, call: Pair, options: CallOptions) -> CallContext:
        """The state of one execution."""
        pipeline = self._pipeline
        session = SessionState(*pipeline.transport.vary_and_authorization())
        exchange = CallContext(to_request(call), options, self, session)
        if pipeline.chain is not None:
            given = options.plugin_options or {}
            if options.timeout is not UNSET:
                given = {**given, 'timeout': options.timeout}
            exchange.begin(self.service, pipeline.transport.secrets, given)
        return exchange

    @property
    def _chain(self) -> Chain | None:
        return self._pipeline.chain

    def _advise(self, where: str, given: Iterable[str], known: Iterable[str]) -> None:
        """Warn of options that neither the client nor a plugin accepts."""
        advise_of_unknown(where, given, (*known, *self.plugin_options))

    def close(self) -> None:
        """Close the plugins and all connections. A later call opens new ones."""
        if self._is_borrowed:
            return
        self._pipeline.background.close()
        try:
            if self._pipeline.chain is not None:
                self._pipeline.chain.close()
        finally:
            self._pipeline.limits.flush()
            self._pipeline.transport.close()

    def __enter__(self) -> EsiClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        parts = [str(self.headers.get('User-Agent') or self._session.headers.get('User-Agent'))]
        if self.security is not None:
            # Not its repr: a callable of an app may hold a token.
            name = getattr(self.security, 'character_name', None)
            parts.append(f'as {name}' if isinstance(name, str) else f'signed by {type(self.security).__name__}')
        parts += [type(self.cache).__name__, 'no limits' if self.limits is None else type(self.limits).__name__]
        count = len(self.plugins)
        parts += [f'{count} plugin{"" if count == 1 else "s"}'] if count else []
        return f'<EsiClient {", ".join(parts)}>'


#: What executes the calls of `multi_request`, unless an app overrides it.
_REQUEST = EsiClient.request
