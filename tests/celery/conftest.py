"""A Redis server and real workers, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.databases import Server, redis_server

ROOT = Path(__file__).parent.parent.parent


class Site:
    """A Redis server with the queues, and the means to start workers and to send tasks."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.url = f'redis://127.0.0.1:{server.port}/0'
        self.redis = redis.Redis.from_url(self.url)
        self.conf: dict[str, Any] = {}
        self.workers: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        conf = json.dumps(self.conf)
        return {**os.environ, 'ESIPY_TEST_REDIS': self.url, 'ESIPY_TEST_CONF': conf, 'PYTHONPATH': str(ROOT)}

    @contextmanager
    def running(self, count: int = 1, *options: str, app: str = 'tests.celery.tasks_app') -> Iterator[None]:
        """Run so many workers until the block ends."""
        first = len(self.workers)
        for _ in range(count):
            self.start_worker(*options, app=app)
        try:
            self.wait_until_ready()
            yield
        finally:
            for worker in self.workers[first:]:
                self.stop(worker)
            self.workers[first:] = []

    def start_worker(self, *options: str, app: str = 'tests.celery.tasks_app') -> subprocess.Popen[bytes]:
        number = len(self.workers)
        command = [sys.executable, '-m', 'celery', '-A', app, 'worker', '--loglevel', 'INFO']
        command += ['--concurrency', '2', '-n', f'w{number}@tests', *options]
        with open(self.log(number), 'ab') as log:
            worker = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log, start_new_session=True
            )
        self.workers.append(worker)
        return worker

    def log(self, number: int) -> Path:
        return self.directory / f'worker{number}.log'

    def wait_until_ready(self) -> None:
        until = time.monotonic() + 60
        for number, worker in enumerate(self.workers):
            while b' ready.' not in self.log(number).read_bytes():
                assert worker.poll() is None, self.log(number).read_text()[-3000:]
                assert time.monotonic() < until, self.log(number).read_text()[-3000:]
                time.sleep(0.05)

    def restart_server(self, seconds: float) -> None:
        """Kill Redis, and start it again after a while. Start workers that have ended because of it again, as a
        supervisor does: Celery 5.7 sometimes fails with an error of its own when it loses its broker."""
        self.server.kill()
        time.sleep(seconds)
        self.server.start()
        until = time.monotonic() + 30
        while not self._is_loaded():
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(2)
        for worker in list(self.workers):
            if worker.poll() is not None:
                self.kill(worker)
                self.start_worker(*worker.args[12:], app=worker.args[4])  # type: ignore[arg-type, index]

    def _is_loaded(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.RedisError:
            return False

    def stop(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker as an administrator does; kill what is left of it."""
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                worker.wait(20)
        self.kill(worker)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker and the processes of its pool, as a power failure does."""
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def run(self, code: str, module: str = 'tests.celery.tasks_app') -> str:
        """Run Python in a process that has the tasks, as `t`. Returns what it prints."""
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', f'import {module} as t\n{code}'],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def noted(self, key: str) -> list[list[Any]]:
        """Return what tasks noted, by time."""
        rows: Any = self.redis.lrange(key, 0, -1)
        return sorted(json.loads(row) for row in rows)

    def wait_for(self, key: str, count: int, seconds: float = 60.0) -> list[list[Any]]:
        """Return what tasks noted as soon as there are so many notes."""
        until = time.monotonic() + seconds
        while True:
            length: Any = self.redis.llen(key)
            if length >= count:
                return self.noted(key)
            assert time.monotonic() < until, f'{length} of {count} {key}; {self.log(0).read_text()[-3000:]}'
            time.sleep(0.05)

    def waiting(self) -> int:
        count: Any = self.redis.hlen('esipy:tasks:messages')
        return int(count)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with redis_server(tmp_path) as server:
        site = Site(server, tmp_path)
        yield site
        site.redis.close()
