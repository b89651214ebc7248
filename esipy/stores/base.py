"""The contract of a token store: what is kept of a character who signed in, and the five methods that keep it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import NamedTuple


class Tokens(NamedTuple):
    """What one application may do for one character. `repr` and `str` show no secret."""

    #: The application that the tokens were given to: no other may use them.
    client_id: str
    character_id: int
    refresh_token: str | None
    #: None: not kept, to be got with the refresh token.
    access_token: str | None
    #: Seconds since the epoch, by `esipy.clock.time`; 0 where there is no access token.
    expires_at: float
    #: Sorted or not: the order is kept.
    scopes: tuple[str, ...]
    character_name: str = ''
    #: Changes when the character changes hands.
    owner: str = ''

    def __repr__(self) -> str:
        shown = ', '.join(
            f'{name}={value!r}' if name not in _SECRET or value is None else f'{name}=…'
            for name, value in self._asdict().items()
        )
        return f'Tokens({shown})'


_SECRET = frozenset({'refresh_token', 'access_token'})


class TokenStore(ABC):
    """Base of all stores. What is kept is filed under the application *and* the character: several applications may
    share a store, and none is ever given what belongs to another.

    Every method may be called from several threads, and raises TokenStoreError where the store cannot be used.
    """

    @abstractmethod
    def get(self, client_id: str, character_id: int) -> Tokens | None:
        """What is kept for a character, None where there is nothing."""

    @abstractmethod
    def set(self, tokens: Tokens) -> None:
        """Keep tokens, in place of those of the same application and character. When it returns they are safe."""

    @abstractmethod
    def delete(self, client_id: str, character_id: int) -> None:
        """Forget a character; one that is not there is no error."""

    @abstractmethod
    def characters(self, client_id: str) -> list[int]:
        """The ids of the characters that an application keeps tokens for, sorted."""

    @abstractmethod
    def lock(self, client_id: str, character_id: int) -> AbstractContextManager[object]:
        """Held while a character's tokens are renewed: by one at a time of all who share the store. Not re-entrant;
        the other methods may be called while it is held, by whom ever.

        Entering raises TokenStoreBusyError when it is not free in time. A holder that dies lets go of it.
        """
