"""EsiApp: the document found, kept as bytes, revalidated, and used again while the server is down."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import App, EsiApp, clock
from esipy.cache import BaseCache, DictCache
from esipy.exceptions import APIException, ConnectionFailedError, SpecError
from tests.integration.things import client, description
from tests.servers import Server, Visit, response_bytes, unused_url


class Documents(Server):
    """Serves the description of `things`, with an entity tag, at any path; 404 below `gone`."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.headers: dict[str, str] = {'ETag': '"one"', 'Cache-Control': 'max-age=600'}
        self.gone: set[str] = set()
        self.title = 'Things'
        self.fault: Any = None

    def _page(self, visit: Visit) -> None:
        if self.fault is not None:
            self.fault(visit)
        elif visit.path in self.gone:
            visit.send(response_bytes({'error': 'gone'}, 404))
        elif visit.headers.get('if-none-match') == self.headers.get('ETag', ''):
            visit.send(response_bytes(b'', 304, self.headers, length=-1))
        else:
            document = description(self.url)
            document['info']['title'] = self.title
            visit.send(response_bytes(document, headers=self.headers))

    @property
    def meta(self) -> str:
        return f'{self.url}/meta/openapi.json'


@pytest.fixture
def server() -> Iterator[Documents]:
    with Documents() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)


@pytest.mark.usefixtures('no_leaks')
def test_it_loads_when_it_is_made_and_keeps_bytes(server: Documents) -> None:
    made = EsiApp(meta_url=server.meta)
    assert server.visits[0].target == '/meta/openapi.json?compatibility_date=2026-08-04'
    assert made.op['get_thing']().__len__() == 2
    assert isinstance(made.app, App)
    assert list(made.cache._dict) == ['esipy:app:meta_swagger_url']  # type: ignore[attr-defined]
    content, headers, until = made.cache.get(made.esi_meta_cache_key)
    assert json.loads(content)['info']['title'] == 'Things'
    assert headers['ETag'] == '"one"'
    assert until == pytest.approx(clock.time() + 86400, abs=5)
    assert made.get_latest_swagger is made.app
    assert made.get_v1_swagger is made.get__dev_swagger is made.app
    assert len(server.visits) == 1


@pytest.mark.parametrize(
    ('cache_time', 'after', 'asked'),
    [
        (86400, 86300, False),
        (86400, 86500, True),
        (10, 11, True),
        (0, 10**8, False),
        (None, 590, False),
        (None, 610, True),
        (-5, 86300, False),
        (-5, 86500, True),
    ],
)
def test_cache_time(cache_time: Any, after: float, asked: bool, server: Documents) -> None:
    cache = DictCache()
    first = EsiApp(meta_url=server.meta, cache=cache, cache_time=cache_time)
    clock.move(after)
    second = EsiApp(meta_url=server.meta, cache=cache, cache_time=cache_time)
    assert len(server.visits) == 1 + asked
    if asked:
        assert server.visits[1].headers['if-none-match'] == '"one"'
        EsiApp(meta_url=server.meta, cache=cache, cache_time=cache_time)
        assert len(server.visits) == 2, 'a 304 makes it fresh again'
    assert first.op.keys() == second.op.keys()
    assert first.expire == (86400 if cache_time == -5 else cache_time)


def test_a_changed_document_is_taken(server: Documents) -> None:
    cache = DictCache()
    EsiApp(meta_url=server.meta, cache=cache)
    server.title, server.headers['ETag'] = 'New things', '"two"'
    clock.move(90000)
    assert EsiApp(meta_url=server.meta, cache=cache).app.raw['info']['title'] == 'New things'


def test_without_a_cache(server: Documents) -> None:
    made = EsiApp(meta_url=server.meta, cache=None)
    assert made.caching is False
    assert made.cache.get(made.esi_meta_cache_key) is None
    assert made.get_latest_swagger.op['get_thing']


