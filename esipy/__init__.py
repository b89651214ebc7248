"""esipy: a client for EVE Online's ESI, and for whatever else has a Swagger or OpenAPI description::

from esipy import EsiApp, EsiClient

app = EsiApp()
client = EsiClient(headers={'User-Agent': 'my app/1.0 (me@example.com)'})
orders = client.request(app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all'))
"""

from esipy.app import App, EsiApp
from esipy.client import EsiClient
from esipy.security import EsiSecurity
from esipy.version import __version__

__all__ = ['App', 'EsiApp', 'EsiClient', 'EsiSecurity', '__version__']
