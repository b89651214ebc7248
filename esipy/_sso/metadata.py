"""What the SSO says of itself: its endpoints (RFC 8414), its keys (RFC 7517). Fetching it is the caller's business."""

from __future__ import annotations

from typing import Any

from esipy._message.decode import decode


def endpoints(body: bytes) -> dict[str, str]:
    """The addresses in a metadata document, by their names. Raises ValueError for what is none."""
    found: Any = decode(body)
    if not isinstance(found, dict) or not isinstance(found.get('token_endpoint'), str):
        raise ValueError('no metadata of an authorization server')
    return {name: value for name, value in found.items() if isinstance(value, str)}


def keys(body: bytes) -> dict[str, Any]:
    """The keys of a key set, by their names. Raises ValueError for what is none."""
    found: Any = decode(body)
    if not isinstance(found, dict) or not isinstance(found.get('keys'), list):
        raise ValueError('no key set')
    return {str(key['kid']): key for key in found['keys'] if isinstance(key, dict) and 'kid' in key}