@pytest.mark.parametrize('fault', ['reset', '503', 'html', 'hang'])
def test_the_last_good_copy_is_used_while_the_server_is_down(
    fault: str, server: Documents, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from esipy._documents import fetch

    cache = DictCache()
    EsiApp(meta_url=server.meta, cache=cache)
    if fault == 'hang':
        monkeypatch.setattr(fetch, 'TIMEOUT', (5.0, 0.2))
    clock.move(90000)
    server.fault = {
        'reset': Visit.reset,
        '503': lambda visit: visit.send(response_bytes({'error': 'x'}, 503)),
        'html': lambda visit: visit.send(response_bytes(b'<html>')),
        'hang': Visit.hang,
    }[fault]
    with pytest.warns(UserWarning, match='using the last copy') as warned:
        made = EsiApp(meta_url=server.meta, cache=cache)
    assert warned[0].filename == __file__
    assert made.op['get_thing']
    assert 'using the last copy' in caplog.text


def test_a_server_that_is_down_and_no_copy() -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        EsiApp(meta_url=unused_url())
    assert isinstance(caught.value, APIException)


# A 404 is asked for once more in the old place.
@pytest.mark.parametrize(('status', 'times'), [(500, 3), (503, 3), (404, 2), (403, 1)])
def test_a_server_that_fails_is_asked_three_times(status: int, times: int, server: Documents) -> None:
    server.fault = lambda visit: visit.send(response_bytes({'error': 'x'}, status))
    with pytest.raises(APIException) as caught:
        EsiApp(meta_url=server.meta)
    assert caught.value.status_code == status
    assert len(server.visits) == times


def test_it_is_found_in_the_second_attempt(server: Documents) -> None:
    def once(visit: Visit) -> None:
        server.fault = None
        visit.send(response_bytes({}, 502))

    server.fault = once
    assert EsiApp(meta_url=server.meta).op['get_thing']


@pytest.mark.parametrize('body', [b'<html>', b'{"paths"', b'{}', b'[]', b'"text"', b''])
def test_what_is_no_description(body: bytes, server: Documents) -> None:
    server.fault = lambda visit: visit.send(response_bytes(body))
    with pytest.raises(SpecError):
        EsiApp(meta_url=server.meta)
    with pytest.raises(SpecError):
        App.create(server.meta)


@pytest.mark.parametrize(
    'value', ['somerandomvalue', ('app', {}, 0), (b'<html>', {}, 10**12), (b'{}', {}, 10**12), (1, 2), b'x', None]
)
def test_rubbish_in_the_cache_is_replaced(value: Any, server: Documents) -> None:
    cache = DictCache()
    cache.set('esipy:app:meta_swagger_url', value)
    made = EsiApp(meta_url=server.meta, cache=cache)
    assert made.op['get_thing']
    assert isinstance(cache.get(made.esi_meta_cache_key)[0], bytes)


@pytest.mark.parametrize('value', ['"one"\r\nX-Planted: 1', ' "one" ', '', 5, None, b'"one"'])
def test_a_validator_that_cannot_be_sent_is_not_sent(value: Any, server: Documents) -> None:
    """Another program may have changed the entry in a shared cache."""
    cache = DictCache()
    made = EsiApp(meta_url=server.meta, cache=cache)
    content, headers, _ = cache.get(made.esi_meta_cache_key)
    cache.set(made.esi_meta_cache_key, (content, {**headers, 'ETag': value, 5: 'x'}, 0.0), 0)
    assert EsiApp(meta_url=server.meta, cache=cache).op['get_thing']
    sent = server.visits[1].headers
    assert 'x-planted' not in sent
    assert 'if-none-match' not in sent
    assert cache.get(made.esi_meta_cache_key)[1]['ETag'] == '"one"'


def test_a_copy_without_an_etag_is_revalidated_by_its_date(server: Documents) -> None:
    server.headers = {'Last-Modified': 'Tue, 04 Aug 2026 11:00:00 GMT'}
    cache = DictCache()
    EsiApp(meta_url=server.meta, cache=cache)
    clock.move(90000)
    EsiApp(meta_url=server.meta, cache=cache)
    assert server.visits[1].headers['if-modified-since'] == server.headers['Last-Modified']


class Dead(BaseCache):
    def set(self, *args: Any) -> None:
        raise OSError('dead')

    get = invalidate = set  # type: ignore[assignment]


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_a_copy_that_leads_elsewhere_is_not_used(
    scheme: str, server: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    """Who writes to a shared cache could have the tokens of all who use it sent to himself."""
    cache = DictCache()
    made = EsiApp(meta_url=server.meta, cache=cache)
    content, *rest = cache.get(made.esi_meta_cache_key)
    planted = content.replace(server.url.encode(), f'{scheme}://elsewhere.example'.encode())
    assert planted != content
    cache.set(made.esi_meta_cache_key, (planted, *rest), 0)
    assert EsiApp(meta_url=server.meta, cache=cache).op['get_thing'].base_url == server.url
    assert 'elsewhere.example' in caplog.text
    server.fault = Visit.reset
    cache.set(made.esi_meta_cache_key, (planted, *rest), 0)
    with pytest.raises(ConnectionFailedError):
        EsiApp(meta_url=server.meta, cache=cache)


@pytest.mark.parametrize('place', ['operation', 'path'])
def test_a_copy_of_which_one_operation_leads_elsewhere_is_not_used(place: str, server: Documents) -> None:
    cache = DictCache()
    made = EsiApp(meta_url=server.meta, cache=cache)
    content, *rest = cache.get(made.esi_meta_cache_key)
    planted = json.loads(content)
    item = planted['paths']['/mine']
    (item['get'] if place == 'operation' else item)['servers'] = [{'url': 'https://elsewhere.example'}]
    cache.set(made.esi_meta_cache_key, (json.dumps(planted).encode(), *rest), 0)
    assert EsiApp(meta_url=server.meta, cache=cache).op['get_mine'].base_url == server.url


def test_a_dead_cache(server: Documents) -> None:
    made = EsiApp(meta_url=server.meta, cache=Dead())
    assert made.op['get_thing']
    made.clear_cached_endpoints()
    assert made.op['get_thing']
    assert len(server.visits) == 2


@pytest.mark.parametrize(
    ('path', 'options', 'expected'),
    [
        ('/meta/openapi.json', {}, '/meta/openapi.json?compatibility_date=2026-08-04'),
        ('/meta/openapi.json?', {}, '/meta/openapi.json?compatibility_date=2026-08-04'),
        ('/meta/openapi.json?a=1&b', {}, '/meta/openapi.json?a=1&b&compatibility_date=2026-08-04'),
        ('/meta/openapi.json#top', {}, '/meta/openapi.json?compatibility_date=2026-08-04'),
        ('/meta/openapi.json?compatibility_date=2026-01-01', {}, '/meta/openapi.json?compatibility_date=2026-01-01'),
        (
            '/meta/openapi.json?compatibility_date=2026-01-01&x=/?',
            {'compatibility_date': '2026-02-02'},
            '/meta/openapi.json?x=/?&compatibility_date=2026-02-02',
        ),
        ('/swagger.json', {}, '/swagger.json?datasource=tranquility'),
        ('/swagger.json', {'datasource': 'singularity'}, '/swagger.json?datasource=singularity'),
        ('/swagger.json?datasource=singularity', {}, '/swagger.json?datasource=singularity'),
        ('/swagger.json?datasource=tranquility#x', {}, '/swagger.json?datasource=tranquility'),
        ('/latest/swagger.json?language=de', {}, '/latest/swagger.json?language=de&datasource=tranquility'),
    ],
)
def test_a_meta_url_with_a_query(server: Documents, path: str, options: dict[str, Any], expected: str) -> None:
    cache = DictCache()
    for _ in range(2):
        assert EsiApp(meta_url=server.url + path, cache=cache, **options).op['get_thing']
    assert [visit.target for visit in server.visits] == [expected], 'the second one is from the cache'


def test_clear_cached_endpoints(server: Documents) -> None:
    made = EsiApp(meta_url=server.meta, cache_prefix='mine')
    assert made.esi_meta_cache_key == 'mine:app:meta_swagger_url'
    made.clear_cached_endpoints()
    assert made.cache.get('mine:app:meta_swagger_url') is None
    made.clear_cached_endpoints(prefix='other')
    assert len(server.visits) == 1
    assert made.op['get_thing']
    assert len(server.visits) == 2


def test_names_that_are_none(server: Documents) -> None:
    made = EsiApp(meta_url=server.meta)
    for name in ('doesnotexist', 'get_thing', 'get_x_swagger', 'get_latest_swagger_', 'verify'):
        with pytest.raises(AttributeError, match=name):
            getattr(made, name)
    with pytest.warns(UserWarning, match="'chace', did you mean 'cache'"):
        EsiApp(meta_url=server.meta, chace=None)
    with pytest.raises(ValueError, match='BaseCache'):
        EsiApp(meta_url=server.meta, cache={})


def test_datasource_and_compatibility_date(server: Documents) -> None:
    document = description(server.url)
    tenant = {'name': 'X-Tenant', 'in': 'header', 'schema': {'type': 'string'}}
    date = {'name': 'X-Compatibility-Date', 'in': 'header', 'required': True, 'schema': {'type': 'string'}}
    document['paths']['/thing']['get']['parameters'] += [tenant, date]
    server.fault = lambda visit: visit.send(response_bytes(document if 'meta' in visit.path else {}))
    made = EsiApp(meta_url=server.meta, datasource='singularity', compatibility_date='2026-01-01')
    assert server.visits[0].target == '/meta/openapi.json?compatibility_date=2026-01-01'
    with client() as esi:
        esi.request(made.op['get_thing']())
        esi.request(made.op['get_thing'](datasource='tranquility'))
        esi.compatibility_date = '2026-02-02'
        esi.request(made.op['get_thing']())
    headers = [visit.headers for visit in server.visits[1:]]
    assert [one['x-tenant'] for one in headers] == ['singularity', 'tranquility', 'singularity']
    assert [one['x-compatibility-date'] for one in headers] == ['2026-01-01', '2026-01-01', '2026-02-02']


@pytest.mark.parametrize('path', ['/latest/swagger.json?datasource=tranquility', '/v1/swagger.json', '/swagger.json'])
def test_the_retired_document_leads_to_the_live_one(path: str, server: Documents) -> None:
    server.gone = {'/latest/swagger.json', '/v1/swagger.json', '/swagger.json'}
    with pytest.warns(DeprecationWarning, match='gone from the server; using .*/meta/openapi.json') as warned:
        app = App.create(server.url + path)
    assert warned[0].filename == __file__
    assert app.op['get_thing']
    with pytest.warns(DeprecationWarning, match='gone from the server'):
        assert EsiApp(meta_url=server.url + path.partition('?')[0]).op['get_thing']


def test_a_retired_document_and_no_live_one(server: Documents) -> None:
    server.fault = lambda visit: visit.send(response_bytes({'error': 'x'}, 404))
    with pytest.warns(DeprecationWarning, match='gone'), pytest.raises(APIException) as caught:
        App.create(f'{server.url}/latest/swagger.json')
    assert caught.value.status_code == 404


def test_an_app_from_an_address_pickles(server: Documents) -> None:
    app = App.create(server.meta)
    again = pickle.loads(pickle.dumps(app))
    assert list(again.op) == list(app.op)


def test_threads_load_a_document_once(server: Documents) -> None:
    import threading

    made = EsiApp(meta_url=server.meta)
    made.clear_cached_endpoints()
    got: list[Any] = []
    workers = [threading.Thread(target=lambda: got.append(made.op['get_thing'].id)) for _ in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert got == ['get_thing'] * 20
    assert len(server.visits) == 2
