"""Prometheus and PerformanceMonitor: what a scrape shows, label values that are bounded, registries that are shared,
and processes that share their metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import requests
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from esipy import App, clock
from esipy.cache import DictCache
from esipy.limits import MemoryLimits
from esipy.plugins import JsonDataMock, Mock, PerformanceMonitor, Pool, Prometheus, mock_manager
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.integration import signed
from tests.integration.test_telemetry_traces import FRESH, in_turn
from tests.integration.things import app_at, client, description, security
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


class Scraped:
    """A registry that is published by HTTP, and what a scrape of it shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._server, self._thread = start_http_server(0, '127.0.0.1', self.registry)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def scrape(self) -> dict[str, float]:
        """The samples, as 'name label=value …', without the buckets and times of creation."""
        text = requests.get(f'http://127.0.0.1:{self._server.server_port}/metrics', timeout=30).text
        return {
            ' '.join([sample.name, *(f'{name}={value}' for name, value in sorted(sample.labels.items()))]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if 'le' not in sample.labels and not sample.name.endswith('_created')
        }

    def label_values(self) -> set[str]:
        return {
            value
            for family in self.registry.collect()
            for sample in family.samples
            for name, value in sample.labels.items()
            if name != 'le'
        }


@pytest.fixture
def scraped() -> Iterator[Scraped]:
    running = Scraped()
    yield running
    running.close()


# ----------------------------------------------------------------- what is counted


def test_requests_and_cache_results(scraped: Scraped) -> None:
    responses = [
        response_bytes({}, headers=FRESH),
        response_bytes(status=304, headers=FRESH),
        response_bytes({'error': ''}, 404),
    ]
    with (
        Server(in_turn(*responses)) as server,
        client(plugins=[Prometheus(scraped.registry)], cache=DictCache()) as esi,
    ):
        call = app_at(server.url).op['get_thing']
        for _ in range(2):
            esi.request(call())
        clock.move(120)
        esi.request(call())
        esi.request(call(page=2))
    samples = scraped.scrape()
    shown = {
        name: value
        for name, value in samples.items()
        if value and not name.endswith('_sum') and '_sum ' not in name and not name.startswith('python_')
    }
    assert shown == {
        'esipy_requests_total method=GET operation=get_thing status=2xx': 1,
        'esipy_requests_total method=GET operation=get_thing status=3xx': 1,
        'esipy_requests_total method=GET operation=get_thing status=4xx': 1,
        'esipy_request_duration_seconds_count method=GET operation=get_thing status=2xx': 1,
        'esipy_request_duration_seconds_count method=GET operation=get_thing status=3xx': 1,
        'esipy_request_duration_seconds_count method=GET operation=get_thing status=4xx': 1,
        'esipy_cache_results_total operation=get_thing result=miss': 2,
        'esipy_cache_results_total operation=get_thing result=hit': 1,
        'esipy_cache_results_total operation=get_thing result=revalidated': 1,
    }
    assert samples['esipy_requests_in_flight'] == 0


def test_retries_failures_and_a_stale_response(scraped: Scraped) -> None:
    def page(visit: Visit) -> None:
        first = response_bytes({}, headers={'Cache-Control': 'max-age=1', 'ETag': '"x"'})
        visit.send(response_bytes({'error': ''}, 500) if visit.number else first)

    with (
        Server(page) as server,
        client(
            plugins=[Prometheus(scraped.registry)],
            cache=DictCache(),
            stale_if_error=3600,
            retry_requests=True,
            retries=2,
        ) as esi,
    ):
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(60)
        assert esi.request(call).stale
    samples = scraped.scrape()
    assert samples['esipy_retries_total operation=get_thing'] == 1
    assert samples['esipy_cache_results_total operation=get_thing result=stale'] == 1
    assert samples['esipy_requests_total method=GET operation=get_thing status=5xx'] == 2


def test_a_request_without_a_response(scraped: Scraped) -> None:
    with (
        Server(lambda visit: visit.close()) as server,
        client(plugins=[Prometheus(scraped.registry)], cache=None) as esi,
    ):
        esi.request(app_at(server.url).op['get_thing']())
    samples = scraped.scrape()
    assert samples['esipy_requests_total method=GET operation=get_thing status=failed'] == 1
    assert samples['esipy_requests_in_flight'] == 0


def test_waits_and_what_is_left(scraped: Scraped) -> None:
    limited = {
        'X-Ratelimit-Group': 'things',
        'X-Ratelimit-Limit': '4/2s',
        'X-Ratelimit-Remaining': '0',
        'X-ESI-Error-Limit-Remain': '87',
        'X-ESI-Error-Limit-Reset': '12',
    }
    with (
        Server(in_turn(response_bytes({}, headers=limited))) as server,
        client(plugins=[Prometheus(scraped.registry)], cache=None, limits=MemoryLimits()) as esi,
    ):
        for number in range(2):
            esi.request(app_at(server.url).op['get_thing'](page=number))
    samples = scraped.scrape()
    assert samples['esipy_rate_limit_wait_seconds_count bucket=things'] == 1
    assert samples['esipy_rate_limit_wait_seconds_sum bucket=things'] > 0.5
    assert samples['esipy_rate_limit_remaining group=things'] == 0
    assert samples['esipy_rate_limit_remaining group=errors'] == 87


def test_requests_in_flight_while_they_are(scraped: Scraped) -> None:
    """What waits for a Pool is not in flight, in whatever order the plugins are."""
    arrived, go = threading.Barrier(3), threading.Event()

    def page(visit: Visit) -> None:
        arrived.wait(20)
        go.wait(20)
        visit.send(response_bytes({}))

    pool = Pool(2)
    with Server(page) as server, client(plugins=[Prometheus(scraped.registry), pool], cache=None) as esi:
        call = app_at(server.url).op['get_thing']
        threads = [threading.Thread(target=esi.request, args=(call(page=number),)) for number in range(2)]
        for thread in threads:
            thread.start()
        arrived.wait(20)
        assert scraped.scrape()['esipy_requests_in_flight'] == 2
        go.set()
        for thread in threads:
            thread.join(20)
    assert scraped.scrape()['esipy_requests_in_flight'] == 0


def test_one_refresh_is_counted_once_however_many_threads_wait(scraped: Scraped) -> None:
    store = MemoryTokens()
    with Sandbox(limits=False) as sandbox:
        signed.signed_in(store, sandbox)
        one = signed.security(sandbox, store=store).for_character(signed.ONE)
        sandbox.faults.add('latency', operation='sso.token', seconds=0.3)
        with signed.client(one, plugins=[Prometheus(scraped.registry)]) as esi:
            esi.multi_request(signed.different_calls(sandbox, 10), threads=10)
    assert scraped.scrape()['esipy_token_refreshes_total result=success'] == 1


def test_a_refresh_that_fails(scraped: Scraped) -> None:
    with Server(in_turn(response_bytes({'error': 'invalid_grant'}, 400))) as sso:
        one = security('old', sso.url)
        one.update_token({'access_token': 'old', 'expires_in': -1, 'refresh_token': 'r'})
        with client(plugins=[Prometheus(scraped.registry)], security=one) as esi:
            esi.multi_request([app_at(sso.url).op['get_mine']()])
    assert scraped.scrape()['esipy_token_refreshes_total result=failure'] == 1


def test_the_names_that_esihub_has(scraped: Scraped) -> None:
    with (
        Server(in_turn(response_bytes({}))) as server,
        client(plugins=[Prometheus(scraped.registry, prefix='esihub')], cache=None) as esi,
    ):
        esi.request(app_at(server.url).op['get_thing']())
    samples = scraped.scrape()
    assert samples['esihub_requests_total method=GET operation=get_thing status=2xx'] == 1
    assert samples['esihub_request_duration_seconds_count method=GET operation=get_thing status=2xx'] == 1


def test_the_names_of_alliance_auths_boards(scraped: Scraped) -> None:
    shown = {
        'X-Compatibility-Date': '2026-08-04',
        'X-Esi-Cache-Status': 'HIT',
        'X-ESI-Error-Limit-Remain': '87',
        'X-ESI-Error-Limit-Reset': '12',
        'X-Ratelimit-Group': 'things',
        'X-Ratelimit-Limit': '150/15m',
        'X-Ratelimit-Remaining': '148',
    }
    plugin = Prometheus(scraped.registry, preset='allianceauth')
    store = MemoryTokens()
    with (
        Server(in_turn(response_bytes({}, headers=shown), response_bytes({'error': ''}, 404))) as server,
        client(plugins=[plugin], cache=None) as esi,
    ):
        for _ in range(2):
            esi.request(app_at(server.url).op['get_thing']())
    with Sandbox(limits=False) as sandbox:
        signed.signed_in(store, sandbox)
        one = signed.security(sandbox, store=store).for_character(signed.ONE)
        with signed.client(one, plugins=[plugin]) as esi:
            esi.request(signed.wallet(sandbox))
    samples = scraped.scrape()
    first = 'cache_status=HIT compatibility_date=2026-08-04 endpoint=get_thing status_code=200'
    assert samples[f'esi_request_total {first}'] == 1
    second = 'cache_status=unknown compatibility_date=unknown endpoint=get_thing status_code=404'
    assert samples[f'esi_request_total {second}'] == 1
    assert samples['esi_requests_latency_by_endpoint_seconds_count endpoint=get_thing status_code=200'] == 1
    assert samples['esi_error_bucket_avail'] == 87
    assert samples['esi_rate_bucket bucket=things'] == 148
    assert samples['sso_refresh_latency_by_status_seconds_count status=200'] == 1


# ----------------------------------------------------------------- bounds


def test_10_000_ids_and_500_characters_create_no_new_label_value(scraped: Scraped) -> None:
    """Through the whole call, with a response of a plugin in place of 10,000 visits; and by a server for some."""
    app = app_at('http://127.0.0.1:9')
    plugin = Prometheus(scraped.registry)
    with client(plugins=[plugin, Mock()], cache=None) as esi, mock_manager.use_mock(JsonDataMock(data={}), limit=0):
        esi.request(app.op['get_things_id'](id='1'))
        for number in range(10_000):
            esi.request(app.op['get_things_id'](id=str(number)))
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[plugin], cache=None) as esi:
        mine, things = app_at(server.url).op['get_mine'], app_at(server.url).op['get_things_id']
        esi.request(mine(q='0'), security=security('token-0'))
        esi.request(things(id='0'))
        before = scraped.label_values()
        for number in range(500):
            esi.request(mine(q=str(number)), security=security(f'token-{number}'))
            esi.request(things(id=str(number)))
        assert len(server.visits) == 1002
    assert scraped.label_values() == before == {'get_mine', 'get_things_id', 'GET', '2xx'}


