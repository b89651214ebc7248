"""For every test: nothing leads out of this machine, and nothing of one test is left for the next."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esipy import clock
from esipy._limits.memory import SHARED
from esipy._message import status
from esipy._sso import discovery
from esipy.events import AFTER_TOKEN_REFRESH, API_CALL_STATS
from tests.cases import documents

PROXY_VARIABLES = ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'request_method')
CA_VARIABLES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')

LOOPBACK = {'127.0.0.1', '::1', 'localhost'}


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(documents.forget)


if sys.dont_write_bytecode:
    # Hundreds of processes would compile the same modules. What they compile is kept, but not beside the sources.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parent.parent / '.pytest_cache' / 'pycache')
    os.environ['PYTHONPYCACHEPREFIX'] = sys.pycache_prefix
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # In the background of a shell; the programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays until the end: the collector need not look through it each time."""
    gc.collect()
    gc.freeze()


class OutsideWorldError(AssertionError):
    """A test tried to reach something that is not on this machine."""


@pytest.fixture(autouse=True)
def _environment_without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, *map(str.upper, PROXY_VARIABLES), *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _log_lines_do_not_get_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """logging prints an error of a handler or formatter to stderr and goes on; here it fails the test."""

    def fail(self: logging.Handler, record: logging.LogRecord) -> None:
        raise  # the error that is being handled

    monkeypatch.setattr(logging.Handler, 'handleError', fail)


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not looked up and connections not made, except on this machine."""
    look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in LOOPBACK:
            raise OutsideWorldError(f'a test looked up {name!r}')
        return look_up(host, *args, **kwargs)

    def check(connection: socket.socket, address: Any) -> None:
        if connection.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise OutsideWorldError(f'a test connected to {address!r}')

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket, 'getaddrinfo', guarded_look_up)
    monkeypatch.setattr(socket.socket, 'connect', guarded_connect)
    monkeypatch.setattr(socket.socket, 'connect_ex', guarded_connect_ex)


#: The minutes of the day at which ESI is down.
_DAILY_DOWNTIME = status.DOWNTIME


@pytest.fixture(autouse=True)
def _no_downtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test has the same result at every hour: a 503 is a downtime only if the server says so."""
    monkeypatch.setattr(status, 'DOWNTIME', range(0))


@pytest.fixture
def daily_downtime(_no_downtime: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that move the clock into the daily downtime, or out of it."""
    monkeypatch.setattr(status, 'DOWNTIME', _DAILY_DOWNTIME)


def _logging_state() -> list[tuple[Any, ...]]:
    """Whether the loggers of esipy log, and where."""
    names = [name for name in logging.root.manager.loggerDict if name.split('.')[0] == 'esipy']
    loggers = [logging.getLogger(name) for name in sorted(names)]
    return [
        (logging.root.manager.disable, logging.root.level),
        *((one.name, one.disabled, one.propagate, one.level) for one in loggers),
    ]


@pytest.fixture(autouse=True)
def _loggers_stay_as_they_are() -> Iterator[None]:
    """A logger that a test has switched off makes others fail that look for its lines."""
    before = _logging_state()
    yield
    changed = [state for state in _logging_state() if state not in before and state[1:] not in ((False, True, 0),)]
    assert not changed


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Global receivers, the moved clock, and what is remembered of limits and of the SSO go back to what they were."""
    receivers = [(signal, list(signal.event_receivers)) for signal in (API_CALL_STATS, AFTER_TOKEN_REFRESH)]
    offset = clock.offset()
    yield
    for one, before in receivers:
        one.event_receivers[:] = before
    clock.move(offset - clock.offset())
    discovery.memory.forget()
    SHARED.forget()


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """No thread is left running, and no socket open, when the test is over."""
    threads = set(threading.enumerate())
    before = _open_sockets()
    yield
    until = time.monotonic() + 60  # on a slow machine; nothing is waited for where nothing is left
    while time.monotonic() < until:
        left = [thread for thread in threading.enumerate() if thread not in threads]
        if not left and _open_sockets() <= before:
            return
        gc.collect()  # takes long in a process with thousands of tests: only for what is not gone by itself
        time.sleep(0.02)
    pytest.fail(f'left behind: {left}, {_open_sockets() - before} sockets')


_DESCRIPTORS = '/proc/self/fd'


def _open_sockets() -> int:
    if not os.path.exists(_DESCRIPTORS):
        return sum(1 for one in gc.get_objects() if isinstance(one, socket.socket) and one.fileno() >= 0)
    found = 0
    for name in os.listdir(_DESCRIPTORS):
        with contextlib.suppress(OSError):  # gone meanwhile: the one that lists them, for one
            found += os.readlink(f'{_DESCRIPTORS}/{name}').startswith('socket:')
    return found
