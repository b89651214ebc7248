"""Tokens are renewed once, stored before they are used, and taken over from another process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from esipy import EsiSecurity, clock
from esipy.events import AFTER_TOKEN_REFRESH
from esipy.exceptions import (
    IncompleteTokensError,
    SSOUnavailableError,
    TokenExpiredError,
    TokenRefusedError,
)
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens, Tokens
from tests.integration.signed import CLIENT, ONE, at_once, client, different_calls, security, signed_in, wallet
from tests.integration.token_refresh.sso import code_of
from tests.servers import Server, Visit, response_bytes

# ---------------------------------------------------------------------- once


@pytest.mark.parametrize('with_store', [False, True])
def test_100_threads_one_refresh_and_no_failed_call(esi: Sandbox, with_store: bool) -> None:
    """Without one refresh for all threads there are dozens of them, and all but one are refused."""
    store = MemoryTokens()
    tokens = signed_in(store, esi)
    one = security(esi, store=store if with_store else None)
    if with_store:
        one = one.for_character(ONE)
    else:
        one.update_token({'access_token': 'old', 'expires_in': -1, 'refresh_token': tokens.refresh_token})
    with client(one) as esi_client:
        calls = different_calls(esi, 100)
        responses = at_once(100, lambda number: esi_client.request(calls[number]).status)
    assert responses == [200] * 100
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_objects_of_one_process_share_a_refresh(esi: Sandbox) -> None:
    """Each with locks of its own, as in an app that makes one for every request of its users."""
    store = MemoryTokens()
    signed_in(store, esi)
    ones = [security(esi, store=store).for_character(ONE) for _ in range(20)]
    with client(None) as esi_client:
        calls = different_calls(esi, 20)
        responses = at_once(20, lambda number: esi_client.request(calls[number], security=ones[number]).status)
    assert responses == [200] * 20
    assert len({one.access_token for one in ones}) == 1
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_threads_that_wait_for_an_sso_which_hangs_fail_with_the_first(esi: Sandbox) -> None:
    """20 threads would wait 20 timeouts, one after the other."""
    tokens = signed_in(MemoryTokens(), esi)
    one = security(esi, timeout=(2, 2))
    one.update_token({'access_token': 'old', 'expires_in': -1, 'refresh_token': tokens.refresh_token})
    esi.faults.add('hang', operation='sso.token')
    with client(one) as esi_client:
        calls = different_calls(esi, 20)
        errors = at_once(20, lambda number: esi_client.request(calls[number]))
    assert {type(error) for error in errors} == {SSOUnavailableError}
    assert esi.log.count('sso.token') < 5


def test_ahead_of_its_end_an_sso_that_is_down_is_not_asked_for_every_call(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    one = security(esi, store=store).for_character(ONE)
    one._tokens._failed.open_for = 3600.0  # the calls below may take long on a busy machine
    clock.move(1150)
    esi.faults.add('status', status=503, operation='sso.token')
    with client(one) as esi_client:
        assert [esi_client.request(wallet(esi)).status for _ in range(10)] == [200] * 10
    assert esi.log.count('sso.token') == 1


# ---------------------------------------------------------------------- kept first


def test_it_is_stored_before_receivers_run_and_before_it_is_used(esi: Sandbox) -> None:
    """With `save` after `update_token` in `accept`, the store shows the old one here."""
    store = MemoryTokens()
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    seen: list[Any] = []

    class Watching(MemoryTokens):
        def set(self, tokens: Tokens) -> None:
            seen.append(('in use when stored', one.access_token))
            super().set(tokens)

    def receive(refresh_token: str, **kwargs: Any) -> None:
        stored = store.get(CLIENT, ONE)
        seen.append(('stored when told', stored is not None and stored.refresh_token == refresh_token))
        raise RuntimeError('this receiver cannot')

    store.__class__ = Watching
    AFTER_TOKEN_REFRESH.add_receiver(receive)
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert seen == [('in use when stored', old.access_token), ('stored when told', True)]
    stored = store.get(CLIENT, ONE)
    assert stored is not None
    assert stored.refresh_token == one.refresh_token != old.refresh_token
    assert stored.access_token == one.access_token
    assert stored.expires_at == one.token_expiry
    assert (stored.character_name, stored.owner, frozenset(stored.scopes)) == (
        one.character_name,
        one.owner,
        one.scopes,
    )


def test_a_login_is_stored(esi: Sandbox) -> None:
    store = MemoryTokens()
    one = security(esi, store=store)
    granted = one.auth(code_of(esi, one))
    stored = store.get(CLIENT, ONE)
    assert stored is not None
    assert (stored.refresh_token, stored.access_token) == (granted['refresh_token'], granted['access_token'])
    assert one.for_character(ONE).access_token == granted['access_token']


def test_a_login_does_not_inherit_the_refresh_token_of_another() -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes({'access_token': 'x', 'expires_in': 1200}))

    with Server(page) as sso:
        endpoints = {'token_endpoint': sso.url, 'issuer': sso.url}
        one = EsiSecurity('http://x', 'id', 'key', sso_endpoints=endpoints, headers={'User-Agent': 'tests'})
        one.update_token({'access_token': 'of A', 'expires_in': 1200, 'refresh_token': 'of A'})
        assert one.auth('code of B') == {'access_token': 'x', 'expires_in': 1200}
    assert one.refresh_token is None


# ---------------------------------------------------------------------- another process was here


def test_what_another_one_has_renewed_is_taken_over(esi: Sandbox, tmp_path: Any) -> None:
    signed_in(FileTokens(tmp_path / 'tokens'), esi)
    here, there = (security(esi, store=FileTokens(tmp_path / 'tokens')).for_character(ONE) for _ in range(2))
    heard: list[Any] = []
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: heard.append(kwargs['token_identifier']))
    with client(None) as esi_client:
        for one in (here, there):
            assert esi_client.request(wallet(esi), security=one).ok
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)
    assert here.access_token == there.access_token
    assert heard == [ONE]


def test_by_hand_the_newest_refresh_token_is_used(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi)
    here, there = (security(esi, store=store).for_character(ONE) for _ in range(2))
    here.refresh()
    there.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)


class Late(MemoryTokens):
    """A replica that is behind: what is read first is `shown`, if that is set."""

    shown: Tokens | None = None

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        shown, self.shown = self.shown, None
        return shown or super().get(client_id, character_id)


def test_invalid_grant_may_mean_that_another_one_was_faster(esi: Sandbox) -> None:
    """Without the second look into the store the character would have to sign in again, and be deleted."""
    store = Late()
    old = signed_in(store, esi)
    here, there = (security(esi, store=store).for_character(ONE) for _ in range(2))
    there.refresh()
    store.shown = old
    with client(here) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 1)
    stored = store.get(CLIENT, ONE)
    assert stored is not None
    assert stored.refresh_token == here.refresh_token == there.refresh_token


def test_another_one_was_faster_and_has_not_stored_its_tokens_yet(esi: Sandbox) -> None:
    """Two hosts without a common lock: the loser takes the newer tokens when they are stored."""
    store = MemoryTokens()
    signed_in(store, esi)

    @contextmanager
    def excludes_nobody(name: str) -> Iterator[None]:
        yield

    here, there = (security(esi, store=store, lock=excludes_nobody).for_character(ONE) for _ in range(2))
    is_rejected = threading.Event()

    class Slow(MemoryTokens):
        def set(self, tokens: Tokens) -> None:
            is_rejected.wait()  # the other host has used the old refresh token
            super().set(tokens)

    store.__class__ = Slow
    ask = here._tokens.owner.request_refresh

    def rejected(scope_list: Any) -> dict[str, Any]:
        while not esi.sso.refreshes:
            threading.Event().wait(0.01)
        try:
            return ask(scope_list)
        finally:
            is_rejected.set()

    here._tokens.owner.request_refresh = rejected  # type: ignore[method-assign]
    with client(None) as esi_client:
        calls = different_calls(esi, 2)
        ones = [there, here]
        statuses = at_once(2, lambda number: esi_client.request(calls[number], security=ones[number]).status)
    assert statuses == [200, 200]
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 1)
    assert store.characters(CLIENT) == [ONE]
    assert here.refresh_token == there.refresh_token


def test_what_the_store_has_may_be_the_older_one(esi: Sandbox) -> None:
    """Somebody puts yesterday's copy back: our own refresh token is still good."""
    store = MemoryTokens()
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    one.refresh()
    store.set(old)
    one.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 1)
    stored = store.get(CLIENT, ONE)
    assert stored is not None
    assert stored.refresh_token == one.refresh_token


