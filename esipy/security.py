"""EsiSecurity: signs requests with one character's tokens.

the application, and the SSO    sso/application.py, sso/published.py
asking it for tokens            sso/endpoint.py
tokens, and their renewal       sso/holder.py
where they are kept, the lock   sso/keeper.py, stores/
what a token says               sso/jwt.py
"""

from __future__ import annotations

import copy
import logging
from typing import Any

from esipy._cache.keys import owner_of
from esipy._runtime.redact import digest
from esipy._spec.model import Operation
from esipy._sso.application import SSO_ENDPOINTS_URL
from esipy._sso.token_manager import TokenManager
from esipy.events import AFTER_TOKEN_REFRESH, advise, advise_of_unknown
from esipy.exceptions import MissingScopeError, TokenError, TokenRevokedError, UnknownCharacterError

LOGGER = logging.getLogger(__name__)

#: The scheme's name in the live document; in the old one it is what `security_name` says.
_LIVE_SCHEME = 'OAuth2'

_OPTIONS: dict[str, Any] = {
    'token_identifier': None,
    'security_name': 'evesso',
    'headers': None,
    'signal_token_updated': AFTER_TOKEN_REFRESH,
    'sso_endpoints_url': SSO_ENDPOINTS_URL,
    'sso_endpoints': None,
    'jwks_key': None,
    'cache': None,
    'store': None,
    'lock': None,
    'check_scopes': True,
    'timeout': (5.0, 30.0),
    'transport_adapter': None,
}

#: Options of older versions, which mean nothing any more.
_PAST = {'app', 'esi_url', 'sso_url', 'esi_datasource'}


class EsiSecurity(TokenManager):
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

    Raises AttributeError when neither secret nor verifier is given. Where the SSO does not answer, the object is made
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
        **options: Any,
    ) -> None:
        for name in _PAST & options.keys():
            advise(f'EsiSecurity: {name!r} has had no meaning since EsiPy 1.0', DeprecationWarning)
        advise_of_unknown('EsiSecurity', options.keys() - _PAST, _OPTIONS)
        # Looked up now: tests of apps put a mock in its place here.
        chosen = {**_OPTIONS, 'signal_token_updated': AFTER_TOKEN_REFRESH, **options}
        super().__init__(redirect_uri, client_id, secret_key, code_verifier, chosen)
        self.security_name: str = chosen['security_name']
        self.check_scopes: bool = chosen['check_scopes']
        self._characters: dict[int, EsiSecurity] = {}

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

        Raises UnknownCharacterError, which names those that are known, and TokenStoreError. Who is deleted from the
        store is unknown to all processes from the next refresh on.
        """
        if self.store is None:
            raise TokenError('characters are looked up in a store: EsiSecurity(…, store=FileTokens())')
        if not isinstance(character_id, int):
            raise TypeError(f'character_id must be an int, not a {type(character_id).__name__}')
        known = self._characters.get(character_id)
        if known is not None and known.character_id == character_id:  # it may have been given to another one since
            return known
        kept = self.store.get(self.client_id, character_id)
        if kept is None:
            raise UnknownCharacterError(character_id, self.store.characters(self.client_id))
        one = copy.copy(self)
        one._begin()
        one.token_identifier = character_id
        one._adopt(kept)
        if known is not None and self._characters.get(character_id) is known:
            self._characters.pop(character_id, None)
        return self._characters.setdefault(character_id, one)

    def auth(self, code: str) -> dict[str, Any]:
        """Exchange the code of a login for tokens; returns the SSO's answer. With a `store` they are in it then, and
        `for_character` gives them.

        Raises TokenRefusedError (TokenRevokedError for a code that is wrong, too old or was used before) and
        SSOUnavailableError. The tokens that were there stay.
        """
        answer = super().auth(code)
        character_id = self.character_id
        if character_id is not None and self._characters.get(character_id) is not self:
            self._characters.pop(character_id, None)  # of the grant before, perhaps of another owner
        return answer

    def revoke(self) -> None:
        """Give the tokens back and forget them, in the store too.

        Raises AttributeError where there are none, SSOUnavailableError when the SSO is down, TokenRefusedError when it
        does not do it: then they stay.
        """
        character_id = self.character_id
        super().revoke()
        if character_id is not None:
            self._characters.pop(character_id, None)

    def __deepcopy__(self, memo: dict[int, Any]) -> EsiSecurity:
        one: EsiSecurity = super().__deepcopy__(memo)
        one._characters = {}
        return one

    # ------------------------------------------------------------------ a request

    def __call__(self, request: Any) -> Any:
        """Put the token into `request._p['header']`, if the operation needs one; a new one if this one is too old."""
        if not request._security:
            return request
        if not self._is_for_us(request):
            LOGGER.warning('Missing Securities: [%s]', ', '.join(name for need in request._security for name in need))
            return request
        token = self._fresh_token()
        if token is not None:
            request._p['header']['Authorization'] = f'Bearer {token}'
            request.owner = self._owner_of_token(token)
        return request

    def owner_of(self, request: Any) -> str | None:
        """Whose call it will be, for the cache; '' for a public one; None where it takes signing to tell."""
        if type(self).__call__ is not _CALL:
            return None  # a subclass signs in its own way, and may take another user's tokens only then
        if not request._security or not self._is_for_us(request):
            return ''
        token = self.access_token
        known, identity = self._known
        if token is None or (self.is_token_expired() and (identity is None or known != token)):
            return None
        return self._owner_of_token(token)

    def _owner_of_token(self, token: str) -> str:
        """The character, where it is known for certain, so that a refresh changes nothing; else a digest of the token.
        The owner is part of it: who buys a character does not see what was kept for the one before."""
        known, identity = self._known
        if identity is not None and known == token:
            return f'character:{identity.character_id}:{digest(identity.owner.encode())}'
        return owner_of(f'Bearer {token}')

    def _is_for_us(self, request: Any) -> bool:
        return any(self.security_name in need or _LIVE_SCHEME in need for need in request._security)

    def require_scopes(self, request: Any) -> None:
        """Raise MissingScopeError where it is known that the token lacks a scope which the call needs."""
        operation = request.operation
        if not self.check_scopes or not operation.scopes or not self._is_for_us(request):
            return
        if type(self).__call__ is not _CALL:
            return  # whose tokens a subclass signs with is not known before it does
        self._fresh_token()
        if self._lacks(operation):
            with self._lock:
                self._take_newer()  # the character may have signed in again elsewhere
        missing = self._lacks(operation)
        if missing:
            raise MissingScopeError(operation.id, missing, self.character_name or 'this character')

    def _lacks(self, operation: Operation) -> list[str]:
        identity = self.identity
        return [] if identity is None else sorted({*operation.scopes} - identity.scopes)

    def refused(self, request: Any) -> bool:
        """The server has refused the token that `request` was signed with: get another one. Whether there is one now.

        Raises TokenRevokedError when the grant is gone.
        """
        token = str(request._p['header'].get('Authorization', '')).removeprefix('Bearer ')
        if not token or self.refresh_token is None:
            return False
        try:
            self._renew_once(lambda: self.access_token == token)
        except TokenRevokedError:
            raise
        except TokenError as error:
            LOGGER.warning('the token was refused, and there is no other yet (%s)', error)
        return self._replaced == token  # and not given by the app for somebody else meanwhile

    def __repr__(self) -> str:
        return f'<EsiSecurity of {self.client_id}>'


#: How a call is signed, unless a subclass does it otherwise.
_CALL = EsiSecurity.__call__
