"""Prometheus: metrics of requests, caches, waits and token refreshes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from esipy import clock
from esipy._http import RawResponse
from esipy._plugins.base import CallContext, HookContext
from esipy._plugins.telemetry import LOGGER, BoundedValues, Telemetry, cache_result, harmless, has_status, header
from esipy._runtime.lazy import missing_extra
from esipy._runtime.resilience import LogOnce
from esipy._runtime.steps import RATE_LIMIT_WAIT, TOKEN_REFRESH, Step
from esipy._runtime.suggest import closest
from esipy.exceptions import TokenError

_PREFIX = re.compile('[a-zA-Z_:][a-zA-Z0-9_:]*')

_PRESETS = ('esipy', 'allianceauth')

#: One warning for each name, however many clients are created.
_conflicts = LogOnce(LOGGER)


class Prometheus(Telemetry):
    """`Prometheus()`: metrics for a Prometheus server, which your program publishes, for example with
    `prometheus_client.start_http_server(8000)`. Needs the extra `prometheus`.

    `registry`: where the metrics are registered, by default prometheus-client's own; metrics that it has already, of
    another client or from before a reload, are used. `prefix`: of their names. `preset='allianceauth'`: the names that
    the Grafana boards of Alliance Auth sites use, instead of esipy's.

    Labels never hold an address or a character, and have a bounded number of values.
    """

    def __init__(self, registry: Any = None, *, prefix: str = 'esipy', preset: str = 'esipy') -> None:
        super().__init__()
        try:
            from esipy._plugins import prometheus_collectors, prometheus_names
        except ImportError as error:
            raise missing_extra('Prometheus', 'prometheus-client', 'prometheus', error) from None
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):  # type: ignore[redundant-expr]
            raise ValueError(f'Prometheus: prefix must be a valid beginning of metric names, not {prefix!r}')
        if preset not in _PRESETS:
            nearest = closest(str(preset), _PRESETS)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'there are {", ".join(_PRESETS)}'
            raise ValueError(f'Prometheus: unknown preset {preset!r}; {hint}')
        registry = prometheus_collectors.default_registry() if registry is None else registry
        prometheus_collectors.check_registry(registry)
        self._is_own = preset == 'esipy'
        #: The collectors by what they count, without those that conflict with the registry.
        self._collectors: dict[str, Any] = {}
        metrics = prometheus_names.own(prefix) if self._is_own else prometheus_names.alliance_auth()
        for name, metric in metrics.items():
            try:
                self._collectors[name] = prometheus_collectors.collector(metric, registry)
            except prometheus_collectors.CollectorConflictError as error:
                _conflicts.warning((id(registry), metric.name), 'Prometheus: %s', error)
        self._in_flight: Any = self._collectors.get('in_flight')
        #: The collectors with labels: looking one up there takes longer than counting.
        self._children: dict[tuple[str, ...], Any] = {}
        self._operations = BoundedValues()
        self._groups = BoundedValues(200)
        self._dates = BoundedValues(100)
        self._statuses = BoundedValues(100)
        self._note = f'_prometheus_{id(self):x}'

    def _child(self, name: str, *values: str) -> Any:
        """Return the collector of a metric with these label values; None if the metric is not recorded."""
        key = name, *values
        child = self._children.get(key)
        if child is None:
            found = self._collectors.get(name)
            child = self._children[key] = found.labels(*values) if found is not None and values else found
        return child

    # ------------------------------------------------------------------ attempts

    def around_attempt(self, call: CallContext) -> HookContext | None:
        return None if self._in_flight is None else _InFlight(self, call)

    @harmless
    def on_send(self, call: CallContext) -> None:
        attempt = call.notes.get(self._note)
        if attempt is not None:
            self._in_flight.inc()
            attempt.is_counted = True
        if call.attempts > 1:
            self._count('retries', self._operations(call.name))

    @harmless
    def _leave(self, attempt: _InFlight) -> None:
        """Count an attempt as not in flight any more."""
        if attempt.is_counted:
            attempt.is_counted = False
            self._in_flight.dec()

    @harmless
    def on_raw_response(self, call: CallContext) -> None:
        attempt = call.notes.get(self._note)
        if attempt is not None:
            self._leave(attempt)
        raw, seconds = call.raw_response, call.attempt_elapsed
        if raw is None or seconds is None:
            return  # a plugin responded in place of the server
        operation = self._operations(call.name)
        if self._is_own:
            status = f'{raw.status // 100}xx' if has_status(raw) else 'failed'
            self._count('requests', operation, call.method, status)
            self._observe('duration', seconds, operation, call.method, status)
        else:
            self._count_for_alliance_auth(raw, operation, seconds)
        self._set_budget(raw)

    def _count_for_alliance_auth(self, raw: RawResponse, operation: str, seconds: float) -> None:
        status = self._statuses(str(raw.status)) if has_status(raw) else '0'
        date = self._dates(header(raw, 'x-compatibility-date') or 'unknown')
        cache_status = header(raw, 'x-esi-cache-status') or 'unknown'
        self._count('requests', operation, status, date, self._dates(cache_status))
        self._observe('duration', seconds, operation, status)

    def _set_budget(self, raw: RawResponse) -> None:
        """Show what is left of a bucket, and of the error limit."""
        group, left = header(raw, 'x-ratelimit-group'), _number(header(raw, 'x-ratelimit-remaining'))
        errors_left = _number(header(raw, 'x-esi-error-limit-remain'))
        if group is not None and left is not None:
            self._set('left', left, self._groups(group))
        if errors_left is not None and self._is_own:
            self._set('left', errors_left, 'errors')
        elif errors_left is not None:
            self._set('errors_left', errors_left)

    # ------------------------------------------------------------------ calls and steps

    @harmless
    def on_response(self, call: CallContext) -> None:
        result = cache_result(call)
        if result is not None:
            self._count('cache', self._operations(call.name), result)

    def around_step(self, call: CallContext, step: Step) -> HookContext | None:
        return self._step(step) if step.name in (RATE_LIMIT_WAIT, TOKEN_REFRESH) else None

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        begun = clock.monotonic()
        problem: BaseException | None = None
        try:
            yield
        except BaseException as error:
            problem = error
            raise
        finally:
            self._end_step(step, clock.monotonic() - begun, problem)

    @harmless
    def _end_step(self, step: Step, seconds: float, problem: BaseException | None) -> None:
        if step.name == RATE_LIMIT_WAIT:
            self._observe('wait', seconds, self._groups(step.details.get('bucket', '')))
        elif step.details.get('requested'):
            self._count('refreshes', 'success' if problem is None else 'failure')
            status = getattr(problem, 'status_code', 0) if isinstance(problem, TokenError) else 0
            self._observe('refresh_duration', seconds, '200' if problem is None else self._statuses(str(status)))

    # ------------------------------------------------------------------ collectors

    def _count(self, name: str, *values: str) -> None:
        counter = self._child(name, *values)
        if counter is not None:
            counter.inc()

    def _observe(self, name: str, seconds: float, *values: str) -> None:
        histogram = self._child(name, *values)
        if histogram is not None:
            histogram.observe(seconds)

    def _set(self, name: str, value: float, *values: str) -> None:
        gauge = self._child(name, *values)
        if gauge is not None:
            gauge.set(value)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) <= 12 else None


class _InFlight:
    """An attempt, from `around_attempt` on; `is_counted` while it is in flight."""

    __slots__ = ('_call', '_plugin', 'is_counted')

    def __init__(self, plugin: Prometheus, call: CallContext) -> None:
        self._plugin = plugin
        self._call = call
        self.is_counted = False

    def __enter__(self) -> None:
        self._call.notes[self._plugin._note] = self

    def __exit__(self, *error: object) -> None:
        self._call.notes.pop(self._plugin._note, None)
        self._plugin._leave(self)
