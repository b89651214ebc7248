"""Programs written as in EsiPy's documentation, unchanged, on both documents: the addresses in them are the official
ones, and lead to a sandbox."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import json
import logging
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import App, EsiApp, EsiClient, EsiSecurity
from esipy.cache import BaseCache, DictCache, DummyCache, _hash
from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS, Signal
from esipy.plugins import Headers, OuterLogger, Plugin, QueryParams
from esipy.sandbox import Sandbox
from esipy.security import APIException  # as programs for 1.x import it
from tests.cases.documents import LIVE, META, OLD, path_of
from tests.servers import Server, response_bytes

HEADERS = {'User-Agent': 'Jimmy - bot/crawler'}


def _sandbox(name: str) -> Iterator[Sandbox]:
    with Sandbox(path_of(name)) as running, running.redirect():
        yield running


@pytest.fixture(scope='module', params=[OLD, LIVE])
def shared_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    yield from _sandbox(request.param)


@pytest.fixture
def esi(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    shared_sandbox.log.clear()
    yield shared_sandbox
    shared_sandbox.faults.clear()
    shared_sandbox.clock.restore()


@pytest.fixture
def app(esi: Sandbox) -> Any:
    return EsiApp(**_where(esi)).get_latest_swagger  # type: ignore[arg-type]


def _where(esi: Sandbox) -> dict[str, str]:
    """A server of 2018 has no live document: apps that talk to one say where its meta document is."""
    return {'meta_url': 'https://esi.evetech.net/swagger.json'} if '/swagger.json' in esi.spec_url else {}


@pytest.fixture
def client() -> Iterator[EsiClient]:
    with EsiClient(headers=HEADERS) as made:
        yield made


@pytest.fixture
def security(esi: Sandbox) -> EsiSecurity:
    made = EsiSecurity(
        redirect_uri='https://localhost/callback/',
        client_id='client id',
        secret_key='secret key',
        headers=HEADERS,
        sso_endpoints={
            'issuer': 'login.eveonline.com',
            'authorization_endpoint': 'https://login.eveonline.com/v2/oauth/authorize',
            'token_endpoint': 'https://login.eveonline.com/v2/oauth/token',
            'revocation_endpoint': 'https://login.eveonline.com/v2/oauth/revoke',
            'jwks_uri': 'https://login.eveonline.com/oauth/jwks',
        },
    )
    made.update_token({'access_token': esi.token(90000001), 'expires_in': 1199, 'refresh_token': 'a refresh token'})
    return made


@pytest.mark.parametrize('name', ['app', 'cache', 'client', 'events', 'security'])
def test_the_loggers_are_where_apps_turn_them_down(name: str) -> None:
    module = importlib.import_module(f'esipy.{name}')
    assert module.LOGGER is logging.getLogger(f'esipy.{name}')


def test_a_program_that_configures_no_logging_sees_none() -> None:
    program = "import logging, esipy; logging.getLogger('esipy.client').warning('said')"
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stderr == ''


# ---------------------------------------------------------------------- "Use EsiApp to create an App"


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize('name', ['get_latest_swagger', 'get_v1_swagger', 'get__dev_swagger', 'get_legacy_swagger'])
@pytest.mark.parametrize('by_meta_url', [False, True])
def test_the_app_from_esi_app(name: str, by_meta_url: bool, esi: Sandbox) -> None:
    esi_app = EsiApp(**({'meta_url': 'https://esi.evetech.net/swagger.json'} if by_meta_url else _where(esi)))  # type: ignore[arg-type]
    app = getattr(esi_app, name)
    assert isinstance(app, App)
    assert app.op['get_markets_region_id_orders'](region_id=10000002, page=1, order_type='all')
    assert getattr(esi_app, name) is app
    with pytest.raises(AttributeError):
        _ = esi_app.get_nothing_swagger  # type: ignore[attr-defined]


@pytest.mark.filterwarnings('ignore:.*gone from the server:DeprecationWarning')
@pytest.mark.parametrize(
    'url',
    [
        'https://esi.evetech.net/latest/swagger.json?datasource=tranquility',
        'https://esi.evetech.net/v1/swagger.json',
        'https://esi.evetech.net/_latest/swagger.json?datasource=tranquility',
    ],
)
def test_app_create(url: str, esi: Sandbox, client: EsiClient) -> None:
    app = App.create(url)
    assert client.request(app.op['get_status']()).data.players > 0
    assert App.create(url, strict=False).op['get_status'].operationId


def test_the_meta_document_itself(client: EsiClient) -> None:
    with Sandbox(path_of(META)) as esi, esi.redirect():
        meta = EsiApp(meta_url='https://esi.evetech.net/swagger.json')
        assert meta.op['get_latest_swagger'].url == '//esi.evetech.net/latest/swagger.json'
        with pytest.raises(AttributeError):
            _ = meta.verify  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- "Example of a public call", paged


def test_market_orders_page_by_page(esi: Sandbox, app: Any, client: EsiClient) -> None:
    op = app.op['get_markets_region_id_orders'](region_id=10000002, page=1, order_type='all')
    res = client.head(op)
    assert res.status == 200
    assert res.data is None
    operations = []
    for page in range(1, res.header['X-Pages'][0] + 1):
        operations.append(app.op['get_markets_region_id_orders'](region_id=10000002, page=page, order_type='all'))
    results = client.multi_request(operations)
    orders = []
    for _request, response in results:
        assert response.status == 200
        orders += response.data
    assert len(orders) == 430
    assert orders[0].price == orders[0]['price']
    assert isinstance(orders[0].price, float)
    assert orders[0].issued.v.year > 2000
    assert esi.log.count('get_markets_region_id_orders', method='GET') == 5


def test_request_and_response(app: Any, client: EsiClient) -> None:
    operation = app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all')
    response = client.request(operation)
    assert response.status == 200
    assert response.data[0].price > 0
    assert json.loads(response.raw)[0]['price'] == response.data[0].price  # type: ignore[arg-type]
    assert response.header['Content-Type'] == ['application/json']
    assert int(response.header['X-Pages'][0]) == 5
    request, kept = operation
    assert request.url.endswith('/markets/10000002/orders/') or request.url.endswith('/markets/10000002/orders')
    assert request.method in ('get', 'GET')
    assert ('order_type', 'all') in list(request.query)
    assert kept.status == 200
    request.reset()


@pytest.mark.parametrize('where', ['client', 'request'])
def test_raw_body_only(where: str, esi: Sandbox, app: Any) -> None:
    client = EsiClient(headers=HEADERS, raw_body_only=where == 'client')
    operation = app.op['get_status']()
    response = client.request(operation) if where == 'client' else client.request(operation, raw_body_only=True)
    assert response.data is None
    assert json.loads(response.raw)['players'] > 0  # type: ignore[arg-type]
    assert client.request(operation, raw_body_only=False).data.players > 0
    client.close()


def test_names_to_ids(app: Any, client: EsiClient) -> None:
    response = client.request(app.op['post_universe_ids'](names=['Jita', 'CCP Bartender']))
    assert response.status == 200
    assert response.data.keys()


def test_cache_and_etag(esi: Sandbox, app: Any, client: EsiClient) -> None:
    operation = app.op['get_markets_prices']()
    first = client.request(operation)
    assert client.request(operation).data == first.data
    assert esi.log.count('get_markets_prices') == 1
    esi.clock.move(86400)
    again = client.request(operation)
    assert (again.status, again.data) == (200, first.data)
    assert esi.log.count('get_markets_prices', status=304) == 1


def test_operations_in_globals_and_partials(app: Any, client: EsiClient) -> None:
    global ORDERS
    ORDERS = app.op['get_markets_region_id_orders']
    jita = functools.partial(ORDERS, region_id=10000002, order_type='sell')
    assert client.request(jita(page=2)).data
    assert [parameter.name for parameter in ORDERS.parameters if parameter.name == 'region_id']


ORDERS: Any = None


def test_multi_request_by_identity(app: Any, client: EsiClient) -> None:
    calls = {page: ORDERS_OF(app)(region_id=10000002, order_type='all', page=page) for page in range(1, 6)}
    for request, response in client.multi_request(calls.values(), threads=3):
        page = next(page for page, call in calls.items() if call[0] is request)
        assert dict(request.query)['page'] == str(page)
        assert response.data


def ORDERS_OF(app: Any) -> Any:
    return app.op['get_markets_region_id_orders']


@pytest.mark.parametrize('where', ['class', 'object'])
def test_multi_request_by_a_request_of_ones_own(where: str, app: Any, client: EsiClient) -> None:
    """1.x called `request` for each of the calls: a subclass, or a wrapper in its place, was asked."""
    heard = []

    class Mine(EsiClient):
        def request(self, req_and_resp: Any, **options: Any) -> Any:  # type: ignore[override]
            heard.append(options)
            return EsiClient.request(self, req_and_resp, **options)

    if where == 'class':
        client.__class__ = Mine
    else:
        client.request = functools.partial(Mine.request, client)  # type: ignore[method-assign, arg-type]
    calls = [ORDERS_OF(app)(region_id=10000002, order_type='all', page=page) for page in (1, 2)]
    calls.append(app.op['get_characters_character_id'](character_id=404))
    pairs = client.multi_request(calls, raw_body_only=True)
    assert [pair[1].status for pair in pairs] == [200, 200, 404]
    assert [pair[0] for pair in pairs] == [call[0] for call in calls]
    assert heard == [{'raw_body_only': True, 'opt': {}}] * 3
    with pytest.raises(APIException) as caught:
        client.multi_request(calls, raise_on_error=True)
    assert caught.value.status_code == 404
    assert len(caught.value.results) == 3  # type: ignore[attr-defined]


def test_errors(app: Any, client: EsiClient) -> None:
    operation = app.op['get_characters_character_id'](character_id=404)
    response = client.request(operation)
    assert response.status == 404
    assert response.data.error
    with pytest.raises(APIException) as caught:
        client.request(operation, raise_on_error=True)
    assert caught.value.status_code == 404
    assert str(caught.value).startswith('HTTP Error 404')
    with pytest.raises(APIException):
        client.head(operation, raise_on_error=True)


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('', 404, {'error': 'not found'}), 'HTTP Error 404: not found'),  # as programs of 0.x write it
        (('', 502, b'{"error": "bad gateway"}'), 'HTTP Error 502: bad gateway'),
        (('', 500), 'HTTP Error 500: '),
    ],
)
def test_errors_that_a_program_raises_itself(arguments: tuple[Any, ...], text: str) -> None:
    error = APIException(*arguments)
    assert str(error).startswith(text)
    assert (error.status_code, error.response) == (*arguments[1:], b'{}')[:2]


# ---------------------------------------------------------------------- "Example of an authenticated call"


def test_wallet(esi: Sandbox, app: Any, security: EsiSecurity) -> None:
    client = EsiClient(retry_requests=True, headers=HEADERS, security=security)
    op = app.op['get_characters_character_id_wallet'](character_id=90000001)
    wallet = client.request(op)
    assert isinstance(wallet.data, float)
    assert EsiClient(headers=HEADERS).request(op).status == 401
    client.close()


@pytest.mark.parametrize('where', ['class', 'object'])
def test_a_refresh_of_ones_own(where: str, esi: Sandbox, app: Any, security: EsiSecurity) -> None:
    """1.x called `refresh` when a call found the token too old: a subclass, or a mock in its place, was asked."""
    new = {'access_token': esi.token(90000001), 'expires_in': 1199, 'refresh_token': 'another', 'token_type': 'Bearer'}
    heard = []

    class Mine(EsiSecurity):
        def refresh(self, scope_list: Any = None) -> Any:
            self.update_token(new)
            return new

    if where == 'class':
        security.__class__ = Mine
    else:
        security.refresh = functools.partial(Mine.refresh, security)  # type: ignore[method-assign, arg-type]
    security.signal_token_updated = Signal()
    security.signal_token_updated.add_receiver(lambda **by_meta_url: heard.append(by_meta_url['refresh_token']))
    security.token_expiry = 0
    with EsiClient(security, headers=HEADERS) as client:
        assert client.request(app.op['get_characters_character_id_wallet'](character_id=90000001)).ok
    assert heard == ['another']


def test_a_subclass_that_takes_a_users_tokens_when_it_signs(esi: Sandbox, app: Any) -> None:
    """Nobody's answer is given to another user, and the tokens of the one before are not asked for anything."""
    owner, other = 90000001, 90000002

    class OfTheUser(EsiSecurity):
        user = owner

        def __call__(self, request: Any) -> Any:
            self.update_token({'access_token': esi.token(self.user), 'expires_in': 1199})
            return super().__call__(request)

    security = OfTheUser('https://localhost/callback/', 'client id', 'secret key', headers=HEADERS)
    with EsiClient(security, headers=HEADERS) as client:
        op = app.op['get_characters_character_id_wallet'](character_id=owner)
        assert client.request(op).status == 200
        security.user = other
        assert client.request(op).status == 403
        esi.clock.move(3600)
        security.user = owner
        assert client.request(op).status == 200


