"""System checks: a table of settings and of what is reported about them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from esipy.contrib.django import conf

REDIS = 'django.core.cache.backends.redis.RedisCache'


def cache(location: str = 'redis://localhost:6379/1', backend: str = REDIS) -> dict[str, Any]:
    return {'CACHES': {'default': {'BACKEND': backend, 'LOCATION': location}}}


CASES: list[tuple[dict[str, Any], list[str], str]] = [
    (cache(), [], ''),
    ({}, ['esi.W005'], 'Use Redis'),
    ({'DEBUG': True}, [], ''),
    ({**cache(), 'ESI_SSO_CLIENT_ID': None}, ['esi.E001'], 'ESI_SSO_CLIENT_ID is not set'),
    ({**cache(), 'ESI_SSO_CLIENT_SECRET': '', 'DEBUG': True}, ['esi.W001'], 'developers.eveonline.com'),
    ({**cache(), 'ESI_USER_CONTACT_EMAIL': ''}, ['esi.E002'], 'is empty'),
    ({**cache(), 'ESI_USER_CONTACT_EMAIL': None}, ['esi.E002'], 'is empty'),
    ({**cache(), 'ESI_USER_CONTACT_EMAIL': 'me'}, ['esi.W002'], "'me'"),
    ({**cache(), 'ESI_SSO_CALLBACK_URL': '/sso/callback/'}, ['esi.E005'], 'Give the whole address'),
    ({**cache(), 'ESI_SSO_CALLBACK_URL': 'https://a.example/callback'}, ['esi.W004'], 'has to be /sso/callback/'),
    ({**cache(), 'ROOT_URLCONF': 'tests.contrib.django.no_urls'}, ['esi.W003'], 'include'),
    ({**cache(), 'ESI_TOKEN_KEYS': ['short']}, ['esi.E006'], 'Fernet.generate_key'),
    ({**cache(), 'ESI_CACHE_ALIAS': 'esi'}, ['esi.E007'], "'esi'"),
    ({**cache(), 'ESI_SSO_MAX_RETRIES': '3'}, ['esi.E004'], 'ESI_SSO_MAX_RETRIES must be of type int, not str'),
    ({**cache(), 'ESI_TOKEN_VALID_DURATION': True}, ['esi.E004'], 'not bool'),
    ({**cache(), 'SESSION_COOKIE_SAMESITE': 'Strict'}, ['esi.W007'], "Use 'Lax'"),
    (
        {**cache(), 'SESSION_ENGINE': 'django.contrib.sessions.backends.signed_cookies'},
        ['esi.E008'],
        'backends.db',
    ),
    ({**cache(), 'ESI_SSO_CLIENT_SECERT': 'x'}, ['esi.W008'], 'Did you mean ESI_SSO_CLIENT_SECRET'),
    ({**cache(), 'ESI_OF_ANOTHER_APP': 'x'}, [], ''),
    ({**cache(), 'CELERY_BROKER_URL': 'redis://127.0.0.1:6379/1'}, ['esi.W006'], "CACHES['default']"),
    ({**cache(), 'BROKER_URL': 'redis://localhost/1'}, ['esi.W006'], 'BROKER_URL'),
    ({**cache(), 'BROKER_URL': 'redis://localhost/0'}, [], ''),
    ({**cache('redis://localhost'), 'BROKER_URL': 'redis://localhost:6379/0'}, ['esi.W006'], 'Give each its own'),
    ({**cache('redis://localhost?db=3'), 'BROKER_URL': 'redis://localhost:6379/3'}, ['esi.W006'], ''),
    ({**cache(), 'BROKER_URL': 'redis://other/1'}, [], ''),
    ({**cache(), 'BROKER_URL': 'amqp://localhost/1'}, [], ''),
    (
        {**cache(), 'ESI_REDIS_URL': 'redis://localhost/2', 'BROKER_URL': 'redis://localhost/2'},
        ['esi.W006'],
        'ESI_REDIS_URL',
    ),
]


@pytest.mark.parametrize(('changes', 'ids', 'words'), CASES)
def test_what_is_reported(changes: dict[str, Any], ids: list[str], words: str) -> None:
    with override_settings(**changes):
        found = [message for message in checks.run_checks() if str(message.id).startswith('esi.')]
    assert [message.id for message in found] == ids
    assert all(message.hint for message in found)
    assert words in ' '.join(f'{message.msg} {message.hint}' for message in found)


def test_no_email_at_all() -> None:
    with override_settings(**cache()):
        del settings.ESI_USER_CONTACT_EMAIL
        assert [message.id for message in checks.run_checks(tags=['security']) if 'esi' in str(message.id)] == [
            'esi.E003'
        ]


def test_settings_are_read_when_they_are_used() -> None:
    assert conf.get('ESI_SSO_BASE_URL') == 'https://login.eveonline.com/v2/oauth'
    with override_settings(ESI_SSO_BASE_URL='https://sso.example/v2/oauth/'):
        assert conf.get('ESI_SSO_LOGIN_URL') == 'https://sso.example/v2/oauth/authorize/'
        assert conf.get('ESI_CODE_EXCHANGE_URL') == 'https://sso.example/v2/oauth/token'
    with override_settings(ESI_SSO_CLIENT_ID=None), pytest.raises(ImproperlyConfigured, match='is not set'):
        conf.required('ESI_SSO_CLIENT_ID')
    with pytest.raises(LookupError, match='did you mean ESI_SSO_CLIENT_ID'):
        conf.get('ESI_SSO_CLIENTID')


@pytest.mark.parametrize(
    ('name', 'default'),
    [
        ('ESI_ALWAYS_CREATE_TOKEN', False),
        ('ESI_CACHE_RESPONSE', True),
        ('ESI_CONNECTION_POOL_MAX_CONNECTIONS', 100),
        ('ESI_CONNECTION_POOL_MAX_KEEPALIVE', 20),
        ('ESI_CONNECTION_POOL_KEEPALIVE_EXPIRY', 5),
        ('ESI_SERVER_ERROR_MAX_RETRIES', 3),
        ('ESI_SERVER_ERROR_WAIT_EXPONENT', 1),
        ('ESI_SSO_USER_AGENT', None),
        ('ESI_SSO_WAIT_EXPONENT', 1),
        ('ESI_SSO_MAX_RETRY_AFTER', 60),
        ('ESI_REQUESTS_CONNECT_TIMEOUT', 5),
        ('ESI_REQUESTS_READ_TIMEOUT', 10),
        ('ESI_REQUESTS_WRITE_TIMEOUT', 5),
        ('ESI_REQUESTS_POOL_TIMEOUT', 5),
        ('ESI_API_URL', 'https://esi.evetech.net/'),
        ('ESI_SSO_LOGIN_URL', 'https://login.eveonline.com/v2/oauth/authorize/'),
        ('ESI_CODE_EXCHANGE_URL', 'https://login.eveonline.com/v2/oauth/token'),
        ('ESI_TOKEN_VALID_DURATION', 1170),
        ('ESI_TOKEN_JWT_AUDIENCE', 'EVE Online'),
    ],
)
def test_defaults_of_django_esi(name: str, default: Any) -> None:
    assert conf.get(name) == default


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[3] / 'docs' / 'django.md').read_text('utf-8')
    documented = dict(re.findall(r'^\| `(ESI_\w+)` \| `(.+?)` \|', page, re.MULTILINE))
    assert documented.keys() == conf.SETTINGS.keys()
    for name, shown in documented.items():
        default = conf.SETTINGS[name].default
        default = default() if callable(default) else default
        assert shown == repr(list(default) if isinstance(default, tuple) else default), name
