"""Metadata, keys, and what tokens say: all as the real SSO has it, and judged by python-jose."""

import hashlib
import hmac
import subprocess
import sys
from typing import Any

import pytest
import requests
from jose import jwk, jwt

from esipy import clock
from esipy._sandbox.sso.jws import decoded
from esipy.sandbox import Sandbox

from .application import ASSETS, WALLET, Application

METADATA = '/.well-known/oauth-authorization-server'
OFFICIAL = 'https://login.eveonline.com'


def test_the_metadata_names_the_sandbox(esi: Sandbox, visit: Application) -> None:
    published = visit.get(METADATA).json()
    assert published['issuer'] == OFFICIAL
    assert published['authorization_endpoint'] == f'{esi.url}/v2/oauth/authorize'
    assert published['token_endpoint'] == f'{esi.url}/v2/oauth/token'
    assert published['revocation_endpoint'] == f'{esi.url}/v2/oauth/revoke'
    assert published['jwks_uri'] == f'{esi.url}/oauth/jwks'
    assert published['code_challenge_methods_supported'] == ['S256']
    assert 'code' in published['response_types_supported']
    assert esi.sso.endpoints_url == esi.url + METADATA


def test_behind_a_redirect_everything_is_official(esi: Sandbox, visit: Application) -> None:
    official = Application(esi, visit.session, OFFICIAL)
    with esi.redirect():
        published = official.get(METADATA).json()
        assert {name for name, value in published.items() if isinstance(value, str) and esi.url in value} == set()
        assert published['token_endpoint'] == f'{OFFICIAL}/v2/oauth/token'
        response = official.signed_in(90000002)
        assert official.read(response['access_token'])['sub'] == 'CHARACTER:EVE:90000002'
        assert official.refresh(response['refresh_token']).status_code == 200
        assert official.revoke(response['refresh_token']).status_code == 200
        assert requests.get('https://esi.evetech.net/oauth/jwks').status_code == 404
        assert requests.get(f'{OFFICIAL}/status').status_code == 404
    # An address made inside the redirect also serves outside.
    assert esi.sso.login(official.auth_uri()).startswith('https://app.example')


def test_the_key_set(visit: Application) -> None:
    keys = visit.key_set()
    assert {(kid, key['kty'], key['alg'], key['use']) for kid, key in keys.items()} == {
        ('JWT-Signature-Key', 'RSA', 'RS256', 'sig'),
        ('ES-Key', 'EC', 'ES256', 'sig'),
    }
    for key in keys.values():
        assert jwk.construct(key).is_public()  # type: ignore[attr-defined]
    assert keys['JWT-Signature-Key']['e'] == 'AQAB'
    assert keys['ES-Key']['crv'] == 'P-256'
    private = {'d', 'p', 'q', 'dp', 'dq', 'qi'}
    assert not any(private & key.keys() for key in keys.values())


def test_what_a_token_says(visit: Application) -> None:
    now = clock.time()
    token = visit.signed_in(90000002, scope=f'{WALLET} {ASSETS}')['access_token']
    assert jwt.get_unverified_header(token) == {'alg': 'RS256', 'kid': 'JWT-Signature-Key', 'typ': 'JWT'}
    claims = visit.read(token)
    assert claims['sub'] == 'CHARACTER:EVE:90000002'
    assert claims['aud'] == ['app', 'EVE Online']
    assert claims['azp'] == 'app'
    assert claims['iss'] == OFFICIAL
    assert claims['scp'] == [WALLET, ASSETS]
    assert claims['exp'] == claims['iat'] + 1200
    assert abs(claims['iat'] - now) < 10
    assert isinstance(claims['exp'], int)
    assert claims['name']
    assert claims['owner']
    assert claims['jti'] != visit.read(visit.signed_in()['access_token'])['jti']


