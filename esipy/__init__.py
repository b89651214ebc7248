"""A client for ESI, EVE Online's API, and for whatever else has a Swagger or OpenAPI description.

In short::

    from esipy import EsiApp, EsiClient

    app = EsiApp()
    client = EsiClient(headers={'User-Agent': 'my app/1.0 (me@example.com)'})
    orders = client.request(app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all'))
"""

from esipy.app import App, EsiApp
from esipy.client import EsiClient
from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS
from esipy.login import login
from esipy.security import EsiSecurity
from esipy.service.client import ServiceClient
from esipy.version import __version__

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
