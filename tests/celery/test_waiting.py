"""Real workers and a real Redis: what becomes of a task that waits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu.exceptions import OperationalError

from esipy.contrib.celery._waits import until_available
from tests.celery.conftest import Site
from tests.databases import redis_server
from tests.servers import wait_until


def numbers(rows: list[list[Any]]) -> list[int]:
    return sorted(row[1] for row in rows)


POOLS = ['prefork', pytest.param('threads', marks=pytest.mark.soak)]


@pytest.fixture(scope='module')
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two workers that several tests use, one after the other."""
    directory = tmp_path_factory.mktemp('crew')
    with redis_server(directory) as server:
        site = Site(server, directory)
        with site.running(2, '--pool', 'threads', '--queues', 'celery,other'):
            yield site
        site.redis.close()


@pytest.fixture
def busy_site(crew: Site) -> Site:
    for key in crew.redis.keys('*'):
        if not key.startswith((b'_kombu', b'unacked')):  # type: ignore[arg-type]
            crew.redis.delete(key)
    return crew


@pytest.mark.parametrize('pool', POOLS)
def test_waits_do_not_count_and_celery_once_loses_nothing(site: Site, pool: str) -> None:
    with site.running(2, '--pool', pool):
        site.run("""
for number in range(100):
    t.once.delay(number)
for number in range(3):
    t.limited_twenty_times.delay(number)
for number in range(5):
    t.fails_once.delay(number)
""")
        once = site.wait_for('once', 100)
        done = site.wait_for('limited:done', 3)
        failed = site.wait_for('fails_once', 10)
    assert numbers(once) == list(range(100))
    assert {row[2] for row in once} == {0}
    assert numbers(done) == [0, 1, 2]
    assert {row[2] for row in site.noted('limited')} == {0}
    # A retry of the task's own counts as ever.
    assert sorted(row[2] for row in failed) == [0] * 5 + [1] * 5
    assert site.redis.keys('qo_*') == []
    assert site.waiting() == 0


def test_a_task_that_waits_keeps_what_it_was_sent_with(busy_site: Site) -> None:
    sent = busy_site.run("""
for number in range(12):
    result = t.with_request.apply_async(
    (number,), queue='other', priority=6, headers={'x-trace': f'trace {number}'}, root_id='root', parent_id='parent'
    )
    print(result.id)
# These have an ETA, so that it is the task itself, in the pool, that finds out that it has to wait.
for number in range(12, 24):
    result = t.with_request.apply_async(
    (number,), queue='other', priority=6, headers={'x-trace': f'trace {number}'}, countdown=0.2, root_id='root',
    parent_id='parent',
    )
    print(result.id)
""")
    rows = busy_site.wait_for('with_request', 24)
    headers = busy_site.wait_for('headers', 24)
    by_number = {row[1]: row[2:] for row in rows}
    ids = sent.split()
    assert by_number == {number: [ids[number], 0, 6, 'other'] for number in range(24)}
    assert sorted(row[1] for row in headers) == sorted(f'trace {number}' for number in range(24))
    assert {tuple(row[2:]) for row in headers} == {('root', 'parent')}


def test_a_released_task_does_not_queue_behind_new_ones(busy_site: Site) -> None:
    """There is work for five seconds in the queue, and the task is due after two."""
    busy_site.run("""
t.slow.delay(0)
t.slow.delay(1)
for number in range(200):
    t.sleeps.delay(number, 0.1)
""")
    busy_site.wait_for('sleeps', 200)
    slow = busy_site.wait_for('slow', 2)
    assert slow[1][0] < busy_site.noted('sleeps')[-1][0]