@pytest.mark.parametrize(('asked', 'said'), [(f'{WALLET} {ASSETS}', [WALLET, ASSETS]), (WALLET, WALLET), (None, None)])
def test_scopes_are_written_in_three_ways(asked: str | None, said: Any, visit: Application) -> None:
    claims = visit.read(visit.signed_in(scope=asked)['access_token'])
    assert claims.get('scp') == said
    assert ('scp' in claims) == (asked is not None)


@pytest.mark.parametrize('issuer', [OFFICIAL, 'login.eveonline.com', f'{OFFICIAL}/'])
def test_every_spelling_of_the_issuer(issuer: str, esi: Sandbox, visit: Application) -> None:
    esi.sso.issuer = issuer
    token = esi.token(client_id='app')
    assert visit.read(token)['iss'] == issuer
    assert visit.wallet(token) == 200
    assert visit.wallet(esi.sso.forge()) == 200


def test_the_other_algorithm(esi: Sandbox, visit: Application) -> None:
    esi.sso.algorithm = 'ES256'
    token = visit.signed_in()['access_token']
    assert jwt.get_unverified_header(token) == {'alg': 'ES256', 'kid': 'ES-Key', 'typ': 'JWT'}
    assert visit.read(token)['sub'] == 'CHARACTER:EVE:90000001'
    assert visit.wallet(token) == 200
    assert visit.wallet(esi.sso.forge()) == 200
    with pytest.raises(ValueError, match='RS256, ES256'):
        esi.sso.algorithm = 'HS256'
    with pytest.raises(AttributeError):
        esi.sso.rotated = True  # type: ignore[attr-defined]


def test_tokens_given_by_hand_are_signed_too(esi: Sandbox, visit: Application) -> None:
    token = esi.token(90000005, scopes=[ASSETS], lifetime=60, client_id='mine')
    claims = visit.read(token, 'mine')
    assert (claims['sub'], claims['scp'], claims['azp']) == ('CHARACTER:EVE:90000005', ASSETS, 'mine')
    assert claims['exp'] == claims['iat'] + 60
    everything = visit.read(esi.token(), 'sandbox')['scp']
    assert everything == sorted(everything)
    assert {WALLET, ASSETS} <= set(everything)


@pytest.mark.parametrize('algorithm', ['RS256', 'ES256'])
def test_keys_change(algorithm: str, esi: Sandbox, visit: Application) -> None:
    esi.sso.algorithm = algorithm
    before = visit.key_set()
    first = esi.token(client_id='app')
    kid = esi.sso.rotate_keys(keep=True)
    assert visit.key_set().keys() == {*before, kid}
    second = esi.token(client_id='app')
    assert jwt.get_unverified_header(second)['kid'] == kid
    assert visit.read(first)['sub'] == visit.read(second)['sub']
    assert visit.wallet(first) == visit.wallet(second) == 200

    last = esi.sso.rotate_keys()
    assert last not in (kid, *before)
    assert len(visit.key_set()) == 2
    assert visit.wallet(first) == visit.wallet(second) == 401
    assert visit.wallet(esi.token()) == 200


def test_other_sandboxes_keep_their_keys(esi: Sandbox, visit: Application) -> None:
    with Sandbox() as other:
        before = requests.get(f'{other.url}/oauth/jwks').json()
        assert {key['kid']: key for key in before['keys']} == visit.key_set()
        esi.sso.rotate_keys()
        assert requests.get(f'{other.url}/oauth/jwks').json() == before


