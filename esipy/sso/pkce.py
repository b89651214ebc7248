"""Proof Key for Code Exchange (RFC 7636): how an app without a secret proves that it asked for the code."""

from __future__ import annotations

import base64
import hashlib
import secrets


def generate_code_verifier(n_bytes: int = 64) -> str:
    """A fresh verifier of `n_bytes` random bytes (31 to 96).

    Raises ValueError where the text would be shorter than 43 or longer than 128 characters (section 4.1).
    """
    if n_bytes < 31:
        raise ValueError('Verifier too short. n_bytes must be > 30.')
    if n_bytes > 96:
        raise ValueError('Verifier too long. n_bytes must be < 97.')
    return _text(secrets.token_bytes(n_bytes))


def generate_code_challenge(verifier: str) -> str:
    """The S256 challenge for a verifier (section 4.2)."""
    return _text(hashlib.sha256(verifier.encode()).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()
