"""Errors: below esipy's own, made as sites make them in their tests, and able to travel between processes."""

from __future__ import annotations

import pickle

import pytest

from esipy import exceptions
from esipy.contrib.django import errors

CASES = [
    (errors.TokenError('why'), exceptions.TokenError),
    (errors.TokenInvalidError('why'), exceptions.TokenError),
    (errors.TokenExpiredError('why'), exceptions.TokenExpiredError),
    (errors.NotRefreshableTokenError('why'), exceptions.TokenError),
    (errors.IncompleteResponseError('why'), exceptions.EsiError),
    (errors.UnknownScopeError('why'), ValueError),
    (errors.TokenDatabaseError('why'), exceptions.TokenStoreError),
    (errors.SSOOAuthError('invalid_grant', 'why'), exceptions.TokenError),
    (errors.SSOUnavailableError(), exceptions.SSOUnavailableError),
    (errors.SSOUnavailableError('why'), errors.IncompleteResponseError),
    (errors.SSOUnavailableError('https://sso.example', 503, response=b'why'), exceptions.APIException),
]


@pytest.mark.parametrize(('error', 'kind'), CASES)
def test_an_error(error: Exception, kind: type[Exception]) -> None:
    assert isinstance(error, kind)
    assert isinstance(error, errors.DjangoEsiException)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert str(copied) == str(error)
