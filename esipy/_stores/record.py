"""Tokens as plain types for JSON, and back. What comes back is checked: somebody else may have written it."""

from __future__ import annotations

import json
import math
from typing import Any

from esipy._stores.base import Tokens

#: Of the format. Another number was written by another release, and is left alone.
VERSION = 1

_SHAPES: dict[str, tuple[type, ...]] = {
    'client_id': (str,),
    'character_id': (int,),
    'refresh_token': (str, type(None)),
    'access_token': (str, type(None)),
    'expires_at': (int, float),
    'scopes': (tuple,),
    'character_name': (str,),
    'owner': (str,),
}


def checked(tokens: Tokens) -> Tokens:
    """The tokens, if every field is what it should be. Raises TypeError or ValueError, which name the field."""
    if not isinstance(tokens, Tokens):
        raise TypeError(f'not Tokens: {type(tokens).__name__}')
    for name, types in _SHAPES.items():
        value = getattr(tokens, name)
        if type(value) not in types:
            wanted = ' or '.join(kind.__name__ for kind in types)
            raise TypeError(f'{name} of tokens: {wanted}, not {type(value).__name__}')
    if not all(isinstance(scope, str) for scope in tokens.scopes):
        raise TypeError('scopes of tokens: a tuple of texts')
    if not math.isfinite(tokens.expires_at):
        raise ValueError(f'expires_at of tokens: {tokens.expires_at} is no moment')
    return tokens


def to_record(tokens: Tokens) -> dict[str, Any]:
    """As plain types. Raises as `checked` does."""
    return checked(tokens)._asdict()


def from_record(record: Any) -> Tokens | None:
    """The tokens, None if the record is not one of ours."""
    if not isinstance(record, dict) or record.keys() != _SHAPES.keys() or not isinstance(record['scopes'], list):
        return None
    try:
        return checked(Tokens(**{**record, 'scopes': tuple(record['scopes'])}))
    except (TypeError, ValueError):
        return None


def to_text(tokens: Tokens) -> str:
    """As JSON, for a store that keeps each character by itself. Raises as `checked` does."""
    return json.dumps({'version': VERSION, **to_record(tokens)})


def from_text(text: str | bytes) -> Tokens | None:
    """The tokens, None if the text is not one of ours."""
    record = parsed(text)
    if not isinstance(record, dict) or record.pop('version', None) != VERSION:
        return None
    return from_record(record)


def parsed(text: str | bytes) -> Any:
    """What JSON says, None where it is none. It raises nothing: json's errors carry the whole text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
