"""SQLite has one writer: a refresh that waits for the SSO does not keep others from writing, and loses no token."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections, transaction
from django.test import override_settings

from esipy.contrib.django import row_lock
from esipy.contrib.django.errors import TokenDatabaseError, TokenInvalidError
from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import SlowSso, sign_in
from tests.servers import Server

pytestmark = pytest.mark.skipif(connection.vendor != 'sqlite', reason='it is about SQLite')


@contextmanager
def refreshing(esi: Sandbox, *errors: type[Exception]) -> Iterator[SlowSso]:
    """Inside the block another thread refreshes the token, and the SSO has not responded yet."""
    sso = SlowSso(esi)
    raised: list[Exception] = []

    def refresh() -> None:
        try:
            Token.objects.get().refresh()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    with Server(sso) as server, override_settings(ESI_CODE_EXCHANGE_URL=f'{server.url}/token'):
        thread = threading.Thread(target=refresh)
        thread.start()
        try:
            assert sso.came.wait(60)
            with override_settings(ESI_CODE_EXCHANGE_URL=f'{esi.url}/v2/oauth/token'):
                yield sso
        finally:
            sso.may_go_on.set()
            thread.join()
    assert [type(error) for error in raised] == list(errors)


def run(program: str) -> subprocess.Popen[str]:
    """Another process, with the database as `connection`."""
    path = str(connection.settings_dict['NAME'])
    begin = f'import sqlite3\nconnection = sqlite3.connect({path!r}, timeout=0)\n'
    return subprocess.Popen([sys.executable, '-c', begin + program], stdout=subprocess.PIPE, text=True)


def test_others_write_while_the_sso_takes_its_time(esi: Sandbox, expired: Token) -> None:
    """In another process, which does not wait at all."""
    with refreshing(esi):
        get_user_model().objects.create_user('in this process')
        other = run(
            "connection.execute('UPDATE esipy_token SET sso_version = 7')\nconnection.commit()\nprint('written')"
        )
        assert other.communicate(timeout=60)[0] == 'written\n'
    row = Token.objects.get()
    assert not row.expired
    assert row.refresh_token != expired.refresh_token
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_whoever_comes_meanwhile_waits_for_it(esi: Sandbox, expired: Token) -> None:
    found: list[str] = []

    def ask() -> None:
        found.append(Token.objects.get().valid_access_token())
        connections.close_all()

    with refreshing(esi) as sso:
        waiting = [threading.Thread(target=ask) for _ in range(10)]
        for thread in waiting:
            thread.start()
        sso.may_go_on.set()
        for thread in waiting:
            thread.join()
    assert set(found) == {Token.objects.get().access_token}
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


@pytest.mark.parametrize('is_revoked', [False, True], ids=['refreshed', 'revoked'])
def test_a_login_meanwhile_is_not_overwritten(esi: Sandbox, expired: Token, user: Any, is_revoked: bool) -> None:
    if is_revoked:
        esi.revoke(expired.refresh_token)
    with refreshing(esi):
        login = sign_in(esi, user)
        assert login.pk == expired.pk
    row = Token.objects.get()
    assert (row.access_token, row.refresh_token) == (login.access_token, login.refresh_token)
    assert row.revoked_at is None
    row.refresh()
    assert esi.sso.reuses == 0


def test_a_token_that_is_deleted_meanwhile(esi: Sandbox, expired: Token) -> None:
    with refreshing(esi, TokenInvalidError):
        Token.objects.get().delete()
    assert not Token.objects.exists()


def test_the_new_tokens_wait_for_another_writer(esi: Sandbox, expired: Token) -> None:
    """It writes for longer than SQLite waits by itself: a tenth of a second here."""
    with refreshing(esi) as sso, closing(sqlite3.connect(connection.settings_dict['NAME'])) as other:
        other.execute('UPDATE esipy_token SET sso_version = 7')
        wait_less(0.1)
        sso.may_go_on.set()
        until(lambda: esi.sso.refreshes == 1)
        threading.Event().wait(0.5)
        other.commit()
    assert Token.objects.get().valid_access_token()
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def wait_less(seconds: float) -> None:
    """For connections that are made from now on."""
    connections['default'].settings_dict['OPTIONS']['timeout'] = seconds


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    connections['default'].settings_dict['OPTIONS'].pop('timeout', None)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        threading.Event().wait(0.1)
    raise AssertionError('it does not come')


def test_a_database_that_stays_locked(esi: Sandbox, expired: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens are kept, and saved by the next refresh."""
    monkeypatch.setattr(row_lock, '_WRITERS_PATIENCE', 0.2)
    wait_less(0.1)
    with closing(sqlite3.connect(connection.settings_dict['NAME'])) as other:
        with refreshing(esi, TokenDatabaseError) as sso:
            other.execute('UPDATE esipy_token SET sso_version = 7')
            sso.may_go_on.set()
            until(lambda: esi.sso.refreshes == 1)
            threading.Event().wait(1)
        other.rollback()
    assert Token.objects.get().refresh_token == expired.refresh_token
    assert Token.objects.get().valid_access_token()
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def write_and_refresh() -> None:
    """As a view with ATOMIC_REQUESTS."""
    with transaction.atomic():
        Token.objects.update(token_type='corporation')
        Token.objects.get().refresh()


def test_two_that_wait_for_each_other(esi: Sandbox, expired: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction has locked the database and wants the lock on refreshes; a refresh has that, and wants to save."""
    monkeypatch.setattr('esipy.contrib.django.refresh._PATIENCE', 0.2)
    with refreshing(esi), pytest.raises(TokenDatabaseError, match=r'was not refreshed, .* try again$'):
        write_and_refresh()
    row = Token.objects.get()
    assert row.token_type == 'character'
    assert not row.expired
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_a_refresh_that_is_not_committed_yet(esi: Sandbox, expired: Token) -> None:
    """Another process waits for it, instead of using the refresh token that it replaces."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(Token.objects.get().valid_access_token())
        except Exception as error:
            found.append(error)
        connections.close_all()

    with transaction.atomic():
        token = Token.objects.get()
        token.refresh()
        thread = threading.Thread(target=ask)
        thread.start()
        threading.Event().wait(0.5)
        assert found == []
    thread.join()
    assert found == [token.access_token]
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_the_lock_of_a_process_that_was_killed_is_free(esi: Sandbox, expired: Token) -> None:
    holder = run(
        'path = connection.execute("PRAGMA database_list").fetchone()[2]\n'
        f'lock = sqlite3.connect(path + {row_lock._LOCK_FILE!r}, isolation_level=None)\n'
        "lock.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nimport time\ntime.sleep(600)\n"
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == 'held\n'
    with pytest.raises(OperationalError, match='was not obtained: database is locked'), row_lock.alone('default', 0.1):
        pass
    holder.kill()
    holder.communicate()
    assert expired.valid_access_token()
