"""Tokens are renewed once, kept before they are used, and lost only when the grant is gone."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from esipy import App, EsiSecurity, clock
from esipy.events import AFTER_TOKEN_REFRESH, Signal
from esipy.exceptions import (
    IncompleteTokensError,
    SSOUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenRefusedError,
    TokenRevokedError,
    TokenStoreBusyError,
)
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens, Tokens, TokenStore
from tests.integration.signed import CLIENT, ONE, Broken, at_once, client, different_calls, security, signed_in, wallet
from tests.integration.things import security as at
from tests.servers import Server, Visit, response_bytes


def unsigned_token(character: int) -> str:
    claims = json.dumps({'sub': f'CHARACTER:EVE:{character}'}).encode()
    return f'e30.{base64.urlsafe_b64encode(claims).decode()}.signature'


def at_server(sso: Server, **options: Any) -> EsiSecurity:
    return at('old', sso.url, **options)


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        sandbox.sso.rotate = True
        yield sandbox


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
    one = security(esi, timeout=(0.5, 0.5))
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


NESTED = b'[' * 100_000


@pytest.mark.parametrize('status', [200, 400])
def test_an_sso_that_responds_with_what_nobody_can_read(status: int) -> None:
    """JSON that is nested too deeply is none."""
    with Server(lambda visit: visit.send(response_bytes(NESTED, status))) as sso:
        one = at_server(sso)
        with pytest.raises(SSOUnavailableError if status == 200 else TokenRefusedError):
            one.refresh()
        assert one.refresh_token == 'refresh-of-old'
        with pytest.warns(UserWarning, match='does not respond'):
            at_server(sso, sso_endpoints=None, sso_endpoints_url=f'{sso.url}/discovery')


def test_a_token_that_nobody_can_read() -> None:
    deep = f'e30.{base64.urlsafe_b64encode(NESTED).decode()}.signature'
    with Server(lambda visit: visit.send(response_bytes({'access_token': deep, 'expires_in': 1200}))) as sso:
        one = at_server(sso)
        for _ in range(2):
            assert one.refresh()['access_token'] == one.access_token == deep
        assert one.character_id is None


@pytest.mark.parametrize('nothing', [None, '', 0, [], {}])
def test_a_refresh_token_that_is_none_takes_the_place_of_no_other(nothing: Any) -> None:
    """As some servers say that the one before stays good: they have the field, and nothing in it."""
    store = MemoryTokens()
    new = {'access_token': unsigned_token(ONE), 'expires_in': 1200, 'refresh_token': nothing}
    with Server(lambda visit: visit.send(response_bytes(new))) as sso:
        one = at_server(sso, store=store)
        one.refresh()
        assert one.refresh_token == 'refresh-of-old'
        stored = store.get('the-client-id', ONE)
        assert stored is not None
        assert stored.refresh_token == 'refresh-of-old'


#: `expires_in` as JSON (None: it is missing), and for how many seconds the token is good then. `exp`: until the JWT's.
LIFETIMES: dict[str, tuple[str | None, float | str]] = {
    'a number': ('1199', 1199),
    'a fraction': ('1199.5', 1199.5),
    'negative': ('-1', -1),
    'digits as text': ('"1199"', 1199),
    'digits with blanks': ('" 1199 "', 1199),
    'with a sign': ('"+1199"', 1199),
    'a fraction as text': ('"1199.0"', 1199),
    'words': ('"soon"', 'exp'),
    'empty': ('""', 'exp'),
    'digits of another script': ('"\\u0661\\u0662"', 'exp'),
    'null': ('null', 'exp'),
    'missing': (None, 'exp'),
    'a list': ('[1199]', 'exp'),
    'an object': ('{"seconds": 1199}', 'exp'),
    'true': ('true', 'exp'),
    'infinite': ('Infinity', 'exp'),
    'infinite as text': ('"Infinity"', 'exp'),
    'not a number': ('NaN', 'exp'),
    'beyond a float': ('1e999', 'exp'),
    'beyond all numbers': ('9' * 400, 'exp'),
    'digits that Python does not read': ('9' * 5000, 'exp'),
    'beside digits that Python does not read': ('1199, "x": ' + '9' * 5000, 1199),
}


def jwt_with(claims: dict[str, Any]) -> str:
    return '.'.join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({}, claims, {}))


@pytest.mark.parametrize('has_exp', [True, False])
@pytest.mark.parametrize(('written', 'seconds'), LIFETIMES.values(), ids=LIFETIMES)
def test_tokens_are_kept_whatever_their_lifetime_looks_like(written: str | None, seconds: Any, has_exp: bool) -> None:
    token = jwt_with({'exp': clock.time() + 600} if has_exp else {})
    expiry = '' if written is None else f', "expires_in": {written}'
    body = f'{{"access_token": "{token}", "refresh_token": "rotated"{expiry}}}'.encode()
    if seconds == 'exp':
        seconds = 600 if has_exp else 0
    began = clock.time()
    with Server(lambda visit: visit.send(response_bytes(body))) as sso:
        one = at_server(sso)
        one.refresh()
        other = at_server(sso)
        other.auth('the-code')
        third = at_server(sso)
        third.update_token(json.loads(body, parse_int=lambda digits: int(digits[:400])))
        for each in (one, other, third):
            assert (each.access_token, each.refresh_token) == (token, 'rotated')
            assert each.token_expiry is not None
            assert abs(each.token_expiry - began - seconds) <= 10


@pytest.mark.parametrize('code', ['invalid_grant', 'invalid_token'])
def test_a_grant_that_is_gone_has_two_names(code: str) -> None:
    with Server(lambda visit: visit.send(response_bytes({'error': code}, 400))) as sso:
        with pytest.raises(TokenRevokedError):
            at_server(sso).refresh()
        with pytest.raises(TokenRefusedError) as caught:
            at_server(sso).auth('used before')
        assert type(caught.value) is TokenRefusedError
        assert str(caught.value).endswith('used before: start the login again')
        assert 'grant_type=refresh_token' in sso.visits[0].body.decode()


#: How a token endpoint may say that a grant is gone: status, body, headers.
GRANT_IS_GONE: dict[str, tuple[int, bytes, dict[str, str]]] = {
    'as a page': (400, b'{"error":"invalid_grant"}', {'Content-Type': 'text/html'}),
    'in another charset': (400, '{"error":"invalid_grant","error_description":"é"}'.encode('latin-1'), {}),
    'in UTF-16': (400, '{"error":"invalid_token"}'.encode('utf-16'), {}),
    'with a byte order mark': (400, b'\xef\xbb\xbf{"error":"invalid_grant"}', {}),
    'with bytes behind its end': (400, b'{"error": "invalid_token"}\n\x00', {}),
    'with blanks': (400, b'{"error" : " invalid_grant "}', {}),
    'in capitals': (400, b'{"error":"Invalid_Grant"}', {}),
    'as a form': (400, b'state=x&error=invalid_grant', {'Content-Type': 'application/x-www-form-urlencoded'}),
    'compressed': (400, gzip.compress(b'{"error":"invalid_grant"}'), {'Content-Encoding': 'gzip'}),
    'with 401': (401, b'{"error":"invalid_token"}', {}),
    'with 403': (403, b'{"error":"invalid_grant"}', {}),
    'with 200': (200, b'{"error":"invalid_grant"}', {}),
    'in an object': (400, b'{"error": {"code": "invalid_grant", "message": "no"}}', {}),
    'in a list': (400, b'[{"error": "invalid_token"}]', {}),
    'as a list': (403, b'{"error": ["invalid_grant"]}', {}),
    'as a code': (401, b'{"code": "invalid_grant"}', {}),
    'as a message': (400, b'{"message": "invalid_token"}', {}),
    'as a text': (400, b'invalid_grant', {'Content-Type': 'text/plain'}),
    'as a text in JSON': (400, b'"invalid_grant"', {}),
    'with a hyphen': (400, b'{"error": "invalid-grant"}', {}),
    'in a challenge': (401, b'', {'WWW-Authenticate': 'Bearer realm="x", error="invalid_token"'}),
}


@pytest.mark.parametrize(('status', 'body', 'headers'), GRANT_IS_GONE.values(), ids=GRANT_IS_GONE)
def test_a_grant_that_is_gone_in_any_form(status: int, body: bytes, headers: dict[str, str]) -> None:
    with Server(lambda visit: visit.send(response_bytes(body, status, headers))) as sso:
        one = at_server(sso)
        with pytest.raises(TokenRevokedError) as caught:
            one.refresh()
        assert caught.value.status_code == status
        assert one.refresh_token == 'refresh-of-old'


#: What says nothing of the grant, although its code is somewhere.
NOTHING_OF_THE_GRANT: dict[str, bytes] = {
    'in a description': b'{"error": "invalid_request", "error_description": "not invalid_grant"}',
    'as a sentence': b'{"message": "expected invalid_grant"}',
    'in another field': b'{"error": "invalid_scope", "hint": "invalid_grant"}',
    'too deep': b'[[[[[[{"error": "invalid_grant"}]]]]]]',
}


@pytest.mark.parametrize('body', NOTHING_OF_THE_GRANT.values(), ids=NOTHING_OF_THE_GRANT)
def test_a_refusal_that_proves_nothing_about_the_grant(body: bytes) -> None:
    with Server(lambda visit: visit.send(response_bytes(body, 400))) as sso, pytest.raises(TokenRefusedError) as caught:
        at_server(sso).refresh()
    assert type(caught.value) is TokenRefusedError


#: Responses with new tokens: status and body.
NEW_TOKENS: dict[str, tuple[int, bytes]] = {
    'created': (201, b'{"access_token": "new", "refresh_token": "rotated", "expires_in": 1200}'),
    'another success': (203, b'{"access_token": "new", "refresh_token": "rotated", "expires_in": 1200}'),
    'another field in another charset': (
        200,
        b'{"access_token": "new", "refresh_token": "rotated", "name": "Caf\xe9"}',
    ),
    'bytes behind the end': (200, b'{"access_token": "new", "refresh_token": "rotated"}\x00<!-- 3 ms -->'),
    'a number of 5000 digits': (
        200,
        b'{"access_token": "new", "refresh_token": "rotated", "expires_in": ' + b'9' * 5000 + b'}',
    ),
    'a note of an error': (200, b'{"access_token": "new", "refresh_token": "rotated", "error": "invalid_grant"}'),
}


@pytest.mark.parametrize(('status', 'body'), NEW_TOKENS.values(), ids=NEW_TOKENS)
def test_new_tokens_are_kept_however_they_come(status: int, body: bytes) -> None:
    with Server(lambda visit: visit.send(response_bytes(body, status))) as sso:
        one = at_server(sso)
        one.refresh()
        other = at_server(sso)
        other.auth('the-code')
    for each in (one, other):
        assert (each.access_token, each.refresh_token) == ('new', 'rotated')


#: The access token, as JSON, in a response whose refresh token is in order.
BROKEN: list[str] = ['null', '""', '5', '[]', '{}', 'missing']


def _first_broken(access_token: str) -> Callable[[Visit], Any]:
    """The token endpoint sends a new refresh token beside a broken access token, and then tokens in order."""
    part = '' if access_token == 'missing' else f'"access_token": {access_token}, '
    broken = response_bytes(f'{{{part}"refresh_token": "rotated", "expires_in": 1200}}'.encode())
    good = response_bytes({'access_token': unsigned_token(ONE), 'refresh_token': 'newest', 'expires_in': 1200})
    return lambda visit: visit.send(good if visit.number else broken)


@pytest.mark.parametrize('access_token', BROKEN)
def test_a_new_refresh_token_is_kept_without_an_access_token(access_token: str) -> None:
    """The old refresh token may be worthless by then."""
    with Server(_first_broken(access_token)) as sso:
        one = at_server(sso)
        with pytest.raises(SSOUnavailableError, match='no access token'):
            one.refresh()
        assert one.refresh_token == 'rotated'
        one.refresh()
        assert one.refresh_token == 'newest'
        assert 'refresh_token=rotated' in sso.visits[1].body.decode()
    with Server(_first_broken(access_token)) as sso:
        one = at_server(sso)
        one.auth('the-code')
        assert (one.refresh_token, one.character_id) == ('newest', ONE)


def test_receivers_get_a_refresh_token_that_comes_alone() -> None:
    signal = Signal()
    sent: list[dict[str, Any]] = []
    signal.add_receiver(lambda **what: sent.append(what))
    with Server(_first_broken('null')) as sso, Server(_rejecting(0)) as server, client(None) as caller:
        one = at_server(sso, signal_token_updated=signal)
        one.update_token({'access_token': unsigned_token(ONE), 'refresh_token': 'old', 'expires_in': -1})
        call = signed_call(server.url)
        with pytest.raises(SSOUnavailableError):
            caller.request(call, security=one)
        caller.request(call, security=one)
    assert [what['refresh_token'] for what in sent] == ['rotated', 'newest']


@pytest.mark.parametrize('is_rejected', [False, True])
def test_a_call_refreshes_once_whatever_the_lifetime(is_rejected: bool) -> None:
    """Each token expires at once, and the server may have rejected one."""
    with Server(_numbered_tokens) as sso, Server(_rejecting(1 if is_rejected else 0)) as server:
        one = at_server(sso)
        expires_in = 1200 if is_rejected else -1
        one.update_token({'access_token': 'first', 'refresh_token': 'old', 'expires_in': expires_in})
        with client(None) as caller:
            call = signed_call(server.url)
            for refreshes in (1, 2):
                assert caller.request(call, security=one).status == 200
                assert len(sso.visits) == refreshes


def _numbered_tokens(visit: Visit) -> None:
    visit.send(
        response_bytes({'access_token': f'token-{visit.number}', 'refresh_token': 'rotated', 'expires_in': 'soon'})
    )


def _rejecting(times: int) -> Callable[[Visit], Any]:
    return lambda visit: visit.send(response_bytes({'a': 1}, 401 if visit.number < times else 200))


def signed_call(url: str) -> Any:
    operation = {'operationId': 'get_a', 'responses': {'200': {'description': ''}}, 'security': [{'OAuth2': []}]}
    document = {
        'openapi': '3.1.0',
        'info': {'title': 'a', 'version': '1'},
        'servers': [{'url': url}],
        'paths': {'/a': {'get': operation}},
        'components': {'securitySchemes': {'OAuth2': {'type': 'oauth2', 'flows': {}}}},
    }
    return App.create(document).op['get_a']()


@pytest.mark.parametrize('status', [408, 420, 425, 429, 500, 503])
def test_an_sso_that_is_down_proves_nothing_about_the_grant(status: int) -> None:
    page = response_bytes({'error': 'invalid_grant'}, status)
    with Server(lambda visit: visit.send(page)) as sso, pytest.raises(SSOUnavailableError):
        at_server(sso).refresh()


#: Requests to the SSO, and what an app's own tests look for in their bodies.
TOKEN_REQUESTS: dict[str, tuple[Callable[[EsiSecurity], Any], list[str]]] = {
    'refresh': (EsiSecurity.refresh, ['grant_type=refresh_token', 'refresh_token=refresh-of-old']),
    'a code': (lambda one: one.auth('a code'), ['grant_type=authorization_code', 'code=a+code']),
    'revoke': (EsiSecurity.revoke, ['token_type_hint=refresh_token', 'token=refresh-of-old']),
}


@pytest.mark.parametrize(('ask', 'words'), TOKEN_REQUESTS.values(), ids=TOKEN_REQUESTS)
def test_a_token_request_has_a_text_body(ask: Callable[[EsiSecurity], Any], words: list[str]) -> None:
    """Tests of old apps look for `'grant_type' in request.body`."""
    bodies: list[Any] = []

    class Adapter(HTTPAdapter):
        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
            bodies.append(request.body)
            return super().send(request, **options)

    with Server(lambda visit: visit.send(response_bytes({'access_token': 'a', 'expires_in': 1}))) as sso:
        one = at_server(sso)
        one._session.mount('http://', Adapter())
        ask(one)
    assert all(word in bodies[-1] for word in words)


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


def code_of(
    esi: Sandbox, one: EsiSecurity, character: int = ONE, scopes: Any = 'esi-wallet.read_character_wallet.v1'
) -> str:
    """A person signs in; the code that the application is sent."""
    back = esi.sso.login(one.get_auth_uri('state', scopes), character)
    return back.partition('code=')[2].partition('&')[0]


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
    with client(one) as esi_client, pytest.raises(TokenRevokedError, match='no longer in the store'):
        esi_client.request(wallet(esi))
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


# ---------------------------------------------------------------------- a lock of one's own


def test_a_lock_of_ones_own_stands_in_for_the_stores(esi: Sandbox) -> None:
    names: list[str] = []

    @contextmanager
    def lock(name: str) -> Iterator[None]:
        names.append(name)
        yield
        raise OSError('cannot be let go')

    store = Broken('lock')
    signed_in(store, esi)
    one = security(esi, store=store, lock=lock).for_character(ONE)
    one.refresh()
    assert names == [f'{CLIENT}:{ONE}']
    assert 'lock' not in store.asked


def test_a_lock_without_a_store_has_a_name_that_shows_no_token(esi: Sandbox) -> None:
    names: list[str] = []
    tokens = signed_in(MemoryTokens(), esi)

    @contextmanager
    def lock(name: str) -> Iterator[None]:
        names.append(name)
        yield

    one = security(esi, lock=lock)
    one.update_token({'access_token': '', 'expires_in': -1, 'refresh_token': tokens.refresh_token})
    one.refresh()
    assert names[0].startswith(f'{CLIENT}:sha256:')
    assert str(tokens.refresh_token) not in names[0]


def test_the_lock_is_the_same_whether_a_token_was_verified_or_not(esi: Sandbox) -> None:
    """One process signed the character in, another has its tokens from the app: with a lock for each, both would use
    the same refresh token."""
    names: list[str] = []

    @contextmanager
    def lock(name: str) -> Iterator[None]:
        names.append(name)
        yield

    tokens = signed_in(MemoryTokens(), esi)
    for verified in (True, False):
        one = security(esi, lock=lock)
        one.update_token(
            {'access_token': tokens.access_token, 'expires_in': 1200, 'refresh_token': tokens.refresh_token}
        )
        if verified:
            one.verify()
        esi.faults.add('status', status=503, operation='sso.token', n=1)
        with pytest.raises(SSOUnavailableError):
            one.refresh()
    assert names == [f'{CLIENT}:{ONE}'] * 2


def test_the_holder_of_a_lock_may_bring_the_tokens(esi: Sandbox) -> None:
    """An app that keeps tokens in a database of its own: who has waited reads what the one before has written."""
    tokens = signed_in(MemoryTokens(), esi)
    database = {'access_token': '', 'expires_in': -1, 'refresh_token': tokens.refresh_token}
    held = threading.Lock()

    def made() -> EsiSecurity:
        @contextmanager
        def lock(name: str) -> Iterator[None]:
            with held:
                one.update_token(database)
                yield
                database.update(access_token=one.access_token, expires_in=1200, refresh_token=one.refresh_token)

        one = security(esi, lock=lock)
        one.update_token(database)
        return one

    here, there = made(), made()
    with client(None) as esi_client:
        for one in (here, there):
            assert esi_client.request(wallet(esi), security=one).ok
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


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


@pytest.mark.parametrize('verifier', ['x' * 42, 'x' * 129, 'ü' * 43, ''])
def test_a_verifier_that_no_sso_takes(esi: Sandbox, verifier: str) -> None:
    one = security(esi, secret_key=None, code_verifier=verifier)
    with pytest.raises(ValueError, match='43 to 128') as caught:
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


# ---------------------------------------------------------------------- waiting for another process


@pytest.mark.parametrize('kind', ['memory', 'file'])
def test_newer_tokens_of_the_store_are_used_although_a_killed_process_holds_the_lock(
    esi: Sandbox, kind: str, tmp_path: Path
) -> None:
    """It was killed after it had stored the tokens. Without the look into the store the call waits for the lock."""
    store: TokenStore = MemoryTokens() if kind == 'memory' else FileTokens(tmp_path / 'tokens')
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    new = esi.sso.grant(ONE, None)
    released = threading.Event()

    def hold() -> None:
        with store.lock(CLIENT, ONE):
            holds.set()
            released.wait()

    holds = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait()
    store.set(
        old._replace(
            access_token=new['access_token'], refresh_token=new['refresh_token'], expires_at=clock.time() + 1200
        )
    )
    try:
        with client(one) as esi_client:
            calls = different_calls(esi, 5)
            statuses = at_once(5, lambda number: esi_client.request(calls[number]).status)
        assert statuses == [200] * 5
        assert esi.log.count('sso.token') == 0
        assert one.access_token == new['access_token']
    finally:
        released.set()
        holder.join()
    one.refresh()  # the refresh that waited for the lock has ended, and has used no refresh token
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


@pytest.mark.parametrize('check_scopes', [True, False])
def test_signing_counts_towards_the_deadline_and_the_tokens_are_stored(esi: Sandbox, check_scopes: bool) -> None:
    """A call gives up at its deadline; the refresh that it began ends, and its tokens are stored and announced."""
    store = MemoryTokens()
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    answered, announced = threading.Event(), threading.Event()
    threads: list[str] = []

    def receive(refresh_token: str, **kwargs: Any) -> None:
        stored = store.get(CLIENT, ONE)
        assert stored is not None
        assert stored.refresh_token == refresh_token
        threads.append(threading.current_thread().name)
        announced.set()

    AFTER_TOKEN_REFRESH.add_receiver(receive)
    ask = one._tokens.owner.request_refresh

    def slow(scope_list: Any) -> dict[str, Any]:
        answered.wait()
        return ask(scope_list)

    one._tokens.owner.request_refresh = slow  # type: ignore[method-assign]
    with client(one, deadline=0.3, check_scopes=check_scopes) as esi_client:
        calls = different_calls(esi, 5)
        errors = at_once(5, lambda number: esi_client.request(calls[number]))
        assert {type(error) for error in errors} == {SSOUnavailableError}
        assert all('before the deadline' in str(error) for error in errors)
        answered.set()
        assert announced.wait(60)
        stored = store.get(CLIENT, ONE)
        assert stored is not None
        assert stored.refresh_token not in (None, old.refresh_token)
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert threads == ['esipy_refresh']
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_receivers_run_in_the_thread_of_the_call(esi: Sandbox) -> None:
    """Apps keep tokens there by a database session that belongs to the thread."""
    store = MemoryTokens()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    threads: list[int] = []
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: threads.append(threading.get_ident()))
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert threads == [threading.get_ident()]


@pytest.fixture
def start_of_the_refresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Any], None]], None]]:
    """Replaces how the thread of a refresh is started: `replace(start)`, which gets what starts it."""
    real = threading.Thread.start

    def replace(start: Callable[[Any], None]) -> None:
        def begin(thread: threading.Thread) -> None:
            if thread.name == 'esipy_refresh':
                start(lambda: real(thread))
            else:
                real(thread)

        monkeypatch.setattr(threading.Thread, 'start', begin)

    yield replace
    monkeypatch.undo()


def test_where_no_thread_can_be_started_the_refresh_runs_in_the_thread_of_the_call(
    esi: Sandbox, start_of_the_refresh: Any
) -> None:
    """Otherwise all later calls of the process would wait for a refresh that never began."""

    def fail(start: Any) -> None:
        raise RuntimeError("can't start new thread")

    store = MemoryTokens()
    signed_in(store, esi)
    start_of_the_refresh(fail)
    with client(security(esi, store=store).for_character(ONE), deadline=30) as esi_client:
        calls = different_calls(esi, 5)
        assert all(response.ok for response in at_once(5, lambda number: esi_client.request(calls[number])))
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_ctrl_c_while_the_thread_of_a_refresh_starts(esi: Sandbox, start_of_the_refresh: Any) -> None:
    """The refresh goes on, and its tokens are stored and announced."""

    def interrupt(start: Any) -> None:
        start()
        raise KeyboardInterrupt

    store = MemoryTokens()
    signed_in(store, esi)
    announced = threading.Event()
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: announced.set())
    start_of_the_refresh(interrupt)
    with client(security(esi, store=store).for_character(ONE), deadline=30) as esi_client:
        with pytest.raises(KeyboardInterrupt):
            esi_client.request(wallet(esi))
        assert announced.wait(60)
        assert esi_client.request(wallet(esi)).ok
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)
