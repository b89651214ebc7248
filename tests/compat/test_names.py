"""Every operation, by every name: the 204 of the old document and the 225 of the live one, on each of them."""

import io
import json
import keyword
from typing import Any

import pytest
import yaml

from esipy import App
from esipy._message.request import Request
from esipy._message.response import Response
from esipy.exceptions import UnknownOperationError
from tests.cases.documents import LIVE, OLD, REAL, Entry, arguments, document, entries

FORMS = ['json', 'yaml']

#: The old operations that the server has removed, and what is told to use instead.
REMOVED = {
    'get_characters_character_id_bookmarks': None,
    'get_characters_character_id_bookmarks_folders': None,
    'get_corporations_corporation_id_bookmarks': None,
    'get_corporations_corporation_id_bookmarks_folders': None,
    'get_characters_character_id_opportunities': None,
    'get_opportunities_groups': None,
    'get_opportunities_groups_group_id': None,
    'get_opportunities_tasks': None,
    'get_opportunities_tasks_task_id': None,
    'get_route_origin_destination': 'post_route_origin_system_id_destination_system_id',
    'get_sovereignty_map': 'get_sovereignty_systems',
    'get_sovereignty_structures': 'get_sovereignty_systems',
}

META = {
    'get_verify': 'EsiSecurity.verify()',
    'get_versions': 'GetMetaCompatibilityDates',
    'get_ping': 'get_status',
    'get_latest_swagger': 'EsiApp()',
    'get_v1_swagger': 'EsiApp()',
    'get__dev_swagger': 'EsiApp()',
}


def app_of(name: str, form: str, made: dict[tuple[str, str], App] = {}) -> App:  # noqa: B006 (read once)
    if (name, form) not in made:
        whole = document(name)
        text = json.dumps(whole) if form == 'json' else as_yaml(whole)
        made[name, form] = App.create(text)
    return made[name, form]


def as_yaml(whole: Any) -> str:
    stream = io.StringIO()
    yaml.dump(whole, stream, Dumper=getattr(yaml, 'CSafeDumper', yaml.SafeDumper), allow_unicode=True)
    return stream.getvalue()


def assert_calls(app: App, name: str, document_name: str, entry: Entry) -> None:
    """A call of everything that the operation takes, its request in the words of HTTP."""
    given = arguments(document_name, entry)
    call = app.op[name](**given)
    request, response = call
    assert isinstance(request, Request)
    assert isinstance(response, Response)
    assert request.method == entry.method
    outgoing = request.outgoing(request.method, {}, None)
    address, _, query = outgoing.url.partition('?')
    path = entry.path
    for node in entry.parameters:
        if node['in'] == 'path':
            path = path.replace('{' + node['name'] + '}', str(given[node['name']]))
    assert address == app.op[name].base_url + path
    in_query = {node['name'] for node in entry.parameters if node['in'] == 'query'} & given.keys()
    assert {pair.partition('=')[0] for pair in query.split('&') if pair} == in_query
    has_body = 'body' in given or any(node['in'] == 'body' for node in entry.parameters)
    assert (outgoing.body is not None) == has_body
    if has_body:
        json.loads(outgoing.body or b'')
        assert outgoing.headers['Content-Type'] == 'application/json'


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize(('name', 'count'), [(LIVE, 225), (OLD, 204)])
def test_every_operation_of_a_document_makes_a_call(name: str, count: int, form: str) -> None:
    app = app_of(name, form)
    assert len(app.op) == len(list(app.op))
    assert not REAL or len(app.op) == count
    assert set(app.op) == entries(name).keys()
    for operation_id, entry in entries(name).items():
        assert_calls(app, operation_id, name, entry)


@pytest.mark.parametrize('form', FORMS)
def test_every_old_name_is_accounted_for_on_the_live_document(form: str) -> None:
    app = app_of(LIVE, form)
    live = {(entry.method, entry.path): entry for entry in entries(LIVE).values()}
    callable_names, removed = [], []
    for name, old in entries(OLD).items():
        if name in REMOVED:
            removed.append(name)
            continue
        operation = app.op[name]
        entry = live[str(operation.method).lower(), operation.path]
        assert entry.path.count('{') == old.path.count('{')
        assert_calls(app, name, LIVE, entry)
        callable_names.append(name)
    assert callable_names
    assert not REAL or (len(callable_names), len(removed)) == (192, 12)


@pytest.mark.parametrize(('name', 'successor'), REMOVED.items())
def test_a_removed_operation_says_so_and_names_its_successor(name: str, successor: str | None) -> None:
    app = app_of(LIVE, 'json')
    with pytest.raises(KeyError) as caught:
        app.op[name]
    assert isinstance(caught.value, UnknownOperationError)
    assert 'the server has removed' in str(caught.value)
    assert name not in app.op
    if successor is None:
        assert 'nothing replaces them' in str(caught.value)
    else:
        assert successor in str(caught.value)
        assert app.op[successor].method in ('GET', 'POST')


@pytest.mark.parametrize(('name', 'instead'), META.items())
def test_a_meta_operation_says_what_to_use_instead(name: str, instead: str) -> None:
    with pytest.raises(UnknownOperationError, match=r'the server has (removed|retired)') as caught:
        app_of(LIVE, 'json').op[name]
    assert instead in str(caught.value)


def test_renamed_operation_is_found_by_its_method_and_path() -> None:
    op = app_of(LIVE, 'json').op
    assert op['get_characters_character_id'] is op['GetCharactersDetail']
    assert op['post_route_origin_system_id_destination_system_id'] is op['PostRoute']


def test_every_live_operation_has_an_old_name_of_method_and_path() -> None:
    op = app_of(LIVE, 'json').op
    for entry in entries(LIVE).values():
        words = entry.path.strip('/').replace('{', '').replace('}', '').replace('/', '_').replace('-', '_')
        assert op[f'{entry.method}_{words}'] is op[entry.id]
        assert getattr(op, f'{entry.method}_{words}') is op[entry.id]
        assert op[entry.raw['tags'][0], entry.id] is op[entry.id]
        assert f'{entry.method}_{words}' in dir(op)


@pytest.mark.parametrize(
    ('wrong', 'near'),
    [
        ('get_character_character_id_wallet', 'get_characters_character_id_wallet'),
        ('GetStatuss', 'GetStatus'),
        ('get_market_prices', 'get_markets_prices'),
    ],
)
def test_a_wrong_name_is_an_error_with_the_closest_one(wrong: str, near: str) -> None:
    op = app_of(LIVE, 'json').op
    with pytest.raises(KeyError) as caught:
        op[wrong]
    assert near in caught.value.nearest  # type: ignore[attr-defined]
    assert near in str(caught.value)
    assert wrong not in op
    assert op.get(wrong) is None
    assert not hasattr(op, wrong)


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_names_of_parameters_can_be_typed(name: str) -> None:
    for operation in app_of(name, 'json').op.values():
        for parameter in operation.parameters:
            assert parameter.python_name.isidentifier()
            assert not keyword.iskeyword(parameter.python_name)
