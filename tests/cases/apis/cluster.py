"""A cluster of containers (Swagger 2.0)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json']
_STRINGS: dict[str, Any] = {'type': 'array', 'items': {'type': 'string'}}
_PRETTY = {'in': 'query', 'name': 'pretty', 'type': 'string', 'uniqueItems': True}


def _cluster_paths() -> Iterator[tuple[str, Any]]:
    thing = {'$ref': '#/definitions/Thing'}
    response = {'200': {'description': 'OK', 'schema': thing}, '401': {'description': 'Unauthorized'}}
    body = {'in': 'body', 'name': 'body', 'required': True, 'schema': thing}
    patch = {'in': 'body', 'name': 'body', 'required': True, 'schema': {'type': 'object'}}
    parts = ('name', 'namespace', 'path')
    names = {name: {'in': 'path', 'name': name, 'type': 'string', 'required': True} for name in parts}
    for kind in ('pods', 'services', 'secrets', 'nodes', 'jobs', 'events', 'leases', 'endpoints'):
        path = f'/api/v1/namespaces/{{namespace}}/{kind}'
        watch = {'in': 'query', 'name': 'watch', 'type': 'boolean'}
        limit = {'in': 'query', 'name': 'limit', 'type': 'integer', 'x-nullable': True}
        names_of = {'in': 'query', 'name': 'names', **_STRINGS, 'collectionFormat': 'multi'}
        title = kind.title()
        yield (
            path,
            {
                'parameters': [names['namespace'], _PRETTY],
                'get': {'operationId': f'list{title}', 'parameters': [watch, limit, names_of], 'responses': response},
                'post': {
                    'operationId': f'create{title}',
                    'consumes': ['*/*'],
                    'parameters': [body],
                    'responses': response,
                },
            },
        )
        yield (
            f'{path}/{{name}}',
            {
                'parameters': [names['namespace'], names['name'], _PRETTY],
                'get': {'operationId': f'read{title}', 'responses': response},
                'patch': {
                    'operationId': f'patch{title}',
                    'consumes': _PATCHES,
                    'parameters': [patch],
                    'responses': response,
                },
                'delete': {'operationId': f'delete{title}', 'responses': response},
            },
        )
    yield (
        '/api/v1/namespaces/{namespace}/pods/{name}/log',
        {
            'parameters': [names['namespace'], names['name']],
            'get': {
                'operationId': 'readPodLog',
                'produces': ['text/plain'],
                'responses': {'200': {'description': 'OK', 'schema': {'type': 'string'}}},
            },
        },
    )
    yield (
        '/api/v1/proxy/{path}',
        {
            'parameters': [names['path'], {'in': 'query', 'name': 'path', 'type': 'string'}],
            'put': {'operationId': 'proxyPut', 'consumes': ['*/*'], 'produces': ['*/*'], 'responses': response},
        },
    )
    fields = [
        {'in': 'formData', 'name': 'file', 'type': 'file', 'required': True},
        {'in': 'formData', 'name': 'tags', **_STRINGS, 'collectionFormat': 'multi'},
    ]
    upload = {'operationId': 'upload', 'consumes': ['multipart/form-data'], 'parameters': fields, 'responses': response}
    yield '/upload', {'post': upload}
    yield (
        '/login',
        {
            'post': {
                'operationId': 'login',
                'consumes': ['application/x-www-form-urlencoded'],
                'parameters': [{'in': 'formData', 'name': 'user', 'type': 'string', 'required': True}],
                'security': [{'basic': []}],
                'responses': response,
            }
        },
    )
    odd = {'in': 'matrix', 'name': 'x', 'type': 'string'}
    yield '/odd', {'get': {'operationId': 'odd', 'parameters': [odd], 'responses': {}}}


def cluster(url: str, other: str) -> dict[str, Any]:
    """A cluster of containers at `url`."""
    return {
        'swagger': '2.0',
        'info': {'title': 'Cluster', 'version': 'v1.30'},
        'host': url.partition('://')[2],
        'schemes': ['http'],
        'paths': dict(_cluster_paths()),
        'definitions': {
            'Thing': {
                'type': 'object',
                'properties': {
                    'kind': {'type': 'string'},
                    'metadata': {'$ref': '#/definitions/Meta'},
                    'status': {'$ref': '#/definitions/Thing', 'readOnly': True},
                    'ports': {**_STRINGS, 'x-nullable': True},
                },
            },
            'Meta': {'type': 'object', 'additionalProperties': {'type': 'string'}},
        },
        'securityDefinitions': {
            'token': {'type': 'apiKey', 'in': 'header', 'name': 'authorization'},
            'basic': {'type': 'basic'},
        },
        'security': [{'token': []}],
    }


CLUSTER_REFUSES = {'odd': "there is no location 'matrix' in Swagger 2.0"}
