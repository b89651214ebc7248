"""Schemas, values of them, and what a body of such a value is sent as; REFUSED where it is not sent at all."""

import decimal
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import numpy

REFUSED = object()

_NAMED = {
    'type': 'object',
    'required': ['name'],
    'properties': {'name': {'type': 'string'}, 'nick': {'type': 'string'}},
}
_INTEGER: dict[str, Any] = {'type': 'integer'}
_STRING: dict[str, Any] = {'type': 'string'}
_NULL: dict[str, Any] = {'type': 'null'}
_DATE: dict[str, Any] = {**_STRING, 'format': 'date'}


def record(**fields: Any) -> dict[str, Any]:
    return {'type': 'object', 'properties': fields}


_OR_NULL = record(x={'anyOf': [_INTEGER, _NULL]})
_OLD_OR_NULL = record(x={'oneOf': [_INTEGER, _NAMED], 'nullable': True})
_ALL_OR_NULL = record(x={'allOf': [_NAMED], 'nullable': True})
_BOUNDS = {'allOf': [{**_INTEGER, 'minimum': 3, 'maximum': 9}, {'minimum': 1, 'maximum': 5}]}
_ENUMS = {'allOf': [{**_STRING, 'enum': ['a', 'b', 'c']}, {'enum': ['b', 'c', 'd']}]}
_SHARED_FIELD = {'allOf': [record(x={**_INTEGER, 'minimum': 3}), record(x={'maximum': 5})]}
_SHARED_ITEMS = {'allOf': [{'type': 'array', 'items': {**_INTEGER, 'minimum': 3}}, {'items': {'maximum': 5}}]}
_READ_ONLY = {
    'type': 'object',
    'required': ['id', 'name'],
    'properties': {'id': {'allOf': [_INTEGER], 'readOnly': True}, 'name': _STRING},
}
_TREE = {'type': 'object', 'properties': {'kind': _STRING, 'size': _INTEGER}}
_ANY_OF_FIELDS = {**record(a=_INTEGER, b=_INTEGER), 'anyOf': [{'required': ['a']}, {'required': ['b']}]}
_IF = {
    **record(kind=_STRING, size={}),
    'if': {'properties': {'kind': {'const': 'number'}}, 'required': ['kind']},
    'then': {'properties': {'size': _INTEGER}, 'required': ['size']},
    'else': {'required': ['text']},
}
_PAIR = {'type': 'array', 'prefixItems': [_INTEGER, _STRING], 'items': False}
_PATTERNS: dict[str, Any] = {'type': 'object', 'patternProperties': {'^x-': _INTEGER}, 'additionalProperties': False}
_UNKNOWN_PATTERN = {**_PATTERNS, 'patternProperties': {'^(a+)+$': _INTEGER}}
_DEFAULTS = record(
    private={'type': 'boolean', 'default': False},
    inner={**record(archived={'type': 'boolean', 'default': False}), 'default': {'archived': True}},
    many={'type': 'array', 'items': record(a={**_INTEGER, 'default': 1})},
    either={'oneOf': [record(b={**_INTEGER, 'default': 2})]},
    all={'allOf': [record(c={**_INTEGER, 'default': 3})]},
)

