"""What an operation tells of itself, on both documents; and that it can be kept, copied, pickled and shared."""

import copy
import functools
import inspect
import pickle
import pydoc
import threading
from typing import Any

import pytest

from esipy import App
from esipy._spec.model import Operation
from esipy._spec.parameter import Parameter
from esipy._spec.table import OpTable
from esipy.exceptions import CallError, SpecError, UnknownOperationError
from tests.cases.documents import LIVE, OLD, document, entries, follow
from tests.cases.stations import DOCUMENT


@functools.cache
def app(name: str) -> App:
    return App.create(document(name))


STATIONS = App.create(DOCUMENT)


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_every_attribute_of_every_operation(name: str) -> None:
    for entry in entries(name).values():
        operation = app(name).op[entry.id]
        raw = entry.raw
        assert (operation.id, operation.operationId, operation.path) == (entry.id, entry.id, entry.path)
        assert operation.method == entry.method
        assert operation.method == entry.method.upper()
        assert operation.tags == raw['tags']
        assert operation.summary == raw.get('summary', '')
        assert operation.description == raw['description']
        assert operation.deprecated is raw.get('deprecated', False)
        assert operation.security == raw.get('security', [])
        assert operation.scopes == tuple(
            scope for need in operation.security for each in need.values() for scope in each
        )
        assert operation.required_roles == tuple(raw.get('x-required-roles', ()))
        limit = raw.get('x-rate-limit')
        if limit is None:
            assert operation.rate_limit is None
        else:
            assert operation.rate_limit is not None
            assert operation.rate_limit.group == limit['group']
            assert operation.rate_limit.tokens == limit['max-tokens']
            assert operation.rate_limit.window == int(limit['window-size'].rstrip('m')) * 60
        assert operation.cache_age == raw.get('x-client-cache-ttl', raw.get('x-cache-age', raw.get('x-cached-seconds')))
        found = [(p.name, p.location) for p in operation.parameters if p.location != 'body']
        assert found == [(node['name'], node['in']) for node in entry.parameters if node['in'] != 'body']
        has_body = 'requestBody' in raw or any(node['in'] == 'body' for node in entry.parameters)
        assert (operation.body is not None) == has_body
        assert set(operation.responses) == set(raw['responses'])
        assert operation.url == f'//esi.evetech.net{"" if name == LIVE else "/latest"}{entry.path}'


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_every_attribute_of_every_parameter(name: str) -> None:
    for entry in entries(name).values():
        parameters = {p.name: p for p in app(name).op[entry.id].parameters}
        for node in entry.parameters:
            parameter = parameters[node['name']]
            schema = follow(document(name), node.get('schema', node))
            assert getattr(parameter, 'in') == node['in'] == parameter.location
            assert parameter.required == node.get('required', False)
            assert parameter.description == node.get('description', schema.get('description', ''))
            assert parameter.has_default == ('default' in schema)
            if node['in'] != 'body':
                assert parameter.default == schema.get('default')
                assert parameter.type == schema['type']
                assert parameter.enum == schema.get('enum')
                assert parameter.format == schema.get('format')


@pytest.mark.parametrize(
    ('name', 'counts'),
    [
        (LIVE, {'pages': 40, 'cursor': 7, 'from_id': 2, 'last_mail_id': 1, 'from_event': 1, 'max_war_id': 1}),
        (OLD, {'pages': 44, 'from_id': 2, 'last_mail_id': 1, 'from_event': 1, 'max_war_id': 1}),
    ],
)
def test_how_lists_are_walked(name: str, counts: dict[str, int]) -> None:
    walks = [operation.paging for operation in app(name).op.values()]
    assert {kind: walks.count(kind) for kind in set(walks) - {None}} == counts
    for operation in app(name).op.values():
        response = operation.response_for(200)
        has_pages = response is not None and 'x-pages' in response.headers
        assert (operation.paging == 'pages') == has_pages, operation.id


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_help_describes_the_operation(name: str) -> None:
    operation = app(name).op['get_markets_region_id_orders']
    for text in (operation.help_text(), pydoc.render_doc(operation, renderer=pydoc.plaintext)):  # type: ignore[attr-defined]
        for part in (
            'region_id (path, integer, required)',
            'one of buy, sell, all',
            operation.summary,
            'GET https://',
        ):
            assert part in text
        assert 'X-Compatibility-Date' not in text
    wallet = app(name).op['get_characters_character_id_wallet']
    assert 'Needs the scope esi-wallet.read_character_wallet.v1' in wallet.__doc__
    assert Operation.__doc__ is not None
    assert 'One operation of the API' in Operation.__doc__


