"""A grant is deleted only when it is gone; a store or a lock that is away loses nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from esipy import clock
from esipy.exceptions import (
    SSOUnavailableError,
    TokenError,
    TokenRefusedError,
    TokenRevokedError,
    TokenStoreBusyError,
)
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.integration.signed import CLIENT, ONE, Broken, at_once, client, security, signed_in, wallet
from tests.integration.token_refresh.sso import code_of
from tests.servers import Server, Visit, response_bytes

# ---------------------------------------------------------------------- gone, or not


def test_a_grant_that_is_gone_is_deleted(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi)
    esi.sso.sell(ONE)
    one = security(esi, store=store).for_character(ONE)
    with client(one) as esi_client:
        with pytest.raises(TokenRevokedError) as caught:
            esi_client.request(wallet(esi))
        assert 'sign in again' in caught.value.__notes__[0]
        assert store.characters(CLIENT) == []
        asked = esi.log.count('sso.token')
        with pytest.raises(TokenRevokedError):
            esi_client.request(wallet(esi))
        assert esi.log.count('sso.token') == asked  # nobody has to be asked
        # The new owner signs in, in another process.
        signed_in(store, esi)
        assert esi_client.request(wallet(esi)).ok


@pytest.mark.parametrize(
    ('fault', 'settings', 'kind'),
    [
        ('status', {'status': 500}, SSOUnavailableError),
        ('status', {'status': 503, 'body': '{"error": "invalid_grant"}'}, SSOUnavailableError),
        ('status', {'status': 429}, SSOUnavailableError),
        ('status', {'status': 401, 'body': '{"error": "invalid_client"}'}, TokenRefusedError),
        ('html', {}, SSOUnavailableError),
        ('bad_json', {}, SSOUnavailableError),
        ('reset', {}, SSOUnavailableError),
        ('redirect', {'location': 'http://localhost/steal'}, TokenRefusedError),
        ('downtime', {'seconds': 60}, SSOUnavailableError),
    ],
)
def test_no_other_failure_deletes_anything(esi: Sandbox, fault: str, settings: Any, kind: type[TokenError]) -> None:
    """With `except TokenRefusedError` in `refreshed`, invalid_client would cost everybody's tokens."""
    store = MemoryTokens()
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    with client(one) as esi_client:
        esi.faults.add(fault, operation='sso.token', **settings)
        with pytest.raises(kind) as caught:
            esi_client.request(wallet(esi))
        assert type(caught.value) is kind
        assert store.get(CLIENT, ONE) == old
        esi.faults.clear()
        assert esi_client.request(wallet(esi)).ok


def test_a_response_that_is_lost_on_its_way(esi: Sandbox) -> None:
    """The SSO has used the old token up, and nobody knows the new one: then the grant is gone, as far as we know."""
    store = MemoryTokens()
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    esi.faults.add('truncation', operation='sso.token', n=1)
    with pytest.raises(SSOUnavailableError):
        one.refresh()
    assert store.get(CLIENT, ONE) == old
    with pytest.raises(TokenRevokedError):
        one.refresh()
    assert store.get(CLIENT, ONE) is None


def test_a_character_deleted_from_the_store_is_gone_at_the_next_refresh(esi: Sandbox) -> None:
    """Without that, a process that knows the character puts it back."""
    store = MemoryTokens()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    store.delete(CLIENT, ONE)
    with client(one) as esi_client, pytest.raises(TokenRevokedError) as caught:
        esi_client.request(wallet(esi))
    assert str(caught.value) == (
        f'HTTP Error 400: the token store no longer has the tokens of character {ONE}: they were deleted; '
        'the character has to sign in again'
    )
    assert store.characters(CLIENT) == []


def test_revoke_empties_the_store(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi)
    whole = security(esi, store=store)
    one = whole.for_character(ONE)
    esi.faults.add('status', status=503, operation='sso.revoke', n=1)
    with pytest.raises(SSOUnavailableError):
        one.revoke()
    assert store.characters(CLIENT) == [ONE]
    one.revoke()
    assert store.characters(CLIENT) == []
    assert (one.access_token, one.identity) == (None, None)
    signed_in(store, esi)
    assert whole.for_character(ONE) is not one


