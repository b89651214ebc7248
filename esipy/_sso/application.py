"""An application as the SSO knows it: its id and secret, where the SSO is, and the parameters of a login.

It has no tokens; `EsiSecurity` adds them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import requests

from esipy._cache.check import check_cache
from esipy._http import Transport, check_options, make_session
from esipy._runtime.redact import masked_address
from esipy._sso import endpoint, form, jwt, metadata
from esipy._sso.discovery import Discovery
from esipy._sso.pkce import check_verifier, generate_code_challenge
from esipy._version import __version__
from esipy.events import advise
from esipy.exceptions import SSOUnavailableError, TokenError

LOGGER = logging.getLogger('esipy.security')

SSO_ENDPOINTS_URL = 'https://login.eveonline.com/.well-known/oauth-authorization-server'

_USER_AGENT_ADVICE = (
    "Defining a 'User-Agent' header is a good practice, and allows CCP to contact you if required. "
    "To do this, simply add the following when creating the security object: headers={'User-Agent':'something'}."
)


class _Endpoint:
    """A URL of the SSO: given by the app, or fetched when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, security: Application, owner: type[Application]) -> str:
        return security._endpoint(self._name)

    def __set__(self, security: Application, value: str) -> None:
        security._endpoints = {**(security._endpoints or {}), self._name: value}


class Application:
    """Client id, secret or verifier, and the URLs and keys of the SSO, which are fetched if they are not given.
    `options`: those of EsiSecurity."""

    oauth_issuer = _Endpoint('issuer')
    oauth_authorize = _Endpoint('authorization_endpoint')
    oauth_token = _Endpoint('token_endpoint')
    oauth_revoke = _Endpoint('revocation_endpoint')

    def __init__(
        self,
        redirect_uri: str,
        client_id: str,
        secret_key: str | None,
        code_verifier: str | None,
        options: Mapping[str, Any],
    ) -> None:
        if not options['sso_endpoints_url']:
            raise AttributeError('sso_endpoints_url cannot be None or empty')
        if secret_key is None and code_verifier is None:
            raise AttributeError(
                'pass secret_key, or code_verifier=generate_code_verifier() for an application without a secret'
            )
        check_options('EsiSecurity', options)
        self.redirect_uri = redirect_uri
        self.client_id = client_id
        self.secret_key = secret_key
        self.code_verifier = code_verifier
        self.sso_endpoints_url: str = options['sso_endpoints_url']
        self.sso_endpoints = options['sso_endpoints']
        self.headers = options['headers']
        self.transport_adapter = options['transport_adapter']
        self.timeout = options['timeout']
        self.cache = check_cache(options['cache'])
        keys = options['jwks_key'] or {}
        self.jwks_key_set: Mapping[str, Any] | None = metadata.by_name(keys['keys']) if 'keys' in keys else None
        # The keys that the SSO publishes, unless an app gives its own.
        self._published_keys: Mapping[str, Any] | None = None
        self.jwks_key = None if 'keys' in keys else options['jwks_key']
        self._transport = Transport(make_session(10, self.transport_adapter, None), endpoint.MAX_BODY)
        self._set_headers(dict(self.headers or {}))
        self._published = Discovery(self._page, self.cache, client_id, secret_key)
        given = self.sso_endpoints
        self._endpoints: dict[str, str] | None = dict(given) if isinstance(given, Mapping) else None
        self._look_for_endpoints()

    @property
    def _session(self) -> requests.Session:
        """The session that sends. As in 1.x, an app may replace it."""
        return self._transport.session

    @_session.setter
    def _session(self, session: requests.Session) -> None:
        self._transport.session = make_session(10, None, session)

    def _set_headers(self, headers: dict[str, str]) -> None:
        if 'user-agent' not in {name.lower() for name in headers}:
            LOGGER.warning(_USER_AGENT_ADVICE)
            advise(_USER_AGENT_ADVICE)
            headers['User-Agent'] = f'esipy/{__version__} (client id {self.client_id})'
        self._session.headers.update({'Accept': 'application/json', **headers})

    # ------------------------------------------------------------------ where the SSO is

    def _look_for_endpoints(self) -> None:
        """Fetch them when the object is made, as 1.x did. The object is made even if the SSO is down, and the objects
        that are made next do not wait for it again."""
        if self._endpoints is not None:
            return
        try:
            if self._published.is_down(self.sso_endpoints_url):
                raise SSOUnavailableError(
                    self.sso_endpoints_url,
                    500,
                    response=b'the SSO was not available a moment ago',
                    remedy='try again later',
                )
            self._endpoint('issuer')
            self._keys()
        except SSOUnavailableError as error:
            LOGGER.warning('the SSO is not available (%s); it will be asked again when it is needed', error)
            advise('the SSO is not available; it will be asked again when it is needed')

    def _endpoint(self, name: str) -> str:
        if self._endpoints is None:
            self._endpoints = dict(self._published.get(self.sso_endpoints_url, metadata.endpoints))
        try:
            return self._endpoints[name]
        except KeyError:
            fault = f'the metadata at {masked_address(self.sso_endpoints_url)} has no {name!r}; check sso_endpoints_url'
            if isinstance(self.sso_endpoints, Mapping):
                fault = f'sso_endpoints has no {name!r}; add it'
            raise TokenError(fault) from None

    def _keys(self, again: bool = False) -> Mapping[str, Any]:
        """Return the keys that tokens are signed with, by their names; fetched `again` if the known ones do not fit."""
        if self.jwks_key is not None:
            return {str(self.jwks_key.get('kid', jwt.DEFAULT_KID)): self.jwks_key}
        if self.jwks_key_set is not None and self._endpoints is not None and 'jwks_uri' not in self._endpoints:
            return self.jwks_key_set  # an app has given both, and nothing can be fetched
        # The keys of the SSO are fetched again from time to time.
        if self.jwks_key_set is None or again or self.jwks_key_set is self._published_keys:
            found = self._published.get(self._endpoint('jwks_uri'), metadata.keys, again)
            self.jwks_key_set = self._published_keys = found
        return self.jwks_key_set

    def _page(self, url: str) -> bytes:
        return endpoint.published(self._transport, url, self.timeout)

    # ------------------------------------------------------------------ a login

    def get_auth_uri(self, state: str, scopes: Any = None, implicit: bool = False) -> str:
        """Return the URL where the user signs in.

        `state`: a secret of this login, to be compared when the user returns; `scopes`: a list, or a text with spaces
        between them.

        Raises AttributeError without a state, CallError for a code_verifier that the SSO would refuse, TokenError
        where the login page of the SSO is not an http or https address."""
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
        address = self.oauth_authorize
        if not form.is_web_address(address):
            raise TokenError(f'{masked_address(address)!r}: the login page is opened over http or https only')
        return f'{address}?{form.query(parts)}'

    def get_access_token_params(self, code: str) -> dict[str, Any]:
        """Return what to POST to exchange a code for tokens: {'url', 'headers', 'data'}. It contains secrets."""
        return self._params({'grant_type': 'authorization_code', 'code': code})

    def _params(self, data: dict[str, Any], url: str | None = None) -> dict[str, Any]:
        headers = {}
        if self.secret_key is not None:
            headers['Authorization'] = form.basic(self.client_id, self.secret_key)
        else:
            data = {**data, 'code_verifier': self.code_verifier, 'client_id': self.client_id}
        return {'headers': headers, 'data': data, 'url': self.oauth_token if url is None else url}
