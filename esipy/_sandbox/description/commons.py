"""What the operations of the description share: types, parameters, headers, and how an operation is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Node = dict[str, Any]
#: Method, path, operation.
Entry = tuple[str, str, Node]
Operations = Iterator[Entry]

LANGUAGES = ['en', 'de', 'fr', 'ja', 'ru', 'zh', 'ko', 'es']

INTEGER: Node = {'type': 'integer', 'format': 'int64'}
NUMBER: Node = {'type': 'number', 'format': 'double'}
TEXT: Node = {'type': 'string'}
TIME: Node = {'type': 'string', 'format': 'date-time'}
FLAG: Node = {'type': 'boolean'}

#: The types that many operations speak of, with an example of each.
_IDS = {
    'AllianceID': 99000001,
    'CharacterID': 90000001,
    'CorporationID': 98000001,
    'FactionID': 500001,
    'RegionID': 10000002,
    'SolarSystemID': 30000142,
    'StationID': 60003760,
    'TypeID': 34,
}

_EVERYWHERE = ('AcceptLanguage', 'IfNoneMatch', 'CompatibilityDate', 'Tenant', 'IfModifiedSince')


def ref(kind: str, name: str) -> Node:
    return {'$ref': f'#/components/{kind}/{name}'}


def known(name: str) -> Node:
    """A type of the components: known('CharacterID')."""
    return ref('schemas', name)


def choice(*values: Any, **more: Any) -> Node:
    return {'type': 'string', 'enum': list(values), **more}


def array(items: Node, **more: Any) -> Node:
    return {'type': 'array', 'items': items, **more}


def record(required: Mapping[str, Node], optional: Mapping[str, Node] | None = None, **more: Any) -> Node:
    """An object: the fields it always has, and those it may have."""
    properties = {**required, **(optional or {})}
    return {'type': 'object', 'required': list(required), 'properties': dict(sorted(properties.items())), **more}


def page() -> Node:
    return query('page', {'type': 'integer', 'format': 'int32', 'minimum': 1}, 'Which page of the list, from 1.')


def query(name: str, schema: Node, description: str, *, required: bool = False, **more: Any) -> Node:
    node = {'name': name, 'in': 'query', 'schema': schema, 'description': description, **more}
    return {**node, 'required': True} if required else node


def cursor() -> list[Node]:
    """The parameters of a walk by cursor."""
    limit = {'type': 'integer', 'format': 'int64', 'minimum': 10, 'maximum': 100, 'default': 10}
    return [
        query('after', TEXT, "Records that changed after this cursor; '0' is the beginning.", explode=False),
        query('before', TEXT, "Records that changed before this cursor; '0' is the end.", explode=False),
        query('limit', limit, 'How many records one answer holds.', explode=False),
    ]


def operation(
    method: str,
    path: str,
    summary: str,
    answer: Node | None,
    *,
    id: str,
    tag: str,
    group: str = '',
    tokens: int = 600,
    cache: int | None = None,
    scope: str = '',
    roles: Sequence[str] = (),
    parameters: Sequence[Node] = (),
    types: Mapping[str, Node] | None = None,
    body: Node | None = None,
    since: str = '2020-01-01',
    pages: bool = False,
    walk: str = '',
    description: str = '',
) -> Entry:
    """One operation. `types`: of the path's placeholders, where they are no plain number."""
    status = '204' if answer is None else '201' if method == 'post' and scope else '200'
    node: Node = {
        'operationId': id,
        'summary': summary,
        'description': description or f'{summary}.',
        'tags': [tag],
        'parameters': [
            *(_placeholder(name, (types or {}).get(name)) for name in _placeholders(path)),
            *([page()] if pages else []),
            *parameters,
            *(ref('parameters', name) for name in _EVERYWHERE),
        ],
        'responses': {
            status: _answer(answer, pages=pages),
            **({'304': {'description': 'Not modified'}} if method == 'get' else {}),
            'default': _error(),
        },
        'x-compatibility-date': since,
    }
    if body is not None:
        node['requestBody'] = {'required': True, 'content': {'application/json': {'schema': body}}}
    if scope:
        node['security'] = [{'OAuth2': [scope]}]
    extensions = {
        'x-rate-limit': {'group': group, 'max-tokens': tokens, 'window-size': '15m'} if group else None,
        'x-cache-age': cache,
        'x-client-cache-ttl': cache,
        'x-required-roles': list(roles) or None,
        'x-pagination': walk or None,
    }
    return method, path, {**node, **{name: value for name, value in extensions.items() if value is not None}}


