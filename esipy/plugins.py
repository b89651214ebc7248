"""Plugins take part in every call of a client: `EsiClient(plugins=[…])`.

Before the request they are called in the order of the list, after the response in reverse. A plugin of your own is a
small class: see `Plugin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esipy._plugins.base import Batch, CallContext, Plugin
from esipy._runtime.lazy import lazy_exports
from esipy._runtime.steps import Step
from esipy.exceptions import RequestLimitError, TooManyRequestsPendingError, TooMuchTimePendingError

if TYPE_CHECKING:
    from esipy._plugins.elapsed import Elapsed
    from esipy._plugins.formatter import ServiceClientFormatter
    from esipy._plugins.headers import Headers
    from esipy._plugins.log import BaseLogger, InnerLogger, OuterLogger
    from esipy._plugins.mock import (
        BaseMock,
        JsonDataMock,
        JsonFileMock,
        Mock,
        MockManager,
        RawDataMock,
        RawFileMock,
        mock_manager,
    )
    from esipy._plugins.otel import OpenTelemetry
    from esipy._plugins.path_tokens import PathToken, PathTokens
    from esipy._plugins.performance import PerformanceMonitor
    from esipy._plugins.pool import Pool
    from esipy._plugins.prometheus import Prometheus
    from esipy._plugins.query_params import QueryParams
    from esipy._plugins.rate_limit import RateLimit
    from esipy._plugins.timeout import Timeout
    from esipy._plugins.tracking_token import TrackingToken

__all__ = [
    'BaseLogger',
    'BaseMock',
    'Batch',
    'CallContext',
    'Elapsed',
    'Headers',
    'InnerLogger',
    'JsonDataMock',
    'JsonFileMock',
    'Mock',
    'MockManager',
    'OpenTelemetry',
    'OuterLogger',
    'PathToken',
    'PathTokens',
    'PerformanceMonitor',
    'Plugin',
    'Pool',
    'Prometheus',
    'QueryParams',
    'RateLimit',
    'RawDataMock',
    'RawFileMock',
    'RequestLimitError',
    'ServiceClientFormatter',
    'Step',
    'Timeout',
    'TooManyRequestsPendingError',
    'TooMuchTimePendingError',
    'TrackingToken',
    'mock_manager',
]

# Each is imported when it is asked for.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'BaseLogger': 'esipy._plugins.log',
        'BaseMock': 'esipy._plugins.mock',
        'Elapsed': 'esipy._plugins.elapsed',
        'Headers': 'esipy._plugins.headers',
        'InnerLogger': 'esipy._plugins.log',
        'JsonDataMock': 'esipy._plugins.mock',
        'JsonFileMock': 'esipy._plugins.mock',
        'Mock': 'esipy._plugins.mock',
        'MockManager': 'esipy._plugins.mock',
        'OpenTelemetry': 'esipy._plugins.otel',
        'OuterLogger': 'esipy._plugins.log',
        'PathToken': 'esipy._plugins.path_tokens',
        'PathTokens': 'esipy._plugins.path_tokens',
        'PerformanceMonitor': 'esipy._plugins.performance',
        'Pool': 'esipy._plugins.pool',
        'Prometheus': 'esipy._plugins.prometheus',
        'QueryParams': 'esipy._plugins.query_params',
        'RateLimit': 'esipy._plugins.rate_limit',
        'RawDataMock': 'esipy._plugins.mock',
        'RawFileMock': 'esipy._plugins.mock',
        'ServiceClientFormatter': 'esipy._plugins.formatter',
        'Timeout': 'esipy._plugins.timeout',
        'TrackingToken': 'esipy._plugins.tracking_token',
        'mock_manager': 'esipy._plugins.mock',
    },
)
