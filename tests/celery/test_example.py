"""examples/market_crawler: its one command does what it says, and leaves no process behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.celery.conftest import ROOT
from tests.databases import redis_server


@pytest.mark.timeout(180)
def test_the_crawler_ends_well(tmp_path: Path) -> None:
    with redis_server(tmp_path):  # it is installed, or the test is skipped
        pass
    environment = {**os.environ, 'HOME': str(tmp_path), 'TMPDIR': str(tmp_path)}
    program = ROOT / 'examples' / 'market_crawler' / 'run.py'
    done = subprocess.run(
        [sys.executable, '-W', 'error', str(program)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '22 of 22 lists are whole, each in one snapshot' in done.stdout
    assert '\n0 requests were refused' in done.stdout
    assert 'pages, 9460 rows' in done.stdout
    left = [path.name for path in Path('/proc').glob('[0-9]*') if str(tmp_path).encode() in _command(path)]
    assert left == []


def _command(process: Path) -> bytes:
    try:
        return (process / 'cmdline').read_bytes()
    except OSError:
        return b''
