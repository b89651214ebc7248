"""Operations that the sandbox's description lacks, for the documents that are made: a table, and what builds them.

Their paths, names of arguments and ways of pagination are those of ESI; the words are our own, and the rows are short.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.cases.pagination import PAGINATIONS

Schema = dict[str, Any]

ID: Schema = {'type': 'integer', 'format': 'int64'}
TEXT: Schema = {'type': 'string'}
UUID: Schema = {'type': 'string', 'format': 'uuid'}
IDS: Schema = {'type': 'array', 'items': ID, 'minItems': 1, 'maxItems': 1000, 'uniqueItems': True}
#: Arguments of a path that are not numbers.
TEXTS_IN_PATHS = ('job_id', 'project_id', 'campaign_id')
#: The parameters by which a list is read in parts.
PAGING: dict[str, tuple[str, ...]] = {'pages': ('Page',), 'cursor': ('After', 'Before', 'Limit')}
#: The roles of a corporation that some operations need.
ROLES = {
    '/corporation/{corporation_id}/mining/extractions': ['Station_Manager'],
    '/corporations/{corporation_id}/assets': ['Director'],
    '/corporations/{corporation_id}/orders': ['Accountant', 'Trader'],
}
#: Lists that everyone may read.
PUBLIC = ('/markets', '/universe', '/wars', '/military-campaigns')


def record(**fields: Schema) -> Schema:
    """The schema of an object whose fields are all required."""
    return {'type': 'object', 'required': sorted(fields), 'properties': fields}


def rows(**fields: Schema) -> Schema:
    """The schema of a list of such objects."""
    return {'type': 'array', 'items': record(**fields)}


class Made(NamedTuple):
    """One operation, in short."""

    method: str
    path: str
    scope: str | None = None
    #: The schema of a successful response; None for a 204.
    success: Schema | None = None
    body: Schema | None = None
    #: Parameters of the query: their schemas, by name, and which of them are required.
    query: Mapping[str, Schema] = {}
    required: tuple[str, ...] = ()
    paging: str | None = None
    id: str | None = None


ASSETS, CORPORATION = 'esi-assets.read_assets.v1', 'esi-assets.read_corporation_assets.v1'
FLEET = 'esi-fleets.write_fleet.v1'
MAIL = 'esi-mail.organize_mail.v1'
CATEGORIES = ['agent', 'alliance', 'character', 'corporation', 'inventory_type', 'region', 'solar_system', 'station']
POSITION = record(x={'type': 'number'}, y={'type': 'number'}, z={'type': 'number'})
MOVEMENT = {'type': 'string', 'enum': ['fleet_commander', 'wing_commander', 'squad_commander', 'squad_member']}

#: What both documents have, beside the lists of `tests/cases/pagination.py`.
BOTH = [
    Made('post', '/characters/{character_id}/assets/locations', ASSETS, rows(item_id=ID, position=POSITION), IDS),
    Made('post', '/characters/{character_id}/assets/names', ASSETS, rows(item_id=ID, name=TEXT), IDS),
    Made(
        'post', '/corporations/{corporation_id}/assets/locations', CORPORATION, rows(item_id=ID, position=POSITION), IDS
    ),
    Made('post', '/corporations/{corporation_id}/assets/names', CORPORATION, rows(item_id=ID, name=TEXT), IDS),
    Made('post', '/characters/{character_id}/cspa', 'esi-characters.read_contacts.v1', {'type': 'number'}, IDS),
    Made(
        'get',
        '/characters/{character_id}/search',
        'esi-search.search_structures.v1',
        {'type': 'object', 'properties': dict.fromkeys(CATEGORIES, IDS)},
        query={
            'categories': {
                'type': 'array',
                'items': {'type': 'string', 'enum': CATEGORIES},
                'minItems': 1,
                'maxItems': len(CATEGORIES),
                'uniqueItems': True,
            },
            'search': {**TEXT, 'minLength': 3},
            'strict': {'type': 'boolean', 'default': False},
        },
        required=('categories', 'search'),
    ),
    Made(
        'put',
        '/characters/{character_id}/mail/{mail_id}',
        MAIL,
        body={'type': 'object', 'properties': {'read': {'type': 'boolean'}, 'labels': {**IDS, 'maxItems': 25}}},
    ),
    Made('delete', '/characters/{character_id}/mail/{mail_id}', MAIL),
    Made('put', '/fleets/{fleet_id}', FLEET, body={'type': 'object', 'properties': {'motd': TEXT}}),
    Made('post', '/fleets/{fleet_id}/members', FLEET, body=record(character_id=ID, role=MOVEMENT)),
    Made('put', '/fleets/{fleet_id}/members/{member_id}', FLEET, body=record(role=MOVEMENT)),
    Made('put', '/fleets/{fleet_id}/squads/{squad_id}', FLEET, body=record(name={**TEXT, 'maxLength': 10})),
    Made('put', '/fleets/{fleet_id}/wings/{wing_id}', FLEET, body=record(name={**TEXT, 'maxLength': 10})),
    Made('get', '/universe/systems', success={'type': 'array', 'items': ID}),
]

#: What came after the old document, beside the lists with cursors.
LIVE_ONLY = [
    Made(
        'post',
        '/route/{origin_system_id}/{destination_system_id}',
        success=record(route={'type': 'array', 'items': ID}),
        body={'type': 'object', 'properties': {'avoid_systems': IDS}},
        id='PostRoute',
    ),
    Made('get', '/sovereignty/systems', success=record(sovereignty_systems=rows(solar_system_id=ID))),
]

BOOKMARK = {'bookmark_id': ID, 'label': TEXT}
#: What the server has removed since.
OLD_ONLY = [
    *(
        Made(
            'get',
            f'/{kind}s/{{{kind}_id}}/bookmarks{folders}',
            f'esi-bookmarks.read_{kind}_bookmarks.v1',
            rows(**BOOKMARK),
            paging='pages',
        )
        for kind in ('character', 'corporation')
        for folders in ('', '/folders')
    ),
    Made('get', '/characters/{character_id}/opportunities', 'esi-characters.read_opportunities.v1', rows(task_id=ID)),
    *(
        Made('get', f'/opportunities/{many}{one}', success=record(name=TEXT) if one else IDS)
        for many, name in (('groups', 'group_id'), ('tasks', 'task_id'))
        for one in ('', f'/{{{name}}}')
    ),
    Made(
        'get',
        '/route/{origin}/{destination}',
        success={'type': 'array', 'items': ID},
        query={
            'avoid': {'type': 'array', 'items': ID, 'maxItems': 100, 'uniqueItems': True},
            'connections': {
                'type': 'array',
                'items': {'type': 'array', 'items': ID, 'minItems': 2, 'maxItems': 2, 'collectionFormat': 'pipes'},
                'maxItems': 100,
                'uniqueItems': True,
            },
            'flag': {'type': 'string', 'enum': ['shortest', 'secure', 'insecure'], 'default': 'shortest'},
        },
    ),
    Made('get', '/sovereignty/map', success=rows(system_id=ID, alliance_id=ID)),
    Made('get', '/sovereignty/structures', success=rows(structure_id=ID, solar_system_id=ID)),
]


def lists(known: Mapping[str, Any]) -> Iterator[Made]:
    """The lists of the live document that a description lacks, each with its way of pagination."""
    for paging, paths in PAGINATIONS.items():
        for path in paths:
            if path not in known:
                public = path.startswith(PUBLIC) and not path.startswith('/markets/structures')
                scope = None if public else f'esi-made.read_{path.strip("/").split("/")[-1].strip("{}")}.v1'
                fields = {'id': ID, 'date': {'type': 'string', 'format': 'date-time'}}
                if paging == 'from_id':
                    fields = {'transaction_id': ID, 'date': {'type': 'string', 'format': 'date-time'}}
                query = {'from_id': ID} if paging == 'from_id' else {}
                yield Made('get', path, scope, rows(**fields), query=query, paging=paging)


def operation_of(made: Made) -> dict[str, Any]:
    """The operation in the words of OpenAPI, with the parameters and responses that the description shares."""
    built: dict[str, Any] = {
        'operationId': made.id or made.method.title() + ''.join(map(str.title, re.findall('[a-z]+', made.path))),
        'summary': f'{made.method.upper()} of {" ".join(re.findall("[a-z]+", made.path))}, made for tests',
        'tags': ['Made'],
        'parameters': list(_parameters(made)),
        'responses': _responses(made),
        'x-compatibility-date': '2020-01-01',
    }
    if made.body is not None:
        built['requestBody'] = {'required': True, 'content': {'application/json': {'schema': made.body}}}
    if made.scope is not None:
        built['security'] = [{'OAuth2': [made.scope]}]
    if made.path in ROLES:
        built['x-required-roles'] = ROLES[made.path]
    if made.method == 'get':
        built |= {'x-cache-age': 300, 'x-client-cache-ttl': 300}
    if made.paging == 'cursor':
        built['x-pagination'] = 'cursor'
    return built


def _parameters(made: Made) -> Iterator[dict[str, Any]]:
    for name in re.findall('{(.*?)}', made.path):
        yield {'name': name, 'in': 'path', 'required': True, 'schema': UUID if name in TEXTS_IN_PATHS else ID}
    for name, schema in made.query.items():
        yield {'name': name, 'in': 'query', 'required': name in made.required, 'schema': schema}
    headers = ('AcceptLanguage', 'IfNoneMatch', 'CompatibilityDate', 'Tenant', 'IfModifiedSince')
    for name in (*PAGING.get(made.paging or '', ()), *headers):
        yield {'$ref': f'#/components/parameters/{name}'}


def _responses(made: Made) -> dict[str, Any]:
    error = {'default': {'$ref': '#/components/responses/Error'}}
    if made.success is None:
        return {'204': {'description': 'Done'}, **error}
    shared = {'Cache-Control': 'CacheControl', 'ETag': 'ETag', 'Last-Modified': 'LastModified'}
    if made.paging == 'pages':
        shared['X-Pages'] = 'Pages'
    headers = {name: {'$ref': f'#/components/headers/{shape}'} for name, shape in shared.items()}
    schema = made.success
    if made.paging == 'cursor':
        schema = record(cursor={'$ref': '#/components/schemas/Cursor'}, entries=schema)
    success = {'description': 'OK', 'headers': headers, 'content': {'application/json': {'schema': schema}}}
    return {'200': success, '304': {'$ref': '#/components/responses/NotModified'}, **error}
