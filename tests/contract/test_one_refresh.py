"""Several processes and one character: one refresh, whoever comes first, and whoever dies in the middle of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from esipy.sandbox import Sandbox
from esipy.stores import TokenStore
from tests.contract.refresher import store_at
from tests.databases import Server
from tests.integration.signed import CLIENT, ONE, client, security, signed_in, wallet

REFRESHER = Path(__file__).with_name('refresher.py')
ROOT = Path(__file__).parents[2]


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        sandbox.sso.rotate = True
        yield sandbox


@pytest.fixture(params=['file', 'redis', 'lock'])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A shared store: its kind, and where it is."""
    if request.param == 'file':
        return 'file', str(tmp_path / 'tokens.json')
    server: Server = request.getfixturevalue('redis_on')
    with redis.Redis(port=server.port) as own:
        own.flushall()
    return request.param, str(server.port)


def begin(place: tuple[str, str], esi: Sandbox, how: str) -> subprocess.Popen[str]:
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])}
    command = [sys.executable, '-W', 'error', str(REFRESHER), *place, esi.url, how]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_4_processes_refresh_once(place: tuple[str, str], esi: Sandbox) -> None:
    """20 threads in 4 processes. Without `locked` in `refreshed` each process refreshes, or is refused."""
    store, _ = store_at(*place)
    signed_in(store, esi)
    processes = [begin(place, esi, 'call') for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n', process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write('go\n')
        process.stdin.flush()
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert json.loads(out) == [200] * 5
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_a_process_that_is_killed_before_it_uses_the_token_has_stored_it(place: tuple[str, str], esi: Sandbox) -> None:
    """The old refresh token is used up by then. With `_announce` before `keep`, the character has to sign in again."""
    store, _ = store_at(*place)
    old = signed_in(store, esi)
    with begin(place, esi, 'die') as process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert esi.log.count('get_characters_character_id_wallet') == 0
    kept: TokenStore = store
    tokens = kept.get(CLIENT, ONE)
    assert tokens is not None
    assert tokens.refresh_token != old.refresh_token
    with client(security(esi, store=store)) as esi_client:
        one = esi_client.as_character(ONE)
        assert one.request(wallet(esi)).ok
        assert one.security.refresh()
    assert (esi.sso.refreshes, esi.sso.reuses) == (2, 0)
