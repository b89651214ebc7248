"""OpenTelemetry: what a real OTLP/HTTP receiver gets of hits, 304s, retries, waits, refreshes, redirects and pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import opentelemetry.trace as trace_api
import pytest
from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry

from esipy import clock
from esipy.cache import DictCache
from esipy.exceptions import CallError, ConnectionFailedError, LimitedError, RequestLimitError, TokenRevokedError
from esipy.limits import MemoryLimits
from esipy.plugins import CallContext, JsonDataMock, Mock, OpenTelemetry, Plugin, Pool, Prometheus, mock_manager
from esipy.sandbox import Sandbox
from esipy.service import ServiceClient, json_decoder
from esipy.stores import MemoryTokens
from tests.integration import signed
from tests.integration.test_plugins import Dice, Oops, Quick
from tests.integration.test_telemetry_hooks import pages_of
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, unused_url
from tests.telemetry import Telemetry, check_times, roots, telemetry, tree

pytestmark = pytest.mark.usefixtures('no_leaks')

FRESH = {'Cache-Control': 'max-age=60', 'ETag': '"x"'}


@pytest.fixture
def otel() -> Iterator[Telemetry]:
    with telemetry() as running:
        yield running


def in_turn(*responses: bytes) -> Callable[[Visit], None]:
    """A server's page that sends these, one after the other; the last one again and again."""

    def page(visit: Visit) -> None:
        visit.send(responses[min(visit.number, len(responses) - 1)])

    return page


# ----------------------------------------------------------------- the spans of a call


def test_a_miss_a_hit_and_a_304(otel: Telemetry) -> None:
    with (
        Server(in_turn(response_bytes({}, headers=FRESH), response_bytes(status=304, headers=FRESH))) as server,
        client(plugins=[otel.plugin], cache=DictCache()) as esi,
    ):
        call = app_at(server.url).op['get_thing']
        for _ in range(2):
            esi.request(call(q='a'))
        clock.move(120)
        esi.request(call(q='a'))
    receiver = otel.flush()
    miss, hit, revalidated = roots(receiver)
    assert tree(receiver, miss) == tree(receiver, revalidated) == ('get_thing', ['cache look-up', 'GET'])
    assert tree(receiver, hit) == ('get_thing', ['cache look-up'])
    results = [span.attributes['esipy.cache.result'] for span in (miss, hit, revalidated)]
    assert results == ['miss', 'hit', 'revalidated']
    assert [span.kind for span in (miss, *receiver.named('GET'))] == ['INTERNAL', 'CLIENT', 'CLIENT']
    first, second = receiver.named('GET')
    assert first.attributes == {
        'http.request.method': 'GET',
        'server.address': '127.0.0.1',
        'server.port': server.port,
        'url.full': f'{server.url}/thing?q=REDACTED',
        'http.response.status_code': 200,
    }
    assert second.attributes['http.response.status_code'] == 304
    assert not any(span.is_error for span in receiver.spans)
    assert receiver.metrics == {'http.client.request.duration': 2}
    check_times(receiver)


def test_a_retry(otel: Telemetry) -> None:
    failed = response_bytes({'error': 'x'}, 500, {'X-Esi-Request-ID': 'abc'})
    with (
        Server(in_turn(failed, response_bytes({}))) as server,
        client(retry_requests=True, plugins=[otel.plugin], cache=None) as esi,
    ):
        esi.request(app_at(server.url).op['get_thing']())
    receiver = otel.flush()
    (root,) = roots(receiver)
    assert tree(receiver, root) == ('get_thing', ['GET', 'retry wait', 'GET'])
    first, second = receiver.named('GET')
    assert (first.is_error, first.attributes['error.type']) == (True, '500')
    assert first.attributes['esipy.request_id'] == 'abc'
    assert 'http.request.resend_count' not in first.attributes
    assert (second.is_error, second.attributes['http.request.resend_count']) == (False, 1)
    assert (root.is_error, root.attributes['esipy.attempts']) == (False, 2)
    check_times(receiver)


