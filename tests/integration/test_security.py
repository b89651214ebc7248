"""EsiSecurity against an SSO of raw sockets: tokens refreshed once, kept whatever happens, and shown to nobody."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from esipy import EsiSecurity, clock
from esipy.events import AFTER_TOKEN_REFRESH, Signal
from esipy.exceptions import (
    APIException,
    SSOUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenRefusedError,
    TokenRevokedError,
)
from tests.integration.things import ENDPOINTS, app_at, client, security
from tests.leaks import holds
from tests.servers import Server, Visit, response_bytes, unused_url

SECRETS = ('the-secret-key', 'refresh-of-old', 'the-code', 'the-verifier')


class SSO(Server):
    """Gives tokens: token-1, token-2, ... `fault`: what it does instead."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.fault: Callable[[Visit], Any] | None = None
        self.extra: dict[str, Any] = {}

    def _page(self, visit: Visit) -> None:
        if self.fault is not None:
            self.fault(visit)
        elif visit.path.endswith('oauth-authorization-server'):
            visit.send(
                response_bytes(
                    {name: url.replace('https://login.eveonline.com', self.url) for name, url in ENDPOINTS.items()}
                )
            )
        elif visit.path == '/v2/oauth/token':
            time.sleep(0.02)
            number = sum(one.path == visit.path for one in self.visits)
            tokens = {
                'access_token': f'token-{number}',
                'refresh_token': f'refresh-{number}',
                'expires_in': 1200,
                'token_type': 'Bearer',
                **self.extra,
            }
            visit.send(response_bytes(tokens))
        elif visit.path == '/oauth/jwks':
            visit.send(response_bytes({'keys': []}))
        elif visit.path == '/v2/oauth/revoke':
            visit.send(response_bytes(b''))
        else:
            visit.send(response_bytes({'owner': visit.headers.get('authorization')}))


@pytest.fixture
def sso() -> Iterator[SSO]:
    with SSO() as server:
        yield server


def made(sso: Server, **options: Any) -> EsiSecurity:
    """With an old token, by discovery."""
    options = {'secret_key': 'the-secret-key', 'headers': {'User-Agent': 'tests'}, **options}
    url = f'{sso.url}/.well-known/oauth-authorization-server'
    one = EsiSecurity('https://app.example/callback', 'the-client-id', sso_endpoints_url=url, **options)
    one.update_token({'access_token': 'old', 'expires_in': -1, 'refresh_token': 'refresh-of-old'})
    return one


# ---------------------------------------------------------------------- construction


def test_discovery_once_for_a_process(sso: SSO) -> None:
    one, two = made(sso), made(sso)
    assert [visit.path for visit in sso.visits] == ['/.well-known/oauth-authorization-server', '/oauth/jwks']
    assert sso.visits[0].headers['user-agent'] == 'tests'
    for each in (one, two):
        assert each.oauth_issuer == sso.url
        assert each.oauth_authorize == f'{sso.url}/v2/oauth/authorize'
        assert each.oauth_token == f'{sso.url}/v2/oauth/token'
        assert each.oauth_revoke == f'{sso.url}/v2/oauth/revoke'


def test_attributes_and_options_of_1x() -> None:
    signal = Signal()
    one = EsiSecurity(
        redirect_uri='https://app.example/cb',
        client_id='id',
        secret_key='key',
        token_identifier='me',
        security_name='other',
        headers={'User-Agent': 'tests', 'X-Own': '1'},
        signal_token_updated=signal,
        sso_endpoints=ENDPOINTS,
        sso_endpoints_url='https://sso.example',
        jwks_key={'keys': [{'kid': 'a', 'kty': 'RSA'}]},
    )
    assert (one.redirect_uri, one.client_id, one.secret_key, one.code_verifier) == (
        'https://app.example/cb',
        'id',
        'key',
        None,
    )
    assert (one.token_identifier, one.security_name, one.signal_token_updated) == ('me', 'other', signal)
    assert (one.access_token, one.refresh_token, one.token_expiry) == (None, None, None)
    assert one.oauth_token == ENDPOINTS['token_endpoint']
    assert one.jwks_key_set == {'a': {'kid': 'a', 'kty': 'RSA'}}
    assert one.jwks_key is None
    assert one._session.headers['X-Own'] == '1'
    one.oauth_token = 'https://elsewhere.example/token'
    assert one.get_access_token_params('x')['url'] == 'https://elsewhere.example/token'
    assert one.oauth_issuer == ENDPOINTS['issuer']