@pytest.mark.parametrize('copied', [copy.copy, copy.deepcopy])
def test_a_security_object_copied_for_each_user(copied: Any, esi: Sandbox, app: Any) -> None:
    template = EsiSecurity('https://localhost/callback/', 'client id', 'secret key', headers=HEADERS)
    users = {character: copied(template) for character in (90000001, 90000002)}
    for character, security in users.items():
        security.update_token({'access_token': esi.token(character), 'expires_in': 1199}, token_identifier=character)
    for character, security in users.items():
        with EsiClient(security, headers=HEADERS) as client:
            op = app.op['get_characters_character_id_wallet'](character_id=character)
            assert client.request(op).status == 200
        assert security.token_identifier == character
        assert security.verify(options={'verify_aud': False})['sub'] == f'CHARACTER:EVE:{character}'
    assert template.access_token is template.token_identifier is None


def test_contacts_written_and_read(esi: Sandbox, app: Any, security: EsiSecurity) -> None:
    esi.lists.of('get_characters_character_id_contacts', character_id=90000001).resize(5)
    with EsiClient(security, headers=HEADERS) as client:
        added = client.request(
            app.op['post_characters_character_id_contacts'](
                character_id=90000001, contact_ids=[95465499], standing=5.0, watched=False
            )
        )
        assert added.status == 201
        contacts = client.request(app.op['get_characters_character_id_contacts'](character_id=90000001))
        assert 95465499 in [contact.contact_id for contact in contacts.data]
        gone = client.request(
            app.op['delete_characters_character_id_contacts'](character_id=90000001, contact_ids=[95465499])
        )
        assert (gone.status, gone.data) == (204, None)
        esi.clock.move(600)  # its address has another query: the kept response lives until it expires
        contacts = client.request(app.op['get_characters_character_id_contacts'](character_id=90000001))
        assert 95465499 not in [contact.contact_id for contact in contacts.data]