def test_a_token_that_is_renewed_while_it_is_verified(esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the comparison in `verify` nobody knows any more whose the new token is; and without that in
    `take_newer` the store does not know the character, which would have to sign in again."""
    store = MemoryTokens()
    signed_in(store, esi, left=1000)
    one = security(esi, store=store).for_character(ONE)
    keys = one._keys

    def slow(again: bool = False) -> Any:
        at_once(1, lambda _: one.refresh())
        return keys(again)

    monkeypatch.setattr(one, '_keys', slow)
    assert one.verify()
    assert one.character_id == ONE
    one.access_token = 'an app may set it'
    assert one.identity is None
    clock.move(3600)
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok


def test_revoke_gives_the_newest_token_back(esi: Sandbox) -> None:
    """Another process has renewed it meanwhile: without a look at the store, the grant would live on at an SSO that
    knows a used token no more."""
    tokens = signed_in(MemoryTokens(), esi)
    given: list[dict[str, str]] = []

    def page(visit: Visit) -> None:
        given.append(visit.form)
        visit.send(response_bytes())

    with Server(page) as server:
        store = MemoryTokens()
        store.set(tokens)
        one = security(esi, store=store).for_character(ONE)
        one.oauth_revoke = f'{server.url}/revoke'
        store.set(tokens._replace(refresh_token='the newest'))
        one.revoke()
    assert [form['token'] for form in given] == ['the newest']
    assert store.characters(CLIENT) == []


@pytest.mark.parametrize('status', [302, 401, 403, 404])
def test_tokens_that_the_sso_does_not_take_back_stay(esi: Sandbox, status: int) -> None:
    """Who believes that they are gone, when they are not, does not try again."""
    store = MemoryTokens()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    esi.faults.add('status', status=status, operation='sso.revoke', n=1)
    with pytest.raises(TokenRefusedError):
        one.revoke()
    assert one.refresh_token
    assert store.characters(CLIENT) == [ONE]


def test_what_the_sso_does_not_know_is_gone(esi: Sandbox) -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes({'error': 'invalid_grant'}, 400))

    with Server(page) as server:
        one = security(esi)
        one.update_token({'access_token': 'a', 'expires_in': 1200, 'refresh_token': 'r'})
        one.oauth_revoke = f'{server.url}/revoke'
        one.revoke()
    assert (one.access_token, one.refresh_token) == (None, None)


# ---------------------------------------------------------------------- a store or a lock that is away


@pytest.mark.parametrize('away', [('set',), ('get',), ('lock',), ('get', 'set', 'lock')], ids=repr)
def test_a_store_that_is_away_fails_no_call(esi: Sandbox, away: Any, caplog: pytest.LogCaptureFixture) -> None:
    store = Broken()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    store.away = set(away)
    with client(one) as esi_client:
        for _ in range(3):
            assert [esi_client.request(wallet(esi)).status for _ in range(3)] == [200] * 3
            clock.move(1200)
    assert (esi.sso.refreshes, esi.sso.reuses) == (3, 0)
    granted = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(granted) == len(away)
    assert 'refresh-of-somebody' not in caplog.text


def test_a_store_that_is_back_gets_what_it_missed(esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a process that starts now would find a refresh token that is used up."""
    monkeypatch.setattr('esipy._sso.resilient_store._OPEN_FOR', 0.0)
    store = Broken()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    store.away = {'get', 'set', 'lock'}
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok
        store.away.clear()
        assert esi_client.request(wallet(esi)).ok
        stored = store.get(CLIENT, ONE)
        assert stored is not None
        assert stored.refresh_token == one.refresh_token
        asked = len(store.asked)
        assert esi_client.request(wallet(esi)).ok
        assert len(store.asked) == asked
    assert esi.sso.refreshes == 1


def test_what_the_store_missed_is_not_given_up_for_what_it_has(esi: Sandbox) -> None:
    store = Broken()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    store.away = {'set'}
    one.refresh()
    store.away.clear()
    one.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)


def test_a_store_that_is_away_when_the_grant_is_gone(esi: Sandbox) -> None:
    store = Broken()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    esi.sso.sell(ONE)
    store.away = {'get', 'set', 'delete', 'lock'}
    with pytest.raises(TokenRevokedError):
        one.refresh()


def test_without_the_lock_of_all_nothing_is_deleted(esi: Sandbox) -> None:
    """Another process may be putting newer tokens there at this moment."""
    store = Broken('lock')
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    esi.sso.sell(ONE)
    with pytest.raises(TokenRevokedError):
        one.refresh()
    assert store.characters(CLIENT) == [ONE]


def test_a_lock_that_is_never_free_is_not_gone_past(esi: Sandbox) -> None:
    """Its holder may be using the refresh token: a second use would cost the grant."""
    store = MemoryTokens(wait=0.05)
    signed_in(store, esi, left=1200)
    one = security(esi, store=store).for_character(ONE)
    with client(one) as esi_client, store.lock(CLIENT, ONE):
        clock.move(1160)
        assert esi_client.request(wallet(esi)).ok  # the old one is still good
        clock.move(60)
        with pytest.raises(TokenStoreBusyError):
            esi_client.request(wallet(esi))
        assert esi.log.count('sso.token') == 0
        code = code_of(esi, one)
        one.auth(code)  # a login is newer than whatever the other one brings
        stored = store.get(CLIENT, ONE)
    assert stored is not None
    assert stored.refresh_token == one.refresh_token
