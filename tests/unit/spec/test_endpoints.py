"""A table of endpoints: told from other descriptions by its content, refused with every fault, called as any other."""

import pickle
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from esipy import App
from esipy.exceptions import CallError, SpecError, UnknownOperationError

TABLE: dict[str, Any] = {
    'base_path': 'http://example.com/api/',
    'get_users': {'path': '/user', 'method': 'get'},
    'get_user_detail': {'path': '/user/{user_id}', 'query_params': {'full': True}, 'headers': {'X-Asks': 'detail'}},
    'create_user': {'path': 'user', 'method': 'POST', 'x_ours': 5},
    'page': {'path': '/{lang}/{page-name}.html', 'path_tokens': {'lang': 'en'}},
}


def app(**endpoints: Any) -> App:
    return App.create({**TABLE, **endpoints})


def test_a_table_is_a_description() -> None:
    made = app()
    assert list(made.op) == ['get_users', 'get_user_detail', 'create_user', 'page']
    assert made.version == 'endpoints'
    assert made.op.create_user.method == 'post'
    assert made.op['get_users'].method == 'GET'
    assert made.op['create_user']()[0].url == 'http://example.com/api/user'
    assert {'get_users', 'page'} < set(dir(made.op))
    assert pickle.loads(pickle.dumps(made)).op['get_users']()[0].url == 'http://example.com/api/user'


def test_a_table_has_no_names_but_its_own() -> None:
    """By method and path, `get_user` would be GET /user: get_users, which whoever wrote it did not mean."""
    for wrong in ('get_user', 'GetUsers', 'get /user', 'get_ping'):
        assert wrong not in app().op
        with pytest.raises(UnknownOperationError):
            app().op[wrong]
    expected = "'get_user': no operation of that name; this description has 4 operations; did you mean get_users"
    with pytest.raises(UnknownOperationError, match=expected):
        app().op['get_user']
    with pytest.raises(KeyError, match="'get_ping': no operation of that name"):  # which is an old name of ESI's
        app().op['get_ping']


VALUES: dict[str, tuple[Any, str]] = {
    'a number': (12, '12'),
    'a float': (1.5, '1.5'),
    'a slash': ('a/b', 'a%2Fb'),
    'up': ('..', '%2E%2E'),
    'a query': ('a?b=c&d#e', 'a%3Fb%3Dc%26d%23e'),
    'a line break': ('a\r\nX: y', 'a%0D%0AX%3A%20y'),
    'a placeholder': ('{user_id}', '%7Buser_id%7D'),
    'not ASCII': ('é', '%C3%A9'),
    'a truth': (True, 'true'),
    'a day': (date(2026, 8, 4), '2026-08-04'),
    'a UUID': (UUID(int=1), '00000000-0000-0000-0000-000000000001'),
    'a list': ([1, 'b'], '1%2Cb'),
}


@pytest.mark.parametrize('kind', VALUES)
def test_a_token_takes_any_value_and_is_encoded_whole(kind: str) -> None:
    value, text = VALUES[kind]
    assert app().op['get_user_detail'](user_id=value)[0].url == f'http://example.com/api/user/{text}'


def test_tokens_and_their_defaults() -> None:
    page = app().op['page']
    assert page(page_name='start')[0].path == '/en/start.html'
    assert page(**{'page-name': 'start', 'lang': 'de'})[0].path == '/de/start.html'


def test_a_token_without_a_value() -> None:
    request, _ = app().op['get_user_detail']()
    with pytest.raises(CallError, match=r'get_user_detail: user_id: is required \(in /user/{user_id}\)'):
        request.outgoing('GET', {}, None)
    for wrong in ({'user_id': None}, {'user_id': ''}):
        with pytest.raises(CallError, match='user_id'):
            app().op['get_user_detail'](**wrong)[0].outgoing('GET', {}, None)
    with pytest.raises(CallError, match="usr_id: unknown parameter, did you mean 'user_id'"):
        app().op['get_user_detail'](usr_id=3)


def test_the_query_is_open() -> None:
    request, _ = app().op['get_user_detail'](user_id=1, page=2, sort=['name', 'id'], token='abc')
    assert request.query == [('full', 'true'), ('page', '2'), ('sort', 'name'), ('sort', 'id'), ('token', 'abc')]
    assert app().op['get_user_detail'](user_id=1, full=False)[0].query == [('full', 'false')]
    assert request.header['x-asks'] == 'detail'
    with pytest.raises(CallError, match='page'):
        app().op['get_users'](page=object())


def test_the_body_is_open() -> None:
    request, _ = app().op['create_user'](payload={'name': 'x', 'born': date(2026, 8, 4)})
    assert request.data == b'{"name": "x", "born": "2026-08-04"}'
    assert app().op['create_user'](body=[1])[0].data == b'[1]'
    assert app().op['create_user']()[0].data is None


def test_an_operation_has_its_endpoint() -> None:
    operation = app().op['create_user']
    assert operation.endpoint == TABLE['create_user']
    assert operation.responses == {}
    assert 'payload (body' in operation.help_text()


