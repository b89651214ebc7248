"""Parameters in every style, as they arrive at a server."""

from collections.abc import Iterator
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.exceptions import CallError, SpecError
from tests.cases.parameters import (
    FORMATS,
    INTEGERS,
    OBJECT,
    REFUSED_STYLES,
    STRING,
    STYLES,
    UNWRITABLE_DEFAULTS,
    Case,
    json,
)
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    def page(visit: Visit) -> None:
        visit.send(response_bytes({}))

    with Server(page) as server:
        yield server


@pytest.fixture(scope='module')
def esi() -> Iterator[EsiClient]:
    with client(cache=None) as esi:
        yield esi


def call(server: Server, node: dict[str, Any], value: Any, version: str = '3.1.0') -> Any:
    """A call with one parameter, `color`, of a description in OpenAPI 3 or Swagger 2.0."""
    node = {'name': 'color', 'required': True, **node}
    paths = {'/at/{color}' if node['in'] == 'path' else '/at': {'get': {'parameters': [node], 'responses': {}}}}
    if version == '2.0':
        document: dict[str, Any] = {'swagger': '2.0', 'host': server.url[7:], 'schemes': ['http'], 'paths': paths}
    else:
        document = {'openapi': version, 'servers': [{'url': server.url}], 'paths': paths}
    (operation,) = App.create(document).op.values()
    return operation(color=value)


def arrived(visit: Visit, location: str) -> str:
    if location == 'path':
        return visit.path.removeprefix('/at/')
    return visit.query if location == 'query' else visit.headers['color' if location == 'header' else 'cookie']


def ids(case: Case) -> str:
    return f'{case.location} {case.more.get("style", case.more.get("collectionFormat", ""))} {case.arrives}'[:60]


@pytest.mark.parametrize('version', ['3.0.3', '3.1.0'])
@pytest.mark.parametrize('case', STYLES, ids=ids)
def test_openapi(case: Case, version: str, server: Server, esi: EsiClient) -> None:
    schema = {} if 'content' in case.more else {'schema': case.schema}
    esi.request(call(server, {'in': case.location, **schema, **case.more}, case.value, version))
    assert arrived(server.visits[-1], case.location) == case.arrives


@pytest.mark.parametrize('case', REFUSED_STYLES, ids=ids)
def test_what_no_style_defines_is_refused(case: Case, server: Server) -> None:
    schema = {} if 'content' in case.more else {'schema': case.schema}
    with pytest.raises(SpecError, match=r'^get_at\w*: not supported: parameter ') as caught:
        call(server, {'in': case.location, **schema, **case.more}, case.value)
    assert case.arrives in str(caught.value)


@pytest.mark.parametrize('node', UNWRITABLE_DEFAULTS)
def test_a_default_that_cannot_be_written_is_as_good_as_none(node: dict[str, Any], server: Server) -> None:
    assert call(server, {**node, 'required': False}, None)[0].query == []
    with pytest.raises(CallError, match='color: is required'):
        call(server, node, None)


@pytest.mark.parametrize('name', ['a;b', 'a=b', 'ü', 'a b', ''])
def test_a_cookie_of_a_name_that_no_cookie_can_have(name: str, server: Server) -> None:
    parameters = [{'in': 'cookie', 'name': name, 'schema': STRING}]
    paths = {'/at': {'get': {'operationId': 'a', 'parameters': parameters, 'responses': {}}}}
    operation = App.create({'openapi': '3.1.0', 'servers': [{'url': server.url}], 'paths': paths}).op['a']
    with pytest.raises(SpecError, match=r'^a: not supported: a cookie cannot be called '):
        operation(**{name: 'x'})
    assert operation()[0].path == '/at'


@pytest.mark.parametrize('location', ['body', 'formData', 'querystring', 'nowhere'])
def test_a_location_that_openapi_does_not_have(location: str, server: Server) -> None:
    with pytest.raises(SpecError, match=f"not supported: parameter 'color': the location '{location}'"):
        call(server, {'in': location, 'schema': STRING}, 'x')


@pytest.mark.parametrize('case', FORMATS, ids=ids)
def test_swagger(case: Case, server: Server, esi: EsiClient) -> None:
    esi.request(call(server, {'in': case.location, **case.schema, **case.more}, case.value, '2.0'))
    assert arrived(server.visits[-1], case.location) == case.arrives


