"""Where a call goes, and in which form a credential goes with it."""

import base64
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.exceptions import CallError, SpecError
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes

MAIN, PATH, OWN = 'https://main.example/v1', 'https://path.example', 'https://own.example/x/'


def base(operation: dict[str, Any], item: dict[str, Any], document: dict[str, Any], source: str = '') -> str:
    """The address of the one operation of a description, which lies at `source`."""
    from esipy._documents.parse import read

    paths = {'/a': {'get': {'operationId': 'a', **operation}, **item}}
    app = App(read({'openapi': '3.1.0', 'paths': paths, **document}, source))
    url: str = app.op['a']()[0].url
    assert app.op['a'].url == url[url.index('//') :]
    return url


def servers(*urls: Any) -> dict[str, Any]:
    return {'servers': [url if isinstance(url, dict) else {'url': url} for url in urls]}


REGIONS = {
    'url': '{scheme}://{region}.example/{version}',
    'variables': {
        'scheme': {'default': 'https'},
        'region': {'default': 'eu', 'enum': ['eu', 'us']},
        'version': {'default': 2},
    },
}


@pytest.mark.parametrize(
    ('operation', 'item', 'document', 'url'),
    [
        ({}, {}, servers(MAIN), 'https://main.example/v1/a'),
        ({}, servers(PATH), servers(MAIN), 'https://path.example/a'),
        (servers(OWN), servers(PATH), servers(MAIN), 'https://own.example/x/a'),
        (servers(OWN, MAIN), {}, servers(MAIN), 'https://own.example/x/a'),
        ({'servers': []}, {'servers': []}, servers(MAIN), 'https://main.example/v1/a'),
        (servers(REGIONS), {}, servers(MAIN), 'https://eu.example/2/a'),
        ({}, servers(REGIONS), {}, 'https://eu.example/2/a'),
        (servers('/v2'), {}, servers(MAIN), 'https://docs.example/v2/a'),
        (servers('v2/'), {}, servers(MAIN), 'https://docs.example/here/v2/a'),
        ({}, servers('//cdn.example/v3'), servers(MAIN), 'https://cdn.example/v3/a'),
        ({}, {}, servers(''), 'https://docs.example/here/a'),
        ({}, {}, servers('.'), 'https://docs.example/here/a'),
        ({}, {}, servers(' https://main.example/v1/ '), 'https://main.example/v1/a'),
        ({}, {}, {'servers': [{'description': 'no address'}]}, 'https://docs.example/here/a'),
    ],
)
def test_the_nearest_server_is_the_one(
    operation: dict[str, Any], item: dict[str, Any], document: dict[str, Any], url: str
) -> None:
    assert base(operation, item, document, 'https://docs.example/here/openapi.json') == url


@pytest.mark.parametrize(
    'server',
    [
        'https://{x}.example',
        'https://a.example/api?version=1',
        'https://a.example/#x',
        {'url': 'https://{x}.example', 'variables': {'x': {}}},
        {'url': 'https://{x}.example', 'variables': {'x': {'default': ['y']}}},
        5,
    ],
)
def test_a_server_of_an_operation_that_is_none_is_an_error_of_that_operation(server: Any) -> None:
    paths = {'/a': {'get': {'operationId': 'a', 'servers': [server] if server == 5 else servers(server)['servers']}}}
    paths['/b'] = {'get': {'operationId': 'b'}}
    app = App.create({'openapi': '3.1.0', 'paths': paths, **servers(MAIN)})
    assert app.op['b']()[0].url == 'https://main.example/v1/b'
    with pytest.raises(SpecError, match=r'^a: broken description: '):
        _ = app.op['a']()[0].url


@pytest.mark.parametrize('schemes', [['http'], ['ws', 'http'], ['HTTP', 'wss']])
def test_schemes_of_an_operation_of_the_old_format(schemes: list[str]) -> None:
    paths: Any = {'/a': {'get': {'schemes': schemes}}, '/b': {'get': {}}, '/c': {'get': {'schemes': []}}}
    app = App.create({'swagger': '2.0', 'host': 'a.example', 'basePath': 'v1', 'schemes': ['https'], 'paths': paths})
    assert app.op['get_a']()[0].url == 'http://a.example/v1/a'
    assert app.op['get_b']()[0].url == 'https://a.example/v1/b'
    assert app.op['get_c']()[0].url == 'https://a.example/v1/c'


