"""A client for ESI, EVE Online's API, and for whatever else has a Swagger or OpenAPI description.

In short::

    from esipy import EsiApp, EsiClient

    app = EsiApp()
    client = EsiClient(headers={'User-Agent': 'my app/1.0 (me@example.com)'})
    orders = client.request(app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all'))
"""

import logging
from typing import TYPE_CHECKING, Any

from esipy.app import App, EsiApp
from esipy.client import EsiClient
from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS
from esipy.security import EsiSecurity
from esipy.version import __version__

if TYPE_CHECKING:
    from esipy.service.client import ServiceClient
    from esipy.signing_in import login

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

#: What most programs do without is imported when it is asked for.
_LATE = {'ServiceClient': 'esipy.service.client', 'login': 'esipy.signing_in'}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LATE[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
