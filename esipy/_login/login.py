"""login: sign in from a script, a program with a window, or a notebook, with the browser of whoever sits there.

The rules are those for native apps (RFC 8252): the person's own browser, an answer that comes to this machine alone, a
fresh verifier (PKCE, RFC 7636) and a fresh state each time, and no secret key, which such a program could not keep.
What happens meanwhile: `esipy/_login/flow.py`.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._sso import form
from esipy._sso.application import SSO_ENDPOINTS_URL
from esipy._sso.pkce import generate_code_verifier
from esipy._stores.base import TokenStore
from esipy.exceptions import CallError, LoginError, SSOUnavailableError, TokenError, TokenRevokedError
from esipy.security import EsiSecurity

LOGGER = logging.getLogger('esipy.login')

#: Where the SSO sends the browser when nothing else is said; to be registered there, letter for letter.
REDIRECT_URI = 'http://localhost:8765/callback'

#: What a scope is made of (RFC 6749 section 3.3).
_SCOPE = re.compile(r'[!#-\[\]-~]+')


def login(
    client_id: str,
    scopes: Iterable[str] | str = (),
    *,
    redirect_uri: str = REDIRECT_URI,
    store: TokenStore | None = None,
    character: int | None = None,
    reuse: bool = True,
    browser: bool | None = None,
    timeout: float | None = 300.0,
    headers: Mapping[str, str] | None = None,
    sso_endpoints_url: str = SSO_ENDPOINTS_URL,
) -> EsiSecurity:
    """Sign a character in with the browser, and return the security object that holds its tokens::

        security = esipy.login('my client id', ['esi-wallet.read_character_wallet.v1'], store=FileTokens())
        client = EsiClient(security, headers={'User-Agent': 'MyApp/1.0 (me@example.com)'})

    It listens at `redirect_uri`, which must be registered for the `client_id`, and opens the browser. The address is
    printed as well (to stderr), and whoever has the browser on another machine pastes the address that it ends at.

    - `scopes`: a list, or a text with spaces between them
    - `redirect_uri`: on this machine, with a port that is free; one that is not `http` at localhost, 127.0.0.1 or [::1]
      leaves pasting as the only way
    - `store`: where the tokens are kept. Nobody has to sign in again as long as it has a good grant for these scopes:
      that of `character`, or, if it is not given, of the only character in it. `reuse=False` asks all the same (to add
      another character)
    - `character`: the id of the one who is to sign in; another one is a LoginError
    - `browser`: whether to open one; by default if there is a display, and the program runs neither over ssh nor in
      a notebook (`$BROWSER` is an answer too)
    - `timeout`: seconds to wait for the person, None for as long as it takes; the box of a notebook has no end
    - `headers`, `sso_endpoints_url`: as for EsiSecurity

    Raises LoginError when nobody signs in: the person says no, time runs out, or the port is in use; CallError when an
    argument is wrong; TokenStoreError when the store cannot be read; SSOUnavailableError and TokenRefusedError when the
    SSO does not give the tokens.
    """
    from esipy._login import flow  # with it come modules that few programs need

    wanted = _checked(client_id, scopes, redirect_uri, character, timeout)
    options: dict[str, Any] = {'store': store, 'headers': headers, 'sso_endpoints_url': sso_endpoints_url}
    security = EsiSecurity(redirect_uri, client_id, code_verifier=generate_code_verifier(), **options)
    kept = _kept(security, wanted, character) if reuse else None
    if kept is not None:
        return kept
    state = secrets.token_urlsafe(32)
    address = security.get_auth_uri(state, wanted)
    if not form.is_trusted(address):
        raise TokenError(
            f'{security.oauth_authorize}: the login page is opened over https only (http only on this machine)'
        )
    security.auth(flow.obtain_code(address, redirect_uri, state, browser, timeout))
    if character not in (None, security.character_id):
        raise LoginError(
            f'{security.character_name} ({security.character_id}) has signed in instead of {character}: sign in again'
        )
    return security


def _kept(security: EsiSecurity, scopes: Iterable[str], character: int | None) -> EsiSecurity | None:
    """The character of the store who need not sign in again. None where there is no such, or where it is anyone's
    guess which of several is meant."""
    store, client_id = security.store, security.client_id
    if store is None:
        return None
    ids = store.characters(client_id) if character is None else [character]
    tokens = store.get(client_id, ids[0]) if len(ids) == 1 else None
    if tokens is None or not set(scopes) <= set(tokens.scopes):
        return None
    one = security.for_character(tokens.character_id)
    if one.is_token_expired():
        try:
            one.refresh()
        except TokenRevokedError:
            LOGGER.info('the authorisation of character %s was withdrawn: it has to sign in again', tokens.character_id)
            return None
        except SSOUnavailableError as error:
            LOGGER.warning('the SSO does not respond (%s); it will be asked again when a token is needed', error)
    return one


def _checked(client_id: Any, scopes: Any, redirect_uri: Any, character: Any, timeout: Any) -> list[str]:
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
            faults.append(('scopes', f'{scope!r} is not a scope'))
    try:
        split = urlsplit(redirect_uri)
        if not split.scheme or not split.netloc or '@' in split.netloc or split.fragment or split.port == 0:
            raise ValueError
    except (ValueError, AttributeError, TypeError):
        faults.append(('redirect_uri', f'{redirect_uri!r} is not a whole address such as {REDIRECT_URI}'))
    if character is not None and type(character) is not int:
        faults.append(('character', f'{character!r} is not the id of a character'))
    if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout > 0):
        faults.append(('timeout', f'{timeout!r} is not a number of seconds'))
    if faults:
        raise CallError('login', faults)
    return wanted