def test_a_server_cannot_create_label_values_without_end(scraped: Scraped) -> None:
    def page(visit: Visit) -> None:
        group = f'group-{visit.number}' if visit.number else 'x' * 5000 + '\x7f'
        visit.send(
            response_bytes(
                {},
                headers={
                    'X-Ratelimit-Group': group,
                    'X-Ratelimit-Limit': '1000/15m',
                    'X-Ratelimit-Remaining': '7',
                    'X-Compatibility-Date': group,
                    'X-Esi-Cache-Status': group,
                },
            )
        )

    plugins = [Prometheus(scraped.registry), Prometheus(scraped.registry, preset='allianceauth')]
    with Server(page) as server, client(plugins=plugins, cache=None) as esi:
        for number in range(300):
            assert esi.request(app_at(server.url).op['get_thing'](page=number)).ok
    values = scraped.label_values()
    assert 'other' in values
    assert len(values) <= 310
    assert max(map(len, values)) <= 100
    assert all(value.isprintable() for value in values)


def test_operations_are_bounded_too(scraped: Scraped) -> None:
    document = description('http://127.0.0.1:9')
    for number in range(1200):
        path = dict(document['paths']['/thing']['get'], operationId=f'get_{number}')
        document['paths'][f'/x{number}'] = {'get': path}
    plugin = Prometheus(scraped.registry)
    monitor = PerformanceMonitor(max_operations=10)
    with Server(in_turn(response_bytes({}))) as server:
        document['servers'] = [{'url': server.url}]
        app = App.create(document)
        with client(plugins=[plugin, monitor], cache=None) as esi:
            for number in range(1200):
                esi.request(app.op[f'get_{number}']())
    samples = scraped.scrape()
    assert samples['esipy_requests_total method=GET operation=other status=2xx'] == 200
    metrics = monitor.get_metrics()
    assert metrics['total_requests'] == 1200
    assert len(metrics['by_operation']) == 11
    assert metrics['by_operation']['other']['total_requests'] == 1190


