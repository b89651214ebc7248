"""Arguments as programs for EsiPy 1.x write them, on the live document, and on the old one as ever."""

import functools
import json
from typing import Any

import pytest

from esipy import App
from esipy._message.request import Request
from esipy.exceptions import CallError
from tests.cases.documents import LIVE, OLD, REAL, arguments, document, entries, texts
from tests.cases.made import BODIES


@functools.cache
def app(name: str = LIVE) -> App:
    return App.create(document(name))


def sent(name: str, operation: str, **given: Any) -> Request:
    request: Request = app(name).op[operation](**given)[0]
    return request


def test_the_table_of_bodies_is_that_of_the_old_document() -> None:
    named = {
        entry.id: node['name'] for entry in entries(OLD).values() for node in entry.parameters if node['in'] == 'body'
    }
    assert named == BODIES


@pytest.mark.parametrize(('operation', 'name'), [item for item in BODIES.items() if item[0] in entries(OLD)])
def test_a_body_goes_by_its_old_name_and_as_body(operation: str, name: str) -> None:
    found = app().op[operation]
    entry = entries(LIVE)[found.id]
    drawn = arguments(LIVE, entry)
    body = drawn.pop('body')
    new = sent(LIVE, operation, body=body, **drawn)
    old = sent(LIVE, operation, **{name: body}, **drawn)
    assert new.data == old.data
    assert json.loads(new.data or b'') == body
    assert found.body is not None
    assert found.body.name == name
    drawn_old = arguments(OLD, entries(OLD)[operation])
    assert json.loads(sent(OLD, operation, **drawn_old).data or b'') == drawn_old[name]
    as_body = {'body': drawn_old.pop(name)}
    assert json.loads(sent(OLD, operation, **as_body, **drawn_old).data or b'') == as_body['body']


@pytest.mark.parametrize('missing', [{}, {'names': None}, {'body': None}])
def test_a_body_that_is_missing_is_asked_for_by_its_old_name(missing: dict[str, Any]) -> None:
    with pytest.raises(CallError) as caught:
        app().op['post_universe_ids'](**missing)
    assert [name for name, _ in caught.value.faults] == ['names']


def test_a_body_under_both_its_names_is_refused() -> None:
    with pytest.raises(CallError, match="names: is 'names' under another name, and both were given"):
        app().op['post_universe_ids'](body=['Jita'], names=['Amarr'])
    assert sent(LIVE, 'post_universe_ids', body=None, names=['Jita']).data == b'["Jita"]'


def test_datasource_language_and_token_go_into_headers() -> None:
    request = sent(LIVE, 'get_status', datasource='tranquility', language='de', token='secret.token-1')
    assert request.query == []
    assert dict(request.header) == {
        'X-Tenant': 'tranquility',
        'Accept-Language': 'de',
        'Authorization': 'Bearer secret.token-1',
        'X-Compatibility-Date': app().compatibility_date,
    }
    assert 'secret' not in repr(request)


def test_every_operation_takes_the_old_parameters() -> None:
    """Of those of the real document that are left, 192 took `datasource`, 17 `language`, 119 `token`."""
    counts = dict.fromkeys(('datasource', 'language', 'token'), 0)
    for entry in entries(OLD).values():
        if entry.id not in app().op:
            continue
        operation = app().op[entry.id]
        given = arguments(LIVE, entries(LIVE)[operation.id])
        old = {'datasource': 'tranquility', 'language': 'fr', 'token': 'a.b.c'}
        old = {name: old[name] for name in old if any(node['name'] == name for node in entry.parameters)}
        given = {name: value for name, value in given.items() if name not in ('X-Tenant', 'Accept-Language')}
        request = operation(**given, **old)[0]
        headers = dict(request.header)
        for name, header in (('datasource', 'X-Tenant'), ('language', 'Accept-Language'), ('token', 'Authorization')):
            assert (header in headers) == (name in old), (entry.id, name)
            counts[name] += name in old
        assert not {'datasource', 'language', 'token'} & {name for name, _ in request.query}
    assert all(counts.values())
    assert not REAL or counts == {'datasource': 192, 'language': 17, 'token': 119}


def test_on_the_old_document_they_stay_in_the_query_but_for_the_token() -> None:
    request = sent(OLD, 'get_universe_types_type_id', type_id=34, datasource='tranquility', language='de')
    assert dict(request.query) == {'datasource': 'tranquility', 'language': 'de'}
    request = sent(OLD, 'get_characters_character_id_wallet', character_id=90000001, token='secret')
    assert 'token' not in dict(request.query)
    assert request.header['Authorization'] == 'Bearer secret'


@pytest.mark.parametrize('token', ['', 'a b', 'a\r\nX-Evil: 1', 'Ünïcödé', 5, b'bytes', ['a']])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(token: Any) -> None:
    with pytest.raises(CallError, match='token: an access token is printable ASCII text') as caught:
        app().op['get_status'](token=token)
    assert token == '' or str(token) not in str(caught.value)
    assert 'Authorization' not in sent(LIVE, 'get_status', token=None).header


def test_a_datasource_that_is_none_is_refused() -> None:
    with pytest.raises(CallError) as caught:
        app().op['get_status'](language='klingon', datasource='tranquility\r\nX-Evil: 1')
    assert {name for name, _ in caught.value.faults} == {'X-Tenant', 'Accept-Language'}


@pytest.mark.parametrize('name', ['x_tenant', 'X-Tenant', 'datasource'])
def test_a_header_goes_by_its_name_as_an_identifier(name: str) -> None:
    assert sent(LIVE, 'get_status', **{name: 'tranquility'}).header['X-Tenant'] == 'tranquility'


