"""Descriptions that are broken in a place: a SpecError that names the operation and the place, when it is used."""

import copy
from typing import Any

import pytest

from esipy import App
from esipy._message.response import Response
from esipy.exceptions import CallError, SpecError

OK: dict[str, Any] = {'get': {'operationId': 'whole', 'responses': {'200': {'description': 'OK'}}}}


def app_with(operation: dict[str, Any], path: str = '/broken', **document: Any) -> App:
    """An App with two operations, of which `broken` is as given."""
    whole = {
        'openapi': '3.1.0',
        'servers': [{'url': 'https://a.example'}],
        'paths': {path: {'get': {'operationId': 'broken', 'responses': {}, **operation}}, '/whole': OK},
        **document,
    }
    return App.create(copy.deepcopy(whole))


def taking(schema: Any) -> dict[str, Any]:
    return {'parameters': [{'in': 'query', 'name': 'a', 'schema': schema}]}


def body(schema: Any, media: str = 'application/json') -> dict[str, Any]:
    return {'requestBody': {'content': {media: {'schema': schema}}}}


CIRCLE = {
    'components': {
        'schemas': {'A': {'$ref': '#/components/schemas/B'}, 'B': {'$ref': '#/components/schemas/A'}},
        'parameters': {'P': {'$ref': '#/components/parameters/P'}},
    }
}

#: What stands in the operation; its arguments; what the error says beside the operation's name.
BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    'a reference to nothing': (
        {'parameters': [{'$ref': '#/components/parameters/none'}]},
        {},
        "reference to nothing: '#/components/parameters/none' (there is no 'none')",
    ),
    'a reference past the end of a list': ({'parameters': [{'$ref': '#/servers/7'}]}, {}, "there is no '7'"),
    'a reference to itself': ({'parameters': [{'$ref': '#/components/parameters/P'}]}, {}, 'reference in a circle'),
    'a schema that refers to nothing': (taking({'$ref': '#/components/schemas/none'}), {'a': 1}, "is no 'none'"),
    'schemas that refer to each other': (taking({'$ref': '#/components/schemas/A'}), {'a': 1}, 'in a circle'),
    'an item that refers to nothing': (taking({'type': 'array', 'items': {'$ref': '#/x'}}), {'a': 1}, "no 'x'"),
    'a field that refers to nothing': (
        body({'type': 'object', 'properties': {'a': {'$ref': '#/x'}}}),
        {'body': {'a': 1}},
        "reference to nothing: '#/x'",
    ),
    'a body that refers to nothing': ({'requestBody': {'$ref': '#/x'}}, {}, "reference to nothing: '#/x'"),
    'parameters that are a number': ({'parameters': 5}, {}, "'parameters' cannot be 5"),
    'parameters that are an object': ({'parameters': {'a': 1}}, {}, "'parameters' cannot be {'a': 1}"),
    'a parameter that is a text': ({'parameters': ['a']}, {}, "a parameter cannot be 'a'"),
    'a parameter that is nothing': ({'parameters': [None]}, {}, 'a parameter cannot be None'),
    'a parameter without a name': ({'parameters': [{'in': 'query'}]}, {}, "there is no 'name'"),
    'a parameter without a place': ({'parameters': [{'name': 'a'}]}, {}, "there is no 'in'"),
    'a parameter whose name is a list': ({'parameters': [{'in': 'query', 'name': []}]}, {}, "'name' cannot be []"),
    'a body that is a list': ({'requestBody': [1]}, {}, "'requestBody' cannot be [1]"),
    'content that is a text': ({'requestBody': {'content': 'x'}}, {}, "'content' cannot be 'x'"),
    'a type that is a number': (taking({'type': 5}), {'a': 1}, "'type' cannot be 5"),
    'an enum that is a text': (taking({'enum': 'abc'}), {'a': 1}, "'enum' cannot be 'abc'"),
    'a minimum that is a text': (taking({'type': 'integer', 'minimum': 'one'}), {'a': 1}, "'minimum' cannot be 'one'"),
    'a length that is a list': (taking({'type': 'string', 'maxLength': [1]}), {'a': 1}, "'maxLength' cannot be [1]"),
    'alternatives that are an object': (taking({'oneOf': {}}), {'a': 1}, "'oneOf' cannot be {}"),
    'properties that are a list': (body({'properties': [1]}), {'body': {}}, "'properties' cannot be [1]"),
    'required that is a text': (body({'type': 'object', 'required': 'a'}), {'body': {}}, "'required' cannot be 'a'"),
    'no multiples': (
        taking({'type': 'integer', 'multipleOf': 0}),
        {'a': 1},
        "'multipleOf' cannot be 0 (in parameter 'a'",
    ),
    'endless multiples': (taking({'multipleOf': float('inf')}), {'a': 1}, "'multipleOf' cannot be inf"),
    'a part that is a number': (body({'allOf': [5]}), {'body': {}}, 'a schema cannot be 5'),
    'an alternative that is a text': (body({'oneOf': ['a']}), {'body': {}}, "a schema cannot be 'a'"),
    'a field that is broken': (
        body({'properties': {'a': {'properties': {'b': {'minimum': 'x'}}}}}),
        {'body': {'a': {'b': 1}}},
        "'minimum' cannot be 'x' (in field 'b')",
    ),
    'dependencies that are a text': (body({'dependentRequired': {'a': 'b'}}), {'body': {}}, 'cannot have'),
    'a pattern that is a number': (
        body({'patternProperties': {5: {}}}),
        {'body': {}},
        "'patternProperties' cannot have 5",
    ),
    'security that is a text': ({'security': 'OAuth2'}, {'token': 'x'}, "'security' cannot be 'OAuth2'"),
    'a need that is a text': ({'security': ['OAuth2']}, {'token': 'x'}, "an item of 'security' cannot be 'OAuth2'"),
}


