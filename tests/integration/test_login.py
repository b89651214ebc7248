"""esipy.login: the browser's way back over real sockets, a real terminal, and all that others can send there."""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

import esipy
from esipy import EsiSecurity
from esipy._login import browser, loopback
from esipy.exceptions import (
    CallError,
    LoginError,
    SSOUnavailableError,
    TokenError,
    TokenRefusedError,
    TokenStoreError,
)
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens
from tests.databases import free_port
from tests.integration.things import ENDPOINTS
from tests.leaks import holds
from tests.servers import Server, response_bytes

WALLET = 'esi-wallet.read_character_wallet.v1'

#: What stands in the browser's place: gets the address of the login page.
Person = Callable[[str], Any]


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def back() -> str:
    return f'http://localhost:{free_port()}/callback'


@pytest.fixture
def sign_in(esi: Sandbox, back: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., EsiSecurity]]:
    """`esipy.login` with a person at the browser, whose failures are the test's."""
    errors: list[BaseException] = []

    def run(person: Person, **options: Any) -> EsiSecurity:
        def opened(address: str) -> bool:
            try:
                person(address)
            except BaseException as error:
                errors.append(error)
            return True

        monkeypatch.setattr(webbrowser, 'open', opened)
        chosen = {
            'redirect_uri': back,
            'browser': True,
            'timeout': 20.0,
            'headers': {'User-Agent': 'tests'},
            'sso_endpoints_url': esi.sso.endpoints_url,
            **options,
        }
        return esipy.login(**{'client_id': 'app', 'scopes': [WALLET], **chosen})

    yield run
    for thread in threading.enumerate():
        if thread.name == 'esipy-browser':
            thread.join(10)
    assert errors == []


def state_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)['state'][0]


def visit(back: str, query: str, *, host: str | None = None, method: str = 'GET', path: str | None = None) -> int:
    """One visit, byte by byte. The status; 0 where the connection closes without one."""
    split = urlsplit(back)
    target = f'{path if path is not None else split.path}?{query}'
    named = f'Host: {split.netloc if host is None else host}\r\n'
    return sent(back, f'{method} {target} HTTP/1.1\r\n{named}\r\n'.encode())


def sent(back: str, data: bytes) -> int:
    split = urlsplit(back)
    with socket.create_connection((split.hostname, split.port), timeout=10) as connection:
        connection.sendall(data)
        try:
            line = connection.makefile('rb').readline()
        except OSError:
            return 0
    return int(line.split()[1]) if line else 0


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


def wait_for_the_browser() -> None:
    for thread in threading.enumerate():
        if thread.name == 'esipy-browser':
            thread.join(10)


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


# ---------------------------------------------------------------------- what fails


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
    with pytest.raises(LoginError, match=r'no character signed in within 0\.3 seconds'):
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
        ({'redirect_uri': None}, 'redirect_uri'),
        ({'character': '90000001'}, 'character'),
        ({'timeout': 0}, 'timeout'),
        ({'timeout': '5'}, 'timeout'),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], says: str, esi: Sandbox) -> None:
    """Told before anything is sent."""
    with pytest.raises(CallError, match=says):
        esipy.login(**{'client_id': 'app', 'sso_endpoints_url': esi.sso.endpoints_url, **arguments})
    assert esi.log.entries == []


@pytest.mark.parametrize('address', ['http://login.example/authorize', 'file:///etc/passwd', 'javascript:x'])
def test_people_sign_in_over_https_only(address: str, sign_in: Any) -> None:
    """What metadata names is opened in a browser: no file, no program."""
    opened: list[str] = []
    metadata = {**ENDPOINTS, 'authorization_endpoint': address, 'keys': []}
    with Server(lambda visit: visit.send(response_bytes(metadata))) as sso:
        metadata['jwks_uri'] = sso.url
        with pytest.raises(TokenError, match='https only'):
            sign_in(opened.append, sso_endpoints_url=sso.url)
    assert opened == []


# ---------------------------------------------------------------------- a store

BOTH = [WALLET, 'esi-assets.read_assets.v1']


def nobody(address: str) -> None:
    pytest.fail('a person was bothered')


@pytest.fixture
def chooses(esi: Sandbox) -> Callable[[int], Person]:
    return lambda character_id: lambda address: requests.get(esi.sso.login(address, character_id), timeout=10)


def characters_in(store: MemoryTokens) -> list[int]:
    return store.characters('app')