def test_a_wait_for_a_rate_limit(otel: Telemetry) -> None:
    limited = {'X-Ratelimit-Group': 'things', 'X-Ratelimit-Limit': '4/2s', 'X-Ratelimit-Remaining': '0'}
    with (
        Server(in_turn(response_bytes({}, headers=limited))) as server,
        client(plugins=[otel.plugin], cache=None, limits=MemoryLimits()) as esi,
    ):
        call = app_at(server.url).op['get_thing']
        esi.request(call(page=1))
        esi.request(call(page=2))
        esi.max_wait = 0.01
        with pytest.raises(LimitedError):
            esi.request(call(page=3))
    receiver = otel.flush()
    _, waited, failed = roots(receiver)
    assert tree(receiver, waited) == ('get_thing', ['rate limit wait', 'GET'])
    assert tree(receiver, failed) == ('get_thing', ['rate limit wait'])
    wait = receiver.children(waited)[0]
    assert wait.attributes == {'esipy.bucket': 'things'}
    assert wait.seconds > 0.5
    assert (failed.is_error, failed.attributes['error.type']) == (True, 'LimitedError')
    assert receiver.metrics['esipy.rate_limit.wait.duration'] == 2
    check_times(receiver)


def test_a_token_refresh_and_a_401(otel: Telemetry) -> None:
    store = MemoryTokens()
    with Sandbox(limits=False) as sandbox:
        signed.signed_in(store, sandbox)
        one = signed.security(sandbox, store=store).for_character(signed.ONE)
        with signed.client(one, plugins=[otel.plugin]) as esi:
            esi.request(signed.wallet(sandbox))  # the token has expired
            sandbox.revoke(one.access_token)
            esi.request(signed.wallet(sandbox))  # the server refuses the token
    receiver = otel.flush()
    expired, refused = roots(receiver)
    assert tree(receiver, expired) == (expired.name, ['token refresh', 'GET'])
    assert tree(receiver, refused) == (refused.name, ['GET', 'token refresh', 'GET'])
    first, second = [span for span in receiver.children(refused) if span.kind == 'CLIENT']
    assert (first.attributes['error.type'], second.attributes['http.request.resend_count']) == ('401', 1)
    assert all(span.attributes == {'esipy.requested': True} for span in receiver.named('token refresh'))
    check_times(receiver)


def test_a_refresh_that_another_thread_makes(otel: Telemetry) -> None:
    store = MemoryTokens()
    with Sandbox(limits=False) as sandbox:
        signed.signed_in(store, sandbox)
        one = signed.security(sandbox, store=store).for_character(signed.ONE)
        sandbox.faults.add('latency', operation='sso.token', seconds=0.5)
        with signed.client(one, plugins=[otel.plugin]) as esi:
            esi.multi_request(signed.different_calls(sandbox, 10), threads=10)
    receiver = otel.flush()
    refreshes = receiver.named('token refresh')
    assert [span.attributes.get('esipy.requested', False) for span in refreshes].count(True) == 1
    assert len(refreshes) > 1
    check_times(receiver)


def test_redirects_are_further_spans(otel: Telemetry) -> None:
    def page(visit: Visit) -> None:
        if visit.path == '/thing':
            visit.send(response_bytes(status=302, headers={'Location': '/things/a?token=secret'}))
        elif visit.path == '/things/a':
            visit.send(response_bytes(status=307, headers={'Location': '/things/b'}))
        else:
            visit.send(response_bytes({}))

    with Server(page) as server, client(plugins=[otel.plugin], cache=None) as esi:
        esi.request(app_at(server.url).op['get_thing']())
        assert len(server.visits) == 3
    receiver = otel.flush()
    (root,) = roots(receiver)
    assert tree(receiver, root) == ('get_thing', ['GET', 'GET', 'GET'])
    shown = [
        (
            span.attributes['url.full'].removeprefix(server.url),
            span.attributes['http.response.status_code'],
            span.attributes.get('http.request.resend_count'),
        )
        for span in receiver.named('GET')
    ]
    assert shown == [('/thing', 302, None), ('/things/a?token=REDACTED', 307, 1), ('/things/b', 200, 2)]
    assert receiver.metrics == {'http.client.request.duration': 3}
    check_times(receiver)


