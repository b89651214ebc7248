"""A program of examples/ that serves a website, started by its one command as a user would start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from esipy._sandbox.control import RemoteControl
from tests.ports import free_port
from tests.servers import wait_until


class Running(NamedTuple):
    """A running program."""

    url: str
    #: Asks the sandbox in the program: `control('clock.move', seconds=60)`.
    control: RemoteControl
    log: Path


@contextmanager
def running(program: Path, directory: Path) -> Iterator[Running]:
    """Run a program in a directory, with nothing of the caller's environment but its path."""
    log, port = directory / 'log', free_port()
    kept = ('PATH', 'PYTHONPATH', 'VIRTUAL_ENV')
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    with log.open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, '-W', 'error', str(program)],
            cwd=directory,
            env={**environment, 'HOME': str(directory), 'PORT': str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f'http://localhost:{port}'
    try:
        wait_until(lambda: _responds(url) or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        found = re.search(r'On a local ESI: (\S+)', log.read_text())
        assert found is not None
        control = RemoteControl(found[1])
        yield Running(url, control, log)
        control.close()
    finally:
        process.terminate()
        process.wait(10)


def _responds(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False
