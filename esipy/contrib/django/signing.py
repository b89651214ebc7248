"""`token=`: one call is signed with a Token, the next with another one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from esipy._cache.keys import owner_of
from esipy._runtime.redact import digest
from esipy._sso.jwt import Identity
from esipy.contrib.django.database import closing_new_connections
from esipy.exceptions import CallError, MissingScopeError
from esipy.plugins import CallContext, Plugin

#: What a Token has, of whichever model it is: the app `esipy`'s, the one of the drop-in, or a site's own.
_TOKEN = ('valid_access_token', 'character_id')


class SitePlugin(Plugin):
    """What a call of a site's client has beside those of another one: `token`, and the address of `ESI_API_URL`."""

    call_options = ('token',)

    def __init__(self, api_url: str) -> None:
        split = urlsplit(api_url)
        #: Where requests are sent if their description says otherwise: a copy of ESI, or a proxy.
        self._place = split.scheme, split.netloc

    def prepare(self, call: CallContext) -> None:
        if 'token' in call.options:
            call.security = signer(call.name, call.options['token'])
        if not call.opt and urlsplit(call.operation.base_url)[:2] != self._place:
            call.opt = dict(zip(('url_scheme', 'url_netloc'), self._place, strict=True))


def signer(where: str, token: Any) -> TokenSigner | _TextSigner | None:
    """Return what signs with a Token, or with the text of an access token; None for None.

    Raises CallError, which does not show the token, for anything else.
    """
    if token is None:
        return None
    if isinstance(token, str):
        return _TextSigner(token)
    if not all(hasattr(token, name) for name in _TOKEN):
        raise CallError(where, [('token', f'must be a Token, not a {type(token).__name__}')])
    return TokenSigner(token)


class TokenSigner:
    """Signs with a Token, which is refreshed when it has expired, or when the server rejects it."""

    def __init__(self, token: Any) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        if request._security:
            with closing_new_connections():
                request._p['header']['Authorization'] = f'Bearer {self._token.valid_access_token()}'
            request.owner = self._owner
        return request

    def owner_of(self, request: Any) -> str:
        """Return whose call it is, for the cache: nothing is refreshed for a stored response."""
        return self._owner if request._security else ''

    @property
    def _owner(self) -> str:
        """The character, so that a refresh changes nothing; with its owner, since characters are sold."""
        owner_hash = str(getattr(self._token, 'character_owner_hash', ''))
        return f'character:{self._token.character_id}:{digest(owner_hash)}'

    def require_scopes(self, request: Any, deadline: float | None = None) -> None:
        """Raise MissingScopeError if the token lacks a scope that the operation needs. `deadline`: of the call; nothing
        is refreshed here."""
        needed = request.operation.scopes
        scopes = getattr(self._token, 'scopes', None)
        if not needed or scopes is None:
            return
        with closing_new_connections():
            held = {scope.name for scope in scopes.all()}
        missing = [scope for scope in needed if scope not in held]
        if missing:
            character = f'character {self._token.character_id}'
            error = MissingScopeError(request.operation.id, missing, character)
            fault = f'needs the scope {", ".join(missing)}, which the token of {character} lacks'
            error.faults = [('', f'{fault}: let the user sign in on a page with @token_required(scopes=…)')]
            raise error

    def identity_for(self, request: Any) -> Identity | None:
        """Return whom a call will be signed for, with the scopes of the token; None if they are not known."""
        scopes = getattr(self._token, 'scopes', None)
        if not request._security or scopes is None:
            return None
        with closing_new_connections():
            held = frozenset(scope.name for scope in scopes.all())
        owner = str(getattr(self._token, 'character_owner_hash', ''))
        return Identity(self._token.character_id, str(getattr(self._token, 'character_name', '')), owner, held)

    def refused(self, signed: Any) -> bool:
        """Refresh a token that the server rejected. Return whether there is another one to try."""
        rejected = signed._p['header'].get('Authorization')
        with closing_new_connections():
            if f'Bearer {self._token.access_token}' == rejected:
                if not self._token.can_refresh:
                    return False
                self._token.refresh()
        return bool(f'Bearer {self._token.access_token}' != rejected)


class _TextSigner:
    """Signs with the text of an access token, about which nothing is known."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        if request._security:
            request._p['header']['Authorization'] = f'Bearer {self._token}'
        return request

    def owner_of(self, request: Any) -> str:
        return owner_of(f'Bearer {self._token}') if request._security else ''
