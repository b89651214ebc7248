"""Authorization: 401 without a valid token, 403 if a scope, a role or the character is wrong.

`esipy._sandbox.sso` issues and verifies tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from esipy import clock
from esipy._sandbox.conditional import Entity
from esipy._sandbox.http_messages import Request, Response, error_response, to_json
from esipy._sandbox.routes import normal
from esipy._sandbox.sso.tokens import Grant
from esipy._spec.model import Operation


class Caller(NamedTuple):
    """Who sent a request: its token, and what the token allows."""

    token: str | None
    grant: Grant | None


def bearer(request: Request) -> str | None:
    """Return the token of a request, from its header or (as old apps send it) from its query."""
    scheme, _, token = request.headers.get('authorization', '').partition(' ')
    if scheme.lower() == 'bearer' and token.strip():
        return token.strip()
    return next((value for name, value in request.query if name == 'token' and value), None)


def rejection(operation: Operation, caller: Caller, values: dict[str, str]) -> Response | None:
    """Return the error for a request that is not allowed; None if it is."""
    token, grant = caller
    if not operation.security or {} in operation.security:
        return None
    if token is None:
        return _unauthorized('Unauthorized - No authorization header provided')
    if grant is None:
        return _unauthorized('Unauthorized - Invalid token')
    if grant.is_over:
        return _unauthorized('Unauthorized - Token has been revoked')
    if grant.expires <= clock.time():
        return _unauthorized('Unauthorized - Token is expired')
    if grant.begins > clock.time():
        return _unauthorized('Unauthorized - Token is not yet valid')
    return _forbidden(operation, grant, values)


def _unauthorized(message: str) -> Response:
    return error_response(401, message, {'WWW-Authenticate': 'Bearer'})


def _forbidden(operation: Operation, grant: Grant, values: dict[str, str]) -> Response | None:
    missing = [scope for scope in operation.scopes if scope not in grant.scopes]
    if missing:
        return error_response(403, f'Forbidden - Token is not valid for scope(s): {", ".join(missing)}')
    if 'character_id' in values and values['character_id'].lstrip('+0') != str(grant.character_id):
        return error_response(403, 'Forbidden - Token is for another character')
    roles = operation.required_roles
    if roles and grant.roles is not None and not set(roles) & set(grant.roles):
        return error_response(403, f'Forbidden - Character does not have required role(s): {", ".join(roles)}')
    return None


def returns_roles(operation: Operation) -> bool:
    """Whether an operation returns the roles of the character that asks."""
    return operation.method == 'GET' and normal(operation.path) == '/characters/{character_id}/roles'


def with_roles(entity: Entity, operation: Operation, grant: Grant, known: Iterable[str]) -> Entity:
    """Return the roles that a token has, those by which `_forbidden` decides. `known`: all roles that matter."""
    spec = operation.response_for(200)
    schema = spec.schema if spec is not None else None
    fields = schema.properties if schema is not None else {}
    allowed = fields['roles'].items.enum if 'roles' in fields and fields['roles'].items else None
    held = sorted(known if grant.roles is None else grant.roles)
    roles: dict[str, list[str]] = {name: [] for name in fields if name.startswith('roles_at')}
    roles['roles'] = [role for role in held if not allowed or role in allowed]
    return Entity(entity.status, to_json({**json.loads(entity.body), **roles}), entity.modified, dict(entity.headers))
