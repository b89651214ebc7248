"""Fixtures for tests that need a Django site: see site.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test.utils import setup_test_environment, teardown_test_environment

from esipy.sandbox import Sandbox
from tests.contrib.django import site

site.configure()


@pytest.fixture(scope='session')
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with site.tables(tmp_path_factory.mktemp('django')):
        setup_test_environment()
        yield
        teardown_test_environment()


@pytest.fixture
def db(_tables: None) -> Iterator[None]:
    """The database, empty at the beginning of each test."""
    yield
    call_command('flush', verbosity=0, interactive=False, inhibit_post_migrate=True)
    connections.close_all()


@pytest.fixture
def esi(db: None) -> Iterator[Sandbox]:
    """The SSO and the API, to which requests for the official addresses are led."""
    with Sandbox() as running, running.redirect():
        running.sso.register('site', 'secret of the site', 'http://testserver/sso/callback/')
        yield running


@pytest.fixture
def user(db: None) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user('anna', password='anna')


@pytest.fixture
def expired(esi: Sandbox, user: Any) -> Any:
    """A token whose access token has expired, and whose refresh token changes with every refresh."""
    from tests.contrib.django.signing_in import sign_in

    esi.sso.rotate = True
    token = sign_in(esi, user)
    esi.clock.move(1200)
    return token