@pytest.mark.parametrize('case', BROKEN)
def test_a_broken_parameter_names_the_operation_and_the_place(case: str) -> None:
    operation, given, reason = BROKEN[case]
    app = app_with(operation, **CIRCLE)  # type: ignore[arg-type]
    with pytest.raises(SpecError) as caught:
        app.op['broken'](**given)
    assert str(caught.value).startswith('broken: broken description: ')
    assert str(caught.value).count('broken description') == 1
    assert reason in str(caught.value)
    assert app.op['whole']()[0].url == 'https://a.example/whole'  # what is whole goes on working


def test_schemas_of_which_only_the_name_is_written_allow_everything() -> None:
    schema = {'type': 'object', 'properties': {'a': None, 'b': None}}
    request = app_with(body(schema)).op['broken'](body={'a': 5, 'b': ['x']})[0]
    assert request.data == b'{"a": 5, "b": ["x"]}'


@pytest.mark.parametrize(
    'rule', ['kind', {}, {'propertyName': ['kind']}, {'propertyName': 'kind', 'mapping': {'x': 5}}]
)
def test_a_discriminator_that_is_broken_chooses_nothing(rule: Any) -> None:
    fields = {'type': 'object', 'properties': {'kind': {'type': 'string'}}}
    app = app_with(
        body({'oneOf': [{'$ref': '#/components/schemas/A'}], 'discriminator': rule}),
        components={'schemas': {'A': fields}},
    )
    assert app.op['broken'](body={'kind': 'x'})[0].data == b'{"kind": "x"}'


def test_a_path_whose_parameter_is_nowhere_described() -> None:
    with pytest.raises(SpecError, match=r"broken: broken description: no parameter describes 'id' of /broken/{id}"):
        app_with({}, '/broken/{id}').op['broken']()


def test_a_path_that_refers_to_nothing() -> None:
    with pytest.raises(SpecError, match="reference to nothing: '#/x'"):
        App.create({'openapi': '3.1.0', 'paths': {'/a': {'$ref': '#/x'}}})


@pytest.mark.parametrize('item', [None, 5, 'text', [], {'get': None}, {'get': 5}, {'get': []}, {'summary': 'x'}])
def test_a_path_that_holds_no_operation(item: Any) -> None:
    app = App.create({'openapi': '3.1.0', 'paths': {'/a': item, '/whole': OK}})
    assert list(app.op) == ['whole']


@pytest.mark.parametrize('key', [5, None, 'x-own', 'no-slash', ''])
def test_what_is_not_a_path(key: Any) -> None:
    assert list(App.create({'openapi': '3.1.0', 'paths': {key: OK, '/whole': OK}}).op) == ['whole']


# ---------------------------------------------------------------------- what is told beside, tolerated when it is odd

GARBAGE: list[Any] = [None, 5, 'text', [], ['a'], {}, {'group': 'a'}, True]


@pytest.mark.parametrize(
    'limit',
    [
        *GARBAGE,
        {'group': 'a', 'window-size': '15m'},
        {'group': 'a', 'window-size': 'soon', 'max-tokens': 5},
        {'group': 'a', 'window-size': '', 'max-tokens': 5},
        {'group': 'a', 'window-size': 'inf', 'max-tokens': 5},
        {'group': 'a', 'window-size': 'nan', 'max-tokens': 5},
        {'group': 'a', 'window-size': '0m', 'max-tokens': 5},
        {'group': 'a', 'window-size': '-1m', 'max-tokens': 5},
        {'group': 'a', 'window-size': '15m', 'max-tokens': 'many'},
        {'group': 'a', 'window-size': '15m', 'max-tokens': 0},
        {'group': 'a', 'window-size': '15m', 'max-tokens': float('inf')},
        {'group': 'a', 'window-size': '15m', 'max-tokens': None},
        {'group': 'a', 'window-size': None, 'max-tokens': 5},
    ],
)
def test_a_rate_limit_that_is_none(limit: Any) -> None:
    assert app_with({'x-rate-limit': limit}).op['broken'].rate_limit is None


