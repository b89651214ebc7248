"""One token for a character."""

from __future__ import annotations

from typing import Any

from esipy.contrib.django.compat.models import Token


def get_token(character_id: int, scopes: Any) -> Token:
    """Return a token of a character that has `scopes` and is valid now. Raises Token.DoesNotExist."""
    found = Token.objects.filter(character_id=character_id).require_scopes(scopes).require_valid().first()
    if found is None:
        raise Token.DoesNotExist(f'character {character_id} has no valid token with {scopes}: it has to sign in')
    token: Token = found
    return token
