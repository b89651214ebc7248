"""Documents with the constructs of ESI's own, made from the sandbox's description and a table of what it lacks.

They stand in for the real documents in a checkout that has none beside it: one as the live server publishes it, one
in Swagger 2.0 as EsiPy 1.x knew it, and the small one about the old documents.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from esipy._sandbox.description import document as described
from tests.cases.made_operations import BOTH, LIVE_ONLY, OLD_ONLY, lists, operation_of

#: The old names of bodies, by the operation's old name: read from the old document once, a fact from then on.
BODIES = {
    'post_characters_affiliation': 'characters',
    'post_characters_character_id_assets_locations': 'item_ids',
    'post_characters_character_id_assets_names': 'item_ids',
    'put_characters_character_id_calendar_event_id': 'response',
    'post_characters_character_id_contacts': 'contact_ids',
    'put_characters_character_id_contacts': 'contact_ids',
    'post_characters_character_id_cspa': 'characters',
    'post_characters_character_id_fittings': 'fitting',
    'post_characters_character_id_mail': 'mail',
    'post_characters_character_id_mail_labels': 'label',
    'put_characters_character_id_mail_mail_id': 'contents',
    'post_corporations_corporation_id_assets_locations': 'item_ids',
    'post_corporations_corporation_id_assets_names': 'item_ids',
    'put_fleets_fleet_id': 'new_settings',
    'post_fleets_fleet_id_members': 'invitation',
    'put_fleets_fleet_id_members_member_id': 'movement',
    'put_fleets_fleet_id_squads_squad_id': 'naming',
    'put_fleets_fleet_id_wings_wing_id': 'naming',
    'post_ui_openwindow_newmail': 'new_mail',
    'post_universe_ids': 'names',
    'post_universe_names': 'ids',
}

LANGUAGES = ['en', 'en-us', 'de', 'fr', 'ja', 'ru', 'zh', 'ko', 'es']
DATASOURCE = {'name': 'datasource', 'in': 'query', 'type': 'string', 'enum': ['tranquility'], 'default': 'tranquility'}
TOKEN = {'name': 'token', 'in': 'query', 'type': 'string'}
LANGUAGE = {'type': 'string', 'enum': LANGUAGES, 'default': 'en'}
#: The parameters that an old document keeps in one place for all operations.
COMMON: dict[str, dict[str, Any]] = {
    'Accept-Language': {'name': 'Accept-Language', 'in': 'header', **LANGUAGE},
    'If-None-Match': {'name': 'If-None-Match', 'in': 'header', 'type': 'string'},
    'datasource': DATASOURCE,
    'language': {'name': 'language', 'in': 'query', **LANGUAGE},
    'page': {'name': 'page', 'in': 'query', 'type': 'integer', 'format': 'int32', 'minimum': 1, 'default': 1},
    'token': TOKEN,
}
ERRORS = {
    '400': 'bad_request',
    '401': 'unauthorized',
    '403': 'forbidden',
    '420': 'error_limited',
    '500': 'internal_server_error',
    '503': 'service_unavailable',
    '504': 'gateway_timeout',
}
DAY = 86400
HEADERS = {name: {'type': 'string'} for name in ('Cache-Control', 'ETag', 'Expires', 'Last-Modified')}
#: The operations whose names come in the language of the call.
TRANSLATED = ('post_universe_ids', 'get_universe_systems_system_id', 'get_universe_types_type_id')
#: What only the live server has beside the operations with cursors.
NOT_OLD = ('/meta/', *(made.path for made in LIVE_ONLY))


def live() -> dict[str, Any]:
    """OpenAPI 3.1 as the live server publishes it: every operation requires the compatibility date."""
    made = _source()
    for one in LIVE_ONLY:
        made['paths'].setdefault(one.path, {})[one.method] = operation_of(one)
    made['info']['title'] = 'Made for tests: the live document'
    made['components']['parameters']['CompatibilityDate']['required'] = True
    for _, _, operation in _operations(made):
        operation.setdefault('description', operation['summary'])
        operation['parameters'].sort(key=_place)
    return made


def _place(node: Mapping[str, Any]) -> str:
    """The live server sorts arguments by name; the headers that all operations have come last."""
    shared = node.get('$ref', '').rpartition('/')[2]
    return {'Page': 'page', '': node.get('name', '')}.get(shared, f'~{shared}')


def _source() -> dict[str, Any]:
    """The sandbox's description, and a public list without arguments, pages or a limit beside what it has."""
    source = described()
    wars = source['paths']['/wars']['get']
    fields = {'state': {'type': 'string', 'enum': ['established', 'mobilizing', 'withdrawing']}}
    fields |= {name: {'type': 'integer', 'format': 'int64'} for name in ('constellation_id', 'faction_id')}
    rows = {'type': 'array', 'items': {'type': 'object', 'required': sorted(fields), 'properties': fields}}
    success = {**wars['responses']['200'], 'content': {'application/json': {'schema': rows}}}
    source['paths']['/incursions'] = {
        'get': {
            'operationId': 'GetIncursions',
            'summary': 'The incursions that are going on',
            'tags': ['Incursions'],
            'parameters': [node for node in wars['parameters'] if '$ref' in node],
            'responses': {**wars['responses'], '200': success},
            'x-compatibility-date': '2020-01-01',
            'x-cache-age': 300,
            'x-client-cache-ttl': 300,
        }
    }
    source['tags'] += [{'name': 'Incursions'}, {'name': 'Made'}]
    for one in [*BOTH, *lists(source['paths'])]:
        source['paths'].setdefault(one.path, {})[one.method] = operation_of(one)
    return source


