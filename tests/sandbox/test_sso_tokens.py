"""The token endpoint: codes, secrets, verifiers, refresh tokens, and taking them back."""

import threading
from typing import Any

import pytest

from esipy import clock
from esipy.sandbox import Sandbox

from .application import ASSETS, BACK, VERIFIER, WALLET, Application, challenge, refused

PKCE = {'code_challenge': challenge(VERIFIER), 'code_challenge_method': 'S256'}


def test_a_code_with_a_secret(esi: Sandbox, visit: Application) -> None:
    response = visit.exchange(visit.code(90000002, scope=f'{WALLET} {ASSETS}'))
    assert response.status_code == 200
    assert response.headers['Cache-Control'] == 'no-store'
    granted = response.json()
    assert granted.keys() == {'access_token', 'refresh_token', 'expires_in', 'token_type'}
    assert granted['token_type'] == 'Bearer'
    assert 1198 <= granted['expires_in'] <= 1200
    assert visit.wallet(granted['access_token'], 90000002) == 200
    assert visit.wallet(granted['access_token'], 90000001) == 403
    assert esi.sso.logins == 1


def test_a_secret_in_the_form(visit: Application) -> None:
    response = visit.exchange(visit.code(), secret=None, client_secret='secret')
    assert response.status_code == 200


def test_a_code_with_a_verifier_and_no_secret(visit: Application) -> None:
    response = visit.exchange(visit.code(**PKCE), secret=None, code_verifier=VERIFIER)  # type: ignore[arg-type]
    assert response.status_code == 200
    again = visit.refresh(response.json()['refresh_token'], secret=None, code_verifier=VERIFIER)
    assert again.status_code == 200
    assert visit.wallet(again.json()['access_token']) == 200


def test_a_code_works_once(esi: Sandbox, visit: Application) -> None:
    """RFC 6749 section 4.1.2: a second use ends what the first one gave."""
    code = visit.code()
    first = visit.exchange(code).json()
    assert visit.wallet(first['access_token']) == 200
    refused(visit.exchange(code), 'invalid_grant')
    assert visit.wallet(first['access_token']) == 401
    refused(visit.refresh(first['refresh_token']), 'invalid_grant')
    assert (esi.sso.logins, esi.sso.reuses) == (1, 0)


def test_a_code_is_no_older_than_five_minutes(esi: Sandbox, visit: Application) -> None:
    young, old = visit.code(), visit.code()
    esi.clock.move(295)
    assert visit.exchange(young).status_code == 200
    esi.clock.move(6)
    refused(visit.exchange(old), 'invalid_grant')


@pytest.mark.parametrize(
    'wrong',
    [
        {'client_id': 'another'},
        {'redirect_uri': 'https://elsewhere.example'},
        {'code_verifier': VERIFIER},
        {'code': 'nonsense'},
    ],
)
def test_a_code_is_bound(wrong: dict[str, Any], visit: Application) -> None:
    code = visit.code()
    fields = {'grant_type': 'authorization_code', 'code': code, **wrong}
    refused(visit.token(**fields), 'invalid_grant')
    assert visit.exchange(code, redirect_uri=BACK).status_code == 200  # none of these has used it up


@pytest.mark.parametrize(
    'verifier',
    [None, '', 'w' * 43, 'v' * 42, 'v' * 129, challenge(VERIFIER), 'v' * 42 + 'é', ' ' * 43],
)
def test_a_verifier_must_fit(verifier: str | None, visit: Application) -> None:
    code = visit.code(**PKCE)  # type: ignore[arg-type]
    for secret in (None, 'secret'):
        refused(visit.exchange(code, secret=secret, code_verifier=verifier), 'invalid_grant')
    assert visit.exchange(code, secret=None, code_verifier=VERIFIER).status_code == 200


@pytest.mark.parametrize('verifier', ['v' * 43, 'v' * 128, '-._~' * 16])
def test_verifiers_of_any_length(verifier: str, visit: Application) -> None:
    code = visit.code(code_challenge=challenge(verifier), code_challenge_method='S256')
    assert visit.exchange(code, secret=None, code_verifier=verifier).status_code == 200


def test_who_is_asking(esi: Sandbox, visit: Application) -> None:
    esi.sso.register('app', 'secret', BACK)
    esi.sso.register('public', redirect_uri=BACK)
    code = visit.code()
    refused(visit.exchange(code, secret='wrong'), 'invalid_client', 401)
    refused(visit.exchange(code, secret=None), 'invalid_client', 401)
    refused(visit.post('/v2/oauth/token', {'grant_type': 'authorization_code', 'code': code}), 'invalid_client', 401)
    for header in ('Basic !!!', 'Basic YXBw', 'Bearer YXBwOnNlY3JldA==', 'Basic Og=='):
        response = visit.post('/v2/oauth/token', {'code': code}, headers={'Authorization': header})
        refused(response, 'invalid_client', 401)
    refused(visit.exchange(code, client_secret='secret'), 'invalid_request')
    assert visit.exchange(code).status_code == 200
    refused(visit.exchange(visit.code(client_id='public'), client_id='public'), 'invalid_client', 401)
    code = visit.code(client_id='public', **PKCE)  # type: ignore[arg-type]
    response = visit.exchange(code, client_id='public', secret=None, code_verifier=VERIFIER)
    assert response.status_code == 200
    assert visit.exchange(visit.code(client_id='any'), client_id='any', secret='whatever').status_code == 200
    code = visit.code(client_id='any')
    esi.sso.strict = True
    refused(visit.exchange(code, client_id='any', secret='whatever'), 'invalid_client', 401)


