"""What calls did cost reaches Redis with the next reservation, or soon after, and never twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from esipy import clock
from esipy._limits import leases, redis_script
from esipy._message.options import CallOptions
from esipy.limits import Limits, RedisLimits
from tests.contract.limited import User, answered
from tests.contract.test_limits import in_threads
from tests.contract.test_limits_in_redis import runs
from tests.databases import Server, redis_server
from tests.servers import wait_until


@pytest.fixture
def port(redis_on: Server) -> int:
    with redis.Redis(port=redis_on.port) as client:
        client.flushall()
    return redis_on.port


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread sends anything during the test."""
    monkeypatch.setattr('esipy._limits.settlements.DELAY', 30)


def limits_at(port: int) -> Limits:
    return RedisLimits(redis.Redis(port=port))


def seen_by_another(port: int, **rule: int) -> tuple[int, int]:
    """Return what another process sees used and under way."""
    other = User(limits_at(port), **rule)  # type: ignore[arg-type]
    plan = other.limits._plans.of(other.client._exchange(other.app.op['one'](), CallOptions()), None)
    state = other.limits._state(plan, plan.uses[0])
    return state.spent + state.used_by_others, state.reserved


def test_another_process_sees_it_without_a_further_call(port: int) -> None:
    user = User(limits_at(port))
    for number in (1, 2, 3):
        user.call()
        wait_until(lambda number=number: seen_by_another(port) == (2 * number, 0))  # type: ignore[misc]