def test_help_names_the_roles() -> None:
    text = app(LIVE).op['GetCorporationCorporationIdMiningExtractions'].help_text()
    assert 'Needs one of the roles Station_Manager' in text


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_every_operation_has_help_and_a_signature(name: str) -> None:
    for operation in app(name).op.values():
        assert operation.id in repr(operation)
        assert operation.help_text().count('\n') >= 2
        signature = inspect.signature(operation)
        for parameter in signature.parameters.values():
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
            needed = operation.accepts[parameter.name]
            assert (parameter.default is inspect.Parameter.empty) == (needed.required and not needed.has_default)


def test_the_signature_of_one() -> None:
    signature = inspect.signature(app(LIVE).op['get_markets_region_id_orders'])
    assert str(signature) == "(*, region_id, order_type='all', page=None, type_id=None)"
    names = list(inspect.signature(STATIONS.op['getStation']).parameters)
    assert names[0] == 'name'
    assert {'from_', 'filter_owner_'} <= set(names)


def test_the_parameters_of_1x() -> None:
    """Apps read `op.parameters` to see what an operation takes."""
    found = {p.name: getattr(p, 'in') for p in app(OLD).op['get_characters_character_id_wallet'].parameters}
    assert found == {'character_id': 'path', 'datasource': 'query', 'If-None-Match': 'header', 'token': 'query'}
    assert repr(app(OLD).op['get_status'].parameters[0]) == '<query parameter datasource: string>'
    body = app(LIVE).op['post_universe_names'].body
    assert repr(body) == '<required body parameter ids: array>'


# ---------------------------------------------------------------------- the table


def test_the_table_is_a_read_only_mapping() -> None:
    op = app(LIVE).op
    assert op.get('no_such_thing') is None
    assert 'get_status' in op
    assert 5 not in op  # type: ignore[comparison-overlap]
    assert len(op) == len(op.keys()) == len(op.values()) == len(op.items())
    assert all(operation is op[name] for name, operation in op.items())
    with pytest.raises(TypeError):
        op['get_status'] = None


@pytest.mark.parametrize('name', [5, None, ['get_status'], ('Status',), ('a', 'b', 'c'), ('Status', 5), b'get_status'])
def test_what_cannot_be_a_name(name: Any) -> None:
    with pytest.raises(UnknownOperationError, match='an operation is named by a text'):
        app(LIVE).op[name]


def test_operations_as_attributes() -> None:
    op = app(LIVE).op
    assert op.get_status is op.GetStatus is op['get_status']
    with pytest.raises(AttributeError, match='did you mean'):
        op.get_statuss  # noqa: B018
    for name in ('_repr_html_', '_ipython_display_', '__wrapped__', '_private'):
        assert not hasattr(op, name)
    assert not hasattr(OpTable.__new__(OpTable), '_found')  # half made, as while it is copied: no endless search
    assert {'get_status', 'GetStatus'} & set(dir(op)) == {'get_status'}
    assert all(name.isidentifier() for name in dir(op))


def same_id(**places: tuple[str, list[str]]) -> OpTable:
    """A table of operations, given as name=(path, tags), which all have the id `twin`."""
    item = {path: {'get': {'operationId': 'twin', 'tags': tags, 'responses': {}}} for path, tags in places.values()}
    return App.create({'openapi': '3.1.0', 'servers': [{'url': 'https://a.example'}], 'paths': item}).op


def test_one_id_under_two_tags() -> None:
    op = same_id(a=('/a', ['A']), b=('/b', ['B']))
    assert op['A', 'twin'].path == '/a'
    assert op['B', 'twin'].path == '/b'
    assert list(op) == ['get_a', 'get_b']
    assert len(op) == 2
    assert [operation.path for operation in op.values()] == ['/a', '/b']
    assert 'twin' in op
    with pytest.raises(SpecError, match="'twin' names several operations: 'get_a' \\['A'\\], 'get_b' \\['B'\\]"):
        op['twin']
    with pytest.raises(UnknownOperationError, match="no operation of that name under the tag 'C'"):
        op['C', 'twin']


