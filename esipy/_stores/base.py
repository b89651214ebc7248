"""The contract of a token store: the tokens of a character who signed in, and the five methods that store them."""

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
    """The tokens of one application for one character. `repr` and `str` show no secret."""

    #: The application that the tokens belong to. Another one cannot use them.
    client_id: str
    character_id: int
    refresh_token: str | None
    #: None: not stored; the refresh token gets a new one.
    access_token: str | None = None
    #: Seconds since the epoch, by `esipy.clock.time`; 0 if there is no access token.
    expires_at: float = 0.0
    #: Empty: not known yet; the next refresh shows them.
    scopes: tuple[str, ...] = ()
    character_name: str = ''
    #: Changes when the character is transferred to another account.
    owner: str = ''

    def __repr__(self) -> str:
        shown = (
            f'{name}=…' if name in _SECRET and value is not None else f'{name}={value!r}'
            for name, value in self._asdict().items()
        )
        return f'Tokens({", ".join(shown)})'


_SECRET = frozenset({'refresh_token', 'access_token'})


class TokenStore(ABC):
    """Base class of all token stores; subclass it for a store of your own.

    Tokens are stored under the application *and* the character: several applications may share a store, and none of
    them gets the tokens of another. Every method may be called from several threads at once, and raises
    `TokenStoreError` if the store cannot be used.
    """

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'

    @abstractmethod
    def get(self, client_id: str, character_id: int) -> Tokens | None:
        """Return the tokens of a character, None if there are none."""

    @abstractmethod
    def set(self, tokens: Tokens) -> None:
        """Store tokens, in place of those of the same application and character. They are durable when it returns.

        Raises TypeError or ValueError for anything that is not Tokens; the stored ones then stay.
        """

    @abstractmethod
    def delete(self, client_id: str, character_id: int) -> None:
        """Delete the tokens of a character, if there are any."""

    @abstractmethod
    def characters(self, client_id: str) -> list[int]:
        """Return the ids of the characters that an application has tokens for, sorted."""

    @abstractmethod
    def lock(self, client_id: str, character_id: int) -> AbstractContextManager[object]:
        """Return the lock that is held while a character's tokens are refreshed, by one thread of all processes that
        share the store.

        It is not reentrant. The other methods may be called meanwhile, by any thread. Entering it raises
        `TokenStoreBusyError` if it is not free in time. The lock of a process that was killed becomes free.
        """