def test_what_is_needed() -> None:
    with pytest.raises(AttributeError, match='pass secret_key, or code_verifier='):
        EsiSecurity('https://x', 'id', sso_endpoints=ENDPOINTS)
    for nothing in (None, ''):
        with pytest.raises(AttributeError, match='sso_endpoints_url'):
            EsiSecurity('https://x', 'id', 'key', sso_endpoints_url=nothing)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match='User-Agent') as warned:
        EsiSecurity('https://x', 'id', 'key', sso_endpoints=ENDPOINTS)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="'sso_endpoint', did you mean 'sso_endpoints'"):
        EsiSecurity('https://x', 'id', 'key', sso_endpoint={}, sso_endpoints=ENDPOINTS, headers={'User-Agent': 'x'})  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="'app'"):
        EsiSecurity('https://x', 'id', 'key', app=object(), sso_endpoints=ENDPOINTS, headers={'User-Agent': 'x'})


@pytest.mark.parametrize('fault', ['refused', 'hang', '500', 'html', 'list', 'nothing in it'])
def test_an_sso_that_is_down_is_asked_again_later(fault: str, sso: SSO, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: dict[str, Callable[[Visit], Any]] = {
        'refused': Visit.reset,
        'hang': Visit.hang,
        '500': lambda visit: visit.send(response_bytes({'error': 'x'}, 500)),
        'html': lambda visit: visit.send(response_bytes(b'<html>')),
        'list': lambda visit: visit.send(response_bytes([])),
        'nothing in it': lambda visit: visit.send(response_bytes({'issuer': 'x'})),
    }
    sso.fault = faults[fault]
    begun = time.monotonic()
    with pytest.warns(UserWarning, match='the SSO is not available') as warned:
        one = made(sso, timeout=2)
    assert time.monotonic() - begun < 20
    assert warned[0].filename == __file__
    with pytest.raises(SSOUnavailableError) as caught:
        one.get_auth_uri('state')
    assert isinstance(caught.value, APIException)
    is_another_page = fault in ('html', 'list', 'nothing in it')
    assert ('published something other than its metadata' in str(caught.value)) is is_another_page
    sso.fault = None
    assert one.get_auth_uri('state').startswith(f'{sso.url}/v2/oauth/authorize?')


@pytest.mark.parametrize('given', [True, False], ids=['by the app', 'by the SSO'])
def test_an_endpoint_that_is_missing(given: bool) -> None:
    endpoints = {name: url for name, url in ENDPOINTS.items() if name != 'revocation_endpoint'}
    with Server(lambda visit: visit.send(response_bytes({**endpoints, 'keys': []}))) as server:
        endpoints['jwks_uri'] = server.url
        where: Any = {'sso_endpoints': endpoints} if given else {'sso_endpoints_url': server.url}
        one = EsiSecurity('https://x', 'id', 'key', headers={'User-Agent': 'x'}, **where)
    with pytest.raises(TokenError) as caught:
        one.oauth_revoke  # noqa: B018
    expected = 'sso_endpoints has no {!r}; add it' if given else f'the metadata at {server.url} has no {{!r}}; check '
    assert str(caught.value).startswith(expected.format('revocation_endpoint'))


def test_nobody_listens() -> None:
    import requests

    with pytest.warns(UserWarning, match='the SSO is not available'):
        one = EsiSecurity('https://x', 'id', 'key', sso_endpoints_url=unused_url(), headers={'User-Agent': 'x'})
    with pytest.raises(requests.exceptions.ConnectionError):
        one.auth('code')


# ---------------------------------------------------------------------- signing in


def test_get_auth_uri() -> None:
    one = security()
    assert one.get_auth_uri('st', ['a.v1', 'b.v1']) == (
        'https://login.eveonline.com/v2/oauth/authorize?response_type=code&redirect_uri='
        'https%3A%2F%2Fapp.example%2Fcallback&client_id=the-client-id&scope=a.v1+b.v1&state=st'
    )
    assert 'response_type=token&' in one.get_auth_uri('st', implicit=True)
    for nothing in ('', None):
        with pytest.raises(AttributeError, match='state'):
            one.get_auth_uri(nothing)  # type: ignore[arg-type]


@pytest.mark.parametrize('text', ['x&scope=all', 'a b', 'ü#?/', 'x\r\nLocation: y', '%26', '+', 'a=b&c=d'])
def test_no_part_can_bring_in_a_parameter(text: str) -> None:
    one = security()
    one.redirect_uri = one.client_id = text
    query = parse_qs(urlsplit(one.get_auth_uri(text, [text])).query, keep_blank_values=True)
    assert query == {
        'response_type': ['code'],
        'redirect_uri': [text],
        'client_id': [text],
        'scope': [text],
        'state': [text],
    }


def test_pkce(sso: SSO) -> None:
    from esipy.utils import generate_code_challenge, generate_code_verifier

    verifier = generate_code_verifier()
    one = made(sso, secret_key=None, code_verifier=verifier)
    query = parse_qs(urlsplit(one.get_auth_uri('s')).query)
    assert query['code_challenge'] == [generate_code_challenge(verifier)]
    assert query['code_challenge_method'] == ['S256']
    one.auth('the-code')
    assert sso.visits[-1].form == {
        'grant_type': 'authorization_code',
        'code': 'the-code',
        'code_verifier': verifier,
        'client_id': 'the-client-id',
    }
    assert 'authorization' not in sso.visits[-1].headers


def test_auth_with_a_secret(sso: SSO) -> None:
    one = made(sso)
    warned = one.auth('the-code')
    visit = sso.visits[-1]
    assert visit.headers['authorization'] == 'Basic ' + base64.b64encode(b'the-client-id:the-secret-key').decode()
    assert visit.headers['content-type'] == 'application/x-www-form-urlencoded'
    assert visit.form == {'grant_type': 'authorization_code', 'code': 'the-code'}
    assert (one.access_token, one.refresh_token, warned['access_token']) == ('token-1', 'refresh-1', 'token-1')
    assert not one.is_token_expired()


def test_revoke(sso: SSO) -> None:
    one = made(sso)
    one.revoke()
    assert sso.visits[-1].form == {'token_type_hint': 'refresh_token', 'token': 'refresh-of-old'}
    assert (one.access_token, one.refresh_token, one.token_expiry) == (None, None, None)
    with pytest.raises(AttributeError, match='there is no token to revoke'):
        one.revoke()


# ---------------------------------------------------------------------- tokens


def test_update_token_and_is_token_expired() -> None:
    one = security()
    assert one.is_token_expired()
    one.update_token({'access_token': 'a', 'expires_in': 100, 'refresh_token': 'r'}, token_identifier='me')
    assert (one.access_token, one.refresh_token, one.token_identifier) == ('a', 'r', 'me')
    assert not one.is_token_expired()
    assert one.is_token_expired(offset=101)
    assert not one.is_token_expired(offset=50)
    one.update_token({'access_token': 'b', 'expires_in': 0.5})
    assert (one.access_token, one.refresh_token, one.token_identifier) == ('b', 'r', 'me')
    clock.move(200)
    assert one.is_token_expired()
    assert not one.is_token_expired(offset=-400)
    one.token_expiry = None
    assert one.is_token_expired()


def test_refresh_by_hand_sends_no_signal(sso: SSO) -> None:
    heard: list[Any] = []
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: heard.append(kwargs))
    one = made(sso)
    warned = one.refresh()
    assert sso.visits[-1].form == {'grant_type': 'refresh_token', 'refresh_token': 'refresh-of-old'}
    assert (one.access_token, one.refresh_token, warned['expires_in']) == ('token-1', 'refresh-1', 1200)
    one.refresh(['a', 'b'])
    assert sso.visits[-1].form['scope'] == 'a b'
    with pytest.raises(AttributeError, match='must be a list of scopes, not str'):
        one.refresh('a b')  # type: ignore[arg-type]
    assert heard == []


