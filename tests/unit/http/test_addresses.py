"""Addresses within texts, and in `Location`: what is masked, and where they lead."""

from __future__ import annotations

import pytest

from esipy._http.redirects import redirect_of
from esipy._runtime.redact import is_secret, masked, masked_address
from tests.cases.addresses import WITH_PASSWORD, WITH_TOKEN, WITHOUT_SECRET


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('http://h/?token=planted', 'http://h/?token=***'),
        ('http://h/#access_token=planted', 'http://h/#access_token=***'),
        ('http://h/#token_type=x&access_token=planted', 'http://h/#token_type=***&access_token=***'),
        ('http://h/#state=1&access_token=planted', 'http://h/#state=1&access_token=***'),
        ('http://h/?page=2#access_token=planted&page=3', 'http://h/?page=2#access_token=***&page=3'),
        ('<http://h/#a#refresh_token=planted> and #page=2', '<http://h/#a#refresh_token=*** and #page=2'),
        ('http://h/?page=2#part', 'http://h/?page=2#part'),
        ('http://user:planted@h/x', 'http://***@h/x'),
        ('//user:planted@h/x', '//***@h/x'),
        ('GET http://user:a/planted@h:1/x failed', 'GET http://***@h:1/x failed'),
        ('http://user:planted?x@h', 'http://***@h'),
        ('http://user:#planted@h', 'http://***@h'),
        ('http://h:8080/@name and http://user:pa/planted@h', 'http://h:8080/@name and http://***@h'),
        ('http://h:8080/@name', 'http://h:8080/@name'),
        ('http://[::1]:8080/@name', 'http://[::1]:8080/@name'),
        ('http://h/@name', 'http://h/@name'),
    ],
)
def test_secrets_in_addresses_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize('address', [*WITH_PASSWORD, *WITH_TOKEN])
def test_no_secret_of_an_address_is_shown_in_any_spelling(address: str) -> None:
    shown = masked_address(address)
    assert 'planted' not in shown
    assert '***' in shown


WORDS = [one for one in WITH_PASSWORD if '//' in one and len(one.split()) == 1]


@pytest.mark.parametrize('address', [*WORDS, *WITH_TOKEN])
def test_no_secret_of_an_address_within_a_sentence_is_shown(address: str) -> None:
    assert 'planted' not in masked(f'GET {address} failed')


@pytest.mark.parametrize('address', WITHOUT_SECRET)
def test_an_address_without_a_secret_is_shown_as_it_is(address: str) -> None:
    assert masked_address(address) == address


@pytest.mark.parametrize(
    ('location', 'path'),
    [
        ('/caf\xe9', '/caf\xe9'),
        ('/café'.encode().decode('latin-1'), '/café'),
        ('/名前'.encode().decode('latin-1'), '/名前'),
        ('/plain', '/plain'),
    ],
)
def test_a_location_that_is_not_percent_encoded_is_read_as_utf_8(location: str, path: str) -> None:
    redirect = redirect_of('GET', 'http://h/x', 302, location)
    assert redirect is not None
    assert redirect.url == f'http://h{path}'


@pytest.mark.parametrize(
    'name',
    [
        'passwd',
        'Passphrase',
        'aws_credential',
        'X-Amz-Signature',
        'jwt',
        'X-Session-Id',
        'sessionid',
        'access_key',
        'AuthKey',
        'private-key',
        'apikey',
        'X-API-Key',
        'Set-Cookie',
        'Proxy-Authorization',
        'client_secret',
        'id_token',
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    'name', ['page', 'X-Pages', 'key', 'session', 'order_id', 'Accept-Language', 'X-Tenant', 'code']
)
def test_names_that_are_shown(name: str) -> None:
    assert not is_secret(name)
