"""One identity's tokens: taken from the SSO, kept, and renewed once however many threads and processes need them.

A refresh token may change with every use, and the old one is worthless then. So only one may use it at a time, what it
brings is stored before anyone uses it, and who waited finds it there. `_fresh_token` tells that from top to bottom.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from esipy import clock
from esipy._runtime import fork
from esipy._runtime.steps import TOKEN_REFRESH, in_step, note
from esipy._sso import endpoint, jwt
from esipy._sso.application import Application
from esipy._sso.jwt import Identity
from esipy._sso.resilient_store import ResilientStore
from esipy._stores.base import Tokens, TokenStore
from esipy.events import emit
from esipy.exceptions import (
    IncompleteTokensError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    TokenStoreBusyError,
)

LOGGER = logging.getLogger('esipy.security')

#: Seconds before its end from which a token is renewed (a tenth of its life, if that is less), and how long it is then
#: used as it is after that failed.
AHEAD = 60.0
_REST = 5.0

_ANNOUNCED = frozenset({'access_token', 'refresh_token', 'expires_in', 'token_type', 'token_identifier'})


class TokenManager(Application):
    """An application that holds tokens, and gives the access token to whom it may concern. `options`: those of
    EsiSecurity."""

    def __init__(
        self,
        redirect_uri: str,
        client_id: str,
        secret_key: str | None,
        code_verifier: str | None,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__(redirect_uri, client_id, secret_key, code_verifier, options)
        self.token_identifier = options['token_identifier']
        self.signal_token_updated = options['signal_token_updated']
        self.store: TokenStore | None = options['store']
        self.lock = options['lock']
        if self.store is not None and not isinstance(self.store, TokenStore):
            kind = type(self.store).__name__
            raise TypeError(f'EsiSecurity: store must be a TokenStore, not {kind}: FileTokens(path), for one')
        if self.lock is not None and not callable(self.lock):
            raise TypeError(f'EsiSecurity: lock must be a RedisLock or the like, not {type(self.lock).__name__}')
        self._keeper = ResilientStore(client_id, self.store, self.lock)
        self._begin()

    def _begin(self) -> None:
        """Nobody's tokens yet."""
        self.access_token: str | None = None
        self.refresh_token: str | None = None
        self.token_expiry: float | None = None
        self._lifetime = 0.0
        # Whose the token is, as far as that is known for certain: the token that it was read from, and the reading.
        self._known: tuple[str | None, Identity | None] = (None, None)
        # Whether the store has these tokens, or should have them but did not take them.
        self._is_kept = self._is_owed = False
        # The token that the present one came in place of.
        self._replaced: str | None = None
        # The last attempt to renew the token, if it failed, and until when there is no hurry for another.
        self._failure: TokenError | None = None
        self._rests_until = 0.0
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.RLock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """One of its own tokens, as 1.x's copies were. What holds none of them, connections for one, is shared."""
        one = memo[id(self)] = copy.copy(self)
        one._reset_after_fork()
        fork.reset_after_fork(one)
        return one

    # ------------------------------------------------------------------ what apps call

    def auth(self, code: str) -> dict[str, Any]:
        """Exchange the code of a login for tokens; returns the SSO's answer. With a `store` they are in it then.

        Raises TokenRefusedError (TokenRevokedError for a code that is wrong, too old or was used before) and
        SSOUnavailableError. The tokens that were there stay.
        """
        answer = endpoint.tokens(self._transport, self.get_access_token_params(code), self.timeout)
        # A new grant: the refresh token of another one is none of its own.
        own = {'refresh_token': None, **answer}
        identity = jwt.unverified_identity(own['access_token'])
        with self._lock:
            try:
                with self._keeper.holding(identity and identity.character_id, own['refresh_token']):
                    self._take_over(own, identity)
            except TokenStoreBusyError:
                self._take_over(own, identity)  # it is the newest whatever the other one brings
        return answer

    def refresh(self, scope_list: list[str] | None = None) -> dict[str, Any]:
        """Get a new access token now; returns the SSO's answer.

        Raises TokenRevokedError when the grant is gone, SSOUnavailableError when the SSO is down, TokenRefusedError
        for any other refusal. The tokens that were there stay.
        """
        with self._lock:
            answer = self._renewed(scope_list, now=True)
            assert answer is not None
            return answer

    def get_refresh_token_params(self, scope_list: list[str] | None = None) -> dict[str, Any]:
        """What to POST to get a new access token: {'url', 'headers', 'data'}. It holds secrets.

        Raises TokenExpiredError (an AttributeError) where there is no refresh token.
        """
        if self.refresh_token is None:
            raise TokenExpiredError(
                'No refresh token is defined. Sign in with auth(code), give kept tokens to update_token(), '
                'or take a character of the store: for_character(id).'
            )
        data = {'grant_type': 'refresh_token', 'refresh_token': self.refresh_token}
        if scope_list:
            if not isinstance(scope_list, list):
                raise AttributeError('scope_list must be a list of scope.')
            data['scope'] = ' '.join(scope_list)
        return self._params(data)

    def update_token(self, response_json: Mapping[str, Any], **kwargs: Any) -> None:
        """Take over tokens: those of an answer of the SSO, or kept from earlier.

        `response_json`: access_token; refresh_token, which stays as it is where none is given; expires_in (seconds; a
        float, digits as text, or negative to have it refreshed). Where that cannot be read, the token's own `exp`
        counts; without one it is about to expire. `token_identifier=`: as in the constructor.
        Raises IncompleteTokensError (a KeyError) without an access token.
        """
        if 'access_token' not in response_json:
            raise IncompleteTokensError('access_token', "the token itself; '' if there is only a refresh token")
        expires_in = endpoint.with_lifetime({**response_json})['expires_in']
        expiry = int(clock.time()) + expires_in
        with self._lock:
            self.token_identifier = kwargs.pop('token_identifier', self.token_identifier)
            if response_json['access_token'] != self.access_token:
                self._replaced = None
            self.access_token = response_json['access_token']
            self.token_expiry = expiry
            self._lifetime = max(0.0, float(expires_in))
            if 'refresh_token' in response_json:
                self.refresh_token = response_json['refresh_token']
            self._is_kept = self._is_owed = False

    def is_token_expired(self, offset: float = 0) -> bool:
        """Whether the token is too old, `offset` seconds from now; True where its end is not known."""
        if self.token_expiry is None:
            return True
        return int(clock.time()) >= self.token_expiry - offset

    def revoke(self) -> None:
        """Give the tokens back and forget them, in the store too.

        Raises AttributeError where there are none, SSOUnavailableError when the SSO is down, TokenRefusedError when it
        does not do it: then they stay.
        """
        with self._lock, self._keeper.holding(self._likely_character(), self.refresh_token):
            if not self.refresh_token and not self.access_token:
                raise AttributeError('No access/refresh token are defined.')
            with suppress(TokenRevokedError):  # forgotten by another process: what is here is given back all the same
                self._take_newer()  # the one before is no good to the SSO, and the newest would live on
            kind = 'refresh_token' if self.refresh_token else 'access_token'
            data = {'token_type_hint': kind, 'token': self.refresh_token or self.access_token}
            endpoint.revoke(self._transport, self._params(data, self.oauth_revoke), self.timeout)
            if self.character_id is not None:
                self._keeper.forget(self.character_id)
            self.access_token = self.refresh_token = self.token_expiry = None
            self._known = None, None
            self._is_kept = self._is_owed = False

    # ------------------------------------------------------------------ whose they are

    def verify(self, kid: str = jwt.DEFAULT_KID, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The claims of the access token, if it is genuine, meant for this client, and still good.

        `kid`: the key's name, where the token names none. `options`: python-jose's, `{'verify_aud': False}` for one.
        Raises python-jose's JWTError (ExpiredSignatureError, JWTClaimsError), AttributeError where there is no token.
        """
        token = self.access_token
        if not token:
            raise AttributeError('No access token are available at this time')
        claims = jwt.verify(token, self._keys, kid, self.client_id, self.oauth_issuer, options or {})
        if not options:
            with self._lock:
                if token == self.access_token:  # and not renewed meanwhile
                    self._known = token, jwt.identity(claims)
        return claims

    @property
    def identity(self) -> Identity | None:
        """Whose the token is: known from `verify`, or from a login or refresh of this object; else None."""
        token, identity = self._known
        return identity if token == self.access_token else None

    @property
    def character_id(self) -> int | None:
        """The character's id, where it is known for certain (see `identity`)."""
        return self.identity.character_id if self.identity else None

    @property
    def character_name(self) -> str | None:
        """The character's name, where it is known for certain."""
        return self.identity.character_name if self.identity else None

    @property
    def owner(self) -> str | None:
        """A text that changes when the character changes hands, where it is known for certain."""
        return self.identity.owner if self.identity else None

    @property
    def scopes(self) -> frozenset[str]:
        """What the token allows, as far as it is known for certain."""
        return self.identity.scopes if self.identity else frozenset()

    # ------------------------------------------------------------------ new ones

    def _fresh_token(self) -> str | None:
        """The access token, renewed ahead of its end."""
        if self._is_due():
            try:
                self._renew_once(self._is_due)
            except TokenError as error:
                if self.is_token_expired():
                    raise
                LOGGER.warning('the token cannot be renewed yet (%s); it is still good for a while', error)
        elif self._is_owed and not self._keeper.rests:
            self._settle()
        return self.access_token

    def _is_due(self) -> bool:
        """Whether the token must be renewed: near its end, if that has not just failed; at its end."""
        ahead = 0.0 if clock.monotonic() < self._rests_until else min(AHEAD, self._lifetime / 10)
        return self.is_token_expired(ahead)

    @in_step(TOKEN_REFRESH)
    def _renew_once(self, is_due: Callable[[], bool]) -> None:
        """Renew the tokens, once however many threads come for it. Who waited for one that failed fails with it."""
        before = self._failure
        with self._lock:
            if not is_due():
                return  # another thread was here first
            if self._failure is not None and self._failure is not before:
                raise copy.copy(self._failure)
            try:
                # An app may have put a `refresh` of its own in the place of ours, which 1.x called here.
                is_ours = getattr(self.refresh, '__func__', None) is TokenManager.refresh
                answer = self._renewed() if is_ours else self.refresh()
            except TokenError as error:
                self._failure = copy.copy(error)
                self._rests_until = clock.monotonic() + _REST
                raise
            self._failure = None
            if answer is not None:
                note(refreshed=True)
                self._announce(answer)  # while others wait: an app may keep the refresh token here

    def _renewed(self, scope_list: list[str] | None = None, now: bool = False) -> dict[str, Any] | None:
        """New tokens from the SSO: its answer. None where another process had some already (not if it must be `now`).

        `invalid_grant` may mean that another one was faster with the same refresh token: the grant is gone only when
        nothing newer is known, here or in the store.
        """
        before, replaced = self.refresh_token, self.access_token
        refused: set[str | None] = {None}
        with self._keeper.holding(self._likely_character(), before) as alone:
            # What gives the lock may be an app's own, which reads its database then.
            is_newer = self._take_newer() or self.access_token != replaced
            if is_newer and not now and not self.is_token_expired():
                self._replaced = replaced
                return None
            while True:
                try:
                    return self._exchanged(scope_list)
                except TokenRevokedError as error:
                    refused.add(self.refresh_token)
                    if self._take_other(refused) and not now and not self.is_token_expired():
                        return None
                    if self.refresh_token in refused and before not in refused:
                        self.refresh_token = before
                    if self.refresh_token in refused:
                        if alone and self.character_id is not None:
                            self._keeper.forget(self.character_id)
                        error.add_note('the grant is gone: the character has to sign in again')
                        raise

    def _exchanged(self, scope_list: list[str] | None) -> dict[str, Any]:
        replaced = self.access_token
        answer = endpoint.tokens(self._transport, self.get_refresh_token_params(scope_list), self.timeout)
        self._take_over(answer, jwt.unverified_identity(answer['access_token']) or self.identity)
        self._replaced = replaced
        return answer

    def _take_newer(self) -> bool:
        """Take over what another process has put into the store. Whether there was anything.

        Raises TokenRevokedError where it was removed from the store.
        """
        kept = self._look_up()
        if not self._is_kept or self.identity is None:
            return False  # what is here may be newer, or of nobody knows whom
        if kept is None:
            raise TokenRevokedError(self.sso_endpoints_url, 400, response=b'{"error": "no longer in the store"}')
        if kept.refresh_token == self.refresh_token and kept.access_token in (None, self.access_token):
            return False
        self._adopt(kept)
        return True

    def _take_other(self, refused: set[str | None]) -> bool:
        """Take over what the store has, if that is not `refused` yet."""
        kept = self._look_up()
        if kept is None or kept.refresh_token in refused:
            return False
        self._adopt(kept)
        return True

    def _look_up(self) -> Tokens | None:
        """What the store has of this character; None where there is nothing, or nothing is known."""
        identity = self.identity
        if identity is None or self.store is None:
            return None
        return self._keeper.find(self._tokens(identity))

    def _likely_character(self) -> int | None:
        """Whose the tokens are, if only by their own words: so all who have them hold the same lock, whether they have
        verified them or not."""
        identity = self.identity or jwt.unverified_identity(self.access_token or '')
        return identity.character_id if identity else None

    def _settle(self) -> None:
        """Give the store what it did not take when it was down."""
        with self._lock, suppress(TokenStoreBusyError), self._keeper.holding(self.character_id, self.refresh_token):
            identity = self.identity
            if self._is_owed and identity is not None:
                self._is_kept = self._keeper.keep(self._tokens(identity))
                self._is_owed = not self._is_kept

    def _announce(self, answer: Mapping[str, Any]) -> None:
        """AFTER_TOKEN_REFRESH, with the arguments of 1.x; what else the SSO says goes to who takes it."""
        emit(
            self.signal_token_updated,
            {name: value for name, value in answer.items() if name not in _ANNOUNCED},
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            expires_in=answer['expires_in'],
            token_type=answer.get('token_type', 'Bearer'),
            token_identifier=self.token_identifier,
        )

    def _take_over(self, answer: Mapping[str, Any], identity: Identity | None) -> None:
        """The tokens of an exchange of our own: they come from the SSO itself, so that what they say is true. They are
        in the store before anyone uses them."""
        kept = False
        if identity is not None and self.store is not None:
            new = self._tokens(identity)._replace(
                access_token=answer['access_token'],
                refresh_token=answer.get('refresh_token', self.refresh_token),
                expires_at=int(clock.time()) + answer['expires_in'],
            )
            kept = self._keeper.keep(new)
        self._known = answer['access_token'], identity
        self.update_token(answer)
        self._is_kept = kept
        self._is_owed = not kept and identity is not None and self.store is not None

    def _adopt(self, kept: Tokens) -> None:
        """The tokens of the store."""
        identity = Identity(kept.character_id, kept.character_name, kept.owner, frozenset(kept.scopes))
        self._replaced, self.refresh_token = self.access_token, kept.refresh_token
        self._known = kept.access_token, identity
        self._lifetime = max(0.0, kept.expires_at - clock.time())
        self.access_token = kept.access_token
        self.token_expiry = None if kept.access_token is None else kept.expires_at
        self._is_kept, self._is_owed = True, False

    def _tokens(self, identity: Identity) -> Tokens:
        """The present ones, as a store takes them."""
        return Tokens(
            self.client_id,
            identity.character_id,
            self.refresh_token,
            self.access_token,
            self.token_expiry or 0.0,
            tuple(sorted(identity.scopes)),
            identity.character_name,
            identity.owner,
        )