def test_a_server_cannot_create_values_of_metrics_without_end() -> None:
    """By redirects to ever more servers: here all of them are one proxy."""
    reader = InMemoryMetricReader()
    plugin = OpenTelemetry(meter_provider=MeterProvider([reader]))

    def page(visit: Visit) -> None:
        away = {'Location': f'http://host-{visit.number}.example/'}
        visit.send(response_bytes(status=302, headers=away) if visit.path.endswith('/thing') else response_bytes({}))

    with Server(page) as server, client(plugins=[plugin], cache=None) as esi:
        esi._session.proxies['http'] = server.url
        for _ in range(150):
            assert esi.request(app_at('http://first.example').op['get_thing']()).ok
    metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics  # type: ignore[union-attr]
    (duration,) = [metric for metric in metrics if metric.name == 'http.client.request.duration']
    points = list(duration.data.data_points)
    assert len(points) <= 102
    assert sum(point.count for point in points) == 300
    assert {'server.address': 'other', 'http.request.method': 'GET', 'http.response.status_code': 200} in [
        dict(point.attributes or {}) for point in points
    ]


FAILURES: dict[str, tuple[Callable[[Visit], Any], dict[str, Any]]] = {
    'a status': (
        in_turn(response_bytes({'error': 'x'}, 404)),
        {'http.response.status_code': 404, 'error.type': '404'},
    ),
    'a connection that is closed': (lambda visit: visit.close(), {'error.type': 'ConnectionFailedError'}),
    'a server that is silent': (lambda visit: visit.hang(), {'error.type': 'TimedOutError'}),
    'a body that is not gzip': (
        in_turn(response_bytes(b'xxx', headers={'Content-Encoding': 'gzip'})),
        {'http.response.status_code': 200, 'error.type': 'UndecodableBodyError'},
    ),
}


@pytest.mark.parametrize(('page', 'attributes'), FAILURES.values(), ids=FAILURES)
def test_failures(otel: Telemetry, page: Callable[[Visit], Any], attributes: dict[str, Any]) -> None:
    with Server(page) as server, client(plugins=[otel.plugin], cache=None, timeout=3) as esi:
        try:
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        except Exception as error:
            text = str(error)
    receiver = otel.flush()
    (root,) = roots(receiver)
    (attempt,) = receiver.named('GET')
    always = {'http.request.method', 'server.address', 'server.port', 'url.full'}
    assert {name: value for name, value in attempt.attributes.items() if name not in always} == attributes
    assert attempt.is_error
    assert root.is_error
    assert root.attributes['error.type'] == attributes['error.type'], text


def test_a_grant_that_is_gone(otel: Telemetry) -> None:
    with Server(in_turn(response_bytes({'error': 'invalid_grant'}, 400))) as sso:
        one = security('old', sso.url)
        one.update_token({'access_token': 'old', 'expires_in': -1, 'refresh_token': 'r'})
        with client(plugins=[otel.plugin], security=one) as esi, pytest.raises(TokenRevokedError):
            esi.request(app_at(sso.url).op['get_mine']())
    receiver = otel.flush()
    (root,) = roots(receiver)
    assert tree(receiver, root) == ('get_mine', ['token refresh'])
    assert {span.attributes['error.type'] for span in receiver.spans} == {'TokenRevokedError'}


def test_paging_in_20_threads(otel: Telemetry) -> None:
    """Each page is a call below `all`, in whatever thread it was fetched."""
    with Server(pages_of(40)) as server, client(plugins=[otel.plugin], cache=None) as esi:
        tracer = otel.tracer_provider.get_tracer('an app')
        with tracer.start_as_current_span('request of a user'):
            assert len(esi.all(app_at(server.url).op['get_thing'](), threads=20, pagination='pages')) == 40
            assert len(list(esi.records(app_at(server.url).op['get_thing'](), pagination='pages'))) == 40
    receiver = otel.flush()
    (root,) = roots(receiver)
    everything, records = receiver.children(root)
    assert (everything.name, records.name) == ('all get_thing', 'records get_thing')
    for batch in (everything, records):
        pages = receiver.children(batch)
        assert [span.name for span in pages] == ['get_thing'] * 40
        assert {span.attributes.get('esipy.page', '1') for span in pages} == {str(number) for number in range(1, 41)}
        assert all(tree(receiver, page) == ('get_thing', ['GET']) for page in pages)
    check_times(receiver)