def test_the_old_token_parameter(esi: Sandbox, app: Any, client: EsiClient) -> None:
    op = app.op['get_characters_character_id_wallet'](
        character_id=90000001, datasource='tranquility', token=esi.token(90000001)
    )
    assert client.request(op).status == 200
    assert 'token' not in esi.log.entries[-1].path


def test_a_token_service_of_ones_own(esi: Sandbox, app: Any) -> None:
    token = esi.token(90000001)

    class TokenService:
        def __call__(self, request: Any) -> Any:
            if not request._security:
                return request
            for requirement in request._security:
                if 'evesso' in requirement:
                    request._p['header'].update({'Authorization': f'Bearer {token}'})
            return request

    with EsiClient(security=TokenService(), headers=HEADERS) as client:
        op = app.op['get_characters_character_id_wallet'](character_id=90000001)
        assert client.request(op).status == 200
        assert client.request(app.op['get_status']()).status == 200


def test_the_session_of_the_client(esi: Sandbox, app: Any, client: EsiClient) -> None:
    client._session.headers['Authorization'] = f'Bearer {esi.token(90000001)}'
    client._session.headers.update({'X-Own': 'yes'})
    op = app.op['get_characters_character_id_wallet'](character_id=90000001)
    assert client.request(op).status == 200
    assert esi.log.entries[-1].headers['x-own'] == 'yes'