#: Schema, value, what is sent.
BODIES: list[tuple[dict[str, Any], Any, Any]] = [
    # null among the alternatives
    (_OR_NULL, {'x': None}, {'x': None}),
    (_OR_NULL, {'x': 5}, {'x': 5}),
    (_OR_NULL, {'x': 'y'}, REFUSED),
    (_OR_NULL, {'x': {}}, REFUSED),
    (_OR_NULL, {'x': [None]}, REFUSED),
    (_OR_NULL, {}, {}),
    (record(x={'oneOf': [_NULL, _NAMED]}), {'x': None}, {'x': None}),
    (record(x={'oneOf': [_NULL, _NAMED]}), {'x': {'nick': 'n'}}, REFUSED),
    (record(x={'oneOf': [_NULL, {'type': 'array', 'items': _INTEGER}]}), {'x': [1]}, {'x': [1]}),
    (record(x={'anyOf': [{'anyOf': [_INTEGER, _NULL]}, _NAMED]}), {'x': None}, {'x': None}),
    (record(x={'anyOf': [{'anyOf': [_INTEGER, _NULL]}, _NAMED]}), {'x': 'y'}, REFUSED),
    (record(x={'type': ['integer', 'null']}), {'x': None}, {'x': None}),
    (record(x={'enum': ['a', None]}), {'x': None}, {'x': None}),
    (record(x={'enum': ['a', 'b']}), {'x': None}, {}),
    (record(x={**_STRING, 'enum': ['a'], 'nullable': True}), {'x': None}, {'x': None}),
    (record(x={'allOf': [{**_STRING, 'enum': ['a']}], 'nullable': True}), {'x': None}, {'x': None}),
    (record(x={'type': ['string', 'null'], 'enum': ['a']}), {'x': None}, REFUSED),
    (record(x={'type': ['string', 'null'], 'const': 'a'}), {'x': None}, REFUSED),
    (record(x={'type': ['string', 'null'], 'enum': ['a', None]}), {'x': None}, {'x': None}),
    (record(x={'type': ['string', 'null'], 'enum': [1, None]}), {'x': '1'}, {'x': '1'}),
    (record(x={'type': ['integer', 'null'], 'enum': ['1', None]}), {'x': 1}, {'x': 1}),
    (record(x={**_STRING, 'enum': [2.5], 'nullable': True}), {'x': 2.5}, {'x': '2.5'}),
    (_OLD_OR_NULL, {'x': None}, {'x': None}),
    (_OLD_OR_NULL, {'x': 'y'}, REFUSED),
    (_ALL_OR_NULL, {'x': None}, {'x': None}),
    (_ALL_OR_NULL, {'x': {}}, REFUSED),
    ({'type': 'array', 'items': {'anyOf': [_INTEGER, _NULL]}}, [1, None], [1, None]),
    ({'type': 'array', 'items': _INTEGER}, [1, None], REFUSED),
    ({'type': 'object', 'additionalProperties': {'anyOf': [_INTEGER, _NULL]}}, {'a': None}, {'a': None}),
    (record(x=_INTEGER), {'x': None}, {}),
    # all of several
    (_BOUNDS, 4, 4),
    (_BOUNDS, 2, REFUSED),
    (_BOUNDS, 7, REFUSED),
    (_ENUMS, 'b', 'b'),
    (_ENUMS, 'a', REFUSED),
    (_ENUMS, 'd', REFUSED),
    ({'allOf': [{**_INTEGER, 'enum': [1, 2]}, {'enum': [2, 3]}, {'enum': [3, 2]}]}, 3, REFUSED),
    (record(x={**_ENUMS, 'enum': ['b', 'a', 'd']}), {'x': 'd'}, REFUSED),
    (_SHARED_FIELD, {'x': 4}, {'x': 4}),
    (_SHARED_FIELD, {'x': 2}, REFUSED),
    (_SHARED_FIELD, {'x': 7}, REFUSED),
    (_SHARED_ITEMS, [4], [4]),
    (_SHARED_ITEMS, [2], REFUSED),
    (_SHARED_ITEMS, [7], REFUSED),
    ({'allOf': [{'type': ['string', 'null']}, _STRING], 'maxLength': 3}, 'abcd', REFUSED),
    ({'allOf': [{**_STRING, 'maxLength': 3}, {'maxLength': 9}]}, 'abcd', REFUSED),
    ({'allOf': [{**_STRING, 'minLength': 3}, {'minLength': 1}]}, 'ab', REFUSED),
    ({'allOf': [{'type': 'array', 'maxItems': 1}], 'maxItems': 5}, [1, 2], REFUSED),
    ({'allOf': [{'type': 'number', 'exclusiveMinimum': 3}], 'exclusiveMinimum': 1}, 2, REFUSED),
    ({'allOf': [{'type': 'number'}, _INTEGER]}, 2.5, REFUSED),
    ({'allOf': [_INTEGER, {'type': 'number'}]}, 2.5, REFUSED),
    ({'allOf': [_NAMED, {'type': 'object', 'required': ['size']}]}, {'name': 'x'}, REFUSED),
    ({'allOf': [_NAMED, {'type': 'object', 'required': ['size']}]}, {'name': 'x', 'size': 1}, {'name': 'x', 'size': 1}),
    ({'allOf': [{**_INTEGER, 'multipleOf': 2}, {'multipleOf': 3}]}, 4, REFUSED),
    ({'allOf': [{**_INTEGER, 'multipleOf': 2}, {'multipleOf': 3}]}, 6, 6),
    ({'allOf': [{'type': 'object', 'maxProperties': 1}, {'maxProperties': 5}]}, {'a': 1, 'b': 2}, REFUSED),
    ({'allOf': [{'oneOf': [{'required': ['a']}]}, {'oneOf': [{'required': ['b']}]}]}, {'a': 1}, REFUSED),
    ({'allOf': [{'oneOf': [{'required': ['a']}]}, {'oneOf': [{'required': ['b']}]}]}, {'b': 1}, REFUSED),
    # alternatives beside a type
    (_ANY_OF_FIELDS, {}, REFUSED),
    (_ANY_OF_FIELDS, {'b': '1'}, {'b': 1}),
    ({**_INTEGER, 'anyOf': [{'maximum': 3}, {'minimum': 7}]}, 5, REFUSED),
    ({**_INTEGER, 'anyOf': [{'maximum': 3}, {'minimum': 7}]}, '8', 8),
    ({'type': 'object', 'oneOf': [record(a=_INTEGER)]}, {'a': '5'}, {'a': 5}),
    ({'type': 'object', 'oneOf': [record(a=_INTEGER)]}, {'a': 'x'}, REFUSED),
    ({**record(name=_STRING), 'oneOf': [record(names=_STRING)]}, {'name': 'x'}, {'name': 'x'}),
    ({**_READ_ONLY, 'anyOf': [{'required': ['id']}, {'required': ['code']}]}, {'name': 'x'}, {'name': 'x'}),
    ({**_STRING, 'nullable': True, 'anyOf': [{'minLength': 2}]}, 'a', REFUSED),
    ({'anyOf': [{'type': 'array'}, {'minimum': 0}]}, 5, 5),
    ({**_INTEGER, 'oneOf': []}, '5', 5),
    # keywords that come without a type
    ({'minimum': 3}, 1, REFUSED),
    ({'minimum': 3}, 'a', 'a'),
    ({'maxLength': 3}, 'abcd', REFUSED),
    ({'items': _INTEGER}, ['5'], [5]),
    ({'items': _INTEGER}, ['x'], REFUSED),
    ({'maxItems': 1}, [1, 2], REFUSED),
    ({'required': ['a']}, {}, REFUSED),
    ({'required': ['a']}, 5, 5),
    ({'additionalProperties': _INTEGER}, {'a': 'x'}, REFUSED),
    # numbers of fields, items and steps
    ({**_INTEGER, 'multipleOf': 5}, 7, REFUSED),
    ({**_INTEGER, 'multipleOf': 5}, 10, 10),
    ({'type': 'number', 'multipleOf': 0.01}, 19.99, 19.99),
    ({'type': 'number', 'multipleOf': 0.1}, 0.3, 0.3),
    ({'type': 'number', 'multipleOf': 0.1}, 0.35, REFUSED),
    ({'type': 'number', 'multipleOf': 0.0001}, 1e300, 1e300),
    ({'type': 'object', 'minProperties': 1}, {}, REFUSED),
    ({'type': 'object', 'maxProperties': 1}, {'a': 1, 'b': 2}, REFUSED),
    ({**record(a=_INTEGER, b=_INTEGER), 'dependentRequired': {'a': ['b']}}, {'a': 1}, REFUSED),
    ({**record(a=_INTEGER, b=_INTEGER), 'dependentRequired': {'a': ['b']}}, {'b': 1}, {'b': 1}),
    ({**record(a=_INTEGER), 'dependentSchemas': {'a': {'required': ['c']}}}, {'a': 1}, REFUSED),
    (_PAIR, ['1', 2], [1, '2']),
    (_PAIR, ['x', 'y'], REFUSED),
    (_PAIR, [1, 'b', 3], REFUSED),
    ({'type': 'array', 'prefixItems': [_STRING], 'items': _INTEGER}, ['b', '3'], ['b', 3]),
    ({'type': 'array', 'items': False}, [1], REFUSED),
    ({'type': 'array', 'contains': {'const': 5}}, [1], REFUSED),
    ({'type': 'array', 'contains': {'const': 5}}, [1, 5], [1, 5]),
    ({'type': 'object', 'propertyNames': {'maxLength': 3}}, {'abcd': 1}, REFUSED),
    # schemas that must not fit, or that depend on others
    ({'not': _STRING}, 'x', REFUSED),
    ({'not': _STRING}, 5, 5),
    ({**_STRING, 'not': {'enum': ['admin']}}, 'admin', REFUSED),
    (record(x=False), {'x': 1}, REFUSED),
    (record(x=False), {}, {}),
    (record(x=True), {'x': 1}, {'x': 1}),
    (_IF, {'kind': 'number', 'size': '3'}, {'kind': 'number', 'size': 3}),
    (_IF, {'kind': 'number', 'size': 'x'}, REFUSED),
    (_IF, {'kind': 'number'}, REFUSED),
    (_IF, {'kind': 'text'}, REFUSED),
    (_IF, {'kind': 'text', 'text': 'x'}, {'kind': 'text', 'text': 'x'}),
    # true is not 1
    (record(x={'enum': [1, 'a']}), {'x': True}, REFUSED),
    (record(x={'const': True}), {'x': 1}, REFUSED),
    (record(x={'enum': [1, True]}), {'x': True}, {'x': True}),
    ({'type': 'array', 'uniqueItems': True}, [1, True, 0, False, 1.0], [1, True, 0, False]),
    ({'type': 'array', 'uniqueItems': True}, [[1], [True], [1]], [[1], [True]]),
    # directions
    (_READ_ONLY, {'name': 'x'}, {'name': 'x'}),
    (_READ_ONLY, {'name': 'x', 'id': 5}, {'name': 'x', 'id': 5}),
    (_READ_ONLY, {'id': 5}, REFUSED),
    ({'type': 'array', 'items': _READ_ONLY}, [{'name': 'x'}], [{'name': 'x'}]),
    # defaults say what the server assumes
    (_DEFAULTS, {}, {}),
    (_DEFAULTS, {'inner': {}}, {'inner': {}}),
    (_DEFAULTS, {'many': [{}]}, {'many': [{}]}),
    (_DEFAULTS, {'either': {}, 'all': {}}, {'either': {}, 'all': {}}),
    (_DEFAULTS, {'private': True, 'inner': {'more': 1}}, {'private': True, 'inner': {'more': 1}}),
    # values of an enum without quotes
    ({**_STRING, 'enum': [1, 2.5, True]}, '1', '1'),
    ({**_STRING, 'enum': [1, 2.5, True]}, 2.5, '2.5'),
    ({**_STRING, 'enum': [1, 2.5, True]}, 'true', 'true'),
    ({**_STRING, 'enum': [1, 2.5, True]}, '3', REFUSED),
    ({**_INTEGER, 'enum': ['1', '2']}, 2, 2),
    ({'type': 'number', 'enum': ['0.5']}, 0.5, 0.5),
    ({'const': 'a'}, 'a', 'a'),
    ({'const': 'a'}, 'b', REFUSED),
    # numbers
    ({'type': 'number'}, 34.0, 34),
    ({'type': 'number'}, 1e16, 10**16),
    ({'type': 'number'}, 2**63 + 1, 2**63 + 1),
    ({'type': 'number'}, '12345678901234567890', 12345678901234567890),
    ({'type': 'number'}, decimal.Decimal('12345678901234567890'), 12345678901234567890),
    ({'type': 'number'}, 0.1, 0.1),
    (_INTEGER, 34.0, 34),
    (_INTEGER, 1e16, 10**16),
    ({}, 34.0, 34),
    ({'type': 'number'}, '34.0', 34),
    ({'type': 'number'}, ' 1e3 ', 1000),
    ({'type': 'number'}, '12345678901234567890.0', 12345678901234567890),
    ({'type': 'number'}, '0.5', 0.5),
    ({'type': 'number'}, '1_0', REFUSED),
    ({'type': 'number'}, '\u0667', REFUSED),
    # of several alternatives the one of the value's own type
    ({'oneOf': [_STRING, _INTEGER]}, 5, 5),
    ({'oneOf': [_INTEGER, _STRING]}, '5', '5'),
    ({'anyOf': [_STRING, {'type': 'number'}, _NULL]}, 2.5, 2.5),
    ({'anyOf': [_STRING, {'type': 'boolean'}]}, True, True),
    ({'anyOf': [{'type': 'array', 'items': _STRING}, _STRING]}, 'a,b', 'a,b'),
    ({'anyOf': [_INTEGER, {'type': 'array', 'items': _INTEGER}]}, (1, 2), [1, 2]),
    # names by their pattern
    ({'type': 'object', 'patternProperties': {'^x': _INTEGER}, 'additionalProperties': False}, {'xa': 1}, {'xa': 1}),
    (_PATTERNS, {'x-a': '5'}, {'x-a': 5}),
    (_PATTERNS, {'x-a': 'b'}, REFUSED),
    (_PATTERNS, {'y': 5}, REFUSED),
    ({**_PATTERNS, 'patternProperties': {'^[a-z]+$': _INTEGER}}, {'ab': '5'}, {'ab': 5}),
    ({**_PATTERNS, 'patternProperties': {'^[a-z]+$': _INTEGER}}, {'a1': '5'}, REFUSED),
    ({**_PATTERNS, 'patternProperties': {r'^\w*$': _INTEGER}}, {'a1': '5'}, {'a1': 5}),
    ({**_PATTERNS, 'patternProperties': {'[a-z]*$': _INTEGER}}, {'a' * 150 + '!': 'x'}, {'a' * 150 + '!': 'x'}),
    (_UNKNOWN_PATTERN, {'a' * 40 + '!': 'x'}, {'a' * 40 + '!': 'x'}),
    # what programs bring
    ({}, {'a': numpy.array([1, 2]), 'b': numpy.bool_(True)}, {'a': [1, 2], 'b': True}),
    (_INTEGER, numpy.bool_(True), REFUSED),
    ({'type': 'number'}, numpy.bool_(True), REFUSED),
    ({'type': 'number'}, numpy.float32(0.5), 0.5),
    ({'type': 'number'}, decimal.Decimal('1.00000000000000000001'), 1),
    ({**_STRING, 'format': 'time'}, time(3, 4), '03:04:00'),
    # dates
    ({**_STRING, 'format': 'date'}, datetime(2026, 8, 4, 23, tzinfo=UTC), '2026-08-04'),
    ({**_STRING, 'format': 'date'}, date(2026, 8, 4), '2026-08-04'),
    ({'type': 'array', 'items': _DATE}, [datetime(2026, 8, 4, 23, tzinfo=UTC)], ['2026-08-04']),
    (record(when=_DATE), {'when': datetime(2026, 8, 4)}, {'when': '2026-08-04'}),
    ({**_STRING, 'format': 'date-time'}, date(2026, 8, 4), '2026-08-04T00:00:00+00:00'),
    ({**_STRING, 'format': 'date-time'}, datetime(2026, 8, 4, 12), '2026-08-04T12:00:00+00:00'),
    (
        {**_STRING, 'format': 'date-time'},
        datetime(2026, 8, 4, 12, tzinfo=timezone(timedelta(hours=2))),
        '2026-08-04T12:00:00+02:00',
    ),
    (
        record(when={'anyOf': [{**_STRING, 'format': 'date'}, _NULL]}),
        {'when': datetime(2026, 8, 4, tzinfo=UTC)},
        {'when': '2026-08-04'},
    ),
]

