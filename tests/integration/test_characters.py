"""A call's way past its token: refused by the server and sent once more, lacking a scope, signed as one of many."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.cache import DictCache
from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS
from esipy.exceptions import (
    CallError,
    ForbiddenError,
    MissingScopeError,
    TokenError,
    TokenRevokedError,
    TokenStoreError,
    UnknownCharacterError,
)
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.integration.signed import CLIENT, ONE, TWO, at_once, client, different_calls, security, signed_in, wallet
from tests.integration.things import app_at
from tests.integration.things import security as plain_security
from tests.integration.token_refresh.sso import code_of
from tests.servers import Server, Visit, response_bytes

WALLET = 'esi-wallet.read_character_wallet.v1'


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        sandbox.sso.rotate = True
        yield sandbox


# ---------------------------------------------------------------------- 401


def test_a_401_renews_the_token_and_tries_once_more(esi: Sandbox) -> None:
    """Keys were rotated: what they have signed is worth nothing, long before its end."""
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    one = security(esi, store=store).for_character(ONE)
    esi.sso.rotate_keys()
    attempts: list[tuple[int, int]] = []
    sent: list[Any] = []
    API_CALL_STATS.add_receiver(lambda status_code, attempt, **more: attempts.append((attempt, status_code)))
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: sent.append(kwargs['token_identifier']))
    with client(one) as esi_client:
        response = esi_client.request(wallet(esi))
    assert (response.status, response.attempts) == (200, 2)
    assert attempts == [(1, 401), (2, 200)]
    assert sent == [ONE]


def test_a_write_too_since_a_401_did_nothing(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    esi.sso.rotate_keys()
    app = App.create(esi.document)
    fitting = {
        'name': 'x',
        'description': 'y',
        'ship_type_id': 587,
        'items': [{'type_id': 1, 'quantity': 1, 'flag': 'Cargo'}],
    }
    call = app.op['post_characters_character_id_fittings'](character_id=ONE, fitting=fitting)
    with client(security(esi, store=store)) as esi_client:
        response = esi_client.as_character(ONE).request(call)
    assert (response.status, response.attempts) == (201, 2)


def test_50_threads_with_a_refused_token_renew_it_once(esi: Sandbox) -> None:
    """Without the comparison in `refused`, each thread that comes late renews the token that is new already."""
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    one = security(esi, store=store).for_character(ONE)
    esi.sso.rotate_keys()
    calls = different_calls(esi, 50)
    with client(one) as esi_client:
        assert at_once(50, lambda number: esi_client.request(calls[number]).status) == [200] * 50
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_a_second_401_stands(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    esi.faults.add('status', status=401, operation='get_characters_character_id_wallet')
    with client(security(esi, store=store)) as esi_client:
        response = esi_client.as_character(ONE).request(wallet(esi))
    assert (response.status, response.attempts) == (401, 2)
    assert esi.sso.refreshes == 1


def test_it_stands_where_no_other_token_can_be_had(esi: Sandbox) -> None:
    store = MemoryTokens()
    store.set(signed_in(store, esi, left=1200)._replace(refresh_token=None))
    signed_in(store, esi, TWO, left=1200)
    esi.faults.add('status', status=401, operation='get_characters_character_id_wallet')
    esi.faults.add('status', status=503, operation='sso.token')
    with client(security(esi, store=store)) as esi_client:
        assert esi_client.as_character(ONE).request(wallet(esi)).attempts == 1
        assert esi_client.as_character(TWO).request(wallet(esi, TWO)).attempts == 1  # the SSO is down
        assert store.characters(CLIENT) == [ONE, TWO]
        mine = App.create(esi.document).op['get_characters_character_id_wallet'](character_id=ONE, token='mine')
        assert esi_client.as_character(TWO).request(mine).attempts == 1
        assert esi_client.request(wallet(esi), security=lambda request: request).attempts == 1
    assert esi.log.count('sso.token') == 1


def test_a_grant_that_is_gone_is_raised_instead_of_the_401(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    esi.sso.sell(ONE)
    with client(security(esi, store=store)) as esi_client, pytest.raises(TokenRevokedError):
        esi_client.as_character(ONE).request(wallet(esi))
    assert store.characters(CLIENT) == []


def test_what_another_process_has_renewed_is_tried_before_the_sso_is_asked(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    here, there = (security(esi, store=store).for_character(ONE) for _ in range(2))
    esi.sso.rotate_keys()
    there.refresh()
    with client(here) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert esi.sso.refreshes == 1


def test_an_object_for_many_users_does_not_try_again_as_another_one() -> None:
    """The app gives it somebody else's token while the response is on its way. (With `return True` at the end of
    `refused`, the write of A is sent again as B.)"""
    one = plain_security('of A')

    def page(visit: Visit) -> None:
        one.update_token({'access_token': 'of B', 'expires_in': 1200, 'refresh_token': 'refresh of B'})
        visit.send(response_bytes({'error': 'x'}, 401))

    with Server(page) as server, client(one) as esi_client:
        assert esi_client.request(app_at(server.url).op['put_mine'](body={})).status == 401
    assert [visit.headers['authorization'] for visit in server.visits] == ['Bearer of A']


def test_a_body_that_was_read_while_it_was_sent_is_not_sent_again() -> None:
    """There is nothing left to send."""
    with Server(lambda visit: visit.send(response_bytes({'error': 'x'}, 401))) as server:
        call = app_at(server.url).op['put_mine'](body={})
        call[0].operation.__dict__['endpoint'] = {'stream_request': True}
        call[0]._p['body'] = {'body': io.BytesIO(b'{}')}
        with client(plain_security('old')) as esi_client:
            assert esi_client.request(call).attempts == 1
    assert [visit.path for visit in server.visits] == ['/mine']


# ---------------------------------------------------------------------- scopes


@pytest.mark.parametrize('known', ['from the store', 'verified'])
def test_a_call_whose_scope_is_missing_is_not_sent(esi: Sandbox, known: str) -> None:
    store = MemoryTokens()
    tokens = signed_in(store, esi, scopes=['esi-assets.read_assets.v1'], left=1200)
    one = security(esi, store=store).for_character(ONE)
    if known == 'verified':
        one = security(esi)
        one.update_token({'access_token': tokens.access_token, 'expires_in': 1200})
        one.verify()
    with client(one) as esi_client:
        with pytest.raises(MissingScopeError) as caught:
            esi_client.request(wallet(esi))
        esi.log.assert_not_called('get_characters_character_id_wallet')
        assert caught.value.scopes == (WALLET,)
        assert isinstance(caught.value, CallError)
        assert isinstance(caught.value, TokenError)
        text = str(pickle.loads(pickle.dumps(caught.value)))
        for part in ('GetCharactersCharacterIdWallet', WALLET, one.character_name, 'get_auth_uri', 'check_scopes'):
            assert str(part) in text
        assert esi_client.request(App.create(esi.document).op['get_status']()).ok

        (pair,) = esi_client.multi_request([wallet(esi)])
        assert pair[1].status == 403
        assert isinstance(pair[1].cause, MissingScopeError)


def test_check_scopes_can_be_left_out(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, scopes=['esi-assets.read_assets.v1'], left=1200)
    with client(security(esi, store=store), check_scopes=False) as esi_client:
        assert esi_client.as_character(ONE).request(wallet(esi)).status == 403
    lax = security(esi, store=store, check_scopes=False)
    with client(lax) as esi_client, pytest.raises(ForbiddenError) as caught:
        esi_client.as_character(ONE).request(wallet(esi), raise_on_error=True)
    assert caught.value.scopes == (WALLET,)


def test_scopes_that_are_not_known_for_certain_are_left_to_the_server(esi: Sandbox) -> None:
    one = security(esi)
    one.update_token({'access_token': esi.token(ONE, scopes=[]), 'expires_in': 1200})
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).status == 403
        assert esi_client.request(wallet(esi), security=lambda request: request).status == 401


def test_a_character_that_signed_in_again_elsewhere_may_call(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, scopes=['esi-assets.read_assets.v1'], left=1200)
    web, worker = security(esi, store=store), security(esi, store=store)
    with client(worker) as esi_client:
        with pytest.raises(MissingScopeError):
            esi_client.as_character(ONE).request(wallet(esi))
        web.auth(code_of(esi, web, ONE, worker.scopes_for(wallet(esi)[0].operation)))
        assert esi_client.as_character(ONE).request(wallet(esi)).ok


def test_scopes_for_operations(esi: Sandbox) -> None:
    app = App.create(esi.document)
    one = security(esi)
    names = ['get_characters_character_id_wallet', 'get_characters_character_id_assets', 'get_status']
    assert one.scopes_for(*(app.op[name] for name in names)) == ['esi-assets.read_assets.v1', WALLET]
    assert one.scopes_for(*app.op.values()) == sorted(set(one.scopes_for(*app.op.values())))
    assert one.scopes_for() == []
    with pytest.raises(TypeError, match='operations'):
        one.scopes_for('get_status')  # type: ignore[arg-type]


def test_a_403_names_the_roles_that_are_needed(esi: Sandbox) -> None:
    app = App.create(esi.document)
    operation = app.op['get_corporations_corporation_id_wallets']
    one = security(esi)
    one.update_token({'access_token': esi.token(ONE, roles=[]), 'expires_in': 1200})
    with client(one) as esi_client, pytest.raises(ForbiddenError) as caught:
        esi_client.request(operation(corporation_id=98000001), raise_on_error=True)
    assert caught.value.roles == operation.required_roles
    assert f'it needs one of the roles {operation.required_roles[0]}' in str(caught.value)


# ---------------------------------------------------------------------- many characters


def test_one_client_for_many_characters(esi: Sandbox) -> None:
    store = MemoryTokens()
    for character in (ONE, TWO):
        signed_in(store, esi, character)
    with client(security(esi, store=store), cache=DictCache()) as esi_client:
        one, two = esi_client.as_character(ONE), esi_client.as_character(TWO)
        assert one.security is esi_client.as_character(ONE).security
        assert (one.security.character_id, two.security.character_id) == (ONE, TWO)
        assert (one.cache, one._session, one._pipeline) == (two.cache, two._session, two._pipeline)
        for _ in range(2):
            assert one.request(wallet(esi, ONE)).ok
            assert two.request(wallet(esi, TWO)).ok
        assert one.request(wallet(esi, TWO)).status == 403
        assert one.request(wallet(esi, TWO), security=two.security).ok
        esi.log.assert_called('get_characters_character_id_wallet', times=3)
        with one as again:
            assert again.request(wallet(esi, ONE)).from_cache
        assert len(one._session.adapters['http://'].poolmanager.pools) == 1  # type: ignore[attr-defined]  # closing it has closed nothing
        assert isinstance(one, EsiClient)
    assert esi.sso.refreshes == 2


def test_after_a_new_login_the_new_grant_signs(esi: Sandbox) -> None:
    """The one before may be of whoever has sold the character."""
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    app = security(esi, store=store)
    before = app.for_character(ONE)
    esi.sso.sell(ONE)
    app.auth(code_of(esi, app, ONE))
    after = app.for_character(ONE)
    assert after is not before
    assert after.owner == app.owner != before.owner


def test_a_characters_object_that_signs_another_one_in_is_no_longer_its(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    one = security(esi, store=store).for_character(ONE)
    one.auth(code_of(esi, one, TWO))
    again = one.for_character(ONE)
    assert (one.character_id, again.character_id) == (TWO, ONE)
    assert one.for_character(ONE) is again


def test_threads_get_the_same_object(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi)
    whole = security(esi, store=store)
    assert len({id(one) for one in at_once(50, lambda number: whole.for_character(ONE))}) == 1


def test_a_character_that_nobody_knows(esi: Sandbox) -> None:
    store = MemoryTokens()
    with client(security(esi, store=store)) as esi_client:
        with pytest.raises(UnknownCharacterError, match=f'character {ONE}.*tokens for: none'):
            esi_client.as_character(ONE)
        for character in range(TWO, TWO + 12):
            signed_in(store, esi, character)
        with pytest.raises(KeyError, match=f'tokens for: {TWO}, .* and 2 more') as caught:
            esi_client.as_character(ONE)
        assert isinstance(caught.value, TokenError)
        with pytest.raises(TypeError, match='character_id must be an int, not a str'):
            esi_client.as_character('Aelia')  # type: ignore[arg-type]


def test_without_a_store_there_are_no_characters(esi: Sandbox) -> None:
    with client(security(esi)) as esi_client, pytest.raises(TokenError, match='store'):
        esi_client.as_character(ONE)
    with client(None) as esi_client, pytest.raises(TokenError, match='store'):
        esi_client.as_character(ONE)


def test_another_applications_tokens_are_not_given(esi: Sandbox) -> None:
    store = MemoryTokens()
    store.set(signed_in(store, esi)._replace(client_id='another'))
    store.delete(CLIENT, ONE)
    with pytest.raises(UnknownCharacterError):
        security(esi, store=store).for_character(ONE)


@pytest.mark.parametrize(
    ('arguments', 'sent'),
    [
        ({'security': 'my token'}, 'security must be an EsiSecurity or a function, not str'),
        ({'headers': 'MyApp/1.0'}, 'headers must be a dict'),
        ({'session': 5}, 'session must be a requests.Session, not a int'),
        ({'timeout': '5'}, 'timeout must be seconds'),
        ({'deadline': '60'}, 'deadline must be seconds, not a str'),
        ({'max_wait': '5'}, 'max_wait must be seconds'),
        ({'stale_if_error': 'a day'}, 'stale_if_error must be seconds'),
        ({'keep_stale': [1]}, 'keep_stale must be seconds'),
    ],
)
def test_arguments_of_the_wrong_kind(arguments: dict[str, Any], sent: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TypeError, match=f'EsiClient: {sent}') as caught:
        EsiClient(user_agent='tests', **arguments)
    assert 'my token' not in f'{caught.value}{caplog.text}'


def test_a_store_that_is_away_when_a_character_is_looked_up(esi: Sandbox) -> None:
    class Away(MemoryTokens):
        def get(self, client_id: str, character_id: int) -> Any:
            raise TokenStoreError('the store is away')

    with pytest.raises(TokenStoreError):
        security(esi, store=Away()).for_character(ONE)
