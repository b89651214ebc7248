"""One character's tokens: a TokenState, replaced under a lock, and refreshed once however many threads and processes
need it.

A refresh token may change with every use, and the old one is worthless then. So only one thread of all processes may
use it at a time, and the new one is stored before anyone uses the new access token. `fresh_token` shows the steps.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from esipy import clock
from esipy._runtime import fork
from esipy._runtime.resilience import CircuitBreaker
from esipy._runtime.steps import TOKEN_REFRESH, in_step, note
from esipy._sso import endpoint, jwt
from esipy._sso.background import LOOK_EVERY, BackgroundRefresh
from esipy._sso.jwt import Identity
from esipy._sso.resilient_store import ResilientStore
from esipy._sso.token_state import Stored, TokenState
from esipy._stores.base import Tokens
from esipy.exceptions import (
    SSOUnavailableError,
    TokenError,
    TokenRevokedError,
    TokenStoreBusyError,
    WrongCharacterError,
)

LOGGER = logging.getLogger('esipy.security')

#: Seconds for which a token that has not expired yet is used as it is, after its refresh failed.
_RETRY_AFTER = 5.0

#: What is logged once when the grant of a character is gone.
REVOKED = (
    'the refresh token of %s is no longer valid (the authorisation was withdrawn or has expired): '
    'the character has to sign in again'
)

#: Seconds between looks into the store after the SSO has rejected a refresh token.
_LOOKS_AFTER_REJECTION = (0.1, 0.4, 1.0)


class TokenOwner(Protocol):
    """What a TokenManager needs of its EsiSecurity. Apps override `update_token` and `refresh`, as in 1.x."""

    @property
    def sso_url(self) -> str:
        """Where the SSO is, for errors."""

    @property
    def has_own_refresh(self) -> bool:
        """Whether `refresh` is an app's own. It runs in the thread that needs the token, as in 1.x."""

    def update_token(self, response: Mapping[str, Any]) -> None:
        """Take over the tokens of a token response."""

    def refresh(self) -> Mapping[str, Any] | None:
        """Refresh the tokens now, and return the token response."""

    def request_refresh(self, scope_list: list[str] | None) -> dict[str, Any]:
        """Ask the SSO for new tokens, and return the token response."""

    def revoke(self) -> None:
        """Ask the SSO to revoke the tokens."""

    def send_refresh_signal(self, response: Mapping[str, Any]) -> None:
        """Send AFTER_TOKEN_REFRESH."""