#: Query parameters with a default: the parameter, and the query of a call that does not give it.
QUERY_DEFAULTS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({**_INTEGER, 'default': 5}, [('a', '5')]),
    ({**_INTEGER, 'default': '5'}, [('a', '5')]),
    ({**_STRING, 'default': 5}, [('a', '5')]),
    ({**_INTEGER, 'default': 'five'}, []),
    ({**_INTEGER, 'default': 5, 'maximum': 3}, []),
    ({**_STRING, 'enum': ['x'], 'default': 'y'}, []),
    ({'type': 'array', 'items': _INTEGER, 'default': 'x'}, []),
    ({'type': 'array', 'items': _INTEGER, 'default': [1, 2]}, [('a', '1'), ('a', '2')]),
    ({'type': 'boolean', 'default': False}, [('a', 'false')]),
    ({**_INTEGER, 'default': None}, []),
    ({'type': ['integer', 'null'], 'default': None}, []),
    ({'type': 'number', 'default': 34.0}, [('a', '34')]),
]

_BASE = {**record(a=_STRING), 'required': ['a']}

#: A schema that is referred to, what stands beside the reference, a value, and what is sent.
BESIDE: list[tuple[dict[str, Any], dict[str, Any], Any, Any]] = [
    (_BASE, {'required': ['b'], **record(b=_INTEGER)}, {'b': 1}, REFUSED),
    (_BASE, {'required': ['b'], **record(b=_INTEGER)}, {'a': 'x'}, REFUSED),
    (_BASE, {'required': ['b'], **record(b=_INTEGER)}, {'a': 'x', 'b': '1'}, {'a': 'x', 'b': 1}),
    ({**_INTEGER, 'minimum': 3}, {'minimum': 1}, 2, REFUSED),
    ({**_INTEGER, 'maximum': 5}, {'maximum': 9}, 7, REFUSED),
    ({**_INTEGER, 'maximum': 5}, {'minimum': 3}, 2, REFUSED),
    ({**_STRING, 'enum': ['a', 'b']}, {'enum': ['b', 'c']}, 'c', REFUSED),
    ({**_STRING, 'enum': ['a', 'b']}, {'enum': ['b', 'c']}, 'b', 'b'),
    ({'allOf': [_BASE]}, {'allOf': [{'required': ['c']}]}, {'a': 'x'}, REFUSED),
    (_INTEGER, {'description': 'text', 'title': 'T'}, '5', 5),
    (record(id=_INTEGER), {'title': 'T', 'readOnly': True}, {'id': '5'}, {'id': 5}),
]