def test_without_a_refresh_token() -> None:
    with pytest.raises(TokenExpiredError, match='No refresh token') as caught:
        security().refresh()
    assert isinstance(caught.value, AttributeError)


def exact(access_token: str, refresh_token: str, expires_in: int, token_type: str, token_identifier: Any) -> None:
    heard.append((access_token, refresh_token, expires_in, token_type, token_identifier))


heard: list[Any] = []


@pytest.mark.parametrize('extra', [{}, {'scope': 'a b', 'id_token': 'x'}], ids=['as ever', 'more than ever'])
def test_a_call_refreshes_and_sends_the_signal(extra: dict[str, Any], sso: SSO) -> None:
    heard.clear()
    everything: list[Any] = []
    sso.extra = extra
    one = made(sso, token_identifier='me')
    AFTER_TOKEN_REFRESH.add_receiver(exact)
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: everything.append(kwargs))
    with client(security=one) as esi:
        for _ in range(2):
            assert esi.request(app_at(sso.url).op['get_mine']()).data.owner == 'Bearer token-1'
    assert heard == [('token-1', 'refresh-1', 1200, 'Bearer', 'me')]
    assert len(everything) == 1
    assert everything[0].items() >= extra.items()


def test_a_signal_of_ones_own(sso: SSO) -> None:
    class OnlySend:
        def send(self, **kwargs: Any) -> None:
            warned.append(kwargs)

    warned: list[Any] = []
    with client(security=made(sso, signal_token_updated=OnlySend())) as esi:
        esi.request(app_at(sso.url).op['get_mine']())
    assert [sorted(one) for one in warned] == [
        ['access_token', 'expires_in', 'refresh_token', 'token_identifier', 'token_type']
    ]


