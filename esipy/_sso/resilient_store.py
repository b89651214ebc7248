"""Between a security object and the store of its tokens: no call fails because the store or the lock is down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from esipy._runtime.redact import digest
from esipy._runtime.resilience import CircuitBreaker, LogOnce
from esipy._sso import jwt
from esipy._stores.base import Tokens, TokenStore
from esipy.exceptions import TokenStoreBusyError, TokenStoreError, WrongCharacterError

LOGGER = logging.getLogger('esipy.security')

#: A lock shared by all processes: called with a name, it returns a context manager.
Lock = Callable[[str], AbstractContextManager[Any]]

#: Seconds for which a store that failed is not used for what can wait.
_OPEN_FOR = 10.0


def find_record(store: TokenStore, client_id: str, character_id: int) -> Tokens | None:
    """Return the record of a character in a store, None if there is none.

    Raises TokenStoreError; WrongCharacterError if somebody has put the tokens of one character in the place of
    another's, whose calls would then return the data of the first.
    """
    found = store.get(client_id, character_id)
    if found is None:
        return None
    whose = jwt.unverified_identity(found.access_token or '')
    is_own = whose is None or whose.character_id == character_id
    if not is_own or (found.client_id, found.character_id) != (client_id, character_id):
        raise WrongCharacterError(
            f'the token store has tokens of another character in the place of those of character {character_id}; '
            'they are not used: the character has to sign in again'
        )
    return found


class ResilientStore:
    """The store and the lock of one application, either of which may be missing. A failure is logged once per kind.

    `lock` is used instead of the store's own lock.
    """

    def __init__(self, client_id: str, store: TokenStore | None, lock: Lock | None) -> None:
        self._client_id = client_id
        self._store = store
        self._lock = lock
        self._logged = LogOnce(LOGGER)
        self._breaker = CircuitBreaker(_OPEN_FOR)

    @property
    def exists(self) -> bool:
        return self._store is not None

    @property
    def is_down(self) -> bool:
        """Whether the store or the lock failed a moment ago."""
        return self._breaker.is_open

    def lookup(self, known: Tokens) -> Tokens | None:
        """Return the stored record of a character, None if there is none; `known` if the store cannot be read."""
        if self._store is None:
            return known
        try:
            return find_record(self._store, self._client_id, known.character_id)
        except Exception as error:
            self._warn('the token store cannot be read', error)
            return known

    def save(self, tokens: Tokens) -> bool:
        """Store tokens. Return whether they are stored now."""
        if self._store is None:
            return False
        try:
            self._store.set(tokens)
        except Exception as error:
            self._warn('the token store does not accept tokens; they are kept in memory only', error)
            return False
        return True

    def delete(self, character_id: int) -> None:
        """Delete a character's tokens from the store."""
        if self._store is not None:
            try:
                self._store.delete(self._client_id, character_id)
            except Exception as error:
                self._warn('the token store cannot delete tokens', error)

    @contextmanager
    def locked(self, character_id: int | None, refresh_token: str | None) -> Iterator[bool]:
        """Hold the lock of a character's tokens. Yields True if it excludes every process that shares the lock, False
        if there is no lock or it is down.

        Raises TokenStoreBusyError if another process holds it for too long: a refresh without the lock could use a
        refresh token twice.
        """
        lock = None
        try:
            lock = self._lock_for(character_id, refresh_token)
            if lock is not None:
                lock.__enter__()
        except TokenStoreBusyError:
            raise
        except Exception as error:
            self._warn('the lock for token refreshes is down; tokens are refreshed without it', error)
            lock = None
        try:
            yield lock is not None
        finally:
            if lock is not None:
                try:
                    lock.__exit__(None, None, None)
                except Exception as error:
                    self._warn('the lock for token refreshes cannot be released', error)

    def _lock_for(self, character_id: int | None, refresh_token: str | None) -> AbstractContextManager[Any] | None:
        """Return the lock of a character's tokens; without a known character, that of the refresh token."""
        if self._lock is not None:
            return self._lock(f'{self._client_id}:{character_id or digest(refresh_token or "")}')
        if self._store is not None and character_id is not None:
            return self._store.lock(self._client_id, character_id)
        return None

    def _warn(self, what: str, error: Exception) -> None:
        """Log a failure, once per kind. The text of an error that is not ours could contain a token."""
        self._breaker.open()
        text = f': {error}' if isinstance(error, TokenStoreError) else ''
        self._logged.warning((what, type(error)), '%s (%s%s)', what, type(error).__name__, text)
