"""Logins of a program at a terminal of its own."""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from esipy.sandbox import Sandbox
from tests.integration.login.visits import WALLET, visit
from tests.servers import wait_until

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


def refuses(back: str) -> bool:
    try:
        visit(back, '')
    except ConnectionRefusedError:
        return True
    return False


def test_control_c(program: Any, back: str) -> None:
    one = program()
    one.address()
    one.type('\x03')
    one.until('interrupted\n')
    assert one.echoes()
    wait_until(lambda: refuses(back))  # a browser that is just starting may have the socket until it runs
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
