"""The browser returns with the code, over real sockets, and so does whatever else others send there."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from esipy._login import loopback
from esipy.exceptions import (
    TokenRefusedError,
)
from esipy.sandbox import Sandbox
from tests.integration.login.visits import WALLET, sent, state_in, visit, wait_for_the_browser
from tests.ports import free_port

# ---------------------------------------------------------------------- what is right


def test_a_person_signs_in(
    sign_in: Any, esi: Sandbox, capfd: Any, caplog: pytest.LogCaptureFixture, no_leaks: None
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: dict[str, Any] = {}

    def person(address: str) -> None:
        seen['address'], seen['back'] = address, esi.sso.login(address, 90000002)
        seen['page'] = requests.get(seen['back'], timeout=10)

    security = sign_in(person)
    assert security.character_id == 90000002
    assert security.scopes == {WALLET}
    assert security.verify()['sub'] == 'CHARACTER:EVE:90000002'
    assert security.refresh()['access_token']
    wait_for_the_browser()

    asked = parse_qs(urlsplit(seen['address']).query)
    assert asked['code_challenge_method'] == ['S256']
    assert asked['scope'] == [WALLET]
    assert len(asked['state'][0]) >= 43
    page = seen['page']
    assert page.status_code == 200
    assert 'You may close this window' in page.text
    assert page.headers['Cache-Control'] == 'no-store'
    assert page.headers['Referrer-Policy'] == 'no-referrer'
    assert "default-src 'none'" in page.headers['Content-Security-Policy']
    out, err = capfd.readouterr()
    assert out == ''
    assert seen['address'] in err
    code = parse_qs(urlsplit(seen['back']).query)['code'][0]
    for secret in (code, security.code_verifier, security.access_token, security.refresh_token):
        ours = [record.getMessage() for record in caplog.records if record.name.startswith('esipy')]
        assert secret not in page.text + str(page.headers) + err + str(ours)


def test_every_login_has_secrets_of_its_own(sign_in: Any, esi: Sandbox) -> None:
    """Fails when `login` keeps a state or a verifier."""
    addresses: list[str] = []

    def person(address: str) -> None:
        addresses.append(address)
        requests.get(esi.sso.login(address), timeout=10)

    one, two = sign_in(person), sign_in(person)
    assert one.code_verifier != two.code_verifier
    asked = [parse_qs(urlsplit(address).query) for address in addresses]
    assert asked[0]['state'] != asked[1]['state']
    assert asked[0]['code_challenge'] != asked[1]['code_challenge']


@pytest.mark.parametrize('form', ['http://127.0.0.1:{}/', 'http://localhost:{}', 'http://127.0.0.1:{}/a/b?mine=1'])
def test_ways_back(form: str, sign_in: Any, esi: Sandbox) -> None:
    person = lambda address: requests.get(esi.sso.login(address), timeout=10)  # noqa: E731
    assert sign_in(person, redirect_uri=form.format(free_port())).access_token


@pytest.mark.skipif(not socket.has_ipv6, reason='no IPv6 here')
def test_a_way_back_by_ipv6(sign_in: Any, esi: Sandbox) -> None:
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip('no IPv6 on this machine')
    back = f'http://[::1]:{free_port()}/callback'
    assert sign_in(lambda address: requests.get(esi.sso.login(address), timeout=10), redirect_uri=back).access_token


def test_a_port_that_browsers_leave_out(sign_in: Any, esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but root may listen at port 80: here, another port stands for it."""
    listening = socket.create_server(('127.0.0.1', 0))
    monkeypatch.setattr(loopback, '_listen', lambda address: listening)

    def person(address: str) -> None:
        came = urlsplit(esi.sso.login(address))
        standing_in = f'http://localhost:{listening.getsockname()[1]}{came.path}'
        assert visit(standing_in, came.query, host='localhost:81') == 403
        assert visit(standing_in, came.query, host='localhost') == 200

    assert sign_in(person, redirect_uri='http://localhost:80/callback').access_token


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1'])
def test_it_listens_on_this_machine_alone(host: str, sign_in: Any, esi: Sandbox, back: str) -> None:
    listening: list[str] = []

    def person(address: str) -> None:
        port = f'{urlsplit(back).port:04X}'
        rows = [line.split() for line in Path('/proc/net/tcp').read_text().splitlines()[1:]]
        listening.extend(row[1] for row in rows if row[1].endswith(f':{port}') and row[3] == '0A')
        requests.get(esi.sso.login(address), timeout=10)

    sign_in(person, redirect_uri=back.replace('localhost', host))
    assert [one.partition(':')[0] for one in listening] == ['0100007F']


# ---------------------------------------------------------------------- what is not the response