# ---------------------------------------------------------------------- "Signals"


def test_api_call_stats(app: Any, client: EsiClient) -> None:
    def api_stats(url: str, status_code: int, elapsed_time: float, message: Any) -> None:
        heard.append((url, status_code, elapsed_time, message))

    def with_keywords(url: str, status_code: int, elapsed_time: float, message: Any, **kwargs: Any) -> None:
        more.append(kwargs)

    heard: list[Any] = []
    more: list[Any] = []
    API_CALL_STATS.add_receiver(api_stats)
    API_CALL_STATS.add_receiver(with_keywords)
    client.request(app.op['get_status']())
    client.request(app.op['get_characters_character_id'](character_id=404))
    client.head(app.op['get_status']())
    API_CALL_STATS.remove_receiver(api_stats)
    client.request(app.op['get_incursions']())
    assert [one[1] for one in heard] == [200, 404, 200]
    assert '/status' in heard[0][0]
    assert heard[0][3] is None
    assert json.loads(heard[1][3])['error']
    assert 0 < heard[0][2] < 30
    assert [one['method'] for one in more] == ['GET', 'GET', 'HEAD', 'GET']


def test_a_signal_of_ones_own(app: Any) -> None:
    class OnlySend:
        def send(self, **kwargs: Any) -> None:
            heard.append(kwargs)

    heard: list[Any] = []
    with EsiClient(headers=HEADERS, signal_api_call_stats=OnlySend()) as client:
        client.request(app.op['get_status']())
    assert heard[0].keys() >= {'elapsed_time', 'message', 'status_code', 'url'}
    own = Signal()
    own.add_receiver(lambda **kwargs: heard.append(kwargs))
    with EsiClient(headers=HEADERS, signal_api_call_stats=own) as client:
        client.request(app.op['get_status']())
    assert len(heard) == 2
    with pytest.raises(TypeError):
        own.add_receiver('not callable')  # type: ignore[type-var]


