"""Logins without a browser of ours: the address is pasted, piped, or opened on another machine."""

from __future__ import annotations

import contextlib
import getpass
import os
import pty
import re
import socket
import sys
import termios
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from esipy._login import browser
from esipy.exceptions import (
    LoginError,
)
from esipy.sandbox import Sandbox
from tests.integration.login.visits import wait_for_the_browser


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
