"""For tests of telemetry: a real OTLP/HTTP receiver, and what to compare its spans with."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from esipy.plugins import OpenTelemetry

MONITORING = Path(__file__).parents[1] / 'examples' / 'monitoring'


def program(name: str) -> Any:
    """A module of examples/monitoring."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, MONITORING / f'{name}.py')
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


class Telemetry:
    """An SDK that exports to a receiver over a socket, and the plugin that records into it."""

    def __init__(self, receiver: Any) -> None:
        self.receiver = receiver
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f'{receiver.url}/v1/traces')))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f'{receiver.url}/v1/metrics'), 3_600_000)
        self.meter_provider = MeterProvider([reader])
        self.plugin = OpenTelemetry(self.tracer_provider, self.meter_provider)

    def flush(self) -> Any:
        """The receiver, when it has everything."""
        assert self.tracer_provider.force_flush()
        assert self.meter_provider.force_flush()
        return self.receiver


@contextmanager
def telemetry() -> Iterator[Telemetry]:
    with program('receiver').Receiver() as receiver:
        running = Telemetry(receiver)
        try:
            yield running
        finally:
            running.tracer_provider.shutdown()
            running.meter_provider.shutdown()


def tree(receiver: Any, root: Any) -> Any:
    """The names of a span and of all below it: 'name', or ('name', [...])."""
    below = [tree(receiver, child) for child in receiver.children(root)]
    return (root.name, below) if below else root.name


def roots(receiver: Any) -> list[Any]:
    return sorted((span for span in receiver.spans if not span.parent_id), key=lambda span: span.begin)


def check_times(receiver: Any) -> None:
    """Each span lies within the time of its parent."""
    by_id = {span.span_id: span for span in receiver.spans}
    for span in receiver.spans:
        assert span.begin <= span.end, span
        if span.parent_id:
            parent = by_id[span.parent_id]
            assert parent.begin <= span.begin, (parent, span)
            assert span.end <= parent.end, (parent, span)
            assert span.trace_id == parent.trace_id
