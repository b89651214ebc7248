"""The address of a description may contain secrets: a user name and password, or a token in its query."""

from __future__ import annotations

import contextlib
import pydoc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

import esipy
from esipy import App, EsiApp, EsiClient, EsiSecurity, clock
from esipy.exceptions import EsiError
from esipy.sandbox import Sandbox
from esipy.service import ServiceClient
from tests.cases.addresses import WITH_PASSWORD, WITH_TOKEN
from tests.leaks import Watch
from tests.servers import Server, Visit, response_bytes, unused_url

SECRET = 'planted'

BROKEN_DOCUMENT: dict[str, Any] = {
    'openapi': '3.1.0',
    'paths': {
        '/x': {
            'get': {
                'operationId': 'x',
                'responses': {'200': {'$ref': '#/nowhere'}},
                'parameters': [{'$ref': 'other.json#/x'}],
            }
        }
    },
}

FAULTS: dict[str, Callable[[Visit], Any]] = {
    '404': lambda visit: visit.send(response_bytes({}, 404)),
    '410': lambda visit: visit.send(response_bytes({}, 410)),
    '500': lambda visit: visit.send(response_bytes({}, 500)),
    'HTML': lambda visit: visit.send(response_bytes(b'<html>')),
    'deep': lambda visit: visit.send(response_bytes(b'[' * 100_000)),
    'another JSON': lambda visit: visit.send(response_bytes({'a': 1})),
    'not gzip': lambda visit: visit.send(response_bytes(b'x', headers={'Content-Encoding': 'gzip'})),
    'reset': Visit.reset,
    'a redirect': lambda visit: visit.send(response_bytes(b'', 302, {'Location': f'ftp://x/?token={SECRET}'})),
    'a broken description': lambda visit: visit.send(response_bytes(BROKEN_DOCUMENT)),
}


@pytest.mark.parametrize('path', ['/spec.json?token=', '/latest/swagger.json?access_token=', '/spec.yaml?api_key='])
@pytest.mark.parametrize('load', [App.create, lambda url: EsiApp(meta_url=url)], ids=['App', 'EsiApp'])
@pytest.mark.parametrize('fault', FAULTS)
def test_no_secret_of_an_address_is_shown(
    fault: str, load: Callable[[str], Any], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)
    with Server(FAULTS[fault]) as server, Watch([SECRET], exempt=('urllib3',)) as watch:
        for base in (server.url, server.url.replace('//', f'//user:{SECRET}@')):
            try:
                app = load(f'{base}{path}{SECRET}')
                watch.text('a repr', repr(app))
                with contextlib.suppress(KeyError):
                    app.op['x']()
            except EsiError as error:
                watch.error(error)
    assert watch.leaks() == []


DOCUMENT: dict[str, Any] = {
    'openapi': '3.1.0',
    'servers': [{'url': 'http://127.0.0.1:1'}],
    'paths': {'/x': {'get': {'operationId': 'x', 'responses': {'200': {'description': 'OK'}}}}},
}


def call(document: dict[str, Any], watch: Watch, session: Any = None, **options: Any) -> None:
    operation = App.create(document).op['x']
    with EsiClient(user_agent='tests', session=session) as client:
        response = client.request(operation(), **options)
        watch.text(
            'a response',
            f'{response!r} {response.url} {response.data!r} {operation()!r} {client!r} {pydoc.render_doc(operation)}',
        )
        client.request(operation(), raise_on_error=True, **options)


def behind_proxy(address: str, watch: Watch) -> None:
    session = requests.Session()
    session.proxies = {'http': address}
    call({**DOCUMENT, 'servers': [{'url': 'http://example.com'}]}, watch, session)


def security(address: str, watch: Watch, **options: Any) -> None:
    made = EsiSecurity('https://x/callback', 'id', 'key', headers={'User-Agent': 'tests'}, **options)
    watch.text('a security object', repr(made))
    made.auth('code')


def own_endpoints(address: str, watch: Watch) -> None:
    names = ('issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri', 'revocation_endpoint')
    security(address, watch, sso_endpoints=dict.fromkeys(names, address))


#: Wherever an address is given to esipy.
GIVEN: dict[str, Callable[[str, Watch], Any]] = {
    'a description': lambda address, watch: App.create(address),
    'a path': lambda address, watch: App.create(Path(address)),
    'meta_url': lambda address, watch: EsiApp(meta_url=address),
    'servers': lambda address, watch: call({**DOCUMENT, 'servers': [{'url': address}]}, watch),
    'the host of a Swagger document': lambda address, watch: call(
        {'swagger': '2.0', 'host': address, 'schemes': ['http'], 'paths': DOCUMENT['paths']}, watch
    ),
    'a reference': lambda address, watch: App.create(
        {**DOCUMENT, 'paths': {'/x': {'get': {'operationId': 'x', 'parameters': [{'$ref': address}]}}}}
    ).op['x'](),
    'a reference to a path': lambda address, watch: App.create({**DOCUMENT, 'paths': {'/x': {'$ref': address}}}).op[
        'x'
    ](),
    'url_netloc': lambda address, watch: call(DOCUMENT, watch, opt={'url_netloc': address}),
    'a proxy': behind_proxy,
    'the page of the SSO': lambda address, watch: security(address, watch, sso_endpoints_url=address),
    'endpoints of the SSO': own_endpoints,
    'redirect_uri': lambda address, watch: esipy.login('id', redirect_uri=address, sso_endpoints_url=unused_url()),
    'esi_url': lambda address, watch: security(address, watch, esi_url=address, sso_url=address),
    'a base path': lambda address, watch: ServiceClient(spec={'base_path': address, 'x': {'path': '/x'}}).call('x'),
    'the description of a sandbox': lambda address, watch: Sandbox(spec=address).start(),
}


@pytest.mark.parametrize('place', GIVEN)
def test_no_spelling_of_an_address_shows_its_secret(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)
    failed = 0
    with Watch([SECRET], exempt=('urllib3',)) as watch:
        for address in (*WITH_PASSWORD, *WITH_TOKEN):
            try:
                GIVEN[place](address, watch)
            except Exception as error:  # also where it is not an address at all
                watch.error(error)
                failed += 1
    assert failed > len(WITH_PASSWORD) / 2
    assert watch.leaks() == []
