"""Access tokens: JWTs as the SSO signs them, and what each of them allows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esipy import clock
from esipy._sandbox.sso import jws
from esipy._sandbox.sso.characters import OfferedCharacters
from esipy._sandbox.sso.grants import Login
from esipy._sandbox.sso.keys import Keys
from esipy._sandbox.sso.names import HOST

#: The part of the audience that every token has.
EVE = 'EVE Online'

#: The application of tokens that were not issued by a login.
CLIENT = 'sandbox'

#: The forms in which the SSO writes its issuer.
ISSUERS = (f'https://{HOST}', HOST, f'https://{HOST}/')

_SUBJECT = re.compile(r'CHARACTER:EVE:([1-9][0-9]{0,18})', re.ASCII)

#: How many tokens that were not issued here are remembered.
_CAPACITY = 4096


@dataclass
class Rules:
    """The settings of the SSO, which a program changes with `esi.sso`."""

    #: Only registered applications are accepted.
    strict: bool = False
    #: A refresh returns a new refresh token, and the old one becomes invalid.
    rotate: bool = False
    #: The algorithm of signatures: RS256 or ES256.
    algorithm: str = 'RS256'
    #: The issuer in tokens.
    issuer: str = ISSUERS[0]
    #: Seconds that an access token is valid.
    lifetime: float = 1200
    #: The base of the login page's address, where it is not that of the other pages.
    login_page: str = ''


@dataclass
class Grant:
    """What a token allows. `roles`: None: all of them."""

    character_id: int
    scopes: frozenset[str]
    expires: float
    kid: str
    client_id: str = CLIENT
    roles: list[str] | None = None
    #: Not before.
    begins: float = 0.0
    #: The login that it was issued for, and ends with.
    login: Login | None = field(default=None, repr=False)
    revoked: bool = False

    @property
    def is_over(self) -> bool:
        return self.revoked or (self.login is not None and self.login.ended)


class Tokens:
    """The access tokens that this server has issued, and others that it has been sent."""

    def __init__(self, rules: Rules, keys: Keys, characters: OfferedCharacters, scopes: Sequence[str]) -> None:
        self._rules = rules
        self._keys = keys
        self._characters = characters
        self.all_scopes = scopes
        self._issued: dict[str, Grant] = {}
        self._others: dict[str, Grant | None] = {}

    def issue(
        self,
        character_id: int,
        scopes: Iterable[str] | str | None = None,
        roles: Iterable[str] | None = None,
        lifetime: float | None = None,
        client_id: str = CLIENT,
        login: Login | None = None,
    ) -> str:
        """Return a new token. `scopes`: None: all of the description."""
        names = self.all_scopes if scopes is None else scopes.split() if isinstance(scopes, str) else list(scopes)
        claims = self.claims(character_id, names, client_id, self._rules.lifetime if lifetime is None else lifetime)
        key = self._keys.signing(self._rules.algorithm)
        claims['kid'] = key.kid
        token = jws.compact({'alg': key.algorithm, 'kid': key.kid, 'typ': 'JWT'}, claims, key.sign)
        listed = None if roles is None else list(roles)
        self._issued[token] = Grant(
            character_id, frozenset(names), claims['exp'], key.kid, client_id, listed, login=login
        )
        return token

    def claims(self, character_id: int, scopes: Sequence[str], client_id: str, lifetime: float) -> dict[str, Any]:
        """Return the claims of a token. `scp` is a text for one scope, a list for several, and absent for none."""
        now = int(clock.time())
        end = now + lifetime
        return {
            **({'scp': scopes[0] if len(scopes) == 1 else list(scopes)} if scopes else {}),
            'jti': str(uuid.uuid4()),
            'sub': f'CHARACTER:EVE:{character_id}',
            'azp': client_id,
            'tenant': 'tranquility',
            'tier': 'live',
            'region': 'world',
            'aud': [client_id, EVE],
            'name': self._characters.name(character_id),
            'owner': self._characters.owner(character_id),
            'exp': int(end) if end == int(end) else end,
            'iat': now,
            'iss': self._rules.issuer,
        }

    def grant(self, token: str) -> Grant | None:
        """Return what a token allows, even if it has expired; None if none of the keys has signed it."""
        found = self._issued.get(token)
        if found is None:
            found = self._other(token)
        return found if found is not None and self._keys.is_here(found.kid) else None

    def _other(self, token: str) -> Grant | None:
        """Return the grant of a token from `forge`, or from another sandbox of this process with the same keys."""
        try:
            return self._others[token]
        except KeyError:
            found = self._read(token)
            if len(self._others) >= _CAPACITY:
                self._others.clear()
            self._others[token] = found
            return found

    def _read(self, token: str) -> Grant | None:
        try:
            parts = jws.parts(token)
        except ValueError:
            return None
        kid, algorithm = parts.header.get('kid'), parts.header.get('alg')
        key = self._keys.find(kid) if isinstance(kid, str) else None
        if key is None or key.algorithm != algorithm or not key.verifies(parts.signed, parts.signature):
            return None
        return _grant(parts.claims, key.kid)

    def revoke(self, token: str | None = None) -> None:
        """Revoke one token, or all of them."""
        for known in [token] if token is not None else list(self._issued):
            found = self.grant(known)
            if found is not None:
                found.revoked = True

    def sold(self, character_id: int) -> None:
        """Revoke the tokens of a character that was sold."""
        for grant in [*self._issued.values(), *self._others.values()]:
            if grant is not None and grant.character_id == character_id:
                grant.revoked = True


def _grant(claims: Mapping[str, Any], kid: str) -> Grant | None:
    """Return what the claims of a verified token allow; None if one is missing or wrong."""
    subject = _SUBJECT.fullmatch(str(claims.get('sub')))
    audience, scopes = _listed(claims.get('aud')), _listed(claims.get('scp', []))
    expires, begins = _number(claims.get('exp')), _number(claims.get('nbf', 0))
    if not subject or claims.get('iss') not in ISSUERS or audience is None or EVE not in audience or scopes is None:
        return None
    if expires is None or begins is None:
        return None
    client_id = str(claims.get('azp', CLIENT))
    return Grant(int(subject[1]), frozenset(scopes), expires, kid, client_id, begins=begins)


def _listed(value: Any) -> Collection[str] | None:
    """Return one text, or a list of them, as a list; None for anything else."""
    values = [value] if isinstance(value, str) else value
    return values if isinstance(values, list) and all(isinstance(one, str) for one in values) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
