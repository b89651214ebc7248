"""Tokens that must not pass, and those that must. Each attack names the check without which it would pass."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwk, jwt
from jose.exceptions import ExpiredSignatureError, JWTClaimsError, JWTError

from esipy._sso import metadata
from esipy._sso.jwt import identity, spellings, unverified_identity, verify

ISSUER = 'https://login.eveonline.com'
CLIENT = 'my-client'


def pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(key: Any) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
KEYS = {
    'JWT-Signature-Key': {**jwk.construct(public(RSA), 'RS256').to_dict(), 'kid': 'JWT-Signature-Key'},
    'ec': {**jwk.construct(public(EC), 'ES256').to_dict(), 'kid': 'ec'},
}


def claims(**changes: Any) -> dict[str, Any]:
    """What the SSO says in a good token; a change to ... leaves the claim out."""
    good = {
        'iss': 'login.eveonline.com',
        'aud': [CLIENT, 'EVE Online'],
        'sub': 'CHARACTER:EVE:90000001',
        'name': 'Aelia Arkan',
        'owner': 'ownerhash=',
        'scp': ['esi-wallet.read_character_wallet.v1', 'esi-assets.read_assets.v1'],
        'exp': int(time.time()) + 86400,
        'iat': int(time.time()),
        'jti': 'x',
        'azp': CLIENT,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def token(key: Any = RSA, algorithm: str = 'RS256', kid: str | None = 'JWT-Signature-Key', **changes: Any) -> str:
    headers = {} if kid is None else {'kid': kid}
    made: str = jwt.encode(claims(**changes), pem(key), algorithm=algorithm, headers=headers)
    return made


def handmade(header: dict[str, Any], body: dict[str, Any], signature: bytes = b'') -> str:
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return '.'.join(base64.urlsafe_b64encode(part).rstrip(b'=').decode() for part in parts)


def keys(again: bool) -> dict[str, Any]:
    return KEYS


def check(text: str, **options: Any) -> dict[str, Any]:
    return verify(text, keys, 'JWT-Signature-Key', CLIENT, ISSUER, options)


@pytest.mark.parametrize(
    'issuer', ['login.eveonline.com', 'https://login.eveonline.com', 'https://login.eveonline.com/']
)
@pytest.mark.parametrize(
    'known_as', ['login.eveonline.com', 'https://login.eveonline.com', 'https://login.eveonline.com/']
)
def test_every_spelling_of_the_issuer_is_good(issuer: str, known_as: str) -> None:
    assert verify(token(iss=issuer), keys, 'JWT-Signature-Key', CLIENT, known_as, {})['sub'] == 'CHARACTER:EVE:90000001'


def test_both_kinds_of_key_are_good() -> None:
    assert check(token())['name'] == 'Aelia Arkan'
    assert check(token(EC, 'ES256', 'ec'))['name'] == 'Aelia Arkan'


def test_a_token_without_kid_is_read_with_the_default_key() -> None:
    assert check(token(kid=None))['name'] == 'Aelia Arkan'


def hmac_with_the_public_key() -> str:
    """python-jose refuses to sign so; an attacker does not ask it."""
    import hashlib
    import hmac

    unsigned = handmade({'alg': 'HS256', 'typ': 'JWT', 'kid': 'JWT-Signature-Key'}, claims()).rpartition('.')[0]
    signature = hmac.new(public(RSA).encode(), unsigned.encode(), hashlib.sha256).digest()
    return f'{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b"=").decode()}'


def changed(good: str) -> str:
    """A good token that names another character, with the signature that it had."""
    header, _, signature = good.split('.')
    return f'{header}.{handmade({}, claims(sub="CHARACTER:EVE:90000002")).split(".")[1]}.{signature}'


#: What is wrong, the token, the error, and the check without which it would pass.
ATTACKS: list[tuple[str, str, type[Exception], str]] = [
    ('alg none', handmade({'alg': 'none', 'kid': 'JWT-Signature-Key'}, claims()), JWTError, 'KEY_TYPES'),
    ('alg None in capitals', handmade({'alg': 'NONE', 'kid': 'ec'}, claims()), JWTError, 'KEY_TYPES'),
    ('HS256 with the public key', hmac_with_the_public_key(), JWTError, 'KEY_TYPES'),
    ('an algorithm that is a list', handmade({'alg': ['RS256'], 'kid': 'ec'}, claims()), JWTError, 'KEY_TYPES'),
    ('another key of the same kind', token(OTHER_RSA), JWTError, "jose's signature"),
    ('the key of the other algorithm', token(RSA, 'RS256', 'ec'), JWTError, '_signed_claims: kty'),
    ('unknown kid', token(kid='other'), JWTError, '_candidates: kid'),
    ('wrong issuer', token(iss='https://login.example.com'), JWTClaimsError, '_check_names: iss'),
    ('issuer with more behind it', token(iss='login.eveonline.com.example.com'), JWTClaimsError, '_check_names: iss'),
    ('no issuer', token(iss=...), JWTClaimsError, '_check_names: iss'),
    ('audience without the client', token(aud=['other', 'EVE Online']), JWTClaimsError, '_check_names: client_id'),
    ('audience without EVE', token(aud=[CLIENT]), JWTClaimsError, '_check_names: EVE'),
    ('audience that is a text', token(aud='EVE Online'), JWTClaimsError, '_check_names: client_id'),
    ('no audience', token(aud=...), JWTClaimsError, '_check_names: list'),
    ('expired', token(exp=int(time.time()) - 1), ExpiredSignatureError, '_check_time: exp'),
    ('no expiry', token(exp=...), JWTClaimsError, '_check_time: has no expiry'),
    ('not yet valid', token(nbf=int(time.time()) + 86400), JWTClaimsError, '_check_time: nbf'),
    ('no subject', token(sub=...), JWTClaimsError, '_check_names: sub'),
    ('a corporation as subject', token(sub='CORPORATION:EVE:1'), JWTClaimsError, '_SUBJECT'),
    ('a subject with more behind it', token(sub='CHARACTER:EVE:1:2'), JWTClaimsError, '_SUBJECT: fullmatch'),
    ('a subject in other digits', token(sub='CHARACTER:EVE:\u0661'), JWTClaimsError, '_SUBJECT: ASCII'),
    ('not a JWT', 'not a token', JWTError, "jose's reading"),
    ('two parts', token().rpartition('.')[0], JWTError, "jose's reading"),
    ('empty', '', JWTError, "jose's reading"),
    ('claims that were changed', changed(token()), JWTError, "jose's signature"),
]


@pytest.mark.parametrize(('text', 'error'), [(attack[1], attack[2]) for attack in ATTACKS], ids=[a[0] for a in ATTACKS])
def test_an_attack_is_refused(text: str, error: type[Exception]) -> None:
    """Each was seen to pass, or to end in another error, with its check in jwt.py taken out: `if False:` in place of
    the condition that the table names, `verify_signature: False` for jose's signature, `match` for `fullmatch`, `\\d`
    for the ASCII digits, HS256 and none added to KEY_TYPES, the default key for an unknown one."""
    with pytest.raises(error):
        check(text)


@pytest.mark.parametrize(
    ('option', 'changes'),
    [
        ('verify_aud', {'aud': ['other']}),
        ('verify_exp', {'exp': 1}),
        ('verify_iss', {'iss': 'other'}),
        ('verify_nbf', {'nbf': 2**40}),
    ],
)
def test_what_an_option_switches_off_is_not_checked(option: str, changes: dict[str, Any]) -> None:
    with pytest.raises(JWTError):
        check(token(**changes))
    assert check(token(**changes), **{option: False})


def test_leeway_is_in_seconds() -> None:
    late = token(exp=int(time.time()) - 5)
    assert check(late, leeway=60)


@pytest.mark.parametrize(
    ('scp', 'scopes'),
    [
        ('a', {'a'}),
        (['a', 'b'], {'a', 'b'}),
        (..., set()),
        ('a b', {'a', 'b'}),
        ('', set()),
        (['a b', None, 5], {'a', 'b'}),
        ({'a': 'b'}, set()),
    ],
)
def test_scopes_come_in_several_shapes(scp: Any, scopes: set[str]) -> None:
    assert identity(check(token(scp=scp))).scopes == scopes


def test_identity_of_a_token() -> None:
    assert identity(check(token()))[:3] == (90000001, 'Aelia Arkan', 'ownerhash=')


def test_spellings_of_another_issuer_stay_its_own() -> None:
    assert spellings('http://127.0.0.1:8000') >= {'http://127.0.0.1:8000', '127.0.0.1:8000'}
    assert 'login.eveonline.com' not in spellings('http://127.0.0.1:8000')


def test_an_unknown_key_is_asked_for_again_once() -> None:
    asked: list[bool] = []

    def late(again: bool) -> dict[str, Any]:
        asked.append(again)
        return KEYS if again else {}

    assert verify(token(), late, 'JWT-Signature-Key', CLIENT, ISSUER, {})
    assert asked == [False, True]


@pytest.mark.parametrize('text', ['', 'x', 'a.b.c', 'a.e30.c', 'a.W10.c', token(sub='CORPORATION:EVE:1')])
def test_what_names_no_character_has_no_identity(text: str) -> None:
    assert unverified_identity(text) is None


def test_a_tokens_own_words() -> None:
    found = unverified_identity(token())
    assert found is not None
    assert found.character_id == 90000001


# ---------------------------------------------------------------------- key rotation


class Published:
    """The keys as the SSO publishes them: `before` until they are fetched again, then `after`."""

    def __init__(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.before, self.after = before, after
        self.fetches: list[bool] = []

    def __call__(self, again: bool) -> dict[str, Any]:
        self.fetches.append(again)
        return self.after if True in self.fetches else self.before


NAME = 'JWT-Signature-Key'
OTHER_KEYS = {NAME: {**jwk.construct(public(OTHER_RSA), 'RS256').to_dict(), 'kid': NAME}}
AS_EC = {NAME: {**KEYS['ec'], 'kid': NAME}}


@pytest.mark.parametrize(
    ('before', 'fetches'),
    [
        (OTHER_KEYS, [False, True]),
        (AS_EC, [False, True]),
        ({}, [False, True]),
        ({NAME: {'kty': 'RSA', 'n': 'x', 'e': 'AQAB'}}, [False, True]),
        (KEYS, [False]),
    ],
    ids=['a new key under the old name', 'of another kind', 'an unknown name', 'a malformed one', 'no rotation'],
)
def test_the_keys_are_fetched_again_once(before: dict[str, Any], fetches: list[bool]) -> None:
    published = Published(before, KEYS)
    assert verify(token(), published, NAME, CLIENT, ISSUER, {})['sub'] == 'CHARACTER:EVE:90000001'
    assert published.fetches == fetches


OURS, OTHER, OF_EC = KEYS[NAME], OTHER_KEYS[NAME], AS_EC[NAME]
WITHOUT_NAME = {name: value for name, value in OURS.items() if name != 'kid'}


PUBLISHED: dict[str, list[Any]] = {
    'the right one first': [OURS, OTHER],
    'the right one last': [OTHER, OURS],
    'of another kind first': [OF_EC, OURS],
    'of another kind last': [OURS, OF_EC],
    'a malformed one between': [OTHER, {**OTHER, 'n': '!'}, OURS],
    'without a name': [WITHOUT_NAME],
    'a name that is null': [OTHER, {**WITHOUT_NAME, 'kid': None}],
    'an empty name': [{**WITHOUT_NAME, 'kid': ''}, OTHER],
    'what are no keys': [None, 'x', OURS],
}


@pytest.mark.parametrize('published', PUBLISHED.values(), ids=PUBLISHED)
@pytest.mark.parametrize('named', [NAME, None])
def test_keys_of_one_name_and_keys_without_one(published: list[Any], named: str | None) -> None:
    """While the SSO changes its key, the old and the new one may have one name (RFC 7517 section 4.5)."""
    fetched: list[bool] = []

    def found(again: bool) -> dict[str, Any]:
        fetched.append(again)
        return metadata.keys(json.dumps({'keys': published}).encode())

    assert verify(token(kid=named), found, NAME, CLIENT, ISSUER, {})['sub'] == 'CHARACTER:EVE:90000001'
    assert fetched == [False], 'the right one is among them'


def test_a_signature_that_never_verifies_is_an_error() -> None:
    published = Published(OTHER_KEYS, OTHER_KEYS)
    with pytest.raises(JWTError):
        verify(token(), published, NAME, CLIENT, ISSUER, {})
    assert published.fetches == [False, True]


# ---------------------------------------------------------------------- shapes that no token has

ODD: list[Any] = [None, True, 0, -1, 1.5, '', 'x', [], ['login.eveonline.com'], [[]], [{}], {}, {'a': []}, 'x' * 9999]


@pytest.mark.parametrize('claim', ['iss', 'aud', 'sub', 'exp', 'nbf'])
@pytest.mark.parametrize('value', ODD, ids=lambda value: repr(value)[:20])
def test_a_claim_of_an_odd_type_is_a_jwt_error(claim: str, value: Any) -> None:
    if claim == 'nbf' and value in (0, -1, 1.5) and value is not True:
        return  # in the past
    with pytest.raises(JWTError):
        verify(token(**{claim: value}), lambda again: KEYS, NAME, CLIENT, ISSUER, {})


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 10**400], ids=['NaN', 'infinite', 'huge'])
def test_an_expiry_that_is_not_a_date_is_refused(value: float) -> None:
    with pytest.raises(JWTError):
        verify(token(exp=value), lambda again: KEYS, NAME, CLIENT, ISSUER, {})


@pytest.mark.parametrize('name', ['scp', 'name', 'owner', 'iat', 'jti', 'azp'])
@pytest.mark.parametrize('value', ODD, ids=lambda value: repr(value)[:20])
def test_other_claims_of_an_odd_type_do_no_harm(name: str, value: Any) -> None:
    try:
        found = identity(verify(token(**{name: value}), lambda again: KEYS, NAME, CLIENT, ISSUER, {}))
    except JWTError:
        return
    assert found.character_id == 90000001
    assert all(isinstance(scope, str) for scope in found.scopes)


def headed(**changes: Any) -> str:
    """A token whose header is changed, with a genuine signature for it."""
    return jwt.encode(claims(), pem(RSA), 'RS256', headers={'kid': NAME, **changes})


@pytest.mark.parametrize('crit', [['exp'], ['b64'], [], 'x', None])
def test_a_critical_extension_is_refused(crit: Any) -> None:
    with pytest.raises(JWTError, match='critical'):
        verify(headed(crit=crit), lambda again: KEYS, NAME, CLIENT, ISSUER, {})


@pytest.mark.parametrize('kid', [None, 7, [], {}, ['JWT-Signature-Key'], 'x' * 9999])
def test_a_key_name_of_an_odd_type_is_a_jwt_error(kid: Any) -> None:
    with pytest.raises(JWTError):
        verify(headed(kid=kid), lambda again: KEYS, NAME, CLIENT, ISSUER, {})


@pytest.mark.parametrize(
    'text', ['', '.', '..', '...', 'a.b.c', 'é.é.é', '\ud800.a.b', 'bnVsbA.bnVsbA.bnVsbA', 'W10.W10.W10', '=' * 50]
)
def test_a_text_that_is_not_a_token_is_a_jwt_error(text: str) -> None:
    with pytest.raises(JWTError):
        verify(text, lambda again: KEYS, NAME, CLIENT, ISSUER, {})


@pytest.mark.parametrize('value', [None, 7, b'bytes', ['a'], {}])
def test_a_value_that_is_not_a_text_is_a_jwt_error(value: Any) -> None:
    with pytest.raises(JWTError):
        verify(value, lambda again: KEYS, NAME, CLIENT, ISSUER, {})
