"""OpenTelemetry: traces of calls, and the metrics of HTTP clients.

A call is an INTERNAL span, each attempt a CLIENT span below it, each step that may take long (`_runtime/steps.py`) an
INTERNAL span, and a method that makes many calls an INTERNAL span above them.
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from esipy import clock
from esipy._http import RawResponse
from esipy._plugins.base import Batch, CallContext, HookContext
from esipy._plugins.telemetry import (
    OTHER,
    BoundedValues,
    Telemetry,
    cache_result,
    error_type,
    harmless,
    has_status,
    header,
)
from esipy._plugins.url_attributes import URLAttributes
from esipy._runtime.lazy import missing_extra
from esipy._runtime.steps import RATE_LIMIT_WAIT, Step
from esipy._runtime.suggest import closest
from esipy._version import __version__
from esipy.exceptions import CallError

if TYPE_CHECKING:
    from esipy._plugins.otel_spans import OpenSpan

#: Query parameters whose values are recorded.
QUERY_PARAMETERS = ('categories', 'datasource', 'flag', 'language', 'order_type', 'page', 'strict', 'tenant')

#: The buckets that the conventions advise for durations of requests, in seconds.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

#: Waits for a rate limit last minutes.
WAIT_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900)


class OpenTelemetry(Telemetry):
    """`OpenTelemetry()`: a span for each call, attempt, and step that may take long, and the standard metric of HTTP
    clients, `http.client.request.duration`. Needs the extra `otel`.

    `tracer_provider`, `meter_provider`: instead of the global ones. `query_parameters`: those whose values are
    recorded; the others read REDACTED. `propagate`: send the context (`traceparent`) with the requests, for servers of
    your own.

    `client.request(call, tracing={'enabled': False})` records nothing of this call;
    `tracing={'attributes': {'job': 'nightly'}}` adds attributes to its span.
    """

    call_options = ('tracing',)

    def __init__(
        self,
        tracer_provider: Any = None,
        meter_provider: Any = None,
        *,
        query_parameters: Iterable[str] = QUERY_PARAMETERS,
        propagate: bool = False,
    ) -> None:
        super().__init__()
        try:
            from esipy._plugins import otel_spans
        except ImportError as error:
            raise missing_extra('OpenTelemetry', 'opentelemetry-api', 'otel', error) from None
        if isinstance(query_parameters, str):
            raise TypeError(f'OpenTelemetry: query_parameters must be a list of names, not {query_parameters!r}')
        self._url_attributes = URLAttributes(frozenset(query_parameters))
        self._tracer = otel_spans.Tracer(tracer_provider, meter_provider, __version__)
        self._inject = otel_spans.inject if propagate else None
        self._duration = self._tracer.histogram(
            'http.client.request.duration', 'Duration of HTTP client requests.', DURATION_BUCKETS
        )
        self._wait = self._tracer.histogram('esipy.rate_limit.wait.duration', 'Waits for a rate limit.', WAIT_BUCKETS)
        self._buckets = BoundedValues()
        self._servers = BoundedValues(100)
        #: The note of a call that has its trace.
        self._note = f'_open_telemetry_{id(self):x}'

    # ------------------------------------------------------------------ batches, calls, steps

    def around_batch(self, batch: Batch) -> HookContext | None:
        attributes = _attributes(batch.method, batch.options)
        if attributes is None or self._is_off():
            return None
        name = f'{batch.method} {batch.operation}' if batch.operation else batch.method
        return _Ending(partial(self._end, self._open(name, {'esipy.method': batch.method, **attributes}), {}))

    def around_call(self, call: CallContext) -> HookContext | None:
        attributes = _attributes(call.name, call.options)
        if attributes is None or self._is_off():
            return None
        trace = call.notes[self._note] = _CallTrace()
        span = self._open(call.name, {'esipy.operation': call.name, 'esipy.service': call.service, **attributes})
        return _Ending(partial(self._end_call, call, trace, span))

    def around_step(self, call: CallContext, step: Step) -> HookContext | None:
        if self._note not in call.notes:
            return None
        return _Ending(partial(self._end_step, step, self._open(step.name, {}), clock.monotonic()))

    @harmless
    def _is_off(self) -> bool:
        return self._tracer.is_off

    @harmless
    def _open(self, name: str, attributes: dict[str, Any]) -> OpenSpan:
        return self._tracer.open(name, attributes)

    @harmless
    def _end(self, span: OpenSpan | None, attributes: dict[str, Any], error: str | None) -> None:
        if span is not None:
            span.end(attributes, error)

    def _end_step(self, step: Step, span: OpenSpan | None, begun: float, error: str | None) -> None:
        self._end(span, {f'esipy.{name}': value for name, value in step.details.items()}, error)
        if step.name == RATE_LIMIT_WAIT:
            self._record_wait(clock.monotonic() - begun, step.details.get('bucket', ''))

    @harmless
    def _record_wait(self, seconds: float, bucket: str) -> None:
        self._wait.record(seconds, {'esipy.bucket': self._buckets(bucket)})

    def _end_call(self, call: CallContext, trace: _CallTrace, span: OpenSpan | None, error: str | None) -> None:
        call.notes.pop(self._note, None)
        self._end_attempt(call, trace, None, error)
        attributes, kind = self._result(call) or ({}, None)
        self._end(span, attributes, error or kind)

    @harmless
    def _result(self, call: CallContext) -> tuple[dict[str, Any], str | None]:
        """Return the attributes of a call that has ended, and the kind of error that its response represents."""
        attributes: dict[str, Any] = {'esipy.attempts': call.attempts}
        page = next((value for name, value in call.request.query if name == 'page'), None)
        if page is not None:
            attributes['esipy.page'] = page
        result = cache_result(call)
        if result is not None:
            attributes['esipy.cache.result'] = result
        if call.error is None:
            return attributes, None
        failed = call.response is None or call.response.failed or call.error.status_code < 400
        return attributes, type(call.error).__name__ if failed else str(call.error.status_code)

    # ------------------------------------------------------------------ attempts

    def around_attempt(self, call: CallContext) -> HookContext | None:
        trace = call.notes.get(self._note)
        return None if trace is None else _Ending(partial(self._end_attempt, call, trace, None))

    @harmless
    def on_send(self, call: CallContext) -> None:
        trace = call.notes.get(self._note)
        if trace is None or call.sending is None:
            return
        trace.attributes = {'http.request.method': call.method, **self._url_attributes(call.sending.url)}
        trace.begun = clock.monotonic()
        trace.span = self._tracer.open_client(call.method, trace.with_resend_count())
        if self._inject is not None:
            self._inject(call.sending.headers)

    def on_raw_response(self, call: CallContext) -> None:
        trace = call.notes.get(self._note)
        if trace is not None:
            self._end_attempt(call, trace, call.raw_response, None)

    @harmless
    def _end_attempt(self, call: CallContext, trace: _CallTrace, raw: RawResponse | None, error: str | None) -> None:
        """End the span of an attempt, if it has not ended; each redirect is a further span."""
        span, trace.span = trace.span, None
        if span is None:
            return
        span.leave()
        if raw is None:
            span.end({}, error)
            return
        trace.is_sent = call.attempt_elapsed is not None
        ends: dict[str, Any]
        for redirect in raw.history:
            ends = {'http.response.status_code': redirect.status}
            self._finish(trace, span, ends, None, redirect.at)
            span = None
            trace.attributes = {'http.request.method': redirect.method, **self._url_attributes(redirect.url)}
        trace.sent += raw.lost
        ends = {} if not raw.lost else {'http.request.resend_count': trace.sent}
        if has_status(raw):
            ends['http.response.status_code'] = raw.status
        request_id = header(raw, 'x-esi-request-id')
        if request_id is not None:
            ends['esipy.request_id'] = request_id
        self._finish(trace, span, ends, error_type(raw), clock.monotonic())

    def _finish(
        self, trace: _CallTrace, span: OpenSpan | None, ends: dict[str, Any], error: str | None, at: float
    ) -> None:
        """End the span of one request, or record it if it was not opened, and count it."""
        method = trace.attributes['http.request.method']
        if span is not None:
            span.end(ends, error, at)
        else:
            self._tracer.record_client(method, {**trace.with_resend_count(), **ends}, error, trace.begun, at)
        if trace.is_sent:
            attributes = {'http.request.method': method, **self._server_of(trace)}
            if 'http.response.status_code' in ends:
                attributes['http.response.status_code'] = ends['http.response.status_code']
            if error is not None:
                attributes['error.type'] = error
            self._duration.record(at - trace.begun, attributes)
        trace.sent += 1
        trace.begun = at

    def _server_of(self, trace: _CallTrace) -> dict[str, Any]:
        """Return the attributes of a metric that name the server: redirects may lead to any number of them."""
        address, port = trace.attributes['server.address'], trace.attributes['server.port']
        if self._servers(f'{address}:{port}') == OTHER:
            return {'server.address': OTHER}
        return {'server.address': address, 'server.port': port}


class _Ending:
    """A context manager that calls `end` with the name of the error with which its block ends, or None."""

    __slots__ = ('_end',)

    def __init__(self, end: Callable[[str | None], object]) -> None:
        self._end = end

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._end(None if kind is None else kind.__name__)


class _CallTrace:
    """The state of one call: its attempt, and how many requests were sent for it."""

    __slots__ = ('attributes', 'begun', 'is_sent', 'sent', 'span')

    def __init__(self) -> None:
        #: The span of the attempt in flight.
        self.span: OpenSpan | None = None
        self.attributes: dict[str, Any] = {}
        self.begun = 0.0
        #: The request went out: no plugin responded in place of the server.
        self.is_sent = False
        #: How many requests were sent before.
        self.sent = 0

    def with_resend_count(self) -> dict[str, Any]:
        """Return the attributes of a request, which count it from the first repeat on."""
        return {**self.attributes, 'http.request.resend_count': self.sent} if self.sent else self.attributes


def _attributes(where: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the attributes of the option `tracing`; None if it turns tracing off. Raises CallError."""
    given = options.get('tracing') if options else None
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        raise CallError(where, [('tracing', f"must be a mapping such as {{'enabled': False}}, not {kind}")])
    for name in given:
        if name not in ('enabled', 'attributes'):
            nearest = closest(str(name), ('enabled', 'attributes'))
            hint = f'did you mean {nearest[0]!r}?' if nearest else "it may have 'enabled' and 'attributes'"
            raise CallError(where, [('tracing', f'unknown key {name!r}; {hint}')])
    enabled, attributes = given.get('enabled', True), given.get('attributes') or {}
    if not isinstance(enabled, bool):
        raise CallError(where, [('tracing', f"'enabled' must be True or False, not {enabled!r}")])
    if not isinstance(attributes, Mapping):
        raise CallError(where, [('tracing', f"'attributes' must be a mapping, not {type(attributes).__name__}")])
    return {str(name): value for name, value in attributes.items()} if enabled else None