# ----------------------------------------------------------------- registries


def test_two_clients_and_a_reload_share_the_collectors(scraped: Scraped, caplog: pytest.LogCaptureFixture) -> None:
    with Server(in_turn(response_bytes({}))) as server:
        for _ in range(3):
            with client(plugins=[Prometheus(scraped.registry)], cache=None) as esi:
                esi.request(app_at(server.url).op['get_thing']())
    assert scraped.scrape()['esipy_requests_total method=GET operation=get_thing status=2xx'] == 3
    assert caplog.records == []


def test_clients_that_are_created_at_the_same_time(scraped: Scraped) -> None:
    plugins: list[Prometheus] = []
    threads = [threading.Thread(target=lambda: plugins.append(Prometheus(scraped.registry))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(plugins) == 20
    assert len({id(plugin._collectors['requests']) for plugin in plugins}) == 1


TAKEN: dict[str, Callable[[CollectorRegistry], Any]] = {
    'other labels': lambda registry: Counter('esipy_requests_total', 'x', ['path'], registry=registry),
    'another kind': lambda registry: Gauge('esipy_requests', 'x', registry=registry),
}


@pytest.mark.parametrize('take', TAKEN.values(), ids=TAKEN)
def test_a_name_that_is_taken_warns_once_and_the_call_goes_on(
    scraped: Scraped, take: Callable[[CollectorRegistry], Any], caplog: pytest.LogCaptureFixture
) -> None:
    take(scraped.registry)
    with Server(in_turn(response_bytes({}))) as server:
        for _ in range(3):
            with client(plugins=[Prometheus(scraped.registry)], cache=None) as esi:
                assert esi.request(app_at(server.url).op['get_thing']()).ok
    (record,) = caplog.records
    assert (record.name, record.levelname) == ('esipy.telemetry', 'WARNING')
    assert 'esipy_requests_total' in record.getMessage()
    assert 'choose another prefix= or registry=' in record.getMessage()
    assert scraped.scrape()['esipy_request_duration_seconds_count method=GET operation=get_thing status=2xx'] == 3


def test_a_collector_that_raises_is_logged_once_and_harms_no_call(
    scraped: Scraped, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, amount: float = 1, exemplar: Any = None) -> None:
        raise OSError('the disk of the metrics is full')

    plugin = Prometheus(scraped.registry)
    monkeypatch.setattr(prometheus_client.Counter, 'inc', broken)
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[plugin], cache=None) as esi:
        for _ in range(3):
            assert esi.request(app_at(server.url).op['get_thing']()).ok
    assert len(caplog.records) == 1
    assert 'the disk of the metrics is full' in caplog.text
    assert scraped.scrape()['esipy_requests_in_flight'] == 0


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    'a prefix that is no name': ({'prefix': 'my app'}, ValueError, "valid beginning of metric names, not 'my app'"),
    'no prefix': ({'prefix': None}, ValueError, 'not None'),
    'a misspelt preset': ({'preset': 'alliance_auth'}, ValueError, "did you mean 'allianceauth'?"),
    'an unknown preset': ({'preset': 'x'}, ValueError, 'there are esipy, allianceauth'),
    'not a registry': ({'registry': 'REGISTRY'}, TypeError, 'must be a CollectorRegistry, not str'),
}


