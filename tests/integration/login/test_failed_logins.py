"""Logins that fail: cancelled, too late, at a port in use, with wrong arguments."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import esipy
from esipy.exceptions import (
    CallError,
    LoginError,
    SSOUnavailableError,
    TokenError,
    TokenRefusedError,
)
from esipy.sandbox import Sandbox
from tests.integration.login.visits import visit, wait_for_the_browser
from tests.integration.things import ENDPOINTS
from tests.leaks import holds
from tests.servers import Server, response_bytes


def test_a_cancelled_login(sign_in: Any, esi: Sandbox, no_leaks: None) -> None:
    pages: list[str] = []
    with pytest.raises(LoginError, match='access_denied: the login was cancelled'):
        sign_in(lambda address: pages.append(requests.get(esi.sso.login(address, cancel=True), timeout=10).text))
    wait_for_the_browser()
    assert 'No character signed in' in pages[0]
    assert 'access_denied' not in pages[0]
    esi.log.assert_not_called('sso.token')


def test_time_runs_out(sign_in: Any, back: str, no_leaks: None) -> None:
    """Visits do not put it off."""
    begun = time.monotonic()
    with pytest.raises(LoginError, match=r'within 0\.3 seconds: start the login again, or allow more time'):
        sign_in(lambda address: visit(back, 'code=c&state=x'), timeout=0.3)
    assert time.monotonic() - begun < 10


def test_the_port_is_in_use(sign_in: Any, no_leaks: None) -> None:
    opened: list[str] = []
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LoginError, match=f'port {port} .*in use.*redirect_uri') as caught:
            sign_in(opened.append, redirect_uri=f'http://localhost:{port}/callback')
    assert caught.value.__cause__ is None
    assert opened == []


@pytest.mark.parametrize(
    ('fault', 'settings', 'kind'),
    [
        ('status', {'status': 503}, SSOUnavailableError),
        ('reset', {}, SSOUnavailableError),
        ('html', {'status': 200}, SSOUnavailableError),
        ('redirect', {'location': 'http://localhost:1/steal'}, TokenRefusedError),
        ('status', {'status': 400, 'body': '{"error": "invalid_grant"}'}, TokenRefusedError),
    ],
)
def test_the_sso_gives_no_tokens(
    fault: str,
    settings: dict[str, Any],
    kind: type[Exception],
    sign_in: Any,
    esi: Sandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    codes: list[str] = []
    esi.faults.add(fault, operation='sso.token', **settings)

    def person(address: str) -> None:
        came = esi.sso.login(address)
        codes.append(parse_qs(urlsplit(came).query)['code'][0])
        requests.get(came, timeout=10)

    with pytest.raises(kind) as caught:
        sign_in(person)
    assert holds(caught.value, codes[0]) == []
    assert codes[0] not in str([record.getMessage() for record in caplog.records if 'esipy' in record.name])


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        ({'client_id': ''}, 'client_id'),
        ({'client_id': None}, 'client_id'),
        ({'scopes': 7}, '7 is not a scope'),
        ({'scopes': ['a b']}, "'a b' is not a scope"),
        ({'scopes': [None]}, 'None is not a scope'),
        ({'redirect_uri': 'localhost:8765'}, 'redirect_uri'),
        ({'redirect_uri': '/callback'}, 'redirect_uri'),
        ({'redirect_uri': 'http://localhost:99999/'}, 'redirect_uri'),
        ({'redirect_uri': 'http://localhost:0/'}, 'redirect_uri'),
        ({'redirect_uri': 'http://localhost:1/#x'}, 'redirect_uri'),
        ({'redirect_uri': 'http://me@localhost:1/'}, 'redirect_uri'),
        ({'redirect_uri': 'http://me:planted@localhost:1/'}, r"redirect_uri: 'http://\*\*\*@localhost:1/' is not an"),
        ({'redirect_uri': 'me:planted@localhost:1/cb'}, 'redirect_uri'),
        ({'redirect_uri': b'http://me:planted@localhost:1/'}, 'redirect_uri: it must be an address .*, not bytes'),
        ({'redirect_uri': ['http://me:planted@localhost:1/']}, 'not list'),
        ({'redirect_uri': None}, 'not NoneType'),
        ({'character': '90000001'}, 'character'),
        ({'timeout': 0}, 'timeout'),
        ({'timeout': '5'}, 'timeout'),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], says: str, esi: Sandbox) -> None:
    """Told before anything is sent."""
    with pytest.raises(CallError, match=says) as caught:
        esipy.login(**{'client_id': 'app', 'sso_endpoints_url': esi.sso.endpoints_url, **arguments})
    assert holds(caught.value, 'planted') == []
    assert esi.log.entries == []


@pytest.mark.parametrize(
    'address',
    ['http://login.example/authorize', 'http://me:planted@login.example/', 'file:///etc/passwd', 'javascript:x'],
)
def test_people_sign_in_over_https_only(address: str, sign_in: Any) -> None:
    """What metadata names is opened in a browser: no file, no program."""
    opened: list[str] = []
    metadata = {**ENDPOINTS, 'authorization_endpoint': address, 'keys': []}
    with Server(lambda visit: visit.send(response_bytes(metadata))) as sso:
        metadata['jwks_uri'] = sso.url
        with pytest.raises(TokenError, match='https only') as caught:
            sign_in(opened.append, sso_endpoints_url=sso.url)
    assert opened == []
    assert holds(caught.value, 'planted') == []