def test_the_thread_ends_and_another_one_starts(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy._limits.settlements._IDLE', 1)
    limits = RedisLimits(redis.Redis(port=port))
    user = User(limits)
    for number in (1, 2):
        user.call()
        wait_until(lambda: limits._settlements._thread is None)
        assert seen_by_another(port) == (2 * number, 0)


@pytest.mark.usefixtures('patient')
def test_until_then_what_was_reserved_counts(port: int) -> None:
    user = User(limits_at(port))
    user.call()
    assert seen_by_another(port) == (0, 5)
    user.limits.flush()
    assert seen_by_another(port) == (2, 0)
    user.call()
    user.client.close()
    assert seen_by_another(port) == (4, 0)


@pytest.mark.usefixtures('patient')
@pytest.mark.parametrize(
    ('status', 'headers'),
    [(429, {'Retry-After': '7'}), (429, {}), (420, {'X-ESI-Error-Limit-Reset': '20'})],
)
def test_a_rejection_is_sent_at_once(port: int, status: int, headers: dict[str, str]) -> None:
    users = [User(limits_at(port)) for _ in range(2)]
    users[0].call(status=status, headers=headers)
    assert users[1].calls() == 0


@pytest.mark.usefixtures('patient')
def test_a_call_that_cost_more_than_it_had_reserved_is_sent_at_once(port: int) -> None:
    user = User(limits_at(port))
    reservation = user.reserve()
    reservation.settle(answered()._replace(lost=1))
    assert seen_by_another(port) == (7, 0)


@pytest.mark.usefixtures('patient')
def test_a_reservation_that_has_to_wait_settles(port: int) -> None:
    user = User(limits_at(port))
    assert user.calls() == 8
    assert seen_by_another(port) == (16, 0)


@pytest.mark.usefixtures('patient')
def test_a_reservation_that_finds_no_ledger_settles(port: int) -> None:
    user = User(limits_at(port))
    user.call()
    user.call(name='free')
    assert seen_by_another(port) == (2, 0)


@pytest.mark.usefixtures('patient')
def test_few_wait(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy._limits.settlements.MOST', 5)
    user = User(limits_at(port), tokens=100)
    with redis.Redis(port=port) as client:
        for reservation in user.fill(9):
            before = runs(client)
            reservation.settle(answered())
        assert runs(client) - before <= 1
    assert seen_by_another(port, tokens=100) == (10, 20)
    user.limits.flush()


def test_where_no_thread_can_be_started_it_is_sent_at_once(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, 'start', fail)
    User(limits_at(port)).call()
    assert seen_by_another(port) == (2, 0)


@pytest.mark.usefixtures('patient')
def test_it_counts_from_when_the_response_arrived(port: int) -> None:
    """Also if that is longer ago than a lease, and than a window."""
    user = User(limits_at(port), window=600)
    user.call(status=304)
    clock.move(400)
    assert (user.budget().used, user.budget().in_flight) == (1, 0)
    assert user.budget().replenishes[0][0] == pytest.approx(200, abs=10)
    user.call()
    clock.move(1000)
    assert (user.budget().used, user.budget().in_flight) == (0, 0)


@pytest.mark.usefixtures('patient')
def test_a_lease_that_ended_before_is_not_counted_twice(port: int) -> None:
    user, other = (User(limits_at(port), window=600) for _ in range(2))
    user.call()
    clock.move(leases.LEASE + 1)
    other.call()  # it counts what was reserved
    user.limits.flush()
    other.limits.flush()
    assert seen_by_another(port, window=600) == (4, 0)


@pytest.mark.usefixtures('patient')
def test_redis_forgets_its_scripts_meanwhile(port: int, caplog: pytest.LogCaptureFixture) -> None:
    user = User(limits_at(port))
    with redis.Redis(port=port) as client:
        for number in (1, 2):
            user.call()
            client.script_flush()
            assert (user.budget().used, user.budget().in_flight) == (2 * number, 0)
    assert caplog.messages == []


@pytest.mark.usefixtures('patient')
def test_redis_is_lost_and_back_meanwhile(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        user = User(limits_at(server.port))
        assert user.calls(3) == 3
        server.kill()
        server.start()
        time.sleep(redis_script.SKIP_FOR + 0.1)
        assert user.calls() == 5, 'what was spent before counts'
        user.limits.flush()


def test_ctrl_c_loses_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RedisLimits(redis.Redis(port=port))
    user = User(limits)
    with monkeypatch.context() as context:
        context.setattr('esipy._limits.settlements.DELAY', 30)
        user.call()

        def interrupt(*arguments: Any) -> None:
            raise KeyboardInterrupt

        context.setattr(limits._settlements._script, 'run', interrupt)
        with pytest.raises(KeyboardInterrupt):
            user.reserve()
    assert (user.budget().used, user.budget().in_flight) == (2, 0)


@pytest.mark.usefixtures('patient')
def test_a_reservation_looks_again_after_another_thread_has_settled(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RedisLimits(redis.Redis(port=port))
    user = User(limits)
    for reservation in user.fill(4):
        reservation.settle(answered())
    on_its_way, reserved = threading.Event(), threading.Event()
    run = limits._settlements._script.run

    def slow(operation: str, *arguments: Any) -> Any:
        if operation == 'settle':
            on_its_way.set()
            assert reserved.wait(60)
        result = run(operation, *arguments)
        reserved.set()
        return result

    monkeypatch.setattr(limits._settlements._script, 'run', slow)
    thread = threading.Thread(target=limits.flush)
    thread.start()
    assert on_its_way.wait(60)
    plan = limits._plans.of(user.client._exchange(user.app.op['one'](), CallOptions()), None)
    _, ticket = limits._reserve(plan)
    thread.join()
    assert ticket is not None
    assert (user.budget().used, user.budget().in_flight) == (8, 5)


def test_a_hundred_threads(port: int) -> None:
    user = User(limits_at(port), tokens=10_000, window=600)
    errors = in_threads(100, lambda: [user.call(status=status) for status in (200, 404, 304, 503, 200)])
    assert errors == []
    assert (user.budget().used, user.budget().in_flight) == (100 * 10, 0)


# ---------------------------------------------------------------------- the end of a process

PROGRAM = """
import os, signal, sys, redis
from esipy._limits import settlements
from esipy.limits import RedisLimits
from tests.contract.limited import User
settlements.DELAY = 3600
user = User(RedisLimits(redis.Redis(port=%d)))
user.call()
%s
"""


@pytest.mark.parametrize(
    ('end', 'seen', 'later'),
    [
        ('', (2, 0), (0, 0)),
        ('sys.exit(3)', (2, 0), (0, 0)),
        ('raise ValueError', (2, 0), (0, 0)),
        ('user.client.close(); os._exit(0)', (2, 0), (0, 0)),
        # What a killed process had reserved counts from when its lease ends.
        ('os.kill(os.getpid(), signal.SIGKILL)', (0, 5), (2, 0)),
    ],
)
def test_the_end_of_a_process(port: int, end: str, seen: tuple[int, int], later: tuple[int, int]) -> None:
    program = [sys.executable, '-c', PROGRAM % (port, end)]
    subprocess.run(program, cwd=Path(__file__).parents[2], timeout=60, stderr=subprocess.DEVNULL)
    assert seen_by_another(port) == seen
    clock.move(leases.LEASE + 1)
    assert seen_by_another(port) == later


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
@pytest.mark.usefixtures('patient')
def test_a_forked_child_sends_nothing_of_its_parent(port: int) -> None:
    end = (
        'child = os.fork()\n'
        'if child == 0:\n'
        '    user.limits.flush()\n'
        '    user.call()\n'
        '    user.limits.flush()\n'
        '    os._exit(0)\n'
        'os.waitpid(child, 0)\n'
        'os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    subprocess.run([sys.executable, '-c', PROGRAM % (port, end)], cwd=Path(__file__).parents[2], timeout=60)
    assert seen_by_another(port) == (2, 5)