def test_a_message_that_is_delivered_again_does_not_run_again(busy_site: Site) -> None:
    """A worker that is killed between putting a message aside and acknowledging it leaves a copy with the broker."""
    busy_site.run('for number in range(5):\n    t.slow.delay(number)')
    wait_until(lambda: busy_site.waiting() > 1, 30)
    due: Any = busy_site.redis.zrange('esipy:tasks:due', 0, -1)
    stored: Any = busy_site.redis.hget('esipy:tasks:messages', due[-1])
    copy = json.loads(stored.partition(b'\n')[2])
    del copy['headers']['esipy_wait']
    busy_site.redis.lpush('celery', json.dumps(copy))  # the other copy waits
    copy['headers']['redelivered'] = True
    wait_until(lambda: busy_site.redis.llen('celery') == 0)
    busy_site.wait_for('slow', 5)
    busy_site.redis.lpush('celery', json.dumps(copy))  # the other copy has run
    busy_site.run('t.plain.delay(0)')
    busy_site.wait_for('plain', 1)
    wait_until(lambda: busy_site.redis.zcard('unacked_index') == 0)
    assert numbers(busy_site.noted('slow')) == [0, 1, 2, 3, 4]
    assert busy_site.waiting() == 0


def test_decorators_together_and_below_others(busy_site: Site) -> None:
    busy_site.run("""
for number in range(10):
    t.hidden.delay(number)
    t.both.delay(number)
    t.both_in_the_other_order.delay(number)
""")
    for key in ('hidden', 'both', 'order'):
        assert numbers(busy_site.wait_for(key, 10)) == list(range(10)), key
    assert busy_site.waiting() == 0


@pytest.mark.soak
def test_a_wait_is_longer_than_the_visibility_timeout(site: Site) -> None:
    """The broker never has a message that waits, so that it cannot deliver it a second time."""
    site.conf = {'broker_transport_options': {'visibility_timeout': 1, 'unacked_restore_limit': 100}}
    with site.running(2, '--pool', 'threads'):
        site.run('for number in range(4):\n    t.slow.delay(number)')
        wait_until(lambda: site.waiting() == 3, 30)
        assert site.redis.zcard('unacked_index') == 0
        site.wait_for('slow', 4)
    assert numbers(site.noted('slow')) == [0, 1, 2, 3]


@pytest.mark.soak
def test_a_killed_worker_and_a_restart_of_all_lose_nothing(site: Site) -> None:
    with site.running(2, '--pool', 'prefork'):
        site.run('for number in range(4):\n    t.slow.delay(number)')
        wait_until(lambda: site.waiting() == 3, 30)
        site.kill(site.workers[0])
        site.kill(site.workers[1])
    assert site.waiting() == 3
    with site.running(1, '--pool', 'threads'):
        wait_until(lambda: site.waiting() == 0, 30)
        site.wait_for('slow', 4)
    assert numbers(site.noted('slow')) == [0, 1, 2, 3]


def test_a_password_of_redis_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Full(OperationalError):  # type: ignore[misc]  # Kombu has no types
        """A kind that no other test has logged."""

    errors = [Full('redis://anna:geheim@127.0.0.1/0 is full')]

    def run() -> str:
        if errors:
            raise errors.pop()
        return 'done'

    assert until_available(run) == 'done'
    assert 'Redis is not available (Full: redis://***@127.0.0.1/0 is full)' in caplog.text
    assert 'geheim' not in caplog.text


@pytest.mark.soak
def test_the_redis_of_the_limits_is_away_for_a_while(site: Site, tmp_path: Path) -> None:
    """Tasks that run wait for it, and those that wait already are with the broker."""
    directory = tmp_path / 'limits'
    directory.mkdir()
    with redis_server(directory) as limits:
        site.conf = {'esipy_redis_url': f'redis://127.0.0.1:{limits.port}/1'}
        with site.running(1, '--pool', 'prefork'):
            site.run('for number in range(20):\n    t.ten_a_second.delay(number)')
            site.wait_for('ten_a_second', 5)
            with redis.Redis(port=limits.port, db=1) as client:
                assert len(client.keys('*')) == 1
            limits.kill()
            site.run('for number in range(20, 30):\n    t.ten_a_second.delay(number)')
            site.run('t.plain.delay(0)')
            limits.start()
            rows = site.wait_for('ten_a_second', 30)
    assert numbers(rows) == list(range(30))
    assert 'Redis is not available' in site.log(0).read_text()


