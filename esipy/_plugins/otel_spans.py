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
        self._uses_global = tracer_provider is None and meter_provider is None
        self._tracer = trace.get_tracer('esipy', version, tracer_provider)
        self._meter = metrics.get_meter('esipy', version, meter_provider)

    def histogram(self, name: str, description: str, buckets: Sequence[float]) -> Histogram:
        return self._meter.create_histogram(name, 's', description, explicit_bucket_boundaries_advisory=buckets)

    @property
    def is_off(self) -> bool:
        """Whether nobody receives anything: the program has not configured an SDK, or the caller has suppressed
        instrumentation, as exporters do."""
        if context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) or context.get_value(_SUPPRESS_INSTRUMENTATION_KEY):
            return True
        return self._uses_global and not (_has_tracer_provider() or _has_meter_provider())

    def open(self, name: str, attributes: Mapping[str, Any]) -> OpenSpan:
        """Begin an INTERNAL span."""
        return OpenSpan(self._tracer.start_span(name, attributes=attributes))

    def open_client(self, name: str, attributes: Mapping[str, Any]) -> OpenSpan:
        """Begin a CLIENT span."""
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        return OpenSpan(span, suppresses=True)

    def record_client(
        self, name: str, attributes: Mapping[str, Any], error: str | None, begun: float, ended: float
    ) -> None:
        """Record a CLIENT span that is over, with its times by `clock.monotonic`."""
        span = self._tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes=attributes, start_time=clock.epoch_ns(begun)
        )
        OpenSpan(span).end({}, error, ended)


def inject(headers: dict[str, str]) -> None:
    """Add the headers that carry the current context to another program."""
    propagate.inject(headers)


def _has_tracer_provider() -> bool:
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


def _has_meter_provider() -> bool:
    return type(metrics.get_meter_provider()).__name__ != '_ProxyMeterProvider'
