"""The settings of the client, with their defaults. They are read when they are used, never at import."""

from __future__ import annotations

from typing import Any

from django.conf import settings

#: Names and defaults of django-esi; then ours.
DEFAULTS: dict[str, Any] = {
    'ESI_API_URL': 'https://esi.evetech.net/',
    'ESI_CACHE_RESPONSE': True,
    'ESI_USER_CONTACT_EMAIL': None,
    'ESI_CONNECTION_POOL_MAX_CONNECTIONS': 100,
    'ESI_SERVER_ERROR_MAX_RETRIES': 3,
    'ESI_REQUESTS_CONNECT_TIMEOUT': 5,
    'ESI_REQUESTS_READ_TIMEOUT': 10,
    'ESI_LANGUAGES': ['en', 'de', 'fr', 'ja', 'ru', 'zh', 'ko', 'es'],
    # The alias in CACHES where responses are stored.
    'ESI_CACHE_ALIAS': 'default',
    # The date whose API is called, 'YYYY-MM-DD'; None: the newest that this release was made for.
    'ESI_COMPATIBILITY_DATE': None,
    # Seconds that a call waits for a rate limit before it raises LimitedError.
    'ESI_MAX_WAIT': 5,
    # The Redis in which the processes of the site share the rate limits; None: that of the cache, if it is one.
    'ESI_REDIS_URL': None,
    # What the site is called in the User-Agent, such as 'My site/1.2'.
    'ESI_USER_AGENT': None,
}


def setting(name: str) -> Any:
    """Return the value of a setting, or its default."""
    return getattr(settings, name, DEFAULTS[name])


def snapshot() -> tuple[str, ...]:
    """Return all that a client depends on: a client that was made of other values is replaced."""
    caches = getattr(settings, 'CACHES', {})
    return (*(repr(setting(name)) for name in DEFAULTS), repr(caches.get(setting('ESI_CACHE_ALIAS'))))
