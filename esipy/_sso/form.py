"""Requests to the SSO, and what of its responses may be shown (RFC 6749). Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
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
    """Return the tokens in a response of the token endpoint (RFC 6749 section 5.1); None if there are none.

    `expires_in` is a number, or missing where the response has none that can be read: the section only recommends it.
    `access_token` is '' where only the refresh token can be read: that one has taken the place of the old one.
    """
    found = _value(body)
    if not isinstance(found, dict):
        return None
    kept = {name: found[name] for name in _TOKENS if isinstance(found.get(name), str) and found[name]}
    if not kept:
        return None
    others = {name: value for name, value in found.items() if name not in (*_TOKENS, 'expires_in')}
    seconds = lifetime(found.get('expires_in')) if 'access_token' in kept else 0
    # Without a new refresh token the old one stays valid (section 6).
    return {'access_token': '', **kept, **others, **({} if seconds is None else {'expires_in': seconds})}


_TOKENS = ('access_token', 'refresh_token')

#: Numbers of any length, which `int` refuses to read.
_READER = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits))


def _value(body: bytes) -> Any:
    """Return the JSON value of a response; None if there is none. New tokens must not be lost because of another field
    in another charset, of a long number, or of bytes behind the end."""
    with suppress(ValueError):
        return decode(body)
    try:
        text = body.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = body.decode('latin-1')
    with suppress(ValueError, RecursionError):
        return _READER.raw_decode(text.strip())[0]
    return None


def lifetime(value: Any) -> float | None:
    """Return `expires_in` in seconds: a number, or digits as text; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if '.' in value else int(value)
    if isinstance(value, Decimal):  # of a database
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < _MAX_LIFETIME else None  # neither NaN nor infinite


def error_code(body: bytes) -> str:
    """Return the `error` of a response, if it is one of ERROR_CODES; else ''."""
    found = _value(body)
    if found is None:
        match = _ERROR.search(body[:_MAX_ERROR_BODY])
        found = match[1].decode() if match else body[:_MAX_CODE].decode('latin-1')
    return next(_codes(found), '')


def _codes(value: Any, depth: int = 0) -> Iterator[str]:
    """The codes in a response: the value of `error`, as a text of its own, in a list or in an object."""
    if isinstance(value, str):
        code = value[:_MAX_CODE].strip().lower().replace('-', '_')
        if code in ERROR_CODES:
            yield code
    elif depth < _MAX_DEPTH:
        if isinstance(value, dict):
            value = [value[name] for name in _NAMES_OF_CODES if name in value]
        if isinstance(value, list):
            for part in value[:_MAX_CODES]:
                yield from _codes(part, depth + 1)


#: Where servers put the code; `error` is the standard.
_NAMES_OF_CODES = ('error', 'errors', 'code', 'error_code', 'type', 'message')
_MAX_DEPTH, _MAX_CODES, _MAX_CODE = 4, 10, 40

#: Where the code is in a form, and in a challenge (RFC 6750 section 3).
_ERROR = re.compile(rb'(?:^|[&",{ ])error"?[ ]{0,4}[=:][ ]{0,4}"?([A-Za-z_]{1,40})')
_MAX_ERROR_BODY = 65_536


def challenge_code(challenge: str) -> str:
    """Return the `error` of a WWW-Authenticate header (RFC 6750 section 3.1), if it is one of ERROR_CODES; else ''."""
    return error_code(challenge.encode('latin-1', 'replace'))
