"""The state and the rules of the SSO, without HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from esipy import clock
from esipy._sandbox.sso.characters import OfferedCharacters
from esipy._sandbox.sso.clients import Client, Clients
from esipy._sandbox.sso.grants import Ledger, Login, check_proof
from esipy._sandbox.sso.keys import FIRST, Keys
from esipy._sandbox.sso.oauth import no_grant
from esipy._sandbox.sso.tokens import Rules, Tokens
from esipy._sandbox.world import World


class Server:
    """One SSO. `scopes`: all scopes of the description."""

    def __init__(self, seed: object, scopes: Sequence[str], world: World) -> None:
        self.rules = Rules()
        self.keys = Keys()
        self.characters = OfferedCharacters(seed, world)
        self.clients = Clients()
        self.ledger = Ledger()
        self.tokens = Tokens(self.rules, self.keys, self.characters, scopes)

    def get(self, name: str) -> Any:
        return getattr(self.rules, name)

    def set(self, name: str, value: Any) -> None:
        """Change a rule. Raises ValueError for an unknown rule or value."""
        if name not in {rule.name for rule in fields(Rules)}:
            raise ValueError(f'the SSO has no setting {name!r}')
        if name == 'algorithm' and value not in FIRST:
            raise ValueError(f'algorithm={value!r} is not supported: use one of {", ".join(FIRST)}')
        setattr(self.rules, name, value)

    def token_response(self, login: Login, scopes: Sequence[str]) -> dict[str, Any]:
        """Return the response of the token endpoint (RFC 6749 section 5.1)."""
        token = self.tokens.issue(login.character_id, scopes, client_id=login.client_id, login=login)
        grant = self.tokens.grant(token)
        assert grant is not None
        return {
            'access_token': token,
            'expires_in': max(0, int(grant.expires - clock.time())),
            'token_type': 'Bearer',
            'refresh_token': login.refresh_token,
        }

    def grant(self, character_id: int, scopes: Iterable[str] | str | None, client_id: str) -> dict[str, Any]:
        """Return the same for a character that has not used the login page."""
        names = self.tokens.all_scopes if scopes is None else scopes.split() if isinstance(scopes, str) else scopes
        login = self.ledger.begin(Login(client_id, character_id, tuple(names), needs_secret=False))
        return self.token_response(login, login.scopes)

    def give_back(self, client: Client, token: str) -> None:
        """Revoke a refresh token, with all that came of it, or an access token alone (RFC 7009 section 2.1)."""
        login = self.ledger.find(token)
        if login is not None:
            if login.client_id != client.id:
                raise no_grant('the token was given to another client')
            check_proof(login, client)
            login.ended = True
            return
        grant = self.tokens.grant(token)
        if grant is not None:
            if grant.client_id != client.id:
                raise no_grant('the token was given to another client')
            if grant.login is not None:
                check_proof(grant.login, client)
            grant.revoked = True

    def revoke(self, token: str | None = None) -> None:
        """Revoke a token of either kind, or all of them."""
        if token is None:
            self.ledger.end()
        login = self.ledger.find(token) if token is not None else None
        if login is not None:
            login.ended = True
        else:
            self.tokens.revoke(token)

    def sell(self, character_id: int) -> str:
        """Give the character to another owner, which ends its logins and tokens; return the new owner hash."""
        owner = self.characters.sell(character_id)
        self.ledger.end(character_id)
        self.tokens.sold(character_id)
        return owner

    def rotate_keys(self, keep: bool) -> str:
        return self.keys.rotate(self.rules.algorithm, keep)

    def counts(self) -> Mapping[str, int]:
        return asdict(self.ledger.counts)

    def forged(self, character_id: int, client_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims of a valid token with changes; None removes a claim."""
        claims = self.tokens.claims(character_id, self.tokens.all_scopes, client_id, self.rules.lifetime)
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}
