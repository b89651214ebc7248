"""At a prompt and in a notebook: completion by IPython itself and by plain Python, help, and reprs without secrets."""

from __future__ import annotations

import functools
import logging
import pickle
import pydoc
import re
import rlcompleter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import esipy
from esipy import App, EsiApp, EsiClient, EsiSecurity, ServiceClient, plugins
from esipy.cache import BaseCache, DictCache, DummyCache, FileCache, RedisCache
from esipy.limits import MemoryLimits, RedisLimits
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens, RedisTokens
from tests.cases.built_in import OPERATIONS

URL = 'https://docs.example/tree'
SECRET = 'planted-and-never-shown'


@pytest.fixture(scope='module')
def names() -> Iterator[dict[str, Any]]:
    """What somebody has at the prompt after the first minutes."""
    with Sandbox() as esi, esi.redirect(), EsiClient(user_agent='tests') as client:
        app = App.create(esi.spec_url)
        orders = app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all')
        yield {
            'app': app,
            'esi_app': EsiApp(),
            'client': client,
            'call': orders,
            'response': client.request(orders),
            'status': client.request(app.op['get_status']()),
        }


@pytest.fixture(scope='module')
def shell() -> InteractiveShell:
    """IPython as it is installed: nothing is configured."""
    made: InteractiveShell = InteractiveShell.instance()
    return made


#: What is typed, and what must be among what Tab offers.
TYPED = [
    ('app.op.get_m', 'get_markets_region_id_orders'),
    ('esi_app.op.get_m', 'get_markets_region_id_orders'),
    ('esi_app.app.op.get_m', 'get_markets_region_id_orders'),
    ("app.op['get_m", 'get_markets_region_id_orders'),
    ("esi_app.op['get_m", 'get_markets_region_id_orders'),
    ('app.op["GetM', 'GetMarketsRegionIdOrders'),
    ('esi_app.get_lat', 'get_latest_swagger'),
    ('response.data[0].pri', 'price'),
    ("response.data[0]['pri", 'price'),
    ('status.data.pla', 'players'),
    ("status.data['pla", 'players'),
    ('response.expires_', 'expires_in'),
    ('client.for_', 'for_each'),
]


@pytest.mark.parametrize('jedi', [True, False], ids=['jedi', 'no jedi'])
@pytest.mark.parametrize(('typed', 'expected'), TYPED, ids=[typed for typed, _ in TYPED])
def test_ipython_completes(
    typed: str, expected: str, jedi: bool, names: dict[str, Any], shell: InteractiveShell, monkeypatch: Any
) -> None:
    for name, value in names.items():
        monkeypatch.setitem(shell.user_ns, name, value)
    shell.Completer.use_jedi = jedi
    with provisionalcompleter():
        found = [one.text.lstrip('.') for one in shell.Completer.completions(typed, len(typed))]
    assert expected in found
    assert len(found) < 30


@pytest.mark.parametrize(
    ('typed', 'expected'),
    [
        ('app.op.get_markets_region_id_o', 'app.op.get_markets_region_id_orders('),
        ('esi_app.op.get_markets_region_id_o', 'esi_app.op.get_markets_region_id_orders('),
        ('status.data.pla', 'status.data.players'),
    ],
)
def test_plain_python_completes(typed: str, expected: str, names: dict[str, Any]) -> None:
    assert rlcompleter.Completer(names).complete(typed, 0) == expected


def test_what_cannot_be_set(names: dict[str, Any]) -> None:
    for owner, name in (('app', 'op'), ('esi_app', 'op'), ('esi_app', 'app'), ('response', 'data')):
        with pytest.raises(AttributeError, match=name):
            setattr(names[owner], name, None)


# ---------------------------------------------------------------------- help


def shown(thing: Any) -> str:
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)  # type: ignore[attr-defined]


