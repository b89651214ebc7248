"""A table of endpoints, as aio-service-client has them: the only file that knows its field names::

    {'get_users': {'path': '/user'}, 'update_user': {'path': '/user/{user_id}', 'method': 'put'}}

A table has no types: path tokens take any value, the query and the body are open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from esipy._runtime.suggest import closest, enumerated
from esipy._spec.model import OperationKey, ResponseSpec
from esipy._spec.parameter import Parameter, ParameterStyle
from esipy._spec.reader import METHODS, Reader
from esipy._spec.refs import shown, shown_address
from esipy.exceptions import SpecError

#: Where the service is: the one entry of a table that is not an endpoint.
BASE_PATH = 'base_path'

#: The keys of an endpoint, and what each value must be. Keys for plugins of an app begin with `x_`.
KEYS: dict[str, Any] = {
    'path': str,
    'method': str,
    'headers': Mapping,
    'query_params': Mapping,
    'path_tokens': Mapping,
    'timeout': (int, float, list, tuple, type(None)),
    'elapsed': Mapping,
    'logger': Mapping,
    'mock': Mapping,
    'stream_request': bool,
    'stream_response': bool,
}

_TOKEN = re.compile(r'{([^{}]+)}')


def is_endpoint_table(document: Mapping[str, Any]) -> bool:
    """Return whether the content of a document is a table of endpoints."""
    if 'openapi' in document or 'swagger' in document:
        return False
    return any(
        isinstance(entry, Mapping) and any(isinstance(entry.get(key), str) for key in ('path', 'method'))
        for entry in document.values()
    )


class EndpointTable(Reader):
    """A table {name: endpoint}. Raises SpecError, with every fault of every endpoint, for a broken one.

    `base_path`: the address that the paths are below; where it is None, the table's own entry of that name.
    """

    version = 'endpoints'
    has_old_names = False

    def __init__(self, document: Mapping[str, Any], base_path: str | None = None) -> None:
        super().__init__(document)
        base = document.get(BASE_PATH) if base_path is None else base_path
        self.base_url = str(base or '').rstrip('/')
        self._endpoints = {name: entry for name, entry in document.items() if name != BASE_PATH}
        faults = [fault for name, entry in self._endpoints.items() for fault in _faults(name, entry)]
        if re.match(r'[^/]*//[^/]*@', self.base_url):
            faults.append('base_path holds a user and a password; give them in headers, or in a session')
        elif self.base_url and not re.fullmatch(r'https?://[^/?#]+(/[^?#]*)?', self.base_url):
            faults.append(f'base_path {shown_address(base)} is not an address such as https://example.com/api')
        if faults:
            raise SpecError(enumerated(faults, 50, '; ', 500))

    def places(self) -> Iterator[OperationKey]:
        for name, endpoint in self._endpoints.items():
            yield OperationKey(name, endpoint.get('method', 'get').lower(), _path(endpoint), ())

    def has_writes(self, place: OperationKey) -> bool:
        writes = [
            entry.get('method', 'get').lower() for entry in self._endpoints.values() if _path(entry) == place.path
        ]
        return not {'post', 'put', 'patch', 'delete'}.isdisjoint(writes)

    def raw(self, place: OperationKey) -> Mapping[str, Any]:
        return self.endpoint(place)

    def endpoint(self, place: OperationKey) -> Mapping[str, Any]:
        endpoint: Mapping[str, Any] = self._endpoints[place.id]
        return endpoint

    def parameters(self, place: OperationKey) -> list[Parameter]:
        endpoint = self.endpoint(place)
        tokens, query = endpoint.get('path_tokens', {}), endpoint.get('query_params', {})
        return [
            *(self._open(name, 'path', tokens) for name in dict.fromkeys(_TOKEN.findall(place.path))),
            *(self._open(name, 'query', query) for name in query),
            self._open('payload', 'body', {}),
        ]

    def _open(self, name: str, location: str, defaults: Mapping[str, Any]) -> Parameter:
        """A parameter of any type. None is required: what a call does not bring, a plugin may (`PathTokens`)."""
        node = {'default': defaults[name]} if defaults.get(name) is not None else {}
        parameter = Parameter(name, location, self.schema(node), style=ParameterStyle(exploded=True))
        parameter.required = False
        return parameter

    def undeclared(self, name: str) -> Parameter:
        return self._open(name, 'query', {})

    def responses(self, place: OperationKey) -> dict[str, ResponseSpec]:
        return {}

    def security(self, place: OperationKey) -> list[dict[str, list[str]]]:
        return []

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return node


def _faults(name: Any, endpoint: Any) -> Iterator[str]:
    """What is wrong with an endpoint."""
    where = f'endpoint {name!r}'
    if not isinstance(name, str) or not isinstance(endpoint, Mapping):
        yield f'{where} is {shown(endpoint)}, where a mapping with a path belongs'
        return
    if 'path' not in endpoint:
        yield f'{where} has no path'
    for key, value in endpoint.items():
        if key in KEYS and (not isinstance(value, KEYS[key]) or (key == 'timeout' and not _is_timeout(value))):
            yield f'{where}: {key} cannot be {shown(value)}'
        elif key not in KEYS and not str(key).startswith('x_'):
            nearest = closest(key, KEYS)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'there are {", ".join(KEYS)}'
            yield f'{where}: unknown key {key!r}; {hint}'
    method, path = endpoint.get('method', 'get'), endpoint.get('path', '')
    if isinstance(method, str) and method.lower() not in METHODS:
        yield f'{where}: unknown method {method!r}; there are {", ".join(METHODS)}'
    elif endpoint.get('stream_request') is True and str(method).lower() in ('get', 'head'):
        yield f'{where}: stream_request, and {method} sends no body'
    if isinstance(path, str):
        yield from (f'{where}: path {path!r} {fault}' for fault in _faults_of_path(path))
        for token in endpoint.get('path_tokens') or ():
            if token not in _TOKEN.findall(path):
                yield f'{where}: path_tokens has {token!r}, which is not in {path!r}'


def _is_timeout(value: Any) -> bool:
    """Seconds, or a pair of them: to connect, and between bytes."""
    seconds = value if isinstance(value, (list, tuple)) and len(value) == 2 else [value]
    return all(one is None or (type(one) in (int, float) and one > 0) for one in seconds)


def _faults_of_path(path: str) -> Iterator[str]:
    if re.search(r'[{}]', _TOKEN.sub('', path)):
        yield 'has a brace that is not part of a {token}'
    if '?' in path or '#' in path:
        yield 'holds a query; it belongs into query_params'
    if '://' in path:
        yield 'is a whole address; the part before it belongs into base_path'


def _path(endpoint: Mapping[str, Any]) -> str:
    return '/' + str(endpoint['path']).lstrip('/')
