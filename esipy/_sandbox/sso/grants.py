"""Authorization codes and refresh tokens (RFC 6749 sections 4.1 and 6, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from esipy import clock
from esipy._sandbox.sso.clients import Client, scopes_of
from esipy._sandbox.sso.oauth import bad_request, no_client, no_grant

#: Seconds that a code is valid.
CODE_LIFETIME = 300

#: The syntax of a verifier (RFC 7636 section 4.1), and of the challenge that is made from it.
_VERIFIER = re.compile(r'[A-Za-z0-9._~-]{43,128}', re.ASCII)
CHALLENGE = re.compile(r'[A-Za-z0-9_-]{43}', re.ASCII)


@dataclass(eq=False)
class Login:
    """One login: a character has authorized an application. Its tokens end with it."""

    client_id: str
    character_id: int
    scopes: tuple[str, ...]
    #: Whether the application must authenticate. One that used a challenge has no secret.
    needs_secret: bool = True
    #: The valid one; earlier ones were replaced.
    refresh_token: str = field(default='', repr=False)
    ended: bool = False


@dataclass(eq=False)
class Code:
    """The login that a code was issued for, and its conditions."""

    login: Login
    redirect_uri: str
    challenge: str | None
    expires: float
    used: bool = False


@dataclass
class Counts:
    """How often tokens were requested, for tests."""

    logins: int = 0
    refreshes: int = 0
    #: Refreshes that were rejected, because an earlier one had replaced the refresh token.
    reuses: int = 0


class Ledger:
    """All codes and refresh tokens so far. Each use of one is atomic."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}
        self._refresh: dict[str, Login] = {}
        self._lock = threading.Lock()
        self.counts = Counts()

    def code(self, login: Login, redirect_uri: str, challenge: str | None) -> str:
        """Return a new code for a login."""
        text = secrets.token_urlsafe(16)
        with self._lock:
            self._codes[text] = Code(login, redirect_uri, challenge, clock.time() + CODE_LIFETIME)
        return text

    def begin(self, login: Login) -> Login:
        """Give a login its first refresh token."""
        with self._lock:
            self._renew(login)
        return login

    def _renew(self, login: Login) -> None:
        # The real ones have this form, too: a client that does not encode them in its form loses the '+'.
        login.refresh_token = base64.b64encode(secrets.token_bytes(16)).decode()
        self._refresh[login.refresh_token] = login

    def exchange(self, client: Client, fields: Mapping[str, str]) -> Login:
        """Use a code, and return its login."""
        if 'code' not in fields:
            raise bad_request('code is missing')
        with self._lock:
            code = self._codes.get(fields['code'])
            if code is None or code.login.client_id != client.id:
                raise no_grant('the code is unknown, or was given to another client')
            if code.used:
                code.login.ended = True
                raise no_grant('the code was used before; its tokens are revoked')
            _check(code, client, fields)
            if code.login.ended:
                raise no_grant('the character has changed hands')
            code.used = True
            self._renew(code.login)
            self.counts.logins += 1
        return code.login

    def refresh(self, client: Client, fields: Mapping[str, str], *, rotate: bool) -> tuple[Login, tuple[str, ...]]:
        """Use a refresh token, and return its login and the scopes of the new access token."""
        if 'refresh_token' not in fields:
            raise bad_request('refresh_token is missing')
        with self._lock:
            login = self._refresh.get(fields['refresh_token'])
            if login is None or login.client_id != client.id:
                raise no_grant('the refresh token is unknown, or was given to another client')
            check_proof(login, client)
            if login.refresh_token != fields['refresh_token']:
                self.counts.reuses += 1
                raise no_grant('the refresh token was replaced by an earlier refresh')
            if login.ended:
                raise no_grant('the grant is revoked')
            scopes = scopes_of(fields['scope'], frozenset(login.scopes)) if 'scope' in fields else login.scopes
            if rotate:
                self._renew(login)
            self.counts.refreshes += 1
        return login, scopes

    def find(self, refresh_token: str) -> Login | None:
        return self._refresh.get(refresh_token)

    def end(self, character_id: int | None = None) -> None:
        """End the logins of a character, or all of them."""
        with self._lock:
            for login in [*(code.login for code in self._codes.values()), *self._refresh.values()]:
                if character_id in (None, login.character_id):
                    login.ended = True


def _check(code: Code, client: Client, fields: Mapping[str, str]) -> None:
    """Raise OAuthError unless client, redirect_uri and verifier are those that the code was requested with."""
    check_proof(code.login, client)
    if code.expires <= clock.time():
        raise no_grant('the code has expired')
    if fields.get('redirect_uri', code.redirect_uri) != code.redirect_uri:
        raise no_grant('redirect_uri is not the one that the code was sent to')
    verifier = fields.get('code_verifier')
    if code.challenge is None:
        if verifier is not None:
            raise no_grant('there is a code_verifier, but the code was requested without a challenge')
        return
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        raise no_grant('code_verifier is missing, or does not have 43 to 128 of the allowed characters')
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b'=').decode()
    if not hmac.compare_digest(hashed, code.challenge):
        raise no_grant('code_verifier does not belong to the challenge')


def check_proof(login: Login, client: Client) -> None:
    if login.needs_secret and not client.proven:
        raise no_client('the secret is missing')
