"""Asking the SSO: what is secret goes over TLS and never along a redirect, and its errors become ours, without it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from esipy import clock
from esipy._http import BodyError, RawResponse, Transport, TransportError
from esipy._message.options import Timeouts
from esipy._message.request import Outgoing
from esipy._sso import form
from esipy.exceptions import SSOUnavailableError, TokenError, TokenRefusedError, TokenRevokedError

#: The most bytes that an answer of the SSO may have.
MAX_BODY = 2**20

#: How many seconds an answer may take; that of what is published, less: it is asked for when an object is made, and an
#: app should start while the SSO is down.
_DEADLINE = 60.0
_DISCOVERY = 10.0


def tokens(transport: Transport, params: dict[str, Any], timeout: Timeouts) -> dict[str, Any]:
    """The token endpoint's answer to `params` ({'url', 'headers', 'data'}): tokens.

    Raises SSOUnavailableError where the SSO is down (5xx, 429, no answer, none that is one), TokenRevokedError for
    `invalid_grant` (RFC 6749 section 5.2), TokenRefusedError for anything else, a redirect for one.
    """
    answer = _post(transport, params, timeout)
    if answer.status != 200:
        raise _refusal(params['url'], answer)
    found = form.tokens(answer.content)
    if found is None:
        raise SSOUnavailableError(params['url'], 200, response=b'an answer without a token')
    return found


def revoke(transport: Transport, params: dict[str, Any], timeout: Timeouts) -> None:
    """Give a token back; one that the SSO does not know is gone already. Raises SSOUnavailableError, and
    TokenRefusedError for any other refusal, a redirect for one: then it still exists (RFC 7009 section 2.2.1)."""
    answer = _post(transport, params, timeout)
    refusal = None if 200 <= answer.status < 300 else _refusal(params['url'], answer)
    if refusal is not None and not isinstance(refusal, TokenRevokedError):
        raise refusal


def published(transport: Transport, url: str, timeout: Timeouts) -> bytes:
    """What the SSO publishes at an address: over TLS, as it tells where tokens go, and whose are genuine.

    Raises SSOUnavailableError, TokenError for an address that cannot be trusted."""
    if not form.is_trusted(url):
        raise TokenError(f'{url}: what the SSO publishes is read over https only (http on this machine alone)')
    answer = _send(transport, Outgoing('GET', url, {}, None), timeout, _DISCOVERY)
    if answer.status != 200 or not form.is_trusted(answer.url):  # a redirect may lead away from TLS
        raise SSOUnavailableError(url, answer.status, response=b'not an answer')
    return answer.content


def _post(transport: Transport, params: dict[str, Any], timeout: Timeouts) -> RawResponse:
    url = params['url']
    if not form.is_trusted(url):
        raise TokenError(f'{url}: tokens go over https only (http on this machine alone)')
    headers = {'Content-Type': 'application/x-www-form-urlencoded', **params['headers']}
    outgoing = Outgoing('POST', url, headers, urlencode(params['data']).encode())
    return _send(transport, outgoing, timeout, _DEADLINE, redirects=False)


def _send(
    transport: Transport, outgoing: Outgoing, timeout: Timeouts, seconds: float, redirects: bool = True
) -> RawResponse:
    deadline = None if timeout is None else clock.monotonic() + seconds
    try:
        return transport.send(outgoing, outgoing.headers, timeout, deadline, redirects)
    except (TransportError, BodyError) as error:
        tells = outgoing.body is None or (isinstance(error, TransportError) and (error.unsent or error.timed_out))
        failure = error.with_traceback(None) if tells else None
        reason = error.reason if tells else 'an answer that breaks off, or is none'
    # Out here, since an error keeps the one that it was raised in: the words of an SSO may repeat what it was told.
    raise SSOUnavailableError(outgoing.url, 500, response=reason.encode()) from failure


def _refusal(url: str, answer: RawResponse) -> TokenError:
    """The error of an answer. Of what the SSO said it has only the code, which holds no secret; as JSON, since apps
    read it so."""
    code = form.error_code(answer.content)
    told = json.dumps({'error': code or 'not told'}).encode()
    if _is_down(answer):
        return SSOUnavailableError(url, answer.status, response=told, request_param={})
    if code == 'invalid_grant':
        return TokenRevokedError(url, answer.status, response=told, request_param={})
    return TokenRefusedError(url, answer.status, response=told, request_param={})


def _is_down(answer: RawResponse) -> bool:
    return answer.status >= 500 or answer.status == 429