class TokenManager:
    """The tokens of one EsiSecurity (`owner`). Safe between threads."""

    def __init__(self, owner: TokenOwner, client_id: str, store: ResilientStore) -> None:
        self.owner = owner
        self.client_id = client_id
        self.store = store
        self.state = TokenState()
        #: Open while a refresh that failed ahead of the expiry is not repeated.
        self._failed = CircuitBreaker(_RETRY_AFTER)
        #: The refresh token of the grant that was logged as gone.
        self._logged_revoked: str | None = None
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        #: Held while the tokens are changed, also while the SSO is asked for new ones; an app may do so in its lock.
        self.changing = threading.RLock()
        self._refresh: BackgroundRefresh | None = None
        #: When the store is looked into again while a refresh is under way, by `clock.monotonic`.
        self._next_look = 0.0

    def change(self, transition: Callable[[TokenState], TokenState]) -> TokenState:
        """Replace the state by what `transition` makes of it."""
        with self._lock:
            self.state = transition(self.state)
            return self.state

    # ------------------------------------------------------------------ a token for a call

    def fresh_token(self, deadline: float | None) -> str | None:
        """Return the access token, refreshed if it expires soon. `deadline`: of the call, by `clock.monotonic`.

        A token that has not expired yet is used if it cannot be refreshed. Raises TokenError.
        """
        if self._is_due():
            try:
                self.refresh_once(self._is_due, deadline)
            except TokenError as error:
                if self._is_expired():
                    raise
                LOGGER.warning('the token cannot be refreshed now (%s); it has not expired yet, and is used', error)
            if self.state.access_token == '' and self._is_expired():
                # The next call uses the refresh token that came.
                raise endpoint.without_access_token(self.owner.sso_url)
        elif self.state.stored == 'pending' and not self.store.is_down:
            self._store_pending()
        return self.state.access_token

    @in_step(TOKEN_REFRESH)
    def refresh_once(self, is_due: Callable[[], bool], deadline: float | None) -> None:
        """Refresh the tokens once, however many threads ask for it. Threads that wait for a refresh that fails raise
        its error. Raises SSOUnavailableError when the deadline has passed: the refresh goes on, and its tokens are
        stored."""

        def is_superseded() -> bool:
            """Whether another process has stored tokens, even if it was killed before it released the lock."""
            self._look_for_valid_tokens()
            return not is_due()

        with self._lock:
            refresh, is_leader = self._refresh, False
            if refresh is None and is_due():
                is_leader = True
                self._refresh = refresh = BackgroundRefresh(
                    lambda: self._refresh_if(is_due), self.owner.send_refresh_signal
                )
        if refresh is None:
            return
        if is_leader:
            note(requested=True)
            begin = refresh.run if self.owner.has_own_refresh else refresh.start
            refresh.lead(lambda: begin(self._forget_refresh), deadline, is_superseded)
            note(requested=refresh.has_response)
        else:
            refresh.follow(deadline, is_superseded)
        if deadline is not None and clock.monotonic() >= deadline and is_due():
            reason = b'the token was not refreshed before the deadline of the call'
            remedy = 'try again later, or allow more time: deadline= (the refresh goes on, and its token is kept)'
            raise SSOUnavailableError(self.owner.sso_url, 500, response=reason, remedy=remedy)

    def _forget_refresh(self) -> None:
        with self._lock:
            self._refresh = None

    def _refresh_if(self, is_due: Callable[[], bool]) -> Mapping[str, Any] | None:
        with self.changing:
            if not is_due():
                return None
            try:
                return self.owner.refresh() if self.owner.has_own_refresh else self.refreshed(None)
            except TokenError:
                self._failed.open()
                raise

    def _is_due(self) -> bool:
        state = self.state
        return state.is_expired(clock.time()) if self._failed.is_open else state.is_due(clock.time())

    def _is_expired(self) -> bool:
        return self.state.is_expired(clock.time())

    # ------------------------------------------------------------------ a refresh

    def refreshed(self, scope_list: list[str] | None, force: bool = False) -> Mapping[str, Any] | None:
        """Refresh the tokens and return the token response; None if another process had newer tokens already, which
        does not count if `force` is set. The caller holds `changing`.

        `invalid_grant` may mean that another process has used the same refresh token first. So the grant is gone only
        if there are no newer tokens, here or in the store.
        """
        before = self.state
        rejected: set[str | None] = {None}
        with self.store.locked(self.likely_character(), before.refresh_token) as excludes_all:
            # An app's own lock may have called update_token() when it was entered.
            is_newer = self.take_newer() or self.state.access_token != before.access_token
            if is_newer and not force and not self._is_expired():
                self.change(lambda state: state.issued_instead_of(before.access_token))
                return None
            while True:
                try:
                    return self._request_refresh(scope_list)
                except TokenRevokedError as error:
                    rejected.add(self.state.refresh_token)
                    if self._take_other(rejected) and not force and not self._is_expired():
                        return None
                    if self._has_other(rejected, before):
                        continue
                    if excludes_all and self.state.identity is not None:
                        self.store.delete(self.state.identity.character_id)
                    error.add_note('the grant is gone: the character has to sign in again')
                    self._log_revoked(before.refresh_token)
                    raise

    def _log_revoked(self, refresh_token: str | None) -> None:
        """Log once that a grant is gone. Players revoke grants: that is not a fault of the program."""
        if refresh_token != self._logged_revoked:
            self._logged_revoked = refresh_token
            character_id = self.likely_character()
            whose = 'an unknown character' if character_id is None else f'character {character_id}'
            LOGGER.info(REVOKED, whose)

    def _request_refresh(self, scope_list: list[str] | None) -> dict[str, Any]:
        before = self.state
        response = self.owner.request_refresh(scope_list)
        identity = jwt.unverified_identity(response['access_token']) or before.identity
        expected = before.identity
        if identity is not None and expected is not None and identity.character_id != expected.character_id:
            self._refuse_tokens_of(identity, expected, response)
        self.accept(response, identity, replaced=before.access_token)
        return response

    def _refuse_tokens_of(self, other: Identity, expected: Identity, response: Mapping[str, Any]) -> NoReturn:
        """Raise WrongCharacterError: the SSO has sent the tokens of another character, whose refresh token somebody has
        put in the place of this one's. It is used up by now, so the new tokens are stored as what they are."""
        character_id = expected.character_id
        self.store.save(TokenState().updated(response, clock.time()).record(self.client_id, other))
        found = self._look_up()
        if found is not None and found.refresh_token == self.state.refresh_token:
            self.store.delete(character_id)
        self.change(lambda state: state.with_refresh_token(None))
        raise WrongCharacterError(
            f'the refresh token of character {character_id} belongs to character {other.character_id}; '
            f'character {character_id} has to sign in again'
        )

    def accept(self, response: Mapping[str, Any], identity: Identity | None, replaced: str | None = None) -> None:
        """Take over tokens that the SSO sent to this object. They are stored before anyone uses them."""
        token = response['access_token']
        new = self.state.updated(response, clock.time())
        is_stored = identity is not None and self.store.save(new.record(self.client_id, identity))
        should_be = identity is not None and self.store.exists
        self.owner.update_token(response)
        stored: Stored = 'yes' if is_stored else 'pending' if should_be else 'no'
        self.change(lambda state: state.issued(token, identity, stored, replaced))

    def _has_other(self, rejected: set[str | None], before: TokenState) -> bool:
        """Return whether there is a refresh token that was not rejected yet: of the store, or the one before."""
        if self.state.refresh_token in rejected and before.refresh_token not in rejected:
            self.change(lambda state: state.with_refresh_token(before.refresh_token))
        return self.state.refresh_token not in rejected

    # ------------------------------------------------------------------ the store

    def take_newer(self) -> bool:
        """Take over newer tokens that another process has stored. Return whether there were any.

        Raises TokenRevokedError if the tokens were deleted from the store. The caller holds `changing`.
        """
        found = self._look_up()
        state = self.state
        if state.stored != 'yes' or state.identity is None:
            return False  # ours may be newer than those of the store, or their character is not known
        if found is None:
            character_id = state.identity.character_id
            reason = f'the token store no longer has the tokens of character {character_id}: they were deleted'
            response, remedy = json.dumps({'error': reason}).encode(), 'the character has to sign in again'
            raise TokenRevokedError(self.owner.sso_url, 400, response=response, remedy=remedy)
        if not state.differs_from(found):
            return False
        self.set_from_store(found)
        return True

    def _look_for_valid_tokens(self) -> None:
        """Take over tokens of the store if they differ from these, and have not expired. Of the threads that wait for a
        refresh, one looks at a time."""
        with self._lock:
            state, now = self.state, clock.monotonic()
            if state.stored != 'yes' or now < self._next_look:
                return
            self._next_look = now + LOOK_EVERY
        found = self._look_up()
        if found is None or not found.access_token or found.expires_at <= clock.time():
            return
        if state.differs_from(found) and found.access_token != state.replaced:
            self.change(lambda present: present.taken_from(found, clock.time()) if present is state else present)

    def _take_other(self, rejected: set[str | None]) -> bool:
        """Take over the tokens of the store if their refresh token is not among `rejected`.

        A process without a common lock may have used the refresh token a moment ago, and not have stored the new one
        yet: the store is looked into again for a while.
        """
        for pause in (0.0, *_LOOKS_AFTER_REJECTION):
            clock.sleep(pause)
            found = self._look_up()
            if found is None:
                return False
            if found.refresh_token not in rejected:
                self.set_from_store(found)
                return True
        return False

    def set_from_store(self, record: Tokens) -> None:
        """Take over a record of the store."""
        self.change(lambda state: state.taken_from(record, clock.time()))

    def _look_up(self) -> Tokens | None:
        """Return the record of this character in the store; None if there is none, or the character is not known."""
        identity = self.state.identity
        if identity is None or not self.store.exists:
            return None
        return self.store.lookup(self.state.record(self.client_id, identity))

    def likely_character(self) -> int | None:
        """Return the character by the token's own, unverified claims: all processes that have the token hold the same
        lock, whether they have verified it or not."""
        identity = self.state.identity or jwt.unverified_identity(self.state.access_token or '')
        return identity.character_id if identity else None

    def _store_pending(self) -> None:
        """Store what the store failed to store before."""
        state = self.state
        character = state.identity and state.identity.character_id
        with self.changing, suppress(TokenStoreBusyError), self.store.locked(character, state.refresh_token):
            state = self.state
            if state.stored == 'pending' and state.identity is not None:
                is_stored = self.store.save(state.record(self.client_id, state.identity))
                self.change(lambda present: present.saved(is_stored) if present is state else present)

    # ------------------------------------------------------------------ the end

    def revoke(self) -> None:
        """Revoke the newest tokens, here and in the store. Errors as in `EsiSecurity.revoke`."""
        with self.changing, self.store.locked(self.likely_character(), self.state.refresh_token):
            if not self.state.refresh_token and not self.state.access_token:
                raise AttributeError(
                    'there is no token to revoke: sign in with auth(code), or pass stored tokens to update_token()'
                )
            with suppress(TokenRevokedError):  # another process has deleted them; these are still revoked
                self.take_newer()  # the SSO does not know the replaced token any more, and the newest would stay valid
            self.owner.revoke()
            if self.state.identity is not None:
                self.store.delete(self.state.identity.character_id)
            self.change(lambda state: TokenState())
