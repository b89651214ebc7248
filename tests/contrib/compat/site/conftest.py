"""A Django site on the drop-in, configured once for the process of these tests."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings

from tests import databases

LOCMEM = {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}


def pytest_configure(config: pytest.Config) -> None:
    directory = tempfile.TemporaryDirectory(prefix='esipy-site-')
    config.add_cleanup(directory.cleanup)
    settings.configure(
        SECRET_KEY='tests',
        INSTALLED_APPS=[
            'django.contrib.auth',
            'django.contrib.contenttypes',
            'django.contrib.sessions',
            'django.contrib.messages',
            'django.contrib.admin',
            'esipy.contrib.django.compat',
        ],
        DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': Path(directory.name) / 'db.sqlite3'}},
        CACHES={'default': LOCMEM},
        DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
        USE_TZ=True,
        ESI_SSO_CLIENT_ID='sandbox',
        ESI_SSO_CLIENT_SECRET='sandbox-secret',
        ESI_SSO_CALLBACK_URL='http://127.0.0.1/sso/callback/',
        ESI_USER_CONTACT_EMAIL='admin@example.com',
        ESI_USER_AGENT='Tests/1.0',
    )
    django.setup()


@pytest.fixture(scope='session')
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with databases.redis_server(tmp_path_factory.mktemp('redis')) as server:
        yield f'redis://127.0.0.1:{server.port}/1'


@pytest.fixture(scope='session')
def memcached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with databases.memcached_server(tmp_path_factory.mktemp('memcached')) as server:
        yield f'127.0.0.1:{server.port}'


@pytest.fixture(autouse=True)
def _nothing_stored() -> Iterator[None]:
    from django.core.cache import caches

    yield
    for alias in settings.CACHES:
        caches[alias].clear()
    assert 'DJANGO_SETTINGS_MODULE' not in os.environ


class Token:
    """What a client needs of a Token, of whichever model."""

    def __init__(self, access_token: str, character_id: int = 90000001, scopes: Any = None) -> None:
        self.access_token = access_token
        self.character_id = character_id
        self.character_owner_hash = f'owner-{character_id}'
        self.can_refresh = False
        self.signed = 0
        if scopes is not None:
            self.scopes = Scopes(scopes)

    def valid_access_token(self) -> str:
        self.signed += 1
        return self.access_token


class Scopes(list[Any]):
    def all(self) -> list[Any]:
        return [type('Scope', (), {'name': name}) for name in self]
