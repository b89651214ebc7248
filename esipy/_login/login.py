"""login: signs in from a script, a desktop program or a notebook, with the browser of the person at this machine.

It follows the rules for native apps (RFC 8252): the person's own browser, a response to this machine only, a new
verifier (PKCE, RFC 7636) and a new state each time, and no secret key, which such a program could not keep secret.
`esipy/_login/flow.py` opens the browser and waits for the response.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit

from esipy._runtime.redact import masked_address
from esipy._sso import form
from esipy._sso.application import SSO_ENDPOINTS_URL
from esipy._sso.pkce import generate_code_verifier
from esipy._sso.token_manager import REVOKED
from esipy._stores.base import TokenStore
from esipy.events import unknown_option
from esipy.exceptions import (
    CallError,
    LoginError,
    SSOUnavailableError,
    TokenError,
    TokenRevokedError,
    WrongCharacterError,
)
from esipy.security import EsiSecurity

LOGGER = logging.getLogger('esipy.login')

#: The default redirect URI. It must be registered at the SSO exactly as it is here.
REDIRECT_URI = 'http://localhost:8765/callback'

#: The syntax of a scope (RFC 6749 section 3.3).
_SCOPE = re.compile(r'[!#-\[\]-~]+')


class LoginOptions(TypedDict, total=False):
    """The options of `login`, by name."""

    #: The address that the browser returns to: on this machine, with a free port. If it is not `http` at localhost,
    #: 127.0.0.1 or [::1], the person has to paste the address that the browser ends at.
    redirect_uri: str
    #: Where the tokens are kept. Nobody has to sign in as long as the store has a valid grant for the scopes: that of
    #: `character`, or, if it is not given, of the only character in it.
    store: TokenStore | None
    #: The id of the character that is to sign in; another one is a LoginError.
    character: int | None
    #: False: ask the person even if the store has a grant, for example to add another character (True).
    reuse: bool
    #: Whether to open a browser. None: if there is a display, and the program runs neither over ssh nor in a notebook,
    #: or if `$BROWSER` is set.
    browser: bool | None
    #: Seconds to wait for the person (300); None: without end. The input box of a notebook has no end.
    timeout: float | None
    #: As for EsiSecurity.
    headers: Mapping[str, str] | None
    sso_endpoints_url: str


DEFAULTS: LoginOptions = {
    'redirect_uri': REDIRECT_URI,
    'store': None,
    'character': None,
    'reuse': True,
    'browser': None,
    'timeout': 300.0,
    'headers': None,
    'sso_endpoints_url': SSO_ENDPOINTS_URL,
}


def login(client_id: str, scopes: Iterable[str] | str = (), **options: Unpack[LoginOptions]) -> EsiSecurity:
    """Sign a character in with the browser, and return the security object that has its tokens::

        security = esipy.login('my client id', ['esi-wallet.read_character_wallet.v1'], store=FileTokens())
        client = EsiClient(security, headers={'User-Agent': 'MyApp/1.0 (me@example.com)'})

    It listens at `redirect_uri`, which must be registered for the `client_id`, and opens the browser. It also prints
    the address of the login page (to stderr). If the browser is on another machine, the person pastes the address that
    the browser ends at.

    Args:
        client_id: The id of the application, as the SSO has given it.
        scopes: A list, or a text with spaces between them.
        options: See `LoginOptions`.

    Raises:
        LoginError: Nobody has signed in: the person has cancelled, the time is over, or the port is in use.
        CallError: An argument is wrong.
        TypeError: An option is unknown.
        TokenStoreError: The store cannot be read.
        SSOUnavailableError, TokenRefusedError: The SSO does not return the tokens.
    """
    from esipy._login import flow  # with it come modules that few programs need

    chosen = _chosen(options)
    redirect_uri, character = chosen['redirect_uri'], chosen['character']
    wanted = _checked(client_id, scopes, redirect_uri, character, chosen['timeout'])
    security = EsiSecurity(
        redirect_uri,
        client_id,
        code_verifier=generate_code_verifier(),
        store=chosen['store'],
        headers=chosen['headers'],
        sso_endpoints_url=chosen['sso_endpoints_url'],
    )
    stored = _stored(security, wanted, character) if chosen['reuse'] else None
    if stored is not None:
        return stored
    state = secrets.token_urlsafe(32)
    address = security.get_auth_uri(state, wanted)
    if not form.is_trusted(address):
        raise TokenError(
            f'{masked_address(security.oauth_authorize)}: the login page is opened over https only (http only on this '
            'machine); check sso_endpoints_url, whose metadata has this address'
        )
    security.auth(flow.obtain_code(address, redirect_uri, state, chosen['browser'], chosen['timeout']))
    if character not in (None, security.character_id):
        raise LoginError(
            f'{security.character_name} ({security.character_id}) has signed in instead of {character}: sign in again'
        )
    return security


def _chosen(options: LoginOptions) -> LoginOptions:
    """Return the options with their defaults. Raises TypeError for an unknown one."""
    unknown = options.keys() - DEFAULTS.keys()
    if unknown:
        raise TypeError(f'login(): {unknown_option(min(unknown), [*DEFAULTS])}')
    return {**DEFAULTS, **options}


def _stored(security: EsiSecurity, scopes: Iterable[str], character: int | None) -> EsiSecurity | None:
    """Return the security object of a character in the store that need not sign in again.

    None: there is no such character, or there are several and none is chosen.
    """
    store, client_id = security.store, security.client_id
    if store is None:
        return None
    ids = store.characters(client_id) if character is None else [character]
    tokens = store.get(client_id, ids[0]) if len(ids) == 1 else None
    if tokens is None or not set(scopes) <= set(tokens.scopes):
        return None
    one: EsiSecurity | None = None
    try:
        one = security.for_character(tokens.character_id)
        if one.is_token_expired():
            one.refresh()
    except TokenRevokedError:
        LOGGER.info(REVOKED, f'character {tokens.character_id}')
        return None
    except WrongCharacterError as error:
        LOGGER.warning('%s', error)
        return None
    except SSOUnavailableError as error:
        LOGGER.warning('the SSO is not available (%s); it will be asked again when a token is needed', error)
    return one


def _checked(client_id: Any, scopes: Any, redirect_uri: Any, character: Any, timeout: Any) -> list[str]:
    """Return the scopes. Raises CallError, which lists all that is wrong with the arguments."""
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
        faults.append(('redirect_uri', _address_fault(redirect_uri)))
    if character is not None and type(character) is not int:
        faults.append(('character', f'{character!r} is not the id of a character'))
    if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout > 0):
        faults.append(('timeout', f'{timeout!r} is not a number of seconds'))
    if faults:
        raise CallError('login', faults)
    return wanted


def _address_fault(redirect_uri: Any) -> str:
    """Return what is wrong with a redirect_uri. A user name and a password in it are masked."""
    if not isinstance(redirect_uri, str):
        return f'it must be an address such as {REDIRECT_URI}, not {type(redirect_uri).__name__}'
    return (
        f'{masked_address(redirect_uri)!r} is not an address such as {REDIRECT_URI}: it must have a scheme and a host, '
        'no user or password, no fragment, and a port from 1 to 65535 if it has one'
    )