@pytest.mark.parametrize(
    ('fields', 'code'),
    [
        ({}, 'invalid_request'),
        ({'grant_type': 'password'}, 'unsupported_grant_type'),
        ({'grant_type': 'client_credentials'}, 'unsupported_grant_type'),
        ({'grant_type': 'authorization_code'}, 'invalid_request'),
        ({'grant_type': 'authorization_code', 'code': ''}, 'invalid_request'),
        ({'grant_type': 'refresh_token'}, 'invalid_request'),
        ({'grant_type': 'refresh_token', 'refresh_token': 'nonsense'}, 'invalid_grant'),
        ({'grant_type': ['refresh_token', 'refresh_token']}, 'invalid_request'),
    ],
)
def test_what_is_refused(fields: dict[str, Any], code: str, visit: Application) -> None:
    refused(visit.token(**fields), code)


def test_only_forms(visit: Application) -> None:
    json = visit.session.post(f'{visit.url}/v2/oauth/token', json={'grant_type': 'refresh_token'}, auth=('app', 's'))
    refused(json, 'invalid_request')
    headers = {'Content-Type': 'application/x-www-form-urlencoded'}
    refused(visit.post('/v2/oauth/token', b'\xff\xfe', headers=headers), 'invalid_request')
    refused(visit.post('/v2/oauth/token', '&'.join(f'a{n}=1' for n in range(99)), headers=headers), 'invalid_request')
    for path in ('/v2/oauth/token', '/v2/oauth/revoke'):
        response = visit.get(path)
        assert (response.status_code, response.headers['Allow']) == (405, 'POST')
    assert visit.post('/oauth/jwks', {}).status_code == 405


def test_a_refresh(esi: Sandbox, visit: Application) -> None:
    first = visit.signed_in()
    esi.clock.move(1300)
    assert visit.wallet(first['access_token']) == 401
    second = visit.refresh(first['refresh_token']).json()
    assert second['refresh_token'] == first['refresh_token']
    assert second['access_token'] != first['access_token']
    assert visit.wallet(second['access_token']) == 200
    assert visit.refresh(first['refresh_token']).status_code == 200
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)


def test_a_refresh_that_gives_a_new_refresh_token(esi: Sandbox, visit: Application) -> None:
    esi.sso.rotate = True
    first = visit.signed_in()
    second = visit.refresh(first['refresh_token']).json()
    assert second['refresh_token'] != first['refresh_token']
    refused(visit.refresh(first['refresh_token']), 'invalid_grant')
    assert visit.wallet(second['access_token']) == 200
    assert visit.refresh(second['refresh_token']).status_code == 200
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 1)


def test_fewer_scopes(visit: Application) -> None:
    first = visit.signed_in(scope=f'{WALLET} {ASSETS}')
    narrow = visit.refresh(first['refresh_token'], scope=ASSETS).json()
    assert visit.read(narrow['access_token'])['scp'] == ASSETS
    assert visit.wallet(narrow['access_token']) == 403
    refused(visit.refresh(first['refresh_token'], scope=f'{ASSETS} esi-mail.read_mail.v1'), 'invalid_scope')
    whole = visit.refresh(narrow['refresh_token']).json()
    assert visit.read(whole['access_token'])['scp'] == [WALLET, ASSETS]


def test_a_refused_scope_uses_nothing_up(esi: Sandbox, visit: Application) -> None:
    esi.sso.rotate = True
    token = visit.signed_in()['refresh_token']
    refused(visit.refresh(token, scope='more'), 'invalid_scope')
    assert visit.refresh(token).status_code == 200


def test_a_refresh_token_is_bound(visit: Application) -> None:
    token = visit.signed_in()['refresh_token']
    refused(visit.refresh(token, client_id='another'), 'invalid_grant')
    refused(visit.refresh(token, secret=None), 'invalid_client', 401)
    assert visit.refresh(token).status_code == 200


