"""The options of EsiClient: their types, for editors and type checkers; their defaults; and what is checked of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from esipy._cache.check import check_cache
from esipy._cache.policy import KEEP_STALE
from esipy._http.options import check_options
from esipy._limits.base import Limits
from esipy._limits.disabled import NoLimits
from esipy._limits.memory import SHARED
from esipy._message.bind import day_of
from esipy._plugins.chain import listed
from esipy.events import advise_of_unknown

if TYPE_CHECKING:
    import requests
    from requests.adapters import BaseAdapter

    from esipy._cache.base import BaseCache
    from esipy._message.options import Timeouts
    from esipy._plugins.base import Plugin
    from esipy.app import App, EsiApp
    from esipy.events import Signal


class ClientOptions(TypedDict, total=False):
    """What `EsiClient(**options)` accepts; its docstring documents each option."""

    headers: Mapping[str, str] | None
    transport_adapter: BaseAdapter | None
    cache: BaseCache | None
    raw_body_only: bool
    signal_api_call_stats: Signal | Any
    timeout: Timeouts
    no_etag_body: bool
    session: requests.Session | None
    compatibility_date: Any
    retries: int
    pool_size: int
    user_agent: str | None
    deadline: float | None
    max_body: int
    keep_stale: float
    stale_if_error: float
    strict: bool
    check_scopes: bool
    check_roles: bool
    plugins: Iterable[Plugin]
    app: App | EsiApp | None
    limits: Limits | None
    max_wait: float | None
    remember_refusals: bool
    raise_on_error: bool


#: `cache`: False stands for "not given", since None means none.
DEFAULTS: dict[str, Any] = {
    'headers': None,
    'transport_adapter': None,
    'cache': False,
    'raw_body_only': False,
    'signal_api_call_stats': None,
    'timeout': (5.0, 30.0),
    'no_etag_body': False,
    'session': None,
    'compatibility_date': None,
    'retries': 5,
    'pool_size': 100,
    'user_agent': None,
    'deadline': 60.0,
    'max_body': 64 * 2**20,
    'keep_stale': KEEP_STALE,
    'stale_if_error': 0.0,
    'strict': False,
    'check_scopes': True,
    'check_roles': False,
    'plugins': (),
    'app': None,
    'limits': SHARED,
    'max_wait': None,
    'remember_refusals': False,
    'raise_on_error': False,
}

#: What `request` and `head` accept beside the options of plugins.
REQUEST_OPTIONS = (
    'raw_body_only',
    'opt',
    'raise_on_error',
    'security',
    'timeout',
    'priority',
    'compatibility_date',
)
MULTI_REQUEST_OPTIONS = (*REQUEST_OPTIONS, 'threads', 'on_result', 'progress')

#: What nearly all of `paginate`, `records`, `all` and `sync` accept.
PAGING_OPTIONS = (
    'threads',
    'progress',
    'max_pages',
    'opt',
    'security',
    'timeout',
    'priority',
    'compatibility_date',
)


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options, with defaults for those that are not given. An unknown one warns with the nearest name.

    Raises TypeError, ValueError or PluginError for a value of the wrong kind.
    """
    advise_of_unknown('EsiClient', given, DEFAULTS)
    options = {**DEFAULTS, **given}
    check_options('EsiClient', options)
    options['cache'] = check_cache(options['cache'])
    date = options['compatibility_date']
    options['compatibility_date'] = day_of(date, 'EsiClient') if date else None
    options['stale_if_error'] = options['stale_if_error'] or 0.0
    options['plugins'] = listed(options['plugins'])
    limits_of(options['limits'])
    return options


def limits_of(limits: Any) -> Limits | NoLimits:
    """Return the rate limits of a client. Raises TypeError for anything but a MemoryLimits, a RedisLimits or None."""
    if limits is None:
        return NoLimits()
    if not isinstance(limits, Limits):
        raise TypeError(f'limits must be a MemoryLimits, a RedisLimits or None, not {type(limits).__name__}')
    return limits
