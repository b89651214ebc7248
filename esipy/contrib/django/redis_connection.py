"""The Redis behind a site's cache, for the rate limits that its processes share."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from esipy._limits.base import Limits
from esipy._limits.memory import SHARED
from esipy.contrib.django import conf
from esipy.limits import RedisLimits

#: Options of Django's RedisCache that concern Django alone; the others are redis-py's.
_OWN_OPTIONS = {'serializer', 'pool_class', 'parser_class'}


def shared_limits() -> Limits:
    """Return the rate limits of the site: in Redis where there is one, else those of this process."""
    alias = conf.get('ESI_CACHE_ALIAS')
    return _limits(conf.get('ESI_REDIS_URL'), alias, repr(settings.CACHES.get(alias)))


@lru_cache(maxsize=8)
def _limits(url: str | None, alias: str, configuration: str) -> Limits:
    """`configuration`: that of the alias; another one may be another Redis."""
    client = _from_url(url) if url else redis_of(alias)
    return SHARED if client is None else RedisLimits(client)


def redis_of(alias: str) -> Any:
    """Return a client of the Redis behind `CACHES[alias]`; None if its backend is of another kind.

    It is made from the public settings of Django's own RedisCache, and by the public function of django-redis.
    """
    if alias not in settings.CACHES:
        raise ImproperlyConfigured(f'ESI_CACHE_ALIAS is {alias!r}, which CACHES does not have: add it, or name another')
    kinds = {f'{kind.__module__}.{kind.__qualname__}' for kind in type(caches[alias]).__mro__}
    if any(name.startswith('django_redis.') for name in kinds):
        return import_string('django_redis.get_redis_connection')(alias)
    if 'django.core.cache.backends.redis.RedisCache' not in kinds:
        return None
    configuration = settings.CACHES[alias]
    location = configuration.get('LOCATION', '')
    # Of several servers the first one is written to.
    first = re.split('[;,]', location)[0] if isinstance(location, str) else location[0]
    return _from_url(first, configuration.get('OPTIONS', {}))


def _from_url(url: str, options: dict[str, Any] | None = None) -> Any:
    import redis

    options = options or {}
    known = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
    pool_class = options.get('pool_class', redis.ConnectionPool)
    if isinstance(pool_class, str):
        pool_class = import_string(pool_class)
    return redis.Redis(connection_pool=pool_class.from_url(url, **known))
