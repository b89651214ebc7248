"""Somebody who can write to a token store changes its records: no call is made with the tokens of another character."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
import redis

from esipy.exceptions import TokenError, TokenStoreError, WrongCharacterError
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, KeyringTokens, MemoryTokens, RedisTokens, Tokens, TokenStore
from tests.contract.keyring_backend import InFile
from tests.databases import Server
from tests.integration.signed import CLIENT, ONE, TWO, client, security, signed_in, wallet


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        sandbox.sso.rotate = True
        yield sandbox


@pytest.fixture(params=['memory', 'file', 'redis', 'keyring'])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenStore]:
    if request.param == 'memory':
        yield MemoryTokens()
    elif request.param == 'file':
        yield FileTokens(tmp_path / 'tokens.json')
    elif request.param == 'redis':
        server: Server = request.getfixturevalue('redis_on')
        with redis.Redis(port=server.port) as own:
            own.flushall()
            yield RedisTokens(own)
    else:
        monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'data'))
        before = keyring.get_keyring()
        keyring.set_keyring(InFile(str(tmp_path / 'keyring.json')))
        yield KeyringTokens()
        keyring.set_keyring(before)


#: What is made of the record of the first character, with that of the second.
SWAPS: dict[str, Callable[[Tokens, Tokens], Tokens]] = {
    'the access token': lambda one, two: one._replace(access_token=two.access_token),
    'both tokens': lambda one, two: one._replace(access_token=two.access_token, refresh_token=two.refresh_token),
    'the refresh token': lambda one, two: one._replace(expires_at=1.0, refresh_token=two.refresh_token),
    'the refresh token alone': lambda one, two: one._replace(access_token=None, refresh_token=two.refresh_token),
}


@pytest.mark.parametrize('swap', SWAPS)
def test_tokens_of_another_character_are_not_used(swap: str, store: TokenStore, esi: Sandbox) -> None:
    """Without the check, `as_character(ONE)` returned the wallet of the other, and stored it as that of ONE. The
    refresh token of the other one is used once, if at all: the SSO withdraws a grant whose token comes twice."""
    one, two = (signed_in(store, esi, character, left=1000) for character in (ONE, TWO))
    store.set(SWAPS[swap](one, two))
    if isinstance(store, KeyringTokens) and swap == 'the access token':
        pytest.skip('a keyring holds no access token')
    with client(security(esi, store=store)) as esi_client:
        with pytest.raises(WrongCharacterError, match='has to sign in again'):
            esi_client.as_character(ONE).request(wallet(esi, TWO))
        with pytest.raises(TokenError, match='has to sign in again'):
            esi_client.as_character(ONE).request(wallet(esi, TWO))
        assert esi_client.as_character(TWO).request(wallet(esi, TWO)).ok
        assert esi_client.as_character(TWO).security.refresh()
    assert esi.log.count('get_characters_character_id_wallet') == 1
    assert esi.sso.reuses == 0
    signed_in(store, esi, ONE)
    with client(security(esi, store=store)) as esi_client:
        assert esi_client.as_character(ONE).request(wallet(esi)).ok


def test_a_character_whose_record_was_changed_meanwhile_keeps_its_tokens(store: TokenStore, esi: Sandbox) -> None:
    one, two = (signed_in(store, esi, character, left=1000) for character in (ONE, TWO))
    with client(security(esi, store=store)) as esi_client:
        first = esi_client.as_character(ONE)
        assert first.request(wallet(esi)).ok
        store.set(one._replace(access_token=two.access_token, refresh_token=two.refresh_token))
        esi.clock.move(1100)
        assert first.request(wallet(esi)).ok
        assert first.security.character_id == ONE


def test_an_older_record_that_is_put_back_loses_nothing(store: TokenStore, esi: Sandbox) -> None:
    """Its refresh token is used up; this process has the newer one."""
    old = signed_in(store, esi, left=1000)
    with client(security(esi, store=store)) as esi_client:
        one = esi_client.as_character(ONE)
        for _ in range(3):
            esi.clock.move(1300)
            store.set(old)
            assert one.request(wallet(esi)).ok
        kept = store.get(CLIENT, ONE)
    assert kept is not None
    assert kept.refresh_token == one.security.refresh_token != old.refresh_token


BROKEN: list[dict[str, Any]] = [
    {'access_token': 'a\r\nX-Evil: 1'},
    {'access_token': 'a\ud800'},
    {'access_token': '日本'},
    {'refresh_token': 'a\x00'},
    {'refresh_token': 'a\ud800'},
    {'expires_at': 10**400},
    {'expires_at': float('nan')},
]


@pytest.mark.parametrize('change', BROKEN, ids=repr)
def test_what_cannot_be_a_token_is_not_stored(change: dict[str, Any], store: TokenStore, esi: Sandbox) -> None:
    good = signed_in(store, esi, left=1000)
    with pytest.raises(ValueError, match='of tokens'):
        store.set(good._replace(**change))
    assert store.characters(CLIENT) == [ONE]


@pytest.mark.parametrize('change', BROKEN, ids=repr)
def test_what_cannot_be_a_token_is_not_read(
    change: dict[str, Any], esi: Sandbox, redis_on: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis(port=redis_on.port) as own:
        stores: list[TokenStore] = [FileTokens(tmp_path / 'tokens.json'), RedisTokens(own)]
        for store in stores:
            good = signed_in(store, esi, left=1000)
            with monkeypatch.context() as patch:
                patch.setattr('esipy._stores.record.checked', lambda tokens: tokens)
                store.set(good._replace(**change))
            with pytest.raises(TokenStoreError, match=r'not a record of this character|not a file of tokens'):
                security(esi, store=store).for_character(ONE)
