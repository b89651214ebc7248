"""System checks: what is wrong with the settings is reported when the site starts, with what to do about it.

The ids of django-esi's checks stay the same (W001, E001 to E003).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.validators import EmailValidator, ValidationError
from django.urls import NoReverseMatch, reverse

from esipy._runtime.suggest import closest
from esipy.contrib.django import conf, encryption

_APPLICATIONS = 'Register your application at https://developers.eveonline.com, and put its values into the settings.'

#: Backends whose values no other process sees.
_NOT_SHARED = ('locmem.LocMemCache', 'dummy.DummyCache')


def run() -> list[checks.CheckMessage]:
    """Return all that is wrong with the settings."""
    wrong_types = list(_types())
    if wrong_types:  # the others would stumble over them
        return wrong_types
    return [
        message
        for check in (_sso, _email, _callback, _keys, _cache, _broker, _session, _session_key, _names)
        for message in check()
    ]


@checks.register(checks.Tags.security)
def check_settings(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    return run()


def _types() -> Iterator[checks.CheckMessage]:
    for name in conf.SETTINGS:
        try:
            conf.get(name)
        except ImproperlyConfigured as error:
            yield checks.Error(str(error), hint=f'{name}: {conf.SETTINGS[name].meaning}.', id='esi.E004')


def _sso() -> Iterator[checks.CheckMessage]:
    names = ('ESI_SSO_CLIENT_ID', 'ESI_SSO_CLIENT_SECRET', 'ESI_SSO_CALLBACK_URL')
    missing = [name for name in names if not conf.get(name)]
    if missing:
        text = f'Users cannot sign in: {", ".join(missing)} {"is" if len(missing) == 1 else "are"} not set.'
        kind, number = (checks.Warning, 'W001') if settings.DEBUG else (checks.Error, 'E001')
        yield kind(text, hint=_APPLICATIONS, id=f'esi.{number}')


def _email() -> Iterator[checks.CheckMessage]:
    hint = 'CCP writes to this address before it blocks a site that does something wrong.'
    if not hasattr(settings, 'ESI_USER_CONTACT_EMAIL'):
        yield checks.Error('ESI_USER_CONTACT_EMAIL is not set.', hint=hint, id='esi.E003')
        return
    address = conf.get('ESI_USER_CONTACT_EMAIL')
    if not address:
        yield checks.Error('ESI_USER_CONTACT_EMAIL is empty.', hint=hint, id='esi.E002')
        return
    try:
        EmailValidator()(address)
    except ValidationError:
        yield checks.Warning(f'ESI_USER_CONTACT_EMAIL is not an e-mail address: {address!r}.', hint=hint, id='esi.W002')


def _callback() -> Iterator[checks.CheckMessage]:
    url = conf.get('ESI_SSO_CALLBACK_URL')
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme not in ('http', 'https') or not parts.netloc:
        hint = "Give the whole address, as it is registered: 'https://example.com/sso/callback/'."
        yield checks.Error(f'ESI_SSO_CALLBACK_URL is not an address: {url!r}.', hint=hint, id='esi.E005')
        return
    try:
        path = reverse('esi:callback')
    except (NoReverseMatch, ImproperlyConfigured, AttributeError):  # the latter two: no ROOT_URLCONF
        hint = "Add path('sso/', include('esipy.contrib.django.urls')) to the urlpatterns."
        yield checks.Warning('The page that the SSO sends people back to is missing.', hint=hint, id='esi.W003')
        return
    if path != parts.path:
        hint = f'Its path has to be {path}, here and in the registration of your application.'
        yield checks.Warning(f'ESI_SSO_CALLBACK_URL leads to another page: {parts.path}.', hint=hint, id='esi.W004')


def _keys() -> Iterator[checks.CheckMessage]:
    try:
        encryption.check_keys()
    except ImproperlyConfigured as error:
        yield checks.Error(str(error), hint='Without the right keys stored tokens cannot be read.', id='esi.E006')


def _cache() -> Iterator[checks.CheckMessage]:
    alias = conf.get('ESI_CACHE_ALIAS')
    backend = settings.CACHES.get(alias, {}).get('BACKEND')
    if backend is None:
        yield checks.Error(f'ESI_CACHE_ALIAS: CACHES has no {alias!r}.', hint='Name one of its aliases.', id='esi.E007')
    elif backend.endswith(_NOT_SHARED) and not settings.DEBUG:
        hint = (
            'Use Redis (django.core.cache.backends.redis.RedisCache): then responses and rate limits are shared by all '
            'processes of the site. With one process it does not matter.'
        )
        text = f'The cache {alias!r} is not shared by the processes of the site ({backend}).'
        yield checks.Warning(text, hint=hint, id='esi.W005')


def _broker() -> Iterator[checks.CheckMessage]:
    brokers = {name: getattr(settings, name, None) for name in ('CELERY_BROKER_URL', 'BROKER_URL')}
    places = {'ESI_REDIS_URL': conf.get('ESI_REDIS_URL')}
    for alias, cache in settings.CACHES.items():
        location = cache.get('LOCATION')
        places[f'CACHES[{alias!r}]'] = location[0] if isinstance(location, (list, tuple)) and location else location
    for broker, url in brokers.items():
        for name, place in places.items():
            if url and place and _redis_database(url) is not None and _redis_database(url) == _redis_database(place):
                hint = 'Give each its own number behind the port: clearing the cache would delete tasks that wait.'
                text = f'{name} is in the same Redis database as {broker}.'
                yield checks.Warning(text, hint=hint, id='esi.W006')


def _redis_database(url: Any) -> tuple[str, int, str] | None:
    """Host, port and number; None for what is not a Redis."""
    parts = urlsplit(str(url))
    if parts.scheme not in ('redis', 'rediss'):
        return None
    found = re.search(r'(?:^|&)db=(\d+)', parts.query)
    number = found[1] if found else parts.path.strip('/')
    host = {'127.0.0.1': 'localhost', '::1': 'localhost'}.get(parts.hostname or '', parts.hostname or 'localhost')
    return host, parts.port or 6379, number or '0'


def _session() -> Iterator[checks.CheckMessage]:
    if str(settings.SESSION_COOKIE_SAMESITE).lower() == 'strict':
        hint = "Use 'Lax', the default: with 'Strict' browsers do not send the cookie when the SSO leads them back."
        yield checks.Warning('SESSION_COOKIE_SAMESITE is Strict: no login succeeds.', hint=hint, id='esi.W007')


def _session_key() -> Iterator[checks.CheckMessage]:
    if settings.SESSION_ENGINE.endswith('signed_cookies'):
        hint = "Use another SESSION_ENGINE: 'django.contrib.sessions.backends.db', for example."
        text = 'Sessions in signed cookies have no lasting key, by which a login finds its browser again.'
        yield checks.Error(text, hint=hint, id='esi.E008')


def _names() -> Iterator[checks.CheckMessage]:
    """Settings that look like a misspelt one."""
    for name in dir(settings):
        if name.startswith('ESI_') and name not in conf.SETTINGS:
            near = closest(name, conf.SETTINGS, cutoff=0.85)
            if near:
                yield checks.Warning(f'There is no setting {name}.', hint=f'Did you mean {near[0]}?', id='esi.W008')
