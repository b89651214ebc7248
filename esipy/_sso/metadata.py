"""The pages that the SSO publishes: its endpoints (RFC 8414) and its keys (RFC 7517). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from esipy._message.decode import decode


def endpoints(body: bytes) -> dict[str, str]:
    """Return the URLs in a metadata document, by their names. Raises ValueError for anything else."""
    found: Any = decode(body)
    if not isinstance(found, dict) or not isinstance(found.get('token_endpoint'), str):
        raise ValueError('the page has no token_endpoint')
    return {name: value for name, value in found.items() if isinstance(value, str)}


def keys(body: bytes) -> dict[str, Any]:
    """Return the keys of a key set, by their names. Raises ValueError for anything else."""
    found: Any = decode(body)
    if not isinstance(found, dict) or not isinstance(found.get('keys'), list):
        raise ValueError('the page has no list of keys')
    return by_name(found['keys'])


def by_name(found: Iterable[Any]) -> dict[str, Any]:
    """Return keys by their names. Names need not be there, nor differ (RFC 7517 section 4.5): a further key of the same
    name, or one without a name, is found by its number."""
    named: dict[str, Any] = {}
    for number, key in enumerate(found):
        if isinstance(key, dict) and not _OF_A_KEY.isdisjoint(key):
            name = str(key.get('kid') or '')
            named[f'{name}#{number}' if name in named or not name else name] = key
    return named


#: What a key has at least: a name, or the public numbers of an RSA or EC key (RFC 7518 section 6).
_OF_A_KEY = frozenset({'kid', 'n', 'x'})
