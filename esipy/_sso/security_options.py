"""The options of EsiSecurity: their types, for editors and type checkers, and their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from esipy._sso.application import SSO_ENDPOINTS_URL
from esipy.events import advise, advise_of_unknown

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from esipy._cache.base import BaseCache
    from esipy._message.options import Timeouts
    from esipy._sso.resilient_store import Lock
    from esipy._stores.base import TokenStore
    from esipy.events import Signal


class SecurityOptions(TypedDict, total=False):
    """What `EsiSecurity(**options)` accepts; its docstring documents each option."""

    token_identifier: Any
    security_name: str
    headers: Mapping[str, str] | None
    signal_token_updated: Signal | Any
    sso_endpoints_url: str
    sso_endpoints: Mapping[str, str] | None
    jwks_key: Mapping[str, Any] | None
    cache: BaseCache | None
    store: TokenStore | None
    lock: Lock | None
    check_scopes: bool
    timeout: Timeouts
    transport_adapter: BaseAdapter | None
    # Of versions before 1.0; they have no effect.
    app: Any
    esi_url: Any
    sso_url: Any
    esi_datasource: Any


DEFAULTS: dict[str, Any] = {
    'token_identifier': None,
    'security_name': 'evesso',
    'headers': None,
    'signal_token_updated': None,
    'sso_endpoints_url': SSO_ENDPOINTS_URL,
    'sso_endpoints': None,
    'jwks_key': None,
    'cache': None,
    'store': None,
    'lock': None,
    'check_scopes': True,
    'timeout': (5.0, 30.0),
    'transport_adapter': None,
}

#: Options of versions before 1.0.
_OBSOLETE = {'app', 'esi_url', 'sso_url', 'esi_datasource'}


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options, with defaults for those that are not given. An unknown one warns with the nearest name, an
    obsolete one warns that it has no effect."""
    obsolete: Iterable[str] = _OBSOLETE & given.keys()
    for name in obsolete:
        advise(f'EsiSecurity: the option {name!r} has had no effect since EsiPy 1.0', DeprecationWarning)
    advise_of_unknown('EsiSecurity', given.keys() - _OBSOLETE, DEFAULTS)
    return {**DEFAULTS, **given}
