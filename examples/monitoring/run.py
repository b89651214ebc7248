"""Watch a program that uses esipy: with a Prometheus server, a receiver of traces, and log lines in JSON.

    pip install 'EsiPy[otel,prometheus,sandbox]>=2' python-json-logger \\
        opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
    python examples/monitoring/run.py

It starts a sandbox, a Prometheus server (`apt-get install prometheus`; without it the metrics are shown as the program
publishes them) and an OTLP/HTTP receiver, makes many calls for a while, and prints what they have received; above all,
why one call took so long. `dashboard.json` is for Grafana. With `--draw DIRECTORY` the trace and the panels of the
dashboard are drawn there (`pip install matplotlib`).
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from load import Load, limited_description, slow_call
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_server import PrometheusServer
from pythonjsonlogger.json import JsonFormatter
from receiver import Receiver, Span

from esipy import App, EsiClient
from esipy.plugins import OpenTelemetry, PerformanceMonitor, Prometheus
from esipy.sandbox import Sandbox

DASHBOARD = Path(__file__).with_name('dashboard.json')


def main() -> None:
    parser = argparse.ArgumentParser(description='Watch a program that uses esipy.')
    parser.add_argument('--seconds', type=float, default=10, help='how long the program runs (10)')
    parser.add_argument('--slow', type=float, default=5, help='seconds that the slow call takes (5)')
    parser.add_argument('--draw', type=Path, help='the directory for the drawings')
    arguments = parser.parse_args()
    with Watched() as watched:
        began = time.time()
        monitor = watched.run(arguments.seconds, arguments.slow)
        panels = watched.panels(began)
    receiver = watched.receiver
    slow = max((span for span in receiver.named(SLOW_ID) if span.kind == 'INTERNAL'), key=lambda span: span.seconds)
    report(receiver, slow, monitor.get_metrics())
    for title, lines in panels.items():
        print(f'panel {title!r}: {len(lines)} lines')
    print(f'log, last line: {watched.log.getvalue().splitlines()[-1]}')
    if arguments.draw:
        import drawing

        drawing.trace(receiver, slow, arguments.draw / 'monitoring_trace.svg')
        if panels:
            drawing.panels(panels, began, arguments.draw / 'monitoring_panels.svg')


#: The name of the slow call's span.
SLOW_ID = 'GetCharactersCharacterIdWalletTransactions'


class Watched:
    """The servers that watch, and the program that is watched."""

    def __init__(self) -> None:
        self._exit = ExitStack()
        self.registry = CollectorRegistry()
        self.log = io.StringIO()

    def __enter__(self) -> Watched:
        self.receiver = self._exit.enter_context(Receiver())
        port = self._exit.enter_context(published(self.registry))
        binary = shutil.which('prometheus')
        self.prometheus: PrometheusServer | None = None
        if binary is None:
            print('There is no Prometheus server on this machine: apt-get install prometheus')
        else:
            directory = self._exit.enter_context(tempfile.TemporaryDirectory())
            self.prometheus = self._exit.enter_context(PrometheusServer(binary, directory, port))
        self._exit.enter_context(json_lines(self.log))
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    def run(self, seconds: float, slow: float) -> PerformanceMonitor:
        """Run the program, and send all spans."""
        monitor = PerformanceMonitor()
        description = limited_description(max(3, round(slow * 0.7)))
        with Sandbox(description, process=True) as sandbox, providers(self.receiver.url) as (traces, metrics):
            plugins = [OpenTelemetry(traces, metrics), Prometheus(self.registry), monitor]
            app = App.create(sandbox.document)
            options: dict[str, Any] = {'app': app, 'user_agent': 'monitoring example', 'retry_requests': True}
            with EsiClient(**options, plugins=plugins) as client:
                Load(client, sandbox, app).run(seconds)
                self.ended = time.time()
                slow_call(client, sandbox, app, slow)
        return monitor

    def panels(self, began: float) -> dict[str, Any]:
        """What the panels of the dashboard show of the load, by their titles."""
        if self.prometheus is None:
            print(generate_latest(self.registry).decode()[:2000])
            return {}
        dashboard = json.loads(DASHBOARD.read_text('utf-8'))
        return {
            panel['title']: [
                (target.get('legendFormat', ''), labels, values)
                for target in panel['targets']
                for labels, values in self.prometheus.query(target['expr'], began, self.ended)
            ]
            for panel in dashboard['panels']
        }


@contextmanager
def published(registry: CollectorRegistry) -> Iterator[int]:
    """Publish the metrics of the program, on a free port."""
    server, thread = start_http_server(0, '127.0.0.1', registry)
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def providers(url: str) -> Iterator[tuple[TracerProvider, MeterProvider]]:
    """What sends traces and metrics to a receiver at an address."""
    traces = TracerProvider()
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f'{url}/v1/traces'), max_queue_size=100_000))
    metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(f'{url}/v1/metrics'), 5000)])
    yield traces, metrics
    traces.shutdown()
    metrics.shutdown()


@contextmanager
def json_lines(stream: io.StringIO) -> Iterator[None]:
    """Write the log of esipy as JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter('%(asctime)s %(name)s %(levelname)s %(message)s'))
    logger = logging.getLogger('esipy')
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield
    logger.removeHandler(handler)
    logger.propagate = True


def report(receiver: Receiver, slow: Span, metrics: dict[str, Any]) -> None:
    """Print what was received."""
    print(f'{len(receiver.spans)} spans, metrics: {receiver.metrics}')
    print(f'{metrics["total_requests"]} requests, {metrics["average_request_time"]:.3f} s on average')
    print(f'\nWhy did {slow.name} take {slow.seconds:.1f} s?')
    for depth, span in below(receiver, slow):
        after = (span.begin - slow.begin) / 1e9
        notes = ', '.join(f'{name}={value}' for name, value in span.attributes.items() if name in SHOWN)
        print(f'{after:6.2f} s  {"  " * depth}{span.name}: {span.seconds:.2f} s  {notes}')
    print()


#: The attributes that are printed.
SHOWN = ('esipy.bucket', 'http.response.status_code', 'http.request.resend_count', 'error.type')


def below(receiver: Receiver, span: Span, depth: int = 0) -> Iterator[tuple[int, Span]]:
    """A span and all below it, with how deep each is."""
    yield depth, span
    for child in receiver.children(span):
        yield from below(receiver, child, depth + 1)


if __name__ == '__main__':
    main()
