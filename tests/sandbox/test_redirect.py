"""Programs with the official addresses in them, led to the sandbox."""

import threading
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from esipy.sandbox import Sandbox
from tests.servers import unused_url

STATUS = 'https://esi.evetech.net/status'


def test_sessions_made_before_and_after(esi: Sandbox) -> None:
    with requests.Session() as early:
        with esi.redirect(), requests.Session() as late:
            for session in (early, late):
                response = session.get(STATUS, headers={'X-Compatibility-Date': '2026-08-04'})
                assert response.status_code == 200
                assert response.url == STATUS
                assert response.request.url == STATUS
                assert 'Host' not in response.request.headers
            assert requests.get('https://login.eveonline.com/status').status_code == 404
        assert esi.log.entries[0].headers['host'] == 'esi.evetech.net'
        assert len(esi.log) == 3


def test_it_ends_with_the_block(esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(vars(HTTPAdapter))
    with esi.redirect():
        assert dict(vars(HTTPAdapter)) != before
    assert dict(vars(HTTPAdapter)) == before
    with pytest.raises(RuntimeError), esi.redirect():
        raise RuntimeError
    assert dict(vars(HTTPAdapter)) == before


def test_other_hosts_are_left_alone(esi: Sandbox) -> None:
    with Sandbox() as other, esi.redirect():
        assert requests.get(f'{other.url}/status').status_code == 200
        assert (len(other.log), len(esi.log)) == (1, 0)


def test_proxies_do_not_matter(esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('HTTP_PROXY', 'HTTPS_PROXY', 'https_proxy'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')
    with esi.redirect():
        assert requests.get(STATUS).status_code == 200
        assert requests.get('http://esi.evetech.net/status').status_code == 200


def test_blocks_nest(esi: Sandbox) -> None:
    with Sandbox() as inner, esi.redirect():
        with inner.redirect():
            requests.get(STATUS)
        requests.get(STATUS)
        assert (len(inner.log), len(esi.log)) == (1, 1)


def test_blocks_in_several_threads(esi: Sandbox) -> None:
    statuses: list[int] = []

    def run() -> None:
        for _ in range(20):
            with esi.redirect():
                statuses.append(requests.get(STATUS).status_code)

    before = dict(vars(HTTPAdapter))
    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 100
    assert dict(vars(HTTPAdapter)) == before


def test_an_adapter_of_ones_own(esi: Sandbox) -> None:
    class Counting(HTTPAdapter):
        sent = 0

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            Counting.sent += 1
            return super().send(request, *args, **kwargs)

    with requests.Session() as session, esi.redirect():
        session.mount('https://', Counting())
        assert session.get(STATUS).status_code == 200
    assert Counting.sent == 1


def test_an_adapter_that_sends_nothing_is_not_redirected(esi: Sandbox) -> None:
    class Silent(requests.adapters.BaseAdapter):
        def send(self, request: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            response = requests.Response()
            response.status_code = 299
            return response

        def close(self) -> None:
            pass

    with requests.Session() as session, esi.redirect():
        session.mount('https://', Silent())
        assert session.get(STATUS).status_code == 299
    assert len(esi.log) == 0


def test_redirects_keep_the_official_address(esi: Sandbox) -> None:
    esi.faults.add('redirect', n=1, location='/wars')
    with esi.redirect():
        response = requests.get(STATUS)
    assert response.url == 'https://esi.evetech.net/wars'
    assert response.history[0].url == STATUS


def test_other_hosts_on_request(esi: Sandbox) -> None:
    with esi.redirect(hosts=['esi.example']):
        assert requests.get('https://esi.example/status').status_code == 200


def test_esipys_own_client(esi: Sandbox) -> None:
    from esipy import App, EsiClient

    with esi.redirect(), EsiClient(user_agent='test') as client:
        app = App.create('https://esi.evetech.net/meta/openapi.json')
        response = client.request(app.op['get_markets_region_id_orders'](region_id=10000002, page=2))
        assert response.status == 200
        assert response.header['X-Pages'][0] == 5
        assert response.data[0].price > 0
    with EsiClient(user_agent='test') as client:
        app = App.create(esi.document)
        assert client.request(app.op['get_status']()).data.players > 0


def test_one_client_reaches_the_sandbox_of_each_block(esi: Sandbox) -> None:
    """The client and its connections are older than the blocks, and live on after them."""
    from esipy import App, EsiClient

    app = App.create({**esi.document, 'servers': [{'url': 'https://esi.evetech.net'}]})
    call = app.op['get_status']()
    seen: list[tuple[int, int]] = []
    with Sandbox() as other, EsiClient(user_agent='test', cache=None, limits=None) as client:

        def visit() -> None:
            assert client.request(call).status == 200
            seen.append((len(esi.log), len(other.log)))

        with esi.redirect():
            visit()
            visit()
            with other.redirect():
                visit()
                visit()
            visit()
        with other.redirect():
            visit()
        with esi.redirect():
            visit()
        direct = App.create({**other.document, 'servers': [{'url': other.url}]}).op['get_status']()
        assert client.request(direct).status == 200
        assert [pool.host for pool in client._session.get_adapter('https://')._pools.values()] == ['127.0.0.1']  # type: ignore[attr-defined]
    assert seen == [(1, 0), (2, 0), (2, 1), (2, 2), (3, 2), (3, 3), (4, 3)]


def test_a_client_leaves_the_sandbox_at_the_end_of_the_block(esi: Sandbox) -> None:
    """Nothing listens at the address outside a block, and the sandbox must not be reached there."""
    from esipy import App, EsiClient

    document = {**esi.document, 'servers': [{'url': unused_url().replace('127.0.0.1', 'localhost')}]}
    call = App.create(document).op['get_status']()
    with EsiClient(user_agent='test', cache=None, limits=None) as client:
        with esi.redirect(hosts=['localhost']):
            assert client.request(call).ok
        assert client.request(call).failed
        with esi.redirect(hosts=['localhost']):
            assert client.request(call).ok
    assert len(esi.log) == 2


def test_a_client_that_was_first_used_outside(esi: Sandbox) -> None:
    from esipy import App, EsiClient

    document = {**esi.document, 'servers': [{'url': esi.url}]}
    call = App.create(document).op['get_status']()
    with Sandbox() as other, EsiClient(user_agent='test', cache=None, limits=None) as client:
        assert client.request(call).ok
        with other.redirect(hosts=['127.0.0.1']):
            assert client.request(call).ok
        assert client.request(call).ok
        assert (len(esi.log), len(other.log)) == (2, 1)
