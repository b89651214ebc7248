"""One refresh for everybody, and no token that the SSO gave is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, connections, transaction
from django.db.models.signals import post_save
from django.test import Client, override_settings

from esipy import exceptions
from esipy.contrib.django.errors import (
    NotRefreshableTokenError,
    SSOOAuthError,
    SSOUnavailableError,
    TokenDatabaseError,
    TokenInvalidError,
)
from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import FIRST, SECOND, sign_in
from tests.servers import Server, Visit, response_bytes

THREADS = 100


def in_threads(work: Callable[[], Any], count: int = THREADS) -> list[Any]:
    """What `work` returns, or the error it raises, in as many threads at once."""
    results: list[Any] = []
    start = threading.Barrier(count)

    def run() -> None:
        try:
            start.wait(60)
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_100_threads_refresh_once(esi: Sandbox, expired: Token) -> None:
    with esi.faults.add('latency', operation='sso.token', seconds=0.2):
        found = in_threads(lambda: Token.objects.get().valid_access_token())
    assert [one for one in found if isinstance(one, Exception)] == []
    row = Token.objects.get()
    assert set(found) == {row.access_token}
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)
    assert row.refresh_token != expired.refresh_token
    row.refresh()  # with the newest refresh token, which works
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)


def test_100_requests_refresh_once(esi: Sandbox, expired: Token, user: Any) -> None:
    browsers = [Client() for _ in range(THREADS)]
    for browser in browsers:
        browser.force_login(user)

    def ask() -> Any:
        return browsers.pop().post('/one/', {'_token': expired.pk}).content

    assert set(in_threads(ask)) == {f'one {expired.pk} True'.encode()}
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_the_same_object_in_many_threads(esi: Sandbox, expired: Token) -> None:
    """Django's objects are not meant to be shared; no token is lost all the same."""
    found = in_threads(expired.valid_access_token, 20)
    assert Token.objects.get().access_token in found
    assert esi.sso.reuses == 0


def test_different_tokens_do_not_wait_for_each_other(esi: Sandbox, expired: Token, user: Any) -> None:
    if not connection.features.has_select_for_update:
        pytest.skip('SQLite has one writer')
    second = sign_in(esi, user, character_id=SECOND)
    esi.clock.move(1200)
    with locked_elsewhere(second):
        assert Token.objects.get(pk=expired.pk).valid_access_token()


