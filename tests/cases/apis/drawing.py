"""Three descriptions of other APIs, made with the constructs of real ones, and arguments for their operations.

What is drawn is drawn by the document alone, so that it judges esipy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from tests.cases.apis.cluster import CLUSTER_REFUSES, cluster
from tests.cases.apis.forge import FORGE_REFUSES, forge
from tests.cases.apis.payments import PAYMENTS_REFUSES, payments


class Api(NamedTuple):
    make: Callable[[str, str], dict[str, Any]]
    #: Operations that cannot be called, and what the error says.
    refuses: dict[str, str]
    at_least: int


APIS = {
    'forge': Api(forge, FORGE_REFUSES, 1001),
    'payments': Api(payments, PAYMENTS_REFUSES, 30),
    'cluster': Api(cluster, CLUSTER_REFUSES, 40),
}


# ---------------------------------------------------------------------- arguments


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Method, path, name and required arguments of each operation, as the document has them."""
    for path, item in document['paths'].items():
        for method in ('get', 'put', 'post', 'delete', 'patch'):
            if method in item:
                node = item[method]
                name = node.get('operationId') or re.sub(r'\W', '_', f'{method}{path}')
                yield method, path, name, arguments(document, path, [item, node])


def arguments(document: Mapping[str, Any], path: str, owners: list[Mapping[str, Any]]) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for owner in owners:
        for entry in owner.get('parameters', ()):
            node = follow(document, entry)
            ignored = node.get('in') == 'header' and node['name'] in ('Accept', 'Authorization')
            if node.get('required') and not ignored:
                schema = node.get('schema') or next(iter(node.get('content', {}).values()), {}).get('schema') or node  # type: ignore[call-overload]
                name = f'query_{node["name"]}' if node['in'] == 'query' and node['name'] in drawn else node['name']
                drawn[name] = value(document, schema)
        content = follow(document, owner.get('requestBody', {})).get('content')
        if content:
            drawn['body'] = value(document, next(iter(content.values())).get('schema', {}))
    return drawn


def follow(document: Mapping[str, Any], node: Any) -> Any:
    while '$ref' in node:
        target: Any = document
        for part in node['$ref'].removeprefix('#/').split('/'):
            target = target.get(unquote(part).replace('~1', '/'), {})
        node = target
    return node


def value(document: Mapping[str, Any], schema: Any) -> Any:
    """The least value that fits a schema."""
    schema = follow(document, schema)
    if 'enum' in schema:
        return schema['enum'][0]
    for word in ('oneOf', 'anyOf'):
        if word in schema:
            return value(document, schema[word][0])
    if 'allOf' in schema:
        parts = [value(document, part) for part in schema['allOf']]
        return {name: item for part in parts for name, item in part.items()}
    kind = schema.get('type', 'object' if 'properties' in schema else 'any')
    if kind == 'object':
        required = schema.get('required', ())
        fields = schema.get('properties', {}).items()
        wanted = [(name, field) for name, field in fields if name in required and not field.get('readOnly')]
        return {name: value(document, field) for name, field in wanted}
    if kind == 'array':
        return [value(document, schema['items'])]
    if schema.get('format') == 'binary' or kind == 'file':
        return b'\x00\xff'
    return {'integer': 7, 'number': 2.5, 'boolean': True, 'string': 'text'}.get(kind, {})
