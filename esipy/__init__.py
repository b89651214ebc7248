"""A client for ESI, EVE Online's API, and for any other API with a Swagger or OpenAPI description.

In short::

    from esipy import EsiApp, EsiClient

    app = EsiApp()
    client = EsiClient(headers={'User-Agent': 'my app/1.0 (me@example.com)'}, raise_on_error=True)
    orders = client.request(app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all'))

Each name is imported when it is first used: `import esipy` costs next to nothing.
"""

import importlib
import logging
import os

from esipy._runtime.lazy import lazy_exports
from esipy._version import __version__

TYPE_CHECKING = False  # not from typing, whose import would take longer than everything else here
if TYPE_CHECKING:
    from esipy._call.client_options import ClientOptions
    from esipy._login.login import login
    from esipy._message.request import Request
    from esipy._message.response import Response
    from esipy._message.rows import Row
    from esipy._paging.bulk_names import Ids, Names
    from esipy._paging.results import Changes, WholeList
    from esipy._service.client import ServiceClient
    from esipy._spec.model import Operation
    from esipy._spec.table import OpTable
    from esipy.app import App, EsiApp
    from esipy.client import EsiClient
    from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS
    from esipy.exceptions import APIException, EsiError
    from esipy.security import EsiSecurity

__all__ = [
    'AFTER_TOKEN_REFRESH',
    'API_CALL_STATS',
    'APIException',
    'App',
    'Changes',
    'ClientOptions',
    'EsiApp',
    'EsiClient',
    'EsiError',
    'EsiSecurity',
    'Ids',
    'Names',
    'OpTable',
    'Operation',
    'Request',
    'Response',
    'Row',
    'ServiceClient',
    'WholeList',
    '__version__',
    'login',
]

# Nothing is printed for a program that configures no logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'AFTER_TOKEN_REFRESH': 'esipy.events',
        'API_CALL_STATS': 'esipy.events',
        'APIException': 'esipy.exceptions',
        'App': 'esipy.app',
        'Changes': 'esipy._paging.results',
        'ClientOptions': 'esipy._call.client_options',
        'EsiApp': 'esipy.app',
        'EsiClient': 'esipy.client',
        'EsiError': 'esipy.exceptions',
        'EsiSecurity': 'esipy.security',
        'Ids': 'esipy._paging.bulk_names',
        'Names': 'esipy._paging.bulk_names',
        'OpTable': 'esipy._spec.table',
        'Operation': 'esipy._spec.model',
        'Request': 'esipy._message.request',
        'Response': 'esipy._message.response',
        'Row': 'esipy._message.rows',
        'ServiceClient': 'esipy._service.client',
        'WholeList': 'esipy._paging.results',
        'login': 'esipy._login.login',
    },
)

if os.environ.get('ESIPY_SANDBOX'):
    # This program is to run against a local ESI. By its name, because nothing here depends on the sandbox.
    importlib.import_module('esipy._sandbox.running').from_environment(os.environ['ESIPY_SANDBOX'])