@pytest.mark.parametrize(('options', 'kind', 'reason'), WRONG.values(), ids=WRONG)
def test_wrong_options(options: dict[str, Any], kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind, match=reason.replace('?', r'\?')):
        Prometheus(**options)


def test_the_extras_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, where the packages cannot be imported."""
    program = (
        'import sys\n'
        'sys.modules["prometheus_client"] = sys.modules["opentelemetry"] = None\n'
        'from esipy.plugins import OpenTelemetry, Prometheus\n'
        'for kind in (OpenTelemetry, Prometheus):\n'
        '    try:\n'
        '        kind()\n'
        '    except ImportError as error:\n'
        '        print(error)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=True)
    assert 'pip install "EsiPy[otel]"' in done.stdout
    assert 'pip install "EsiPy[prometheus]"' in done.stdout


# ----------------------------------------------------------------- several processes

WORKER = """
import sys
from esipy import App, EsiClient
from esipy.plugins import Prometheus
from tests.integration.things import app_at

url, number = sys.argv[1], int(sys.argv[2])
client = EsiClient(user_agent='tests', cache=None, limits=None, plugins=[Prometheus()])
op = app_at(url).op
for page in range(25):
    client.request(op['get_thing'](page=page))
print('ready', flush=True)
if number == 0:
    client.request(op['get_things_id'](id='hang'))  # until this process is killed
sys.stdin.readline()
client.request(op['get_thing'](page=99))
"""

COLLECT = """
import sys
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

registry = CollectorRegistry()
MultiProcessCollector(registry)
if sys.argv[1:]:
    mark_process_dead(int(sys.argv[1]))