@pytest.mark.parametrize(
    ('schemes', 'source', 'url'),
    [
        (['ws', 'http'], '', 'http://a.example/a'),
        (['wss', 'https', 'http'], '', 'https://a.example/a'),
        (['HTTP'], '', 'http://a.example/a'),
        ([], 'file:///dir/a.json', 'https://a.example/a'),
        ([], 'http://docs.example/a.json', 'http://a.example/a'),
    ],
)
def test_the_scheme_of_the_old_format(schemes: list[str], source: str, url: str) -> None:
    from esipy._documents.parse import read

    document = {'swagger': '2.0', 'host': 'a.example', 'schemes': schemes, 'paths': {'/a': {'get': {}}}}
    assert App(read(document, source)).op['get_a']()[0].url == url


def test_a_server_that_is_not_called_by_http_is_named() -> None:
    paths: Any = {'/a': {'get': {}}}
    for document in (
        {'openapi': '3.1.0', 'paths': paths, **servers('ftp://a.example')},
        {'swagger': '2.0', 'host': 'a.example', 'schemes': ['wss'], 'paths': paths},
    ):
        with pytest.raises(SpecError, match=r"get_a: the server is called by '(ftp|wss)'; only http and https are"):
            _ = App.create(document).op['get_a']()[0].url


def test_the_token_goes_to_the_server_of_the_operation_and_to_no_other() -> None:
    page = response_bytes({})
    with Server(lambda visit: visit.send(page)) as main, Server(lambda visit: visit.send(page)) as own, client() as esi:
        need = {'security': [{'OAuth2': []}], 'responses': {}}  # type: ignore[var-annotated]
        paths = {'/a': {'get': {**need, **servers(own.url)}}, '/b': {'get': need}}
        app = App.create({'openapi': '3.1.0', 'paths': paths, **servers(main.url)})
        esi.request(app.op['get_a'](token='for-own'))
        esi.request(app.op['get_b'](token='for-main'))
        assert [visit.headers['authorization'] for visit in own.visits] == ['Bearer for-own']
        assert [visit.headers['authorization'] for visit in main.visits] == ['Bearer for-main']


# ---------------------------------------------------------------------- credentials

SCHEMES: dict[str, Any] = {
    'oauth': {'type': 'oauth2', 'flows': {}},
    'oidc': {'type': 'openIdConnect', 'openIdConnectUrl': 'https://a.example'},
    'bearer': {'type': 'http', 'scheme': 'Bearer'},
    'basic': {'type': 'http', 'scheme': 'basic'},
    'digest': {'type': 'http', 'scheme': 'digest'},
    'tls': {'type': 'mutualTLS'},
    'header_key': {'type': 'apiKey', 'in': 'header', 'name': 'X-Key'},
    'query_key': {'type': 'apiKey', 'in': 'query', 'name': 'key'},
    'cookie_key': {'type': 'apiKey', 'in': 'cookie', 'name': 'session'},
    'referred': {'$ref': '#/components/securitySchemes/header_key'},
    'odd_key': {'type': 'apiKey', 'in': 'body', 'name': 'key'},
}


def api(url: str, *needs: list[str], version: str = '3.1.0', parameters: Any = ()) -> Any:
    """An operation that needs one of `needs`, each a list of schemes."""
    node = {'security': [{name: [] for name in need} for need in needs], 'parameters': [*parameters], 'responses': {}}
    paths = {'/a': {'get': node}}
    if version == '2.0':
        old = {**SCHEMES, 'basic': {'type': 'basic'}}
        document: Any = {'swagger': '2.0', 'host': url[7:], 'schemes': ['http'], 'securityDefinitions': old}
    else:
        document = {'openapi': version, **servers(url), 'components': {'securitySchemes': SCHEMES}}
    return App.create({**document, 'paths': paths}).op['get_a']


BASIC = 'Basic ' + base64.b64encode('user:pässword'.encode()).decode()


