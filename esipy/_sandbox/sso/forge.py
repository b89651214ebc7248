"""Invalid tokens, which a client must reject: a test chooses what is wrong with them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from esipy._sandbox.errors import SandboxError
from esipy._sandbox.sso import jws
from esipy._sandbox.sso.keys import FIRST, Key, new_key
from esipy._sandbox.sso.server import Server

_HMACS = {'HS256': hashlib.sha256, 'HS384': hashlib.sha384, 'HS512': hashlib.sha512}


def forge(
    server: Server,
    character_id: int,
    client_id: str,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> str:
    """Return a token with other claims, another header, or the signature of another key. See `SSO.forge`."""
    changes = dict(header or {})
    algorithm = changes.get('alg', server.rules.algorithm)
    own = server.keys.signing(algorithm if algorithm in FIRST else server.rules.algorithm)
    full = {'alg': algorithm, 'kid': own.kid, 'typ': 'JWT', **changes}
    full = {name: value for name, value in full.items() if value is not None}
    return jws.compact(full, server.forged(character_id, client_id, claims or {}), _signer(own, str(algorithm), key))


def _signer(own: Key, algorithm: str, key: str | None) -> Callable[[bytes], bytes]:
    if algorithm.lower() == 'none':
        return lambda data: b''
    if algorithm in _HMACS:
        secret = own.public_pem() if key is None else key.encode()
        return lambda data: hmac.new(secret, data, _HMACS[algorithm]).digest()
    if key is None:
        return own.sign
    if key == 'other':
        return new_key(own.kid, own.algorithm).sign
    raise SandboxError(
        f"key={key!r} is not possible with {algorithm}: use None (the sandbox's own key) or 'other' (an unknown one)"
    )
