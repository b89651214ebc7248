"""One sandbox for a whole program: `esipy.sandbox.start()`, `esipy sandbox run`, and the variable ESIPY_SANDBOX."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import ExitStack
from typing import Any, Unpack
from urllib.parse import urlsplit

from esipy._sandbox import redirect
from esipy._sandbox.errors import HandlerFailedError, SandboxError
from esipy._sandbox.loopback import is_loopback
from esipy._sandbox.sandbox import Sandbox, SandboxOptions
from esipy._sso import discovery

#: '1': a sandbox for this program; a path or 'live': with that description; an address: a sandbox that runs there.
#: `start` sets it to the address, so that the processes of this program use the same sandbox.
VARIABLE = 'ESIPY_SANDBOX'

_OFF = ('', '0', 'no', 'off', 'false')
_ON = ('1', 'yes', 'on', 'true')

_lock = threading.Lock()
_started: Sandbox | None = None

#: The redirect to a sandbox of another process, which lasts as long as this one.
_elsewhere = ExitStack()


def start(spec: Any = None, port: int = 0, **options: Unpack[SandboxOptions]) -> Sandbox:
    """Start a sandbox for the rest of this program, with `redirect()` in place, and return it::

        esi = esipy.sandbox.start()  # in a notebook, say

    It stops when the program ends, or with `esi.stop()`. Called again without arguments it returns the sandbox that
    is running. The login page that `esipy.login` opens is the sandbox's own.

    Args:
        spec, port, options: As for `Sandbox`.

    Raises:
        SandboxError: A sandbox was started already, and this call asks for another one; or the port is in use.
        SpecError: The description cannot be read.
    """
    global _started
    with _lock:
        if _started is not None and _started.is_running:
            if spec is not None or port or options:
                raise SandboxError(
                    f'a sandbox is running already, at {_started.url}: stop() it before you start another one, or '
                    'use Sandbox(…) in a with block'
                )
            return _started
        sandbox = Sandbox(spec, port, **options).start()
        _redirect_program(sandbox)
        _started = sandbox
    atexit.register(_end, sandbox, os.getpid())
    return sandbox


def _redirect_program(sandbox: Sandbox) -> None:
    sandbox.sso.login_page = sandbox.url  # the browser is not redirected
    discovery.memory.forget()
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = sandbox.url

    def undo() -> None:
        discovery.memory.forget()
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before

    sandbox.on_stop.callback(undo)
    sandbox.on_stop.enter_context(sandbox.redirect())


def _end(sandbox: Sandbox, process: int) -> None:
    """Stop at the end of the program; in a fork the sandbox belongs to the process that started it."""
    if os.getpid() != process:
        return
    try:
        sandbox.stop()
    except HandlerFailedError as failed:
        print(failed, file=sys.stderr)


def from_environment(value: str) -> None:
    """Do what ESIPY_SANDBOX says; the import of `esipy` calls it if the variable is set."""
    if value.lower() in _OFF:
        return
    if not value.startswith(('http://', 'https://')):
        start(None if value.lower() in _ON else value)
        return
    split = urlsplit(value)
    if split.scheme != 'http' or not is_loopback(split.netloc):
        raise SandboxError(f'{VARIABLE}={value}: a sandbox is on this machine; give an address at localhost, or 1')
    _elsewhere.enter_context(redirect.redirect(value.rstrip('/')))
