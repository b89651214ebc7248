"""A client for ESI, EVE Online's API, and for whatever else has a Swagger or OpenAPI description.

In short::

    from esipy import EsiApp, EsiClient

    app = EsiApp()
    client = EsiClient(headers={'User-Agent': 'my app/1.0 (me@example.com)'})
    orders = client.request(app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all'))
"""

import logging
from typing import TYPE_CHECKING

from esipy._runtime.lazy import lazy_exports
from esipy._version import __version__
from esipy.app import App, EsiApp
from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS

if TYPE_CHECKING:
    from esipy._login.login import login
    from esipy._service.client import ServiceClient
    from esipy.client import EsiClient
    from esipy.security import EsiSecurity

__all__ = [
    'AFTER_TOKEN_REFRESH',
    'API_CALL_STATS',
    'App',
    'EsiApp',
    'EsiClient',
    'EsiSecurity',
    'ServiceClient',
    '__version__',
    'login',
]

# Nothing is printed for a program that configures no logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())

# What not every program needs: a description can be read without sending anything.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'EsiClient': 'esipy.client',
        'EsiSecurity': 'esipy.security',
        'ServiceClient': 'esipy._service.client',
        'login': 'esipy._login.login',
    },
)
