"""ServiceClient: any REST service by a table of endpoints, on the request path of EsiClient and no other.

the table                     spec/endpoints.py
what a call does              client.py, which does all of it
bodies written and read       message/codec.py
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from esipy import clock
from esipy._call.client_options import DEFAULTS
from esipy._documents import fetch
from esipy._message.bind import bind, query_pairs
from esipy._message.codec import Codec, json_decoder
from esipy._message.errors import error_of
from esipy._message.options import UNSET, Timeouts, Unset
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._paging.methods import Call as Pair
from esipy._plugins.base import Plugin
from esipy._runtime.redact import masked
from esipy._runtime.suggest import closest
from esipy._service import config as configuration
from esipy._spec.endpoints import EndpointTable
from esipy._spec.model import Operation
from esipy._spec.table import OpTable
from esipy._version import __version__
from esipy.client import EsiClient
from esipy.exceptions import CallError, SpecError

#: Options of a call that belong to a plugin, and which it is.
_OF_PLUGINS = {
    'tracking_token': 'TrackingToken',
    'tracking_token_prefix': 'TrackingToken',
    'headers_elapsed': 'Elapsed',
    'read_elapsed': 'Elapsed',
    'parse_elapsed': 'Elapsed',
}

#: What EsiClient takes beside its options.
_CLIENT_OPTIONS = frozenset({*DEFAULTS, 'security', 'retry_requests'}) - {'plugins'}


class ServiceClient:
    """A client for a REST service::

        service = ServiceClient(
            spec={'get_user': {'path': '/user/{user_id}'}},
            base_path='https://example.com/api',
            parser=json_decoder,
            serializer=json_encoder,
        )
        service.get_user(user_id=12).data  # or service.call('get_user', user_id=12)

    Options, all by name:

    - `name`: for logs and mocks
    - `spec`: the table of endpoints, a mapping or a file of JSON or YAML; `base_path`: the address that it is below
    - `plugins`: who takes part in every call, in this order (see esipy.plugins)
    - `parser`: makes `data` of the bytes of a body, by default it is those; `serializer`: makes bytes or text of a
      payload, by default it is either of them already
    - `config`: more options, as a mapping
    - `logger`: told of every call; by default `esipy.service.<name>`

    All other options are EsiClient's: cache, retry_requests, timeout, headers, session, security, … `limits` are by
    ESI's rules, and None here; `limits=MemoryLimits()` obeys a 429 and its `Retry-After`. Raises SpecError for a broken
    table, TypeError for an option that is unknown or of the wrong kind. In a `with` block everything is closed at its
    end.
    """

    def __init__(
        self,
        *,
        name: str = 'GenericService',
        spec: Any = None,
        plugins: Iterable[Plugin] | None = None,
        config: Mapping[str, Any] | None = None,
        parser: Callable[..., Any] | None = None,
        serializer: Callable[..., Any] | None = None,
        base_path: str = '',
        logger: logging.Logger | None = None,
        **options: Any,
    ) -> None:
        self.name = name
        self.config = dict(config or {})
        for kind, function in (('parser', parser), ('serializer', serializer)):
            if function is not None and not callable(function):
                raise TypeError(f'ServiceClient: {kind} must be a function, not {type(function).__name__}')
        self.parser = parser
        self.serializer = serializer
        self.logger = logger or logging.getLogger(f'esipy.service.{name}')
        self._codec = Codec(serializer, parser)
        table = _table(spec, base_path)
        self.spec = table.document
        self.base_path = table.base_url
        #: The endpoints, by name. `service.op['get_user'](user_id=12)` makes a call for `service.client`.
        self.op = OpTable(table, self._bind)
        _check_tokens(self.op)
        options = {'limits': None, **self.config, **options}
        _check_options(options)
        headers = {
            'Accept': 'application/json' if parser is json_decoder else '*/*',
            **(options.pop('headers', {}) or {}),
        }
        if 'session' not in options and 'user-agent' not in {name.lower() for name in headers}:
            options.setdefault('user_agent', f'esipy/{__version__}')
        #: What sends the calls: for `multi_request`, `prepare` and whatever else it does.
        self.client = EsiClient(plugins=plugins or (), headers=headers, **options)
        self.client.service = name

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ServiceClient:
        """A client from a plain mapping, as a file of JSON or YAML holds it: see `esipy._service.config.made`."""
        return cls(**configuration.made(config))

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        return self.client.plugins

    def call(
        self,
        endpoint: str,
        payload: Any = None,
        *,
        headers: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: Timeouts | Unset = UNSET,
        security: Any = UNSET,
        raise_on_error: bool = False,
        **options: Any,
    ) -> Response:
        """Call an endpoint and return its answer, from the cache while that is fresh.

        `payload`: the body. `headers` and `params` (the query): beside the endpoint's own and over them; None takes
        one away. `timeout` and `security`: instead of the client's. `options`: path tokens by their names, what the
        plugins take, and query parameters.

        An answer with an error status is returned as any other, with `raise_on_error` its APIException is raised.
        Raises ConnectionFailedError where no answer came, UndecodableBodyError for one that the parser cannot read,
        UnknownOperationError for an endpoint that is not in the table, CallError for arguments that cannot be.
        """
        operation = self.op[endpoint]
        headers = _mapping(operation, 'headers', headers)
        params = _mapping(operation, 'params', params)
        for_plugins = self.client.plugin_options
        told = {'headers': headers, 'params': params, **options}
        arguments = {name: value for name, value in options.items() if name not in for_plugins}
        _check_arguments(operation, arguments)
        pair = operation(payload=payload, **arguments)
        _complete(pair[0], headers, params)
        self.logger.info('[%s] %s %s', endpoint, operation.method, masked(pair[0].url))
        given = {name: value for name, value in told.items() if name in for_plugins}
        given.update(timeout=timeout, security=security, raise_on_error=raise_on_error)
        try:
            response = self.client.request(pair, **given)
            if response.failed:
                raise error_of(response, clock.time())
            return response
        except Exception as error:
            self.logger.warning('[%s] %s', endpoint, error)
            raise

    def _bind(self, operation: Operation, given: dict[str, Any]) -> Pair:
        payload = given.pop('payload', None)  # anything at all: what it becomes is the serializer's business
        request = Request(operation, bind(operation, given))
        request.codec = self._codec
        if payload is not None:
            request._p['body'] = {'payload': payload}
        return request, Response(request)

    def __getattr__(self, name: str) -> Callable[..., Response]:
        op = self.__dict__.get('op')
        if name.startswith('_') or op is None:
            raise AttributeError(name)
        return partial(self.call, op[name].id)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *filter(str.isidentifier, self.op)]

    def close(self) -> None:
        """Close the plugins and all connections."""
        self.client.close()

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'<ServiceClient {self.name}: {len(self.op)} endpoints at {self.base_path or "no address"}>'


def _table(spec: Any, base_path: str) -> EndpointTable:
    """The table, wherever it is. A mapping is one; what a file, an address or a text holds must show that it is."""
    if spec is None or (isinstance(spec, Mapping) and not spec.keys() & {'openapi', 'swagger'}):
        return EndpointTable(spec or {}, base_path or None)
    reader = fetch.load(spec)
    if not isinstance(reader, EndpointTable):
        raise SpecError(f'an API description ({reader.version}), no table of endpoints: that is for App and EsiClient')
    return EndpointTable(reader.document, base_path or None)


def _check_tokens(op: OpTable) -> None:
    """Raise SpecError for a path token that no keyword of `call` can bring."""
    taken = {'self', 'endpoint', 'payload', *(ServiceClient.call.__kwdefaults__ or {})}
    for operation in op.values():
        for token in sorted(taken.intersection(p.name for p in operation.parameters if p.location == 'path')):
            raise SpecError(
                f'endpoint {operation.id!r}: a path token cannot be called {token!r}, as an option of a call'
            )


def _check_options(options: Mapping[str, Any]) -> None:
    for name in options.keys() - _CLIENT_OPTIONS:
        known = [*_CLIENT_OPTIONS, *(ServiceClient.__init__.__kwdefaults__ or {})]
        nearest = closest(name, known)
        hint = f', did you mean {nearest[0]!r}?' if nearest else f'; there are {", ".join(sorted(known))}'
        raise TypeError(f'ServiceClient: unknown option {name!r}{hint}')


def _check_arguments(operation: Operation, arguments: Mapping[str, Any]) -> None:
    """Raise CallError for what would become a query parameter, and cannot be meant as one."""
    known = ServiceClient.call.__kwdefaults__ or {}
    faults = [(name, f'needs the plugin {_OF_PLUGINS[name]}') for name in arguments if name in _OF_PLUGINS]
    for name in arguments.keys() - operation.accepts.keys():
        nearest = closest(name, [*known, *_OF_PLUGINS], cutoff=0.85)
        if nearest and name not in _OF_PLUGINS:
            faults.append((name, f'did you mean {nearest[0]!r}? As a part of the query give it in params'))
    if faults:
        raise CallError(operation.id, faults)


def _mapping(operation: Operation, name: str, value: Any) -> dict[str, Any]:
    """What was given as `headers` or `params`. Raises CallError for what is no mapping."""
    if value is not None and not isinstance(value, Mapping):
        raise CallError(operation.id, [(name, f'names and values are needed, not {type(value).__name__}')])
    return {str(one): item for one, item in (value or {}).items()}


def _complete(request: Request, headers: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """The caller's headers and query, over what the endpoint has."""
    parts = request._p
    kept = [(name, text) for name, text in parts['query'] if name not in params]
    parts['query'] = kept + query_pairs(request.operation, params)
    given = {name.lower() for name in headers}
    parts['header'] = {name: value for name, value in parts['header'].items() if name.lower() not in given}
    parts['header'].update({name: str(value) for name, value in headers.items() if value is not None})