def test_revoking_a_refresh_token_ends_all(visit: Application) -> None:
    granted, other = visit.signed_in(), visit.signed_in()
    refused(visit.revoke(granted['refresh_token'], client_id='another'), 'invalid_grant')
    refused(visit.revoke(granted['refresh_token'], secret=None), 'invalid_client', 401)
    assert visit.wallet(granted['access_token']) == 200
    response = visit.revoke(granted['refresh_token'])
    assert (response.status_code, response.content) == (200, b'')
    assert visit.wallet(granted['access_token']) == 401
    refused(visit.refresh(granted['refresh_token']), 'invalid_grant')
    assert visit.wallet(other['access_token']) == 200
    assert visit.revoke(granted['refresh_token']).status_code == 200


def test_revoking_an_access_token_ends_that_one(visit: Application) -> None:
    granted = visit.signed_in()
    refused(visit.revoke(granted['access_token'], client_id='another'), 'invalid_grant')
    refused(visit.revoke(granted['access_token'], secret=None), 'invalid_client', 401)
    assert visit.revoke(granted['access_token']).status_code == 200
    assert visit.wallet(granted['access_token']) == 401
    assert visit.refresh(granted['refresh_token']).status_code == 200


def test_revoking_what_is_not_a_token(visit: Application) -> None:
    """RFC 7009 section 2.2: that is no error."""
    assert visit.revoke('nonsense').status_code == 200
    refused(visit.post('/v2/oauth/revoke', {}, auth=('app', 'secret')), 'invalid_request')
    refused(visit.post('/v2/oauth/revoke', {'token': 'x'}), 'invalid_client', 401)


def test_revoking_from_outside(esi: Sandbox, visit: Application) -> None:
    one, two = visit.signed_in(), visit.signed_in()
    esi.revoke(one['refresh_token'])
    assert visit.wallet(one['access_token']) == 401
    assert visit.wallet(two['access_token']) == 200
    esi.revoke()
    assert visit.wallet(two['access_token']) == 401
    refused(visit.refresh(two['refresh_token']), 'invalid_grant')


def test_a_character_that_is_sold(esi: Sandbox, visit: Application) -> None:
    mine, code, other = visit.signed_in(), visit.code(), visit.signed_in(90000002)
    given = esi.token()
    owner = visit.read(mine['access_token'])['owner']
    new = esi.sso.sell(90000001)
    assert new != owner
    for token in (mine['access_token'], given):
        assert visit.wallet(token) == 401
    refused(visit.refresh(mine['refresh_token']), 'invalid_grant')
    refused(visit.exchange(code), 'invalid_grant')
    assert visit.refresh(other['refresh_token']).status_code == 200
    again = visit.signed_in()
    assert visit.read(again['access_token'])['owner'] == new
    assert visit.wallet(again['access_token']) == 200


def test_grants_without_a_login(esi: Sandbox, visit: Application) -> None:
    granted = esi.sso.grant(95000001, [WALLET], client_id='app')
    assert visit.wallet(granted['access_token'], 95000001) == 200
    assert visit.read(granted['access_token'])['scp'] == WALLET
    for secret in ('secret', None):
        assert visit.refresh(granted['refresh_token'], secret=secret).status_code == 200
    everything = visit.read(esi.sso.grant(95000001)['access_token'], 'sandbox')['scp']
    assert {WALLET, ASSETS} <= set(everything)


def test_a_hundred_threads_and_one_refresh_token(esi: Sandbox, visit: Application) -> None:
    esi.sso.rotate = True
    token = visit.signed_in()['refresh_token']
    good = _at_once(100, lambda: visit.refresh(token))
    assert len(good) == 1
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 99)
    assert visit.refresh(good[0]['refresh_token']).status_code == 200


def test_a_hundred_threads_and_one_code(esi: Sandbox, visit: Application) -> None:
    code = visit.code()
    assert len(_at_once(100, lambda: visit.exchange(code))) == 1
    assert esi.sso.logins == 1


def test_a_hundred_logins_at_once(esi: Sandbox, visit: Application) -> None:
    esi.sso.characters.replace(range(1, 101))
    ids = iter(range(1, 101))
    lock = threading.Lock()

    def login() -> Any:
        with lock:
            character_id = next(ids)
        return visit.exchange(visit.code(character_id))

    logins = _at_once(100, login)
    assert {visit.read(each['access_token'])['sub'] for each in logins} == {f'CHARACTER:EVE:{n}' for n in range(1, 101)}
    assert esi.failures == []


def _at_once(count: int, ask: Any) -> list[dict[str, Any]]:
    """The responses of those that succeeded."""
    good: list[dict[str, Any]] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        response = ask()
        if response.status_code == 200:
            good.append(response.json())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return good


def test_expiry_is_by_the_clock(esi: Sandbox, visit: Application) -> None:
    esi.sso.lifetime = 60
    granted = visit.signed_in()
    assert 58 <= granted['expires_in'] <= 60
    assert visit.read(granted['access_token'])['exp'] <= clock.time() + 60
    esi.clock.move(61)
    assert visit.wallet(granted['access_token']) == 401