def test_calls_of_an_apps_own_kind(otel: Telemetry) -> None:
    """`multi_request`, a table of endpoints, and a pool of the user's."""
    table = {'get_thing': {'path': '/thing'}}
    with (
        Server(in_turn(response_bytes({}))) as server,
        ServiceClient(
            name='things', spec=table, base_path=server.url, parser=json_decoder, plugins=[otel.plugin, Pool(1)]
        ) as service,
    ):
        service.client.multi_request([service.op.get_thing(n=number) for number in range(5)], threads=5)
    receiver = otel.flush()
    (root,) = roots(receiver)
    assert root.name == 'multi_request'
    calls = receiver.children(root)
    assert [span.attributes['esipy.service'] for span in calls] == ['things'] * 5
    assert {name for call in calls for name in (span.name for span in receiver.children(call))} <= {
        'GET',
        'slot wait',
        'cache look-up',
    }
    check_times(receiver)


# ----------------------------------------------------------------- what is shown

URLS = {
    '?page=2&language=de': '?page=2&language=de',
    '?token=abc&page=2': '?token=REDACTED&page=2',
    '?code=abc&state=x': '?code=REDACTED&state=REDACTED',
    '?datasource=tranquility#token': '?datasource=tranquility',
    '?secret': '?REDACTED',
    '?page': '?REDACTED',
    '?=x&page=1': '?=REDACTED&page=1',
    '#fragment': '',
    '': '',
}


@pytest.mark.parametrize(('query', 'shown'), URLS.items())
def test_query_values_are_shown_by_an_allow_list(query: str, shown: str) -> None:
    attributes = OpenTelemetry()._url_attributes(f'https://user:password@Example.com:8443/a/b{query}')
    assert attributes['url.full'] == f'https://Example.com:8443/a/b{shown}'
    assert (attributes['server.address'], attributes['server.port']) == ('example.com', 8443)


@pytest.mark.parametrize(
    ('url', 'server'),
    [
        ('https://example.com/x', ('example.com', 443)),
        ('http://example.com', ('example.com', 80)),
        ('http://[::1]:81/', ('::1', 81)),
        ('http://x:port/', ('', 80)),
        ('nonsense', ('', 80)),
    ],
)
def test_servers(url: str, server: tuple[str, int]) -> None:
    attributes = OpenTelemetry()._url_attributes(url)
    assert (attributes['server.address'], attributes['server.port']) == server


def test_other_query_values_if_the_app_says_so() -> None:
    assert OpenTelemetry(query_parameters=['q'])._url_attributes('http://x/?q=1&page=2')['url.full'] == (
        'http://x/?q=1&page=REDACTED'
    )


def test_no_secret_is_in_a_span(otel: Telemetry) -> None:
    from tests.leaks import forms

    secrets = ['the-secret-token-of-a-character', 'the-other-secret-of-the-query']
    with Server(in_turn(response_bytes({'error': secrets[0]}, 403))) as server:
        one = security(secrets[0], server.url)
        with client(plugins=[otel.plugin], security=one, cache=None) as esi:
            esi.request(app_at(server.url).op['get_mine'](q=secrets[1]))
    shown = repr(otel.flush().spans)
    assert 'get_mine' in shown
    assert not [form for secret in secrets for form in forms(secret) if form in shown]


# ----------------------------------------------------------------- options of a call


def test_options_of_one_call(otel: Telemetry) -> None:
    with Server(pages_of(3)) as server, client(plugins=[otel.plugin], cache=None) as esi:
        call = app_at(server.url).op['get_thing']
        esi.request(call(), tracing={'enabled': False})
        esi.all(call(), pagination='pages', tracing={'enabled': False})
        esi.multi_request([call()], tracing={'attributes': {'job': 'nightly', 'try': 2}})
    receiver = otel.flush()
    (root,) = roots(receiver)
    assert tree(receiver, root) == ('multi_request', [('get_thing', ['GET'])])
    assert (root.attributes['job'], root.attributes['try']) == ('nightly', 2)
    assert receiver.children(root)[0].attributes['job'] == 'nightly'
    assert receiver.metrics == {'http.client.request.duration': 1}