@pytest.mark.parametrize(
    'bad',
    [
        {'claims': {'exp': None}},
        {'claims': {'exp': 'tomorrow'}},
        {'claims': {'exp': 1}},
        {'claims': {'nbf': 99999999999}},
        {'claims': {'iss': None}},
        {'claims': {'iss': 'https://login.evilonline.com'}},
        {'claims': {'aud': None}},
        {'claims': {'aud': 'sandbox'}},
        {'claims': {'aud': {'EVE Online': 1}}},
        {'claims': {'sub': None}},
        {'claims': {'sub': 'CORPORATION:EVE:1'}},
        {'claims': {'sub': 'CHARACTER:EVE:\u0661'}},
        {'claims': {'scp': 5}},
        {'header': {'alg': 'none'}},
        {'header': {'alg': 'NoNe'}},
        {'header': {'alg': 'HS256'}},
        {'header': {'alg': 'HS256'}, 'key': 'guess'},
        {'header': {'alg': 'ES256', 'kid': 'JWT-Signature-Key'}},
        {'header': {'alg': 'RS512'}},
        {'header': {'alg': None}},
        {'header': {'kid': None}},
        {'header': {'kid': 'nobody'}},
        {'header': {'kid': ['JWT-Signature-Key']}},
        {'key': 'other'},
        {'header': {'alg': 'ES256'}, 'key': 'other'},
    ],
    ids=str,
)
def test_bad_tokens_are_refused(bad: dict[str, Any], esi: Sandbox, visit: Application) -> None:
    token = esi.sso.forge(**bad)
    assert token.count('.') == 2
    assert visit.wallet(token) == visit.wallet(token) == 401
    assert visit.wallet(esi.sso.forge()) == 200


def test_forged_tokens_are_what_they_say(esi: Sandbox, visit: Application) -> None:
    public = jwk.construct(visit.key_set()['JWT-Signature-Key']).to_pem()
    head, claims, signature = esi.sso.forge(header={'alg': 'none'}).split('.')
    assert signature == ''
    signed = esi.sso.forge({'mine': 1}, {'alg': 'HS256'})
    head, claims, signature = signed.split('.')
    for key in (public, public.strip(), public.strip() + b'\n'):
        if hmac.new(key, f'{head}.{claims}'.encode(), hashlib.sha256).digest() == decoded(signature):
            break
    else:
        pytest.fail('not signed with the public key')
    assert jwt.get_unverified_claims(signed)['mine'] == 1
    assert 'exp' not in jwt.get_unverified_claims(esi.sso.forge({'exp': None}))
    assert visit.wallet(esi.sso.forge({'scp': [WALLET]}, character_id=90000005), 90000005) == 200
    assert visit.wallet(esi.sso.forge({'scp': None})) == 403
    assert visit.read(esi.sso.forge(client_id='mine'), 'mine')['azp'] == 'mine'
    with pytest.raises(Exception, match='is not possible with RS256'):
        esi.sso.forge(key='nonsense')


def test_a_changed_token_is_refused(esi: Sandbox, visit: Application) -> None:
    token = esi.token()
    assert visit.wallet(token) == 200
    head, claims, signature = token.split('.')
    last = 'A' if signature[-1] != 'A' else 'Q'
    changed = [
        f'{head}.{claims}.{signature[:-1]}{last}',
        f'{head}.{claims}.{signature}=',
        f'{head}.{claims}.{signature}!',
        f'{head}.{claims}x.{signature}',
        f'{head}.{claims}.',
        f'{head}.{claims}',
        f'{token}.x',
        '..',
        'eyJ.eyJ.x',
        'W10.W10.x',
        'A' * 50000,
    ]
    for text in changed:
        assert visit.wallet(text) == 401, text
    assert esi.failures == []


def test_a_forged_token_can_be_taken_back(esi: Sandbox, visit: Application) -> None:
    token = esi.sso.forge({'scp': WALLET})
    assert visit.wallet(token) == 200
    esi.revoke(token)
    assert visit.wallet(token) == 401


def test_nothing_is_made_before_it_is_needed() -> None:
    program = (
        'import sys\nfrom esipy.sandbox import Sandbox\nimport requests\n'
        'with Sandbox() as esi:\n'
        '    assert requests.get(f"{esi.url}/status").status_code == 200\n'
        '    assert requests.get(esi.sso.endpoints_url).status_code == 200\n'
        '    from esipy._sandbox.sso import keys\n'
        '    assert not keys._first\n'
        '    assert not any(name.partition(".")[0] in ("jose", "cryptography") for name in sys.modules)\n'
        '    esi.token()\n'
        '    assert keys._first and "jose" not in sys.modules\n'
    )
    done = subprocess.run([sys.executable, '-W', 'error', '-c', program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