def test_nobody_signs_in_twice(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    esi.sso.rotate = True
    store = MemoryTokens()
    first = sign_in(chooses(90000002), store=store)
    kept = store.get('app', 90000002)
    assert kept is not None
    assert kept.refresh_token == first.refresh_token
    again = sign_in(nobody, store=store)
    assert (again.character_id, again.access_token) == (90000002, first.access_token)
    assert sign_in(nobody, store=store, character=90000002).scopes == {WALLET}
    assert sign_in(nobody, store=store, redirect_uri='http://localhost:1/').access_token  # nothing is listened at
    esi.clock.move(3600)
    renewed = sign_in(nobody, store=store)
    assert renewed.access_token not in (None, first.access_token)
    assert not renewed.is_token_expired()
    newest = store.get('app', 90000002)
    assert newest is not None
    assert newest.refresh_token == renewed.refresh_token != first.refresh_token
    assert (esi.sso.logins, esi.sso.refreshes, esi.sso.reuses) == (1, 1, 0)


def test_when_a_login_is_needed_all_the_same(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    """Each is one that `_kept` must not answer: fails when its condition is left out."""
    store = MemoryTokens()
    sign_in(chooses(90000001), store=store)
    assert sign_in(chooses(90000001), store=store, scopes=BOTH).scopes == set(BOTH)  # more than it may
    assert sign_in(chooses(90000002), store=store, character=90000002).character_id == 90000002  # another one
    assert characters_in(store) == [90000001, 90000002]
    assert sign_in(chooses(90000003), store=store).character_id == 90000003  # which of the two?
    assert sign_in(chooses(90000001), store=store, character=90000001, reuse=False).scopes == {WALLET}
    assert sign_in(chooses(90000001), store=store, character=90000001, client_id='other').client_id == 'other'
    assert characters_in(store) == [90000001, 90000002, 90000003]
    assert esi.sso.logins == 6


def test_a_grant_that_is_gone(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    store = MemoryTokens()
    old = sign_in(chooses(90000001), store=store)
    esi.revoke(old.refresh_token)
    esi.clock.move(3600)
    assert sign_in(chooses(90000001), store=store).refresh_token != old.refresh_token
    assert esi.sso.logins == 2


def test_the_sso_is_down_when_nobody_needs_it(sign_in: Any, esi: Sandbox, chooses: Any) -> None:
    store = MemoryTokens()
    sign_in(chooses(90000001), store=store)
    esi.clock.move(3600)
    esi.faults.add('status', operation='sso.token', status=503)
    kept = sign_in(nobody, store=store)
    assert kept.is_token_expired()
    esi.faults.clear()
    assert kept.refresh()['access_token']


def test_another_character_than_was_wanted(sign_in: Any, chooses: Any) -> None:
    store = MemoryTokens()
    with pytest.raises(LoginError, match=r'\(90000003\) has signed in instead of 90000001'):
        sign_in(chooses(90000003), store=store, character=90000001)
    assert characters_in(store) == [90000003]


def test_a_store_that_cannot_be_read(sign_in: Any, esi: Sandbox, tmp_path: Path) -> None:
    """Told before anybody is asked to sign in."""
    (tmp_path / 'tokens.json').write_text('nothing of ours')
    (tmp_path / 'tokens.json').chmod(0o600)
    with pytest.raises(TokenStoreError):
        sign_in(nobody, store=FileTokens(tmp_path / 'tokens.json'))
    with pytest.raises(TypeError, match='TokenStore'):
        sign_in(nobody, store={})
    esi.log.assert_not_called('sso.authorize')


# ---------------------------------------------------------------------- without a browser


class Paste:
    """A terminal in place of standard input, and a person at it, who types what `lines` makes of the address."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.master, slave = pty.openpty()
        self.stdin = os.fdopen(slave, 'r')
        self.output = StringIO()
        self.shown = b''
        self.lines: Callable[[str], list[str]] = lambda address: []
        self._monkeypatch = monkeypatch
        self._threads: list[threading.Thread] = []

    def begin(self, lines: Callable[[str], list[str]]) -> None:
        self.lines = lines
        self._monkeypatch.setattr(sys, 'stdin', self.stdin)
        self._monkeypatch.setattr(sys, 'stderr', self)

    def write(self, text: str) -> None:
        self.output.write(text)
        if '/v2/oauth/authorize?' in text:
            self._threads.append(threading.Thread(target=self._type, args=(text.strip(),)))
            self._threads[-1].start()

    def flush(self) -> None:
        pass

    def _type(self, address: str) -> None:
        while self.echoes():  # until it is asked for
            time.sleep(0.005)
        for line in self.lines(address):
            os.write(self.master, line.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.stdin)[3] & termios.ECHO)

    def close(self) -> None:
        for thread in self._threads:
            thread.join(10)
        os.set_blocking(self.master, False)
        with contextlib.suppress(OSError):
            self.shown = os.read(self.master, 65536)
        self.stdin.close()
        os.close(self.master)


@pytest.fixture
def paste(monkeypatch: pytest.MonkeyPatch) -> Iterator[Paste]:
    terminal = Paste(monkeypatch)
    yield terminal
    if not terminal.stdin.closed:
        terminal.close()


def test_a_pasted_address(sign_in: Any, esi: Sandbox, paste: Paste, back: str) -> None:
    """Lines that are not it are told, none is shown, and what comes behind is left for the program."""
    came: list[str] = []

    def lines(address: str) -> list[str]:
        came.append(esi.sso.login(address, 90000002))
        wrong = came[0].replace('state=', 'state=x')
        return ['\n', 'what?\n', f'{wrong}\n', f'  {came[0]} \n', 'for the program\n']

    paste.begin(lines)
    security = sign_in(lambda address: pytest.fail('no browser was wanted'), browser=False)
    assert security.character_id == 90000002
    assert paste.echoes()
    assert paste.stdin.readline() == 'for the program\n'
    output = paste.output.getvalue()
    assert f'it does not begin with {back}' in output
    assert 'it belongs to another login' in output
    paste.close()
    code = parse_qs(urlsplit(came[0]).query)['code'][0]
    assert code not in output
    assert code.encode() not in paste.shown
    assert b'http' not in paste.shown


@pytest.mark.parametrize('redirect_uri', ['eveauth-app://callback', 'https://localhost/callback'])
def test_an_address_that_cannot_be_listened_at(redirect_uri: str, sign_in: Any, esi: Sandbox, paste: Paste) -> None:
    """The browser opens, and its response is pasted."""
    opened: list[str] = []
    paste.begin(lambda address: [f'{esi.sso.login(address)}\n'])
    assert sign_in(opened.append, redirect_uri=redirect_uri).access_token
    wait_for_the_browser()
    assert len(opened) == 1


def test_a_pasted_refusal(sign_in: Any, esi: Sandbox, paste: Paste) -> None:
    paste.begin(lambda address: [f'{esi.sso.login(address, cancel=True)}\n'])
    with pytest.raises(LoginError, match='access_denied'):
        sign_in(None, browser=False)
    assert paste.echoes()


def test_nothing_is_pasted(sign_in: Any, paste: Paste) -> None:
    paste.begin(lambda address: [])
    with pytest.raises(LoginError, match='no character signed in within'):
        sign_in(None, browser=False, timeout=0.3)
    assert paste.echoes()


def test_a_callback_without_a_browser_of_ours(sign_in: Any, esi: Sandbox, paste: Paste) -> None:
    """Somebody opens the printed address on this machine: it comes back as it always does."""

    def lines(address: str) -> list[str]:
        requests.get(esi.sso.login(address), timeout=10)
        return []

    paste.begin(lines)
    assert sign_in(None, browser=False).access_token


def test_a_port_in_use_does_not_matter_where_an_address_is_pasted(sign_in: Any, esi: Sandbox, paste: Paste) -> None:
    paste.begin(lambda address: [f'{esi.sso.login(address)}\n'])
    with socket.create_server(('127.0.0.1', 0)) as other:
        redirect_uri = f'http://localhost:{other.getsockname()[1]}/callback'
        assert sign_in(None, browser=False, redirect_uri=redirect_uri).access_token


@pytest.mark.parametrize('redirect_uri', ['eveauth-app://callback', None])
def test_nobody_is_there(redirect_uri: str | None, sign_in: Any, back: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that ends at once is not waited for: only an address of this machine is."""
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, 'stdin', nothing)
        says = 'no terminal to paste' if redirect_uri else 'no character signed in within'
        with pytest.raises(LoginError, match=says):
            sign_in(None, browser=False, redirect_uri=redirect_uri or back, timeout=0.3 if redirect_uri is None else 20)


def test_in_a_notebook(sign_in: Any, esi: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """There, `getpass` is a box under the cell, whose text is not kept."""
    output: list[str] = []

    def box(prompt: str) -> str:
        output.append(capsys.readouterr().err)
        if len(output) < 3:
            return ('what?', '')[len(output) - 1]
        return esi.sso.login(next(line.strip() for line in output[0].splitlines() if 'authorize?' in line))

    monkeypatch.setitem(sys.modules, 'ipykernel', sys)
    monkeypatch.setattr(getpass, 'getpass', box)
    assert sign_in(None, browser=None).access_token
    assert 'This is not the address' in output[1]

    def no_box(prompt: str) -> str:
        raise NotImplementedError

    monkeypatch.setattr(getpass, 'getpass', no_box)
    with pytest.raises(LoginError, match='no terminal to paste'):
        sign_in(None, browser=None)


def test_it_reports_what_it_waits_for(sign_in: Any, esi: Sandbox, back: str, capsys: Any) -> None:
    sign_in(lambda address: requests.get(esi.sso.login(address)), timeout=90.0)
    output = capsys.readouterr().err
    until = re.search(rf'Waiting for the browser to come back to {back}, until (\d\d:\d\d:\d\d) \(90 seconds', output)
    assert until is not None
    assert f'{esi.url}/v2/oauth/authorize?' in output
    sign_in(lambda address: requests.get(esi.sso.login(address)), timeout=None)
    assert f'Waiting for the browser to come back to {back}. Ctrl-C gives up.' in capsys.readouterr().err


def test_a_busy_port_is_named_where_an_address_is_pasted(sign_in: Any, esi: Sandbox, paste: Paste) -> None:
    paste.begin(lambda address: [f'{esi.sso.login(address)}\n'])
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        sign_in(None, browser=False, redirect_uri=f'http://localhost:{port}/callback')
    assert f'port {port} of 127.0.0.1, where the browser is to come back to, is in use' in paste.output.getvalue()


@pytest.mark.parametrize('piped', ['pipe', 'object'])
def test_an_address_that_is_piped(
    piped: str, sign_in: Any, esi: Sandbox, back: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a process, or (as in tests) from an object without a file."""

    class Later(StringIO):
        """Has the response when it is asked for: it is not known before the address is."""

        def readline(self, *size: Any) -> str:  # type: ignore[override]
            return f'{esi.sso.login(addresses[0], 90000003)}\n'

    addresses: list[str] = []
    reading, writing = os.pipe()

    class Told:
        def write(self, text: str) -> None:
            if '/v2/oauth/authorize?' in text:
                addresses.append(text.strip())
                os.write(writing, f'{esi.sso.login(addresses[0], 90000003)}\n'.encode())

        def flush(self) -> None: ...

    with os.fdopen(reading) as stdin, os.fdopen(writing, 'wb'):
        monkeypatch.setattr(sys, 'stdin', stdin if piped == 'pipe' else Later())
        monkeypatch.setattr(sys, 'stderr', Told())
        address = back if piped == 'pipe' else 'eveauth-app://callback'
        assert sign_in(None, browser=False, redirect_uri=address).character_id == 90000003


def test_an_object_without_a_file_that_has_ended(sign_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for ended in (StringIO(), None):
        monkeypatch.setattr(sys, 'stdin', ended)
        with pytest.raises(LoginError, match='no terminal to paste'):
            sign_in(None, browser=False, redirect_uri='eveauth-app://callback')


def test_a_browser_that_a_test_has_put_in_place(sign_in: Any, esi: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a display, and over ssh: whoever replaces `webbrowser.open` wants it to be called."""
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'BROWSER'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('SSH_CONNECTION', '10.0.0.1 1 10.0.0.2 22')
    assert (
        sign_in(lambda address: requests.get(esi.sso.login(address, 90000004)), browser=None).character_id == 90000004
    )
    monkeypatch.setattr(webbrowser, 'open', mock.Mock())
    assert browser.is_there()


DESKTOP = {'DISPLAY': ':0'}


@pytest.mark.parametrize(
    ('environment', 'expected'),
    [
        ({}, False),
        (DESKTOP, True),
        ({'WAYLAND_DISPLAY': 'wayland-0'}, True),
        ({**DESKTOP, 'SSH_CONNECTION': '10.0.0.1 1 10.0.0.2 22'}, False),
        ({'SSH_CONNECTION': '10.0.0.1 1 10.0.0.2 22', 'BROWSER': 'my-browser'}, True),
    ],
)
@pytest.mark.skipif(sys.platform != 'linux', reason='how Linux tells')
def test_whether_there_is_a_browser(
    environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'SSH_CONNECTION', 'BROWSER'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(webbrowser, 'get', lambda: object())
    assert browser.is_there() is expected
    monkeypatch.setitem(sys.modules, 'ipykernel', sys)
    assert browser.is_there() is ('BROWSER' in environment)


def test_a_display_and_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise webbrowser.Error

    monkeypatch.delenv('BROWSER', raising=False)
    monkeypatch.delenv('SSH_CONNECTION', raising=False)
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(webbrowser, 'get', none)
    assert browser.is_there() is False


# ---------------------------------------------------------------------- in a program, at a terminal of its own

PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its own terminal, with Ctrl-C
import esipy
try:
    security = esipy.login('app', sys.argv[1], redirect_uri=sys.argv[2], sso_endpoints_url=sys.argv[3],
                           headers={'User-Agent': 'tests'}, timeout=30, browser=True)
except KeyboardInterrupt:
    print('interrupted', flush=True)
else:
    print('signed in', security.character_id, flush=True)
print(sys.stdin.readline().strip(), flush=True)
"""


class Program:
    """A program at a terminal, with `$BROWSER`."""

    def __init__(self, browser: str, back: str, esi: Sandbox) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, '-W', 'error', '-c', PROGRAM, WALLET, back, esi.sso.endpoints_url],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, 'BROWSER': browser},
        )
        self.slave = slave
        self.shown = ''

    def until(self, text: str) -> str:
        """Read what it shows until `text` is there."""
        until = time.monotonic() + 20
        while text not in self.shown:
            readable, _, _ = select.select([self.master], [], [], max(0.0, until - time.monotonic()))
            assert readable, self.shown
            self.shown = (self.shown + os.read(self.master, 65536).decode()).replace('\r\n', '\n')
        return self.shown

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def address(self) -> str:
        self.until('then press Enter')
        return next(line.strip() for line in self.shown.splitlines() if 'authorize?' in line)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)


@pytest.fixture
def program(esi: Sandbox, back: str, tmp_path: Path) -> Iterator[Callable[[str], Program]]:
    made: list[Program] = []

    def start(browser: str = 'true') -> Program:
        made.append(Program(browser, back, esi))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        os.close(one.master)
        os.close(one.slave)


def test_both_ways_at_once_and_the_browser_comes_first(program: Any, esi: Sandbox) -> None:
    one = program()
    requests.get(esi.sso.login(one.address(), 90000002), timeout=10)
    one.until('signed in 90000002\n')
    assert one.echoes()
    one.type('the next line\n')
    one.until('the next line\nthe next line\n')  # shown as it is typed, and read by the program
    assert one.process.wait(10) == 0


def test_both_ways_at_once_and_the_paste_comes_first(program: Any, esi: Sandbox) -> None:
    one = program()
    came = esi.sso.login(one.address(), 90000002)
    assert not one.echoes()
    one.type(f'{came}\nnext\n')
    shown = one.until('signed in 90000002\n')
    one.until('\nnext\n')
    assert came not in shown
    assert one.process.wait(10) == 0


def test_control_c(program: Any, back: str) -> None:
    one = program()
    one.address()
    one.type('\x03')
    one.until('interrupted\n')
    assert one.echoes()
    with pytest.raises(ConnectionRefusedError):
        visit(back, '')
    one.type('\n')
    assert one.process.wait(10) == 0


def test_a_browser_that_gives_nothing_back_until_it_is_closed(program: Any, esi: Sandbox, tmp_path: Path) -> None:
    """Some do: `$BROWSER` may be any command. And what it says itself stays away from the program's output."""
    script, pid = tmp_path / 'browser', tmp_path / 'pid'
    script.write_text(f'#!/bin/sh\necho $$ >{pid}.new && mv {pid}.new {pid}\nexec sleep 60\n')
    script.chmod(0o755)
    one = program(f'{script} %s')
    requests.get(esi.sso.login(one.address()), timeout=10)
    one.until('signed in 90000001\n')
    one.type('\n')
    assert one.process.wait(10) == 0
    os.kill(int(pid.read_text()), signal.SIGKILL)


#: Somebody signs in at a program that has 1100 files open.
MANY_FILES = """
import io, os, resource, sys, threading, webbrowser
import requests
import esipy._login.flow as flow

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
back = sys.argv[1]
visits = [threading.Thread(target=requests.get, args=(back + '?state=mine&code=given',), kwargs={'timeout': 20})]
webbrowser.open = lambda address: visits[0].start() or True
print(flow.obtain_code('https://login.example/', back, 'mine', True, 20.0))
visits[0].join()
"""


def _may_open(count: int) -> bool:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return most == resource.RLIM_INFINITY or most >= count


@pytest.mark.skipif(sys.platform != 'linux' or not _may_open(1300), reason='needs poll(), and more than 1024 files')
def test_a_program_with_more_files_open_than_select_takes(back: str) -> None:
    done = subprocess.run(
        [sys.executable, '-c', MANY_FILES, back], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, 'given'), done.stderr