print(generate_latest(registry).decode())
"""


def test_four_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, 'PROMETHEUS_MULTIPROC_DIR': str(tmp_path), 'PYTHONPATH': str(Path.cwd())}
    limited = {'X-Ratelimit-Group': 'things', 'X-Ratelimit-Limit': '1000/15m', 'X-Ratelimit-Remaining': '900'}
    hanging = threading.Event()

    def page(visit: Visit) -> None:
        if 'hang' in visit.path:
            hanging.set()
            visit.hang()
        else:
            visit.send(response_bytes({}, headers=limited))

    def run(program: str, *args: str, **more: Any) -> Any:
        return subprocess.Popen(
            [sys.executable, '-c', program, *args],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **more,
        )

    def collected(*args: str) -> dict[str, float]:
        text = run(COLLECT, *args).communicate(timeout=60)[0]
        return {
            ' '.join([sample.name, *sorted(sample.labels.values())]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    with Server(page) as server:
        workers = [run(WORKER, server.url, str(number)) for number in range(4)]
        try:
            for worker in workers:
                assert worker.stdout.readline() == 'ready\n'
            assert hanging.wait(20)
            assert collected()['esipy_requests_in_flight'] == 1
            workers[0].send_signal(signal.SIGKILL)
            workers[0].wait(20)
            after = collected(str(workers[0].pid))
            assert after['esipy_requests_total 2xx GET get_thing'] == 100
            assert after['esipy_request_duration_seconds_count 2xx GET get_thing'] == 100
            assert after['esipy_requests_in_flight'] == 0
            assert after['esipy_rate_limit_remaining things'] == 900
            for worker in workers[1:]:
                worker.communicate('go on\n', timeout=60)
            assert collected()['esipy_requests_total 2xx GET get_thing'] == 103
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                worker.stdin.close()
                worker.stdout.close()


# ----------------------------------------------------------------- in the program itself


def test_the_performance_monitor() -> None:
    monitor = PerformanceMonitor()
    assert monitor.get_metrics() == {
        'total_requests': 0,
        'failed_requests': 0,
        'average_request_time': 0.0,
        'min_request_time': 0.0,
        'max_request_time': 0.0,
        'percentiles': {50: 0.0, 90: 0.0, 95: 0.0, 99: 0.0},
        'by_operation': {},
    }
    with (
        Server(in_turn(*[response_bytes({})] * 9, response_bytes({'error': ''}, 404))) as server,
        client(plugins=[monitor], cache=None) as esi,
    ):
        for number in range(10):
            esi.request(app_at(server.url).op['get_thing'](page=number))
        esi.request(app_at(server.url).op['get_things_id'](id='1'))
    metrics = monitor.get_metrics()
    assert (metrics['total_requests'], metrics['failed_requests']) == (11, 2)
    assert metrics['min_request_time'] <= metrics['average_request_time'] <= metrics['max_request_time']
    assert list(metrics['percentiles'].values()) == sorted(metrics['percentiles'].values())
    by_operation = metrics['by_operation']
    assert {name: one['total_requests'] for name, one in by_operation.items()} == {'get_thing': 10, 'get_things_id': 1}
    monitor.reset()
    assert monitor.get_metrics()['total_requests'] == 0


def test_percentiles_are_off_by_less_than_their_class() -> None:
    from esipy._plugins.performance import _Durations

    durations = _Durations()
    for milliseconds in range(1, 1001):
        durations.add(milliseconds / 1000, failed=False)
    durations.add(0.0, failed=True)
    durations.add(3600.0, failed=True)
    metrics = durations.metrics()
    for percent, value in metrics['percentiles'].items():
        assert value == pytest.approx(percent / 100, rel=0.03)
    assert (metrics['min_request_time'], metrics['max_request_time']) == (0.0, 3600.0)
    assert len(durations.classes) < 200


def test_the_performance_monitor_in_threads() -> None:
    monitor = PerformanceMonitor()
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[monitor], cache=None) as esi:
        esi.multi_request(
            (app_at(server.url).op['get_thing'](page=number) for number in range(200)),
            threads=20,
            on_result=lambda request, response: monitor.get_metrics(),
        )
    metrics = monitor.get_metrics()
    assert metrics['total_requests'] == metrics['by_operation']['get_thing']['total_requests'] == 200


def test_a_limit_of_operations_that_is_none() -> None:
    with pytest.raises(ValueError, match='max_operations must be at least 1, not 0'):
        PerformanceMonitor(0)