def test_help_of_an_operation(names: dict[str, Any]) -> None:
    text = shown(names['app'].op['get_markets_region_id_orders'])
    order = [
        'The orders on the market of a region',
        'GET https://esi.evetech.net/markets/{region_id}/orders',
        'region_id (path, integer, required)',
        'Headers:',
        'Accept-Language (header',
        'Response: list of objects',
        'duration (integer): In days',
        'issued (date-time)',
        'price (number): In ISK.',
        'Rate limit: 12000 tokens in 900 s',
        'https://developers.eveonline.com/api-explorer#/operations/GetMarketsRegionIdOrders',
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_help_of_an_operation_with_a_body(names: dict[str, Any]) -> None:
    text = shown(names['app'].op['post_characters_character_id_fittings'])
    order = ['(body, object, required)', 'description (string)', 'type_id (integer)', 'Headers:', 'Response:']
    order += ['fitting_id (integer)', 'Needs the scope esi-fittings.write_fittings.v1']
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_help_of_other_descriptions() -> None:
    """Its own page is linked; a type that holds itself, and one that is broken, are no obstacle."""
    tree = {'type': 'object', 'properties': {'inner': {'$ref': '#/components/schemas/Tree'}}}
    response = {'description': 'OK', 'content': {'application/json': {'schema': {'$ref': '#/components/schemas/Tree'}}}}
    broken = {'description': 'OK', 'content': {'application/json': {'schema': {'$ref': '#/nowhere'}}}}
    paths = {
        '/tree': {'get': {'operationId': 'tree', 'responses': {'200': response}, 'externalDocs': {'url': URL}}},
        '/broken': {'get': {'operationId': 'broken', 'responses': {'200': broken}}},
        '/nothing': {'get': {'operationId': 'nothing', 'responses': {'204': {'description': 'Done'}}}},
    }
    info = {'title': 'x', 'version': '1'}
    made = App.create({'openapi': '3.1.0', 'info': info, 'paths': paths, 'components': {'schemas': {'Tree': tree}}})
    assert shown(made.op['tree']).count('inner (object') == 3
    assert URL in shown(made.op['tree'])
    assert 'its description is broken' in shown(made.op['broken'])
    assert 'Response: no content' in shown(made.op['nothing'])


def test_help_of_a_row_and_of_a_call(names: dict[str, Any]) -> None:
    row = shown(names['response'].data[0])
    assert len(row.splitlines()) < 20
    assert re.search(r'price \(float\): [0-9.]+', row)
    assert 'issued (DateTime' in row or 'issued (' in row
    call = shown(names['call'])
    assert len(call.splitlines()) < 15
    assert "GetMarketsRegionIdOrders(region_id='10000002', order_type='all')" in call
    for part in ('client.request(call)', 'client.all(call)', "help(app.op['GetMarketsRegionIdOrders'])"):
        assert part in call


def test_a_call_is_a_pair_as_in_1x(names: dict[str, Any]) -> None:
    call = names['call']
    request, response = call
    assert isinstance(call, tuple)
    assert (call[0], call[1], len(call)) == (request, response, 2)
    assert repr(call).startswith('(<Request ')
    again = pickle.loads(pickle.dumps(call))
    assert (type(again), again[0].url) == (type(call), request.url)


# ---------------------------------------------------------------------- reprs


class OwnCache(BaseCache):
    """An app's own, which says nothing of itself."""

    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def set(self, key: Any, value: Any, expire: int | None = 300) -> None: ...  # type: ignore[override]

    def invalidate(self, key: Any) -> None: ...


def sign(request: Any, token: str) -> Any:
    return request


def security(esi: Sandbox, **options: Any) -> EsiSecurity:
    return EsiSecurity('http://localhost/cb', 'my-app', SECRET, headers={'User-Agent': 'tests'}, **options)


def signed_in(esi: Sandbox, scopes: Any = None, verify: bool = True, **changes: Any) -> EsiSecurity:
    made = security(esi)
    made.update_token({**esi.sso.grant(90000001, scopes, client_id='my-app'), **changes})
    if verify:
        made.verify()
    return made


SCOPES = ['esi-wallet.read_character_wallet.v1', 'esi-assets.read_assets.v1', 'esi-mail.read_mail.v1']

#: What is made, and a pattern of its repr. `it.name` is the character's name.
REPRS: dict[str, tuple[Callable[[Any], Any], str]] = {
    'App': (lambda it: it.app, rf"<App 'A small ESI': {OPERATIONS} operations>"),
    'EsiApp': (lambda it: EsiApp(), f'<EsiApp of esi.evetech.net, tranquility: {OPERATIONS} operations>'),
    'OpTable': (lambda it: it.app.op, f'<OpTable: {OPERATIONS} operations>'),
    'Operation': (lambda it: it.app.op['get_status'], '<Operation GetStatus: GET /status>'),
    'EsiSecurity': (lambda it: security(it.esi), '<EsiSecurity of my-app: no character has signed in>'),
    'signed in': (
        lambda it: signed_in(it.esi, SCOPES),
        r'<EsiSecurity of my-app: NAME \(90000001\), 3 scopes, renews in (19|20) min>',
    ),
    'one scope': (
        lambda it: signed_in(it.esi, SCOPES[:1], refresh_token=None, expires_in=30),
        r'<EsiSecurity of my-app: NAME \(90000001\), 1 scope, expires in (29|30) s>',
    ),
    'not verified': (
        lambda it: signed_in(it.esi, SCOPES, verify=False, expires_in=-1),
        r'<EsiSecurity of my-app: NAME \(90000001\), 3 scopes, renews at the next call, not verified>',
    ),
    'any token': (
        lambda it: signed_in(it.esi, verify=False, access_token=SECRET, refresh_token=None, expires_in=-1),
        r'<EsiSecurity of my-app: an unknown character, expired>',
    ),
    'EsiClient': (
        lambda it: EsiClient(user_agent='my app/1.0', cache=DictCache(), limits=MemoryLimits()),
        '<EsiClient my app/1.0, DictCache, MemoryLimits>',
    ),
    'a client of a character': (
        lambda it: EsiClient(signed_in(it.esi), user_agent='x', cache=None, limits=None, plugins=[plugins.Pool(3)]),
        '<EsiClient x, as NAME, DummyCache, no limits, 1 plugin>',
    ),
    'a client with a signer of its own': (
        lambda it: EsiClient(functools.partial(sign, token=SECRET), user_agent='x', cache=OwnCache()),
        '<EsiClient x, signed by partial, OwnCache, MemoryLimits>',
    ),
    'ServiceClient': (
        lambda it: ServiceClient(spec={}, base_path='http://localhost', name='users'),
        '<ServiceClient users: .*>',
    ),
    'DictCache': (lambda it: DictCache(), '<DictCache: 0 entries, 0.0 MiB>'),
    'DummyCache': (lambda it: DummyCache(), '<DummyCache>'),
    'OwnCache': (lambda it: OwnCache(), '<OwnCache>'),
    'FileCache': (lambda it: FileCache(it.path / 'c', secret=SECRET), '<FileCache in .*c>'),
    'RedisCache': (lambda it: RedisCache(it.redis, SECRET), '<RedisCache at redis.example:6380/2>'),
    'MemoryLimits': (lambda it: MemoryLimits(), '<MemoryLimits: 0 buckets used>'),
    'RedisLimits': (lambda it: RedisLimits(it.redis), '<RedisLimits at redis.example:6380/2>'),
    'MemoryTokens': (lambda it: MemoryTokens(), '<MemoryTokens>'),
    'FileTokens': (lambda it: FileTokens(it.path / 't'), '<FileTokens in .*t>'),
    'RedisTokens': (lambda it: RedisTokens(it.redis), "<RedisTokens under 'esipy'>"),
    'Pool': (lambda it: plugins.Pool(3, timeout=1.5), '<Pool limit=3, .*timeout=1.5.*>'),
    'Headers': (lambda it: plugins.Headers({'Authorization': SECRET}), '<Headers headers: Authorization>'),
    'QueryParams': (lambda it: plugins.QueryParams({'key': SECRET}), '<QueryParams default_query_params: key>'),
    'Elapsed': (lambda it: plugins.Elapsed(), '<Elapsed headers=True, read=True, parse=True>'),
    'Signal': (lambda it: esipy.events.Signal(), '<Signal: 0 receivers>'),
    'Sandbox': (lambda it: it.esi, f'<Sandbox at http://127.0.0.1:[0-9]+: {OPERATIONS} operations>'),
    'no Sandbox': (lambda it: Sandbox(), '<Sandbox, not running>'),
    'sso': (lambda it: it.esi.sso, '<the SSO of a sandbox: 4 characters, [0-9]+ logins, [0-9]+ refreshes>'),
    'faults': (lambda it: it.esi.faults, '<the faults of a sandbox: .*latency, hang.*>'),
    'limits': (lambda it: it.esi.limits, '<the rate limits of a sandbox: .*>'),
    'clock': (lambda it: it.esi.clock, '<the clock of a sandbox: moved by 0 s>'),
    'lists': (lambda it: it.esi.lists, '<the lists of a sandbox: .*>'),
    'data': (lambda it: it.esi.data, '<the data of a sandbox: .*>'),
}


@pytest.fixture(scope='module')
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    with Sandbox() as esi, esi.redirect():
        server = redis.Redis(host='redis.example', port=6380, db=2, password=SECRET)
        path = tmp_path_factory.mktemp('things')
        yield SimpleNamespace(esi=esi, app=App.create(esi.spec_url), redis=server, path=path)
        server.close()


@pytest.mark.parametrize('name', REPRS)
def test_a_repr_says_what_the_object_holds(name: str, things: SimpleNamespace) -> None:
    make, pattern = REPRS[name]
    made = make(things)
    person = next(iter(things.esi.sso.characters)).name
    assert re.fullmatch(pattern.replace('NAME', person), repr(made)), repr(made)
    assert SECRET not in repr(made)
    if isinstance(made, (EsiClient, ServiceClient)):
        made.close()


def test_a_plugin_of_an_app_says_nothing_of_what_it_holds() -> None:
    class Mine(plugins.Plugin):
        def __init__(self) -> None:
            self.pin = 1234

    assert repr(Mine()) == '<Mine>'


def test_no_public_object_has_the_repr_of_object(tmp_path: Path) -> None:
    bare = [
        f'{module.__name__}.{name}'
        for module in (esipy, esipy.cache, esipy.limits, esipy.plugins, esipy.stores, esipy.sandbox)
        for name in module.__all__
        if isinstance(kind := getattr(module, name), type) and not issubclass(kind, BaseException)
        if kind.__repr__ is object.__repr__ and not issubclass(kind, logging.Formatter)
    ]
    assert bare == []
