"""ServiceClient: a client for any REST service that a table of endpoints describes. EsiClient executes its calls.

the table of endpoints        _spec/endpoints.py
executing a call              esipy/client.py
serializer and parser         _message/codec.py
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from esipy import clock
from esipy._call.client_options import DEFAULTS
from esipy._documents import source
from esipy._message.bind import bind, query_pairs
from esipy._message.call import Pair
from esipy._message.codec import Codec, json_decoder
from esipy._message.errors import error_of
from esipy._message.options import UNSET, Timeouts, Unset
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._plugins.base import Plugin
from esipy._runtime.redact import masked_address
from esipy._runtime.suggest import closest
from esipy._service import config as configuration
from esipy._spec.endpoints import EndpointTable
from esipy._spec.model import Operation
from esipy._spec.table import OpTable
from esipy._version import __version__
from esipy.client import EsiClient
from esipy.exceptions import CallError, SpecError

#: The plugins that certain options of a call need.
_OF_PLUGINS = {
    'tracking_token': 'TrackingToken',
    'tracking_token_prefix': 'TrackingToken',
    'headers_elapsed': 'Elapsed',
    'read_elapsed': 'Elapsed',
    'parse_elapsed': 'Elapsed',
}

#: The options that are passed on to EsiClient.
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
    - `spec`: the table of endpoints, a mapping or a file of JSON or YAML; `base_path`: the address that all paths are
      below
    - `plugins`: take part in every call, in this order (see esipy.plugins)
    - `parser`: returns the `data` of a body's bytes; by default `data` is those bytes. `serializer`: returns the bytes
      or text of a payload; by default a payload must be bytes or text
    - `config`: more options, as a mapping
    - `logger`: logs every call; by default `esipy.service.<name>`

    All other options are EsiClient's: cache, retry_requests, timeout, headers, session, security, … `limits` follow
    ESI's rules, and are None here; `limits=MemoryLimits()` obeys a 429 and its `Retry-After`. Raises SpecError for an
    invalid table, TypeError for an option that is unknown or of the wrong type. A `with` block closes everything at
    its end.
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
        self._codec = Codec(serializer, parser, lambda: self.client._session)
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
        #: The EsiClient that executes the calls, for `multi_request`, `prepare` and the like.
        self.client = EsiClient(plugins=plugins or (), headers=headers, **options)
        self.client.service = name

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ServiceClient:
        """A client from a plain mapping, as a file of JSON or YAML holds it: see `esipy._service.config.options_of`."""
        return cls(**configuration.options_of(config))

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins, in the order in which their hooks are called."""
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
        """Call an endpoint and return its response, from the cache while it is fresh.

        `payload`: the body. `headers` and `params` (the query): in addition to the endpoint's own, which they replace;
        None removes one. `timeout` and `security`: instead of the client's. `options`: path tokens by their names,
        options of the plugins, and query parameters.

        A response with an error status is returned like any other; with `raise_on_error` its APIException is raised.
        Raises ConnectionFailedError if there is no response, UndecodableBodyError if the parser cannot decode it,
        UnknownOperationError for an endpoint that is not in the table, CallError for invalid arguments.
        """
        operation = self.op[endpoint]
        headers = _mapping(operation, 'headers', headers)
        params = _mapping(operation, 'params', params)
        for_plugins = self.client.plugin_options
        all_options = {'headers': headers, 'params': params, **options}
        arguments = {name: value for name, value in options.items() if name not in for_plugins}
        _check_arguments(operation, arguments)
        pair = operation(payload=payload, **arguments)
        _complete(pair[0], headers, params)
        self.logger.info('[%s] %s %s', endpoint, operation.method, masked_address(pair[0].url))
        given = {name: value for name, value in all_options.items() if name in for_plugins}
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
        payload = given.pop('payload', None)  # of any type: the serializer decides
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
        return (
            f'<ServiceClient {self.name}: {len(self.op)} endpoints at {masked_address(self.base_path) or "no address"}>'
        )


def _table(spec: Any, base_path: str) -> EndpointTable:
    """Return the table of endpoints: a mapping, or the content of a file, address or text. Raises SpecError for an API
    description."""
    if spec is None or (isinstance(spec, Mapping) and not spec.keys() & {'openapi', 'swagger'}):
        return EndpointTable(spec or {}, base_path or None)
    reader = source.load(spec)
    if not isinstance(reader, EndpointTable):
        reason = 'not a table of endpoints; use it with App and EsiClient'
        raise SpecError(f'this is an API description ({reader.version}), {reason}')
    return EndpointTable(reader.document, base_path or None)


def _check_tokens(op: OpTable) -> None:
    """Raise SpecError for a path token that cannot be given to `call`, because an option has its name."""
    taken = {'self', 'endpoint', 'payload', *(ServiceClient.call.__kwdefaults__ or {})}
    for operation in op.values():
        for token in sorted(taken.intersection(p.name for p in operation.parameters if p.location == 'path')):
            raise SpecError(
                f'endpoint {operation.id!r}: the path token {token!r} has the name of an option of calls: rename it'
            )


def _check_options(options: Mapping[str, Any]) -> None:
    for name in options.keys() - _CLIENT_OPTIONS:
        known = [*_CLIENT_OPTIONS, *(ServiceClient.__init__.__kwdefaults__ or {})]
        nearest = closest(name, known)
        hint = f', did you mean {nearest[0]!r}?' if nearest else f'; there are {", ".join(sorted(known))}'
        raise TypeError(f'ServiceClient: unknown option {name!r}{hint}')


def _check_arguments(operation: Operation, arguments: Mapping[str, Any]) -> None:
    """Raise CallError for an argument that would be sent as a query parameter, but is probably a misspelt option."""
    known = ServiceClient.call.__kwdefaults__ or {}
    faults = [(name, f'needs the plugin {_OF_PLUGINS[name]}') for name in arguments if name in _OF_PLUGINS]
    for name in arguments.keys() - operation.accepts.keys():
        nearest = closest(name, [*known, *_OF_PLUGINS], cutoff=0.85)
        if nearest and name not in _OF_PLUGINS:
            faults.append((name, f'did you mean {nearest[0]!r}? Give a query parameter of this name in params'))
    if faults:
        raise CallError(operation.id, faults)


def _mapping(operation: Operation, name: str, value: Any) -> dict[str, Any]:
    """Return `headers` or `params` as a dict. Raises CallError for a value that is not a mapping."""
    if value is not None and not isinstance(value, Mapping):
        raise CallError(operation.id, [(name, f'must map names to values, but is a {type(value).__name__}')])
    return {str(one): item for one, item in (value or {}).items()}


def _complete(request: Request, headers: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Add the caller's headers and query, which replace those of the endpoint."""
    parts = request._p
    kept = [(name, text) for name, text in parts['query'] if name not in params]
    parts['query'] = kept + query_pairs(request.operation, params)
    given = {name.lower() for name in headers}
    parts['header'] = {name: value for name, value in parts['header'].items() if name.lower() not in given}
    parts['header'].update({name: str(value) for name, value in headers.items() if value is not None})
