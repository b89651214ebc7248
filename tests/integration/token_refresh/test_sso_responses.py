"""What the SSO sends instead of tokens, and tokens that it sends in an unusual form."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from esipy import App, EsiSecurity, clock
from esipy.events import Signal
from esipy.exceptions import (
    SSOUnavailableError,
    TokenRefusedError,
    TokenRevokedError,
)
from esipy.stores import MemoryTokens
from tests.integration.signed import ONE, client
from tests.integration.token_refresh.sso import at_server, unsigned_token
from tests.servers import Server, Visit, response_bytes

NESTED = b'[' * 100_000


@pytest.mark.parametrize('status', [200, 400])
def test_an_sso_that_responds_with_what_nobody_can_read(status: int) -> None:
    """JSON that is nested too deeply is none."""
    with Server(lambda visit: visit.send(response_bytes(NESTED, status))) as sso:
        one = at_server(sso)
        with pytest.raises(SSOUnavailableError if status == 200 else TokenRefusedError):
            one.refresh()
        assert one.refresh_token == 'refresh-of-old'
        with pytest.warns(UserWarning, match='is not available'):
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


#: Requests to an SSO that is down, and what to do then.
WHAT_TO_DO: dict[str, tuple[Callable[[EsiSecurity], Any], str]] = {
    'a code': (lambda one: one.auth('a code'), ': start the login again, because the code may have been used'),
    'refresh': (EsiSecurity.refresh, ': the refresh token is kept'),
    'revoke': (EsiSecurity.revoke, ''),
    'a page': (EsiSecurity._keys, ''),
}


@pytest.mark.parametrize(
    'fault', [Visit.reset, lambda visit: visit.send(response_bytes({}, 503))], ids=['reset', '503']
)
@pytest.mark.parametrize(('ask', 'what'), WHAT_TO_DO.values(), ids=WHAT_TO_DO)
def test_the_error_of_an_sso_that_is_down_says_what_to_do(
    ask: Callable[[EsiSecurity], Any], what: str, fault: Callable[[Visit], Any]
) -> None:
    with Server(fault) as sso, pytest.raises(SSOUnavailableError) as caught:
        ask(at_server(sso))
    assert str(caught.value).endswith(f'; try again later{what}')


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
