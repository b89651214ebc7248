"""Plugins: what takes part in every call of a client. `EsiClient(plugins=[…])`.

They are called in the order of the list on the way in, and in reverse on the way out. A plugin of one's own is a small
class: see `Plugin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esipy import late
from esipy.exceptions import RequestLimitError, TooManyRequestsPendingError, TooMuchTimePendingError
from esipy.plugins.base import Call, Plugin

if TYPE_CHECKING:
    from esipy.plugins.elapsed import Elapsed
    from esipy.plugins.formatter import ServiceClientFormatter
    from esipy.plugins.headers import Headers
    from esipy.plugins.log import BaseLogger, InnerLogger, OuterLogger
    from esipy.plugins.mock import (
        BaseMock,
        JsonDataMock,
        JsonFileMock,
        Mock,
        MockManager,
        RawDataMock,
        RawFileMock,
        mock_manager,
    )
    from esipy.plugins.path_tokens import PathToken, PathTokens
    from esipy.plugins.pool import Pool
    from esipy.plugins.query_params import QueryParams
    from esipy.plugins.rate_limit import RateLimit
    from esipy.plugins.timeout import Timeout
    from esipy.plugins.tracking_token import TrackingToken

__all__ = [
    'BaseLogger',
    'BaseMock',
    'Call',
    'Elapsed',
    'Headers',
    'InnerLogger',
    'JsonDataMock',
    'JsonFileMock',
    'Mock',
    'MockManager',
    'OuterLogger',
    'PathToken',
    'PathTokens',
    'Plugin',
    'Pool',
    'QueryParams',
    'RateLimit',
    'RawDataMock',
    'RawFileMock',
    'RequestLimitError',
    'ServiceClientFormatter',
    'Timeout',
    'TooManyRequestsPendingError',
    'TooMuchTimePendingError',
    'TrackingToken',
    'mock_manager',
]

# Each is imported when it is asked for.
__getattr__, __dir__ = late.names(
    __name__,
    {
        'BaseLogger': 'log',
        'BaseMock': 'mock',
        'Elapsed': 'elapsed',
        'Headers': 'headers',
        'InnerLogger': 'log',
        'JsonDataMock': 'mock',
        'JsonFileMock': 'mock',
        'Mock': 'mock',
        'MockManager': 'mock',
        'OuterLogger': 'log',
        'PathToken': 'path_tokens',
        'PathTokens': 'path_tokens',
        'Pool': 'pool',
        'QueryParams': 'query_params',
        'RateLimit': 'rate_limit',
        'RawDataMock': 'mock',
        'RawFileMock': 'mock',
        'ServiceClientFormatter': 'formatter',
        'Timeout': 'timeout',
        'TrackingToken': 'tracking_token',
        'mock_manager': 'mock',
    },
)
