"""EsiSecurity: holds one character's tokens, keeps them fresh, and signs requests with them.

The refresh token changes with every use, so that only one may use it: all refreshing happens under a lock, and who
waited for it finds the token already new. `_fresh_token` tells that from top to bottom.

what the SSO publishes          sso/published.py
asking it for tokens            sso/endpoint.py
where tokens are kept, the lock sso/keeper.py, stores/
what a token says               sso/jwt.py
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from esipy import clock, fork
from esipy.cache.choose import check_cache
from esipy.cache.keys import digest, owner_of
from esipy.events import AFTER_TOKEN_REFRESH, advise, advise_of_unknown, emit
from esipy.exceptions import (
    IncompleteTokensError,
    MissingScopeError,
    SSOUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    TokenStoreBusyError,
    UnknownCharacterError,
)
from esipy.spec.model import Operation
from esipy.sso import endpoint, form, jwt, metadata
from esipy.sso.jwt import Identity
from esipy.sso.keeper import Keeper
from esipy.sso.pkce import check_verifier, generate_code_challenge
from esipy.sso.published import Published
from esipy.stores.base import Tokens, TokenStore
from esipy.transport import Transport, check_options, make_session
from esipy.version import __version__

LOGGER = logging.getLogger(__name__)

SSO_ENDPOINTS_URL = 'https://login.eveonline.com/.well-known/oauth-authorization-server'

#: Seconds before its end from which a token is renewed (a tenth of its life, if that is less), and how long it is then
#: used as it is after that failed.
AHEAD = 60.0
_REST = 5.0

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

_USER_AGENT_ADVICE = (
    "Defining a 'User-Agent' header is a good practice, and allows CCP to contact you if required. "
    "To do this, simply add the following when creating the security object: headers={'User-Agent':'something'}."
)


class _Endpoint:
    """An address of the SSO: known from the start, or asked for when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, security: EsiSecurity, owner: type[EsiSecurity]) -> str:
        return security._endpoint(self._name)

    def __set__(self, security: EsiSecurity, value: str) -> None:
        security._endpoints = {**(security._endpoints or {}), self._name: value}


