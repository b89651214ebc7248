"""The end of a login: the address that the SSO sends the browser to, with its response in the query (RFC 6749 section
4.1.2). Pure. No error here holds a part of that address: it has the code in it."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit

from esipy.exceptions import LoginError

#: What an authorization server may refuse with (section 4.1.2.1). Anything else in a response is not shown.
ERRORS = {
    'access_denied': 'the login was cancelled',
    'invalid_request': 'the SSO finds the request malformed',
    'invalid_scope': 'the SSO does not know one of the scopes, or the application may not ask for it',
    'server_error': 'the SSO has failed: try again later',
    'temporarily_unavailable': 'the SSO is too busy: try again later',
    'unauthorized_client': (
        'the application is not allowed to use this kind of login: check it at https://developers.eveonline.com'
    ),
    'unsupported_response_type': 'the SSO does not support logins by an authorization code: check sso_endpoints_url',
}


class UnrelatedResponseError(Exception):
    """Not the response to this login; the right one may still come. The text is for a person."""


def code_in(address: str, redirect_uri: str, state: str) -> str:
    """Return the code in a whole address at which a browser has ended. Raises as `code_of`."""
    try:
        came, wanted = urlsplit(address), urlsplit(redirect_uri)
    except ValueError:
        raise UnrelatedResponseError('it is not an address') from None
    if came[:3] != wanted[:3]:
        raise UnrelatedResponseError(f'it does not begin with {redirect_uri}')
    return code_of(came.query, state)


def code_of(query: str, state: str) -> str:
    """Return the code in the response to the login of that `state`.

    Raises UnrelatedResponseError if it has another state, or no code; LoginError if the SSO rejected the login.
    """
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise UnrelatedResponseError('it is malformed') from None
    if not _is_same(fields.get('state', []), state):
        raise UnrelatedResponseError('it belongs to another login, or to none')
    if 'error' in fields:
        raise LoginError(_rejection(fields['error'][0]))
    codes = fields.get('code', [])
    if len(codes) != 1 or not codes[0]:
        raise UnrelatedResponseError('it has no code, or more than one')
    return codes[0]


def _rejection(code: str) -> str:
    """Return the text for an error code. One that is not known may be anything, and is not repeated."""
    if code in ERRORS:
        return f'{code}: {ERRORS[code]}'
    what = 'with an error code that esipy does not know' if code else 'without an error code'
    return f'the SSO rejected the login {what}; start the login again'


def _is_same(given: list[str], state: str) -> bool:
    """Compare in constant time, which does not reveal how much of it is right."""
    return len(given) == 1 and hmac.compare_digest(given[0].encode('utf-8', 'replace'), state.encode())
