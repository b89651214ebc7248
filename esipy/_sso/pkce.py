"""Proof Key for Code Exchange (RFC 7636): an app without a secret proves that it asked for the code."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from esipy.exceptions import CallError

#: The form of a verifier (section 4.1).
_VERIFIER = re.compile(r'[A-Za-z0-9._~-]{43,128}', re.ASCII)


def generate_code_verifier(n_bytes: int = 64) -> str:
    """Return a new verifier of `n_bytes` random bytes (31 to 96).

    Raises ValueError if the text would be shorter than 43 or longer than 128 characters (section 4.1).
    """
    if n_bytes < 31:
        raise ValueError('Verifier too short. n_bytes must be > 30.')
    if n_bytes > 96:
        raise ValueError('Verifier too long. n_bytes must be < 97.')
    return _text(secrets.token_bytes(n_bytes))


def check_verifier(verifier: str) -> None:
    """Raise CallError (a ValueError) for a verifier that no SSO accepts. The verifier is secret, and not shown."""
    if not _VERIFIER.fullmatch(verifier):
        found = 'others' if 43 <= len(verifier) <= 128 else len(verifier)
        fault = (
            f'a verifier must have 43 to 128 characters, which are letters, digits or ._~-; this one has {found}: '
            'use esipy.utils.generate_code_verifier()'
        )
        raise CallError('get_auth_uri', [('code_verifier', fault)])


def generate_code_challenge(verifier: str) -> str:
    """Return the S256 challenge for a verifier (section 4.2)."""
    return _text(hashlib.sha256(verifier.encode()).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()
