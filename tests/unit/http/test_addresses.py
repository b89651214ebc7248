"""Addresses within texts, and in `Location`: what is masked, and where they lead."""

from __future__ import annotations

import pytest

from esipy._http.redirects import redirect_of
from esipy._runtime.redact import masked


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
    ],
)
def test_secrets_in_addresses_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


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
