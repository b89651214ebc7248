"""The end of a login: which addresses have the code in them, and which are told as what."""

import pickle
import re
from typing import Any
from urllib.parse import quote

import pytest

from esipy._login.callback import ERRORS, UnrelatedResponseError, code_in, code_of
from esipy.exceptions import LoginError, TokenError

STATE = 'of+this/one=login'
S = quote(STATE, safe='')

#: Queries that are not the response, each wrong in one thing.
NOT_IT = {
    'nothing': '',
    'no state': 'code=c',
    'an empty state': 'code=c&state=',
    'another state': 'code=c&state=other',
    'a longer state': f'code=c&state={S}x',
    'a shorter state': f'code=c&state={S[:-1]}',
    'another case': f'code=c&state={S.upper()}',
    'two states': f'code=c&state={S}&state={S}',
    'one of two states': f'code=c&state=x&state={S}',
    'not text': 'code=c&state=%ff%fe',
    'a lone surrogate': 'code=c&state=%ed%a0%80',
    'no code': f'state={S}',
    'an empty code': f'code=&state={S}',
    'two codes': f'code=c&code=d&state={S}',
    'an error of another login': 'error=access_denied&state=other',
    'an error of no login': 'error=access_denied',
    'too much': f'{"a=1&" * 60}code=c&state={S}',
}


def test_the_code() -> None:
    assert code_of(f'code=a%2Bb%20c&state={S}', STATE) == 'a+b c'
    assert code_of(f'state={S}&iss=https%3A%2F%2Flogin&code=c', STATE) == 'c'


@pytest.mark.parametrize('query', NOT_IT.values(), ids=NOT_IT)
def test_requests_that_are_not_the_callback(query: str) -> None:
    """Fails when `_is_same` says True, and when `len(codes) != 1` is not asked."""
    with pytest.raises(UnrelatedResponseError):
        code_of(query, STATE)


@pytest.mark.parametrize('code', ERRORS)
def test_a_refusal(code: str) -> None:
    with pytest.raises(LoginError, match=re.escape(f'{code}: {ERRORS[code]}')) as caught:
        code_of(f'error={code}&error_description=planted&code=c&state={S}', STATE)
    assert isinstance(caught.value, TokenError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert 'planted' not in repr(caught.value)


@pytest.mark.parametrize(
    ('code', 'what'), [('planted', 'with an error code that esipy does not know'), ('', 'without an error code')]
)
def test_a_refusal_in_words_that_nobody_knows_is_not_repeated(code: str, what: str) -> None:
    with pytest.raises(LoginError) as caught:
        code_of(f'error={code}&state={S}', STATE)
    assert str(caught.value) == f'the SSO rejected the login {what}; start the login again'


BACK = 'http://localhost:8765/callback'


@pytest.mark.parametrize('redirect_uri', [BACK, 'eveauth-app://callback', 'https://localhost/', f'{BACK}?mine=1'])
def test_a_whole_address(redirect_uri: str) -> None:
    mark = '&' if '?' in redirect_uri else '?'
    assert code_in(f'{redirect_uri}{mark}code=c&state={S}', redirect_uri, STATE) == 'c'


@pytest.mark.parametrize(
    'address',
    [
        f'code=c&state={S}',
        'c',
        f'http://localhost:8766/callback?code=c&state={S}',
        f'https://localhost:8765/callback?code=c&state={S}',
        f'http://localhost:8765/other?code=c&state={S}',
        f'http://evil.example/callback?code=c&state={S}',
        f'http://[?code=c&state={S}',
        f'{BACK}#code=c&state={S}',
    ],
)
def test_another_address(address: str) -> None:
    with pytest.raises(UnrelatedResponseError) as caught:
        code_in(address, BACK, STATE)
    error: Any = caught.value
    assert S not in str(error)
    assert error.__cause__ is None
