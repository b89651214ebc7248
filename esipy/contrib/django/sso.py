"""The site's application at the SSO: its addresses from the settings, its errors as the site's errors.

How the SSO is asked, and what makes a token genuine, is in `esipy._sso`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from esipy import exceptions
from esipy._runtime import fork
from esipy._sso import endpoint, jwt
from esipy._sso.application import Application
from esipy._version import __version__
from esipy.contrib.django import conf
from esipy.contrib.django.errors import SSOOAuthError, SSOUnavailableError, TokenInvalidError

#: These say that the application itself is refused, not somebody's token.
_OUR_FAULT = {'invalid_client', 'unauthorized_client'}


class SiteApplication(Application):
    """A site at the SSO. It holds no tokens, and asks nothing before that is needed."""

    def __init__(
        self, callback_url: str, client_id: str, secret: str, addresses: dict[str, str], audience: str
    ) -> None:
        options = {
            'headers': {'User-Agent': _user_agent()},
            'sso_endpoints_url': addresses['discovery'],
            'sso_endpoints': None,
            'jwks_key': None,
            'cache': None,
            'timeout': (conf.get('ESI_REQUESTS_CONNECT_TIMEOUT'), conf.get('ESI_REQUESTS_READ_TIMEOUT')),
            'transport_adapter': None,
        }
        self._addresses = addresses
        self._audience = audience
        super().__init__(callback_url, client_id, secret, None, options)

    def _look_for_endpoints(self) -> None:
        """A site starts, and checks itself, without a network."""

    def _endpoint(self, name: str) -> str:
        return self._addresses.get(name) or super()._endpoint(name)

    def key_names(self) -> list[str]:
        """Return the names of the keys that the SSO signs tokens with. Raises SSOUnavailableError."""
        with _site_errors():
            return sorted(self._keys())

    @sensitive_variables()
    def exchange(self, code: str) -> dict[str, Any]:
        """Return the SSO's tokens for the code of a login.

        Raises SSOOAuthError, SSOUnavailableError, ImproperlyConfigured.
        """
        with _site_errors():
            return endpoint.tokens(self._transport, self.get_access_token_params(code), self.timeout)

    @sensitive_variables()
    def refreshed(self, refresh_token: str) -> dict[str, Any]:
        """Return the SSO's tokens for a refresh token.

        Raises TokenInvalidError where the grant is gone, SSOUnavailableError, ImproperlyConfigured.
        """
        data = {'grant_type': 'refresh_token', 'refresh_token': refresh_token}
        with _site_errors():
            self._keys()  # a new token that cannot be verified would be of no use, and the old one is gone then
            return endpoint.tokens(self._transport, self._params(data), self.timeout)

    @sensitive_variables()
    def token_data(self, access_token: str) -> dict[str, Any]:
        """Return the claims of an access token, with ``character_id``, ``token_type`` and ``scopes``.

        Raises TokenInvalidError for one that is not genuine, too old or meant for another application, and
        SSOUnavailableError where the SSO's keys cannot be had.
        """
        with _site_errors():
            if not access_token:  # the SSO has sent a refresh token alone
                raise endpoint.without_access_token(self.oauth_token)
            claims = self._verified(access_token)
        identity = jwt.identity(claims)
        return {
            **claims,
            'character_id': identity.character_id,
            'name': identity.character_name,
            'owner': identity.owner,
            'scopes': sorted(identity.scopes),
            'token_type': 'character',
        }

    def _verified(self, access_token: str) -> dict[str, Any]:
        from jose.exceptions import JWTError

        options = {} if self._audience == jwt.EVE else {'verify_aud': False}
        try:
            claims = jwt.verify(access_token, self._keys, jwt.DEFAULT_KID, self.client_id, self.oauth_issuer, options)
        except JWTError as error:
            fault = f'the access token is not valid: {error}'
        else:
            audience = claims.get('aud')
            wanted = {self.client_id, self._audience}
            if wanted <= {audience} if isinstance(audience, str) else wanted.issubset(audience or ()):
                return claims
            fault = 'the access token is not valid: Invalid audience'
        raise TokenInvalidError(fault)


@contextmanager
def _site_errors() -> Iterator[None]:
    """Errors of esipy become those of the site."""
    try:
        yield
    except exceptions.SSOUnavailableError as error:
        raise SSOUnavailableError(
            error.url,
            error.status_code,
            response=error.response,
            operation=error.operation,
            method=error.method,
            remedy=error.remedy,
        ) from error
    except exceptions.TokenRevokedError as error:
        raise TokenInvalidError(_code(error)) from error
    except exceptions.TokenRefusedError as error:
        code = _code(error)
        if code in _OUR_FAULT:
            raise ImproperlyConfigured(
                f'the SSO refuses this site ({code}): compare ESI_SSO_CLIENT_ID and ESI_SSO_CLIENT_SECRET with your '
                'application at https://developers.eveonline.com'
            ) from error
        raise SSOOAuthError(code, error.remedy) from error


def _code(error: exceptions.TokenRefusedError) -> str:
    """The OAuth error code, which holds no secret."""
    try:
        return str(json.loads(error.response)['error'])
    except (ValueError, KeyError, TypeError):
        return 'unknown'


def _user_agent() -> str:
    given = conf.get('ESI_SSO_USER_AGENT')
    if given:
        return str(given)
    contact = conf.get('ESI_USER_CONTACT_EMAIL')
    return f'esipy/{__version__} (Django{"; " + contact if contact else ""})'


class _Applications:
    """The last application of this process: one for as long as the settings stay as they are."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._application: SiteApplication | None = None
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def get(self) -> SiteApplication:
        base = urlsplit(conf.get('ESI_SSO_BASE_URL'))
        addresses = {
            'discovery': f'{base.scheme}://{base.netloc}/.well-known/oauth-authorization-server',
            'authorization_endpoint': conf.get('ESI_SSO_LOGIN_URL'),
            'token_endpoint': conf.get('ESI_CODE_EXCHANGE_URL'),
        }
        arguments = (
            conf.required('ESI_SSO_CALLBACK_URL'),
            conf.required('ESI_SSO_CLIENT_ID'),
            conf.required('ESI_SSO_CLIENT_SECRET'),
            addresses,
            conf.get('ESI_TOKEN_JWT_AUDIENCE'),
        )
        timeouts = conf.get('ESI_REQUESTS_CONNECT_TIMEOUT'), conf.get('ESI_REQUESTS_READ_TIMEOUT')
        key = (*arguments, _user_agent(), *timeouts)
        with self._lock:
            if self._application is None or key != self._key:
                self._application, self._key = SiteApplication(*arguments), key
            return self._application


_applications = _Applications()


def application() -> SiteApplication:
    """Return the site's application. Raises ImproperlyConfigured where a setting is missing."""
    return _applications.get()
