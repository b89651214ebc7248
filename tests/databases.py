"""Real database servers for tests: started on free ports, stopped afterwards.

`make test` installs them as root. A missing one is a failure in CI (the variable CI is set), elsewhere a skip.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.ports import free_port


class Server:
    """A server process that can be killed, stopped in its tracks, and started again on the same port."""

    def __init__(self, command: list[str], port: int, directory: Path, user: str | None = None) -> None:
        self.command = command
        self.port = port
        self.directory = directory
        self.user = user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self.user
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f'{self.command[0]} does not respond on port {self.port}')

    def pause(self) -> None:
        """Stop it in its tracks: it takes connections, and says nothing."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def redis_server(directory: Path, *options: str) -> Iterator[Server]:
    port = free_port()
    arguments = ['--port', str(port), '--bind', '127.0.0.1', '--save', '', *options]
    yield from _running('redis-server', arguments, port, directory)


@contextmanager
def redis_cluster(directory: Path) -> Iterator[Server]:
    """A cluster of one."""
    port = free_port()
    arguments = ['--port', str(port), '--bind', '127.0.0.1', '--save', '', '--cluster-enabled', 'yes']
    # Nodes talk to each other at a port of their own, by default 10000 above, which may not exist.
    arguments += ['--cluster-port', str(free_port())]
    for server in _running('redis-server', arguments, port, directory):
        with redis.Redis(port=port) as node:
            node.execute_command('CLUSTER ADDSLOTSRANGE', 0, 16383)
            until = time.monotonic() + 10
            while node.execute_command('CLUSTER INFO').get('cluster_state') != 'ok':
                assert time.monotonic() < until, 'the cluster does not come up'
                time.sleep(0.05)
        yield server


@contextmanager
def memcached_server(directory: Path) -> Iterator[Server]:
    port = free_port()
    user = ['-u', 'nobody'] if os.geteuid() == 0 else []
    yield from _running('memcached', ['-p', str(port), '-l', '127.0.0.1', '-U', '0', *user], port, directory)


@contextmanager
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL whose superuser `esipy` needs no password."""
    with _private_directory() as (directory, user):
        data = directory / 'data'
        initdb = [_program('initdb'), '-D', str(data), '-U', 'esipy', '--auth=trust', '-E', 'UTF8', '--no-sync']
        subprocess.run(initdb, cwd=directory, check=True, capture_output=True, user=user)
        port = free_port()
        settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'max_connections=250']
        options = [part for setting in settings for part in ('-c', setting)]
        yield from _running('postgres', ['-D', str(data), '-p', str(port), *options], port, directory, user)


@contextmanager
def mariadb_server() -> Iterator[Server]:
    """A MariaDB whose user `root` needs no password, at the socket `server.directory / 'socket'`."""
    with _private_directory() as (directory, user):
        common = ['--no-defaults', f'--datadir={directory / "data"}']
        install = [_program('mariadb-install-db'), *common, '--auth-root-authentication-method=normal']
        subprocess.run(install, cwd=directory, check=True, capture_output=True, user=user)
        port = free_port()
        options = [f'--socket={directory / "socket"}', f'--pid-file={directory / "pid"}', f'--port={port}']
        options += ['--bind-address=127.0.0.1', '--innodb-flush-log-at-trx-commit=0', '--max-connections=250']
        yield from _running('mariadbd', [*common, *options], port, directory, user)


@contextmanager
def _private_directory() -> Iterator[tuple[Path, str | None]]:
    """A directory for a server that refuses to run as root, and the user to run it as (None: the present one)."""
    directory = Path(tempfile.mkdtemp(prefix='esipy-database-'))
    user = 'nobody' if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(directory, user)
        directory.chmod(0o755)
    try:
        yield directory, user
    finally:
        shutil.rmtree(directory)


def _program(name: str) -> str:
    """The path of a program; Debian has PostgreSQL's outside of PATH."""
    debian = sorted(Path('/usr/lib/postgresql').glob(f'*/bin/{name}'))
    program = str(debian[-1]) if debian else shutil.which(name)
    if program is None:
        message = f'{name} is not installed; make test or make databases installs it'
        if os.environ.get('CI'):
            pytest.fail(message)
        pytest.skip(message)
    return program


def _running(name: str, arguments: list[str], port: int, directory: Path, user: str | None = None) -> Iterator[Server]:
    server = Server([_program(name), *arguments], port, directory, user)
    server.start()
    try:
        yield server
    finally:
        server.kill()
