"""What a program passes by mistake, or an app's own cache says, does not show a secret that is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from esipy import EsiApp, EsiClient, EsiSecurity
from esipy.cache import BaseCache
from esipy.exceptions import EsiError
from esipy.plugins import Headers
from esipy.service import ServiceClient
from tests.integration.things import ENDPOINTS, app_at, client
from tests.leaks import Watch
from tests.servers import Server, Visit, response_bytes

SECRET = 'the-secret-of-whoever-runs-this'
ADDRESS = f'redis://:{SECRET}@cache.example/0'


def page(visit: Visit) -> None:
    visit.send(response_bytes({'a': 1}))


def call_with(url: str, **options: Any) -> Any:
    with client(**options) as esi:
        return esi.request(app_at(url).op['get_thing']())


def service_with(url: str, **options: Any) -> Any:
    with ServiceClient(name='things', spec={'get': {'path': '/thing'}}, base_path=url) as service:
        return service.get(**options)


MISTAKES: dict[str, Callable[[str], Any]] = {
    'an address as the cache': lambda url: EsiClient(cache=ADDRESS, user_agent='tests'),  # type: ignore[arg-type]
    'an address as the cache of an app': lambda url: EsiApp(cache=ADDRESS),
    'an address as the cache of a security object': lambda url: EsiSecurity(
        'https://app.example/',
        'id',
        'key',
        cache=ADDRESS,  # type: ignore[arg-type]
        sso_endpoints=ENDPOINTS,
    ),
    'a token in the name of a header': lambda url: call_with(url, headers={f'Authorization: Bearer {SECRET}': ''}),
    'a token in the name of a header, by spaces': lambda url: call_with(url, headers={f'Bearer\t{SECRET}': 'x\n'}),
    'a token in the name of a default header': lambda url: Headers({f'Authorization: Bearer {SECRET}': ''}),
    'a key in bytes': lambda url: service_with(url, params={'api_key': SECRET.encode()}),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_no_error_shows_it(mistake: str) -> None:
    with Server(page) as server, Watch([SECRET]) as watch:
        with pytest.raises((EsiError, ValueError, TypeError)) as caught:
            MISTAKES[mistake](server.url)
        watch.error(caught.value)
        assert server.visits == []
    assert watch.leaks() == []


class Unreachable(BaseCache):
    """A cache of an app's own, whose errors have its address."""

    def set(self, *args: Any) -> None:
        raise ConnectionError(f'cannot connect to {ADDRESS}')

    get = invalidate = acquire = set  # type: ignore[assignment]


def test_no_log_shows_the_address_of_a_cache() -> None:
    def document(visit: Visit) -> None:
        visit.send(response_bytes({'openapi': '3.1.0', 'info': {}, 'paths': {}}))

    with Watch([SECRET]) as watch:
        with Server(page) as server, client(cache=Unreachable()) as esi:
            assert esi.request(app_at(server.url).op['get_thing']()).status == 200
        with Server(document) as server:
            EsiApp(meta_url=f'{server.url}/meta/openapi.json', cache=Unreachable()).clear_cached_endpoints()
    assert sum('redis://***@cache.example' in record.getMessage() for record in watch.records) >= 3
    assert watch.leaks() == []