@contextmanager
def locked_elsewhere(token: Token) -> Iterator[None]:
    """Another connection has locked the row."""
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Token.objects.select_for_update().get(pk=token.pk)
            locked.set()
            done.wait(60)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_processes_refresh_once(esi: Sandbox, expired: Token) -> None:
    """Each with its own connection, at the same time."""
    program = f"""
import sys, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS={settings.INSTALLED_APPS!r}, DATABASES={{'default': {_database()!r}}}, SECRET_KEY='x', USE_TZ=True,
    ESI_SSO_BASE_URL='{esi.url}/v2/oauth', ESI_SSO_CLIENT_ID='site', ESI_SSO_CLIENT_SECRET='secret of the site',
    ESI_SSO_CALLBACK_URL='http://testserver/sso/callback/', ESI_SSO_MAX_RETRIES=0,
)
if 'mysql' in settings.DATABASES['default']['ENGINE']:
    import pymysql
    pymysql.install_as_MySQLdb()
django.setup()
from esipy import clock
from esipy.contrib.django.models import Token
clock.move(1200)
print('ready', flush=True)
sys.stdin.readline()
print(Token.objects.get().valid_access_token())
"""
    run = [sys.executable, '-W', 'error', '-c', program]
    workers = [
        subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == 'ready\n'
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write('\n')
        worker.stdin.flush()
    found = [worker.communicate(timeout=60) for worker in workers]
    assert [errors for _, errors in found if errors] == []
    assert {output.strip() for output, _ in found} == {Token.objects.get().access_token}
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def _database() -> dict[str, Any]:
    settings_dict = connections['default'].settings_dict
    return {name: settings_dict[name] for name in ('ENGINE', 'NAME', 'USER', 'HOST', 'PORT', 'OPTIONS')}


# ---------------------------------------------------------------------- what the SSO may do


def test_whoever_waited_for_a_refresh_that_failed_fails_with_it(esi: Sandbox, expired: Token) -> None:
    with esi.faults.add('status', operation='sso.token', status=503) as fault:
        found = in_threads(lambda: Token.objects.get().valid_access_token(), 30)
        assert {type(one) for one in found} == {SSOUnavailableError}
        assert fault.hits < 30
    assert expired.valid_access_token()


def test_the_sso_is_asked_again(esi: Sandbox, expired: Token) -> None:
    with (
        override_settings(ESI_SSO_MAX_RETRIES=2, ESI_SSO_WAIT_EXPONENT=0),
        esi.faults.add('status', operation='sso.token', status=503, n=2) as fault,
    ):
        assert expired.valid_access_token()
        assert fault.hits == 2


@pytest.mark.parametrize('retries', [0, 2])
def test_the_sso_is_down(esi: Sandbox, expired: Token, retries: int) -> None:
    with (
        override_settings(ESI_SSO_MAX_RETRIES=retries, ESI_SSO_WAIT_EXPONENT=0),
        esi.faults.add('status', operation='sso.token', status=503) as fault,
    ):
        with pytest.raises(SSOUnavailableError) as caught:
            expired.refresh()
        assert fault.hits == retries + 1
    assert isinstance(caught.value, exceptions.SSOUnavailableError)
    assert (caught.value.operation, caught.value.method) == ('the SSO', 'POST')
    assert str(caught.value).endswith('; try again later: the refresh token is kept')
    assert Token.objects.get().refresh_token == expired.refresh_token
    assert Token.objects.get().revoked_at is None


def test_a_login_that_the_sso_rejects(esi: Sandbox) -> None:
    with pytest.raises(SSOOAuthError, match=r'invalid_grant \(the login code is wrong.*: start the login again'):
        Token.objects.create_from_code('a wrong code')


@pytest.mark.parametrize(
    'changes',
    [
        {'key': 'other'},
        {'header': {'alg': 'none'}},
        {'header': {'alg': 'HS256'}},
        {'claims': {'exp': 1}},
        {'claims': {'iss': 'https://evil.example'}},
        {'claims': {'aud': ['another site', 'EVE Online']}},
        {'claims': {'aud': 'site'}},
        {'claims': {'sub': 'CORPORATION:EVE:1'}},
    ],
)
def test_a_token_that_is_not_genuine_is_not_stored(esi: Sandbox, expired: Token, changes: dict[str, Any]) -> None:
    """The old row stays, and works with the real SSO."""
    forged = {'access_token': esi.sso.forge(character_id=FIRST, client_id='site', **changes), 'expires_in': 1199}

    def page(visit: Visit) -> None:
        visit.send(response_bytes({**forged, 'refresh_token': 'forged', 'token_type': 'Bearer'}))

    with Server(page) as server, override_settings(ESI_CODE_EXCHANGE_URL=f'{server.url}/token'):
        with pytest.raises(TokenInvalidError, match='not valid') as caught:
            expired.refresh()
        assert len(server.visits) == 1
    assert forged['access_token'] not in str(caught.value)  # type: ignore[operator]
    row = Token.objects.get()
    assert (row.access_token, row.refresh_token) == (expired.access_token, expired.refresh_token)
    assert row.revoked_at is None
    assert row.valid_access_token()


def test_a_token_of_another_character_is_not_stored(esi: Sandbox, expired: Token) -> None:
    Token.objects.update(character_id=SECOND)
    with pytest.raises(TokenInvalidError, match='another character'):
        Token.objects.get().refresh()
    assert Token.objects.get().access_token == expired.access_token


def test_the_sso_has_new_keys(esi: Sandbox, expired: Token) -> None:
    esi.sso.rotate_keys()
    assert expired.valid_access_token()


def test_the_sso_has_new_keys_and_does_not_publish_them_yet(esi: Sandbox, expired: Token) -> None:
    """Whether the token is genuine is not known: it is not stored, and the refresh token is not lost."""
    esi.sso.rotate_keys()
    with (
        esi.faults.add('status', operation='sso.jwks', status=503),
        pytest.raises(SSOUnavailableError),
    ):
        expired.refresh()
    row = Token.objects.get()
    assert row.access_token == expired.access_token
    esi.clock.move(120)  # the keys are asked for again after a while
    assert row.valid_access_token()
    assert esi.sso.reuses == 0


def test_a_new_owner(esi: Sandbox, expired: Token) -> None:
    """What the SSO gives for the sold character is of somebody else."""
    Token.objects.update(character_owner_hash='the owner before')
    with pytest.raises(TokenInvalidError, match='new owner'):
        Token.objects.get().refresh()
    row = Token.objects.get()
    assert row.access_token == expired.access_token
    assert row.revoked_reason == 'the character has a new owner'
    with pytest.raises(TokenInvalidError, match='new owner'):
        row.refresh()
    assert esi.sso.refreshes == 1


def test_a_sold_character(esi: Sandbox, expired: Token) -> None:
    esi.sso.sell(FIRST)
    with pytest.raises(TokenInvalidError, match='must sign in again'):
        expired.refresh()
    assert Token.objects.get().revoked_reason == 'invalid_grant'


@pytest.mark.parametrize('code', ['invalid_client', 'unauthorized_client'])
def test_the_site_is_refused(esi: Sandbox, expired: Token, code: str) -> None:
    with override_settings(ESI_SSO_CLIENT_SECRET='wrong'), pytest.raises(ImproperlyConfigured, match='ESI_SSO_CLIENT_'):
        expired.refresh()
    assert Token.objects.get().revoked_at is None
    assert expired.valid_access_token()


def test_a_deleted_token(esi: Sandbox, expired: Token) -> None:
    Token.objects.get().delete()
    with pytest.raises(TokenInvalidError, match='deleted'):
        expired.refresh()
    assert esi.sso.refreshes == 0


def test_a_token_that_is_not_saved_yet(esi: Sandbox, expired: Token) -> None:
    Token.objects.get().delete()
    token = Token(character_id=FIRST, character_name='', refresh_token=expired.refresh_token)
    token.refresh()
    assert Token.objects.get().access_token == token.access_token
    assert token.character_name == expired.character_name


def test_arguments_of_older_versions(esi: Sandbox, expired: Token) -> None:
    with pytest.warns(DeprecationWarning, match='are ignored'):
        expired.refresh(session=object(), auth=object())
    assert not expired.expired


# ---------------------------------------------------------------------- what the database may do


class GoesAwayError(Exception):
    """For a transaction to be rolled back."""


def failing_view() -> None:
    """As with ATOMIC_REQUESTS, after a refresh."""
    with transaction.atomic():
        Token.objects.get().refresh()
        raise GoesAwayError


def test_a_rollback_of_the_caller_does_not_lose_tokens(esi: Sandbox, expired: Token) -> None:
    with pytest.raises(GoesAwayError):
        failing_view()
    row = Token.objects.get()
    assert row.valid_access_token()
    row = Token.objects.get()
    assert not row.expired
    row.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)
    assert Token.objects.get().revoked_at is None


