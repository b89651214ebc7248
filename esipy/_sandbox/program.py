"""`esipy sandbox run PROGRAM`: runs a program as if it had been started itself, with a sandbox in ESI's place."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Sequence

#: The first line of a script that Python runs.
_PYTHON = re.compile(rb'#!.*\bpython')


def run(arguments: Sequence[str]) -> int:
    """Run `PROGRAM [ARGS…]` or `-m MODULE [ARGS…]`, and return its exit code.

    A program in Python runs in this process: it is `__main__`, has its own `sys.argv`, and what it raises, SystemExit
    included, comes out of here. Any other is started with the environment of this one.
    """
    name, *rest = arguments
    if name == '-m':
        sys.argv[:] = list(rest)
        sys.path[0] = os.getcwd()
        runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
        return 0
    path = name if os.path.exists(name) else shutil.which(name) or name
    if not _is_python(path):
        code = subprocess.call([path, *rest])
        return 128 - code if code < 0 else code  # as a shell reports a signal
    sys.argv[:] = [name, *rest]
    if not os.path.isdir(path):  # runpy adds a directory itself
        sys.path[0] = os.path.dirname(os.path.abspath(path))
    runpy.run_path(path, run_name='__main__')
    return 0


def fault(arguments: Sequence[str]) -> str:
    """Return what is wrong with the arguments; an empty text if nothing is."""
    if not arguments or arguments == ['-m']:
        return 'the program is missing: esipy sandbox run PROGRAM [ARGS…], or esipy sandbox run -m MODULE [ARGS…]'
    if arguments[0] != '-m' and not os.path.exists(arguments[0]) and shutil.which(arguments[0]) is None:
        return f'{arguments[0]}: the program is neither a file nor on the PATH'
    return ''


def _is_python(path: str) -> bool:
    if os.path.isdir(path) or path.endswith(('.py', '.pyw', '.pyz')):
        return True
    with open(path, 'rb') as file:
        return bool(_PYTHON.match(file.readline(200))) or not os.access(path, os.X_OK)
