"""Tokens as plain types for JSON, and back. A record that is read is checked, since anybody may have written it."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from esipy._stores.base import Tokens

#: The version of the format. Records with another number are not read.
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

#: What a token consists of (RFC 6749 appendix A.12 and A.17); nothing else can be sent.
_TOKEN = re.compile(r'[ -~]*')


def checked(tokens: Tokens) -> Tokens:
    """Return the tokens, if every field is valid. Raises TypeError or ValueError, which name the field."""
    if not isinstance(tokens, Tokens):
        raise TypeError(f'a token store accepts Tokens, not {type(tokens).__name__}')
    for name, types in _SHAPES.items():
        value = getattr(tokens, name)
        if type(value) not in types:
            wanted = ' or '.join(kind.__name__ for kind in types)
            raise TypeError(f'{name} of tokens must be {wanted}, not {type(value).__name__}')
    if not all(isinstance(scope, str) for scope in tokens.scopes):
        raise TypeError('scopes of tokens must be a tuple of texts')
    for name in ('refresh_token', 'access_token'):
        if not _TOKEN.fullmatch(getattr(tokens, name) or ''):
            raise ValueError(f'{name} of tokens contains a character that a token cannot have')
    if not abs(tokens.expires_at) <= sys.float_info.max:  # which also holds for an integer that no float can be
        raise ValueError(f'expires_at of tokens is not a time: {tokens.expires_at}')
    return tokens


def to_record(tokens: Tokens) -> dict[str, Any]:
    """Return tokens as plain types. Raises as `checked` does."""
    return checked(tokens)._asdict()


def from_record(record: Any) -> Tokens | None:
    """Return the tokens of a record, None if it is not valid."""
    if not isinstance(record, dict) or record.keys() != _SHAPES.keys() or not isinstance(record['scopes'], list):
        return None
    try:
        return checked(Tokens(**{**record, 'scopes': tuple(record['scopes'])}))
    except (TypeError, ValueError):
        return None


def to_text(tokens: Tokens) -> str:
    """Return tokens as JSON, for a store with an entry for each character. Raises as `checked` does."""
    return json.dumps({'version': VERSION, **to_record(tokens)})


def from_text(text: str | bytes) -> Tokens | None:
    """Return the tokens of a text, None if it is not valid."""
    record = parsed(text)
    if not isinstance(record, dict) or record.pop('version', None) != VERSION:
        return None
    return from_record(record)


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text, None if it is not JSON. Errors of json are not raised: they contain the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError, TypeError):  # TypeError: a malicious Redis may return anything
        return None