def old() -> dict[str, Any]:
    """Swagger 2.0 as the server published it in 2018: names in snake case, `datasource`, `token` and `evesso`."""
    source = _source()
    for one in OLD_ONLY:
        source['paths'].setdefault(one.path, {})[one.method] = operation_of(one)
    scopes = source['components']['securitySchemes']['OAuth2']['flows']['authorizationCode']['scopes']
    paths: dict[str, Any] = {}
    for path, method, operation in _operations(source):
        if 'x-pagination' not in operation and not path.startswith(NOT_OLD):
            paths.setdefault(f'{path}/', {})[method] = _Old(source, path, method, operation).made()
    return {
        'swagger': '2.0',
        'info': {'title': 'Made for tests: the old document', 'version': '1.0'},
        'host': 'esi.evetech.net',
        'basePath': '/latest',
        'schemes': ['https'],
        'consumes': ['application/json'],
        'produces': ['application/json'],
        'parameters': COMMON,
        'securityDefinitions': {
            'evesso': {
                'type': 'oauth2',
                'flow': 'implicit',
                'authorizationUrl': 'https://login.eveonline.com/v2/oauth/authorize',
                'scopes': scopes,
            }
        },
        'definitions': {
            name: {'type': 'object', 'required': ['error'], 'properties': {'error': {'type': 'string'}}}
            for name in ERRORS.values()
        },
        'paths': paths,
    }


def meta() -> dict[str, Any]:
    """The document about the old documents: without a base path, and with one operation for each of them."""
    names = ('_dev', '_latest', '_legacy', 'dev', 'latest', 'legacy', 'v1', 'v2', 'v3', 'v4')
    paths: dict[str, Any] = {
        f'/{name}/swagger.json': _meta(f'get_{name}_swagger', {'type': 'object'}) for name in names
    }
    paths['/ping'] = _meta('get_ping', {'type': 'string', 'enum': ['ok']})
    identity = {'type': 'object', 'required': ['CharacterID'], 'properties': {'CharacterID': {'type': 'integer'}}}
    paths['/verify/'] = _meta('get_verify', identity, TOKEN)
    return {
        'swagger': '2.0',
        'info': {'title': 'Made for tests: the document about documents', 'version': '1.0'},
        'host': 'esi.evetech.net',
        'schemes': ['https'],
        'produces': ['application/json'],
        'paths': paths,
    }


