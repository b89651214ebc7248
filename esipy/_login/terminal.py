"""Where a person can paste the address that the browser has ended at. It has a code in it, and so is not shown."""

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


def say(text: str) -> None:
    """Tell the person something, beside what the program prints."""
    print(text, file=sys.stderr, flush=True)


def descriptor() -> int | None:
    """Standard input, if one can wait for it and for a socket at once: not on Windows, and not in a notebook."""
    if os.name != 'posix' or browser.in_notebook():
        return None
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or an object without a file
        return None


def is_ours(descriptor: int) -> bool:
    """Whether it is a terminal that this program may use: in the background it would be stopped for that."""
    try:
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # not the one that this program was started from
        return False


@contextmanager
def lines(descriptor: int, read: Read, selector: selectors.BaseSelector) -> Iterator[None]:
    """Watch a terminal or a pipe. `selector` learns what to call when there is something to read; a call that brings
    the code returns it."""
    received = bytearray()

    def receive() -> str | None:
        byte = os.read(descriptor, 1)  # one at a time: what comes behind the line is the program's
        received.extend(byte)
        if byte not in (b'', b'\n'):
            return None
        line = received.decode('utf-8', 'replace')
        received.clear()
        if not byte:
            selector.unregister(descriptor)  # that was its end
        return _checked(line, read)

    with _hidden(descriptor):
        selector.register(descriptor, selectors.EVENT_READ, receive)
        yield


@contextmanager
def _hidden(descriptor: int) -> Iterator[None]:
    """A terminal does not show what is typed, but for the end of the line."""
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


def ask(read: Read) -> str:
    """The same where nothing else can be waited for meanwhile: a notebook shows a box of its own, which has no end."""
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
    """A line of what is piped into the program. Raises EOFError at its end."""
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
        say(f'This is not the address that the browser ends at: {error}. Once more:')
        return None