@pytest.mark.parametrize('value', ['', '.'])
@pytest.mark.parametrize('style', ['label', 'simple'])
def test_a_path_is_never_empty_and_never_leads_up(value: str, style: str, server: Server) -> None:
    node = {'in': 'path', 'style': style, 'schema': {'type': 'string'}}
    if (value, style) == ('.', 'simple'):
        assert call(server, node, value)[0].path == '/at/%2E'
        return
    with pytest.raises(CallError, match='an empty text cannot stand in a path'):
        call(server, node, value)


@pytest.mark.parametrize('location', ['query', 'path', 'header', 'cookie'])
def test_null_in_a_list_is_not_written_as_text(location: str, server: Server) -> None:
    items = {'type': 'array', 'items': {'type': ['string', 'null']}}
    with pytest.raises(CallError, match='color: null cannot be written here'):
        call(server, {'in': location, 'schema': items, 'explode': False}, ['a', None])


@pytest.mark.parametrize('more', [{'schema': STRING}, {'schema': INTEGERS, 'explode': False}, json(OBJECT)])
def test_a_required_cookie_is_demanded(more: dict[str, Any], server: Server) -> None:
    with pytest.raises(CallError, match=r'color: is required \(cookie, '):
        call(server, {'in': 'cookie', **more}, None)
    assert dict(call(server, {'in': 'cookie', **more, 'required': False}, None)[0].header) == {}


def test_cookies_go_together_and_a_required_one_is_demanded(server: Server, esi: EsiClient) -> None:
    parameters = [
        {'in': 'cookie', 'name': name, 'required': name == 'session', 'schema': {'type': 'string'}}
        for name in ('session', 'theme')
    ]
    paths = {'/at': {'get': {'operationId': 'a', 'parameters': parameters, 'responses': {}}}}
    operation = App.create({'openapi': '3.1.0', 'servers': [{'url': server.url}], 'paths': paths}).op['a']
    with pytest.raises(CallError, match=r'session: is required \(cookie, string\)'):
        operation(theme='dark')
    request = operation(session='s3cr3t', theme='dark')
    assert 's3cr3t' not in repr(request[0])
    esi.request(request)
    assert server.visits[-1].headers['cookie'] == 'session=s3cr3t; theme=dark'


@pytest.mark.parametrize('order', [1, -1])
@pytest.mark.parametrize('name', ['Cookie', 'cookie'])
def test_a_header_called_cookie_goes_together_with_the_cookies(
    name: str, order: int, server: Server, esi: EsiClient
) -> None:
    parameters = [{'in': 'cookie', 'name': 'a', 'schema': STRING}, {'in': 'header', 'name': name, 'schema': STRING}]
    paths = {'/at': {'get': {'operationId': 'a', 'parameters': parameters[::order], 'responses': {}}}}
    operation = App.create({'openapi': '3.1.0', 'servers': [{'url': server.url}], 'paths': paths}).op['a']
    esi.request(operation(**{'a': '1', name: 'b=2'}))
    assert sorted(server.visits[-1].headers['cookie'].split('; ')) == ['a=1', 'b=2']


@pytest.mark.parametrize('name', ['Content-Length', 'transfer-encoding', 'Connection'])
def test_how_a_message_is_sent_is_not_for_the_caller(name: str, server: Server) -> None:
    paths = {'/at': {'get': {'operationId': 'a', 'parameters': [{'in': 'header', 'name': name, 'required': True}]}}}
    operation = App.create({'openapi': '3.1.0', 'servers': [{'url': server.url}], 'paths': paths}).op['a']
    assert dict(operation()[0].header) == {}
    with pytest.raises(CallError, match='unknown parameter'):
        operation(**{name: '5'})


def test_a_query_that_the_path_has_already_goes_on(server: Server, esi: EsiClient) -> None:
    parameter = {'in': 'query', 'name': 'q', 'schema': {'type': 'string'}}
    paths = {'/at?fixed=1': {'get': {'operationId': 'a', 'parameters': [parameter], 'responses': {}}}}
    operation = App.create({'openapi': '3.1.0', 'servers': [{'url': server.url}], 'paths': paths}).op['a']
    esi.request(operation(q='x'))
    assert server.visits[-1].target == '/at?fixed=1&q=x'