def test_what_was_rolled_back_is_not_put_into_another_row(esi: Sandbox, expired: Token, user: Any) -> None:
    """A row may get the id of one that was never committed: in the tests of a site, for one."""
    esi.sso.rotate = False
    with pytest.raises(GoesAwayError):
        failing_view()
    Token.objects.all().delete()
    other = Token(pk=expired.pk, user=user, character_id=SECOND, character_name='B', character_owner_hash='b')
    other.refresh_token = expired.refresh_token
    other.created = expired.created + timedelta(seconds=1)
    other.save(force_insert=True)
    with pytest.raises(TokenInvalidError):
        other.refresh()
    assert Token.objects.get().access_token == ''


def test_a_rollback_on_a_database_with_row_locks_is_seen_by_all_processes(esi: Sandbox, expired: Token) -> None:
    if not connection.features.has_select_for_update:
        pytest.skip('SQLite has one writer: the tokens are in this process alone')
    with pytest.raises(GoesAwayError):
        failing_view()
    assert Token.objects.get().refresh_token != expired.refresh_token


def test_a_refresh_has_the_context_of_its_caller(esi: Sandbox, expired: Token) -> None:
    """Spans of a tracer hang on it, and what a receiver of a signal looks up. Some databases refresh in a thread."""
    user = ContextVar('user', default='nobody')
    seen: list[str] = []

    def receive(**_: Any) -> None:
        seen.append(user.get())

    post_save.connect(receive, sender=Token)
    user.set('anna')
    try:
        with transaction.atomic():
            Token.objects.get().refresh()
    finally:
        post_save.disconnect(receive, sender=Token)
    assert seen == ['anna']


