"""Collectors of prometheus-client: created, or found in the registry. No other file imports it, or uses its private
names."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

_KINDS: dict[str, type[MetricWrapperBase]] = {'counter': Counter, 'gauge': Gauge, 'histogram': Histogram}

#: Two clients may be created at the same time.
_lock = threading.Lock()


class Metric(NamedTuple):
    """A metric: its `kind` ('counter', 'gauge', 'histogram'), name, help and labels."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    #: How a gauge is aggregated in multiprocess mode.
    multiprocess_mode: str = ''


class CollectorConflictError(ValueError):
    """The registry has another collector of the same name."""


def default_registry() -> CollectorRegistry:
    return REGISTRY


def check_registry(registry: Any) -> None:
    """Raise TypeError for what is not a registry."""
    if not isinstance(registry, CollectorRegistry):
        raise TypeError(f'Prometheus: registry must be a CollectorRegistry, not {type(registry).__name__}')


def collector(metric: Metric, registry: CollectorRegistry) -> Any:
    """Return the collector of a metric: the registry's, if it has one already, of another client or from before a
    reload. Raises CollectorConflictError if that is of another kind or has other labels."""
    kind = _KINDS[metric.kind]
    options: dict[str, Any] = {}
    if metric.buckets:
        options['buckets'] = metric.buckets
    if metric.multiprocess_mode:
        options['multiprocess_mode'] = metric.multiprocess_mode
    with _lock:
        try:
            return kind(metric.name, metric.help, metric.labels, registry=registry, **options)
        except ValueError:
            found = registry._names_to_collectors.get(metric.name)
            if type(found) is kind and found._labelnames == metric.labels:
                return found
            raise CollectorConflictError(_conflict(metric, found)) from None


def _conflict(metric: Metric, found: Any) -> str:
    if isinstance(found, MetricWrapperBase):
        existing = f'a {found._type} with the labels ({", ".join(found._labelnames)})'
    else:
        existing = 'a collector whose names overlap'
    return (
        f'the registry has {existing} for {metric.name}, which should be a {metric.kind} with the labels '
        f'({", ".join(metric.labels)}); this metric is not recorded: choose another prefix= or registry='
    )