class EsiSecurity:
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

    oauth_issuer = _Endpoint('issuer')
    oauth_authorize = _Endpoint('authorization_endpoint')
    oauth_token = _Endpoint('token_endpoint')
    oauth_revoke = _Endpoint('revocation_endpoint')

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
        chosen = {**_OPTIONS, **options}
        if not chosen['sso_endpoints_url']:
            raise AttributeError('sso_endpoints_url cannot be None or empty')
        if secret_key is None and code_verifier is None:
            raise AttributeError('Either secret_key or code_verifier must be filled')
        check_options('EsiSecurity', chosen)
        if chosen['store'] is not None and not isinstance(chosen['store'], TokenStore):
            raise TypeError(f'EsiSecurity: store must be a TokenStore, not a {type(chosen["store"]).__name__}')
        self.redirect_uri = redirect_uri
        self.client_id = client_id
        self.secret_key = secret_key
        self.code_verifier = code_verifier
        self.security_name: str = chosen['security_name']
        self.token_identifier = chosen['token_identifier']
        self.signal_token_updated = chosen['signal_token_updated']
        self.sso_endpoints_url: str = chosen['sso_endpoints_url']
        self.timeout = chosen['timeout']
        self.cache = check_cache(chosen['cache'])
        self.store: TokenStore | None = chosen['store']
        self.check_scopes: bool = chosen['check_scopes']
        keys = chosen['jwks_key'] or {}
        self.jwks_key_set = {key['kid']: key for key in keys['keys']} if 'keys' in keys else None
        self.jwks_key = None if 'keys' in keys else chosen['jwks_key']
        self._session = make_session(10, chosen['transport_adapter'], None)
        self._transport = Transport(self._session, endpoint.MAX_BODY)
        self._set_headers(dict(chosen['headers'] or {}))
        self._published = Published(self._page, self.cache, client_id, secret_key)
        self._keeper = Keeper(client_id, self.store, chosen['lock'])
        self._characters: dict[int, EsiSecurity] = {}
        self._begin()
        given = chosen['sso_endpoints']
        self._endpoints: dict[str, str] | None = dict(given) if isinstance(given, Mapping) else None
        self._look_for_endpoints()

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
        self._renew()
        fork.renew_after(self)

    def _set_headers(self, headers: dict[str, str]) -> None:
        if 'user-agent' not in {name.lower() for name in headers}:
            LOGGER.warning(_USER_AGENT_ADVICE)
            advise(_USER_AGENT_ADVICE)
            headers['User-Agent'] = f'esipy/{__version__} (client id {self.client_id})'
        self._session.headers.update({'Accept': 'application/json', **headers})

    def _renew(self) -> None:
        self._lock = threading.RLock()

    # ------------------------------------------------------------------ where the SSO is

    def _look_for_endpoints(self) -> None:
        """As 1.x did, when the object is made; but an SSO that is down does not keep it from being made, nor each of
        many waiting for it."""
        if self._endpoints is not None:
            return
        try:
            if self._published.rests(self.sso_endpoints_url):
                raise SSOUnavailableError(self.sso_endpoints_url, 500, response=b'no answer a moment ago')
            self._endpoint('issuer')
            self._keys()
        except SSOUnavailableError as error:
            LOGGER.warning('the SSO does not answer (%s); asking again when it is needed', error)
            advise('the SSO does not answer; asking again when it is needed')

    def _endpoint(self, name: str) -> str:
        if self._endpoints is None:
            self._endpoints = dict(self._published.get(self.sso_endpoints_url, metadata.endpoints))
        try:
            return self._endpoints[name]
        except KeyError:
            raise TokenError(f'{self.sso_endpoints_url} names no {name}') from None

    def _keys(self, again: bool = False) -> Mapping[str, Any]:
        """The keys that tokens are signed with, by their names; asked for `again` when a token names another one."""
        if self.jwks_key is not None:
            return {str(self.jwks_key.get('kid', jwt.DEFAULT_KID)): self.jwks_key}
        if self.jwks_key_set is None or again:
            self.jwks_key_set = self._published.get(self._endpoint('jwks_uri'), metadata.keys, again)
        return self.jwks_key_set

    def _page(self, url: str) -> bytes:
        return endpoint.published(self._transport, url, self.timeout)

    # ------------------------------------------------------------------ signing in

    def get_auth_uri(self, state: str, scopes: Any = None, implicit: bool = False) -> str:
        """Where to send the user to sign in. `state`: a secret of this login, to be compared on return; `scopes`: a
        list, or a text with spaces between them.

        Raises AttributeError without a state, CallError for a code_verifier that the SSO would refuse."""
        if not state:
            raise AttributeError('"state" must be non empty, non None string')
        parts = {
            'response_type': 'token' if implicit else 'code',
            'redirect_uri': self.redirect_uri,
            'client_id': self.client_id,
        }
        if scopes:
            parts['scope'] = scopes if isinstance(scopes, str) else ' '.join(scopes)
        parts['state'] = str(state)
        if self.code_verifier is not None and self.secret_key is None and not implicit:
            check_verifier(self.code_verifier)
            parts['code_challenge_method'] = 'S256'
            parts['code_challenge'] = generate_code_challenge(self.code_verifier)
        return f'{self.oauth_authorize}?{form.query(parts)}'

    def get_access_token_params(self, code: str) -> dict[str, Any]:
        """What to POST to exchange a code for tokens: {'url', 'headers', 'data'}. It holds secrets."""
        return self._params({'grant_type': 'authorization_code', 'code': code})

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

    def _params(self, data: dict[str, Any], url: str | None = None) -> dict[str, Any]:
        headers = {}
        if self.secret_key is not None:
            headers['Authorization'] = form.basic(self.client_id, self.secret_key)
        else:
            data = {**data, 'code_verifier': self.code_verifier, 'client_id': self.client_id}
        return {'headers': headers, 'data': data, 'url': self.oauth_token if url is None else url}

    def auth(self, code: str) -> dict[str, Any]:
        """Exchange the code of a login for tokens; returns the SSO's answer. With a `store` they are in it then.

        Raises TokenRefusedError (TokenRevokedError for a code that is wrong, too old or was used before) and
        SSOUnavailableError. The tokens that were there stay.
        """
        answer = endpoint.tokens(self._transport, self.get_access_token_params(code), self.timeout)
        # A new grant: the refresh token of another one is none of its own.
        answer = {'refresh_token': None, **answer}
        identity = jwt.unverified_identity(answer['access_token'])
        with self._lock:
            try:
                with self._keeper.holding(identity and identity.character_id, answer['refresh_token']):
                    self._take_over(answer, identity)
            except TokenStoreBusyError:
                self._take_over(answer, identity)  # it is the newest whatever the other one brings
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

    @staticmethod
    def scopes_for(*operations: Operation) -> list[str]:
        """The scopes that these operations need, sorted, for `get_auth_uri`: `scopes_for(app.op['…'], app.op['…'])`."""
        for operation in operations:
            if not isinstance(operation, Operation):
                raise TypeError(f'scopes_for() takes operations (app.op[…]), not a {type(operation).__name__}')
        return sorted({scope for operation in operations for scope in operation.scopes})

    def revoke(self) -> None:
        """Give the tokens back and forget them, in the store too.

        Raises AttributeError where there are none, SSOUnavailableError when the SSO is down: then they stay.
        """
        with self._lock:
            if not self.refresh_token and not self.access_token:
                raise AttributeError('No access/refresh token are defined.')
            kind = 'refresh_token' if self.refresh_token else 'access_token'
            data = {'token_type_hint': kind, 'token': self.refresh_token or self.access_token}
            endpoint.revoke(self._transport, self._params(data, self.oauth_revoke), self.timeout)
            if self.character_id is not None:
                self._keeper.forget(self.character_id)
                self._characters.pop(self.character_id, None)
            self.access_token = self.refresh_token = self.token_expiry = None
            self._known = None, None
            self._is_kept = self._is_owed = False

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
        if known is not None:
            return known
        kept = self.store.get(self.client_id, character_id)
        if kept is None:
            raise UnknownCharacterError(character_id, self.store.characters(self.client_id))
        one = copy.copy(self)
        one._begin()
        one.token_identifier = character_id
        one._adopt(kept)
        return self._characters.setdefault(character_id, one)

    # ------------------------------------------------------------------ tokens

    def update_token(self, response_json: Mapping[str, Any], **kwargs: Any) -> None:
        """Take over tokens: those of an answer of the SSO, or kept from earlier.

        `response_json`: access_token, expires_in (seconds; a float, or negative to have it refreshed), and
        refresh_token, which stays as it is where none is given. `token_identifier=`: as in the constructor.
        Raises IncompleteTokensError (a KeyError) where one of the first two is missing.
        """
        for name, hint in _NEEDED.items():
            if name not in response_json:
                raise IncompleteTokensError(name, hint)
        expires_in = response_json['expires_in']
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

    def _take_over(self, answer: Mapping[str, Any], identity: Identity | None) -> None:
        """The tokens of an exchange of our own: they come from the SSO itself, so that what they say is true. They are
        in the store before anyone uses them."""
        refresh_token = answer.get('refresh_token', self.refresh_token)
        owed = kept = False
        if identity is not None and self.store is not None:
            expires_at = int(clock.time()) + answer['expires_in']
            kept = self._keeper.keep(self._tokens(identity, answer['access_token'], refresh_token, expires_at))
            owed = not kept
        self._known = answer['access_token'], identity
        self.update_token(answer)
        self._is_kept, self._is_owed = kept, owed

    def _adopt(self, kept: Tokens) -> None:
        """The tokens of the store."""
        identity = Identity(kept.character_id, kept.character_name, kept.owner, frozenset(kept.scopes))
        self._replaced, self.refresh_token = self.access_token, kept.refresh_token
        self._known = kept.access_token, identity
        self._lifetime = max(0.0, kept.expires_at - clock.time())
        self.access_token = kept.access_token
        self.token_expiry = None if kept.access_token is None else kept.expires_at
        self._is_kept, self._is_owed = True, False

    def _tokens(
        self, identity: Identity, access_token: str | None, refresh_token: str | None, expires_at: float | None
    ) -> Tokens:
        return Tokens(
            self.client_id,
            identity.character_id,
            refresh_token,
            access_token,
            expires_at or 0.0,
            tuple(sorted(identity.scopes)),
            identity.character_name,
            identity.owner,
        )

    def is_token_expired(self, offset: float = 0) -> bool:
        """Whether the token is too old, `offset` seconds from now; True where its end is not known."""
        if self.token_expiry is None:
            return True
        return int(clock.time()) >= self.token_expiry - offset

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

    def _renew_once(self, is_due: Callable[[], bool]) -> None:
        """Renew the tokens, once however many threads come for it. Who waited for one that failed fails with it."""
        before = self._failure
        with self._lock:
            if not is_due():
                return  # another thread was here first
            if self._failure is not None and self._failure is not before:
                raise copy.copy(self._failure)
            try:
                answer = self._renewed()
            except TokenError as error:
                self._failure = copy.copy(error)
                self._rests_until = clock.monotonic() + _REST
                raise
            self._failure = None
            if answer is not None:
                self._announce(answer)  # while others wait: an app may keep the refresh token here

    def _renewed(self, scope_list: list[str] | None = None, now: bool = False) -> dict[str, Any] | None:
        """New tokens from the SSO: its answer. None where another process had some already (not if it must be `now`).

        `invalid_grant` may mean that another one was faster with the same refresh token: the grant is gone only when
        nothing newer is known, here or in the store.
        """
        before = self.refresh_token
        refused: set[str | None] = {None}
        with self._keeper.holding(self.character_id, before) as alone:
            if self._take_newer() and not now and not self.is_token_expired():
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
        if not self._is_kept:
            return False  # what is here may be newer
        if kept is None:
            raise TokenRevokedError(self.sso_endpoints_url, 400, response=b'{"error": "no longer in the store"}')
        if (kept.refresh_token, kept.access_token) == (self.refresh_token, self.access_token):
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
        return self._keeper.find(self._tokens(identity, self.access_token, self.refresh_token, self.token_expiry))

    def _settle(self) -> None:
        """Give the store what it did not take when it was down."""
        with self._lock, suppress(TokenStoreBusyError), self._keeper.holding(self.character_id, self.refresh_token):
            identity = self.identity
            if self._is_owed and identity is not None:
                tokens = self._tokens(identity, self.access_token, self.refresh_token, self.token_expiry)
                self._is_kept = self._keeper.keep(tokens)
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

    def __repr__(self) -> str:
        return f'<EsiSecurity of {self.client_id}>'


_ANNOUNCED = frozenset({'access_token', 'refresh_token', 'expires_in', 'token_type', 'token_identifier'})

#: What tokens must have, and what it is.
_NEEDED = {
    'access_token': "the token itself; '' if there is only a refresh token",
    'expires_in': 'seconds that the access token is still good for; -1 to have it refreshed first',
}