def test_a_refresh_in_the_transaction_that_changed_the_row(esi: Sandbox, expired: Token) -> None:
    with transaction.atomic():
        Token.objects.update(character_name='changed here')
        Token.objects.get().refresh()
    assert not Token.objects.get().expired
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_a_refresh_in_the_transaction_that_made_the_row(esi: Sandbox, user: Any) -> None:
    esi.sso.rotate = True
    with transaction.atomic():
        token = sign_in(esi, user)
        esi.clock.move(1200)
        assert token.valid_access_token()
    assert Token.objects.get().refresh_token == token.refresh_token


def test_the_database_goes_away_during_a_refresh(esi: Sandbox, expired: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the lock and does not take the new tokens: they are saved when it is back."""
    with monkeypatch.context() as patch:

        def gone(*args: Any, **kwargs: Any) -> None:
            raise OperationalError('server closed the connection unexpectedly')

        patch.setattr(Token, 'save', gone)
        with pytest.raises(TokenDatabaseError, match='kept in this process: try again when the database') as caught:
            expired.refresh()
    assert expired.refresh_token not in str(caught.value)
    assert Token.objects.get().refresh_token == expired.refresh_token
    token = Token.objects.get()
    assert token.valid_access_token()
    assert Token.objects.get().refresh_token == token.refresh_token != expired.refresh_token
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)
    token.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)


def test_a_busy_database_deletes_no_token(esi: Sandbox, expired: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy.contrib.django.row_lock._WRITERS_PATIENCE', 0)
    with monkeypatch.context() as patch:

        def gone(*args: Any, **kwargs: Any) -> None:
            raise OperationalError('database is locked')

        patch.setattr(Token, 'save', gone)
        assert not Token.objects.require_valid().exists()
        expired.refresh_or_delete()
    assert Token.objects.require_valid().exists()


# ---------------------------------------------------------------------- many tokens


def test_bulk_refresh(esi: Sandbox, user: Any) -> None:
    tokens = {name: sign_in(esi, user, character_id=90000001 + at) for at, name in enumerate(('good', 'gone', 'poor'))}
    esi.revoke(tokens['gone'].refresh_token)
    Token.objects.filter(pk=tokens['poor'].pk).update(refresh_token=None)
    esi.clock.move(1200)
    assert list(Token.objects.all().bulk_refresh()) == [tokens['good']]
    assert list(Token.objects.all()) == [tokens['good']]


def test_bulk_refresh_while_the_sso_is_down(esi: Sandbox, user: Any) -> None:
    """It is not asked for each of many tokens."""
    for at in range(6):
        esi.sso.characters.add(90000001 + at)
        sign_in(esi, user, character_id=90000001 + at)
    esi.clock.move(1200)
    with esi.faults.add('status', operation='sso.token', status=503) as fault:
        assert not Token.objects.require_valid().exists()
        assert fault.hits <= 3
    assert Token.objects.count() == 6
    assert Token.objects.require_valid().count() == 6


def test_a_token_that_cannot_be_refreshed(esi: Sandbox, expired: Token) -> None:
    Token.objects.update(refresh_token=None)
    with pytest.raises(NotRefreshableTokenError):
        Token.objects.get().refresh()
