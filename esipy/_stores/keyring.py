"""KeyringTokens: a token store in the system's keyring, encrypted, shared by the processes of one user."""

from __future__ import annotations

import base64
import json
import zlib
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any

from esipy._runtime.lazy import missing_extra
from esipy._stores.base import LOCK_WAIT, Tokens, TokenStore
from esipy._stores.directory import locked, make_private, of_user
from esipy._stores.record import checked, from_text, parsed, to_text
from esipy.exceptions import TokenStoreError

#: What the calls of a backend do, for errors.
_DONE = {'get': 'read', 'set': 'written', 'delete': 'deleted'}

#: Bytes that an unpacked record has at most.
_MAX_RECORD = 2**20


class KeyringTokens(TokenStore):
    """Stores tokens in the system's keyring, by the library `keyring` and the backend that it is configured for.

    `service`: the name of the entries. `wait`: seconds to wait for a lock. Needs the extra `keyring`.

    The access token is not stored: it is valid for 20 minutes, and larger than an entry on Windows may be (2560 bytes
    in UTF-16, CRED_MAX_CREDENTIAL_BLOB_SIZE). So the first call after a start refreshes it. The rest is compressed, and
    fits with all scopes. A keyring cannot be listed: one more entry for each application has its characters.
    """

    def __init__(self, service: str = 'esipy', *, wait: float = LOCK_WAIT) -> None:
        try:
            import filelock  # noqa: F401
            import keyring
        except ImportError as error:
            raise missing_extra('this token store', 'keyring', 'keyring', error) from None
        self.service = service
        self.wait = wait
        self._keyring = keyring
        self._locks = of_user()

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        text = self._call_backend('get', _name(client_id, character_id))
        if text is None:
            return None
        tokens = _unpacked(text)
        if tokens is None or tokens[:2] != (client_id, character_id):
            raise TokenStoreError(
                f'{self._place(_name(client_id, character_id))}: the entry is not a record of this character: '
                'delete it, and let the character sign in again'
            )
        return tokens

    def set(self, tokens: Tokens) -> None:
        text = _packed(checked(tokens)._replace(access_token=None, expires_at=0.0))
        with self._alone():
            self._call_backend('set', _name(tokens.client_id, tokens.character_id), text)
            self._list(tokens.client_id, self._listed(tokens.client_id) | {tokens.character_id})

    def delete(self, client_id: str, character_id: int) -> None:
        with self._alone():
            self._drop(_name(client_id, character_id))
            self._list(client_id, self._listed(client_id) - {character_id})

    def characters(self, client_id: str) -> list[int]:
        return sorted(self._listed(client_id))

    def lock(self, client_id: str, character_id: int) -> AbstractContextManager[None]:
        return self._locked(f'{client_id}:{character_id}')

    def _alone(self) -> AbstractContextManager[None]:
        return self._locked('')

    def _locked(self, name: str) -> AbstractContextManager[None]:
        """A keyring has no locks; empty files of the same user are used for that."""
        make_private(self._locks)
        whose = sha256(f'{self.service}:{name}'.encode()).hexdigest()[:16]
        return locked(self._locks / f'keyring.{whose}.lock', self.wait)

    def _listed(self, client_id: str) -> frozenset[int]:
        text = self._call_backend('get', _index(client_id))
        if text is None:
            return frozenset()
        listed = parsed(text)
        if not isinstance(listed, list) or not all(type(character) is int for character in listed):
            raise TokenStoreError(
                f'{self._place(_index(client_id))}: the entry is not a list of characters: delete it; a character is '
                'listed again when its tokens are stored'
            )
        return frozenset(listed)

    def _list(self, client_id: str, characters: frozenset[int]) -> None:
        if characters == self._listed(client_id):
            return
        if characters:
            self._call_backend('set', _index(client_id), json.dumps(sorted(characters), separators=(',', ':')))
        else:
            self._drop(_index(client_id))

    def _drop(self, name: str) -> None:
        if self._call_backend('get', name) is not None:  # keyring raises for an entry that does not exist
            self._call_backend('delete', name)

    def _call_backend(self, what: str, name: str, *value: str) -> str | None:
        """Get, set or delete an entry. Backends may raise anything, with secrets in it, so only its class is shown."""
        try:
            found: str | None = getattr(self._keyring, f'{what}_password')(self.service, name, *value)
        except Exception as error:
            reason = _reason(self._keyring, error)
        else:
            return found
        raise TokenStoreError(f'{self._place(name)}: the entry cannot be {_DONE[what]}: {reason}')

    def _place(self, name: str) -> str:
        return f'keyring, service {self.service!r}, entry {name!r}'

    def __repr__(self) -> str:
        return f'<KeyringTokens under {self.service!r}>'


def _reason(keyring: Any, error: Exception) -> str:
    """Return the class of an error, with its text if that explains how to set up a keyring."""
    kind = type(error).__name__
    return f'{kind}: {error}' if isinstance(error, keyring.errors.NoKeyringError) else kind


def _name(client_id: str, character_id: int) -> str:
    return f'{client_id}:{character_id}'


def _index(client_id: str) -> str:
    return f'{client_id}:characters'


def _packed(tokens: Tokens) -> str:
    return base64.b64encode(zlib.compress(to_text(tokens).encode(), 9)).decode()


def _unpacked(text: str) -> Tokens | None:
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(base64.b64decode(text, validate=True), _MAX_RECORD)
    except (ValueError, zlib.error):
        return None
    return from_text(plain) if unpacker.eof else None
