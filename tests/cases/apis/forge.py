"""A forge for source code, with more than a thousand operations (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.cases.apis.words import INTEGER, OCTETS, STRING, json, or_null, path, query, ref

_RESOURCES = [
    'issues',
    'pulls',
    'branches',
    'tags',
    'releases',
    'hooks',
    'keys',
    'labels',
    'milestones',
    'projects',
    'runs',
    'artifacts',
    'secrets',
    'variables',
    'environments',
    'deployments',
    'statuses',
    'checks',
    'comments',
    'events',
    'stargazers',
    'forks',
    'invitations',
    'teams',
    'members',
    'packages',
    'alerts',
    'advisories',
    'rulesets',
    'pages',
    'caches',
    'codespaces',
    'discussions',
    'gists',
    'imports',
    'migrations',
    'notifications',
    'reactions',
    'reviews',
    'runners',
    'sponsors',
    'subscriptions',
    'topics',
    'traffic',
    'views',
    'watchers',
    'workflows',
    'classrooms',
]

_OWNERS: dict[str, tuple[str, list[str]]] = {
    'repos': ('/repos/{owner}/{repo}', ['owner', 'repo']),
    'orgs': ('/orgs/{org}', ['org']),
    'enterprises': ('/enterprises/{org}', ['org']),
    'user': ('/user', []),
}

_FORGE_PARAMETERS: dict[str, Any] = {
    'owner': path('owner'),
    'repo': path('repo'),
    'org': path('org'),
    'id': path('id', {'oneOf': [INTEGER, STRING]}),
    'per_page': query('per_page', {**INTEGER, 'default': 30, 'maximum': 100}),
    'page': query('page', {**INTEGER, 'default': 1}),
    'sort': query('sort', {**STRING, 'enum': ['created', 'updated'], 'default': 'newest'}),
    'labels': query('labels', {'type': 'array', 'items': STRING}, explode=False),
    'accept': {'in': 'header', 'name': 'Accept', 'required': True, 'schema': STRING},
}

_THING: dict[str, Any] = {
    'type': 'object',
    'required': ['id', 'name'],
    'properties': {
        'id': {**INTEGER, 'readOnly': True},
        'name': {**STRING, 'maxLength': 100},
        'private': {'type': 'boolean', 'default': False},
        'owner': or_null(ref('schemas', 'Owner')),
        'parent': ref('schemas', 'Thing'),
        'created_at': or_null({**STRING, 'format': 'date-time', 'readOnly': True}),
        'labels': {'type': 'array', 'items': {'oneOf': [STRING, ref('schemas', 'Label')]}},
        'secret': {**STRING, 'writeOnly': True},
    },
}


def _forge_list(name: str, resource: str, base: list[str]) -> dict[str, Any]:
    names = [*base, 'per_page', 'page', 'sort', *(['labels'] if resource == 'issues' else [])]
    return {
        'operationId': f'{name}/list-{resource}',
        'tags': [resource],
        'parameters': [ref('parameters', one) for one in names],
        'responses': {
            '200': {
                'description': 'OK',
                'headers': {'Link': {'schema': STRING}},
                **json({'type': 'array', 'items': ref('schemas', 'Thing')}),
            },
            '304': {'description': 'Not modified'},
        },
    }


def _forge_write(name: str, verb: str, resource: str, base: list[str], schema: Any) -> dict[str, Any]:
    return {
        'operationId': f'{name}/{verb}-{resource}',
        'tags': [resource],
        'parameters': [ref('parameters', one) for one in base],
        'requestBody': {'required': verb == 'create', **json(schema)},
        'responses': {
            '200': {'description': 'OK', **json(ref('schemas', 'Thing'))},
            '404': ref('responses', 'Gone'),
        },
    }


def _forge_paths(other: str) -> Iterator[tuple[str, Any]]:
    patch = {**_THING, 'required': []}
    for name, (start, base) in _OWNERS.items():
        for resource in _RESOURCES:
            one = [*base, 'id']
            yield (
                f'{start}/{resource}',
                {
                    'get': _forge_list(name, resource, base),
                    'post': _forge_write(name, 'create', resource, base, ref('schemas', 'Thing')),
                },
            )
            yield (
                f'{start}/{resource}/{{id}}',
                {
                    'get': _forge_write(name, 'get', resource, one, {}) | {'requestBody': {}},
                    'patch': _forge_write(name, 'update', resource, one, patch),
                    'put': _forge_write(name, 'replace', resource, one, {'allOf': [ref('schemas', 'Thing'), patch]}),
                    'delete': {
                        'operationId': f'{name}/delete-{resource}',
                        'parameters': [ref('parameters', part) for part in one],
                        'responses': {'204': {'description': 'Gone'}},
                    },
                },
            )
    yield from _forge_oddities(other)


def _forge_oddities(other: str) -> Iterator[tuple[str, Any]]:
    base = [ref('parameters', 'owner'), ref('parameters', 'repo')]
    yield (
        '/repos/{owner}/{repo}/compare/{base}...{head}',
        {
            'parameters': [*base, path('base'), path('head')],
            'get': {'operationId': 'repos/compare', 'responses': {}},
        },
    )
    yield (
        '/repos/{owner}/{repo}/assets/{id}',
        {
            'servers': [{'url': other}],
            'parameters': [*base, ref('parameters', 'id'), ref('parameters', 'accept')],
            'post': {
                'operationId': 'repos/upload-asset',
                'parameters': [query('name', required=True)],
                'requestBody': {'content': {'application/octet-stream': {'schema': OCTETS}}},
                'responses': {'201': {'description': 'Created'}},
            },
            'get': {
                'operationId': 'repos/download',
                'responses': {'200': {'description': '', **json(OCTETS, 'image/png')}},
            },
        },
    )
    yield (
        '/markdown/raw',
        {
            'post': {
                'operationId': 'markdown/render-raw',
                'requestBody': {'content': {'text/plain': {'schema': STRING}, 'text/x-markdown': {'schema': STRING}}},
                'responses': {'200': {'description': 'OK', **json(STRING, 'text/html')}},
            }
        },
    )
    yield (
        '/search/{path}',
        {
            'get': {
                'operationId': 'search/code',
                'parameters': [path('path'), query('path', required=True)],
                'responses': {},
            }
        },
    )
    yield '/broken/external', {'get': {'$ref': 'paths/external.yaml#/get'}}
    yield '/broken/nowhere', {'get': {'operationId': 'broken/nowhere', 'parameters': [ref('parameters', 'absent')]}}
    yield '/legacy#action=list', {'get': {'operationId': 'legacy/list', 'responses': {}}}


def forge(url: str, other: str) -> dict[str, Any]:
    """A forge for source code at `url`, whose files are at `other`."""
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Forge', 'version': '1.1.4'},
        'servers': [{'url': url}],
        'security': [{'bearer': []}, {}],
        'paths': dict(_forge_paths(other)),
        'components': {
            'parameters': _FORGE_PARAMETERS,
            'responses': {'Gone': {'description': '', **json(ref('schemas', 'Error'), 'application/problem+json')}},
            'schemas': {
                'Thing': _THING,
                'Owner': {'allOf': [ref('schemas', 'Named'), {'properties': {'site_admin': {'type': 'boolean'}}}]},
                'Named': {'type': 'object', 'required': ['login'], 'properties': {'login': STRING}},
                'Label': {'type': 'object', 'properties': {'name': STRING, 'color': or_null(STRING)}},
                'Error': {'type': 'object', 'properties': {'message': STRING}},
            },
            'securitySchemes': {'bearer': {'type': 'http', 'scheme': 'bearer'}},
        },
    }


#: Operations of the forge that are refused, and why.
FORGE_REFUSES = {
    'get_broken_external': "reference 'paths/external.yaml#/get' leads out of the document",
    'broken/nowhere': "reference to nothing: '#/components/parameters/absent'",
    'legacy/list': 'has a fragment, which is never sent to a server',
}
