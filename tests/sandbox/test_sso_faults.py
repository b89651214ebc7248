"""An SSO that fails, what the log says of it, and that neither tells a secret."""

import time
from typing import Any

import pytest
import requests

from esipy.sandbox import Sandbox, SandboxError

from .application import VERIFIER, Application, challenge, refused

PAGES = {
    'sso.discovery': '/.well-known/oauth-authorization-server',
    'sso.jwks': '/oauth/jwks',
    'sso.authorize': '/v2/oauth/authorize',
    'sso.token': '/v2/oauth/token',
    'sso.revoke': '/v2/oauth/revoke',
}


def ask(visit: Application, name: str) -> requests.Response:
    if name in ('sso.token', 'sso.revoke'):
        return visit.post(PAGES[name], {'token': 'x'}, auth=('app', 'secret'))
    return visit.page() if name == 'sso.authorize' else visit.get(PAGES[name])


@pytest.mark.parametrize('name', PAGES)
def test_each_page_can_fail_alone(name: str, esi: Sandbox, visit: Application) -> None:
    before = {other: ask(visit, other).status_code for other in PAGES}
    with esi.faults.add('status', operation=name, status=503) as fault:
        for other in PAGES:
            assert ask(visit, other).status_code == (503 if other == name else before[other])
        assert visit.get('/status').status_code == 200
        hits = fault.hits
    assert hits == 1
    assert esi.log.count(name) == 2
    assert esi.log.count(name, status=503) == 1


def test_all_of_it_can_be_down(esi: Sandbox, visit: Application) -> None:
    token = esi.token()
    with esi.redirect(), esi.faults.add('downtime', operation='sso'):
        for name in PAGES:
            assert ask(visit, name).status_code in (502, 503, 504)
        assert requests.get('https://login.eveonline.com/').status_code in (502, 503, 504)
        assert visit.get('/status').status_code == 200
        assert visit.wallet(token) == 200  # what was signed stays good
        with pytest.raises(SandboxError, match='50'):
            esi.sso.login(visit.auth_uri())
    assert esi.log.count('sso') == 7
    assert all(ask(visit, name).status_code < 500 for name in PAGES)


@pytest.mark.parametrize(
    ('kind', 'settings', 'seen'),
    [
        ('html', {}, lambda it: (it.status_code, it.text[:9]) == (502, '<!doctype')),
        ('html', {'status': 200}, lambda it: it.status_code == 200 and '<p>' in it.text),
        ('status', {'status': 429, 'headers': {'Retry-After': '7'}}, lambda it: it.headers['Retry-After'] == '7'),
        ('bad_json', {}, lambda it: it.status_code == 200 and not it.text.endswith('}')),
        ('redirect', {'location': 'https://evil.example/', 'status': 307}, lambda it: it.status_code == 307),
        ('wrong_content_type', {}, lambda it: it.headers['Content-Type'] == 'text/plain'),
        ('status', {'status': 400, 'body': '{"error":"invalid_grant"}'}, lambda it: 'invalid_grant' in it.text),
    ],
)  # fmt: skip
def test_what_the_token_endpoint_may_say(
    kind: str, settings: dict[str, Any], seen: Any, esi: Sandbox, visit: Application
) -> None:
    token = visit.signed_in()['refresh_token']
    esi.faults.add(kind, n=1, operation='sso.token', **settings)
    assert seen(visit.refresh(token))
    assert visit.refresh(token).status_code == 200


def test_it_may_be_slow_or_silent(esi: Sandbox, visit: Application) -> None:
    token = visit.signed_in()['refresh_token']
    esi.faults.add('latency', n=1, operation='sso.token', seconds=0.2)
    began = time.monotonic()
    assert visit.refresh(token).status_code == 200
    assert time.monotonic() - began >= 0.2
    esi.faults.add('hang', n=1, operation='sso.token')
    with pytest.raises(requests.ReadTimeout):
        visit.session.post(f'{visit.url}/v2/oauth/token', data={}, timeout=0.2)
    esi.faults.add('reset', n=1, operation='sso.token')
    with pytest.raises(requests.ConnectionError):
        visit.refresh(token)
    assert esi.sso.refreshes == 1


def test_a_response_that_is_lost_has_used_the_token_up(esi: Sandbox, visit: Application) -> None:
    """A fault on the way back comes too late to prevent the refresh; one that responds by itself does not."""
    esi.sso.rotate = True
    token = visit.signed_in()['refresh_token']
    esi.faults.add('status', n=1, operation='sso.token', status=500)
    assert visit.refresh(token).status_code == 500
    assert visit.refresh(token).status_code == 200
    token = visit.signed_in()['refresh_token']
    esi.faults.add('truncation', n=1, operation='sso.token')
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        visit.refresh(token)
    refused(visit.refresh(token), 'invalid_grant')
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 1)


