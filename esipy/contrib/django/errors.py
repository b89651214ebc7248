"""The errors of a site's tokens: django-esi's names, below esipy's own::

    EsiError
    └── DjangoEsiException
        ├── TokenError                      (also an esipy.exceptions.TokenError)
        │   ├── TokenInvalidError           the grant is gone, or the token is not genuine
        │   ├── TokenExpiredError           (also an esipy.exceptions.TokenExpiredError)
        │   └── NotRefreshableTokenError    there is no refresh token
        ├── IncompleteResponseError         not this time; the token stays as it is
        │   └── SSOUnavailableError         (also an esipy.exceptions.SSOUnavailableError)
        └── SSOOAuthError                   the SSO refuses, and names an OAuth error (also an esipy TokenError)

The names are those of django-esi, so that its `except` clauses go on working.
"""

from __future__ import annotations

from typing import Any

from esipy import exceptions


class DjangoEsiException(exceptions.EsiError):
    """Root of the errors of a site's tokens."""


class TokenError(DjangoEsiException, exceptions.TokenError):
    """Something is wrong with a token."""


class TokenInvalidError(TokenError):
    """The grant is gone, the character has a new owner, or the token is not genuine: the character has to sign in
    again."""


class TokenExpiredError(TokenError, exceptions.TokenExpiredError):
    """The access token is too old, and it cannot be refreshed."""


class NotRefreshableTokenError(TokenError):
    """There is no refresh token to refresh the access token with."""


class UnknownScopeError(DjangoEsiException, ValueError):
    """A scope that EVE Online does not have; nobody was sent to the SSO."""


class IncompleteResponseError(DjangoEsiException):
    """A token could not be refreshed this time; it stays as it is."""


class SSOUnavailableError(IncompleteResponseError, exceptions.SSOUnavailableError):
    """The SSO is down, or cannot be reached: try again later. The token stays as it is.

    Sites raise it in their tests without arguments, or with a text.
    """

    def __init__(self, url: str = 'the SSO is not available', code: int = 503, **more: Any) -> None:
        super().__init__(url, code, **more)


class TokenDatabaseError(IncompleteResponseError, exceptions.TokenStoreError):
    """The database is away, or locked for too long: try again. Tokens that the SSO has given meanwhile are kept in this
    process, and saved by the next refresh."""


class SSOOAuthError(DjangoEsiException, exceptions.TokenError):
    """The SSO refuses. ``error``: its OAuth error code; ``description``: why, or what to do."""

    def __init__(self, error: str, description: str = '') -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description

    def __str__(self) -> str:
        return f'the SSO refuses: {self.error}' + (f' ({self.description})' if self.description else '')
