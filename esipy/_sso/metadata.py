"""The pages that the SSO publishes: its endpoints (RFC 8414) and its keys (RFC 7517). Pure."""

from __future__ import annotations

from typing import Any

from esipy._message.decode import decode


def endpoints(body: bytes) -> dict[str, str]:
    """Return the URLs in a metadata document, by their names. Raises ValueError for anything else."""
    found: Any = decode(body)
    if not isinstance(found, dict) or not isinstance(found.get('token_endpoint'), str):
        raise ValueError('the page is not the metadata of an authorization server')
    return {name: value for name, value in found.items() if isinstance(value, str)}


def keys(body: bytes) -> dict[str, Any]:
    """Return the keys of a key set, by their names. Raises ValueError for anything else."""
    found: Any = decode(body)
    if not isinstance(found, dict) or not isinstance(found.get('keys'), list):
        raise ValueError('the page is not a key set')
    return {str(key['kid']): key for key in found['keys'] if isinstance(key, dict) and 'kid' in key}