WRONG: dict[str, tuple[Any, str]] = {
    'not a mapping': (False, "tracing: must be a mapping such as {'enabled': False}, not bool"),
    'a misspelt key': ({'enable': False}, "tracing: unknown key 'enable'; did you mean 'enabled'?"),
    'an unknown key': ({'x': 1}, "tracing: unknown key 'x'; it may have 'enabled' and 'attributes'"),
    'enabled as text': ({'enabled': 'no'}, "tracing: 'enabled' must be True or False, not 'no'"),
    'attributes as a list': ({'attributes': ['a']}, "tracing: 'attributes' must be a mapping, not list"),
}


@pytest.mark.parametrize(('tracing', 'reason'), WRONG.values(), ids=WRONG)
def test_wrong_options(tracing: Any, reason: str) -> None:
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[OpenTelemetry()]) as esi:
        call = app_at(server.url).op['get_thing']()
        for make in (lambda: esi.request(call, tracing=tracing), lambda: esi.all(call, tracing=tracing)):
            with pytest.raises(CallError) as caught:
                make()
            assert reason in str(caught.value)
        assert server.visits == []


def test_query_parameters_as_a_text() -> None:
    with pytest.raises(TypeError, match="query_parameters must be a list of names, not 'page'"):
        OpenTelemetry(query_parameters='page')


# ----------------------------------------------------------------- beside other instrumentation


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


@pytest.mark.parametrize('mode', ['', 'http', 'http/dup'])
def test_no_request_is_counted_twice(
    spans: tuple[TracerProvider, InMemorySpanExporter], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Stability

    monkeypatch.setenv('OTEL_SEMCONV_STABILITY_OPT_IN', mode)
    monkeypatch.setattr(Stability, '_initialized', False)
    provider, exporter = spans
    instrumentors = [RequestsInstrumentor(), URLLib3Instrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)  # type: ignore[attr-defined]
    try:
        with Server(in_turn(response_bytes({}))) as server:
            call = app_at(server.url).op['get_thing']
            with client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
                esi.request(call())
            ours = [span.name for span in exporter.get_finished_spans()]
            exporter.clear()
            with client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
                esi.request(call(), tracing={'enabled': False})
            theirs = [span.kind.name for span in exporter.get_finished_spans()]
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()  # type: ignore[attr-defined]
    assert ours == ['GET', 'get_thing']
    assert theirs == ['CLIENT']  # the instrumentation of requests does not see that we leave it to it


@pytest.mark.parametrize('suppress', [suppress_http_instrumentation, suppress_instrumentation])
def test_no_span_where_the_caller_has_suppressed_them(
    spans: tuple[TracerProvider, InMemorySpanExporter], suppress: Callable[[], Any]
) -> None:
    provider, exporter = spans
    with Server(pages_of(3)) as server, client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
        with suppress():
            esi.request(app_at(server.url).op['get_thing']())
            esi.all(app_at(server.url).op['get_thing'](), pagination='pages', threads=3)
        assert exporter.get_finished_spans() == ()
        assert len(server.visits) == 4
    assert otel_context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) is None


def test_an_exporter_that_uses_requests_does_not_recurse() -> None:
    """Not even where it is called for each span, with the instrumentation of requests in place."""
    RequestsInstrumentor().instrument()
    try:
        with telemetry() as running:
            exporter = OTLPSpanExporter(f'{running.receiver.url}/v1/traces')
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            with (
                Server(in_turn(response_bytes({}))) as server,
                client(plugins=[OpenTelemetry(provider)], cache=None) as esi,
            ):
                esi.request(app_at(server.url).op['get_thing']())
            provider.shutdown()
            assert sorted(span.name for span in running.receiver.spans) == ['GET', 'get_thing']
    finally:
        RequestsInstrumentor().uninstrument()


