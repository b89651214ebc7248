"""Nothing secret is in what remains of an SSO or a login that fails."""

from __future__ import annotations

import base64
import getpass
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import esipy
from esipy import EsiSecurity
from esipy.exceptions import (
    CallError,
    EsiError,
    SSOUnavailableError,
    TokenError,
)
from esipy.stores import MemoryTokens
from tests.integration.secrets.planted import (
    ACCESS,
    CLIENT,
    CODE,
    NEW_REFRESH,
    REFRESH,
    SSO_FAULTS,
    VERIFIER,
    World,
    failing,
)
from tests.integration.things import ENDPOINTS
from tests.leaks import Watch
from tests.servers import Visit, unused_url

# ---------------------------------------------------------------------- the SSO


@pytest.mark.parametrize('pkce', [False, True], ids=['secret', 'pkce'])
@pytest.mark.parametrize('fault', SSO_FAULTS)
def test_an_sso_that_repeats_what_it_received(fault: str, pkce: bool, world: World, watch: Watch) -> None:
    """Fails when `endpoint._refusal` shows the response's body or `request_param`, when `errors.transport_error` leaves
    the request in an error, or when redirects are followed."""
    store = MemoryTokens()
    one = world.security(pkce, store=store)
    world.sso = SSO_FAULTS[fault]
    with world.client(one) as esi:
        with failing(watch):
            esi.request(world.call())
        responses = esi.multi_request([world.call(q=str(number)) for number in range(2)], threads=2)
        for request, response in responses:
            watch.text('an answer', f'{request!r} {response!r} {response.cause!r} {response.raw!r} {response.header}')
            if response.cause is not None:
                watch.error(response.cause)
    with failing(watch):
        one.auth(CODE)
    with failing(watch):
        one.refresh(['read'])
    if fault in ('429', '500', '503 page', 'reset', 'hang', 'cut', 'no HTTP', 'a bad header', 'not compressed'):
        with failing(watch, SSOUnavailableError):
            one.revoke()
    assert one.refresh_token == (NEW_REFRESH if fault == 'no token' else REFRESH)
    watch.text('a repr', f'{one!r} {esi!r} {store!r}')
    assert watch.leaks() == []


@pytest.mark.parametrize('fault', ['500', 'page', 'JSON that ends', 'a list', 'a redirect', 'reset', 'hang', 'refused'])
def test_an_sso_that_is_down_from_the_start(fault: str, world: World, watch: Watch) -> None:
    where = {}
    if fault == 'refused':
        where = {'sso_endpoints_url': unused_url()}
    else:
        world.sso = SSO_FAULTS[fault]
    one = world.security(**where)  # type: ignore[arg-type]
    with failing(watch, SSOUnavailableError):
        one.get_auth_uri('state')
    with failing(watch, SSOUnavailableError):
        one.auth(CODE)
    with failing(watch, SSOUnavailableError):
        one.verify()
    assert watch.leaks() == []


def test_what_is_not_an_address_of_an_sso(world: World, watch: Watch) -> None:
    one = world.security()
    for address in ('http://login.example/token', 'https://login.example:x/', 'file:///token', 'https://[', ''):
        one.oauth_token = address
        with failing(watch, (EsiError, ValueError)):
            one.auth(CODE)
        with failing(watch, (EsiError, ValueError)):
            one.refresh()
    assert watch.leaks() == []