@pytest.mark.parametrize('version', ['2.0', '3.0.3', '3.1.0'])
@pytest.mark.parametrize(
    ('needs', 'token', 'target', 'headers'),
    [
        ([['oauth']], 'abc', '/a', {'authorization': 'Bearer abc'}),
        ([['unknown']], 'abc', '/a', {'authorization': 'Bearer abc'}),
        ([['basic']], ('user', 'pässword'), '/a', {'authorization': BASIC}),
        ([['basic']], 'user:pässword', '/a', {'authorization': BASIC}),
        ([['header_key']], 'abc', '/a', {'x-key': 'abc'}),
        ([['query_key']], 'a b&c', '/a?key=a+b%26c', {}),
        ([[], ['query_key']], 'abc', '/a?key=abc', {}),
        ([['digest'], ['header_key']], 'abc', '/a', {'x-key': 'abc'}),
        ([['header_key', 'query_key'], ['oauth']], 'abc', '/a', {'authorization': 'Bearer abc'}),
        ([['header_key', 'query_key']], {'header_key': 'x', 'query_key': 'y'}, '/a?key=y', {'x-key': 'x'}),
        ([['basic'], ['header_key']], {'header_key': 'x'}, '/a', {'x-key': 'x'}),
        ([['header_key'], ['basic']], ('user', 'pässword'), '/a', {'authorization': BASIC}),
        ([['header_key'], ['basic']], 'x', '/a', {'x-key': 'x'}),
    ],
)
def test_a_credential_in_the_form_that_the_scheme_says(
    version: str, needs: Any, token: Any, target: str, headers: dict[str, str]
) -> None:
    with Server(lambda visit: visit.send(response_bytes({}))) as server, client() as esi:
        esi.request(api(server.url, *needs, version=version)(token=token))
        (visit,) = server.visits
        assert visit.target == target
        names = ('authorization', 'x-key', 'cookie')
        assert {name: visit.headers[name] for name in names if name in visit.headers} == headers


@pytest.mark.parametrize(
    ('needs', 'token', 'headers'),
    [
        ([['oidc']], 'abc', {'authorization': 'Bearer abc'}),
        ([['bearer']], 'abc', {'authorization': 'Bearer abc'}),
        ([['cookie_key']], 'a;b', {'cookie': 'theme=dark; session=a%3Bb'}),
        ([['referred']], 'abc', {'x-key': 'abc'}),
    ],
)
def test_schemes_of_the_new_format(needs: Any, token: Any, headers: dict[str, str]) -> None:
    theme = {'in': 'cookie', 'name': 'theme', 'schema': {'type': 'string', 'default': 'light'}}
    made = api('http://a.example', *needs, parameters=[theme])(token=token, theme='dark')[0].headers()
    made = {name.lower(): value for name, value in made.items()}
    cookies = made.pop('cookie').split('; ')
    assert sorted(cookies) == sorted(headers.get('cookie', 'theme=dark').split('; '))
    assert made == {name: value for name, value in headers.items() if name != 'cookie'}


@pytest.mark.parametrize(
    ('needs', 'token', 'reason'),
    [
        ([['oauth']], ('user', 'hush'), 'an access token is printable ASCII text'),
        ([['oauth']], 'hush\r\nX: 1', 'an access token is printable ASCII text'),
        ([['basic']], 'hush', "it must be a pair ('user', 'password')"),
        ([['basic']], ('a:b', 'hush'), "it must be a pair ('user', 'password')"),
        ([['basic']], ('a', 'hush\n'), "it must be a pair ('user', 'password')"),
        ([['header_key']], 'hush\nX: 1', 'an API key is printable ASCII text'),
        ([['header_key']], 5, 'an API key is printable ASCII text'),
        ([['header_key', 'query_key']], 'hush', "needs token={'header_key': …, 'query_key': …}"),
        ([['header_key']], {'query_key': 'hush'}, "needs token={'header_key': …}"),
    ],
)
def test_a_credential_that_does_not_fit_is_refused_and_not_shown(needs: Any, token: Any, reason: str) -> None:
    with pytest.raises(CallError) as caught:
        api('http://a.example', *needs)(token=token)
    assert reason in str(caught.value)
    assert 'hush' not in f'{caught.value} {caught.value!r} {caught.value.faults}'


@pytest.mark.parametrize('scheme', ['digest', 'tls', 'odd_key'])
def test_a_scheme_that_is_not_supported_is_named(scheme: str) -> None:
    operation = api('http://a.example', [scheme])
    with pytest.raises(SpecError, match=rf'^get_a: not supported: security scheme \'{scheme}\''):
        operation(token='hush')
    assert operation()[0].url == 'http://a.example/a'


