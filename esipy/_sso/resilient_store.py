"""Between a security object and where its tokens are kept: no call fails because a store or a lock is down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from esipy import clock
from esipy._runtime.redact import digest
from esipy._stores.base import Tokens, TokenStore
from esipy.exceptions import TokenStoreBusyError, TokenStoreError

LOGGER = logging.getLogger('esipy.security')

#: A lock over all processes: by a name, something to hold.
Lock = Callable[[str], AbstractContextManager[Any]]

#: Seconds for which a store that failed is not bothered with what could wait.
_REST = 10.0


class ResilientStore:
    """The store and the lock of one application, either of which may be missing. What fails is told once in the log.

    `lock` stands in for the store's own.
    """

    def __init__(self, client_id: str, store: TokenStore | None, lock: Lock | None) -> None:
        self._client_id = client_id
        self._store = store
        self._lock = lock
        self._told: set[tuple[str, type[Exception]]] = set()
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether something failed a moment ago."""
        return clock.monotonic() < self._rests_until

    def find(self, known: Tokens) -> Tokens | None:
        """What is kept now of a character, None where there is nothing; `known` where nobody can tell."""
        if self._store is None:
            return known
        try:
            return self._store.get(self._client_id, known.character_id)
        except Exception as error:
            self._tell('the store cannot be read', error)
            return known

    def keep(self, tokens: Tokens) -> bool:
        """Put tokens into the store. Whether they are there now."""
        if self._store is None:
            return False
        try:
            self._store.set(tokens)
        except Exception as error:
            self._tell('the store takes no tokens; they are kept in memory alone', error)
            return False
        return True

    def forget(self, character_id: int) -> None:
        """Remove a character's tokens from the store."""
        if self._store is not None:
            try:
                self._store.delete(self._client_id, character_id)
            except Exception as error:
                self._tell('the store deletes nothing', error)

    @contextmanager
    def holding(self, character_id: int | None, refresh_token: str | None) -> Iterator[bool]:
        """In here nobody else renews these tokens. Gives whether that holds for all who share the lock; with none, or
        one that is down, it holds for nobody else.

        Raises TokenStoreBusyError where another one holds it for too long: to go on without it could use a refresh
        token twice.
        """
        lock = None
        try:
            lock = self._made(character_id, refresh_token)
            if lock is not None:
                lock.__enter__()
        except TokenStoreBusyError:
            raise
        except Exception as error:
            self._tell('the lock is down; going on without it', error)
            lock = None
        try:
            yield lock is not None
        finally:
            if lock is not None:
                try:
                    lock.__exit__(None, None, None)
                except Exception as error:
                    self._tell('the lock cannot be let go', error)

    def _made(self, character_id: int | None, refresh_token: str | None) -> AbstractContextManager[Any] | None:
        """The lock for a character's tokens, or for tokens of which only themselves are known."""
        if self._lock is not None:
            return self._lock(f'{self._client_id}:{character_id or digest((refresh_token or "").encode())}')
        if self._store is not None and character_id is not None:
            return self._store.lock(self._client_id, character_id)
        return None

    def _tell(self, what: str, error: Exception) -> None:
        """In the log, once for each kind of error. The words of an error that is not ours could hold a token."""
        self._rests_until = clock.monotonic() + _REST
        if (what, type(error)) not in self._told:
            self._told.add((what, type(error)))
            words = f': {error}' if isinstance(error, TokenStoreError) else ''
            LOGGER.warning('%s (%s%s)', what, type(error).__name__, words)
