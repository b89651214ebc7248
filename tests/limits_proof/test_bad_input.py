"""Headers that are missing or make no sense, clocks that are wrong, a Redis that dies, a process that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from esipy import App, EsiClient
from esipy.exceptions import LimitedError
from esipy.limits import MemoryLimits, RedisLimits
from esipy.sandbox import Sandbox
from tests.databases import Server

from .counting import AGENT, Watch, described
from .processes import WORKER

GROUP, LIMIT, LEFT, USED = (f'X-Ratelimit-{name}' for name in ('Group', 'Limit', 'Remaining', 'Used'))
ERRORS_LEFT, RESET = 'X-ESI-Error-Limit-Remain', 'X-ESI-Error-Limit-Reset'

HISTORY = 'GET /markets/{region_id}/history'

#: Headers that replace the true ones; an empty value removes the header.
ODD_HEADERS: dict[str, dict[str, str]] = {
    'none': {},
    'limit only': {GROUP: '', LEFT: '', USED: ''},
    'counts only': {GROUP: '', LIMIT: ''},
    'garbage': {GROUP: '\x7f', LIMIT: 'many', LEFT: 'some', USED: 'few'},
    'negative': {LEFT: '-7', USED: '-1', LIMIT: '-150/15m'},
    'huge': {LEFT: '9' * 30, USED: '9' * 30, LIMIT: '9' * 30 + '/15m'},
    'no number': {LEFT: 'nan', USED: '1e3', LIMIT: '0/0s'},
    'a window of nothing': {LIMIT: '40/0s'},
    'a window without end': {LIMIT: '40/99999d'},
    'more left than there is': {LEFT: '4000'},
    'both kinds': {ERRORS_LEFT: '50', RESET: '20'},
    'errors in garbage': {ERRORS_LEFT: 'x', RESET: '-5'},
}


def burst(client: EsiClient, app: App, calls: int, first: int = 1) -> Counter[int]:
    wanted = (app.op['get_wars_war_id'](war_id=first + number) for number in range(calls))
    return Counter(response.status for _, response in client.multi_request(wanted, threads=20))  # type: ignore[misc]


def test_headers_that_make_no_sense_change_nothing() -> None:
    """Then the description says what there is, and our own count what is spent. All at once: each of them waits."""

    def outcome(name: str) -> tuple[str, Counter[int], int, bool]:
        with Sandbox(described(killmail=(40, '1s'))) as esi, EsiClient(user_agent=AGENT, cache=None) as client:
            app = App.create(esi.document)
            esi.faults.add('limit_headers', headers=ODD_HEADERS[name])
            with Watch() as watch:
                statuses = burst(client, app, 30)
            return name, statuses, esi.limits.refused, watch.seconds < 30

    with ThreadPoolExecutor(len(ODD_HEADERS)) as pool:
        outcomes = list(pool.map(outcome, ODD_HEADERS))
    assert outcomes == [(name, {200: 30}, 0, True) for name in ODD_HEADERS]


@pytest.mark.parametrize('status', [200, 404])
def test_odd_headers_of_the_error_limit(status: int) -> None:
    with Sandbox(limits={'errors': {'window': 2}}) as esi, EsiClient(user_agent=AGENT, cache=None) as client:
        app = App.create(esi.document)
        op = app.op['get_universe_types_type_id']
        esi.faults.add('status', status=status)
        for headers in ({}, {ERRORS_LEFT: 'x'}, {ERRORS_LEFT: '-1', RESET: '-1'}, {RESET: '9' * 20}, {RESET: 'nan'}):
            with esi.faults.add('limit_headers', headers=headers), Watch() as watch:
                for number in range(5):
                    assert client.request(op(type_id=1000 + number)).status == status
            assert watch.seconds < 5
        assert esi.limits.refused == 0


def test_a_limit_that_is_not_described_is_learned_from_the_first_response() -> None:
    with Sandbox(described(killmail=(40, '1s'))) as esi, EsiClient(user_agent=AGENT, cache=None) as client:
        document = esi.document
        for path in document['paths'].values():
            for operation in path.values():
                operation.pop('x-rate-limit', None)
        app = App.create(document)
        assert burst(client, app, 1) == {200: 1}
        assert burst(client, app, 30, first=2) == {200: 30}
        assert esi.limits.refused == 0


def test_a_window_that_changes_between_responses() -> None:
    with Sandbox(described(killmail=(60, '1s'))) as esi, EsiClient(user_agent=AGENT, cache=None) as client:
        app = App.create(esi.document)
        burst(client, app, 10)
        for number, tokens, window in ((1, 20, 1), (2, 80, 2)):
            esi.limits.set('killmail', tokens=tokens, window=window)
            time.sleep(number)  # nothing is spent any more
            assert burst(client, app, 1, first=1000 * number) == {200: 1}
            assert burst(client, app, 20, first=1000 * number + 1) == {200: 20}
        assert esi.limits.refused == 0


@pytest.mark.parametrize('ahead', [3600, -3600])
def test_a_server_whose_clock_is_an_hour_off(ahead: float) -> None:
    with Sandbox(described(killmail=(40, '1s'))) as esi, EsiClient(user_agent=AGENT, cache=None) as client:
        app = App.create(esi.document)
        esi.faults.add('limited', n=1, seconds=1, as_date=True)
        esi.faults.add('clock_skew', seconds=ahead)
        with Watch() as watch:
            assert burst(client, app, 1) == {200: 1}
        assert 0.9 <= watch.seconds < 5
        assert burst(client, app, 30, first=2) == {200: 30}
        assert esi.limits.refused == 0


def test_a_rejection_without_headers_is_waited_out() -> None:
    with (
        Sandbox(limits={'get_markets_region_id_history': {'tokens': 5, 'window': 1}}) as esi,
        EsiClient(user_agent=AGENT, cache=None, limits=MemoryLimits({HISTORY: '5/1s'})) as client,
    ):
        app = App.create(esi.document)
        op = app.op['get_markets_region_id_history']
        done = client.multi_request([op(region_id=10000002, type_id=number) for number in range(1, 16)])
        assert {response.status for _, response in done} == {200}
        assert esi.limits.refused == 0


# Redis


def test_redis_gone_in_the_middle(redis_on: Server, shared: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    """Local limits take over, with a warning, and the calls go on."""
    with (
        Sandbox(described(killmail=(40, '1s'))) as esi,
        EsiClient(user_agent=AGENT, cache=None, limits=RedisLimits(shared)) as client,
    ):
        app = App.create(esi.document)
        assert burst(client, app, 30) == {200: 30}
        redis_on.kill()
        assert burst(client, app, 40, first=100) == {200: 40}
        assert 'Redis is not available' in caplog.text
        redis_on.start()
        assert burst(client, app, 30, first=200) == {200: 30}
        assert esi.limits.refused == 0


def test_a_slow_redis(redis_on: Server, shared: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    with (
        Sandbox(described(killmail=(40, '1s'))) as esi,
        EsiClient(user_agent=AGENT, cache=None, limits=RedisLimits(shared)) as client,
    ):
        app = App.create(esi.document)
        assert burst(client, app, 10) == {200: 10}
        redis_on.pause()
        try:
            with Watch() as watch:
                assert burst(client, app, 20, first=100) == {200: 20}
        finally:
            redis_on.resume()
        assert watch.seconds < 20
        assert 'Redis is not available' in caplog.text
        assert esi.limits.refused == 0


def test_what_a_killed_process_had_reserved_is_freed(redis_on: Server, shared: redis.Redis) -> None:
    with Sandbox(described(killmail=(40, '1s')), process=True) as esi:
        fault = esi.faults.add('latency', seconds=60)
        command = [
            sys.executable,
            str(WORKER),
            esi.document_url,
            str(redis_on.port),
            'get_wars_war_id',
            '20',
            '20',
            '1',
        ]
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert running.stdout is not None
            assert running.stdin is not None
            assert running.stdout.readline() == 'ready\n'
            running.stdin.write('go\n')
            running.stdin.flush()
            until = time.monotonic() + 20
            while fault.hits < 5 and time.monotonic() < until:
                time.sleep(0.05)
            assert fault.hits >= 5
            os.kill(running.pid, signal.SIGKILL)
        finally:
            running.kill()
            running.communicate()
        fault.remove()
        app = App.create(esi.document)
        with EsiClient(user_agent=AGENT, cache=None, limits=RedisLimits(shared), max_wait=2) as client:
            with pytest.raises(LimitedError):  # nobody knows yet that the process is gone
                client.request(app.op['get_wars_war_id'](war_id=500))
            esi.clock.move(10)
            assert burst(client, app, 20, first=501) == {200: 20}
        assert esi.limits.refused == 0