def test_one_id_under_one_tag() -> None:
    op = same_id(a=('/a', ['A']), b=('/b', ['A']))
    with pytest.raises(SpecError, match='names several operations'):
        op['A', 'twin']
    assert op['get_a'].path == '/a'
    assert op['A', 'get_b'].path == '/b'


def test_paths_that_make_one_name() -> None:
    op = same_id(a=('/a-b', []), b=('/a_b', []), c=('/a/b/', []))
    assert len(op) == len(set(op)) == 3
    assert {op[name].path for name in op} == {'/a-b', '/a_b', '/a/b/'}
    assert op['get /a-b'].path == '/a-b'
    with pytest.raises(SpecError, match='names several operations'):
        op['get_a_b']


def test_an_id_wins_over_a_name_made_of_a_path() -> None:
    paths = {'/a': {'get': {'operationId': 'get_b'}}, '/b': {'get': {'operationId': 'other'}}}
    op = App.create({'openapi': '3.1.0', 'paths': paths}).op
    assert op['get_b'].path == '/a'
    assert list(op) == ['get_b', 'other']
    assert [operation.path for operation in op.values()] == ['/a', '/b']


def test_method_and_path_win_over_the_snake_case_of_an_id() -> None:
    paths = {'/a': {'get': {'operationId': 'GetB'}}, '/b': {'get': {'operationId': 'Other'}}}
    op = App.create({'openapi': '3.1.0', 'paths': paths}).op
    assert op['GetB'].path == '/a'
    assert op['get_b'].path == '/b'


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_an_operation_is_made_once_whoever_asks(name: str) -> None:
    for _ in range(20):
        fresh = App.create(document(name)).op
        start = threading.Barrier(20)
        found: list[Operation] = []

        def ask(fresh: OpTable = fresh, start: threading.Barrier = start, found: list[Operation] = found) -> None:
            start.wait(10)
            found.append(fresh['get_status'])
            found.append(fresh['Status', 'get_status'])
            fresh['get_markets_region_id_orders'](region_id=1)

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 40
        assert len({id(operation) for operation in found}) == 1


# ---------------------------------------------------------------------- pickles and copies


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize('name', [LIVE, OLD])
@pytest.mark.parametrize('copied', [again, copy.copy, copy.deepcopy], ids=['pickle', 'copy', 'deepcopy'])
def test_an_app_its_table_and_an_operation(name: str, copied: Any) -> None:
    original = App.create(document(name))
    original.op['get_status'].responses  # noqa: B018 (schemas that are known by their place in memory)
    url = original.op['get_status']()[0].url
    for op in (copied(original).op, copied(original.op)):
        assert list(op) == list(original.op)
        assert op['get_status']()[0].url == url
    operation = copied(original.op['get_markets_region_id_orders'])
    assert dict(operation(region_id=5)[0].query) == dict(
        original.op['get_markets_region_id_orders'](region_id=5)[0].query
    )
    with pytest.raises(CallError):
        operation(region_id='x')


def test_a_pickle_of_a_used_reader_mixes_up_no_types() -> None:
    """Schemas are kept by the identity of their node, which means nothing after a pickle."""
    original = App.create(document(LIVE))
    for operation in original.op.values():
        assert operation.parameters is not None
        assert operation.responses is not None
    other = again(original.op['get_status'])._reader
    assert other._schemas == {}


def test_a_partial_of_an_operation() -> None:
    orders = functools.partial(app(LIVE).op['get_markets_region_id_orders'], region_id=10000002)
    for partial in (orders, again(orders)):
        assert dict(partial(page=2)[0].query) == {'order_type': 'all', 'page': '2'}


def test_a_call_and_its_response() -> None:
    call = app(LIVE).op['post_universe_ids'](names=['Jita'], language='de')
    request, response = again(call)
    assert request.data == b'["Jita"]'
    assert request.header['accept-language'] == 'de'
    assert response.status is None
    assert again(request).url == call[0].url