def test_a_receiver_that_raises_stops_nothing_and_shows_no_token(sso: SSO, caplog: pytest.LogCaptureFixture) -> None:
    def break_down(access_token: str, **kwargs: Any) -> None:
        raise RuntimeError(f'cannot store {access_token} and {kwargs["refresh_token"]}')

    order: list[Any] = []
    AFTER_TOKEN_REFRESH.add_receiver(break_down)
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: order.append(kwargs['refresh_token']))
    with client(security=made(sso)) as esi:
        assert esi.request(app_at(sso.url).op['get_mine']()).data.owner == 'Bearer token-1'
    assert order == ['refresh-1']
    assert 'RuntimeError' in caplog.text
    assert 'token-1' not in caplog.text
    assert 'refresh-1' not in caplog.text


def test_the_signal_is_sent_before_the_token_is_used(sso: SSO) -> None:
    one = made(sso)
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: paths.append('told'))
    paths: list[str] = []
    with client(security=one) as esi:
        esi.request(app_at(sso.url).op['get_mine']())
    assert paths == ['told']
    assert [visit.path for visit in sso.visits[2:]] == ['/v2/oauth/token', '/mine']


def test_20_threads_one_refresh(sso: SSO) -> None:
    one = made(sso)
    warned: list[Any] = []
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: warned.append(kwargs))
    with client(security=one, cache=None) as esi:
        call = app_at(sso.url).op['get_mine']()
        pairs = esi.multi_request([call] * 60, threads=20)
    assert {pair[1].data.owner for pair in pairs} == {'Bearer token-1'}
    assert sum(visit.path == '/v2/oauth/token' for visit in sso.visits) == 1
    assert len(warned) == 1


def test_it_is_renewed_ahead_of_its_end(sso: SSO) -> None:
    one = made(sso)
    one.update_token({'access_token': 'old', 'expires_in': 1200})
    with client(security=one, cache=None) as esi:
        call = app_at(sso.url).op['get_mine']()
        assert esi.request(call).data.owner == 'Bearer old'
        clock.move(1130)
        assert esi.request(call).data.owner == 'Bearer old'
        clock.move(15)
        assert esi.request(call).data.owner == 'Bearer token-1'


def test_ahead_of_its_end_the_sso_may_be_down(sso: SSO) -> None:
    one = made(sso)
    one.update_token({'access_token': 'old', 'expires_in': 1200})
    clock.move(1150)
    with client(security=one, cache=None) as esi:
        call = app_at(sso.url).op['get_mine']()

        def only_the_sso_is_down(visit: Visit) -> None:
            visit.send(
                response_bytes({}, 503)
                if 'token' in visit.path
                else response_bytes({'owner': visit.headers['authorization']})
            )

        sso.fault = only_the_sso_is_down
        assert esi.request(call).data.owner == 'Bearer old'
        clock.move(60)
        with pytest.raises(SSOUnavailableError):
            esi.request(call)


