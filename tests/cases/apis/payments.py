"""A service for payments (OpenAPI 3.0)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.cases.apis.words import INTEGER, OCTETS, STRING, json, path, query, ref

_EXPAND = query('expand', {'type': 'array', 'items': STRING}, explode=True)
_CREATED = query(
    'created',
    {'anyOf': [{'type': 'object', 'properties': {'gt': INTEGER, 'lt': INTEGER}}, INTEGER]},
    style='deepObject',
    explode=True,
)
_CHARGE: dict[str, Any] = {
    'type': 'object',
    'required': ['amount', 'currency'],
    'properties': {
        'amount': {**INTEGER, 'minimum': 0, 'exclusiveMinimum': True},
        'currency': {**STRING, 'enum': ['eur', 'usd']},
        'ratio': {'type': 'number'},
        'metadata': {'anyOf': [{'type': 'object', 'additionalProperties': STRING}, {**STRING, 'enum': ['']}]},
        'items': {'type': 'array', 'items': STRING},
        'capture': {'type': 'boolean', 'default': True},
        'address': {'type': 'object', 'nullable': True, 'properties': {'city': {**STRING, 'nullable': True}}},
    },
}
_FILE = {'type': 'object', 'required': ['file'], 'properties': {'file': OCTETS, 'purpose': STRING}}
_ENCODING = {'metadata': {'style': 'deepObject', 'explode': True}, 'items': {'style': 'form', 'explode': True}}


def _payments_paths() -> Iterator[tuple[str, Any]]:
    response = {'200': {'description': 'OK', **json(ref('schemas', 'charge'))}}
    form = {'application/x-www-form-urlencoded': {'schema': _CHARGE, 'encoding': _ENCODING}}
    one = path('id', {**STRING, 'maxLength': 50})
    for name in ('charges', 'customers', 'disputes', 'invoices', 'payouts', 'plans', 'refunds', 'transfers'):
        yield (
            f'/v1/{name}',
            {
                'get': {'operationId': f'Get{name.title()}', 'parameters': [_EXPAND, _CREATED], 'responses': response},
                'post': {'operationId': f'Post{name.title()}', 'requestBody': {'content': form}, 'responses': response},
            },
        )
        yield (
            f'/v1/{name}/{{id}}',
            {
                'parameters': [one],
                'get': {'operationId': f'Get{name.title()}Id', 'parameters': [_EXPAND], 'responses': response},
                'delete': {'operationId': f'Delete{name.title()}Id', 'responses': {'204': {'description': 'Gone'}}},
            },
        )
    yield (
        '/v1/files',
        {
            'post': {
                'operationId': 'PostFiles',
                'requestBody': {'required': True, 'content': {'multipart/form-data': {'schema': _FILE}}},
                'responses': response,
            }
        },
    )
    label = path('label', {'type': 'array', 'items': INTEGER}, style='label', explode=True)
    matrix = path('matrix', {'type': 'object', 'properties': {'a': INTEGER}}, style='matrix')
    content = json({'type': 'object', 'properties': {'a': INTEGER}})
    yield (
        '/v1/reports{label}/{matrix}',
        {
            'get': {
                'operationId': 'GetReports',
                'parameters': [
                    label,
                    matrix,
                    {'in': 'cookie', 'name': 'session', 'required': True, 'schema': STRING},
                    {'in': 'query', 'name': 'filter', 'required': True, **content},
                    query('body'),
                    {'in': 'header', 'name': 'Authorization', 'required': True, 'schema': STRING},
                ],
                'security': [{'key': [], 'account': []}],
                'responses': {'200': {'description': 'OK', **json(STRING, 'text/csv')}},
            }
        },
    )
    yield (
        '/v1/deep',
        {
            'get': {
                'operationId': 'GetDeep',
                'parameters': [{**_EXPAND, 'required': True, 'style': 'deepObject'}],
                'responses': response,
            }
        },
    )
    yield (
        '/v1/related',
        {
            'post': {
                'operationId': 'PostRelated',
                'requestBody': {'required': True, 'content': {'multipart/related': {'schema': _FILE}}},
                'responses': response,
            }
        },
    )


def payments(url: str, other: str) -> dict[str, Any]:
    """A service for payments at `url`."""
    return {
        'openapi': '3.0.3',
        'info': {'title': 'Payments', 'version': '2026-08-04'},
        'servers': [{'url': '{root}/', 'variables': {'root': {'default': url}}}],
        'security': [{'basic': []}, {'bearer': []}],
        'paths': dict(_payments_paths()),
        'components': {
            'schemas': {'charge': {'allOf': [_CHARGE, {'properties': {'object': {**STRING, 'enum': ['charge']}}}]}},
            'securitySchemes': {
                'basic': {'type': 'http', 'scheme': 'basic'},
                'bearer': {'type': 'http', 'scheme': 'bearer', 'bearerFormat': 'auth-scheme'},
                'key': {'type': 'apiKey', 'in': 'header', 'name': 'X-Api-Key'},
                'account': {'type': 'apiKey', 'in': 'query', 'name': 'account'},
            },
        },
    }


PAYMENTS_REFUSES = {
    'GetDeep': "style 'deepObject' does not define how a list is written in a query",
    'PostRelated': 'not supported: a body of multipart/related',
}
