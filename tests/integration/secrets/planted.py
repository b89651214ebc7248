"""What is planted, and an SSO and an API that repeat whatever they receive."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from esipy import EsiClient, EsiSecurity
from esipy.exceptions import (
    EsiError,
)
from tests.integration.things import ENDPOINTS, app_at
from tests.leaks import Watch
from tests.servers import Server, Visit, response_bytes


def token(mark: str, character_id: int = 90000001, **claims: Any) -> str:
    """A token that names its character; its signature, which makes it good for something, is the secret."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b'=').decode()

    all_claims = {'sub': f'CHARACTER:EVE:{character_id}', 'name': 'A', 'owner': 'o', 'scp': 'read', **claims}
    return f'{part({"alg": "RS256", "kid": "k"})}.{part(all_claims)}.{mark}'


CLIENT = 'the-client-id'
SECRET = 'planted+secret/key='
CODE = 'planted+code/of-a-login='
VERIFIER = 'planted~verifier.' * 3
ACCESS = token('planted-first-access-signature')
REFRESH = 'planted+first/refresh='
NEW_ACCESS = token('planted-second-access-signature')
NEW_REFRESH = 'planted+second/refresh='

SECRETS = (
    SECRET,
    CODE,
    VERIFIER,
    ACCESS,
    ACCESS.rpartition('.')[2],
    REFRESH,
    NEW_ACCESS,
    NEW_ACCESS.rpartition('.')[2],
    NEW_REFRESH,
    f'{CLIENT}:{SECRET}',  # what is sent in base64
)


def said(visit: Visit) -> str:
    """All that a visitor has said."""
    return f'{visit.target} {visit.headers} {visit.body.decode()} {visit.form}'


def echo(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Callable[[Visit], Any]:
    """A response that repeats the request."""

    def page(visit: Visit) -> None:
        received = said(visit)
        whole = {'error': received, 'error_description': received, 'error_uri': received} if body is None else body
        shown = whole + received.encode() if isinstance(whole, bytes) else whole
        more = {name: value.format(received=requests.utils.quote(received)) for name, value in (headers or {}).items()}  # type: ignore[attr-defined]
        more['X-Received'] = requests.utils.quote(received)  # type: ignore[attr-defined]
        visit.send(response_bytes(shown, status, more, reason='Whatever'))

    return page


#: What an SSO may do instead of giving tokens.
SSO_FAULTS: dict[str, Callable[[Visit], Any]] = {
    'invalid_grant': echo(400, {'error': 'invalid_grant'}),
    'invalid_client': echo(401, {'error': 'invalid_client'}),
    'an error that nobody knows': echo(400),
    '403 page': echo(403, b'<html>'),
    '404': echo(404),
    '429': echo(429),
    '500': echo(500),
    '503 page': echo(503, b'<html>'),
    'page': echo(200, b'<html>'),
    'JSON that ends': echo(200, b'{"access_token": "'),
    'a list': echo(200, []),
    'no token': lambda visit: visit.send(response_bytes({'expires_in': 1, 'refresh_token': NEW_REFRESH})),
    'a redirect': echo(307, b'', {'Location': 'http://localhost:1/{received}'}),
    'a redirect here': echo(302, b'', {'Location': '/thing?{received}'}),
    'reset': Visit.reset,
    'hang': Visit.hang,
    'cut': lambda visit: (visit.send(response_bytes(said(visit).encode(), length=99_999)), visit.close()),
    'no HTTP': lambda visit: (visit.send(said(visit).encode() + b'\r\n\r\n'), visit.close()),
    'a bad header': lambda visit: visit.send(b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 70_000 + b'\r\n\r\n'),
    'not compressed': echo(200, b'planted', {'Content-Encoding': 'gzip'}),
    'too large': lambda visit: visit.send(response_bytes(said(visit).encode() + b'x' * 3_000_000)),
}


class World(Server):
    """An SSO and an API. `sso`, `api`: what they do instead."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.sso: Callable[[Visit], Any] | None = None
        self.api: Callable[[Visit], Any] | None = None
        self.keys: list[dict[str, str]] = []

    def _page(self, visit: Visit) -> None:
        published = {'/.well-known/oauth-authorization-server': self._metadata(), '/oauth/jwks': {'keys': self.keys}}
        of_sso = visit.path in published or visit.path.startswith('/v2/oauth/')
        fault = self.sso if of_sso else self.api
        if fault is not None:
            fault(visit)
        elif visit.path in published:
            visit.send(response_bytes(published[visit.path]))
        elif visit.path == '/v2/oauth/token':
            new = {'access_token': NEW_ACCESS, 'refresh_token': NEW_REFRESH, 'expires_in': 1200, 'scope': 'read'}
            visit.send(response_bytes(new))
        else:
            visit.send(response_bytes({'a': 1}, headers={'ETag': '"1"', 'Cache-Control': 'max-age=60'}))

    def _metadata(self) -> dict[str, str]:
        return {name: url.replace('https://login.eveonline.com', self.url) for name, url in ENDPOINTS.items()}

    def security(self, pkce: bool = False, **options: Any) -> EsiSecurity:
        """With tokens of which the first is too old."""
        proof = {'code_verifier': VERIFIER} if pkce else {'secret_key': SECRET}
        chosen = {'headers': {'User-Agent': 'tests'}, 'timeout': 1.0, **proof, **options}
        where = chosen.pop('sso_endpoints_url', f'{self.url}/.well-known/oauth-authorization-server')
        one = EsiSecurity('http://localhost:1/callback', CLIENT, sso_endpoints_url=where, **chosen)
        one.update_token({'access_token': ACCESS, 'expires_in': -1, 'refresh_token': REFRESH})
        return one

    def client(self, security: Any = None, **options: Any) -> EsiClient:
        return EsiClient(security, **{'user_agent': 'tests', 'timeout': 1.0, 'deadline': 10.0, **options})

    def call(self, name: str = 'get_mine', **params: Any) -> Any:
        return app_at(self.url).op[name](**params)


@contextmanager
def failing(watch: Watch, kind: type[BaseException] | tuple[type[BaseException], ...] = EsiError) -> Iterator[None]:
    """Something that must fail, and whose error is searched."""
    with pytest.raises(kind) as caught:
        yield
    watch.error(caught.value)