def test_the_context_is_sent_if_asked(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    with Server(in_turn(response_bytes({}))) as server:
        for propagate in (False, True):
            with client(plugins=[OpenTelemetry(provider, propagate=propagate)], cache=None) as esi:
                esi.request(app_at(server.url).op['get_thing']())
        silent, telling = server.visits
    attempt = exporter.get_finished_spans()[-2]
    assert 'traceparent' not in silent.headers
    assert attempt.context is not None
    assert f'{attempt.context.span_id:016x}' in telling.headers['traceparent']


# ----------------------------------------------------------------- nothing harms a call


def test_without_an_sdk_nothing_happens() -> None:
    plugin = OpenTelemetry()
    assert plugin._tracer.is_off
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[plugin], cache=None) as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
    assert response.ok
    assert response.notes == {}
    assert trace_api.get_current_span() is trace_api.INVALID_SPAN


def test_an_sdk_without_a_processor_gets_no_spans_until_it_has_one() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        with provider.get_tracer('an app').start_as_current_span('request of a user') as span:
            assert esi.request(call).ok
            assert trace_api.get_current_span() is span
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            assert esi.request(call).ok
        assert span.end_time is not None  # type: ignore[attr-defined]
    assert [one.name for one in exporter.get_finished_spans()] == ['GET', 'get_thing', 'request of a user']


def test_metrics_without_spans() -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    redirect = response_bytes(status=302, headers={'Location': '/things/1'})
    with (
        Server(in_turn(redirect, response_bytes({}))) as server,
        client(plugins=[OpenTelemetry(TracerProvider(), provider)], cache=None) as esi,
    ):
        assert esi.request(app_at(server.url).op['get_thing']()).ok
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == 'http.client.request.duration'
    assert metric.unit == 's'
    points = list(metric.data.data_points)
    assert [point.count for point in points] == [1, 1]  # type: ignore[attr-defined]
    assert points[0].explicit_bounds[:3] == (0.005, 0.01, 0.025)  # type: ignore[attr-defined]
    assert sorted(point.attributes['http.response.status_code'] for point in points) == [200, 302]  # type: ignore[attr-defined]
    provider.shutdown()


def test_a_trace_that_is_not_sampled_costs_no_span_and_no_double() -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).ok
    assert exporter.get_finished_spans() == ()


class Raising(SpanProcessor):
    def __init__(self, where: str) -> None:
        self.where = where

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.where == 'on_start':
            raise RuntimeError('the processor of the app, with http://user:pass@x/')

    def on_end(self, span: Any) -> None:
        if self.where == 'on_end':
            raise RuntimeError('the processor of the app, with http://user:pass@x/')


@pytest.mark.parametrize('where', ['on_start', 'on_end'])
def test_a_callback_that_raises_is_logged_once(where: str, caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider()
    provider.add_span_processor(Raising(where))
    with (
        Server(in_turn(response_bytes({'error': ''}, 500), response_bytes({}))) as server,
        client(plugins=[OpenTelemetry(provider)], retry_requests=True, cache=DictCache()) as esi,
    ):
        for number in range(3):
            response = esi.request(app_at(server.url).op['get_thing'](page=number))
            assert response.ok
            assert response.notes == {}
    assert trace_api.get_current_span() is trace_api.INVALID_SPAN
    assert otel_context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) is None
    records = [record for record in caplog.records if record.name == 'esipy.telemetry']
    assert len({record.getMessage() for record in records}) == len(records) <= 3
    assert records
    assert 'pass' not in caplog.text


def test_a_plugin_that_clears_the_notes_harms_no_call(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    class Clears(Plugin):
        def on_raw_response(self, call: CallContext) -> None:
            call.notes.clear()

    (provider, exporter), registry = spans, CollectorRegistry()
    with (
        Server(in_turn(response_bytes({}))) as server,
        client(plugins=[OpenTelemetry(provider), Prometheus(registry), Clears()], cache=None) as esi,
    ):
        assert esi.request(app_at(server.url).op['get_thing']()).ok
    assert sorted(span.name for span in exporter.get_finished_spans()) == ['GET', 'get_thing']
    assert registry.get_sample_value('esipy_requests_in_flight') == 0
    assert trace_api.get_current_span() is trace_api.INVALID_SPAN


def test_an_exporter_that_is_down_harms_no_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, 'opentelemetry')
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f'{unused_url()}/v1/traces', timeout=1)))
    with Server(in_turn(response_bytes({}))) as server, client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
        for number in range(20):
            assert esi.request(app_at(server.url).op['get_thing'](page=number)).ok
    provider.shutdown()


