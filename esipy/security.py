"""EsiSecurity: holds one character's tokens, keeps them fresh, and signs requests with them.

The refresh token changes with every use, so that only one thread may use it: all refreshing happens under a lock,
and who waited for it finds the token already new.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from esipy import clock, fork
from esipy.cache.keys import digest, owner_of
from esipy.events import AFTER_TOKEN_REFRESH, advise, advise_of_unknown, emit
from esipy.exceptions import SSOUnavailableError, TokenError, TokenExpiredError, TokenRefusedError, TokenRevokedError
from esipy.message.request import Outgoing
from esipy.sso import form, jwt, metadata
from esipy.sso.jwt import Identity
from esipy.sso.pkce import generate_code_challenge
from esipy.transport import Answer, BadBody, NoAnswer, Transport, make_session
from esipy.version import __version__

LOGGER = logging.getLogger(__name__)

T = TypeVar('T')

SSO_ENDPOINTS_URL = 'https://login.eveonline.com/.well-known/oauth-authorization-server'

#: Seconds before its end from which a token is renewed (a tenth of its life, if that is less).
AHEAD = 60.0

#: The scheme's name in the live document; in the old one it is what `security_name` says.
_LIVE_SCHEME = 'OAuth2'

#: The most bytes that an answer of the SSO may have, and how many seconds one may take; that of the question where
#: it is, less: it is asked when an object is made, and an app should start while the SSO is down.
_MAX_BODY = 2**20
_DEADLINE = 60.0
_DISCOVERY = 10.0

#: Metadata and keys that were read, by address: the same for every object of this process; and when the keys were.
_discovered: dict[str, dict[str, str]] = {}
_fetched_keys: dict[str, tuple[float, dict[str, Any]]] = {}

#: Seconds before the keys are asked for again because a token names one that is not among them: anybody can make
#: such a token.
_COOL_DOWN = 60.0

_OPTIONS: dict[str, Any] = {
    'token_identifier': None,
    'security_name': 'evesso',
    'headers': None,
    'signal_token_updated': AFTER_TOKEN_REFRESH,
    'sso_endpoints_url': SSO_ENDPOINTS_URL,
    'sso_endpoints': None,
    'jwks_key': None,
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
    - `timeout`: seconds to connect and between two bytes; `transport_adapter`: an adapter of `requests`

    Raises AttributeError when neither secret nor verifier is given. Where the SSO does not answer, the object is made
    all the same, with a warning, and asks again when it needs to know.
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
        self.redirect_uri = redirect_uri
        self.client_id = client_id
        self.secret_key = secret_key
        self.code_verifier = code_verifier
        self.security_name: str = chosen['security_name']
        self.token_identifier = chosen['token_identifier']
        self.signal_token_updated = chosen['signal_token_updated']
        self.sso_endpoints_url: str = chosen['sso_endpoints_url']
        self.timeout = chosen['timeout']
        self.access_token: str | None = None
        self.refresh_token: str | None = None
        self.token_expiry: float | None = None
        self._lifetime = 0.0
        # Whose the token is, as far as that is known for certain: the token that it was read from, and the reading.
        self._known: tuple[str | None, Identity | None] = (None, None)
        keys = chosen['jwks_key'] or {}
        self.jwks_key_set = {key['kid']: key for key in keys['keys']} if 'keys' in keys else None
        self.jwks_key = None if 'keys' in keys else chosen['jwks_key']
        self._session = make_session(10, chosen['transport_adapter'], None)
        self._transport = Transport(self._session, _MAX_BODY)
        self._set_headers(dict(chosen['headers'] or {}))
        self._renew()
        fork.renew_after(self)
        given = chosen['sso_endpoints']
        self._endpoints: dict[str, str] | None = dict(given) if isinstance(given, Mapping) else None
        self._look_for_endpoints()

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
        """As 1.x did, when the object is made; but an SSO that is down does not keep it from being made."""
        if self._endpoints is not None:
            return
        try:
            self._endpoint('issuer')
            self._keys()
        except SSOUnavailableError as error:
            LOGGER.warning('the SSO does not answer (%s); asking again when it is needed', error)
            advise('the SSO does not answer; asking again when it is needed')

    def _endpoint(self, name: str) -> str:
        if self._endpoints is None:
            self._endpoints = self._discover(self.sso_endpoints_url)
        try:
            return self._endpoints[name]
        except KeyError:
            raise TokenError(f'{self.sso_endpoints_url} names no {name}') from None

    def _discover(self, url: str) -> dict[str, str]:
        """The SSO's metadata, asked for once in a process."""
        if url not in _discovered:
            _discovered[url] = self._published(url, metadata.endpoints)
        return dict(_discovered[url])

    def _keys(self, again: bool = False) -> Mapping[str, Any]:
        """The keys that tokens are signed with, by their names; asked for once in a process, and again when a token
        names another one, not more often than once in a while."""
        if self.jwks_key is not None:
            return {str(self.jwks_key.get('kid', jwt.DEFAULT_KID)): self.jwks_key}
        if self.jwks_key_set is None or again:
            url = self._endpoint('jwks_uri')
            when, known = _fetched_keys.get(url, (0.0, None))
            if known is None or (again and clock.monotonic() - when > _COOL_DOWN):
                known = self._published(url, metadata.keys)
                _fetched_keys[url] = clock.monotonic(), known
            self.jwks_key_set = known
        return self.jwks_key_set

    def _published(self, url: str, read: Callable[[bytes], T]) -> T:
        """What the SSO publishes at an address."""
        answer = self._send(Outgoing('GET', url, {}, None), _DISCOVERY)
        try:
            if answer.status != 200:
                raise ValueError('not an answer')
            return read(answer.content)
        except ValueError as error:
            raise SSOUnavailableError(url, answer.status, response=str(error).encode()) from None

    # ------------------------------------------------------------------ signing in

    def get_auth_uri(self, state: str, scopes: Any = None, implicit: bool = False) -> str:
        """Where to send the user to sign in. `state`: a secret of this login, to be compared on return; `scopes`: a
        list, or a text with spaces between them. Raises AttributeError without a state."""
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
                'No refresh token is defined. Sign in with auth(code), or give kept tokens to update_token().'
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
        """Exchange the code of a login for tokens; returns the SSO's answer."""
        answer = self._ask(self.get_access_token_params(code))
        self._take_over(answer)
        return answer

    def refresh(self, scope_list: list[str] | None = None) -> dict[str, Any]:
        """Get a new access token now; returns the SSO's answer.

        Raises TokenRevokedError when the grant is gone, SSOUnavailableError when the SSO is down, TokenRefusedError
        for any other refusal. The tokens that were there stay.
        """
        with self._lock:
            answer = self._ask(self.get_refresh_token_params(scope_list))
            self._take_over(answer)
            return answer

    def _take_over(self, answer: Mapping[str, Any]) -> None:
        """The tokens of an exchange of our own: they come from the SSO itself, so that what they say is true."""
        self.update_token(answer)
        token = answer['access_token']
        self._known = token, jwt.unverified_identity(token)

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
        return identity if token is not None and token == self.access_token else None

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

    def revoke(self) -> None:
        """Give the tokens back and forget them. Raises AttributeError where there are none."""
        with self._lock:
            if not self.refresh_token and not self.access_token:
                raise AttributeError('No access/refresh token are defined.')
            kind = 'refresh_token' if self.refresh_token else 'access_token'
            data = {'token_type_hint': kind, 'token': self.refresh_token or self.access_token}
            self._post(self._params(data, self.oauth_revoke))
            self.access_token = self.refresh_token = self.token_expiry = None

    def _ask(self, params: dict[str, Any]) -> dict[str, Any]:
        """The token endpoint's answer; anything but tokens is an error, without a secret in it."""
        answer = self._post(params)
        if answer.status == 200:
            tokens = form.tokens(answer.content)
            if tokens is None:
                raise SSOUnavailableError(params['url'], 200, response=b'an answer without a token')
            return tokens
        code = form.error_code(answer.content)
        # As JSON, since apps read it so; of what the SSO said only the code, which holds no secret.
        told = json.dumps({'error': code or 'not told'}).encode()
        raise _error_for(answer.status, code)(params['url'], answer.status, response=told, request_param={})

    def _post(self, params: dict[str, Any]) -> Answer:
        """To the SSO and nowhere else: over TLS, and never along a redirect."""
        url = params['url']
        if not form.is_trusted(url):
            raise TokenError(f'{url}: tokens go over https only (http on this machine alone)')
        headers = {'Content-Type': 'application/x-www-form-urlencoded', **params['headers']}
        return self._send(
            Outgoing('POST', url, headers, urlencode(params['data']).encode()), _DEADLINE, redirects=False
        )

    def _send(self, outgoing: Outgoing, seconds: float, redirects: bool = True) -> Answer:
        deadline = None if self.timeout is None else clock.monotonic() + seconds
        try:
            return self._transport.send(outgoing, outgoing.headers, self.timeout, deadline, redirects)
        except (NoAnswer, BadBody) as error:
            raise SSOUnavailableError(outgoing.url, 500, response=error.reason.encode()) from error.with_traceback(None)

    # ------------------------------------------------------------------ tokens

    def update_token(self, response_json: Mapping[str, Any], **kwargs: Any) -> None:
        """Take over tokens: those of an answer of the SSO, or kept from earlier.

        `response_json`: access_token, expires_in (seconds; a float, or negative to have it refreshed), and
        refresh_token, which stays as it is where none is given. `token_identifier=`: as in the constructor.
        """
        with self._lock:
            self.token_identifier = kwargs.pop('token_identifier', self.token_identifier)
            expires_in = response_json['expires_in']
            self.access_token = response_json['access_token']
            self.token_expiry = int(clock.time()) + expires_in
            self._lifetime = max(0.0, float(expires_in))
            if 'refresh_token' in response_json:
                self.refresh_token = response_json['refresh_token']

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

    def _fresh_token(self) -> str | None:
        """The access token, refreshed ahead of its end, once however many threads come for it."""
        ahead = min(AHEAD, self._lifetime / 10)
        if not self.is_token_expired(ahead):
            return self.access_token
        with self._lock:
            if not self.is_token_expired(ahead):
                return self.access_token  # another thread was here first
            try:
                answer = self.refresh()
            except TokenError as error:
                if self.is_token_expired():
                    raise
                LOGGER.warning('the token cannot be renewed yet (%s); it is still good for a while', error)
                return self.access_token
            # Before anyone uses the new token: an app keeps the refresh token here.
            self._announce(answer)
            return self.access_token

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


def _error_for(status: int, code: str) -> Any:
    if status >= 500 or status == 429:
        return SSOUnavailableError
    return TokenRevokedError if code == 'invalid_grant' else TokenRefusedError
