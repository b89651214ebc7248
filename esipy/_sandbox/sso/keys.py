"""The keys that sign tokens (RFC 7517, RFC 7518): one for RS256, one for ES256, made when they are first used."""

from __future__ import annotations

import threading
from typing import Any

from esipy._sandbox.errors import SandboxError
from esipy._sandbox.sso.jws import encoded

#: The algorithms, and the `kid` of the first key of each.
FIRST = {'RS256': 'JWT-Signature-Key', 'ES256': 'ES-Key'}


class Key:
    """A private key with its public key."""

    def __init__(self, kid: str, algorithm: str, private: Any) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self._private = private
        self._public = private.public_key()

    def sign(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        if self.algorithm == 'RS256':
            return bytes(self._private.sign(data, *_rs256()))
        r, s = decode_dss_signature(self._private.sign(data, _es256()))
        return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')

    def verifies(self, data: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        try:
            if self.algorithm == 'RS256':
                self._public.verify(signature, data, *_rs256())
            else:
                r, s = (int.from_bytes(half, 'big') for half in (signature[:32], signature[32:]))
                self._public.verify(encode_dss_signature(r, s), data, _es256())
        except InvalidSignature:
            return False
        return self.algorithm == 'RS256' or len(signature) == 64

    def published(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        numbers = self._public.public_numbers()
        names = {'RS256': ('RSA', 'e', 'n'), 'ES256': ('EC', 'x', 'y')}[self.algorithm]
        kind, *fields = names
        length = {'e': 3, 'n': 256, 'x': 32, 'y': 32}
        values = {name: encoded(getattr(numbers, name).to_bytes(length[name], 'big')) for name in fields}
        curve = {'crv': 'P-256'} if kind == 'EC' else {}
        return {'alg': self.algorithm, **curve, **values, 'kid': self.kid, 'kty': kind, 'use': 'sig'}

    def public_pem(self) -> bytes:
        """Return the public key as PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return bytes(self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _rs256() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return PKCS1v15(), SHA256()


def _es256() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return ECDSA(SHA256())


def new_key(kid: str, algorithm: str) -> Key:
    """Return a new key. RSA takes some tenths of a second."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if algorithm == 'RS256':
        return Key(kid, algorithm, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return Key(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))


#: The first keys are the same for every sandbox of a process: they are slow to make, and a client that keeps the
#: keys of `login.eveonline.com` for the life of the process may meet several sandboxes behind that name. They are
#: made anew in every process rather than fixed: a key in a cache on disk must not be one that everybody knows.
_first: dict[str, Key] = {}
_making = threading.Lock()


def first_keys() -> dict[str, Key]:
    with _making:
        if not _first:
            _first.update({kid: new_key(kid, algorithm) for algorithm, kid in FIRST.items()})
        return dict(_first)


class Keys:
    """The keys of one sandbox. The newest of each kind signs."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] | None = None
        self._made = dict.fromkeys(FIRST, 1)
        self._lock = threading.Lock()

    def _all(self) -> dict[str, Key]:
        if self._keys is None:
            first = first_keys()
            with self._lock:
                if self._keys is None:
                    self._keys = first
        return self._keys

    def signing(self, algorithm: str) -> Key:
        """Return the key that signs. Raises ValueError for an unknown algorithm."""
        try:
            return [key for key in self._all().values() if key.algorithm == algorithm][-1]
        except IndexError:
            raise ValueError(f'algorithm={algorithm!r} is not supported: use one of {", ".join(FIRST)}') from None

    def find(self, kid: str) -> Key | None:
        return self._all().get(kid)

    def is_here(self, kid: str) -> bool:
        return kid in self._all()

    def published(self) -> dict[str, Any]:
        """Return the key set of the SSO."""
        return {'keys': [key.published() for key in self._all().values()], 'SkipUnresolvedJsonWebKeys': True}

    def rotate(self, algorithm: str, keep: bool) -> str:
        """Make a new key, which signs from now on, and return its `kid`."""
        if algorithm not in FIRST:
            raise SandboxError(f'algorithm={algorithm!r} is not supported: use one of {", ".join(FIRST)}')
        with self._lock:
            self._made[algorithm] += 1
            kid = f'{FIRST[algorithm]}-{self._made[algorithm]}'
        new = new_key(kid, algorithm)
        old = self._all()
        with self._lock:
            kept = {name: key for name, key in old.items() if keep or key.algorithm != algorithm}
            self._keys = {**kept, kid: new}
        return kid