def test_names_that_do_not_exist(esi: Sandbox) -> None:
    for use in (lambda: esi.faults.add('latency', operation='sso.tokens'), lambda: esi.log.calls('sso.tokens')):
        with pytest.raises(SandboxError, match=r'sso\.token, sso\.revoke'):
            use()


def test_the_log_shows_what_was_requested(esi: Sandbox, visit: Application) -> None:
    tokens = visit.signed_in(90000002)
    visit.refresh(tokens['refresh_token'])
    visit.refresh('nonsense')
    log = esi.log
    assert log.count('sso.authorize') == 2
    assert log.count('sso.token') == 3
    assert log.count('sso.token', grant_type='authorization_code', character_id=90000002, status=200) == 1
    assert log.count('sso.token', grant_type='refresh_token', status=200, client_id='app') == 1
    assert log.count('sso.token', grant_type='refresh_token', status=400) == 1
    assert log.calls('sso.authorize', status=302)[0].character_id == 90000002
    log.assert_not_called('sso.revoke')


def test_nothing_shows_a_secret(esi: Sandbox, visit: Application) -> None:
    secret, verifier, state = 'tell-no-one', 'V3rifier' * 6, 'st4te-of-mine'
    esi.sso.register('app', secret)
    code = visit.code(state=state)
    tokens = visit.exchange(code, secret=secret).json()
    pkce = {'code_challenge': challenge(verifier), 'code_challenge_method': 'S256'}
    other = visit.code(state=state, **pkce)  # type: ignore[arg-type]
    responses = [
        visit.exchange(other, secret=None, code_verifier=VERIFIER),
        visit.exchange(code, secret=secret),
        visit.refresh(tokens['refresh_token'], secret=secret),
        visit.refresh(tokens['refresh_token'], secret=secret[:-1]),
        visit.refresh(tokens['refresh_token'], secret=None, client_secret=secret),
        visit.revoke(tokens['access_token'], secret=secret),
        visit.revoke(tokens['refresh_token'], secret=secret),
        visit.get(f'/v2/oauth/token?code={code}&code_verifier={verifier}&client_secret={secret}'),
        visit.get(f'/v2/oauth/revoke?token={tokens["access_token"]}&refresh_token={tokens["refresh_token"]}'),
    ]
    assert visit.exchange(other, secret=None, code_verifier=verifier).status_code == 200
    everything = repr(esi.log) + ''.join(f'{entry!r}{entry}{entry.params}' for entry in esi.log)
    everything += ''.join(response.text for response in responses) + repr(esi.sso) + repr(esi)
    for name, value in {
        'secret': secret, 'verifier': verifier, 'state': state, 'code': code, 'other code': other,
        'refresh token': tokens['refresh_token'], 'access token': tokens['access_token'],
    }.items():  # fmt: skip
        assert value not in everything, name
    assert 'grant_type' in everything


def test_in_a_process_of_its_own() -> None:
    with Sandbox(process=True) as esi, requests.Session() as session:
        session.trust_env = False
        visit = Application(esi, session)
        esi.sso.rotate = True
        assert esi.sso.rotate is True
        esi.sso.algorithm = 'ES256'
        esi.sso.register('app', 'secret', scopes={'a', 'b'})
        esi.sso.characters.replace([90000007])
        tokens = visit.signed_in(90000007, scope='a b')
        assert visit.read(tokens['access_token'])['scp'] == ['a', 'b']
        second = visit.refresh(tokens['refresh_token']).json()
        refused(visit.refresh(tokens['refresh_token']), 'invalid_grant')
        assert (esi.sso.logins, esi.sso.refreshes, esi.sso.reuses) == (1, 1, 1)
        assert visit.wallet(second['access_token'], 90000007) == 403
        assert visit.wallet(esi.token(90000007), 90000007) == 200
        assert visit.wallet(esi.sso.forge(key='other')) == 401
        kid = esi.sso.rotate_keys()
        assert kid in visit.key_set()
        assert visit.wallet(second['access_token'], 90000007) == 401
        esi.faults.add('status', n=1, operation='sso.jwks', status=503)
        assert visit.get('/oauth/jwks').status_code == 503
        owner = esi.sso.sell(90000007)
        assert next(iter(esi.sso.characters)).owner == owner
        refused(visit.refresh(second['refresh_token']), 'invalid_grant')
        granted = esi.sso.grant(90000007, client_id='app')
        esi.clock.move(1300)
        assert visit.wallet(granted['access_token'], 90000007) == 401
        esi.revoke(granted['refresh_token'])
        refused(visit.refresh(granted['refresh_token']), 'invalid_grant')
        with esi.redirect():
            official = Application(esi, session, 'https://login.eveonline.com')
            assert official.signed_in(90000007, scope=None)['token_type'] == 'Bearer'
        with pytest.raises(ValueError, match='RS256'):
            esi.sso.algorithm = 'none'
        with pytest.raises(SandboxError, match='does not offer character 5'):
            esi.sso.login(visit.auth_uri(scope=None), 5)
