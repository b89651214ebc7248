"""Never one 429, and yet nearly all that the windows allow: one process of many threads, and four that share Redis."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from esipy import App, EsiClient
from esipy.sandbox import Sandbox
from tests.databases import Server

from .counting import AGENT, Witness, described, most_in_a_window, share_used

WORKER = Path(__file__).with_name('worker.py')
ROOT = Path(__file__).parents[2]
TOKENS = 150

#: (calls, seconds of a window): the whole proof takes more than two minutes.
SIZES = [pytest.param(288, 1, id='short'), pytest.param(2000, 5, id='whole', marks=pytest.mark.soak)]


def check(esi: Sandbox, calls: int, window: float, share: float) -> None:
    """By the sandbox's own counts, and by counting its log."""
    seen = esi.log.calls('get_wars_war_id')
    count = esi.limits.count('killmail')
    print(f'{calls} calls: {share_used(seen, TOKENS, window):.1%} of the tokens, {count.refused} refused')
    assert (count.refused, esi.limits.refused) == (0, 0)
    assert Counter(entry.status for entry in seen) == {200: calls}
    assert most_in_a_window(seen, window) == count.peak <= TOKENS
    assert count.spent == 2 * calls
    assert share_used(seen, TOKENS, window) >= share


@pytest.mark.parametrize(('calls', 'window'), SIZES)
def test_a_hundred_threads(calls: int, window: int) -> None:
    witness = Witness()
    with (
        Sandbox(described(killmail=(TOKENS, f'{window}s')), process=True) as esi,
        EsiClient(user_agent=AGENT, cache=None, transport_adapter=witness) as client,
    ):
        app = App.create(esi.document)
        wanted = (app.op['get_wars_war_id'](war_id=1000 + number) for number in range(calls))
        done = client.multi_request(wanted, threads=100)
        assert Counter(response.status for _, response in done) == witness.statuses == {200: calls}
        check(esi, calls, window, 0.9)


@pytest.mark.parametrize(('calls', 'window'), SIZES)
def test_four_processes_that_share_redis(calls: int, window: int, redis_on: Server) -> None:
    with Sandbox(described(killmail=(TOKENS, f'{window}s')), process=True) as esi:
        statuses = together(esi, redis_on, processes=4, calls=calls // 4)
        assert statuses == {200: calls}
        check(esi, calls, window, 0.85)


def together(esi: Sandbox, redis_on: Server, processes: int, calls: int) -> Counter[int]:
    """Processes that begin when the last one is ready: the statuses that they saw."""
    arguments = [sys.executable, str(WORKER), esi.document_url, str(redis_on.port), str(calls), '25']
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