@pytest.mark.parametrize('version', ['2.0', '3.1.0'])
@pytest.mark.parametrize(
    ('scheme', 'where', 'name'), [('query_key', 'query', 'key'), ('header_key', 'header', 'x-key')]
)
def test_a_parameter_that_is_the_credential_need_not_be_given_twice(
    version: str, scheme: str, where: str, name: str
) -> None:
    parameter = {'in': where, 'name': name, 'required': True, 'type': 'string', 'schema': {'type': 'string'}}
    operation = api('http://a.example', [scheme], version=version, parameters=[parameter])
    request = operation(token='abc')[0]
    assert [*request.query, *request._p['header'].values()] in ([('key', 'abc')], ['abc'])
    with pytest.raises(CallError, match=f'{name}: is required'):
        operation()


def test_credentials_that_would_replace_one_another_are_refused() -> None:
    with pytest.raises(SpecError, match=r'^get_a: not supported: several credentials in one place: basic, oauth'):
        api('http://a.example', ['basic', 'oauth'])(token={'basic': ('user', 'hush'), 'oauth': 'hush'})


def test_an_api_key_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever its name: descriptions call it `key`, `id` or `X-Key`."""
    caplog.set_level('DEBUG', 'esipy')

    def page(visit: Visit) -> None:
        visit.send(response_bytes({}, 500 if visit.number == 0 else 404, headers={'Cache-Control': 'max-age=60'}))

    with Server(page) as server, client(retry_requests=True, retries=2) as esi:
        shown = []
        for scheme in ('query_key', 'header_key', 'cookie_key'):
            call = api(server.url, [scheme])(token='hush-hush')
            response = esi.request(call)
            shown += [repr(call), repr(response), response.url, repr(call[0].header)]
            with pytest.raises(Exception, match='404') as caught:
                esi.request(call, raise_on_error=True)
            shown += [str(caught.value), repr(caught.value.__dict__)]
        assert 'hush' not in ' '.join([*shown, caplog.text])


def test_the_responses_of_two_keys_are_kept_apart() -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes({'number': visit.number}, headers={'Cache-Control': 'max-age=60'}))

    with Server(page) as server, EsiClient(user_agent='tests') as esi:
        for scheme in ('query_key', 'header_key', 'cookie_key', 'basic', 'oauth'):
            operation = api(server.url, [scheme])
            one, other = ('a', 'x'), ('b', 'x')
            tokens = (one, other, one) if scheme == 'basic' else ('a', 'b', 'a')
            numbers = [esi.request(operation(token=token)).data.number for token in tokens]
            assert numbers[0] == numbers[2] != numbers[1], scheme


# ---------------------------------------------------------------------- other documents


@pytest.mark.parametrize(
    'paths',
    [
        {'/a': {'get': {'$ref': 'other.yaml#/get'}}},
        {'/a': {'$ref': 'https://elsewhere.example/a.json', 'get': {'operationId': 'get_a'}}},
        {'/a': {'get': {'parameters': [{'$ref': './parameters.json#/Id'}]}}},
        {'/a': {'parameters': [{'$ref': '../common.yaml'}], 'get': {}}},
        {'/a': {'get': {'requestBody': {'$ref': 'bodies.yaml#/A'}}}},
        {'/a': {'$ref': '#/components/pathItems/A', 'get': {}}},
        {'/a': {'get': {'parameters': [{'in': 'query', 'name': 'q', 'schema': {'$ref': 'schemas.json'}}]}}},
        {'/a': {'get': {'parameters': [{'in': 'query', 'name': 'q', 'schema': {'$ref': '#anchor'}}]}}},
    ],
)
def test_what_another_document_describes_is_never_called_without_it(paths: Any) -> None:
    """The reference is named, and all else works."""
    paths = {**paths, '/b': {'get': {}}}
    components = {'pathItems': {'A': {'$ref': 'items.yaml'}}}
    app = App.create({'openapi': '3.1.0', **servers(MAIN), 'paths': paths, 'components': components})
    assert app.op['get_b']()[0].url == 'https://main.example/v1/b'
    text = repr(paths) + repr(components)
    with pytest.raises(
        SpecError, match=r"^get_a: not supported: reference '[^']+' leads out of the document"
    ) as caught:
        app.op['get_a']()
    assert str(caught.value).split("'")[1] in text
    assert isinstance(app.op['get_a'].summary, str)


def test_a_path_that_another_document_describes_names_it() -> None:
    paths = {'/a/{id}': {'$ref': 'other.yaml#/a'}, '/b': {'get': {}}}
    app = App.create({'openapi': '3.1.0', **servers(MAIN), 'paths': paths})
    assert list(app.op) == ['get_b']
    for ask in (lambda: app.by_path('GET', '/a/5'), lambda: app.op['get_a_id'], lambda: app.op['post_a_id']):
        with pytest.raises(SpecError, match=r"'other\.yaml#/a'"):
            ask()


def test_the_parameters_beside_a_reference_and_behind_it() -> None:
    query, path = ({'in': where, 'name': where, 'required': True, 'schema': True} for where in ('query', 'path'))
    shared = {'parameters': [query], 'get': {'operationId': 'a'}}
    paths = {'/a/{path}': {'$ref': '#/components/pathItems/A', 'parameters': [path]}}
    app = App.create({'openapi': '3.1.0', **servers(MAIN), 'paths': paths, 'components': {'pathItems': {'A': shared}}})
    request = app.op['a'](query=1, path=2)[0]
    assert (request.path, request.query) == ('/a/2', [('query', '1')])


def test_what_stands_beside_the_reference_of_a_parameter_is_text_alone() -> None:
    """OpenAPI 3.1, Reference Object: "any properties added MUST be ignored" but for summary and description."""
    node = {'$ref': '#/components/parameters/Q', 'name': 'other', 'required': True, 'description': 'text'}
    components = {'parameters': {'Q': {'in': 'query', 'name': 'q', 'schema': {'type': 'integer'}}}}
    paths = {'/a': {'get': {'operationId': 'a', 'parameters': [node]}}}
    operation = App.create({'openapi': '3.1.0', **servers(MAIN), 'paths': paths, 'components': components}).op['a']
    assert operation()[0].query == []
    assert operation(q='5')[0].query == [('q', '5')]
    assert operation.parameters[0].description == 'text'


def test_an_operation_may_be_referred_to_within_the_document() -> None:
    shared = {'operationId': 'shared', 'parameters': [{'in': 'query', 'name': 'q', 'required': True, 'schema': {}}]}
    app = App.create(
        {'openapi': '3.1.0', **servers(MAIN), 'paths': {'/a': {'get': {'$ref': '#/x-shared'}}}, 'x-shared': shared}
    )
    with pytest.raises(CallError, match='q: is required'):
        app.op['shared']()
    assert app.op['shared'](q=1)[0].query == [('q', '1')]


# ---------------------------------------------------------------------- by method and path


@pytest.mark.parametrize(
    ('paths', 'asked', 'found'),
    [
        (['/v1/pets'], '/v1/pets', '/v1/pets'),
        (['/v1/pets/{id}'], '/v1/pets/5/', '/v1/pets/5'),
        (['/v1/pets', '/v2/pets'], '/v2/pets', '/v2/pets'),
        (['/v1/pets', '/pets'], '/v1/pets', '/v1/pets'),
        (['/pets'], '/v1/pets', '/pets'),
        (['/pets'], '/latest/pets/', '/pets'),
        (['/v1/pets'], '/latest/v1/pets', '/v1/pets'),
        (['/latest'], '/latest', '/latest'),
        (['/v3'], '/v3/', '/v3'),
        (['/{version}/pets'], '/v1/pets', '/v1/pets'),
        (['/dev/ops', '/ops'], '/dev/ops', '/dev/ops'),
        (['/'], '/', '/'),
        (['/a/'], '/a', '/a/'),
    ],
)
def test_a_path_that_begins_with_a_version(paths: list[str], asked: str, found: str) -> None:
    node = [{'in': 'path', 'name': name, 'required': True, 'schema': {}} for name in ('id', 'version')]  # type: ignore[var-annotated]
    items = {path: {'get': {'parameters': [one for one in node if one['name'] in path]}} for path in paths}  # type: ignore[operator]
    app = App.create({'openapi': '3.1.0', **servers(MAIN), 'paths': items})
    assert app.by_path('GET', asked)[0].path == found


def test_a_pickled_app_keeps_its_servers() -> None:
    import pickle

    from esipy._documents.parse import read

    paths = {'/a': {'get': servers('/own')}, '/b': {'get': {}}}
    app = App(read({'openapi': '3.1.0', 'paths': paths, **servers('/v1')}, 'https://docs.example/openapi.json'))
    revived = pickle.loads(pickle.dumps(app))
    assert [revived.op[name]()[0].url for name in ('get_a', 'get_b')] == [
        'https://docs.example/own/a',
        'https://docs.example/v1/b',
    ]
