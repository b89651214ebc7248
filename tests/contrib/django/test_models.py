"""Tokens of a real login at the sandbox's SSO: saved, found by their scopes, refreshed, refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from esipy.contrib.django import tasks
from esipy.contrib.django.errors import (
    NotRefreshableTokenError,
    SSOUnavailableError,
    TokenExpiredError,
    TokenInvalidError,
)
from esipy.contrib.django.models import Scope, Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import ASSETS, WALLET, sign_in


def test_migrations_are_complete(db: None) -> None:
    call_command('makemigrations', '--check', '--dry-run', verbosity=0)


def test_migrations_can_be_taken_back(db: None) -> None:
    call_command('migrate', 'esipy', 'zero', verbosity=0)
    assert not [name for name in connection.introspection.table_names() if name.startswith('esipy_')]
    call_command('migrate', verbosity=0)
    assert not Token.objects.exists()


def test_a_login_makes_a_token(esi: Sandbox, user: Any) -> None:
    token = sign_in(esi, user)
    assert token.character_id == 90000001
    assert token.character_owner_hash
    assert [scope.name for scope in token.scopes.all()] == [WALLET]
    assert not token.expired
    assert token.can_refresh
    assert user.token_set.get() == token


def test_the_next_login_updates_it(esi: Sandbox, user: Any) -> None:
    first = sign_in(esi, user)
    second = sign_in(esi, user)
    assert first.pk == second.pk
    assert first.refresh_token != second.refresh_token
    with override_settings(ESI_ALWAYS_CREATE_TOKEN=True):
        assert sign_in(esi, user).pk != first.pk


@pytest.mark.parametrize(
    ('scopes', 'found', 'exact'),
    [
        (None, {'none'}, {'none'}),
        ('', {'none'}, {'none'}),
        ([], {'none'}, {'none'}),
        (WALLET, {'wallet', 'both'}, {'wallet'}),
        ([WALLET], {'wallet', 'both'}, {'wallet'}),
        ({WALLET}, {'wallet', 'both'}, {'wallet'}),
        ((WALLET,), {'wallet', 'both'}, {'wallet'}),
        (f'{WALLET} {ASSETS}', {'both'}, {'both'}),
        ([f'{WALLET} {ASSETS}'], {'both'}, {'both'}),
        ([WALLET, ASSETS], {'both'}, {'both'}),
        ('esi-nothing.v1', set(), set()),
        (f'{WALLET} esi-nothing.v1', set(), set()),
    ],
)
def test_tokens_are_found_by_their_scopes(db: None, scopes: Any, found: set[str], exact: set[str]) -> None:
    wallet, assets = Scope.objects.create(name=WALLET), Scope.objects.create(name=ASSETS)
    for name, those in (('none', ()), ('wallet', (wallet,)), ('both', (wallet, assets))):
        Token.objects.create(character_id=1, character_name=name).scopes.set(those)
    assert {token.character_name for token in Token.objects.require_scopes(scopes)} == found
    assert {token.character_name for token in Token.objects.all().require_scopes_exact(scopes)} == exact
    if scopes:
        names = [name for one in ([scopes] if isinstance(scopes, str) else scopes) for name in one.split()]
        if len(Scope.objects.filter(name__in=names)) == len(names):
            assert {
                token.character_name for token in Token.objects.require_scopes(Scope.objects.filter(name__in=names))
            } == found


def test_an_expired_token_is_refreshed(esi: Sandbox, user: Any) -> None:
    token = sign_in(esi, user)
    old = token.access_token
    esi.clock.move(1200)
    assert token.expired
    assert list(Token.objects.get_expired()) == [token]
    assert token.valid_access_token() != old
    assert Token.objects.get().access_token == token.access_token
    assert not Token.objects.get_expired().exists()


def test_a_revoked_token_is_not_asked_for_again(esi: Sandbox, user: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    token = sign_in(esi, user)
    esi.revoke()
    esi.clock.move(1200)
    with pytest.raises(TokenInvalidError, match='invalid_grant'):
        token.valid_access_token()
    asked = len(esi.log)
    for again in (token, Token.objects.get()):
        with pytest.raises(TokenInvalidError, match='must sign in again'):
            again.valid_access_token()
    assert len(esi.log) == asked
    assert [record.levelname for record in caplog.records if record.name.startswith('esipy.contrib')] == ['INFO']
    again = sign_in(esi, user)
    assert again.pk == token.pk
    assert again.can_refresh


@pytest.mark.parametrize('how', ['refresh_or_delete', 'bulk_refresh', 'cleanup_token'])
def test_a_revocation_is_logged_once_at_info(
    esi: Sandbox, user: Any, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    caplog.set_level('INFO')
    token = sign_in(esi, user)
    esi.revoke()
    esi.clock.move(1200)
    if how == 'refresh_or_delete':
        token.refresh_or_delete()
    elif how == 'bulk_refresh':
        Token.objects.bulk_refresh()
    else:
        tasks.cleanup_token()
    assert not Token.objects.exists()
    assert [record.levelname for record in caplog.records if record.name.startswith('esipy.contrib')] == ['INFO']


def test_the_sso_is_down(esi: Sandbox, user: Any) -> None:
    token = sign_in(esi, user)
    esi.clock.move(1200)
    esi.faults.add('status', operation='sso.token', status=503)
    with pytest.raises(SSOUnavailableError):
        token.valid_access_token()
    assert not Token.objects.require_valid().exists()
    token.refresh_or_delete()
    assert Token.objects.get().can_refresh


def test_a_token_without_a_refresh_token(esi: Sandbox, user: Any) -> None:
    token = sign_in(esi, user)
    Token.objects.update(refresh_token=None)
    token.refresh_from_db()
    with pytest.raises(NotRefreshableTokenError, match='no refresh token: the character has to sign in again'):
        token.refresh()
    esi.clock.move(1200)
    with pytest.raises(TokenExpiredError, match='no refresh token: the character has to sign in again'):
        token.valid_access_token()
    with pytest.raises(NotRefreshableTokenError, match='cannot be refreshed: the character has to sign in again'):
        token.update_token_data()
    token.refresh_or_delete()
    assert not Token.objects.exists()
