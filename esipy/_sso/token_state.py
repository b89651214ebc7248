"""TokenState: one character's tokens at one moment, and how they change. Pure: the time is an argument.

updated         an app hands over tokens (`update_token`)
issued          the SSO sent tokens to this object: a login, or a token refresh
taken_from      another process has put newer tokens into the store
verified        the access token turned out to be genuine
saved           the store has these tokens by now
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from esipy._sso.jwt import Identity
from esipy._stores.base import Tokens

#: Seconds before its expiry from which a token is refreshed; a tenth of its lifetime, if that is less.
REFRESH_MARGIN = 60.0

#: Whether the store has these tokens; 'pending': it should have them, but failed to store them.
Stored = Literal['no', 'yes', 'pending']


@dataclass(frozen=True, slots=True)
class TokenState:
    """The tokens of one character. Its repr shows none of them."""

    access_token: str | None = None
    refresh_token: str | None = None
    #: When the access token expires, in seconds since the epoch; None: not known.
    expires_at: float | None = None
    #: For how many seconds the access token was valid when it was received.
    lifetime: float = 0.0
    #: The character of the access token, if the token was verified or came from the SSO.
    identity: Identity | None = None
    stored: Stored = 'no'
    #: The access token that a token refresh replaced by the present one.
    replaced: str | None = None

    def is_expired(self, now: float, offset: float = 0.0) -> bool:
        """Return whether the access token expires within `offset` seconds; True if its expiry is not known."""
        return self.expires_at is None or int(now) >= self.expires_at - offset

    def is_due(self, now: float) -> bool:
        """Return whether the access token should be refreshed: there is none yet, it has expired, or will soon."""
        return (not self.access_token and bool(self.refresh_token)) or self.is_expired(
            now, min(REFRESH_MARGIN, self.lifetime / 10)
        )

    def differs_from(self, record: Tokens) -> bool:
        """Return whether a record of the store has other tokens. It need not contain an access token."""
        return record.refresh_token != self.refresh_token or record.access_token not in (None, self.access_token)

    def with_access_token(self, token: str | None) -> TokenState:
        """An app sets the attribute. The character of another token is not known."""
        if token == self.access_token:
            return self
        return replace(self, access_token=token, identity=None, replaced=None)

    def updated(self, response: Mapping[str, Any], now: float) -> TokenState:
        """Tokens in the form of a token response, with `expires_in` as a number. The refresh token stays the same
        where the response has none."""
        expires_in = response['expires_in']
        return replace(
            self.with_access_token(response['access_token']),
            refresh_token=response.get('refresh_token', self.refresh_token),
            expires_at=int(now) + expires_in,
            lifetime=max(0.0, float(expires_in)),
            stored='no',
        )

    def issued(self, token: str, identity: Identity | None, stored: Stored, replaced: str | None = None) -> TokenState:
        """`token` came from the SSO itself, so that its claims are true. Nothing changes if an app has set another
        one since."""
        if token != self.access_token:
            return self
        return replace(self, identity=identity, stored=stored, replaced=replaced)

    def taken_from(self, record: Tokens, now: float) -> TokenState:
        """The tokens of a record of the store."""
        return TokenState(
            access_token=record.access_token,
            refresh_token=record.refresh_token,
            expires_at=None if record.access_token is None else record.expires_at,
            lifetime=max(0.0, record.expires_at - now),
            identity=Identity(record.character_id, record.character_name, record.owner, frozenset(record.scopes)),
            stored='yes',
            replaced=self.access_token,
        )

    def issued_instead_of(self, token: str | None) -> TokenState:
        """The present access token came in the place of `token`, by a refresh of another process."""
        return replace(self, replaced=token)

    def with_refresh_token(self, token: str | None) -> TokenState:
        return replace(self, refresh_token=token)

    def verified(self, token: str, identity: Identity) -> TokenState:
        """`token` is genuine. Nothing changes if it was refreshed meanwhile."""
        return replace(self, identity=identity) if token == self.access_token else self

    def saved(self, is_stored: bool) -> TokenState:
        """The store was asked again to store these tokens."""
        return replace(self, stored='yes' if is_stored else 'pending')

    def record(self, client_id: str, identity: Identity) -> Tokens:
        """Return these tokens in the form of a store."""
        return Tokens(
            client_id,
            identity.character_id,
            self.refresh_token,
            self.access_token,
            self.expires_at or 0.0,
            tuple(sorted(identity.scopes)),
            identity.character_name,
            identity.owner,
        )

    def __repr__(self) -> str:
        who = self.identity.character_name if self.identity else 'an unknown character'
        return f'<TokenState of {who}, stored: {self.stored}>'
