"""MemoryTokens: a token store in the memory of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from esipy._runtime.fork import reset_after_fork
from esipy._stores.base import LOCK_WAIT, Tokens, TokenStore
from esipy._stores.record import checked
from esipy.exceptions import TokenStoreBusyError


class MemoryTokens(TokenStore):
    """Stores tokens in the memory of this process. `wait`: seconds to wait for a lock."""

    def __init__(self, *, wait: float = LOCK_WAIT) -> None:
        self.wait = wait
        self._tokens: dict[tuple[str, int], Tokens] = {}
        self._reset_after_fork()
        reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        #: The lock of each character. Locks are never removed, since another thread may be about to acquire one.
        self._locks: dict[tuple[str, int], threading.Lock] = {}

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        with self._lock:
            return self._tokens.get((client_id, character_id))

    def set(self, tokens: Tokens) -> None:
        checked(tokens)
        with self._lock:
            self._tokens[tokens.client_id, tokens.character_id] = tokens

    def delete(self, client_id: str, character_id: int) -> None:
        with self._lock:
            self._tokens.pop((client_id, character_id), None)

    def characters(self, client_id: str) -> list[int]:
        with self._lock:
            return sorted(character for client, character in self._tokens if client == client_id)

    @contextmanager
    def lock(self, client_id: str, character_id: int) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault((client_id, character_id), threading.Lock())
        if not lock.acquire(timeout=self.wait):
            raise TokenStoreBusyError(
                f'character {character_id}: the lock was not free within {self.wait:g} s, because another thread holds '
                'it: try again, or allow more time with wait='
            )
        try:
            yield
        finally:
            lock.release()

    def __repr__(self) -> str:
        return '<MemoryTokens>'
