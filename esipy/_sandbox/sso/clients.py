"""The applications: all are accepted, unless `strict` is set; then only registered ones are."""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from esipy._sandbox.sso.oauth import OAuthError, bad_request, no_client


@dataclass(frozen=True)
class Registered:
    """A registered application. None: anything is accepted; without a secret it is a public client."""

    secret: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None
    scopes: frozenset[str] | None = None


class Client(NamedTuple):
    """The application of a request, and whether it has proved its identity with a secret."""

    id: str
    proven: bool


class Clients:
    """Registered applications."""

    def __init__(self) -> None:
        self._known: dict[str, Registered] = {}
        self._lock = threading.Lock()

    def register(
        self,
        client_id: str,
        secret: str | None = None,
        redirect_uri: str | None = None,
        scopes: Iterable[str] | str | None = None,
    ) -> None:
        names = scopes.split() if isinstance(scopes, str) else scopes
        new = Registered(secret, redirect_uri, None if names is None else frozenset(names))
        with self._lock:
            self._known[client_id] = new

    def find(self, client_id: str, strict: bool) -> Registered | None:
        """Return an application; None if it is not accepted."""
        return self._known.get(client_id) or (None if strict else Registered())

    def authenticate(self, headers: Mapping[str, str], fields: Mapping[str, str], strict: bool) -> Client:
        """Return who sent a form: by HTTP Basic, by a secret in the form, or by the client_id alone (section 2.3)."""
        named, secret = fields.get('client_id'), fields.get('client_secret')
        if 'authorization' in headers:
            by_header, header_secret = _basic(headers['authorization'])
            if secret is not None or named not in (None, by_header):
                raise bad_request('the client is named twice')
            named, secret = by_header, header_secret
        if named is None:
            raise no_client('client_id is missing')
        registered = self.find(named, strict)
        if registered is None:
            raise no_client('unknown client')
        return Client(named, self._proven(named, registered, secret))

    def _proven(self, named: str, registered: Registered, secret: str | None) -> bool:
        if not secret:
            return False
        if named not in self._known:
            return True  # any secret is the right one
        if registered.secret is None or not hmac.compare_digest(secret.encode(), registered.secret.encode()):
            raise no_client('wrong secret')
        return True


def _basic(header: str) -> tuple[str, str]:
    scheme, _, value = header.partition(' ')
    try:
        if scheme.lower() != 'basic':
            raise ValueError
        client_id, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(':')
    except ValueError:
        raise no_client('the Authorization header is malformed') from None
    if not colon or not client_id:
        raise no_client('the Authorization header is malformed')
    return client_id, secret


def scopes_of(text: str, allowed: frozenset[str] | None) -> tuple[str, ...]:
    """Return the scopes in a parameter (section 3.3), each once."""
    scopes = tuple(dict.fromkeys(text.split(' '))) if text else ()
    wrong = any(not scope or not all('!' <= sign <= '~' and sign not in '"\\' for sign in scope) for scope in scopes)
    if wrong or (allowed is not None and not allowed.issuperset(scopes)):
        raise OAuthError('invalid_scope', 'a scope is malformed, or not one that this application may ask for')
    return scopes