def test_after_token_refresh(esi: Sandbox, app: Any, security: EsiSecurity) -> None:
    def after_token_refresh(access_token, refresh_token, expires_in, token_type, token_identifier):  # type: ignore[no-untyped-def]
        heard.append((access_token, refresh_token, expires_in, token_type, token_identifier))

    heard: list[Any] = []
    AFTER_TOKEN_REFRESH.add_receiver(after_token_refresh)
    fresh = esi.token(90000001)
    tokens = {'access_token': fresh, 'expires_in': 1199, 'token_type': 'Bearer', 'refresh_token': 'new'}
    with Server(lambda visit: visit.send(response_bytes(tokens))) as sso:
        security.oauth_token = f'{sso.url}/v2/oauth/token'
        security.update_token({'access_token': '', 'expires_in': -1, 'refresh_token': 'old'}, token_identifier=7)
        with EsiClient(headers=HEADERS, security=security) as client:
            op = app.op['get_characters_character_id_wallet'](character_id=90000001)
            assert client.request(op).status == 200
            assert client.request(op).status == 200
        assert len(sso.visits) == 1
    assert heard == [(fresh, 'new', 1199, 'Bearer', 7)]


# ---------------------------------------------------------------------- "Caching"


class MyCache(BaseCache):
    """As in the documentation."""

    def __init__(self) -> None:
        self.dict: dict[Any, Any] = {}

    def get(self, key: Any, default: Any = None) -> Any:
        return self.dict.get(key, default)

    def set(self, key: Any, value: Any, timeout: Any = 300) -> None:
        self.dict[key] = value
        assert value.status_code == 200
        assert value._fields == ('status_code', 'headers', 'content', 'url')

    def invalidate(self, key: Any) -> None:
        self.dict.pop(key)


