"""`client()`: the site's EsiClient, made from the settings; and how every other client of the site is made."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject

from esipy._documents.live import COMPATIBILITY_DATE, LIVE_PATH
from esipy._runtime import fork
from esipy._version import __version__
from esipy.app import EsiApp
from esipy.client import EsiClient
from esipy.contrib.django import conf
from esipy.contrib.django.cache import DjangoCache
from esipy.contrib.django.redis_connection import shared_limits
from esipy.contrib.django.signing import SitePlugin

if TYPE_CHECKING:
    from typing import Unpack

    from esipy._call.client_options import ClientOptions


def client(**options: Unpack[ClientOptions]) -> EsiClient:
    """Return the site's client, which is made from the settings:

    - responses are stored in Django's cache (`ESI_CACHE_ALIAS`), and rate limits are shared through its Redis;
    - `token=` signs a call with a Token: `client().request(call, token=token)`; `multi_request`, `all`, `records`,
      `paginate`, `sync` and `watch` take it too;
    - `client().app` has the operations: `client().app.op['get_status']()`.

    Without `options` it is one client for the whole process, which is replaced when a setting changes. With `options`
    (those of EsiClient, which take precedence over the settings) it is a new one, to be kept and closed by the caller.

    Raises ImproperlyConfigured for a setting that makes no sense.
    """
    return make_client(**options) if options else _shared.get()


def make_client(**options: Any) -> EsiClient:
    """Make a client from the settings. `options` take precedence; `plugins` are added to the site's own."""
    retries = _number('ESI_SERVER_ERROR_MAX_RETRIES')
    from_settings = {
        'retry_requests': retries > 0,
        'retries': int(retries) + 1,
        'timeout': (_number('ESI_REQUESTS_CONNECT_TIMEOUT'), _number('ESI_REQUESTS_READ_TIMEOUT')),
        'pool_size': int(_number('ESI_CONNECTION_POOL_MAX_CONNECTIONS')),
        'max_wait': _number('ESI_MAX_WAIT'),
        'remember_refusals': conf.get('ESI_REMEMBER_REFUSALS'),
        'cache': DjangoCache(conf.get('ESI_CACHE_ALIAS')) if conf.get('ESI_CACHE_RESPONSE') else None,
        'app': SimpleLazyObject(site_app),
    }
    if 'user_agent' not in options:
        options['user_agent'] = user_agent()
    if 'limits' not in options:
        options['limits'] = shared_limits()
    plugins = (SitePlugin(conf.get('ESI_API_URL')), *options.pop('plugins', ()))
    return EsiClient(**{**from_settings, **options}, plugins=plugins)


def user_agent(name: str | None = None, url: str | None = None) -> str:
    """Return a User-Agent: the application, by default `ESI_USER_AGENT`; the contact e-mail; and this library."""
    contact = '; '.join(filter(None, [conf.get('ESI_USER_CONTACT_EMAIL'), f'+{url}' if url else None]))
    words = [name or conf.get('ESI_USER_AGENT'), f'({contact})' if contact else None, f'esipy/{__version__}']
    return ' '.join(filter(None, words))


def site_app(compatibility_date: str | None = None, tenant: str = 'tranquility') -> EsiApp:
    """Return the operations of a date, by default of `ESI_COMPATIBILITY_DATE`, loaded once in each process."""
    return _app(_date(compatibility_date), tenant, conf.get('ESI_API_URL'), conf.get('ESI_CACHE_ALIAS'))


def _date(given: str | None) -> str:
    return str(given or conf.get('ESI_COMPATIBILITY_DATE') or COMPATIBILITY_DATE)


@lru_cache(maxsize=16)
def _app(date: str, tenant: str, api_url: str, alias: str) -> EsiApp:
    return EsiApp(
        cache=DjangoCache(alias),
        cache_prefix=app_cache_prefix(date, tenant),
        meta_url=urljoin(api_url, LIVE_PATH),
        datasource=tenant,
        compatibility_date=date,
    )


def app_cache_prefix(date: str, tenant: str) -> str:
    """Return what the keys of a description in the cache begin with: each date and tenant has one of its own."""
    return f'esipy:{tenant}:{date}'


def note_description(compatibility_date: str, tenant: str) -> None:
    """Note that the site uses the server's description of a date (see `site_app`)."""
    _noted.add((compatibility_date, tenant))


_noted: set[tuple[str, str]] = set()


def forget_descriptions() -> None:
    """Remove the descriptions that the site uses from the cache and this process: they are fetched again."""
    cache = DjangoCache(conf.get('ESI_CACHE_ALIAS'))
    for date, tenant in {(_date(None), 'tranquility'), *_noted}:
        cache.invalidate(f'{app_cache_prefix(date, tenant)}:app:meta_swagger_url')
    _app.cache_clear()


def _number(name: str) -> float:
    value: float = conf.get(name)
    if value < 0:
        raise ImproperlyConfigured(f'{name} is {value!r}: it must not be negative')
    return value


#: The settings that a client depends on.
_SETTINGS = (
    'ESI_API_URL',
    'ESI_CACHE_ALIAS',
    'ESI_CACHE_RESPONSE',
    'ESI_COMPATIBILITY_DATE',
    'ESI_CONNECTION_POOL_MAX_CONNECTIONS',
    'ESI_MAX_WAIT',
    'ESI_REDIS_URL',
    'ESI_REMEMBER_REFUSALS',
    'ESI_REQUESTS_CONNECT_TIMEOUT',
    'ESI_REQUESTS_READ_TIMEOUT',
    'ESI_SERVER_ERROR_MAX_RETRIES',
    'ESI_USER_AGENT',
    'ESI_USER_CONTACT_EMAIL',
)


def state_of_settings() -> tuple[Any, ...]:
    """Return all that a client is made of: one that was made of other values is replaced."""
    values = [conf.get(name) for name in _SETTINGS]
    return (*values, repr(settings.CACHES.get(conf.get('ESI_CACHE_ALIAS'))))


class _Shared:
    """The client of this process, with the settings that it was made of."""

    def __init__(self) -> None:
        self._made: tuple[tuple[Any, ...], EsiClient] | None = None
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def get(self) -> EsiClient:
        wanted = state_of_settings()
        with self._lock:
            if self._made is not None and self._made[0] == wanted:
                return self._made[1]
            made = make_client()
            if self._made is not None:
                self._made[1].close()
            self._made = wanted, made
            return made


_shared = _Shared()