@pytest.mark.parametrize('name', ['x_compatibility_date', 'X-Compatibility-Date'])
def test_the_compatibility_date_may_be_another_than_the_documents(name: str) -> None:
    assert sent(LIVE, 'get_status', **{name: '2020-01-01'}).header['x-compatibility-date'] == '2020-01-01'
    assert sent(LIVE, 'get_status').header['x-compatibility-date'] == document(LIVE)['info']['version']


def test_lists_are_written_as_the_document_says() -> None:
    search = {'character_id': 1, 'search': 'jita', 'categories': ['station', 'solar_system']}
    live = sent(LIVE, 'get_characters_character_id_search', **search)
    old = sent(OLD, 'get_characters_character_id_search', **search)
    assert [pair for pair in live.query if pair[0] == 'categories'] == [
        ('categories', 'station'),
        ('categories', 'solar_system'),
    ]
    assert [pair for pair in old.query if pair[0] == 'categories'] == [('categories', 'station,solar_system')]
    as_text = sent(LIVE, 'get_characters_character_id_search', **{**search, 'categories': 'station,solar_system'})
    assert as_text.query == live.query


def test_every_list_in_a_query_is_exploded_now_and_joined_by_commas_once() -> None:
    found = {LIVE: set(), OLD: set()}  # type: ignore[var-annotated]
    for name, names in found.items():
        for operation in app(name).op.values():
            for parameter in operation.parameters:
                if parameter.location == 'query' and parameter.type == 'array':
                    names.add((str(operation.method), parameter.name, parameter.exploded))
    assert {entry for entry in found[OLD] if entry[2]} == set()
    comma = {name for _, name, _ in found[OLD]}
    assert {'categories', 'labels', 'contact_ids', 'label_ids'} <= comma
    declared = {
        (entry.method.upper(), node['name'], node.get('explode', True))
        for entry in entries(LIVE).values()
        for node in entry.parameters
        if node['in'] == 'query' and node['schema'].get('type') == 'array'
    }
    assert found[LIVE] == declared


@pytest.mark.parametrize('connections', [[[1, 2], [3, 4]], '1|2,3|4', ['1|2', (3, 4)], {(1, 2), (3, 4)}])
def test_pairs_in_a_list_of_the_old_document(connections: Any) -> None:
    request = sent(OLD, 'get_route_origin_destination', origin=1, destination=2, connections=connections)
    assert dict(request.query)['connections'] == '1|2,3|4'


def test_defaults_of_the_query_are_sent_and_those_of_headers_are_not() -> None:
    assert dict(sent(LIVE, 'get_markets_region_id_orders', region_id=10000002).query)['order_type'] == 'all'
    old = sent(OLD, 'get_markets_region_id_orders', region_id=10000002)  # order_type is required, with a default
    assert dict(old.query) == {'datasource': 'tranquility', 'order_type': 'all', 'page': '1'}
    assert 'Accept-Language' not in sent(OLD, 'get_universe_types_type_id', type_id=34).header
    assert set(sent(LIVE, 'get_universe_types_type_id', type_id=34).header) == {'X-Compatibility-Date'}


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_every_default_of_a_query_is_sent(name: str) -> None:
    checked = 0
    for entry in entries(name).values():
        needed = {node['name'] for node in entry.parameters if node.get('required')} | {'body'}
        given = {key: value for key, value in arguments(name, entry).items() if key in needed}
        query = dict(sent(name, entry.id, **given).query)
        for node in entry.parameters:
            schema = node.get('schema', node)
            if node['in'] == 'query' and 'default' in schema and node['name'] not in given:
                assert [query[node['name']]] == [*texts(schema['default'])], (entry.id, node['name'])
                checked += 1
    assert checked > (10 if name == LIVE else 150)


def test_the_example_of_the_documentation() -> None:
    request = sent(LIVE, 'get_markets_region_id_orders', region_id=10000002, page=2, order_type='all')
    assert request.url == 'https://esi.evetech.net/markets/10000002/orders'
    assert dict(request.query) == {'page': '2', 'order_type': 'all'}
    old = sent(OLD, 'get_markets_region_id_orders', region_id=10000002, page=2, order_type='all')
    assert old.url == 'https://esi.evetech.net/latest/markets/10000002/orders/'


def test_all_faults_are_reported_at_once_each_with_its_parameter() -> None:
    with pytest.raises(ValueError) as caught:
        app().op['get_markets_region_id_orders'](region_id='Forge', order_type='al', pag=1, tpye_id=34, page=0)
    error = caught.value
    assert isinstance(error, CallError)
    assert {name for name, _ in error.faults} == {'region_id', 'order_type', 'pag', 'tpye_id', 'page'}
    text = str(error)
    for part in ("did you mean 'all'?", "did you mean 'page'?", "did you mean 'type_id'?", "'Forge' is not an integer"):
        assert part in text
    assert text.startswith(f'{app().op["get_markets_region_id_orders"].id}: ')


def test_names_from_before_the_last_swagger_document_are_reported() -> None:
    for name, successor in (('get_search', 'post_universe_ids'), ('get_characters_names', 'post_universe_names')):
        with pytest.raises(KeyError, match=successor):
            app(LIVE).op[name]


def test_the_old_documents_american_english_is_english() -> None:
    request, _ = app(LIVE).op['get_universe_types_type_id'](type_id=34, language='en-us')
    assert request.header['Accept-Language'] == 'en'


def test_unnamed_arguments_are_an_error_that_shows_how_to_name_them() -> None:
    with pytest.raises(CallError, match='by name: order_type=, region_id='):
        app(LIVE).op['get_markets_region_id_orders']('sell', 10000002)
