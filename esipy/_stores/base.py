"""The contract of a token store: what is kept of a character who signed in, and the five methods that keep it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import NamedTuple

#: Seconds after which the SSO's response to a token request is given up. The lock is held for as long at most.
TOKEN_REQUEST_DEADLINE = 30.0

#: Seconds after which the lock of a process that was killed is free.
LOCK_LEASE = TOKEN_REQUEST_DEADLINE + 5.0

#: Seconds to wait for a lock: until a process that was killed loses it.
LOCK_WAIT = LOCK_LEASE + 5.0


class Tokens(NamedTuple):
    """What one application may do for one character. `repr` and `str` show no secret."""

    #: The application that the tokens were given to: they are of no use to another.
    client_id: str
    character_id: int
    refresh_token: str | None
    #: None: not kept, to be got with the refresh token.
    access_token: str | None
    #: Seconds since the epoch, by `esipy.clock.time`; 0 where there is no access token.
    expires_at: float
    scopes: tuple[str, ...]
    character_name: str = ''
    #: Changes when the character changes hands.
    owner: str = ''

    def __repr__(self) -> str:
        shown = (
            f'{name}=…' if name in _SECRET and value is not None else f'{name}={value!r}'
            for name, value in self._asdict().items()
        )
        return f'Tokens({", ".join(shown)})'


_SECRET = frozenset({'refresh_token', 'access_token'})


class TokenStore(ABC):
    """Base of all stores, and of one's own.

    What is kept is filed under the application *and* the character: several applications may share a store, and none
    is given what belongs to another. Every method may be called from several threads at once, and raises
    `TokenStoreError` where the store cannot be used.
    """

    @abstractmethod
    def get(self, client_id: str, character_id: int) -> Tokens | None:
        """What is kept for a character, None where there is nothing."""

    @abstractmethod
    def set(self, tokens: Tokens) -> None:
        """Keep tokens, in place of those of the same application and character. They are safe when it returns.

        Raises TypeError or ValueError for what are no tokens; what was kept then stays.
        """

    @abstractmethod
    def delete(self, client_id: str, character_id: int) -> None:
        """Forget a character; one that is not there is no error."""

    @abstractmethod
    def characters(self, client_id: str) -> list[int]:
        """The ids of the characters that an application keeps tokens for, sorted."""

    @abstractmethod
    def lock(self, client_id: str, character_id: int) -> AbstractContextManager[object]:
        """Held while a character's tokens are renewed, by one at a time of all who share the store.

        It is not re-entrant. The other methods may be called meanwhile, by whom ever. Entering raises
        `TokenStoreBusyError` when the lock is not free in time; a holder that dies lets go of it.
        """
