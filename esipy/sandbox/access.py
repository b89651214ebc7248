"""Bearer tokens, and who may do what: 401 without a good one, 403 where a scope, a role or the character is wrong.

The SSO, which signs tokens and lets users log in, is a part of its own; these tokens only look alike.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from esipy import clock
from esipy.sandbox.dice import Dice
from esipy.sandbox.wire import Reply, Request, error_reply, to_json
from esipy.sandbox.words import person
from esipy.spec.model import Operation

#: Seconds that an access token lives.
LIFETIME = 1200


@dataclass
class Grant:
    """What a token stands for. `scopes` and `roles`: None is all of them."""

    character_id: int
    name: str
    scopes: list[str] | None
    roles: list[str] | None
    expires: float
    revoked: bool = False


class Tokens:
    """The tokens that this server has given out."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._grants: dict[str, Grant] = {}
        self._lock = threading.Lock()

    def issue(
        self,
        character_id: int,
        scopes: Iterable[str] | None = None,
        roles: Iterable[str] | None = None,
        lifetime: float = LIFETIME,
    ) -> str:
        name = person(Dice(self._seed, 'character', character_id))
        grant = Grant(character_id, name, _listed(scopes), _listed(roles), clock.time() + lifetime)
        with self._lock:
            token = _shaped(grant, Dice(self._seed, 'token', len(self._grants)))
            self._grants[token] = grant
        return token

    def revoke(self, token: str | None = None) -> None:
        """One token, or all of them."""
        with self._lock:
            for known in [token] if token is not None else list(self._grants):
                if known in self._grants:
                    self._grants[known].revoked = True

    def grant(self, token: str) -> Grant | None:
        return self._grants.get(token)


def _listed(names: Iterable[str] | None) -> list[str] | None:
    return names.split() if isinstance(names, str) else None if names is None else list(names)


def _shaped(grant: Grant, dice: Dice) -> str:
    """Three parts with dots between, as a JWT; the signature is not one."""
    claims = asdict(grant)
    payload = {
        'sub': f'CHARACTER:EVE:{grant.character_id}',
        'name': claims['name'],
        'scp': claims['scopes'] or [],
        'exp': int(grant.expires),
        'jti': dice.hex(32),
    }
    parts = [_encoded(to_json({'alg': 'none', 'typ': 'JWT'})), _encoded(to_json(payload)), dice.hex(43)]
    return '.'.join(parts)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def bearer(request: Request) -> str | None:
    """The token that a request carries, in its header or (as old apps do) in its query."""
    scheme, _, token = request.headers.get('authorization', '').partition(' ')
    if scheme.lower() == 'bearer' and token.strip():
        return token.strip()
    return next((value for name, value in request.query if name == 'token' and value), None)


def refusal(operation: Operation, grant: Grant | None, values: dict[str, str], token: str | None) -> Reply | None:
    """The error for a request that may not do this; None where it may."""
    if not operation.security or {} in operation.security:
        return None
    if token is None:
        return _unauthorized('Unauthorized - No authorization header provided')
    if grant is None:
        return _unauthorized('Unauthorized - Invalid token')
    if grant.revoked:
        return _unauthorized('Unauthorized - Token has been revoked')
    if grant.expires <= clock.time():
        return _unauthorized('Unauthorized - Token is expired')
    return _forbidden(operation, grant, values)


def _unauthorized(message: str) -> Reply:
    return error_reply(401, message, {'WWW-Authenticate': 'Bearer'})


def _forbidden(operation: Operation, grant: Grant, values: dict[str, str]) -> Reply | None:
    missing = [scope for scope in operation.scopes if grant.scopes is not None and scope not in grant.scopes]
    if missing:
        return error_reply(403, f'Forbidden - Token is not valid for scope(s): {", ".join(missing)}')
    if 'character_id' in values and values['character_id'].lstrip('+0') != str(grant.character_id):
        return error_reply(403, 'Forbidden - Token is for another character')
    roles = operation.required_roles
    if roles and grant.roles is not None and not set(roles) & set(grant.roles):
        return error_reply(403, f'Forbidden - Character does not have required role(s): {", ".join(roles)}')
    return None