def test_a_store_that_keeps_no_access_token(esi: Sandbox) -> None:
    store = MemoryTokens()
    store.set(signed_in(store, esi)._replace(access_token=None, expires_at=0))
    one = security(esi, store=store).for_character(ONE)
    assert (one.character_id, one.access_token, one.is_token_expired()) == (ONE, None, True)
    with client(one) as esi_client:
        assert [esi_client.request(wallet(esi)).status for _ in range(3)] == [200] * 3
    assert esi.sso.refreshes == 1


# ---------------------------------------------------------------------- what apps give


def test_tokens_that_are_incomplete_are_an_error_and_change_nothing(esi: Sandbox) -> None:
    one = security(esi)
    one.update_token({'access_token': 'a', 'expires_in': 1200, 'refresh_token': 'r'})
    given = {'access_token': 'b', 'expires_in': 600, 'refresh_token': 's'}
    del given['access_token']
    with pytest.raises(IncompleteTokensError, match="no 'access_token'") as caught:
        one.update_token(given)
    assert isinstance(caught.value, KeyError)
    assert (one.access_token, one.refresh_token) == ('a', 'r')


def test_without_any_token(esi: Sandbox) -> None:
    one = security(esi, store=MemoryTokens())
    with client(one) as esi_client, pytest.raises(TokenExpiredError, match='for_character'):
        esi_client.request(wallet(esi))