class TableCache(BaseCache):
    """A cache whose values are rows of an app's own, as those of an ORM."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    def get(self, key: Any, default: Any = None) -> Any:
        return self.rows.get(_hash(key), default)

    def set(self, key: Any, value: Any, expire: Any = 300) -> None:
        self.rows[_hash(key)] = types.SimpleNamespace(expire=expire, **value._asdict())

    def invalidate(self, key: Any) -> None:
        self.rows.pop(_hash(key), None)


@pytest.mark.parametrize('cache', [MyCache(), TableCache(), DictCache(), DummyCache(), None, False])
def test_a_cache_of_ones_own(cache: Any, esi: Sandbox, app: Any) -> None:
    with EsiClient(headers=HEADERS, cache=cache) as client:
        for _ in range(2):
            assert client.request(app.op['get_incursions']()).ok
    kept = not (cache is None or isinstance(cache, DummyCache))
    assert esi.log.count('get_incursions') == (1 if kept else 2)


# ---------------------------------------------------------------------- "Retry", "Parallel"


def test_retry_requests(esi: Sandbox, app: Any) -> None:
    esi.faults.add('status', n=2, status=502, operation='get_status')
    with EsiClient(retry_requests=True, headers=HEADERS) as client:
        begun = time.monotonic()
        assert client.request(app.op['get_status']()).status == 200
        assert time.monotonic() - begun > 0.5
    assert [entry.status for entry in esi.log.calls('get_status')] == [502, 502, 200]


def test_apps_with_threads_of_their_own(esi: Sandbox, app: Any, client: EsiClient) -> None:
    results: list[int] = []

    def work() -> None:
        for page in range(1, 6):
            op = app.op['get_markets_region_id_orders'](region_id=10000002, page=page, order_type='all')
            results.append(len(client.request(op).data))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [30] * 8 + [100] * 32


# ---------------------------------------------------------------------- pairs made by pyswagger, by their shape


class TheirOperation:
    url = '//esi.evetech.net/latest/universe/types/{type_id}/'
    path = '/universe/types/{type_id}/'
    method = 'get'


class TheirRequest:
    """As much of pyswagger.io.Request as a client of its kind uses."""

    def __init__(self, operation: TheirOperation, params: dict[str, Any]) -> None:
        self.__op = operation
        self.__p = params
        self._security = [{'evesso': []}]  # type: ignore[var-annotated]
        self.prepared = 0
        self.reset()

    _p = property(lambda self: self.__p)
    method = property(lambda self: self.__op.method)
    path = property(lambda self: self.__op.path)
    query = property(lambda self: self.__p['query'])
    header: dict[str, str]
    data = None

    def reset(self) -> None:
        self.url = self.__op.url
        self.header = {}

    def prepare(self, scheme: str = 'http', handle_files: bool = True, encoding: str = 'utf-8') -> TheirRequest:
        assert not handle_files
        self.prepared += 1
        self.url = f'{scheme}:{self.url.format(**self.__p["path"])}'
        self.header.update(self.__p['header'])
        return self

    def _patch(self, opt: dict[str, Any]) -> None:
        if 'url_netloc' in opt:
            self.url = self.url.replace('esi.evetech.net', opt.pop('url_netloc'))


class TheirResponse:
    def __init__(self) -> None:
        self.reset()
        self.raw_body_only = False

    def reset(self) -> None:
        self.status: int | None = None
        self.header: dict[str, list[str]] = {}
        self.raw = self.data = None

    def apply_with(self, status: Any = None, raw: Any = None, header: Any = None) -> TheirResponse:
        self.status, self.raw = status, raw
        for name, value in header:
            self.header.setdefault(name, []).append(value)
        if raw is not None and not self.raw_body_only:
            self.data = json.loads(raw)
        return self


def theirs() -> tuple[Any, Any]:
    params = {
        'path': {'type_id': '34'},
        'query': [('language', 'en')],
        'header': {},
        'body': {},
        'formData': [],
        'file': {},
    }
    return TheirRequest(TheirOperation(), params), TheirResponse()


def test_a_pair_made_by_pyswagger(esi: Sandbox, security: EsiSecurity) -> None:
    if '/swagger.json' not in esi.spec_url:
        pytest.skip('pyswagger cannot read this document')
    with EsiClient(headers=HEADERS, security=security) as client:
        call = theirs()
        response = client.request(call)
        assert response is call[1]
        assert (response.status, response.data['type_id']) == (200, 34)
        assert call[0].header['Authorization'].startswith('Bearer ')
        assert 'Authorization' in call[0].header
        assert client.request(call).data['type_id'] == 34
        assert [entry.status for entry in esi.log] == [200, 304]
        assert client.head(call).data is None
        pairs = client.multi_request([theirs(), theirs()])
        assert [pair[1].data['type_id'] for pair in pairs] == [34, 34]
        failed = client.request(theirs(), opt={'url_netloc': 'localhost:1', 'url_scheme': 'http'})
        assert failed.status == 500


class ResponseCache(Plugin):
    """Answers itself, and notes what would have been sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None]] = []

    def respond(self, call: Any) -> Any:
        self.sent.append((call.url.partition('?')[2], call.sending.headers.get('Authorization')))
        return call.make_response(b'{"type_id": 34}')


