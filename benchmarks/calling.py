"""One call at a time: over the wire, from the cache, revalidated. CPU of the client's thread; the server is another
process."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import requests
import urllib3

import esipy
from benchmarks.measure import BASELINE, CPU, ESIPY, WALL, Options, Result, alternate
from benchmarks.responses import REGION, document
from benchmarks.server import serving_apart
from esipy.cache import DictCache
from esipy.plugins import Elapsed, Headers, OpenTelemetry, Pool, Prometheus, Timeout, TrackingToken

#: Rounds, and the calls of each contender in one of them.
ROUNDS, NUMBER = 60, 100

#: Where both contenders differ by little, rounds are many and short: the machine has no time to become faster or slower
#: between the two, and the median of so many ratios varies by a few thousandths from run to run. Garbage is
#: collected before each sample, after which the processor's caches are cold: of fewer calls, too many would follow it.
FINE_ROUNDS, FEW = 300, 48

#: A hit takes a fiftieth of the time of a request.
HITS = 200


def results(options: Options) -> dict[str, Result]:
    with serving_apart() as address:
        return {
            'limits': _limits(address + '/fast', options),
            'plugins': _plugins(address + '/fast', options),
            'telemetry': _telemetry(address + '/fast', options, is_recorded=False),
            'telemetry-recorded': _telemetry(address + '/fast', options, is_recorded=True),
            'hit': _hit(address + '/fast', options, made_before=True),
            'hit-new': _hit(address + '/fast', options, made_before=False),
            'revalidate': _revalidate(address + '/stale', options, 'GetMarketsRegionIdOrders'),
            'revalidate-tiny': _revalidate(address + '/stale', options, 'GetStatus'),
            'get': _get(address + '/fast', options),
        }


def _client(cache: Any, **options: Any) -> esipy.EsiClient:
    return esipy.EsiClient(cache=cache, user_agent='esipy benchmarks', **options)


def _get(address: str, options: Options) -> Result:
    app, client = esipy.App.create(document(address, options.document)), _client(None)
    session, pool = requests.Session(), urllib3.PoolManager()
    status = app.op['GetStatus']
    contenders: dict[str, Callable[[], Any]] = {
        BASELINE: lambda: session.get(f'{address}/status').json()['players'],
        ESIPY: lambda: client.request(status()).data.players,
        'urllib3': lambda: pool.request('GET', f'{address}/status').json()['players'],
    }
    result = alternate(contenders, rounds=options.rounds(ROUNDS), number=NUMBER, clock=CPU)
    # Afterwards, and as the last of the group: what it imports would be searched for garbage before every sample.
    slow = alternate({'aiopenapi3': _aiopenapi3(address, options)}, rounds=10, number=NUMBER, clock=CPU)
    return Result({**result.samples, **slow.samples}, {**result.missing, **slow.missing})


def _limits(address: str, options: Options) -> Result:
    status = esipy.App.create(document(address, options.document)).op['GetStatus']
    limited, unlimited = _client(None), _client(None, limits=None)
    contenders: dict[str, Callable[[], Any]] = {
        BASELINE: lambda: unlimited.request(status()).data.players,
        ESIPY: lambda: limited.request(status()).data.players,
    }
    return alternate(contenders, rounds=options.rounds(FINE_ROUNDS), number=FEW, clock=WALL)


def _plugins(address: str, options: Options) -> Result:
    """The same GET by a client without plugins and by one with five: one that holds something, and four that change
    the request or add to the response. Both send the same."""
    status = esipy.App.create(document(address, options.document)).op['GetStatus']
    header = {'X-App': 'benchmarks'}
    five = [Headers(header), Timeout(20), TrackingToken(), Elapsed(), Pool(10)]
    without, plugged = _client(None, headers=header), _client(None, plugins=five)
    contenders: dict[str, Callable[[], Any]] = {
        BASELINE: lambda: without.request(status()).data.players,
        ESIPY: lambda: plugged.request(status()).data.players,
    }
    return alternate(contenders, rounds=options.rounds(FINE_ROUNDS), number=FEW, clock=WALL)


def _aiopenapi3(address: str, options: Options) -> Callable[[], Any]:
    """One GET by aiopenapi3, which reads the document when it runs first: in the round that warms up."""
    made: list[Any] = []

    def run() -> Any:
        if not made:
            import aiopenapi3  # type: ignore[import-untyped]
            import httpx2

            text = json.dumps(document(address, options.document))
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                api = aiopenapi3.OpenAPI.loads(address, text, session_factory=httpx2.Client)
            made.append(api.createRequest('GetStatus'))
        return made[0](parameters={'X-Compatibility-Date': '2026-08-04'}).players

    return run


def _telemetry(address: str, options: Options, *, is_recorded: bool) -> Result:
    """The same GET by a client without plugins and by one that is traced and counted. There is no exporter; if
    `is_recorded`, the SDK records the spans and the metric of each request all the same."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from prometheus_client import CollectorRegistry

    traces, metrics = TracerProvider(), None
    if is_recorded:
        traces.add_span_processor(SpanProcessor())
        metrics = MeterProvider([InMemoryMetricReader()])
    status = esipy.App.create(document(address, options.document)).op['GetStatus']
    plugins = [OpenTelemetry(traces, metrics), Prometheus(CollectorRegistry())]
    without, watched = _client(None), _client(None, plugins=plugins)
    contenders: dict[str, Callable[[], Any]] = {
        BASELINE: lambda: without.request(status()).data.players,
        ESIPY: lambda: watched.request(status()).data.players,
    }
    return alternate(contenders, rounds=options.rounds(FINE_ROUNDS), number=FEW, clock=WALL)


def _hit(address: str, options: Options, *, made_before: bool) -> Result:
    app, client = esipy.App.create(document(address, options.document)), _client(DictCache())
    status = app.op['GetStatus']
    call = status()
    stored = {('status', 'GET'): client.request(call).raw or b''}
    contenders: dict[str, Callable[[], Any]] = {
        BASELINE: lambda: json.loads(stored['status', 'GET'])['players'],
        ESIPY: lambda: client.request(call if made_before else status()).data.players,
    }
    return alternate(contenders, rounds=options.rounds(100), number=HITS, clock=WALL)


def _revalidate(address: str, options: Options, name: str) -> Result:
    app, client, session = (
        esipy.App.create(document(address, options.document)),
        _client(DictCache()),
        requests.Session(),
    )
    params = {} if name == 'GetStatus' else {'region_id': REGION, 'order_type': 'all', 'page': 1}
    call = app.op[name](**params)
    first = client.request(call)
    asked = {'If-None-Match': first.headers['ETag']}
    contenders: dict[str, Callable[[], Any]] = {
        BASELINE: lambda: _expect(session.get(first.url, headers=asked).status_code, 304),
        ESIPY: lambda: _expect(client.request(call).not_modified, True),
    }
    return alternate(contenders, rounds=options.rounds(ROUNDS), number=NUMBER, clock=CPU)


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise RuntimeError(f'{found!r} instead of {expected!r}')