def test_errors() -> None:
    with pytest.raises(CallError) as caught:
        app(LIVE).op['get_markets_region_id_orders'](region_id='x', pag=1)
    with pytest.raises(UnknownOperationError) as unknown:
        app(LIVE).op['get_statuss']
    with pytest.raises(SpecError) as broken:
        App.create({})
    for error in (caught.value, unknown.value, broken.value):
        other = again(error)
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_the_repr_of_an_app_shows_what_it_is() -> None:
    assert repr(STATIONS) == "<App 'Stations': 7 operations>"
    assert STATIONS.raw == DOCUMENT
    assert app(LIVE).version.startswith('3.1')
    assert app(OLD).version == '2.0'
    assert app(LIVE).compatibility_date == document(LIVE)['info']['version']
    assert app(OLD).compatibility_date is None
    assert STATIONS.compatibility_date is None


def test_a_parameter_in_a_path_is_always_required() -> None:
    (name,) = [p for p in STATIONS.op['getStation'].parameters if p.location == 'path']
    assert isinstance(name, Parameter)
    assert name.required


def test_a_parameter_of_the_operation_replaces_that_of_the_path() -> None:
    shared = {'in': 'query', 'name': 'a', 'schema': {'type': 'integer'}}
    own = {'in': 'query', 'name': 'a', 'schema': {'type': 'string', 'enum': ['x']}}
    other_place = {'in': 'header', 'name': 'a', 'schema': {'type': 'string'}}
    paths = {'/a': {'parameters': [shared, other_place], 'get': {'operationId': 'a', 'parameters': [own]}}}
    operation = App.create({'openapi': '3.1.0', 'paths': paths}).op['a']
    assert [(p.location, p.type) for p in operation.parameters] == [('query', 'string'), ('header', 'string')]
    request = operation(a='x', header_a='y')[0]
    assert (request.query, dict(request.header)) == ([('a', 'x')], {'a': 'y'})


def test_an_access_token_and_a_parameter_of_that_name() -> None:
    """The `token` of another API may be anything: a mark in a list, say."""
    node = {'in': 'query', 'name': 'token', 'schema': {'type': 'string'}}
    paths = {'/a': {'get': {'operationId': 'a', 'parameters': [node]}}}
    request = App.create({'openapi': '3.1.0', 'paths': paths}).op['a'](token='next page')[0]
    assert request.query == [('token', 'next page')]
    assert dict(request.header) == {}


@pytest.mark.parametrize(
    ('collection', 'sent'),
    [('csv', ['1,2']), ('ssv', ['1 2']), ('tsv', ['1\t2']), ('pipes', ['1|2']), ('multi', ['1', '2']), (None, ['1,2'])],
)
def test_the_list_styles_of_swagger(collection: str | None, sent: list[str]) -> None:
    node = {'in': 'query', 'name': 'a', 'type': 'array', 'items': {'type': 'integer'}, 'collectionFormat': collection}
    operation = App.create({'swagger': '2.0', 'paths': {'/a': {'get': {'operationId': 'a', 'parameters': [node]}}}}).op[
        'a'
    ]
    assert [text for _, text in operation(a=[1, 2])[0].query] == sent


def walked(method: str = 'get', fields: tuple[str, ...] = (), *names: str, **more: Any) -> str | None:
    """How an operation with these query parameters, whose response has these fields, is walked."""
    response = {'type': 'object', 'properties': {field: {'type': 'array'} for field in fields}}
    node = {
        'operationId': 'list',
        'parameters': [{'name': name, 'in': 'query', 'schema': {'type': 'string'}} for name in names],
        'responses': {'200': {'description': 'OK', 'content': {'application/json': {'schema': response}}}},
        **more,
    }
    return App.create({'openapi': '3.1.0', 'info': {}, 'paths': {'/list': {method: node}}}).op['list'].paging


def test_a_walk_is_recognised_by_what_is_said_of_it() -> None:
    assert walked() is None
    assert walked('get', (), 'page') == 'pages'
    assert walked('get', (), 'max_war_id', 'limit') == 'max_war_id'
    assert walked('post', (), 'page') is None
    assert walked('get', ('jobs',), **{'x-pagination': 'cursor'}) == 'cursor'
    assert walked('get', ('jobs', 'cursor'), 'before', 'after') == 'cursor'
    assert walked('get', ('jobs',), 'before', 'after') is None  # two dates, perhaps
    assert walked('get', ('jobs', 'cursor'), 'after') is None
    assert walked('get', ('from_id',)) is None
