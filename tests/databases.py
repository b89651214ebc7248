"""Real database servers for tests: started on free ports, stopped afterwards.

`make test` installs them and says so (ESIPY_SERVERS=1): then a missing one is a failure, elsewhere a skip.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process that can be killed, stopped in its tracks, and started again on the same port."""

    def __init__(self, command: list[str], port: int, directory: Path) -> None:
        self.command = command
        self.port = port
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f'{self.command[0]} does not answer on port {self.port}')

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def redis_server(directory: Path) -> Iterator[Server]:
    port = free_port()
    yield from _running('redis-server', ['--port', str(port), '--bind', '127.0.0.1', '--save', ''], port, directory)


@contextmanager
def memcached_server(directory: Path) -> Iterator[Server]:
    port = free_port()
    user = ['-u', 'nobody'] if os.geteuid() == 0 else []
    yield from _running('memcached', ['-p', str(port), '-l', '127.0.0.1', '-U', '0', *user], port, directory)


def _running(name: str, arguments: list[str], port: int, directory: Path) -> Iterator[Server]:
    program = shutil.which(name)
    if program is None:
        message = f'{name} is not installed; make test installs it'
        if os.environ.get('ESIPY_SERVERS'):
            pytest.fail(message)
        pytest.skip(message)
    server = Server([program, *arguments], port, directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
