"""Requests to the SSO, and what of its responses may be shown (RFC 6749). Pure."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from esipy._message.decode import decode

#: The error codes that an authorization server may send (RFC 6749 section 5.2, RFC 7009 section 2.2.1; RFC 6750
#: section 3.1 has `invalid_token`). Anything else in a response could be part of a secret, and is not shown.
ERROR_CODES = frozenset(
    {
        'invalid_request',
        'invalid_client',
        'invalid_grant',
        'invalid_token',
        'unauthorized_client',
        'unsupported_grant_type',
        'unsupported_token_type',
        'invalid_scope',
    }
)

#: The codes that mean that a grant is gone for good. The EVE SSO sends either.
GRANT_IS_GONE = frozenset({'invalid_grant', 'invalid_token'})

#: Longer numbers are not read.
_MANY_DIGITS = 1000

#: No token is valid for as many seconds.
_MAX_LIFETIME = 1e10

_NUMBER = re.compile(r'[+-]?[0-9]{1,10}(\.[0-9]{1,10})?', re.ASCII)

_LOOPBACK = frozenset({'127.0.0.1', 'localhost', '::1'})


def basic(client_id: str, secret_key: str) -> str:
    """Return the Authorization header of a client with a secret (RFC 6749 section 2.3.1)."""
    return 'Basic ' + base64.b64encode(f'{client_id}:{secret_key}'.encode()).decode()


def query(parts: dict[str, str]) -> str:
    """Return a query with every part encoded, so that no value can add a parameter; a space is a `+`."""
    return '&'.join(f'{name}={_encoded(name, value)}' for name, value in parts.items())


def _encoded(name: str, value: str) -> str:
    return quote_plus(value, safe='') if name == 'scope' else quote(value, safe='')


def is_trusted(url: str) -> bool:
    """Return whether a secret may be sent to a URL: over TLS, or to this machine."""
    try:
        split = urlsplit(url)
    except ValueError:  # half of an IPv6 address
        return False
    return split.scheme == 'https' or (split.scheme == 'http' and split.hostname in _LOOPBACK)


#: What an address consists of (RFC 3986 section 2): no spaces, no line breaks.
_WEB_ADDRESS = re.compile(r'https?://[\x21-\x7e]+', re.IGNORECASE)


def is_web_address(url: str) -> bool:
    """Return whether a browser may be sent to a URL; `javascript:` would run in the page of the application."""
    return _WEB_ADDRESS.fullmatch(url) is not None


def tokens(body: bytes) -> dict[str, Any] | None:
    """Return the tokens in a response of the token endpoint (RFC 6749 section 5.1); None if there is no access token.

    `expires_in` is a number, or missing where the response has none that can be read: the section only recommends it.
    """
    try:
        found: Any = _decoded(body)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get('access_token'), str) or not found['access_token']:
        return None
    if not isinstance(found.get('refresh_token'), str) or not found['refresh_token']:
        found.pop('refresh_token', None)  # without a new one the old one stays valid (section 6)
    seconds = lifetime(found.pop('expires_in', None))
    return found if seconds is None else {**found, 'expires_in': seconds}


def _decoded(body: bytes) -> Any:
    """Return the JSON value of a response. A number that Python refuses to read (from 4300 digits on) is infinite: it
    must not cost the tokens beside it."""
    try:
        return decode(body)
    except ValueError:
        pass
    try:
        return json.loads(body, parse_int=lambda digits: int(digits) if len(digits) < _MANY_DIGITS else math.inf)
    except RecursionError:
        raise ValueError('nested too deeply') from None


def lifetime(value: Any) -> float | None:
    """Return `expires_in` in seconds: a number, or digits as text; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if '.' in value else int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < _MAX_LIFETIME else None  # neither NaN nor infinite


def error_code(body: bytes) -> str:
    """Return the `error` of a response, if it is one of ERROR_CODES; else ''."""
    try:
        found: Any = decode(body)
    except ValueError:
        match = _ERROR.search(body[:_MAX_ERROR_BODY])
        found = {'error': match[1].decode()} if match else None
    code = found.get('error') if isinstance(found, dict) else None
    code = code.strip().lower() if isinstance(code, str) else ''
    return code if code in ERROR_CODES else ''


#: Where the code is in a body that is not quite JSON (another charset, bytes behind its end), or that is a form; and in
#: a challenge (RFC 6750 section 3).
_ERROR = re.compile(rb'(?:^|[&",{ ])error"?[ ]{0,4}[=:][ ]{0,4}"?([A-Za-z_]{1,40})')
_MAX_ERROR_BODY = 65_536


def challenge_code(challenge: str) -> str:
    """Return the `error` of a WWW-Authenticate header (RFC 6750 section 3.1), if it is one of ERROR_CODES; else ''."""
    return error_code(challenge.encode('latin-1', 'replace'))