def test_without_an_address_nothing_is_called() -> None:
    table = {name: entry for name, entry in TABLE.items() if name != 'base_path'}
    with pytest.raises(SpecError, match='does not say which server'):
        App.create(table).op['get_users']()[0].outgoing('GET', {}, None)


NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    'no path': ({'a': {'method': 'get'}}, "endpoint 'a' has no path"),
    'a path of no text': ({'a': {'path': 5, 'method': 'get'}}, "endpoint 'a': path cannot be 5"),
    'an unknown method': (
        {'a': {'path': '/', 'method': 'gett'}},
        "endpoint 'a': unknown method 'gett'; there are get,",
    ),
    'a method of no text': ({'a': {'path': '/', 'method': None}}, "endpoint 'a': method cannot be None"),
    'an unknown key': ({'a': {'path': '/', 'header': {}}}, "unknown key 'header'; did you mean 'headers'?"),
    'a key like no other': ({'a': {'path': '/', 'zzz': {}}}, "unknown key 'zzz'; there are path, method,"),
    'a key of no text': ({'a': {'path': '/', 5: {}}}, 'unknown key 5'),
    'no mapping': ({'a': {'path': '/'}, 'b': 'x'}, "endpoint 'b' is 'x', where a mapping with a path belongs"),
    'a name of no text': ({5: {'path': '/'}}, 'endpoint 5 is'),  # type: ignore[dict-item]
    'headers of a list': ({'a': {'path': '/', 'headers': []}}, 'headers cannot be []'),
    'a stream of a text': ({'a': {'path': '/', 'stream_response': 'no'}}, "stream_response cannot be 'no'"),
    'a stream of nothing': ({'a': {'path': '/', 'stream_request': True}}, 'stream_request, and get sends no body'),
    'no time': ({'a': {'path': '/', 'timeout': 0}}, 'timeout cannot be 0'),
    'times': ({'a': {'path': '/', 'timeout': [1, 2, 3]}}, 'timeout cannot be [1, 2, 3]'),
    'a truth for a time': ({'a': {'path': '/', 'timeout': True}}, 'timeout cannot be True'),
    'an open brace': ({'a': {'path': '/{b'}}, 'has a brace that is not part of a {token}'),
    'an empty token': ({'a': {'path': '/{}'}}, 'has a brace that is not part of a {token}'),
    'a query': ({'a': {'path': '/b?c=d'}}, 'holds a query; it belongs into query_params'),
    'an address': ({'a': {'path': 'http://example.com/b'}}, 'is a whole address'),
    'a token that is not there': (
        {'a': {'path': '/{b}', 'path_tokens': {'c': 1}}},
        "path_tokens has 'c', which is not",
    ),
    'no address': (
        {'a': {'path': '/'}, 'base_path': 'example.com'},
        "base_path 'example.com' is not an address such as",
    ),
    'an address with a query': ({'a': {'path': '/'}, 'base_path': 'http://x.y/?a=b'}, 'is not an address such as'),
    'another protocol': ({'a': {'path': '/'}, 'base_path': 'ftp://x.y'}, 'is not an address such as'),
    'a password': ({'a': {'path': '/'}, 'base_path': 'http://me:hush@x.y'}, 'base_path holds a user and a password'),
}


@pytest.mark.parametrize('kind', NONSENSE)
def test_what_no_table_can_say(kind: str) -> None:
    table, reason = NONSENSE[kind]
    with pytest.raises(SpecError) as caught:
        App.create(table)
    assert reason in str(caught.value)
    assert 'hush' not in repr(caught.value)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        App.create({'a': {'method': 'gett'}, 'b': {'path': '/', 'tmeout': 3}})
    for part in ("'a' has no path", "unknown method 'gett'", "'b': unknown key 'tmeout'; did you mean 'timeout'?"):
        assert part in str(caught.value)


@pytest.mark.parametrize('document', [{'error': {'code': 404}}, {'a': 'path'}, {'a': {'paths': '/x'}}, {'paths': {}}])
def test_what_is_no_table(document: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match='not an API description'):
        App.create(document)


def test_an_endpoint_may_be_called_as_a_part_of_another_format() -> None:
    assert list(App.create({'paths': {'path': '/paths'}, 'info': {'path': '/info'}}).op) == ['paths', 'info']


def test_a_table_in_a_file(tmp_path: Path) -> None:
    (tmp_path / 'base.yaml').write_text('base_path: http://example.com\nget_users: {path: /user}\n')
    (tmp_path / 'more.json').write_text('{"extends": "base.yaml", "get_users": {"timeout": 3}, "b": {"path": "/b"}}')
    made = App.create(tmp_path / 'more.json')
    assert list(made.op) == ['get_users', 'b']
    assert made.op.get_users.endpoint == {'path': '/user', 'timeout': 3}
    assert made.op.b()[0].url == 'http://example.com/b'
