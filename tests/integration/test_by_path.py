"""Calls by method and path, a dry run, and a day of one's choice for one call: on the path of any other."""

from datetime import date
from typing import Any

import pytest

from esipy import App, EsiApp, EsiClient
from esipy.exceptions import CallError, NotFoundError, UnknownOperationError
from esipy.plugins import Plugin
from esipy.sandbox import Sandbox
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes

TOKEN = 'hush-hush'


def page(visit: Visit) -> None:
    visit.send(response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60'}))


# ------------------------------------------------------------------ by path


def test_on_the_sandbox() -> None:
    with Sandbox() as esi, esi.redirect(), EsiClient(user_agent='tests', app=EsiApp()) as client:
        types = client.request_path('GET', '/universe/types/')
        one = types.data[0]
        assert client.request_path('GET', f'/universe/types/{one}/').data.type_id == one
        assert client.request(client.app.op['get_universe_types']()).from_cache
        assert client.request_path('GET', '/universe/types/{type_id}', type_id=one).from_cache
        orders = client.app.by_path('GET', '/markets/{region_id}/orders', region_id=10000002, order_type='all')
        pages = client.request(orders).pages
        assert len(list(client.paginate(orders))) == pages


def test_an_app_and_options_of_the_call() -> None:
    with Server(page) as server, client(compatibility_date='2026-01-01') as esi:
        app = app_at(server.url)
        assert esi.request_path('GET', '/mine', app=app, token=TOKEN, q='x', timeout=3, raise_on_error=True).data.a == 1
        assert esi.request_path('PUT', '/thing', app=app, body={'b': 2}).status == 200
        first, second = server.visits
        assert (first.target, first.headers['authorization']) == ('/mine?q=x', f'Bearer {TOKEN}')
        assert (second.method, second.body) == ('PUT', b'{"b": 2}')
    with (
        client() as esi,
        Server(lambda visit: visit.send(response_bytes({}, 404))) as other,
        pytest.raises(NotFoundError),
    ):
        esi.request_path('GET', '/things/5', app=app_at(other.url), raise_on_error=True)


def test_what_cannot_be_asked_for() -> None:
    with client() as esi:
        with pytest.raises(CallError, match=r'is not given: create EsiClient\(app=EsiApp\(\)\) or pass app='):
            esi.request_path('GET', '/thing')
        app = app_at('http://127.0.0.1:9')
        with pytest.raises(UnknownOperationError, match='did you mean GET /thing'):
            esi.request_path('GET', '/thin', app=app)
        with pytest.raises(CallError, match="pag: unknown parameter, did you mean 'page'"):
            esi.request_path('GET', '/thing', app=app, pag=2)


def test_the_clients_app_is_asked_for_names_too() -> None:
    with Server(lambda visit: visit.send(response_bytes({}))) as server, client(app=app_at(server.url)) as esi:
        assert esi.ids(['Nowhere']).unknown == ['Nowhere']
        assert server.visits[0].path == '/universe/ids'


def test_a_table_by_path() -> None:
    with Server(page) as server, client() as esi:
        app = App.create({'base_path': server.url, 'get_user': {'path': '/user/{user_id}'}})
        assert esi.request_path('GET', '/user/12', app=app).data.a == 1
        assert server.visits[0].path == '/user/12'


# ------------------------------------------------------------------ a dry run


def test_a_dry_run_returns_what_would_be_sent_and_sends_nothing() -> None:
    with Server(page) as server, client(headers={'X-App': 'tests', 'X-Api-Key': TOKEN}) as esi:
        app = app_at(server.url)
        outgoing = esi.prepare(app.op['put_thing'](body={'b': 2}))
        assert (outgoing.method, outgoing.url, outgoing.body) == ('PUT', f'{server.url}/thing', b'{"b": 2}')
        assert outgoing.headers['X-App'] == 'tests'
        assert outgoing.headers['Content-Length'] == '8'
        assert outgoing.headers['X-Api-Key'] == '***'
        with_token = esi.prepare(app.op['get_mine'](token=TOKEN, q='a b'))
        assert with_token.url == f'{server.url}/mine?q=a+b'
        assert with_token.headers['Authorization'] == '***'
        assert TOKEN not in repr((outgoing, outgoing.headers, with_token, with_token.headers))
        assert server.visits == []
        esi.request(app.op['put_thing'](body={'b': 2}))
        sent = {name: value for name, value in server.visits[0].headers.items() if name != 'host'}
        assert sent == {**{name.lower(): text for name, text in outgoing.headers.items()}, 'x-api-key': TOKEN}


def test_a_dry_run_refreshes_nothing() -> None:
    with Server(page) as server:
        mine = security('old', sso=server.url)
        mine.token_expiry = 1
        with client(security=mine) as esi:
            app = app_at(server.url)
            assert esi.prepare(app.op['get_mine']()).headers['Authorization'] == '***'
            assert 'Authorization' not in esi.prepare(app.op['get_thing']()).headers
            assert 'Authorization' not in esi.prepare(app.op['get_mine'](), security=None).headers
        assert server.visits == []
        assert mine.access_token == 'old'


def test_a_dry_run_asks_neither_a_signing_function_nor_a_sessions_auth() -> None:
    def never(request: Any) -> Any:
        raise AssertionError('asked')

    with client(security=never) as esi:
        esi._session.auth = never
        outgoing = esi.prepare(app_at('http://127.0.0.1:9').op['get_mine']())
    assert outgoing.headers['Authorization'] == '***'


def test_a_dry_run_shows_what_plugins_make_of_a_call() -> None:
    class Way(Plugin):
        call_options = ('way',)

        def prepare(self, call: Any) -> None:
            call.headers['X-Way'] = call.options.get('way', 'none')

        def around_call(self, call: Any) -> None:
            raise AssertionError('nothing is held')

    with client(plugins=[Way()]) as esi:
        call = app_at('http://127.0.0.1:9').op['get_thing']()
        assert esi.prepare(call, way='that').headers['X-Way'] == 'that'
        assert 'X-Way' not in call[0].header
        with pytest.warns(UserWarning, match="unknown option 'wey', did you mean 'way'"):
            esi.prepare(call, wey='that')


# ------------------------------------------------------------------ a day of one's choice


def dated(url: str) -> App:
    document = {
        'openapi': '3.1.0',
        'info': {'title': 'x', 'version': '2026-08-04'},
        'servers': [{'url': url}],
        'components': {'parameters': {'CompatibilityDate': {}}},
        'paths': {
            '/thing': {
                'get': {
                    'operationId': 'get_thing',
                    'parameters': [{'name': 'X-Compatibility-Date', 'in': 'header', 'schema': {'type': 'string'}}],
                }
            }
        },
    }
    return App.create(document)


def test_a_day_for_one_call() -> None:
    with Server(page) as server, client(app=dated(server.url)) as esi:
        call = esi.app.op['get_thing']()
        esi.request(call)
        assert not esi.request(call, compatibility_date='2026-01-02').from_cache  # another API, another response
        assert esi.request(call, compatibility_date=date(2026, 1, 2)).from_cache
        assert esi.request(call).from_cache
        esi.request_path('GET', '/thing', compatibility_date='2026-01-03')
        esi.multi_request([call], compatibility_date='2026-01-04')
        esi.head(call, compatibility_date='2026-01-05')
        days = [visit.headers['x-compatibility-date'] for visit in server.visits]
        assert days == ['2026-08-04', '2026-01-02', '2026-01-03', '2026-01-04', '2026-01-05']
        assert esi.prepare(call, compatibility_date='2026-01-06').headers['X-Compatibility-Date'] == '2026-01-06'
        for wrong in ('v1', 'today', '2026-1-2', '2026-01-02\r\nX: y'):
            with pytest.raises(CallError, match='is not a date: YYYY-MM-DD'):
                esi.request(call, compatibility_date=wrong)
            with pytest.raises(CallError, match=r'^EsiClient: '):
                EsiClient(user_agent='tests', compatibility_date=wrong)
            with pytest.raises(CallError, match=r'^EsiApp: '):
                EsiApp(meta_url=f'{server.url}/openapi.json', compatibility_date=wrong)
