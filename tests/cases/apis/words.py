"""Words that descriptions of other APIs are made of."""

from __future__ import annotations

from typing import Any

STRING: dict[str, Any] = {'type': 'string'}
INTEGER: dict[str, Any] = {'type': 'integer'}
OCTETS: dict[str, Any] = {**STRING, 'format': 'binary'}


def ref(kind: str, name: str) -> dict[str, Any]:
    return {'$ref': f'#/components/{kind}/{name}'}


def json(schema: Any, media_type: str = 'application/json') -> dict[str, Any]:
    return {'content': {media_type: {'schema': schema}}}


def or_null(schema: Any) -> dict[str, Any]:
    return {'anyOf': [schema, {'type': 'null'}]}


def path(name: str, schema: Any = STRING, **more: Any) -> dict[str, Any]:
    return {'in': 'path', 'name': name, 'required': True, 'schema': schema, **more}


def query(name: str, schema: Any = STRING, **more: Any) -> dict[str, Any]:
    return {'in': 'query', 'name': name, 'schema': schema, **more}
