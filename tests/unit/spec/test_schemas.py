"""What a schema lets through, what it refuses, and what is sent of it."""

import json
import math
from typing import Any

import pytest

from esipy import App
from esipy._message.rows import Row
from esipy.exceptions import CallError
from tests.cases.schemas import BESIDE, BODIES, DISCRIMINATED, KINDS, QUERY_DEFAULTS, REFUSED


def app(node: dict[str, Any], path: str = '/a', **more: Any) -> Any:
    paths = {path: {'post': {'operationId': 'a', 'responses': {}, **node}}}
    document = {'openapi': '3.1.0', 'servers': [{'url': 'https://a.example'}], 'paths': paths, **more}
    return App.create(document).op['a']


def taking(schema: Any) -> Any:
    return {'requestBody': {'required': True, 'content': {'application/json': {'schema': schema}}}}


def old(schema: Any) -> Any:
    """The same schema in a Swagger 2.0 document."""
    body = {'in': 'body', 'name': 'body', 'required': True, 'schema': schema}
    paths = {'/a': {'post': {'operationId': 'a', 'responses': {}, 'parameters': [body]}}}
    return App.create({'swagger': '2.0', 'host': 'a.example', 'paths': paths}).op['a']


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and have the same types: 34 is not 34.0."""
    return bool(one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize(('schema', 'value', 'sent'), BODIES)
def test_a_body(schema: dict[str, Any], value: Any, sent: Any) -> None:
    text = json.dumps(schema)
    makers = [app(taking(schema))]
    if not any(word in text for word in _NOT_IN_SWAGGER):
        makers.append(old(schema))
    for make in makers:
        if sent is REFUSED:
            with pytest.raises(CallError):
                make(body=value)
        else:
            assert same(json.loads(make(body=value)[0].data), sent)


_NOT_IN_SWAGGER = (
    'anyOf',
    'oneOf',
    '"null"',
    'nullable',
    'const',
    'exclusive',
    'writeOnly',
    'prefixItems',
    '"if"',
    'not',
)


def check(operation: Any, value: Any, sent: Any) -> None:
    if sent is REFUSED:
        with pytest.raises(CallError):
            operation(body=value)
    else:
        assert same(json.loads(operation(body=value)[0].data), sent)


@pytest.mark.parametrize(('target', 'beside', 'value', 'sent'), BESIDE)
def test_what_stands_beside_a_reference_applies_as_well(target: Any, beside: Any, value: Any, sent: Any) -> None:
    schema = {'$ref': '#/components/schemas/A', **beside}
    check(app(taking(schema), components={'schemas': {'A': target}}), value, sent)
    between = {'A': {'$ref': '#/components/schemas/B', **beside}, 'B': target}
    check(app(taking({'$ref': '#/components/schemas/A'}), components={'schemas': between}), value, sent)


@pytest.mark.parametrize(('schema', 'value', 'sent'), DISCRIMINATED)
def test_a_discriminator(schema: Any, value: Any, sent: Any) -> None:
    check(app(taking(schema), components={'schemas': KINDS}), value, sent)


@pytest.mark.parametrize('leaf', [5, 'x'])
def test_alternatives_within_alternatives_are_tried_once(leaf: Any) -> None:
    """A filter of 25 levels, each of which has the choice of four: one that does not fit is refused at once."""
    kinds: list[Any] = [
        {
            'type': 'object',
            'required': ['op', 'args'],
            'properties': {
                'op': {'const': name},
                'args': {'type': 'array', 'items': {'$ref': '#/components/schemas/F'}},
            },
        }
        for name in ('or', 'not', 'and')
    ]
    operation = app(
        taking({'$ref': '#/components/schemas/F'}),
        components={'schemas': {'F': {'oneOf': [*kinds, {'type': 'integer'}]}}},
    )
    value = leaf
    for _ in range(25):
        value = {'op': 'and', 'args': [value]}
    check(operation, value, REFUSED if leaf == 'x' else value)


@pytest.mark.parametrize('leaf', [5, 'x'])
def test_schemas_that_lead_to_the_same_values_check_these_once(leaf: Any) -> None:
    reference = {'$ref': '#/components/schemas/N'}
    fields = {'properties': {'next': reference, 'size': {'type': 'integer'}}}
    node = {'type': 'object', **fields, 'anyOf': [fields], 'if': fields, 'then': fields, 'not': {'required': ['no']}}
    value: Any = {'size': leaf}
    for _ in range(25):
        value = {'next': value}
    check(app(taking(reference), components={'schemas': {'N': node}}), value, REFUSED if leaf == 'x' else value)


@pytest.mark.parametrize('value', [{'password': 'hush'}, [{'n': {'api_key': 'hush'}}], {'a': Row(token='hush')}])
@pytest.mark.parametrize(
    'schema', [{'type': 'string'}, {'not': {}}, {'enum': [1]}, {'oneOf': [{'type': 'string'}, {'type': 'integer'}]}]
)
def test_a_secret_within_a_value_is_not_shown(schema: Any, value: Any) -> None:
    with pytest.raises(CallError) as caught:
        app(taking(schema))(body=value)
    assert 'hush' not in f'{caught.value} {caught.value!r}'
    assert '***' in str(caught.value)


def test_digits_are_kept() -> None:
    for number in (10**16, 2**64 + 1, 12345678901234567890123):
        assert app(taking({'type': 'number'}))(body=number)[0].data == str(number).encode()
    with pytest.raises(CallError):
        app(taking({'type': 'number'}))(body=math.inf)


@pytest.mark.parametrize(('schema', 'query'), QUERY_DEFAULTS)
@pytest.mark.parametrize('version', ['2.0', '3.1.0'])
def test_a_default_that_does_not_fit_is_as_good_as_none(schema: Any, query: Any, version: str) -> None:
    if version == '2.0':
        parameter = {'in': 'query', 'name': 'a', **schema, 'collectionFormat': 'multi'}
        paths = {'/a': {'get': {'operationId': 'a', 'responses': {}, 'parameters': [parameter]}}}
        operation = App.create({'swagger': '2.0', 'host': 'a.example', 'paths': paths}).op['a']
    else:
        operation = app({'parameters': [{'in': 'query', 'name': 'a', 'schema': schema}]})
    assert operation()[0].query == query
    parameter = {'in': 'query', 'name': 'a', 'required': True, 'schema': schema}
    required = app({'parameters': [parameter]})
    if query:
        assert required()[0].query == query
    else:
        with pytest.raises(CallError, match='a: is required'):
            required()


@pytest.mark.parametrize('name', ['Authorization', 'accept', 'CONTENT-TYPE'])
def test_headers_that_are_set_elsewhere_are_ignored(name: str) -> None:
    operation = app({'parameters': [{'in': 'header', 'name': name, 'required': True, 'schema': {'type': 'string'}}]})
    assert operation.parameters == []
    assert dict(operation()[0].header) == {}
    with pytest.raises(CallError, match='unknown parameter'):
        operation(**{name: 'x'})


# ---------------------------------------------------------------------- one name in several places


def parameter(location: str, name: str = 'id', kind: str = 'integer') -> dict[str, Any]:
    return {'in': location, 'name': name, 'required': location == 'path', 'schema': {'type': kind}}


def test_the_same_name_in_every_place() -> None:
    places = ('header', 'query', 'path', 'cookie')
    operation = app({'parameters': [*map(parameter, places)]}, '/a/{id}')
    request = operation(id=1)[0]
    assert (request.path, request.query, dict(request.header)) == ('/a/1', [], {})
    request = operation(id=1, query_id=2, header_id=3, cookie_id=4)[0]
    assert (request.path, request.query) == ('/a/1', [('id', '2')])
    assert dict(request.header) == {'id': '3', 'Cookie': 'id=4'}
    with pytest.raises(CallError, match=r'^a: header_id: .*not an integer; query_id: '):
        operation(id=1, query_id='x', header_id='y')
    assert 'query_id (query, integer, optional)' in operation.help_text()
    assert 'query_id' in operation.__signature__.parameters


def test_a_required_one_of_two_is_demanded_by_its_own_name() -> None:
    both = [parameter('path'), {**parameter('query'), 'required': True}]
    with pytest.raises(CallError, match=r'query_id: is required \(query, integer\)'):
        app({'parameters': both}, '/a/{id}')(id=1)


def test_a_name_that_is_taken_by_another_parameter() -> None:
    three = [parameter('path'), parameter('query'), parameter('query', 'query_id')]
    request = app({'parameters': three}, '/a/{id}')(id=1, query_id=2, query_id_=3)[0]
    assert request.query == [('id', '3'), ('query_id', '2')]


@pytest.mark.parametrize('location', ['query', 'header', 'cookie'])
def test_a_parameter_called_body(location: str) -> None:
    def sent(request: Any) -> Any:
        return request.query or {name: text for name, text in request.header.items() if name != 'Content-Type'}

    expected: dict[str, Any] = {'query': [('body', '5')], 'header': {'body': '5'}, 'cookie': {'Cookie': 'body=5'}}
    named = {'parameters': [parameter(location, 'body')]}
    assert sent(app(named)(body=5)[0]) == expected[location]
    both = app({**named, **taking({'type': 'object'})})
    request = both(body={'a': 1}, **{f'{location}_body': 5})[0]
    assert (sent(request), request.data) == (expected[location], b'{"a": 1}')
    with pytest.raises(CallError, match='body: is required'):
        both(**{f'{location}_body': 5})


def test_a_body_and_a_parameter_of_one_name_in_the_old_format() -> None:
    two = [
        {'in': 'query', 'name': 'pet', 'type': 'integer'},
        {'in': 'body', 'name': 'pet', 'schema': {'type': 'object'}},
    ]
    paths = {'/a': {'post': {'operationId': 'a', 'responses': {}, 'parameters': two}}}
    operation = App.create({'swagger': '2.0', 'host': 'a.example', 'paths': paths}).op['a']
    request = operation(pet=1, body={'a': 1})[0]
    assert (request.query, request.data) == ([('pet', '1')], b'{"a": 1}')


def test_a_path_parameter_that_the_path_does_not_have_is_not_an_argument() -> None:
    operation = app({'parameters': [parameter('path', 'gone')]})
    assert operation()[0].path == '/a'
    with pytest.raises(CallError, match='gone: unknown parameter'):
        operation(gone=1)
