"""A small OpenAPI 3.0 document of our own, with one of everything that ESI's documents do not have."""

from typing import Any


def query(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {'in': 'query', 'name': name, 'schema': schema, **more}


def responses(schema: dict[str, Any]) -> dict[str, Any]:
    return {'200': {'description': 'OK', 'content': {'application/json': {'schema': schema}}}}


def taking(schema: dict[str, Any], required: bool = True) -> dict[str, Any]:
    return {'required': required, 'content': {'application/json': {'schema': schema}}}


INTEGERS = {'type': 'array', 'items': {'type': 'integer'}}

DOCUMENT: dict[str, Any] = {
    'openapi': '3.0.3',
    'info': {'title': 'Stations', 'version': '1'},
    'servers': [{'url': 'https://{host}.example/api', 'variables': {'host': {'default': 'stations'}}}],
    'paths': {
        '/stations/{name}': {
            'parameters': [{'in': 'path', 'name': 'name', 'schema': {'type': 'string'}}],
            'get': {
                'operationId': 'getStation',
                'summary': 'One station',
                'deprecated': True,
                'parameters': [
                    query('count', {'type': 'integer', 'minimum': 1, 'maximum': 10}),
                    query('big', {'type': 'integer', 'format': 'int32'}),
                    query('ratio', {'type': 'number', 'minimum': 0, 'exclusiveMinimum': True, 'maximum': 1}),
                    query('below', {'type': 'number', 'maximum': 5, 'exclusiveMaximum': True}),
                    query('kind', {'type': 'string', 'enum': ['outpost', 'citadel']}),
                    query('flag', {'type': 'boolean'}),
                    query('text', {'type': 'string', 'minLength': 2, 'maxLength': 4}),
                    query('free', {'type': 'string'}),
                    query('ids', {**INTEGERS, 'uniqueItems': True, 'minItems': 1, 'maxItems': 3}),
                    query('joined', INTEGERS, explode=False),
                    query('spaced', INTEGERS, style='spaceDelimited'),
                    query('piped', INTEGERS, style='pipeDelimited'),
                    query('kinds', {'type': 'array', 'items': {'type': 'string', 'enum': ['outpost', 'citadel']}}),
                    query('page', {'type': 'integer', 'default': 1}, required=True),
                    query('maybe', {'type': 'integer', 'nullable': True}),
                    query('from', {'type': 'integer'}),
                    query('filter[owner]', {'type': 'string'}),
                    query('mapped', {'type': 'object'}),
                    query('anything', {}),
                    {'in': 'header', 'name': 'X-Note', 'schema': {'type': 'string', 'default': 'unsaid'}},
                    {'in': 'cookie', 'name': 'crumb', 'schema': {'type': 'string'}},
                ],
                'responses': responses({'$ref': '#/components/schemas/Station'}),
            },
        },
        '/stations': {
            'post': {
                'operationId': 'postStation',
                'requestBody': taking({'$ref': '#/components/schemas/NewStation'}),
                'responses': responses({'type': 'integer'}),
            },
            'put': {
                'operationId': 'putStation',
                'requestBody': taking({'allOf': [{'$ref': '#/components/schemas/Named'}], 'nullable': True}, False),
                'responses': {'204': {'description': 'done'}},
            },
        },
        '/loose': {
            'post': {
                'operationId': 'postLoose',
                'requestBody': taking({'anyOf': [{'type': 'integer'}, {'$ref': '#/components/schemas/Named'}]}),
                'responses': {'204': {'description': 'done'}},
            },
            'put': {
                'operationId': 'putLoose',
                'requestBody': taking({'type': 'object', 'additionalProperties': {'type': 'integer'}}),
                'responses': {'204': {'description': 'done'}},
            },
            'patch': {
                'operationId': 'patchLoose',
                'requestBody': taking({}),
                'responses': {'204': {'description': 'done'}},
            },
        },
        '/no-id/{some-thing}': {
            'get': {
                'parameters': [{'in': 'path', 'name': 'some-thing', 'required': True, 'schema': {'type': 'string'}}],
                'responses': {},
            }
        },
        'x-not-a-path': {'get': {'operationId': 'never'}},
    },
    'components': {
        'schemas': {
            'Named': {
                'type': 'object',
                'required': ['name'],
                'properties': {'name': {'type': 'string', 'maxLength': 10}, 'nick': {'type': 'string'}},
            },
            'NewStation': {
                'allOf': [
                    {'$ref': '#/components/schemas/Named'},
                    {
                        'type': 'object',
                        'required': ['size'],
                        'additionalProperties': False,
                        'properties': {
                            'size': {'type': 'integer', 'minimum': 1},
                            'parent': {'$ref': '#/components/schemas/NewStation'},
                            'tags': {'type': 'array', 'items': {'type': 'string'}, 'maxItems': 2},
                            'colour': {'type': 'string', 'default': 'grey'},
                            'closed': {'type': 'string', 'format': 'date-time', 'nullable': True},
                        },
                    },
                ]
            },
            'Station': {
                'allOf': [{'$ref': '#/components/schemas/Named'}],
                'properties': {
                    'built': {'type': 'string', 'format': 'date-time'},
                    'day': {'type': 'string', 'format': 'date'},
                    'items': {'type': 'array', 'items': {'$ref': '#/components/schemas/Station'}},
                    'parent': {'$ref': '#/components/schemas/Station'},
                    'owner': {
                        'oneOf': [
                            {'type': 'object', 'properties': {'since': {'type': 'string', 'format': 'date'}}},
                            {'type': 'integer'},
                        ]
                    },
                },
            },
        }
    },
}