FAULTS: dict[str, tuple[Callable[[Visit], Any], type[TokenError]]] = {
    'invalid_grant': (lambda visit: visit.send(response_bytes({'error': 'invalid_grant'}, 400)), TokenRevokedError),
    'invalid_client': (lambda visit: visit.send(response_bytes({'error': 'invalid_client'}, 401)), TokenRefusedError),
    'unknown code': (lambda visit: visit.send(response_bytes({'error': visit.body.decode()}, 400)), TokenRefusedError),
    'html 403': (lambda visit: visit.send(response_bytes(b'<html>' + visit.body, 403)), TokenRefusedError),
    '500': (lambda visit: visit.send(response_bytes({'error': 'x'}, 500)), SSOUnavailableError),
    '503 invalid_grant': (
        lambda visit: visit.send(response_bytes({'error': 'invalid_grant'}, 503)),
        SSOUnavailableError,
    ),
    '429': (lambda visit: visit.send(response_bytes(b'', 429)), SSOUnavailableError),
    'html 200': (lambda visit: visit.send(response_bytes(b'<html>' + visit.body)), SSOUnavailableError),
    'a list': (lambda visit: visit.send(response_bytes([])), SSOUnavailableError),
    'no token': (lambda visit: visit.send(response_bytes({'expires_in': 1})), SSOUnavailableError),
    'reset': (Visit.reset, SSOUnavailableError),
    'hang': (Visit.hang, SSOUnavailableError),
    'cut': (lambda visit: (visit.send(response_bytes({}, length=99)), visit.close()), SSOUnavailableError),
    'redirect': (
        lambda visit: visit.send(response_bytes(b'', 307, {'Location': 'http://localhost:1/steal'})),
        TokenRefusedError,
    ),
    'redirect here': (lambda visit: visit.send(response_bytes(b'', 302, {'Location': '/mine'})), TokenRefusedError),
    'bomb': (lambda visit: visit.send(response_bytes(b'x' * 3_000_000)), SSOUnavailableError),
}


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('pkce', [False, True])
def test_a_refresh_that_fails_keeps_the_tokens_and_shows_no_secret(
    fault: str, pkce: bool, sso: SSO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options = {'secret_key': None, 'code_verifier': 'the-verifier'} if pkce else {}
    one = made(sso, timeout=2 if fault == 'hang' else 20, **options)
    sso.fault, kind = FAULTS[fault]
    with client(security=one) as esi:
        with pytest.raises(kind) as caught:
            esi.request(app_at(sso.url).op['get_mine']())
        with pytest.raises(TokenRefusedError if kind is TokenRevokedError else kind) as again:
            one.auth('the-code')
    assert type(caught.value) is kind
    assert isinstance(caught.value, TokenError | APIException)
    assert one.refresh_token == 'refresh-of-old'
    for secret in (*SECRETS, base64.b64encode(b'the-client-id:the-secret-key').decode()):
        assert holds(caught.value, secret) == []
        assert holds(again.value, secret) == []
        assert secret not in caplog.text
    assert {visit.path for visit in sso.visits[2:]} == {'/v2/oauth/token'}


@pytest.mark.parametrize(
    'url', ['http://login.example/token', 'ftp://127.0.0.1/token', '//127.0.0.1', 'http://127.0.0.1.example/']
)
def test_tokens_go_over_tls_only(url: str) -> None:
    one = security('old')
    one.oauth_token = url
    with pytest.raises(TokenError, match='https'):
        one.refresh()


def test_an_unsigned_call_for_another_scheme(sso: SSO, caplog: pytest.LogCaptureFixture) -> None:
    """As in 1.x, it goes out without a token; the log says why."""
    one = made(sso, security_name='other')
    request, _ = app_at(sso.url).op['get_mine']()
    request.operation.__dict__['security'] = [{'apikey': []}]
    with client(security=one) as esi:
        assert esi.request((request, _)).data.owner is None
    assert 'Missing Securities: [apikey]' in caplog.text


def test_public_calls_need_no_token(sso: SSO) -> None:
    with client(security=made(sso)) as esi:
        esi.request(app_at(sso.url).op['get_thing']())
    assert [visit.path for visit in sso.visits[2:]] == ['/thing']


def test_no_secret_in_its_repr(sso: SSO) -> None:
    one = made(sso)
    assert not [secret for secret in SECRETS if secret in repr(one)]


def test_a_receiver_may_call_with_the_same_security(sso: SSO) -> None:
    one = made(sso)
    got: list[Any] = []
    with client(security=one, cache=None) as esi:
        call = app_at(sso.url).op['get_mine']()
        AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: got.append(esi.request(call).data.owner))
        esi.request(call)
    assert got == ['Bearer token-1']
