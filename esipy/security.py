"""EsiSecurity: signs requests with one character's tokens.

the application, and the SSO     _sso/application.py, _sso/discovery.py
requests to the SSO              _sso/endpoint.py
the tokens, and their refresh    _sso/token_state.py, _sso/token_manager.py, _sso/background.py
the store of tokens, its lock    _sso/resilient_store.py, _stores/
what a token says                _sso/jwt.py
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from esipy import clock
from esipy._cache.keys import owner_of
from esipy._runtime.redact import digest
from esipy._spec.model import Operation
from esipy._sso import endpoint, jwt
from esipy._sso.application import Application
from esipy._sso.jwt import Identity
from esipy._sso.resilient_store import ResilientStore, find_record
from esipy._sso.security_options import resolved
from esipy._sso.token_manager import TokenManager
from esipy._sso.token_state import TokenState
from esipy._stores.base import TokenStore
from esipy.events import AFTER_TOKEN_REFRESH, emit
from esipy.exceptions import (
    APIException,
    IncompleteTokensError,
    MissingScopeError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    TokenStoreBusyError,
    UnknownCharacterError,
)

if TYPE_CHECKING:
    from typing import Unpack

    from esipy._sso.security_options import SecurityOptions

#: Programs for EsiPy 1.x import APIException from here.
__all__ = ['AFTER_TOKEN_REFRESH', 'APIException', 'EsiSecurity']

LOGGER = logging.getLogger(__name__)

#: The name of the scheme in the live document; in the old one it is what `security_name` says.
_LIVE_SCHEME = 'OAuth2'

#: Arguments of AFTER_TOKEN_REFRESH in EsiPy 1.x.
_SIGNAL_ARGUMENTS = frozenset({'access_token', 'refresh_token', 'expires_in', 'token_type', 'token_identifier'})


class EsiSecurity(Application):
    """One character's tokens: `EsiClient(security)` signs with them every call that needs it.

    `secret_key` for an app that can keep one (a web server), `code_verifier` (PKCE) for one that cannot. Options:

    - `token_identifier`: anything of the app's own, handed to AFTER_TOKEN_REFRESH
    - `security_name`: the name of the security scheme in the description ('evesso'; 'OAuth2' always works)
    - `headers`: sent to the SSO; without a User-Agent it warns
    - `signal_token_updated`: a Signal of one's own instead of AFTER_TOKEN_REFRESH
    - `sso_endpoints_url`, or the `sso_endpoints` themselves (a dict): where the SSO is
    - `jwks_key`: the key, or the set of keys, that tokens are signed with
    - `cache`: a BaseCache for what the SSO publishes (its endpoints and keys), so that a process which starts while
      the SSO is down knows it too
    - `store`: a TokenStore. Tokens that the SSO gives are in it before anyone uses them; see `for_character`
    - `lock`: what makes a refresh happen once over all processes, where the store has no lock of its own: called with
      a name it gives a context manager (a RedisLock)
    - `check_scopes`: False: a call whose scope the token lacks is sent all the same
    - `timeout`: seconds to connect and between two bytes; `transport_adapter`: an adapter of `requests`

    Raises AttributeError when neither secret nor verifier is given. Where the SSO does not respond, the object is made
    all the same, with a warning, and asks again when it needs to know.

    A store or a lock that is down fails no call that could succeed: the tokens in memory are used, and the store gets
    the newest ones when it is back.
    """

    def __init__(
        self,
        redirect_uri: str,
        client_id: str,
        secret_key: str | None = None,
        code_verifier: str | None = None,
        **options: Unpack[SecurityOptions],
    ) -> None:
        # AFTER_TOKEN_REFRESH is looked up now: tests of apps put a mock in its place here.
        chosen = resolved({'signal_token_updated': AFTER_TOKEN_REFRESH, **options})
        super().__init__(redirect_uri, client_id, secret_key, code_verifier, chosen)
        self.security_name: str = chosen['security_name']
        self.check_scopes: bool = chosen['check_scopes']
        self.token_identifier = chosen['token_identifier']
        self.signal_token_updated = chosen['signal_token_updated']
        self.store: TokenStore | None = chosen['store']
        self.lock = chosen['lock']
        if self.store is not None and not isinstance(self.store, TokenStore):
            kind = type(self.store).__name__
            raise TypeError(f'EsiSecurity: store must be a TokenStore, not {kind}: pass FileTokens(path), for example')
        if self.lock is not None and not callable(self.lock):
            raise TypeError(
                'EsiSecurity: lock must be a RedisLock, or a function that returns a context manager, '
                f'not {type(self.lock).__name__}'
            )
        self._store = ResilientStore(client_id, self.store, self.lock)
        self._tokens = TokenManager(_TokenOwner(self), client_id, self._store)
        self._characters: dict[int, EsiSecurity] = {}

    def __copy__(self) -> EsiSecurity:
        """A copy has the same tokens, and from then on its own: as in 1.x. It shares connections and the store."""
        one = object.__new__(type(self))
        vars(one).update(vars(self))
        one._tokens = TokenManager(_TokenOwner(one), one.client_id, one._store)
        one._tokens.state = self._tokens.state
        one._characters = {}
        return one

    def __deepcopy__(self, memo: dict[int, Any]) -> EsiSecurity:
        one = memo[id(self)] = copy.copy(self)
        return one

    # ------------------------------------------------------------------ the tokens

    @property
    def access_token(self) -> str | None:
        """The access token; None before a login. Setting it keeps the refresh token."""
        return self._tokens.state.access_token

    @access_token.setter
    def access_token(self, token: str | None) -> None:
        self._tokens.change(lambda state: state.with_access_token(token))

    @property
    def refresh_token(self) -> str | None:
        """The refresh token; None where the grant has none."""
        return self._tokens.state.refresh_token

    @refresh_token.setter
    def refresh_token(self, token: str | None) -> None:
        self._tokens.change(lambda state: state.with_refresh_token(token))

    @property
    def token_expiry(self) -> float | None:
        """When the access token expires, in seconds since the epoch; None: unknown, and taken for expired."""
        return self._tokens.state.expires_at

    @token_expiry.setter
    def token_expiry(self, seconds: float | None) -> None:
        self._tokens.change(lambda state: replace(state, expires_at=seconds))

    def auth(self, code: str) -> dict[str, Any]:
        """Exchange the code of a login for tokens, and return the token response. With a `store` they are stored then,
        and `for_character` finds them.

        Raises TokenRefusedError for a code that is wrong, too old or was used before, and SSOUnavailableError. The
        tokens that were there before stay.
        """
        response = endpoint.tokens(self._transport, self.get_access_token_params(code), self.timeout)
        # A new grant: the refresh token of an earlier one does not belong to it.
        own = {'refresh_token': None, **response}
        identity = jwt.unverified_identity(own['access_token'])
        with self._tokens.changing:
            try:
                with self._store.locked(identity and identity.character_id, own['refresh_token']):
                    self._tokens.accept(own, identity)
            except TokenStoreBusyError:
                self._tokens.accept(own, identity)  # it is newer than what the other process will bring
        character_id = self.character_id
        if character_id is not None and self._characters.get(character_id) is not self:
            self._characters.pop(character_id, None)  # it has the tokens of an earlier grant
        return response if response['access_token'] else self.refresh()

    def refresh(self, scope_list: list[str] | None = None) -> dict[str, Any]:
        """Refresh the tokens now, and return the token response. `scope_list`: only these scopes.

        Raises TokenRevokedError if the grant is gone, SSOUnavailableError if the SSO is down, TokenRefusedError for
        any other refusal. The tokens that were there before stay.
        """
        with self._tokens.changing:
            response = self._tokens.refreshed(scope_list, force=True)
            assert response is not None
            if not response['access_token']:
                raise endpoint.without_access_token(self.oauth_token)
            return dict(response)

    def get_refresh_token_params(self, scope_list: list[str] | None = None) -> dict[str, Any]:
        """Return what to POST to refresh the tokens: {'url', 'headers', 'data'}. It contains secrets.

        Raises TokenExpiredError (an AttributeError) if there is no refresh token, AttributeError if `scope_list` is
        not a list.
        """
        if not self.refresh_token:
            raise TokenExpiredError(
                'No refresh token is defined. Sign in with auth(code), pass stored tokens to update_token(), '
                'or take a character from the store: for_character(id).'
            )
        data = {'grant_type': 'refresh_token', 'refresh_token': self.refresh_token}
        if scope_list:
            if not isinstance(scope_list, list):
                raise AttributeError(f'scope_list must be a list of scopes, not {type(scope_list).__name__}')
            data['scope'] = ' '.join(scope_list)
        return self._params(data)

    def update_token(self, response_json: Mapping[str, Any], **kwargs: Any) -> None:
        """Take over tokens: a token response of the SSO, or tokens that an app has kept. The `store` is not changed
        before the next refresh; `store.set(Tokens(client_id, character_id, refresh_token))` fills it.

        `response_json`: `access_token`; `refresh_token`, which stays the same if it is missing; `expires_in`
        (seconds: a number, digits as text, or negative to force a refresh). If that cannot be read, the token's own
        `exp` counts; without one the token is treated as about to expire. `token_identifier=`: as in the constructor.
        Raises IncompleteTokensError (a KeyError) without an access token.
        """
        if 'access_token' not in response_json:
            raise IncompleteTokensError('access_token', "the token itself; '' if there is only a refresh token")
        response = endpoint.with_lifetime({**response_json})
        with self._tokens.changing:
            self.token_identifier = kwargs.pop('token_identifier', self.token_identifier)
            self._tokens.change(lambda state: state.updated(response, clock.time()))

    def is_token_expired(self, offset: float = 0) -> bool:
        """Return whether the access token expires within `offset` seconds; True if nobody knows when it expires."""
        return self._tokens.state.is_expired(clock.time(), offset)

    def revoke(self) -> None:
        """Revoke the tokens at the SSO, and forget them, in the store too.

        Raises AttributeError if there are none, SSOUnavailableError if the SSO is down, TokenRefusedError if it
        refuses: then they stay.
        """
        character_id = self.character_id
        self._tokens.revoke()
        if character_id is not None:
            self._characters.pop(character_id, None)

    # ------------------------------------------------------------------ whose they are

    def verify(self, kid: str = jwt.DEFAULT_KID, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the claims of the access token, if it is genuine, meant for this client, and has not expired.

        `kid`: the name of the key, where the token has none. `options`: those of python-jose, such as
        `{'verify_aud': False}`. Raises python-jose's JWTError (ExpiredSignatureError, JWTClaimsError), and
        AttributeError without a token.
        """
        token = self.access_token
        if not token:
            raise AttributeError(
                'there is no access token: sign in with auth(code), or pass stored tokens to update_token()'
            )
        claims = jwt.verify(token, self._keys, kid, self.client_id, self.oauth_issuer, options or {})
        if not options:
            identity = jwt.identity(claims)
            self._tokens.change(lambda state: state.verified(token, identity))
        return claims

    @property
    def identity(self) -> Identity | None:
        """Whose the token is: known from `verify`, or from a login or refresh of this object; else None."""
        return self._tokens.state.identity

    @property
    def character_id(self) -> int | None:
        """The character's id, if it is known for certain (see `identity`)."""
        return self.identity.character_id if self.identity else None

    @property
    def character_name(self) -> str | None:
        """The character's name, if it is known for certain."""
        return self.identity.character_name if self.identity else None

    @property
    def owner(self) -> str | None:
        """A text that changes when the character is transferred to another account, if it is known for certain."""
        return self.identity.owner if self.identity else None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the token, as far as they are known for certain."""
        return self.identity.scopes if self.identity else frozenset()

    # ------------------------------------------------------------------ whom it signs for

    @staticmethod
    def scopes_for(*operations: Operation) -> list[str]:
        """The scopes that these operations need, sorted, for `get_auth_uri`: `scopes_for(app.op['…'], app.op['…'])`."""
        for operation in operations:
            if not isinstance(operation, Operation):
                raise TypeError(f'scopes_for() takes operations (app.op[…]), not a {type(operation).__name__}')
        return sorted({scope for operation in operations for scope in operation.scopes})

    # ------------------------------------------------------------------ many characters

    def for_character(self, character_id: int) -> EsiSecurity:
        """The security object of a character whose tokens are in the `store`: the same one each time, so that its
        tokens are refreshed once however many threads need them. Its `token_identifier` is the character's id.

        Raises UnknownCharacterError, which names those that are known, and TokenStoreError. A character that is deleted
        from the store is unknown to all processes from the next refresh on.
        """
        if self.store is None:
            raise TokenError('for_character() needs a store: EsiSecurity(…, store=FileTokens())')
        if not isinstance(character_id, int):
            raise TypeError(f'character_id must be an int, not a {type(character_id).__name__}')
        known = self._characters.get(character_id)
        if known is not None and known.character_id == character_id:  # it may have been given to another one since
            return known
        stored = find_record(self.store, self.client_id, character_id)
        if stored is None:
            raise UnknownCharacterError(character_id, self.store.characters(self.client_id))
        one = copy.copy(self)
        one.token_identifier = character_id
        one._tokens.state = TokenState().taken_from(stored, clock.time())
        if known is not None and self._characters.get(character_id) is known:
            self._characters.pop(character_id, None)
        return self._characters.setdefault(character_id, one)

    # ------------------------------------------------------------------ a request

    def __call__(self, request: Any) -> Any:
        """Put the token into `request._p['header']`, if the operation needs one; a new one if this one is too old."""
        if not request._security:
            return request
        if not self._is_for_us(request):
            LOGGER.warning('Missing Securities: [%s]', ', '.join(name for need in request._security for name in need))
            return request
        is_new = getattr(request, 'has_new_token', False) and self.access_token
        token = self.access_token if is_new else self._tokens.fresh_token(getattr(request, 'deadline', None))
        if token is not None:
            request._p['header']['Authorization'] = f'Bearer {token}'
            request.owner = _owner_of_token(token, self._tokens.state)
        return request

    def owner_of(self, request: Any) -> str | None:
        """Whose call it will be, for the cache; '' for a public one; None where it takes signing to tell."""
        if type(self).__call__ is not _CALL:
            return None  # a subclass signs in its own way, and may take another user's tokens only then
        if not request._security or not self._is_for_us(request):
            return ''
        state = self._tokens.state
        if state.access_token is None or (state.identity is None and state.is_expired(clock.time())):
            return None
        return _owner_of_token(state.access_token, state)

    def _is_for_us(self, request: Any) -> bool:
        return any(self.security_name in need or _LIVE_SCHEME in need for need in request._security)

    def require_scopes(self, request: Any) -> bool:
        """Raise MissingScopeError if the token is known to lack a scope that the call needs. The call has been signed
        by then; return whether it must be signed again, because the character has signed in anew elsewhere."""
        operation = request.operation
        if not self.check_scopes or not operation.scopes or not self._is_for_us(request):
            return False
        if type(self).__call__ is not _CALL:
            return False  # whose tokens a subclass signs with is not known before it does
        if not self._lacks(operation):
            return False
        with self._tokens.changing:
            is_new = self._tokens.take_newer()
        missing = self._lacks(operation)
        if missing:
            raise MissingScopeError(operation.id, missing, self.character_name or 'this character')
        return is_new

    def identity_for(self, request: Any) -> Identity | None:
        """Return whom a call will be signed for, if that is known for certain."""
        if type(self).__call__ is not _CALL or not request._security or not self._is_for_us(request):
            return None
        return self.identity

    def _lacks(self, operation: Operation) -> list[str]:
        identity = self.identity
        return [] if identity is None else sorted({*operation.scopes} - identity.scopes)

    def refused(self, request: Any) -> bool:
        """The server has refused the token that `request` was signed with: get another one. Whether there is one now.

        Raises TokenRevokedError when the grant is gone.
        """
        token = str(request._p['header'].get('Authorization', '')).removeprefix('Bearer ')
        if not token or not self.refresh_token:
            return False
        try:
            self._tokens.refresh_once(lambda: self.access_token == token, getattr(request, 'deadline', None))
        except TokenRevokedError:
            raise
        except TokenError as error:
            LOGGER.warning('the server rejected the token, and it cannot be refreshed now (%s)', error)
        return self._tokens.state.replaced == token  # and not given by the app for somebody else meanwhile

    def __repr__(self) -> str:
        state = self._tokens.state
        if not state.access_token and not state.refresh_token:
            return f'<EsiSecurity of {self.client_id}: no character has signed in>'
        identity = state.identity or jwt.unverified_identity(state.access_token or '')
        parts = ['an unknown character' if identity is None else f'{identity.character_name} ({identity.character_id})']
        if identity is not None:
            count = len(identity.scopes)
            parts.append(f'{count} scope{"" if count == 1 else "s"}')
        parts.append(_lifetime(state.expires_at, renews=state.refresh_token is not None))
        parts += ['not verified'] if identity is not None and state.identity is None else []
        return f'<EsiSecurity of {self.client_id}: {", ".join(parts)}>'


def _lifetime(expires_at: float | None, *, renews: bool) -> str:
    """When the access token expires, for people: 'renews in 14 min'."""
    seconds = 0.0 if expires_at is None else expires_at - clock.time()
    if seconds <= 0:
        return 'renews at the next call' if renews else 'expired'
    count = f'{seconds / 60:.0f} min' if seconds >= 60 else f'{seconds:.0f} s'
    return f'{"renews" if renews else "expires"} in {count}'


class _TokenOwner:
    """What the token manager of an EsiSecurity needs of it."""

    def __init__(self, security: EsiSecurity) -> None:
        self._security = security

    @property
    def sso_url(self) -> str:
        return self._security.sso_endpoints_url

    @property
    def has_own_refresh(self) -> bool:
        return getattr(self._security.refresh, '__func__', None) is not _REFRESH

    def refresh(self) -> Mapping[str, Any] | None:
        return self._security.refresh()

    def update_token(self, response: Mapping[str, Any]) -> None:
        self._security.update_token(response)

    def request_refresh(self, scope_list: list[str] | None) -> dict[str, Any]:
        security = self._security
        return endpoint.tokens(security._transport, security.get_refresh_token_params(scope_list), security.timeout)

    def revoke(self) -> None:
        security = self._security
        kind = 'refresh_token' if security.refresh_token else 'access_token'
        data = {'token_type_hint': kind, 'token': security.refresh_token or security.access_token}
        endpoint.revoke(security._transport, security._params(data, security.oauth_revoke), security.timeout)

    def send_refresh_signal(self, response: Mapping[str, Any]) -> None:
        security = self._security
        emit(
            security.signal_token_updated,
            {name: value for name, value in response.items() if name not in _SIGNAL_ARGUMENTS},
            access_token=security.access_token,
            refresh_token=security.refresh_token,
            expires_in=response['expires_in'],
            token_type=response.get('token_type', 'Bearer'),
            token_identifier=security.token_identifier,
        )


def _owner_of_token(token: str, state: TokenState) -> str:
    """Return the character, if it is known for certain, so that a refresh changes nothing; else a digest of the token.

    The account is part of it: a new owner of the character does not see responses that were stored for the previous
    one.
    """
    identity = state.identity
    if identity is not None and state.access_token == token:
        return f'character:{identity.character_id}:{digest(identity.owner)}'
    return owner_of(f'Bearer {token}')


#: How tokens are refreshed, unless an app does it otherwise.
_REFRESH = EsiSecurity.refresh


#: How a call is signed, unless a subclass does it otherwise.
_CALL = EsiSecurity.__call__