def test_an_exporter_that_is_slow_delays_no_call() -> None:
    release = threading.Event()

    def slow(visit: Visit) -> None:
        release.wait(20)
        visit.send(response_bytes(b''))

    with Server(slow) as collector, Server(in_turn(response_bytes({}))) as server:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f'{collector.url}/v1/traces', timeout=30)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1))
        with client(plugins=[OpenTelemetry(provider)], cache=None) as esi:
            for number in range(20):
                assert esi.request(app_at(server.url).op['get_thing'](page=number)).ok
            assert not release.is_set()
        release.set()
        provider.shutdown()


def test_a_mocked_response_is_not_counted(otel: Telemetry) -> None:
    with (
        client(plugins=[otel.plugin, Mock()], cache=None) as esi,
        mock_manager.use_mock(JsonDataMock(data={})),
    ):
        assert esi.request(app_at('http://127.0.0.1:9').op['get_thing']()).ok
    receiver = otel.flush()
    assert tree(receiver, roots(receiver)[0]) == ('get_thing', ['GET'])
    assert receiver.metrics == {}


class Open(SpanProcessor):
    """Counts the spans that have begun and not ended."""

    def __init__(self) -> None:
        self.count = self.begun = 0
        self._lock = threading.Lock()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        with self._lock:
            self.count += 1
            self.begun += 1

    def on_end(self, span: Any) -> None:
        with self._lock:
            self.count -= 1


def test_all_spans_are_closed_after_the_leak_test_of_the_plugins() -> None:
    """Twenty threads, with plugins that raise at random in every hook, before and behind the ones that measure."""
    open_spans, provider, registry = Open(), TracerProvider(), CollectorRegistry()
    provider.add_span_processor(open_spans)
    bounded = Pool(3, timeout=0.002, hard_limit=6)
    plugins = [
        Dice(1),
        OpenTelemetry(provider),
        Dice(2),
        Pool(12),
        Prometheus(registry),
        Dice(3),
        bounded,
        Dice(4),
        OpenTelemetry(provider),
        Quick(),
    ]
    left: list[Any] = []
    with client(plugins=plugins, cache=DictCache()) as esi:
        call = app_at('http://127.0.0.1:9').op['get_thing']

        def work(number: int) -> None:
            for index in range(150):
                with suppress(Oops, RequestLimitError):
                    esi.request(call(page=index % 7, q=str(number % 5)))
            left.append((trace_api.get_current_span(), otel_context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY)))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert open_spans.begun > 3000
    assert open_spans.count == 0
    assert left == [(trace_api.INVALID_SPAN, None)] * 20
    assert registry.get_sample_value('esipy_requests_in_flight') == 0


def test_all_spans_are_closed_whatever_happens(otel: Telemetry) -> None:
    """Threads that fail in all ways at once: each span ends, and no context stays behind."""

    def page(visit: Visit) -> None:
        kind = visit.number % 5
        if kind == 0:
            visit.close()
        elif kind == 1:
            visit.send(response_bytes({'error': 'x'}, 500))
        elif kind == 2:
            visit.send(response_bytes(status=302, headers={'Location': '/things/1'}))
        else:
            visit.send(response_bytes({}))

    open_spans = Open()
    otel.tracer_provider.add_span_processor(open_spans)
    with (
        Server(page) as server,
        client(plugins=[otel.plugin, Pool(3)], retry_requests=True, retries=2, cache=DictCache()) as esi,
    ):
        call = app_at(server.url).op['get_thing']
        esi.multi_request([call(page=number % 7) for number in range(60)], threads=20)
        with pytest.raises(ConnectionFailedError):
            esi.request(app_at(unused_url()).op['get_thing'](), raise_on_error=True)
    receiver = otel.flush()
    assert open_spans.count == 0
    assert len([span for span in receiver.spans if span.name == 'get_thing']) == 61
    check_times(receiver)
    assert trace_api.get_current_span() is trace_api.INVALID_SPAN
