"""What is said to the SSO, and what of its answers may be told (RFC 6749). Pure."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from esipy._message.decode import decode

#: The error codes that an authorization server may answer with (RFC 6749 section 5.2, RFC 7009 section 2.2.1).
#: Anything else in an answer could be part of a secret, and is not told.
ERROR_CODES = frozenset(
    {
        'invalid_request',
        'invalid_client',
        'invalid_grant',
        'unauthorized_client',
        'unsupported_grant_type',
        'unsupported_token_type',
        'invalid_scope',
    }
)

#: No token is good for so many seconds, and none without an end.
_FOR_EVER = 1e10

_LOOPBACK = frozenset({'127.0.0.1', 'localhost', '::1'})


def basic(client_id: str, secret_key: str) -> str:
    """The Authorization header of a client with a secret (RFC 6749 section 2.3.1)."""
    return 'Basic ' + base64.b64encode(f'{client_id}:{secret_key}'.encode()).decode()


def query(parts: dict[str, str]) -> str:
    """A query with every part encoded, so that none can bring in a parameter of its own; a space is a `+`."""
    return '&'.join(f'{name}={_encoded(name, value)}' for name, value in parts.items())


def _encoded(name: str, value: str) -> str:
    return quote_plus(value, safe='') if name == 'scope' else quote(value, safe='')


def is_trusted(url: str) -> bool:
    """Whether a secret may be sent there: over TLS, or on this machine alone."""
    split = urlsplit(url)
    return split.scheme == 'https' or (split.scheme == 'http' and split.hostname in _LOOPBACK)


def tokens(body: bytes) -> dict[str, Any] | None:
    """The tokens in an answer of the token endpoint (RFC 6749 section 5.1); None for what is no such answer."""
    try:
        told: Any = decode(body)
    except ValueError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get('access_token'), str):
        return None
    if not isinstance(told.get('refresh_token'), str) or not told['refresh_token']:
        told.pop('refresh_token', None)  # nothing is said of it, so that the one before stays good (section 6)
    seconds: Any = told.get('expires_in')
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return told if is_number and abs(seconds) < _FOR_EVER else None


def error_code(body: bytes) -> str:
    """The `error` of an answer, if it is one that RFC 6749 knows; else ''."""
    try:
        told: Any = decode(body)
    except ValueError:
        return ''
    code = told.get('error') if isinstance(told, dict) else None
    return code if isinstance(code, str) and code in ERROR_CODES else ''
