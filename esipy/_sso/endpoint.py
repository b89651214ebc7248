"""Requests to the SSO. Secrets are sent over TLS and never along a redirect, and are not part of any error."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from esipy import clock
from esipy._http import BodyError, RawResponse, Transport, TransportError
from esipy._message.options import Timeouts
from esipy._message.request import Outgoing
from esipy._runtime.redact import masked_address
from esipy._sso import form, jwt
from esipy._stores.base import TOKEN_REQUEST_DEADLINE
from esipy.exceptions import SSOUnavailableError, TokenError, TokenRefusedError, TokenRevokedError

#: The maximum size of a response of the SSO, in bytes.
MAX_BODY = 2**20

#: Seconds that a published page may take: it is fetched when an object is made, and an app should start while the
#: SSO is down.
_DISCOVERY_DEADLINE = 10.0

#: What a token is requested with: the code of a login, or a refresh token.
_CODE, _REFRESH = 'authorization_code', 'refresh_token'

#: What to do if the SSO is not available.
_TRY_AGAIN: dict[str | None, str] = {
    _CODE: 'try again later: start the login again, because the code may have been used',
    _REFRESH: 'try again later: the refresh token is kept',
}


def tokens(transport: Transport, params: dict[str, Any], timeout: Timeouts) -> dict[str, Any]:
    """Return the token endpoint's response to `params` ({'url', 'headers', 'data'}): tokens, with their lifetime;
    `access_token` is '' where the response has a refresh token alone.

    Raises SSOUnavailableError where the SSO is down (5xx, 429 and the like, no response, or one that is not a token
    response), TokenRevokedError if the grant of a refresh is gone, TokenRefusedError for anything else, such as a
    redirect.
    """
    raw = _post(transport, params, timeout)
    grant_type = params['data'].get('grant_type')
    is_success = 200 <= raw.status < 300
    found = form.tokens(raw.content) if is_success else None
    if not is_success or (found is None and form.error_code(raw.content)):
        raise _refusal(params['url'], raw, grant_type)
    if found is None:
        raise without_access_token(params['url'], raw.status, grant_type)
    return with_lifetime(found)


def without_access_token(url: str, status: int = 200, grant_type: str | None = _REFRESH) -> SSOUnavailableError:
    """Return the error of a response without an access token. A refresh token that it has was kept."""
    return _unavailable('POST', url, status, b'the response has no access token', grant_type)


def with_lifetime(found: dict[str, Any]) -> dict[str, Any]:
    """Return tokens whose `expires_in` is a number: that of the SSO, else until the JWT's `exp`. Without either they
    are about to expire: 0."""
    seconds = form.lifetime(found.get('expires_in'))
    if seconds is None:
        expiry = jwt.unverified_expiry(found['access_token'])
        seconds = 0 if expiry is None else form.lifetime(int(expiry - clock.time())) or 0
    return {**found, 'expires_in': seconds}


def revoke(transport: Transport, params: dict[str, Any], timeout: Timeouts) -> None:
    """Revoke a token; one that the SSO does not know has been revoked already.

    Raises SSOUnavailableError, and TokenRefusedError for any other refusal such as a redirect: then the token is still
    valid (RFC 7009 section 2.2.1)."""
    raw = _post(transport, params, timeout)
    refusal = None if 200 <= raw.status < 300 else _refusal(params['url'], raw)
    if refusal is not None and not isinstance(refusal, TokenRevokedError):
        raise refusal


def published(transport: Transport, url: str, timeout: Timeouts) -> bytes:
    """Return a page that the SSO publishes. It is fetched over TLS, because it decides where tokens are sent and which
    keys are trusted.

    Raises SSOUnavailableError, and TokenError for a URL without TLS."""
    if not form.is_trusted(url):
        raise TokenError(
            f'{masked_address(url)}: pages of the SSO are fetched over https only (http only from this machine)'
        )
    raw = _send(transport, Outgoing('GET', url, {}, None), timeout, _DISCOVERY_DEADLINE)
    if raw.status != 200 or not form.is_trusted(raw.url):  # a redirect may lead away from TLS
        raise _unavailable('GET', url, raw.status, b'the response is not the page that was requested')
    return raw.content


def _post(transport: Transport, params: dict[str, Any], timeout: Timeouts) -> RawResponse:
    url = params['url']
    if not form.is_trusted(url):
        raise TokenError(f'{masked_address(url)}: tokens are sent over https only (http only to this machine)')
    headers = {'Content-Type': 'application/x-www-form-urlencoded', **params['headers']}
    # As text: tests of apps search the body for 'grant_type'.
    outgoing = Outgoing('POST', url, headers, urlencode(params['data']))
    return _send(transport, outgoing, timeout, TOKEN_REQUEST_DEADLINE, params['data'].get('grant_type'))


def _send(
    transport: Transport, outgoing: Outgoing, timeout: Timeouts, seconds: float, grant_type: str | None = None
) -> RawResponse:
    deadline = None if timeout is None else clock.monotonic() + seconds
    try:
        return transport.send(outgoing, outgoing.headers, timeout, deadline, redirects=outgoing.body is None)
    except (TransportError, BodyError) as error:
        is_safe = outgoing.body is None or (isinstance(error, TransportError) and (error.unsent or error.timed_out))
        failure = error.with_traceback(None) if is_safe else None
        reason = error.reason if is_safe else 'the response is malformed, or was cut short'
    # Outside of the except clause, since an error keeps its context: the text of the SSO may repeat what was sent.
    raise _unavailable(outgoing.method, outgoing.url, 500, reason.encode(), grant_type) from failure


def _refusal(url: str, raw: RawResponse, grant_type: str | None = None) -> TokenError:
    """Return the error of a response. It has the SSO's error code only, which contains no secret; as JSON, since apps
    read it in this form."""
    challenge = next((value for name, value in raw.headers.items() if name.lower() == 'www-authenticate'), '')
    code = form.error_code(raw.content) or form.challenge_code(challenge)
    shown = json.dumps({'error': code or 'unknown'}).encode()
    if _is_down(raw):
        return _unavailable('POST', url, raw.status, shown, grant_type)
    is_gone = code in form.GRANT_IS_GONE
    kind, remedy = TokenRefusedError, 'check the client id, the secret key, the redirect_uri and the scopes'
    if is_gone and grant_type == _CODE:
        remedy = 'the login code is wrong, expired, or was used before: start the login again'
    elif is_gone:
        kind, remedy = (
            TokenRevokedError,
            'the authorisation was withdrawn or has expired: the character has to sign in again',
        )
    return kind(url, raw.status, response=shown, request_param={}, operation=_SSO, method='POST', remedy=remedy)


def _unavailable(
    method: str, url: str, status: int, reason: bytes, grant_type: str | None = None
) -> SSOUnavailableError:
    remedy = _TRY_AGAIN.get(grant_type, 'try again later')
    return SSOUnavailableError(
        url, status, response=reason, request_param={}, operation=_SSO, method=method, remedy=remedy
    )


#: What the errors of the SSO say in place of an operation.
_SSO = 'the SSO'


def _is_down(raw: RawResponse) -> bool:
    return raw.status >= 500 or raw.status in (408, 420, 425, 429)
