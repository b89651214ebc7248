"""The server of the database is killed while the SSO responds to a refresh, and comes back: `make databases`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction
from django.test import Client, override_settings

from esipy.contrib.django.errors import TokenDatabaseError
from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.contrib.django import site
from tests.contrib.django.signing_in import SlowSso, text
from tests.servers import Server

pytestmark = pytest.mark.skipif(
    site.DATABASE != 'postgresql', reason='SQLite has no server, and the MariaDB of the tests writes to its disk later'
)


@contextmanager
def killed_during_the_refresh(esi: Sandbox) -> Iterator[None]:
    """Inside the block the first request to the SSO kills the database; at its end, that is back."""
    sso = SlowSso(esi)
    database = site.server
    assert database is not None

    def kill() -> None:
        assert sso.came.wait(60)
        database.kill()
        sso.may_go_on.set()

    with Server(sso) as server, override_settings(ESI_CODE_EXCHANGE_URL=f'{server.url}/token'):
        thread = threading.Thread(target=kill)
        thread.start()
        try:
            yield
        finally:
            thread.join()
            database.start()
            connections.close_all()
            until_it_responds()


def until_it_responds() -> None:
    for _ in range(300):
        try:
            Token.objects.count()
        except Exception:
            connections.close_all()
            threading.Event().wait(0.2)
        else:
            return
    raise AssertionError('the database does not come back')


def refresh_in_vain() -> None:
    with pytest.raises(TokenDatabaseError, match='kept in this process: try again when the database is available'):
        Token.objects.get().refresh()


def check_nothing_is_lost(esi: Sandbox, expired: Token) -> None:
    row = Token.objects.get()
    assert row.revoked_at is None
    assert row.valid_access_token()
    row = Token.objects.get()
    assert row.refresh_token != expired.refresh_token
    row.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)


def test_a_refresh(esi: Sandbox, expired: Token) -> None:
    with killed_during_the_refresh(esi):
        refresh_in_vain()
    check_nothing_is_lost(esi, expired)


def test_a_refresh_in_a_transaction(esi: Sandbox, expired: Token) -> None:
    """Of the caller's transaction Django says itself that it is lost."""
    with killed_during_the_refresh(esi), pytest.raises(OperationalError), transaction.atomic():
        refresh_in_vain()
    check_nothing_is_lost(esi, expired)


def test_a_page(esi: Sandbox, expired: Token, user: Any) -> None:
    browser = Client()
    browser.force_login(user)
    with killed_during_the_refresh(esi):
        response = browser.post('/one/', {'_token': expired.pk})
    assert response.status_code == 503
    assert 'Nothing is lost: try again in a moment.' in text(response)
    check_nothing_is_lost(esi, expired)
