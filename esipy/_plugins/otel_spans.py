"""Spans and metrics, through the API of OpenTelemetry. No other file imports it, or uses its private names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.metrics import Histogram
from opentelemetry.trace import ProxyTracerProvider, SpanKind, Status, StatusCode

from esipy import clock


class OpenSpan:
    """A span that is the current one, until it is left. `suppresses`: meanwhile other HTTP instrumentation creates
    no spans, so that no request is counted twice."""

    __slots__ = ('_span', '_token')

    def __init__(self, span: trace.Span, suppresses: bool = False) -> None:
        self._span = span
        current = trace.set_span_in_context(span)
        if suppresses:
            current = context.set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, True, current)
        self._token: Any = context.attach(current)

    def leave(self) -> None:
        """Make the span before this one the current one again."""
        token, self._token = self._token, None
        if token is not None:
            context.detach(token)

    def end(self, attributes: Mapping[str, Any], error: str | None = None, at: float | None = None) -> None:
        """End the span. `error`: the kind of error, if it failed; `at`: when, by `clock.monotonic`."""
        self.leave()
        try:
            self._span.set_attributes(attributes)
            if error is not None:
                self._span.set_attribute('error.type', error)
                self._span.set_status(Status(StatusCode.ERROR))
        finally:
            self._span.end(None if at is None else clock.epoch_ns(at))


class Tracer:
    """Creates spans and histograms. The providers are the global ones where None is given."""

    def __init__(self, tracer_provider: Any, meter_provider: Any, version: str) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._tracer = trace.get_tracer('esipy', version, tracer_provider)
        self._meter = metrics.get_meter('esipy', version, meter_provider)

    def histogram(self, name: str, description: str, buckets: Sequence[float]) -> Histogram:
        return self._meter.create_histogram(name, 's', description, explicit_bucket_boundaries_advisory=buckets)

    @property
    def is_off(self) -> bool:
        """Whether nothing is received: the program has not configured an SDK, or the caller has suppressed
        instrumentation, as exporters do."""
        current = context.get_current()
        if current.get(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) or current.get(_SUPPRESS_INSTRUMENTATION_KEY):
            return True
        return not (self._has_spans or self._has_metrics)

    @property
    def _has_spans(self) -> bool:
        """Whether spans are processed: an SDK without a processor would create them for nothing."""
        provider = self._tracer_provider or trace.get_tracer_provider()
        if type(provider) is ProxyTracerProvider:
            return False
        processor = getattr(provider, '_active_span_processor', None)
        return getattr(processor, '_span_processors', None) != ()

    @property
    def _has_metrics(self) -> bool:
        provider = self._meter_provider or metrics.get_meter_provider()
        return type(provider).__name__ != '_ProxyMeterProvider'

    def open(self, name: str, attributes: Mapping[str, Any]) -> OpenSpan:
        """Begin an INTERNAL span."""
        return OpenSpan(self._start(name, SpanKind.INTERNAL, attributes))

    def open_client(self, name: str, attributes: Mapping[str, Any]) -> OpenSpan:
        """Begin a CLIENT span."""
        return OpenSpan(self._start(name, SpanKind.CLIENT, attributes), suppresses=True)

    def _start(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> trace.Span:
        if self._has_spans:
            return self._tracer.start_span(name, kind=kind, attributes=attributes)
        return trace.NonRecordingSpan(trace.get_current_span().get_span_context())

    def record_client(
        self, name: str, attributes: Mapping[str, Any], error: str | None, begun: float, ended: float
    ) -> None:
        """Record a CLIENT span that is over, with its times by `clock.monotonic`."""
        if not self._has_spans:
            return
        span = self._tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes=attributes, start_time=clock.epoch_ns(begun)
        )
        OpenSpan(span).end({}, error, ended)


def inject(headers: dict[str, str]) -> None:
    """Add the headers that carry the current context to another program."""
    propagate.inject(headers)