@pytest.mark.parametrize(
    ('window', 'seconds'), [('15m', 900), ('30s', 30), ('2h', 7200), ('1d', 86400), (60, 60), ('90', 90), ('1.5m', 90)]
)
def test_a_rate_limit(window: Any, seconds: float) -> None:
    limit = (
        app_with({'x-rate-limit': {'group': 'g', 'window-size': window, 'max-tokens': '150'}}).op['broken'].rate_limit
    )
    assert limit == ('g', seconds, 150)


@pytest.mark.parametrize('value', GARBAGE)
def test_other_notes_that_are_none(value: Any) -> None:
    names = ('x-required-roles', 'x-cache-age', 'x-client-cache-ttl', 'x-pagination', 'tags', 'summary', 'deprecated')
    operation = app_with(dict.fromkeys(names, value)).op['broken']
    assert isinstance(operation.required_roles, tuple)
    assert operation.cache_age in (None, 5)
    assert operation.paging is None
    assert isinstance(operation.tags, list)
    assert isinstance(operation.help_text(), str)
    assert isinstance(operation.deprecated, bool)


# ---------------------------------------------------------------------- in the reading direction nothing is an error

RESPONSES: list[Any] = [
    5,
    [],
    {'200': 5},
    {'200': {'$ref': '#/none'}},
    {'200': {'content': 5}},
    {'200': {'content': {'application/json': 5}}},
    {'200': {'content': {'application/json': {'schema': {'$ref': '#/none'}}}}},
    {'200': {'content': {'application/json': {'schema': {'type': 5}}}}},
    {'200': {'content': {'application/json': {'schema': {'properties': {'a': {'$ref': '#/none'}}}}}}},
    {'200': {'content': {'application/json': {'schema': {'properties': {'b': {'properties': {'c': {'type': 5}}}}}}}}},
    {'200': {'headers': 5}},
    {'200': {'headers': {'X-Pages': {'$ref': '#/none'}}}},
    {'200': {'headers': {'X-Pages': {'schema': {'type': 5}}}}},
]


@pytest.mark.parametrize('responses', RESPONSES, ids=repr)
def test_a_response_is_read_though_its_description_is_broken(responses: Any) -> None:
    response: Response = app_with({'responses': responses}).op['broken']()[1]
    response.status, response.raw = 200, b'{"a": 1, "b": {"c": [{"d": 2}]}}'
    response.take_headers({'X-Pages': '3'})
    assert response.header['x-pages'] in ([3], ['3'])
    assert response.data.a == 1
    assert response.data.b.c[0].d == 2
    assert response.data['b']['c'][0]['d'] == 2


def test_a_type_that_holds_itself_is_no_mistake() -> None:
    node = {'type': 'object', 'properties': {'id': {'type': 'integer'}, 'next': {'$ref': '#/components/schemas/Node'}}}
    whole = {
        'components': {
            'schemas': {'Node': node, 'Many': {'type': 'array', 'items': {'$ref': '#/components/schemas/Many'}}}
        }
    }
    app = app_with(
        {**body({'$ref': '#/components/schemas/Node'}), **taking({'$ref': '#/components/schemas/Many'})},
        **whole,  # type: ignore[arg-type]
    )
    call = app.op['broken'](body={'id': 1, 'next': {'id': 2, 'next': {'id': '3'}}}, a=[])
    assert call[0].data == b'{"id": 1, "next": {"id": 2, "next": {"id": 3}}}'
    with pytest.raises(CallError, match=r'body\.next\.next\.id: '):
        app.op['broken'](body={'next': {'next': {'id': 'x'}}})


def test_parts_that_hold_each_other_are_no_mistake() -> None:
    schemas = {
        'A': {'allOf': [{'$ref': '#/components/schemas/B'}], 'properties': {'a': {'type': 'integer'}}},
        'B': {'allOf': [{'$ref': '#/components/schemas/A'}], 'properties': {'b': {'type': 'integer'}}},
    }
    app = app_with(body({'$ref': '#/components/schemas/A'}), components={'schemas': schemas})
    assert app.op['broken'](body={'a': '1', 'b': '2'})[0].data == b'{"b": 2, "a": 1}'


def test_what_stands_beside_a_reference_counts() -> None:
    schemas = {'Small': {'type': 'integer', 'maximum': 3, 'description': 'theirs'}}
    app = app_with(
        taking({'$ref': '#/components/schemas/Small', 'description': 'ours'}), components={'schemas': schemas}
    )
    assert app.op['broken'].parameters[0].description == 'ours'
    with pytest.raises(CallError, match='above the maximum of 3'):
        app.op['broken'](a=4)


def test_names_in_references_may_be_written_in_every_way() -> None:
    app = app_with(taking({'$ref': '#/x-own/a~1b~0c%20d/1'}), **{'x-own': {'a/b~c d': [{}, {'enum': ['yes']}]}})  # type: ignore[arg-type]
    with pytest.raises(CallError, match='not one of yes'):
        app.op['broken'](a='no')
