"""How the tests of the SSO talk to it: as an application would that has never heard of esipy."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from jose import jwt

from esipy.sandbox import Sandbox

BACK = 'https://app.example/callback'
WALLET, ASSETS = 'esi-wallet.read_character_wallet.v1', 'esi-assets.read_assets.v1'
VERIFIER = 'v' * 43


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b'=').decode()


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query, strict_parsing=True))


class Application:
    """`url` is where the SSO is: the sandbox, or the official address inside a redirect."""

    def __init__(self, esi: Sandbox, session: requests.Session, url: str | None = None) -> None:
        self.esi = esi
        self.session = session
        self.url = url or esi.url

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=10, allow_redirects=False, **more)

    def post(self, path: str, data: Any, **more: Any) -> requests.Response:
        return self.session.post(self.url + path, data=data, timeout=10, allow_redirects=False, **more)

    def auth_uri(self, **changes: Any) -> str:
        """Where to send the user. A None leaves the parameter out."""
        usual = {'response_type': 'code', 'client_id': 'app', 'redirect_uri': BACK, 'scope': WALLET, 'state': 'xyz'}
        asked = {name: value for name, value in {**usual, **changes}.items() if value is not None}
        return f'{self.url}/v2/oauth/authorize?{urlencode(asked)}'

    def page(self, **changes: Any) -> requests.Response:
        return self.session.get(self.auth_uri(**changes), timeout=10, allow_redirects=False)

    def code(self, character_id: int = 90000001, **changes: Any) -> str:
        return query_of(self.esi.sso.login(self.auth_uri(**changes), character_id))['code']

    def token(self, secret: str | None = 'secret', client_id: str = 'app', **fields: Any) -> requests.Response:
        """Ask the token endpoint: with a secret by HTTP Basic, without one by name."""
        named = {} if secret is not None else {'client_id': client_id}
        auth = (client_id, secret) if secret is not None else None
        return self.post('/v2/oauth/token', {**named, **fields}, auth=auth)

    def exchange(self, code: str, **more: Any) -> requests.Response:
        return self.token(grant_type='authorization_code', code=code, **more)

    def refresh(self, refresh_token: str, **more: Any) -> requests.Response:
        return self.token(grant_type='refresh_token', refresh_token=refresh_token, **more)

    def signed_in(self, character_id: int = 90000001, **changes: Any) -> dict[str, Any]:
        """The tokens of a login."""
        response = self.exchange(self.code(character_id, **changes))
        assert response.status_code == 200, response.text
        return response.json()

    def revoke(self, token: str, secret: str | None = 'secret', client_id: str = 'app') -> requests.Response:
        named = {} if secret is not None else {'client_id': client_id}
        return self.post('/v2/oauth/revoke', {'token': token, **named}, auth=(client_id, secret) if secret else None)

    def wallet(self, token: str, character_id: int = 90000001) -> int:
        """The status of a call with the token."""
        url = f'{self.esi.url}/characters/{character_id}/wallet'
        return self.session.get(url, headers={'Authorization': f'Bearer {token}'}, timeout=10).status_code

    def key_set(self) -> dict[str, dict[str, Any]]:
        return {key['kid']: key for key in self.get('/oauth/jwks').json()['keys']}

    def read(self, token: str, audience: str = 'app') -> dict[str, Any]:
        """The claims, their signature checked by python-jose against the published keys."""
        header = jwt.get_unverified_header(token)
        key = self.key_set()[header['kid']]
        return jwt.decode(token, key, algorithms=[key['alg']], audience=audience, options={'verify_exp': False})


def refused(response: requests.Response, code: str, status: int = 400) -> None:
    """That this is an error of RFC 6749 section 5.2."""
    assert response.status_code == status, response.text
    assert response.json()['error'] == code
    assert re.fullmatch(r'[ !#-\[\]-~]+', response.json()['error_description'])
    assert response.headers['Content-Type'] == 'application/json'
    assert response.headers['Cache-Control'] == 'no-store'
    assert ('WWW-Authenticate' in response.headers) == (status == 401)