_KINDS = {
    'Cat': {**_TREE, 'properties': {'kind': _STRING, 'size': _STRING}},
    'Dog': _TREE,
    # The base leads to its alternatives, which lead back to it.
    'Pet': {
        'type': 'object',
        'required': ['kind'],
        'discriminator': {'propertyName': 'kind'},
        'oneOf': [{'$ref': '#/components/schemas/Fish'}],
    },
    'Fish': {'allOf': [{'$ref': '#/components/schemas/Pet'}, record(fins=_INTEGER)]},
}
_CHOICE = {'oneOf': [{'$ref': '#/components/schemas/Cat'}, {'$ref': '#/components/schemas/Dog'}]}
_MAPPED = {'dog': '#/components/schemas/Dog', 'cat': 'Cat'}

#: Schemas with a discriminator, in a document with the schemas of `KINDS`: a value, and what is sent.
KINDS = _KINDS
DISCRIMINATED: list[tuple[dict[str, Any], Any, Any]] = [
    ({**_CHOICE, 'discriminator': {'propertyName': 'kind'}}, {'kind': 'Dog', 'size': '5'}, {'kind': 'Dog', 'size': 5}),
    ({**_CHOICE, 'discriminator': {'propertyName': 'kind'}}, {'kind': 'Dog', 'size': 'x'}, REFUSED),
    (
        {**_CHOICE, 'discriminator': {'propertyName': 'kind', 'mapping': _MAPPED}},
        {'kind': 'dog', 'size': '5'},
        {'kind': 'dog', 'size': 5},
    ),
    (
        {**_CHOICE, 'discriminator': {'propertyName': 'kind', 'mapping': _MAPPED}},
        {'kind': 'cat', 'size': '5'},
        {'kind': 'cat', 'size': '5'},
    ),
    (
        {**_CHOICE, 'anyOf': [record(z=_INTEGER), _STRING], 'discriminator': {'propertyName': 'kind'}},
        {'kind': 'Dog', 'size': '5', 'z': '5'},
        {'kind': 'Dog', 'size': 5, 'z': 5},
    ),
    ({**_CHOICE, 'discriminator': 'kind'}, {'kind': 'Dog', 'size': '5'}, {'kind': 'Dog', 'size': '5'}),
    ({'$ref': '#/components/schemas/Pet'}, {'kind': 'Fish', 'fins': '2'}, {'kind': 'Fish', 'fins': 2}),
    ({'$ref': '#/components/schemas/Fish'}, {'kind': 'Fish', 'fins': '2'}, {'kind': 'Fish', 'fins': 2}),
    ({'$ref': '#/components/schemas/Fish'}, {'fins': '2'}, REFUSED),
]
