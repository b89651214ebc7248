"""What the tests of `esipy.login` share: a person at a browser, and visits to the address to which it returns."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

WALLET = 'esi-wallet.read_character_wallet.v1'

#: What stands in the browser's place: gets the address of the login page.
Person = Callable[[str], Any]


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


def wait_for_the_browser() -> None:
    for thread in threading.enumerate():
        if thread.name == 'esipy-browser':
            thread.join(10)
