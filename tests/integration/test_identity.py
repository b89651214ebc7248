"""Whose token it is: verified against the SSO's keys, or straight from the SSO; and what the caches make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jose.exceptions import ExpiredSignatureError, JWTClaimsError, JWTError

from esipy import App, EsiClient, EsiSecurity
from esipy.exceptions import SSOUnavailableError
from esipy.sandbox import Sandbox
from tests.servers import Server, response_bytes

CHARACTER = 90000001


@pytest.fixture(scope='module')
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def security(esi: Sandbox) -> EsiSecurity:
    return EsiSecurity(
        'http://localhost/callback',
        'sandbox',
        'secret',
        headers={'User-Agent': 'tests'},
        sso_endpoints_url=esi.sso.endpoints_url,
    )


def test_a_token_is_verified(esi: Sandbox, security: EsiSecurity) -> None:
    security.update_token({'access_token': esi.token(CHARACTER, scopes=['a', 'b']), 'expires_in': 1200})
    assert security.character_id is None
    claims = security.verify()
    assert claims['sub'] == f'CHARACTER:EVE:{CHARACTER}'
    assert security.character_id == CHARACTER
    assert security.character_name == claims['name']  # type: ignore[unreachable]
    assert security.owner == claims['owner']
    assert security.scopes == {'a', 'b'}


def test_another_token_is_not_known_by_the_one_before(esi: Sandbox, security: EsiSecurity) -> None:
    security.update_token({'access_token': esi.token(CHARACTER), 'expires_in': 1200})
    security.verify()
    security.update_token({'access_token': esi.token(CHARACTER + 1), 'expires_in': 1200})
    assert security.identity is None


def test_no_token_is_an_attribute_error(security: EsiSecurity) -> None:
    with pytest.raises(AttributeError):
        security.verify()


@pytest.mark.parametrize(
    ('claims', 'error'),
    [
        ({'aud': ['somebody else', 'EVE Online']}, JWTClaimsError),
        ({'iss': 'login.example.com'}, JWTClaimsError),
        ({'exp': 1}, ExpiredSignatureError),
        ({'sub': 'CHARACTER:EVE:x'}, JWTClaimsError),
    ],
)
def test_a_forged_token_is_refused(
    esi: Sandbox, security: EsiSecurity, claims: dict[str, Any], error: type[Exception]
) -> None:
    security.update_token({'access_token': esi.sso.forge(claims=claims), 'expires_in': 1200})
    with pytest.raises(error):
        security.verify()
    assert security.identity is None


def test_the_audience_can_be_left_unchecked(esi: Sandbox, security: EsiSecurity) -> None:
    security.update_token({'access_token': esi.sso.forge(claims={'aud': 'EVE Online'}), 'expires_in': 1200})
    with pytest.raises(JWTError):
        security.verify()
    assert security.verify(options={'verify_aud': False})
    assert security.identity is None  # what was not checked is not known


def test_keys_that_were_rotated_are_fetched_again_at_once() -> None:
    """The cool-down counts from the last time that they were fetched again, not from the first fetch."""
    with Sandbox() as esi:
        made = EsiSecurity(
            'http://localhost/', 'sandbox', 'x', headers={'User-Agent': 't'}, sso_endpoints_url=esi.sso.endpoints_url
        )
        esi.sso.rotate_keys()
        made.update_token({'access_token': esi.token(CHARACTER), 'expires_in': 1200})
        assert made.verify()['sub'] == f'CHARACTER:EVE:{CHARACTER}'
        fetched = esi.log.count('sso.jwks')
        esi.sso.rotate_keys()
        made.update_token({'access_token': esi.token(CHARACTER), 'expires_in': 1200})
        with pytest.raises(JWTError):
            made.verify()
        assert esi.log.count('sso.jwks') == fetched
        esi.clock.move(61)
        assert made.verify()['sub'] == f'CHARACTER:EVE:{CHARACTER}'


@pytest.mark.parametrize('page', [{'keys': []}, {'keys': [{'kty': 'RSA'}]}, {}, [], b'<html>'], ids=repr)
def test_a_page_without_keys_does_not_replace_the_known_ones(esi: Sandbox, page: Any) -> None:
    published = requests.get(f'{esi.url}/oauth/jwks', timeout=60).content
    shown: list[Any] = [published]
    with Server(lambda visit: visit.send(response_bytes(shown[0]))) as server:
        made = EsiSecurity(
            'http://localhost/',
            'sandbox',
            'x',
            headers={'User-Agent': 't'},
            sso_endpoints={'issuer': 'login.eveonline.com', 'jwks_uri': server.url},
        )
        good = {'access_token': esi.token(CHARACTER), 'expires_in': 1200}
        made.update_token(good)
        made.verify()
        shown[0] = page
        made.update_token({'access_token': esi.sso.forge(header={'kid': 'another'}), 'expires_in': 1200})
        is_empty = isinstance(page, dict) and 'keys' in page
        with pytest.raises(JWTError if is_empty else SSOUnavailableError) as caught:
            made.verify()
        assert is_empty or 'the SSO published something other than its keys: ' in str(caught.value)
        made.update_token(good)
        assert made.verify()['sub'] == f'CHARACTER:EVE:{CHARACTER}'


@pytest.mark.parametrize('kid', [None, 'another'])
def test_keys_of_an_app_that_says_nowhere_to_fetch_others(esi: Sandbox, kid: str | None) -> None:
    made = EsiSecurity(
        'http://localhost/',
        'sandbox',
        'x',
        headers={'User-Agent': 't'},
        sso_endpoints={'issuer': 'login.eveonline.com', 'token_endpoint': f'{esi.url}/oauth/token'},
        jwks_key=requests.get(f'{esi.url}/oauth/jwks', timeout=60).json(),
    )
    made.update_token({'access_token': esi.token(CHARACTER), 'expires_in': 1200})
    assert made.verify()['sub'] == f'CHARACTER:EVE:{CHARACTER}'
    header, claims, _ = esi.token(CHARACTER).split('.')
    bad = esi.sso.forge(header={'kid': kid}) if kid else f'{header}.{claims}.c2lnbmF0dXJl'
    made.update_token({'access_token': bad, 'expires_in': 1200})
    with pytest.raises(JWTError):
        made.verify()


def test_an_unknown_key_is_fetched_once_within_the_cool_down(esi: Sandbox, security: EsiSecurity) -> None:
    security.update_token({'access_token': esi.sso.forge(header={'kid': 'no such key'}), 'expires_in': 1200})
    before = esi.log.count('sso.jwks')
    for _ in range(5):
        with pytest.raises(JWTError):
            security.verify()
    assert esi.log.count('sso.jwks') == before + 1


def test_a_private_response_survives_a_refresh(esi: Sandbox, security: EsiSecurity) -> None:
    """The character is known from the exchange, so that the new token finds what the old one was given."""
    app = App.create(esi.document)
    granted = esi.sso.grant(CHARACTER)
    security.update_token({**granted, 'expires_in': -1})
    call = app.op['get_characters_character_id_wallet'](character_id=CHARACTER)
    with EsiClient(security, user_agent='tests') as client:
        assert not client.request(call, raise_on_error=True).from_cache
        token = security.access_token
        security.refresh()
        assert security.access_token != token
        assert client.request(call, raise_on_error=True).from_cache


def test_a_new_owner_of_a_character_does_not_see_what_was_stored(security: EsiSecurity) -> None:
    with Sandbox() as esi:
        app = App.create(esi.document)
        security = EsiSecurity(
            'http://localhost/', 'sandbox', 'x', headers={'User-Agent': 't'}, sso_endpoints_url=esi.sso.endpoints_url
        )
        call = app.op['get_characters_character_id_wallet'](character_id=CHARACTER)
        with EsiClient(security, user_agent='tests') as client:
            security.update_token({**esi.sso.grant(CHARACTER), 'expires_in': -1})
            client.request(call, raise_on_error=True)
            esi.sso.sell(CHARACTER)
            security.update_token({**esi.sso.grant(CHARACTER), 'expires_in': -1})
            assert not client.request(call, raise_on_error=True).from_cache


def test_a_token_that_claims_to_be_somebody_else_is_filed_apart(esi: Sandbox, security: EsiSecurity) -> None:
    app = App.create(esi.document)
    call = app.op['get_characters_character_id_wallet'](character_id=CHARACTER)
    with EsiClient(security, user_agent='tests') as client:
        security.update_token({'access_token': esi.token(CHARACTER), 'expires_in': 1200})
        security.verify()
        assert client.request(call).ok
        security.update_token({'access_token': esi.sso.forge(header={'alg': 'none'}), 'expires_in': 1200})
        assert client.request(call).status == 401
