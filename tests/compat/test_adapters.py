"""An app's own adapter keeps its connection classes: they guard against internal addresses, or pin public ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes


class Guarded(HTTPConnection):
    """Notes where it connects to."""

    opened: list[tuple[str, int | None]]

    def connect(self) -> None:
        self.opened.append((self.host, self.port))
        super().connect()


class GuardedPool(HTTPConnectionPool):
    ConnectionCls = Guarded


#: What an app gives to all its adapters.
CLASSES: dict[str, Any] = {'http': GuardedPool, 'https': HTTPSConnectionPool}


class Manager(PoolManager):
    """A pool manager of an app's own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.pool_classes_by_scheme = CLASSES


class WithManager(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = Manager(num_pools=connections, maxsize=maxsize, block=block, **options)


class WithClasses(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = CLASSES


class WithConnectionClass(HTTPAdapter):
    """Changes each pool that it is given."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = Guarded
        return pool


def request(server: Server, **options: Any) -> None:
    with client(cache=None, **options) as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).ok


def by_client(server: Server, adapter: HTTPAdapter) -> None:
    request(server, transport_adapter=adapter)


def by_session(server: Server, adapter: HTTPAdapter) -> None:
    with requests.Session() as session:
        session.mount('http://', adapter)
        request(server, session=session)


def by_mounting(server: Server, adapter: HTTPAdapter) -> None:
    with client(cache=None) as esi:
        esi._session.mount(server.url, adapter)
        assert esi.request(app_at(server.url).op['get_thing']()).ok


def by_security(server: Server, adapter: HTTPAdapter) -> None:
    security('old', server.url, transport_adapter=adapter).refresh()


WAYS: list[Callable[[Server, HTTPAdapter], None]] = [by_client, by_session, by_mounting, by_security]


def page(visit: Visit) -> None:
    visit.send(response_bytes({'access_token': 'new', 'expires_in': 1200}))


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('kind', [WithManager, WithClasses, WithConnectionClass])
def test_connections_are_of_the_apps_own_class(kind: type[HTTPAdapter], way: Callable[..., None]) -> None:
    Guarded.opened = []
    adapter = kind()
    with Server(page) as server:
        way(server, adapter)
        assert Guarded.opened == [('127.0.0.1', server.port)]
        # The same adapter in another session of the app, with new connections.
        adapter.close()
        with requests.Session() as session:
            session.mount('http://', adapter)
            assert session.get(server.url, timeout=20).ok
        assert Guarded.opened == [('127.0.0.1', server.port)] * 2
    assert {'http': GuardedPool, 'https': HTTPSConnectionPool} == CLASSES, 'what the app has given stays as it is'


@pytest.mark.parametrize('way', WAYS)
def test_sessions_that_esipy_does_not_use_stay_as_they_are(way: Callable[..., None]) -> None:
    with Server(page) as server:
        way(server, HTTPAdapter())
        for session in (requests.Session(), requests.Session()):
            pool = session.get_adapter(server.url).get_connection_with_tls_context(  # type: ignore[attr-defined]
                requests.Request('GET', server.url).prepare(), verify=True
            )
            assert (type(pool), pool.ConnectionCls) == (HTTPConnectionPool, HTTPConnection)
