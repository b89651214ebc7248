"""Nothing secret is in what remains of an API, a rate limit or a network that fails."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
import redis
import requests
from requests.adapters import HTTPAdapter

from esipy import EsiSecurity
from esipy.cache import DictCache
from esipy.exceptions import (
    APIException,
    SSOUnavailableError,
)
from esipy.limits import MemoryLimits, RedisLimits
from esipy.plugins import InnerLogger, OuterLogger, Pool, RequestLimitError
from tests import databases
from tests.integration.secrets.planted import (
    ACCESS,
    CLIENT,
    CODE,
    SECRET,
    SECRETS,
    World,
    failing,
)
from tests.integration.secrets.ways import API_FAULTS, EXEMPT, WAYS
from tests.integration.things import ENDPOINTS, app_at
from tests.leaks import Watch, WatchedCache
from tests.servers import Visit, response_bytes, unused_url


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('fault', API_FAULTS)
def test_an_api_that_fails(fault: str, way: str, world: World) -> None:
    """With all that is logged by those who want to see everything. Fails when `errors.transport_error` or `masked` let
    an address pass as it is, and when a logger shows headers or parameters without a look at their names."""
    log = logging.getLogger('app')
    loggers = [OuterLogger(log, max_body_length=10_000), InnerLogger(log, max_body_length=10_000)]
    with Watch(SECRETS, exempt=EXEMPT.get(way, ())) as watch:
        cache = WatchedCache(watch, DictCache())
        options = {'cache': cache, 'max_body': 2**20, 'max_wait': 0.05, 'limits': MemoryLimits(), 'plugins': loggers}
        esi, call = WAYS[way](world, **options)
        world.api = API_FAULTS[fault]
        with esi:
            for _ in range(2):
                with failing(watch):
                    esi.request(call, raise_on_error=True)
            if fault not in ('page', '404 page with all', 'JSON that ends', 'too large', '502', '420', '429'):
                response = esi.request(call)
                watch.text('an answer', f'{response!r} {response.cause!r} {response.url}')
            watch.text('a budget', repr(esi.budget()))
        watch.text('a repr', f'{esi!r} {call!r}')
    assert world.visits
    assert {record.__dict__.get('action') for record in watch.records} >= {'REQUEST'}
    assert watch.leaks() == []


def test_limits_that_are_reached(world: World, redis_on: databases.Server) -> None:
    """Nor is a secret in what they keep, in memory or in Redis. Fails when `draws.user` takes a token as it is."""
    with redis.Redis(port=redis_on.port) as server, Watch(SECRETS, exempt=('urllib3',)) as watch:
        server.flushall()
        exhausted = {'X-Ratelimit-Group': 'g', 'X-Ratelimit-Limit': '150/15m', 'X-Ratelimit-Remaining': '0'}
        world.api = lambda visit: visit.send(
            response_bytes({}, 429, {**exhausted, 'X-Ratelimit-Used': '150', 'Retry-After': '60'})
        )
        for limits in (MemoryLimits(), RedisLimits(server)):
            for way in WAYS.values():
                esi, call = way(world, limits=limits, max_wait=0.05)
                with esi:
                    for one in (call, call, world.call(token=CODE), world.call(token=CODE)):
                        with failing(watch):
                            esi.request(one, raise_on_error=True)
                watch.text('a budget', f'{esi.budget()} {limits!r}')
            watch.things.append(('limits', vars(limits)))
        kept = [(key, _of_redis(server, key)) for key in server.scan_iter()]
        watch.text('Redis', repr(kept))
    assert kept
    assert watch.leaks() == []


def _of_redis(server: Any, key: bytes) -> Any:
    kind = server.type(key).decode()
    return server.zrange(key, 0, -1) if kind == 'zset' else server.hgetall(key) if kind == 'hash' else server.get(key)


def test_a_crowd_before_a_pool(world: World, watch: Watch) -> None:
    held, going_on = threading.Event(), threading.Event()

    def hold(visit: Visit) -> None:
        held.set()
        going_on.wait(5)
        visit.send(response_bytes({}))

    world.api = hold
    with world.client(world.security(), plugins=[Pool(limit=1, hard_limit=1, timeout=0.01)], cache=None) as esi:
        first = threading.Thread(target=lambda: esi.request(world.call()))
        first.start()
        held.wait(5)
        for _ in range(2):
            with failing(watch, RequestLimitError):
                esi.request(world.call(token=ACCESS))
        going_on.set()
        first.join()
    assert watch.leaks() == []


def test_a_network_that_is_not_there(watch: Watch, world: World) -> None:
    class Broken(HTTPAdapter):
        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
            raise requests.ConnectionError(f'cannot send {request.url}', request=request)

    for security in (world.security(), lambda request: request):
        for call in (app_at(unused_url()).op['get_mine'](), app_at(unused_url()).op['get_mine'](token=ACCESS)):
            with world.client(security, retry_requests=True, retries=2) as esi, failing(watch, APIException):
                esi.request(call, raise_on_error=True)
            with world.client(security, transport_adapter=Broken()) as esi, failing(watch, APIException):
                esi.request(call, raise_on_error=True)
    with failing(watch, SSOUnavailableError):
        EsiSecurity(
            'http://x', CLIENT, SECRET, sso_endpoints=ENDPOINTS, headers={'User-Agent': 'x'}, transport_adapter=Broken()
        ).auth(CODE)
    assert watch.leaks() == []