def test_a_code_that_is_used_twice(esi: Sandbox) -> None:
    """The SSO may end what the first use gave (RFC 6749 section 4.1.2); what is kept is not ours to delete."""
    store = MemoryTokens()
    one = security(esi, store=store)
    code = code_of(esi, one)
    one.auth(code)
    with pytest.raises(TokenRefusedError, match='invalid_grant'):
        one.auth(code)
    assert store.characters(CLIENT) == [ONE]


@pytest.mark.parametrize(
    ('verifier', 'has'), [('x' * 42, '42'), ('x' * 129, '129'), ('ü' * 43, 'others'), ('', '0'), ('ü', '1')]
)
def test_a_verifier_that_no_sso_takes(esi: Sandbox, verifier: str, has: str) -> None:
    one = security(esi, secret_key=None, code_verifier=verifier)
    with pytest.raises(ValueError, match=f'43 to 128 characters, .*; this one has {has}: use') as caught:
        one.get_auth_uri('state')
    assert not verifier or verifier not in str(caught.value)
    for good in ('x' * 43, 'x' * 128):
        security(esi, secret_key=None, code_verifier=good).get_auth_uri('state')


@pytest.mark.parametrize(
    ('options', 'granted'),
    [
        ({'store': '/tmp/tokens'}, 'store must be a TokenStore, not str'),
        ({'lock': 5}, 'lock must be a RedisLock, or a function that returns a context manager, not int'),
        ({'headers': 'MyApp/1.0'}, 'headers must be a dict'),
        ({'timeout': '5'}, 'timeout must be seconds'),
        ({'timeout': (5, 30, 60)}, 'timeout must be seconds'),
    ],
)
def test_options_of_the_wrong_kind(esi: Sandbox, options: dict[str, Any], granted: str) -> None:
    with pytest.raises(TypeError, match=f'EsiSecurity: {granted}'):
        security(esi, **options)
    with pytest.raises(ValueError, match='BaseCache'):
        security(esi, cache='/tmp/cache')
