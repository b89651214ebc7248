"""PerformanceMonitor: averages and percentiles of the durations of requests, in the program itself."""

from __future__ import annotations

import math
import threading
from typing import Any

from esipy._plugins.base import CallContext
from esipy._plugins.telemetry import BoundedValues, Telemetry, harmless
from esipy._runtime import fork

#: Durations are counted in classes, each so much longer than the one before: a percentile is off by half of that.
_GROWTH = 1.05

#: Shorter durations are counted as this one, in seconds.
_SHORTEST = 1e-5

_PERCENTILES = (50, 90, 95, 99)


class PerformanceMonitor(Telemetry):
    """`PerformanceMonitor()` measures the requests of all clients that have it; `get_metrics()` returns the result.

    Its memory is bounded: durations are counted in classes 5 % wide, for at most `max_operations` operations; further
    ones are counted together as 'other'. Safe between threads.
    """

    public_methods = ('get_metrics', 'reset')

    def __init__(self, max_operations: int = 1000) -> None:
        super().__init__()
        if max_operations < 1:
            raise ValueError(f'PerformanceMonitor: max_operations must be at least 1, not {max_operations}')
        self._max_operations = max_operations
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._names = BoundedValues(self._max_operations)
        self._all = _Durations()
        self._by_operation: dict[str, _Durations] = {}

    def reset(self) -> None:
        """Forget all requests."""
        self._reset_after_fork()

    @harmless
    def on_raw_response(self, call: CallContext) -> None:
        raw, seconds = call.raw_response, call.attempt_elapsed
        if raw is None or seconds is None:
            return  # a plugin responded in place of the server
        failed = raw.failure is not None or raw.status >= 400
        with self._lock:
            durations = self._by_operation.setdefault(self._names(call.name), _Durations())
            durations.add(seconds, failed)
            self._all.add(seconds, failed)

    def get_metrics(self) -> dict[str, Any]:
        """Return what was measured, times in seconds: `total_requests`, `failed_requests`, `average_request_time`,
        `min_request_time`, `max_request_time`, `percentiles` (50, 90, 95 and 99), and `by_operation`, the same
        for each operation."""
        with self._lock:
            by_operation = {name: durations.metrics() for name, durations in self._by_operation.items()}
            return {**self._all.metrics(), 'by_operation': by_operation}


class _Durations:
    """How often each class of durations occurred."""

    __slots__ = ('classes', 'count', 'failed', 'longest', 'shortest', 'total')

    def __init__(self) -> None:
        self.count = self.failed = 0
        self.total = 0.0
        self.shortest, self.longest = math.inf, 0.0
        self.classes: dict[int, int] = {}

    def add(self, seconds: float, failed: bool) -> None:
        self.count += 1
        self.failed += failed
        self.total += seconds
        self.shortest, self.longest = min(self.shortest, seconds), max(self.longest, seconds)
        number = round(math.log(max(seconds, _SHORTEST) / _SHORTEST, _GROWTH))
        self.classes[number] = self.classes.get(number, 0) + 1

    def metrics(self) -> dict[str, Any]:
        return {
            'total_requests': self.count,
            'failed_requests': self.failed,
            'average_request_time': self.total / self.count if self.count else 0.0,
            'min_request_time': self.shortest if self.count else 0.0,
            'max_request_time': self.longest,
            'percentiles': self._percentiles(),
        }

    def _percentiles(self) -> dict[int, float]:
        """Return the durations that so many percent of the requests did not exceed."""
        values: dict[int, float] = {}
        seen, numbers = 0, iter(sorted(self.classes))
        number = 0
        for percent in _PERCENTILES:
            while seen < self.count * percent / 100:
                number = next(numbers)
                seen += self.classes[number]
            middle = _SHORTEST * _GROWTH**number
            values[percent] = min(max(middle, self.shortest), self.longest) if self.count else 0.0
        return values
