"""An OTLP/HTTP receiver: what a collector or a tracing service is for other programs, small enough to be read.

    with Receiver() as receiver:
        exporter = OTLPSpanExporter(f'{receiver.url}/v1/traces')
        ...
    for span in receiver.spans:
        print(span.name, span.seconds)

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status


class Span(NamedTuple):
    """A span as it was received. `begin` and `end` are nanoseconds since the epoch."""

    name: str
    #: 'INTERNAL', 'CLIENT', …
    kind: str
    scope: str
    trace_id: str
    span_id: str
    #: '' for the root of a trace.
    parent_id: str
    begin: int
    end: int
    attributes: dict[str, Any]
    is_error: bool

    @property
    def seconds(self) -> float:
        return (self.end - self.begin) / 1e9


class Receiver:
    """Listens on a free port of 127.0.0.1 while it is entered, and keeps the spans and the names of metrics."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        #: The names of all metrics, with the number of requests that each has counted.
        self.metrics: dict[str, int] = {}
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f'http://127.0.0.1:{self._server.server_port}'

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name: str) -> list[Span]:
        """Return the spans of that name, in the order in which they began."""
        return sorted((span for span in self.spans if span.name == name), key=lambda span: span.begin)

    def children(self, parent: Span) -> list[Span]:
        """Return the spans directly below another one, in the order in which they began."""
        return sorted((span for span in self.spans if span.parent_id == parent.span_id), key=lambda span: span.begin)

    def receive(self, path: str, body: bytes) -> bytes | None:
        """Take the body of a request, and return that of the response; None for an unknown path."""
        if path == '/v1/traces':
            spans = list(_spans(ExportTraceServiceRequest.FromString(body)))
            with self.lock:
                self.spans += spans
            return ExportTraceServiceResponse().SerializeToString()
        if path == '/v1/metrics':
            counts = _counts(ExportMetricsServiceRequest.FromString(body))
            with self.lock:
                self.metrics.update(counts)
            return ExportMetricsServiceResponse().SerializeToString()
        return None

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers['Content-Length']))
                if self.headers.get('Content-Encoding') == 'gzip':
                    body = gzip.decompress(body)
                response = receiver.receive(self.path, body)
                self.send_response(404 if response is None else 200)
                self.send_header('Content-Type', 'application/x-protobuf')
                self.send_header('Content-Length', str(len(response or b'')))
                self.end_headers()
                self.wfile.write(response or b'')

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def _spans(request: ExportTraceServiceRequest) -> Any:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    span.name,
                    SpanMessage.SpanKind.Name(span.kind).removeprefix('SPAN_KIND_'),
                    scope.scope.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    {pair.key: _value(pair.value) for pair in span.attributes},
                    span.status.code == Status.STATUS_CODE_ERROR,
                )


def _value(value: Any) -> Any:
    kind = value.WhichOneof('value')
    if kind == 'array_value':
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)


def _counts(request: ExportMetricsServiceRequest) -> dict[str, int]:
    return {
        metric.name: sum(point.count for point in metric.histogram.data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
