"""login: sign in from a script, a program with a window, or a notebook, with the browser of whoever sits there.

The rules are those for native apps (RFC 8252): the person's own browser, an answer that comes to this machine alone, a
fresh verifier (PKCE, RFC 7636) and a fresh state each time, and no secret key, which such a program could not keep.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy.exceptions import CallError, TokenError
from esipy.security import SSO_ENDPOINTS_URL, EsiSecurity
from esipy.sso import form
from esipy.sso.pkce import generate_code_verifier

#: Where the SSO sends the browser when nothing else is said; to be registered there, letter for letter.
REDIRECT_URI = 'http://localhost:8765/callback'

#: What a scope is made of (RFC 6749 section 3.3).
_SCOPE = re.compile(r'[!#-\[\]-~]+')


def login(
    client_id: str,
    scopes: Iterable[str] | str = (),
    *,
    redirect_uri: str = REDIRECT_URI,
    browser: bool | None = None,
    timeout: float | None = 300.0,
    headers: Mapping[str, str] | None = None,
    sso_endpoints_url: str = SSO_ENDPOINTS_URL,
) -> EsiSecurity:
    """Sign a character in with the browser, and return the security object that holds its tokens::

        security = esipy.login('my client id', ['esi-wallet.read_character_wallet.v1'])
        client = EsiClient(security, headers={'User-Agent': 'MyApp/1.0 (me@example.com)'})

    It listens at `redirect_uri`, which must be registered for the `client_id`, and opens the browser. The address is
    printed as well (to stderr), and whoever has the browser on another machine pastes the address that it ends at.

    - `scopes`: a list, or a text with spaces between them
    - `redirect_uri`: on this machine, with a port that is free; one that is not `http` at localhost, 127.0.0.1 or [::1]
      leaves pasting as the only way
    - `browser`: whether to open one; by default if there is a display, and the program runs neither over ssh nor in
      a notebook (`$BROWSER` is an answer too)
    - `timeout`: seconds to wait for the person, None for as long as it takes; the box of a notebook has no end
    - `headers`, `sso_endpoints_url`: as for EsiSecurity

    Raises LoginError when nobody signs in: the person says no, time runs out, or the port is in use; CallError when an
    argument is wrong; SSOUnavailableError and TokenRefusedError when the SSO does not give the tokens.
    """
    from esipy.desktop import waiting  # with it come modules that few programs need

    wanted = _checked(client_id, scopes, redirect_uri, timeout)
    security = _security(client_id, redirect_uri, headers, sso_endpoints_url)
    state = secrets.token_urlsafe(32)
    address = security.get_auth_uri(state, wanted)
    if not form.is_trusted(address):
        raise TokenError(f'{security.oauth_authorize}: people sign in over https only (http on this machine alone)')
    security.auth(waiting.code_for(address, redirect_uri, state, browser, timeout))
    return security


def _security(client_id: str, redirect_uri: str, headers: Mapping[str, str] | None, url: str) -> EsiSecurity:
    verifier = generate_code_verifier()
    return EsiSecurity(redirect_uri, client_id, code_verifier=verifier, headers=headers, sso_endpoints_url=url)


def _checked(client_id: Any, scopes: Any, redirect_uri: Any, timeout: Any) -> list[str]:
    """The scopes. Raises CallError, which tells all that is wrong with the arguments."""
    faults = []
    if not isinstance(client_id, str) or not client_id:
        faults.append(('client_id', 'the id of an application, as the SSO has given it'))
    try:
        wanted = scopes.split() if isinstance(scopes, str) else list(scopes or ())
    except TypeError:
        wanted = [scopes]
    for scope in wanted:
        if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
            faults.append(('scopes', f'{scope!r} is no scope'))
    try:
        split = urlsplit(redirect_uri)
        if not split.scheme or not split.netloc or split.fragment or split.port == 0:
            raise ValueError
    except (ValueError, AttributeError, TypeError):
        faults.append(('redirect_uri', f'{redirect_uri!r} is no whole address, such as {REDIRECT_URI}'))
    if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout > 0):
        faults.append(('timeout', f'{timeout!r} is not a number of seconds'))
    if faults:
        raise CallError('login', faults)
    return wanted
