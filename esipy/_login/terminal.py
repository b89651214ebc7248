"""Reads the address that the user pastes from the browser. It contains the code, so it is not echoed."""

from __future__ import annotations

import getpass
import os
import selectors
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from esipy._login import browser
from esipy._login.callback import UnrelatedResponseError
from esipy.exceptions import LoginError

#: Finds the code in an address: raises UnrelatedResponseError, or LoginError where the login has failed.
Read = Callable[[str], str]


def print_line(text: str) -> None:
    """Print a line for the user to stderr; stdout belongs to the program."""
    print(text, file=sys.stderr, flush=True)


def descriptor() -> int | None:
    """Return the descriptor of standard input if it can be watched together with a socket, else None: it cannot on
    Windows and in a notebook."""
    if os.name != 'posix' or browser.in_notebook():
        return None
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or an object without a file
        return None


def is_ours(descriptor: int) -> bool:
    """Return whether it is a terminal that this program may read: in the background it would be stopped for that."""
    try:
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # not the one that this program was started from
        return False


@contextmanager
def lines(descriptor: int, read: Read, selector: selectors.BaseSelector) -> Iterator[None]:
    """Watch a terminal or a pipe. It is registered with `selector`, with the function to call when there is something
    to read; that function returns the code once it has arrived, and None before."""
    received = bytearray()

    def receive() -> str | None:
        byte = os.read(descriptor, 1)  # one at a time: what follows the line belongs to the program
        received.extend(byte)
        if byte not in (b'', b'\n'):
            return None
        line = received.decode('utf-8', 'replace')
        received.clear()
        if not byte:
            selector.unregister(descriptor)  # the end of the input
        return _checked(line, read)

    with _hidden(descriptor):
        selector.register(descriptor, selectors.EVENT_READ, receive)
        yield


@contextmanager
def _hidden(descriptor: int) -> Iterator[None]:
    """Until the end of the block a terminal does not show what is typed, except the end of the line."""
    if not os.isatty(descriptor):
        yield
        return
    import termios

    before = termios.tcgetattr(descriptor)
    hidden = [*before]
    hidden[3] = (hidden[3] & ~termios.ECHO) | termios.ECHONL
    termios.tcsetattr(descriptor, termios.TCSADRAIN, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def prompt(read: Read) -> str:
    """Return the code from a blocking prompt, where standard input and a socket cannot be watched together (Windows,
    notebooks)."""
    while True:
        try:
            line = getpass.getpass('The address: ') if browser.in_notebook() or _is_terminal() else _next_line()
        except (EOFError, NotImplementedError):  # a notebook without a user
            raise LoginError(
                'signing in is not possible: there is no browser, and no terminal to paste an address into'
            ) from None
        code = _checked(line, read)
        if code is not None:
            return code


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _next_line() -> str:
    """Return the next line of what is piped into the program. Raises EOFError at its end."""
    line = sys.stdin.readline() if sys.stdin is not None else ''
    if not line:
        raise EOFError
    return line


def _checked(line: str, read: Read) -> str | None:
    if not line.strip():
        return None
    try:
        return read(line.strip())
    except UnrelatedResponseError as error:
        print_line(f'This is not the address that the browser ends at: {error}. Once more:')
        return None
