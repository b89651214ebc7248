"""Shows the login address to the user, and waits for the authorization code: from the browser, or from the terminal.

All of it runs in the caller's thread. So Ctrl-C ends it, and no thread or socket is left when it has ended.
"""

from __future__ import annotations

import selectors
import sys
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial

from esipy import clock
from esipy._login import browser, callback, terminal
from esipy._login.loopback import Loopback, can_listen
from esipy.exceptions import LoginError

#: The wait is interrupted after so many seconds, because Windows reports Ctrl-C only between two waits.
_STEP = 0.5

#: Waits for sockets, terminals and files alike. select() accepts no descriptors from 1024 on, which a program with many
#: open files has; poll() accepts them, but no terminals on macOS, and does not exist on Windows.
_SELECTOR = selectors.PollSelector if sys.platform == 'linux' else selectors.SelectSelector


def obtain_code(address: str, redirect_uri: str, state: str, opens: bool | None, timeout: float | None) -> str:
    """Return the authorization code of a login at `address`: from the browser, or pasted, whichever comes first.

    `opens`: whether to open a browser; None: if there is one. Raises LoginError if the SSO rejects the login, if no
    character signs in within `timeout` seconds, or if the code can arrive neither way.
    """
    if opens is None:
        opens = browser.is_there()
    pasted = partial(callback.code_in, redirect_uri=redirect_uri, state=state)
    comes_back = opens and can_listen(redirect_uri)
    descriptor = terminal.descriptor()
    if descriptor is None and not comes_back:
        _print_address(address, opens)
        terminal.print_line(_PASTE)
        if opens:
            browser.open_page(address)
        return terminal.prompt(pasted)
    with ExitStack() as stack:
        selector = stack.enter_context(_SELECTOR())
        waits_at, problem = None, ''
        if can_listen(redirect_uri):
            try:
                visited = partial(callback.code_of, state=state)
                stack.enter_context(closing(Loopback(redirect_uri, visited, selector)))
                waits_at = redirect_uri
            except LoginError as error:
                if comes_back:
                    raise
                problem = str(error)
        pasting = descriptor is not None and (not comes_back or terminal.is_ours(descriptor))
        if descriptor is not None and pasting:
            stack.enter_context(terminal.lines(descriptor, pasted, selector))
        _print_address(address, opens)
        terminal.print_line(problem or _waiting(waits_at, timeout))
        if pasting:
            terminal.print_line(_PASTE)
        if opens:
            browser.open_page(address)
        return _first(selector, timeout)


_PASTE = (
    'If the browser ends at a page that it cannot show, copy the whole address of that page and paste it here '
    '(it stays hidden), then press Enter.'
)


def _print_address(address: str, opens: bool) -> None:
    terminal.print_line(
        'Sign in in the browser window that opens now. If none opens, open this address:'
        if opens
        else 'To sign in, open this address in a browser:'
    )
    terminal.print_line(f'\n  {address}\n')


def _waiting(redirect_uri: str | None, timeout: float | None) -> str:
    """Return the line that says what the program waits for, where, and until when."""
    what = f'the browser to come back to {redirect_uri}' if redirect_uri else 'the address that the browser ends at'
    if timeout is None:
        return f'Waiting for {what}. Ctrl-C gives up.'
    end = datetime.fromtimestamp(clock.time() + timeout).strftime('%H:%M:%S')
    return f'Waiting for {what}, until {end} ({timeout:g} seconds from now). Ctrl-C gives up.'


def _first(selector: selectors.BaseSelector, timeout: float | None) -> str:
    until = None if timeout is None else clock.monotonic() + timeout
    while selector.get_map():
        if until is not None and clock.monotonic() >= until:
            raise LoginError(
                f'no character signed in within {timeout:g} seconds: start the login again, '
                'or allow more time with timeout='
            )
        for key, _ in selector.select(_STEP if until is None else max(0.0, min(_STEP, until - clock.monotonic()))):
            code: str | None = key.data()
            if code is not None:
                return code
    raise LoginError('signing in is not possible: there is no browser, and no terminal to paste an address into')
