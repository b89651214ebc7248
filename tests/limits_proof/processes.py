"""Several processes that share their limits through Redis, and work at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from esipy.sandbox import Sandbox
from tests.databases import Server

WORKER = Path(__file__).with_name('worker.py')
ROOT = Path(__file__).parents[2]


def together(esi: Sandbox, redis_on: Server, operation: str, processes: int, calls: int) -> Counter[int]:
    """Processes that begin when the last one is ready: the statuses that they saw."""
    arguments = [sys.executable, str(WORKER), esi.document_url, str(redis_on.port), operation, str(calls), '25']
    running = [
        subprocess.Popen([*arguments, str(number)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    statuses: Counter[int] = Counter()
    try:
        for worker in running:
            assert worker.stdout is not None
            assert worker.stdout.readline() == 'ready\n'
        for worker in running:
            assert worker.stdin is not None
            worker.stdin.write('go\n')
            worker.stdin.flush()
        for worker in running:
            out, _ = worker.communicate(timeout=600)
            assert worker.returncode == 0
            statuses.update({int(status): number for status, number in json.loads(out).items()})
    finally:
        for worker in running:
            worker.kill()
            worker.wait()
    return statuses