def test_wrong_tokens(world: World, watch: Watch) -> None:
    """What `verify` refuses. The errors are python-jose's, or json's, which carry the text that they could not read."""
    header, claims, signature = ACCESS.split('.')
    none = base64.urlsafe_b64encode(b'{"alg": "none"}').rstrip(b'=').decode()
    tokens = [
        ACCESS,
        REFRESH,
        'planted-first-access-signature',
        f'{header}.{claims}',
        f'{header}.{signature}.{claims}',
        f'{signature}.{claims}.{header}',
        f'{none}.{claims}.{signature}',
        f'{header}.{signature}{claims}.{signature}',
        f'é{ACCESS}',
        f'{ACCESS}.{ACCESS}',
        ACCESS.encode(),
    ]
    world.keys = [{'kid': 'k', 'kty': 'RSA', 'n': 'AQAB', 'e': 'AQAB'}]
    one = world.security()
    for wrong in tokens:
        one.update_token({'access_token': wrong, 'expires_in': 60})
        with failing(watch, Exception):
            one.verify()
    one.jwks_key_set = None
    one.jwks_key = {'kty': 'RSA', 'n': 'rubbish', 'e': '!'}
    one.update_token({'access_token': ACCESS, 'expires_in': 60})
    with failing(watch, Exception):
        one.verify()
    assert watch.leaks() == []


def test_tokens_that_are_incomplete_or_cannot_be_sent(world: World, watch: Watch) -> None:
    one = world.security()
    for wrong in (
        {'refresh_token': REFRESH, 'expires_in': 60},
        {'refresh_token': REFRESH},
    ):
        with failing(watch, (EsiError, TypeError)):
            one.update_token(wrong)
    with world.client(one) as esi:
        for text in (f'{ACCESS}\r\nX: 1', f'{ACCESS}\0', f'{ACCESS}☃'):
            one.update_token({'access_token': text, 'expires_in': 60})
            with failing(watch, CallError):
                esi.request(world.call())
    one.refresh_token = None
    with failing(watch, TokenError):
        one.refresh()
    for text in (f'{ACCESS}\ud800', f'\udfff{ACCESS}'):
        one.update_token({'access_token': text, 'expires_in': 60})
        for options in ({'security': one}, {'headers': {'X-Api-Key': text}}, {'headers': {'Authorization': text}}):
            with world.client(**options) as esi, failing(watch, CallError):
                esi.request(world.call())
    with failing(watch, CallError):
        EsiSecurity('http://x', CLIENT, code_verifier=VERIFIER[:42] + '!', sso_endpoints=ENDPOINTS).get_auth_uri('s')
    assert watch.leaks() == []


# ---------------------------------------------------------------------- login


def test_logins_that_fail(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Pasted: what is right and what is wrong; and an SSO that refuses the code."""
    monkeypatch.setitem(sys.modules, 'ipykernel', sys)
    back = 'http://localhost:1/callback'
    shown: list[str] = []
    lines: list[str] = []

    def box(prompt: str) -> str:
        shown.extend(capfd.readouterr())
        address = next(line.strip() for text in shown for line in text.splitlines() if '/authorize?' in line)
        state = parse_qs(urlsplit(address).query)['state'][0]
        if not lines:
            raise EOFError
        return lines.pop(0).format(state=state)

    def run(*pasted: str) -> None:
        lines[:] = pasted
        shown.clear()
        where = f'{world.url}/.well-known/oauth-authorization-server'
        with failing(watch):
            esipy.login(CLIENT, redirect_uri=back, headers={'User-Agent': 'x'}, sso_endpoints_url=where)
        shown.extend(capfd.readouterr())
        watch.text('output', ''.join(shown))

    monkeypatch.setattr(getpass, 'getpass', box)
    code = requests.utils.quote(CODE, safe='')  # type: ignore[attr-defined]
    run(f'{back}?code={code}', f'{back}?code={code}&state=wrong', CODE, f'http://other/?code={code}&state={{state}}')
    run(f'{back}?code={code}&code=2&state={{state}}')
    run(f'{back}?error={code}&error_description={code}&state={{state}}')
    world.sso = lambda visit: (SSO_FAULTS['an error that nobody knows'] if visit.body else _as_ever(world))(visit)
    run(f'{back}?code={code}&state={{state}}')
    assert watch.leaks() == []


def _as_ever(world: World) -> Callable[[Visit], Any]:
    def page(visit: Visit) -> None:
        fault, world.sso = world.sso, None
        world.page(visit)
        world.sso = fault

    return page