def test_during_downtime_one_probe_runs(busy_site: Site) -> None:
    busy_site.redis.set('down', 1)
    busy_site.run('t.meets_downtime.delay(0)')
    busy_site.wait_for('tried', 1)
    wait_until(lambda: busy_site.waiting() == 1, 30)
    busy_site.run('for number in range(1, 200):\n    t.meets_downtime.delay(number)')
    wait_until(lambda: busy_site.waiting() >= 199 and busy_site.redis.llen('celery') == 0, 30)
    before = len(busy_site.noted('tried'))
    busy_site.wait_for('tried', before + 3)
    assert busy_site.waiting() >= 199
    tried = busy_site.noted('tried')
    busy_site.redis.delete('down')
    rows = busy_site.wait_for('meets_downtime', 200)
    # A probe every half second, and no more; each may be noted late.
    assert (tried[-1][0] - tried[1][0]) / (len(tried) - 2) > 0.3
    assert numbers(rows) == list(range(200))
    assert busy_site.waiting() == 0


@pytest.mark.soak
def test_ten_thousand_tasks_wait_without_memory(site: Site) -> None:
    def memory(worker: int) -> int:
        """Return the bytes that a worker and its pool use."""
        children = Path(f'/proc/{worker}/task/{worker}/children').read_text().split()
        pages = [int(Path(f'/proc/{pid}/statm').read_text().split()[1]) for pid in (worker, *children)]
        return sum(pages) * os.sysconf('SC_PAGESIZE')

    with site.running(1, '--pool', 'prefork'):
        site.run('for number in range(200):\n    t.slow.delay(number)')
        wait_until(lambda: site.waiting() > 190, 60)
        before = memory(site.workers[0].pid)
        site.run('for number in range(10_000):\n    t.slow.delay(number)')
        wait_until(lambda: site.waiting() > 10_150, 100)
        grown = memory(site.workers[0].pid) - before
        site.run('t.plain.delay(0)')
        site.wait_for('plain', 1)  # the pool is free
    assert grown < 20 * 2**20


@pytest.mark.soak
@pytest.mark.parametrize('pool', ['solo', 'prefork'])
def test_other_keys_of_the_broker(site: Site, pool: str) -> None:
    """All keys of the broker have a prefix, and its priorities are other ones than by default."""
    options = {'global_keyprefix': 'mine:', 'priority_steps': [0, 2, 4, 6, 8], 'sep': ':'}
    site.conf = {'broker_transport_options': options}
    with site.running(1, '--pool', pool, '--queues', 'celery,other'):
        site.run("""
for number in range(10):
    t.with_request.apply_async((number,), queue='other', priority=number)
    t.ten_a_second.apply_async((number,), countdown=0.2)
""")
        rows = site.wait_for('with_request', 10)
        site.wait_for('ten_a_second', 10)
        keys: Any = site.redis.keys('mine:esipy:tasks:*')
        assert len(keys) > 5
    assert {row[1]: row[4] for row in rows} == {number: number for number in range(10)}


@pytest.mark.soak
@pytest.mark.parametrize('pool', ['threads', 'prefork'])
def test_the_redis_of_the_broker_is_restarted(tmp_path: Path, pool: str) -> None:
    with redis_server(tmp_path, '--appendonly', 'yes', '--appendfsync', 'always') as server:
        site = Site(server, tmp_path)
        with site.running(2, '--pool', pool):
            site.run('for number in range(6):\n    t.slow.delay(number)\n    t.limited_twenty_times.delay(number)')
            site.wait_for('slow', 2)
            site.restart_server(2)
            rows = site.wait_for('slow', 6)
        assert numbers(rows) == list(range(6))
        site.redis.close()


def test_the_clock_of_redis_goes_back(site: Site) -> None:
    """As after a failover to another machine."""
    from tests.celery.buckets import connections_to

    connections = connections_to(site.url)
    slot, wait = connections.start('bucket', 1_000_000, 0)
    assert wait == 0
    assert connections.start('bucket', 1_000_000, 0)[1] > 0
    site.redis.hset('esipy:tasks:rate:bucket', mapping={'last': 4 * 10**15, 'next': 4 * 10**15})
    assert connections.start('bucket', 1_000_000, 0)[1] == 0
    assert slot > 0