def test_plugins_change_several_parts_of_a_pair_made_by_pyswagger() -> None:
    """`Authorization` of an earlier execution is dropped once, not what a plugin has put there."""
    responses, call = ResponseCache(), theirs()
    plugins = [Headers({'Authorization': 'Bearer mine'}), QueryParams({'datasource': 'test'}), responses]
    with EsiClient(headers=HEADERS, plugins=plugins, limits=None, cache=None) as client:
        for _ in range(2):
            assert client.request(call).data == {'type_id': 34}
    assert [authorization for _, authorization in responses.sent] == ['Bearer mine'] * 2
    assert all('datasource=test' in query for query, _ in responses.sent)


def test_plugins_take_part_in_a_pair_made_by_pyswagger(esi: Sandbox) -> None:
    if '/swagger.json' not in esi.spec_url:
        pytest.skip('pyswagger cannot read this document')
    plugins: list[Any] = [QueryParams({'language': 'de', 'datasource': 'tranquility'}), Headers({'X-App': 'tests'})]
    plugins.append(OuterLogger(logging.getLogger('tests'), 99))
    with EsiClient(headers=HEADERS, plugins=plugins, limits=None) as client:
        call = theirs()
        for _ in range(2):
            assert client.request(call).data['type_id'] == 34
    first = next(iter(esi.log))
    assert 'language=en&datasource=tranquility' in first.path
    assert first.headers['x-app'] == 'tests'


def test_every_argument_of_a_constructor_is_an_attribute(esi: Sandbox, security: EsiSecurity) -> None:
    with EsiClient(security, headers=HEADERS, max_body=5, user_agent='x') as client:
        made: list[tuple[Any, dict[str, Any]]] = [
            (EsiApp(**_where(esi), cache_time=7), {}),
            (client, importlib.import_module('esipy._call.client_options').DEFAULTS),
            (security, importlib.import_module('esipy._sso.security_options').DEFAULTS),
        ]
        for one, options in made:
            parameters = inspect.signature(type(one)).parameters.values()
            names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
            assert [name for name in (*names, *options) if not hasattr(one, name)] == []
        assert made[0][0].cache_time == 7
        assert (client.max_body, client.user_agent, client.session) == (5, 'x', None)
        assert security.headers == HEADERS
        assert security.sso_endpoints['issuer'] == 'login.eveonline.com'