def _placeholders(path: str) -> list[str]:
    return [part.strip('{}') for part in path.split('/') if part.startswith('{')]


def _placeholder(name: str, schema: Node | None) -> Node:
    own = ''.join(word.title() for word in name.removesuffix('_id').split('_')) + 'ID'
    own = {'SystemID': 'SolarSystemID', 'OriginSystemID': 'SolarSystemID', 'DestinationSystemID': 'SolarSystemID'}.get(
        own, own
    )
    schema = schema or (known(own) if own in _IDS else INTEGER)
    return {'name': name, 'in': 'path', 'required': True, 'schema': schema, 'description': f'Which {_words(name)}.'}


def _words(name: str) -> str:
    return name.removesuffix('_id').replace('_', ' ')


def _answer(schema: Node | None, *, pages: bool) -> Node:
    if schema is None:
        return {'description': 'Done'}
    headers = {
        'Cache-Control': ref('headers', 'CacheControl'),
        'ETag': ref('headers', 'ETag'),
        'Last-Modified': ref('headers', 'LastModified'),
    }
    if pages:
        headers['X-Pages'] = {'description': 'How many pages there are.', 'schema': INTEGER}
    return {'description': 'OK', 'headers': headers, 'content': {'application/json': {'schema': schema}}}


def _error() -> Node:
    return {'description': 'Error', 'content': {'application/json': {'schema': known('Error')}}}


def components(date: str, paths: Mapping[str, Mapping[str, Node]]) -> Node:
    """The components, with the scopes that the operations name."""
    needs = (need for item in paths.values() for node in item.values() for need in node.get('security', ()))
    scopes = sorted({scope for need in needs for scope in need['OAuth2']})
    return {
        'schemas': _schemas(),
        'parameters': _parameters(date),
        'headers': {
            'CacheControl': {'description': 'For how long the answer is fresh.', 'schema': TEXT},
            'ETag': {'description': 'Names this version of the body.', 'schema': TEXT},
            'LastModified': {'description': 'When the data last changed.', 'schema': TEXT},
        },
        'securitySchemes': {
            'OAuth2': {
                'type': 'oauth2',
                'flows': {
                    'authorizationCode': {
                        'authorizationUrl': 'https://login.eveonline.com/v2/oauth/authorize',
                        'tokenUrl': 'https://login.eveonline.com/v2/oauth/token',
                        'scopes': {scope: scope for scope in scopes},
                    }
                },
            }
        },
    }


def _schemas() -> Node:
    detail = record({}, {'location': TEXT, 'message': TEXT, 'value': {'description': 'What stands there.'}})
    return {
        **{name: {**INTEGER, 'examples': [example]} for name, example in _IDS.items()},
        'UUID': {'type': 'string', 'format': 'uuid'},
        'Cursor': record(
            {},
            {
                'after': {**TEXT, 'description': 'Goes on towards the newest.'},
                'before': {**TEXT, 'description': 'Goes on towards the oldest.'},
            },
        ),
        'Error': record({'error': TEXT}, {'details': array(known('ErrorDetail')), 'status': INTEGER}),
        'ErrorDetail': detail,
    }


def _parameters(date: str) -> Node:
    def header(name: str, schema: Node, description: str, **more: Any) -> Node:
        return {'name': name, 'in': 'header', 'schema': schema, 'description': description, **more}

    return {
        'AcceptLanguage': header('Accept-Language', choice(*LANGUAGES, default='en'), 'In which language to answer.'),
        'IfNoneMatch': header('If-None-Match', TEXT, 'The entity tag of what is known already.'),
        'IfModifiedSince': header('If-Modified-Since', TEXT, 'The date of what is known already.'),
        'Tenant': header('X-Tenant', {**TEXT, 'default': 'tranquility'}, 'Which server of the game.'),
        'CompatibilityDate': header(
            'X-Compatibility-Date',
            {'type': 'string', 'format': 'date', 'enum': [date]},
            'The date of the description that the program was written for; without it, the oldest one counts.',
        ),
    }