#: Visits that are answered with a status and change nothing. {s}: the login's state.
IGNORED: dict[str, tuple[int, Callable[[str, str], int]]] = {
    'an icon': (404, lambda back, s: visit(back, '', path='/favicon.ico')),
    'below it': (404, lambda back, s: visit(back, f'code=c&state={s}', path='/callback/x')),
    'another page': (404, lambda back, s: visit(back, f'code=c&state={s}', path='/')),
    'POST': (405, lambda back, s: visit(back, f'code=c&state={s}', method='POST')),
    'HEAD': (405, lambda back, s: visit(back, f'code=c&state={s}', method='HEAD')),
    'OPTIONS': (405, lambda back, s: visit(back, f'code=c&state={s}', method='OPTIONS')),
    'a rebound name': (403, lambda back, s: visit(back, f'code=c&state={s}', host='evil.example')),
    'a rebound name with the port': (
        403,
        lambda back, s: visit(back, f'code=c&state={s}', host=f'evil.example:{urlsplit(back).port}'),
    ),
    'another port': (403, lambda back, s: visit(back, f'code=c&state={s}', host='localhost:1')),
    'an empty host': (403, lambda back, s: visit(back, f'code=c&state={s}', host='')),
    'no host': (400, lambda back, s: sent(back, f'GET /callback?code=c&state={s} HTTP/1.1\r\n\r\n'.encode())),
    'two hosts': (
        400,
        lambda back, s: visit(back, f'code=c&state={s}', host=f'{urlsplit(back).netloc}\r\nHost: evil.example'),
    ),
    'another state': (400, lambda back, s: visit(back, 'code=c&state=other')),
    'no state': (400, lambda back, s: visit(back, 'code=c')),
    'no code': (400, lambda back, s: visit(back, f'state={s}')),
    'two codes': (400, lambda back, s: visit(back, f'code=c&code=d&state={s}')),
    'a refusal of another login': (400, lambda back, s: visit(back, 'error=access_denied&state=other')),
    'no HTTP': (400, lambda back, s: sent(back, b'hello\r\n\r\n')),
    'the first HTTP': (400, lambda back, s: sent(back, f'GET /callback?code=c&state={s}\r\n\r\n'.encode())),
    'too long': (400, lambda back, s: sent(back, b'GET /' + b'x' * 70_000)),
    'bytes': (400, lambda back, s: sent(back, b'\x16\x03\x01\x02\x00\x01\xff\r\n\r\n')),
}


def test_requests_that_are_not_the_callback_are_ignored(
    sign_in: Any, esi: Sandbox, back: str, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """Fails for each row when the check that it is about is taken out of `Loopback` or `code_of`."""
    got: dict[str, int] = {}

    def person(address: str) -> None:
        for name, (_, act) in IGNORED.items():
            got[name] = act(back, quote(state_in(address), safe=''))
        requests.get(esi.sso.login(address, 90000003), timeout=10)

    assert sign_in(person).character_id == 90000003
    assert got == {name: status for name, (status, _) in IGNORED.items()}
    esi.log.assert_called('sso.token', times=1)
    assert {record.getMessage() for record in caplog.records} == {
        'ignored a request that does not belong to this login'
    }
    assert 'code=c' not in caplog.text + capfd.readouterr().err


def test_silent_connections_hold_up_nobody(sign_in: Any, esi: Sandbox, back: str, no_leaks: None) -> None:
    """Browsers open connections ahead of need."""
    split = urlsplit(back)
    begun = time.monotonic()

    def person(address: str) -> None:
        where = (split.hostname, split.port)
        with contextlib.ExitStack() as stack:
            quiet, half, reset = (stack.enter_context(socket.create_connection(where, timeout=10)) for _ in range(3))
            half.sendall(b'GET /callback HTTP/1.1\r\nHo')
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            reset.close()
            assert requests.get(esi.sso.login(address), timeout=10).status_code == 200
            assert quiet.recv(1) == b''  # hung up on, when all is over
            with contextlib.suppress(ConnectionResetError):
                assert half.recv(1) == b''

    sign_in(person)
    assert time.monotonic() - begun < 10


def test_many_silent_connections(sign_in: Any, esi: Sandbox, back: str, no_leaks: None) -> None:
    split = urlsplit(back)

    def person(address: str) -> None:
        with contextlib.ExitStack() as stack:
            where = (split.hostname, split.port)
            crowd = [stack.enter_context(socket.create_connection(where, timeout=10)) for _ in range(70)]
            assert crowd[0].recv(1) == b''  # it has made room
            assert requests.get(esi.sso.login(address), timeout=10).status_code == 200

    assert sign_in(person).access_token


def test_a_request_in_pieces(sign_in: Any, esi: Sandbox, back: str) -> None:
    split = urlsplit(back)

    def person(address: str) -> None:
        came = urlsplit(esi.sso.login(address))
        request = f'GET {came.path}?{came.query} HTTP/1.1\r\nhOST:{split.netloc.upper()}\r\n\r\n'
        with socket.create_connection((split.hostname, split.port), timeout=10) as connection:
            for at in range(0, len(request), 20):
                connection.sendall(request[at : at + 20].encode())
                time.sleep(0.002)
            assert connection.recv(20).startswith(b'HTTP/1.1 200')

    assert sign_in(person).access_token


def test_a_second_visit_finds_nobody(sign_in: Any, esi: Sandbox) -> None:
    came: list[str] = []

    def person(address: str) -> None:
        came.append(esi.sso.login(address))
        requests.get(came[0], timeout=10)

    security = sign_in(person)
    with pytest.raises(requests.ConnectionError):
        requests.get(came[0], timeout=10)
    esi.log.assert_called('sso.token', times=1)
    with pytest.raises(TokenRefusedError) as caught:  # what the SSO says to a code that was used
        security.auth(parse_qs(urlsplit(came[0]).query)['code'][0])
    assert 'invalid_grant' in str(caught.value)
