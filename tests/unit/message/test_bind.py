"""Arguments to requests, on a small document of our own: what is taken, what is refused, how it is told."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from esipy import App
from esipy._message.request import Request
from esipy.exceptions import CallError, EsiError
from tests.cases.arguments import REFUSED, SOME_UUID, TAKEN
from tests.cases.stations import DOCUMENT

APP = App.create(DOCUMENT)


def request(operation: str, /, **given: Any) -> Request:
    made: Request = APP.op[operation](**given)[0]
    return made


def body(operation: str, value: Any) -> Any:
    return json.loads(request(operation, body=value).data or b'null')


def faults(operation: str, /, **given: Any) -> list[tuple[str, str]]:
    with pytest.raises(CallError) as caught:
        APP.op[operation](**given)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, EsiError)
    assert caught.value.operation == operation
    for name, fault in caught.value.faults:
        assert f'{name}: {fault}' in str(caught.value)
    return caught.value.faults


def one_shot(value: Any) -> Any:
    """A generator is used up by the test that takes it."""
    return iter([*value]) if isinstance(value, Iterator) else value


def case_id(value: object) -> str:
    """A test id that is the same in every process: without memory addresses."""
    return re.sub(r' at 0x\w+', '', repr(value))[:40]


@pytest.mark.parametrize(('name', 'value', 'expected'), TAKEN, ids=case_id)
def test_taken(name: str, value: Any, expected: list[str]) -> None:
    made = request('getStation', name='Jita', **{name: one_shot(value)})
    sent = parse_qsl(urlsplit(made.outgoing('GET', {}, None).url).query, keep_blank_values=True)
    assert [text for key, text in sent if key == name] == expected


@pytest.mark.parametrize(('name', 'value', 'reason'), REFUSED, ids=case_id)
def test_refused(name: str, value: Any, reason: str) -> None:
    (fault,) = faults('getStation', name='Jita', **{name: value})
    assert re.split(r'[.[]', fault[0])[0] == name
    assert reason in fault[1]
    assert len(fault[1]) < 250


def test_what_is_required_and_not_given() -> None:
    assert faults('getStation') == [('name', 'is required (path, string)')]
    assert faults('getStation', name=None) == [('name', 'is required (path, string)')]
    assert faults('postStation') == [('body', 'is required (body, object)')]


def test_required_with_a_default_is_not_missing() -> None:
    assert request('getStation', name='Jita').query == [('page', '1')]
    assert request('getStation', name='Jita', page=None).query == [('page', '1')]
    assert request('getStation', name='Jita', page=3).query == [('page', '3')]


def test_the_default_of_a_header_is_not_sent() -> None:
    assert dict(request('getStation', name='Jita').header) == {}
    assert dict(request('getStation', name='Jita', x_note='said').header) == {'X-Note': 'said'}


@pytest.mark.parametrize(
    ('given', 'hint'),
    [
        ('cont', "did you mean 'count'?"),
        ('X-Not', "did you mean 'X-Note'?"),
        ('token', 'unknown parameter'),
        ('datasource', 'unknown parameter'),
        ('zzzzzz', 'unknown parameter; there are name, count, big, '),
        ('self', 'unknown parameter'),
        ('operation', 'unknown parameter'),
    ],
)
def test_unknown_parameters(given: str, hint: str) -> None:
    ((name, fault),) = faults('getStation', name='Jita', **{given: 1})
    assert name == given
    assert fault.startswith('unknown parameter')
    assert hint in fault


def test_all_faults_at_once_in_a_picklable_error() -> None:
    wrong = {'count': 0, 'ids': [1, 'x', True], 'kind': 'outpst', 'nmae': 'Jita'}
    found = faults('getStation', **wrong)
    assert [name for name, _ in found] == ['nmae', 'name', 'count', 'kind', 'ids[1]', 'ids[2]']


@pytest.mark.parametrize('name', ['from_', 'from'])
def test_a_parameter_with_the_name_of_a_keyword(name: str) -> None:
    assert ('from', '5') in request('getStation', name='Jita', **{name: 5}).query


def test_one_parameter_under_two_names() -> None:
    assert faults('getStation', name='Jita', **{'from': 4, 'from_': 5}) == [
        ('from_', "is 'from' under another name, and both were given")
    ]
    assert request('getStation', name='Jita', **{'from': None, 'from_': 5}).query == [('page', '1'), ('from', '5')]


@pytest.mark.parametrize('text', ['a\r\nX-Evil: 1', 'a\nb', 'a\x00b', 'a\x7f', 'ünïcödé', '漢', '\x85'])
def test_a_header_that_cannot_be_sent_is_refused(text: str) -> None:
    ((name, fault),) = faults('getStation', name='Jita', x_note=text)
    assert name == 'X-Note'
    assert 'printable ASCII' in fault


def test_spaces_around_a_header_do_not_count() -> None:
    """`requests` refuses them, long after the call was made."""
    assert request('getStation', name='Jita', x_note='  a b ').header['x-note'] == 'a b'


# ---------------------------------------------------------------------- bodies

NEW = {'name': 'Jita', 'size': 3}


@pytest.mark.parametrize(
    ('given', 'sent'),
    [
        (NEW, {**NEW}),
        ({**NEW, 'colour': None, 'nick': None}, {**NEW}),
        ({**NEW, 'colour': 'red'}, {**NEW, 'colour': 'red'}),
        ({'name': 5, 'size': '3'}, {'name': '5', 'size': 3}),
        ({**NEW, 'closed': None}, {**NEW, 'closed': None}),
        (
            {**NEW, 'closed': datetime(2026, 8, 4, tzinfo=UTC)},
            {**NEW, 'closed': '2026-08-04T00:00:00+00:00'},
        ),
        ({**NEW, 'tags': 'a,b'}, {**NEW, 'tags': ['a', 'b']}),
        ({**NEW, 'parent': NEW}, {**NEW, 'parent': {**NEW}}),
    ],
)
def test_a_body_that_fits(given: Any, sent: Any) -> None:
    before = copy.deepcopy(given)
    assert body('postStation', given) == sent
    assert given == before


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ([], [('body', '[] is not an object')]),
        ('text', [('body', "'text' is not an object")]),
        (5, [('body', '5 is not an object')]),
        ({}, [('body.name', 'is required'), ('body.size', 'is required')]),
        ({'name': None, 'size': 1}, [('body.name', 'None where string belongs')]),
        ({**NEW, 'size': 0}, [('body.size', '0 is below the minimum of 1')]),
        (
            {**NEW, 'sice': 0},
            [('body.sice', 'unknown field; known are name, nick, size, parent, tags, colour, closed')],
        ),
        (
            {'name': 'x', 'sice': 0},
            [('body.size', 'is required'), ('body.sice', "unknown field, did you mean 'size'?")],
        ),
        ({**NEW, 'a': 1, 'b': 2}, [('body.a', 'unknown field'), ('body.b', 'unknown field')]),
        ({**NEW, 'tags': ['a', 'b', 'c']}, [('body.tags', '3 items, at most 2 are allowed')]),
        ({**NEW, 'tags': [1, None]}, [('body.tags[1]', 'None where string belongs')]),
        (
            {**NEW, 'parent': {'name': 'x' * 11}},
            [('body.parent.name', '11 characters'), ('body.parent.size', 'is req')],
        ),
    ],
)
def test_a_body_of_the_wrong_shape(given: Any, expected: list[tuple[str, str]]) -> None:
    found = faults('postStation', body=given)
    assert [place for place, _ in found] == [place for place, _ in expected]
    for (_, fault), (_, beginning) in zip(found, expected, strict=True):
        assert fault.startswith(beginning)


def test_a_body_that_may_be_null_or_absent() -> None:
    assert request('putStation').data is None
    assert 'Content-Type' not in request('putStation').header
    assert body('putStation', {'name': 'Jita'}) == {'name': 'Jita'}
    assert body('putStation', {'name': 'Jita', 'more': SOME_UUID}) == {'name': 'Jita', 'more': str(SOME_UUID)}


def test_alternatives() -> None:
    assert body('postLoose', 5) == 5
    assert body('postLoose', {'name': 5}) == {'name': '5'}
    assert faults('postLoose', body=[]) == [('body', '[] is not an integer or [] is not an object')]
    assert faults('postLoose', body={'nick': 'x'}) == [('body.name', 'is required')]


def test_fields_of_any_name_have_their_type_checked() -> None:
    assert body('putLoose', {'a': 1, 'b': '2'}) == {'a': 1, 'b': 2}
    assert faults('putLoose', body={'a': True}) == [('body.a', 'True where an integer belongs')]


def test_a_body_of_which_nothing_is_said_becomes_json_or_is_refused() -> None:
    given = {'when': datetime(2026, 8, 4, tzinfo=UTC), 5: (1, {2}), 'n': None, 'x': 1.5, 'b': True, 'u': SOME_UUID}
    assert body('patchLoose', given) == {
        'when': '2026-08-04T00:00:00+00:00',
        '5': [1, [2]],
        'n': None,
        'x': 1.5,
        'b': True,
        'u': str(SOME_UUID),
    }
    for wrong in (object(), float('nan'), {'a': [b'x']}, 2**63):
        assert [name for name, _ in faults('patchLoose', body=wrong)] == ['body']


def test_a_body_that_holds_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert faults('patchLoose', body=loop) == [('body', 'holds itself, or is nested too deeply')]
    parent: dict[str, Any] = dict(NEW)
    parent['parent'] = parent
    assert faults('postStation', body=parent) == [('body', 'holds itself, or is nested too deeply')]


def test_a_body_changed_afterwards_is_sent_as_it_was_checked() -> None:
    given: dict[str, Any] = {'list': [1]}
    made = request('patchLoose', body=given)
    given['list'].append(object())
    given['more'] = 1
    assert json.loads(made.data or b'') == {'list': [1]}


@pytest.mark.parametrize(
    ('kinds', 'given', 'sent'),
    [
        (['integer', 'string'], 'abc', 'abc'),
        (['integer', 'string'], '5', '5'),
        (['integer', 'string'], 5, 5),
        (['string', 'integer'], 5, 5),
        (['string', 'integer', 'null'], None, None),
        (['integer', 'boolean'], True, True),
        (['integer', 'array'], [1], [1]),
        (['object', 'null'], {'a': 1}, {'a': 1}),
        (['integer', 'number'], 2.5, 2.5),
        (['null', 'integer'], '5', 5),
        (['duck'], 5, 5),
    ],
)
def test_a_value_of_one_of_several_types_keeps_its_own(kinds: list[str], given: Any, sent: Any) -> None:
    fields = {'type': 'object', 'required': ['x'], 'properties': {'x': {'type': kinds}}}
    content = {'requestBody': {'content': {'application/json': {'schema': fields}}}}
    paths = {'/a': {'post': {'operationId': 'a', **content}}}
    operation = App.create({'openapi': '3.1.0', 'paths': paths}).op['a']
    found = json.loads(operation(body={'x': given})[0].data)['x']
    assert (found, type(found)) == (sent, type(sent))
    if not {'string', 'array', 'duck'} & {*kinds}:
        with pytest.raises(CallError, match='is not '):
            operation(body={'x': 'y'})


# ---------------------------------------------------------------------- the request


def test_a_copy_shares_nothing_that_can_be_edited() -> None:
    made = request('getStation', name='Jita', x_note='a')
    other = made.copy()
    other._p['header']['Authorization'] = 'Bearer x'
    other._p['path']['name'] = 'Amarr'
    other._p['query'].append(('a', 'b'))
    assert made.path == '/stations/Jita'
    assert made.query == [('page', '1')]
    assert 'authorization' not in made.header
    assert other.path == '/stations/Amarr'


def test_the_address_can_be_replaced() -> None:
    made = request('getStation', name='Jita')
    assert made.url == 'https://stations.example/api/stations/Jita'
    assert made.scheme == 'https'
    opt = {'url_netloc': 'localhost:8080', 'url_scheme': 'http'}
    assert made.outgoing('GET', opt, None).url == 'http://localhost:8080/api/stations/Jita?page=1'
    assert made.outgoing('HEAD', {'url_netloc': 'other'}, None).url == 'https://other/api/stations/Jita?page=1'
    made.reset()
    assert made.url == 'https://stations.example/api/stations/Jita'
    assert repr(made) == "<Request getStation(name='Jita', page='1')>"


def test_a_call_is_a_tuple_of_two() -> None:
    call = APP.op['getStation'](name='Jita')
    assert isinstance(call, tuple)
    made, response = call
    assert call[0] is made
    assert call[1] is response
    assert response.status is None
    assert response.data is None
    assert 'not executed yet' in repr(response)


def test_an_operation_without_an_id() -> None:
    operation = APP.op['get_no_id_some_thing']
    assert operation.id == 'get_no_id_some_thing'
    assert operation(some_thing='a')[0].path == '/no-id/a'
    assert operation(**{'some-thing': 'a'})[0].path == '/no-id/a'
    with pytest.raises(CallError, match=r'get_no_id_some_thing: some-thing: is required \(path, string\)'):
        operation()


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('api_key', 'hush'),
        ('api_key', 'hu"s\'h\n'),
        ('api_key', 'hush' * 50),
        ('api_key', b'hush'),
        ('secrets', [1, 'hush']),
        ('access_token', 'hush'),
        ('body', {'password': 'hush'}),
        ('token', 'hush'),
    ],
)
def test_what_is_called_like_a_secret_is_shown_in_no_error(name: str, value: Any) -> None:
    app = App.create(_with_secrets('integer'))
    with pytest.raises(CallError) as caught:
        app.op['ask'](**{'token': 1, name: value})
    assert 'hu' not in f'{caught.value} {caught.value!r} {caught.value.faults}'
    assert str(caught.value).startswith(f'ask: {name}')


def test_what_is_called_like_a_secret_is_shown_in_no_repr() -> None:
    request, response = App.create(_with_secrets('string')).op['ask'](token='hush', api_key='hush')
    request._p['header'].update({'Authorization': 'Bearer hush', 'X-Api-Key': 'hush', 'Accept': 'text/plain'})
    shown = repr((request, response, request.header))
    assert 'hush' not in shown
    assert "'Accept': 'text/plain'" in shown
    assert request.header['x-api-key'] == 'hush'


def _with_secrets(kind: str) -> dict[str, Any]:
    places = {'token': 'path', 'api_key': 'query', 'secrets': 'query', 'access_token': 'query'}
    schemas: dict[str, Any] = {
        'secrets': {'type': 'array', 'items': {'type': kind}},
        'access_token': {'enum': ['a', 'b']},
    }
    parameters = [
        {'name': name, 'in': place, 'required': place == 'path', 'schema': schemas.get(name, {'type': kind})}
        for name, place in places.items()
    ]
    body = {'type': 'object', 'properties': {'password': {'type': kind}}}
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Secrets', 'version': '1'},
        'servers': [{'url': 'https://api.example'}],
        'paths': {
            '/ask/{token}': {
                'post': {
                    'operationId': 'ask',
                    'parameters': parameters,
                    'requestBody': {'content': {'application/json': {'schema': body}}},
                    'responses': {'200': {'description': 'OK'}},
                }
            }
        },
    }
