"""Logins with a token store: nobody signs in twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from esipy.exceptions import (
    LoginError,
    TokenStoreError,
)
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens
from tests.integration.login.visits import WALLET, Person

BOTH = [WALLET, 'esi-assets.read_assets.v1']


def nobody(address: str) -> None:
    pytest.fail('a person was bothered')


@pytest.fixture
def chooses(esi: Sandbox) -> Callable[[int], Person]:
    return lambda character_id: lambda address: requests.get(esi.sso.login(address, character_id), timeout=10)


def characters_in(store: MemoryTokens) -> list[int]:
    return store.characters('app')


def test_nobody_signs_in_twice(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    esi.sso.rotate = True
    store = MemoryTokens()
    first = sign_in(chooses(90000002), store=store)
    kept = store.get('app', 90000002)
    assert kept is not None
    assert kept.refresh_token == first.refresh_token
    again = sign_in(nobody, store=store)
    assert (again.character_id, again.access_token) == (90000002, first.access_token)
    assert sign_in(nobody, store=store, character=90000002).scopes == {WALLET}
    assert sign_in(nobody, store=store, redirect_uri='http://localhost:1/').access_token  # nothing is listened at
    esi.clock.move(3600)
    renewed = sign_in(nobody, store=store)
    assert renewed.access_token not in (None, first.access_token)
    assert not renewed.is_token_expired()
    newest = store.get('app', 90000002)
    assert newest is not None
    assert newest.refresh_token == renewed.refresh_token != first.refresh_token
    assert (esi.sso.logins, esi.sso.refreshes, esi.sso.reuses) == (1, 1, 0)


def test_when_a_login_is_needed_all_the_same(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    """Each is one that `_kept` must not answer: fails when its condition is left out."""
    store = MemoryTokens()
    sign_in(chooses(90000001), store=store)
    assert sign_in(chooses(90000001), store=store, scopes=BOTH).scopes == set(BOTH)  # more than it may
    assert sign_in(chooses(90000002), store=store, character=90000002).character_id == 90000002  # another one
    assert characters_in(store) == [90000001, 90000002]
    assert sign_in(chooses(90000003), store=store).character_id == 90000003  # which of the two?
    assert sign_in(chooses(90000001), store=store, character=90000001, reuse=False).scopes == {WALLET}
    assert sign_in(chooses(90000001), store=store, character=90000001, client_id='other').client_id == 'other'
    assert characters_in(store) == [90000001, 90000002, 90000003]
    assert esi.sso.logins == 6


def test_a_grant_that_is_gone(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    store = MemoryTokens()
    old = sign_in(chooses(90000001), store=store)
    esi.revoke(old.refresh_token)
    esi.clock.move(3600)
    assert sign_in(chooses(90000001), store=store).refresh_token != old.refresh_token
    assert esi.sso.logins == 2


def test_the_sso_is_down_when_nobody_needs_it(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    store = MemoryTokens()
    sign_in(chooses(90000001), store=store)
    esi.clock.move(3600)
    esi.faults.add('status', operation='sso.token', status=503)
    kept = sign_in(nobody, store=store)
    assert kept.is_token_expired()
    esi.faults.clear()
    assert kept.refresh()['access_token']


def test_another_character_than_was_wanted(sign_in: Any, chooses: Any) -> None:
    store = MemoryTokens()
    with pytest.raises(LoginError, match=r'\(90000003\) has signed in instead of 90000001'):
        sign_in(chooses(90000003), store=store, character=90000001)
    assert characters_in(store) == [90000003]


def test_a_store_that_cannot_be_read(sign_in: Any, esi: Sandbox, tmp_path: Path) -> None:
    """Told before anybody is asked to sign in."""
    (tmp_path / 'tokens.json').write_text('nothing of ours')
    (tmp_path / 'tokens.json').chmod(0o600)
    with pytest.raises(TokenStoreError):
        sign_in(nobody, store=FileTokens(tmp_path / 'tokens.json'))
    with pytest.raises(TypeError, match='TokenStore'):
        sign_in(nobody, store={})
    esi.log.assert_not_called('sso.authorize')