def _meta(name: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    responses = {'200': {'description': 'OK', 'schema': schema}}
    return {'get': {'operationId': name, 'parameters': [DATASOURCE, *parameters], 'responses': responses}}


def _operations(source: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in source['paths'].items():
        for method, operation in item.items():
            yield path, method, operation


class _Old:
    """One operation of the description, in the words of Swagger 2.0."""

    def __init__(self, source: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> None:
        self._source = source
        self._method = method
        self._operation = operation
        self._id = '_'.join([method, *re.sub(r'[{}]', '', path).replace('-', '_').strip('/').split('/')])

    def made(self) -> dict[str, Any]:
        source = self._operation
        made: dict[str, Any] = {'operationId': self._id, 'summary': source['summary'], 'tags': source['tags']}
        made['description'] = source.get('description', source['summary'])
        made['parameters'] = list(self._parameters())
        made['responses'] = {**dict(self._responses()), **self._errors()}
        if 'security' in source:
            made['security'] = [{'evesso': scopes['OAuth2']} for scopes in source['security']]
        if 'x-required-roles' in source:
            made['x-required-roles'] = source['x-required-roles']
        if source.get('x-cache-age', DAY) < DAY:  # what changes once a day had no such line
            made['x-cached-seconds'] = source['x-cache-age']
        return made

    def _parameters(self) -> Iterator[dict[str, Any]]:
        common = ['datasource']
        if self._method == 'get':
            common.append('If-None-Match')
        if 'security' in self._operation:
            common.append('token')
        if self._id in TRANSLATED:
            common += ['Accept-Language', 'language']
        for node in map(self._resolved, self._operation['parameters']):
            if node['name'] == 'page':
                common.append('page')
            elif node['in'] != 'header':
                kept = {name: node[name] for name in ('name', 'in', 'required', 'description') if name in node}
                yield kept | self._resolved(node['schema'])
        yield from ({'$ref': f'#/parameters/{name}'} for name in common)
        if 'requestBody' in self._operation:
            schema = self._resolved(self._operation['requestBody']['content']['application/json']['schema'])
            yield {'name': BODIES[self._id], 'in': 'body', 'required': True, 'schema': schema}

    def _responses(self) -> Iterator[tuple[str, Any]]:
        for status, node in self._operation['responses'].items():
            if not status.startswith('2'):
                continue
            made: dict[str, Any] = {'description': self._resolved(node)['description']}
            headers = self._resolved(node).get('headers', {})
            if 'Cache-Control' in headers:
                made['headers'] = dict(HEADERS)
            if 'X-Pages' in headers:
                made['headers']['X-Pages'] = {'type': 'integer', 'format': 'int32', 'default': 1}
            content = self._resolved(node).get('content')
            if content:
                made['schema'] = self._resolved(content['application/json']['schema'])
                made['examples'] = {'application/json': example(made['schema'])}
            yield status, made

    def _errors(self) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        if self._method == 'get':
            errors['304'] = {'description': 'Not modified', 'headers': HEADERS}
        for status, name in ERRORS.items():
            if status not in ('401', '403') or 'security' in self._operation:
                body = {'application/json': {'error': name}}
                errors[status] = {'description': name, 'schema': {'$ref': f'#/definitions/{name}'}, 'examples': body}
        return errors

    def _resolved(self, node: Any) -> Any:
        """A node with every reference in it replaced by what it refers to."""
        if isinstance(node, list):
            return [self._resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if '$ref' in node:
            target: Any = self._source
            for part in node['$ref'].removeprefix('#/').split('/'):
                target = target[part]
            return self._resolved(target)
        return {name: self._resolved(value) for name, value in node.items() if name != 'explode'}


def example(schema: Mapping[str, Any]) -> Any:
    """A body that fits a schema of an old document."""
    if 'enum' in schema:
        return schema['enum'][0]
    if schema['type'] == 'array':
        return [example(schema['items'])]
    if schema['type'] == 'object':
        return {name: example(field) for name, field in schema.get('properties', {}).items()}
    if schema['type'] == 'string':
        dates = {'date-time': '2026-08-04T11:00:00Z', 'date': '2026-08-04'}
        return dates.get(schema.get('format', ''), 'a text')
    number = max(schema.get('minimum', 7), min(7, schema.get('maximum', 7)))
    return {'integer': number, 'number': number + 0.0, 'boolean': True}[schema['type']]
