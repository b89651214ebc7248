"""Three real workers and a real Redis: the tasks of a bucket are spaced evenly, over all of them.

The times are those of Redis's clock. That of a grant is exact. A task notes its own a little later, so that the
distance of two notes differs from that of the grants by what the machine was busy with in between.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from tests.celery.conftest import Site

pytestmark = pytest.mark.measures


@contextmanager
def grants(site: Site) -> Iterator[dict[str, list[int]]]:
    """Collect when the tasks of each bucket were granted their start, from what the script writes into Redis."""
    found: dict[str, list[int]] = {}
    client: Any = redis.Redis.from_url(site.url)
    with client.monitor() as monitor:

        def listen() -> None:
            with_last = re.compile(r'HSET esipy:tasks:rate:(\S+) next \d+ last ([1-9]\d*)')
            for command in monitor.listen():
                match = with_last.match(command['command'])
                if match and int(match[2]) not in found.setdefault(match[1], [])[-1:]:
                    found[match[1]].append(int(match[2]))
                if 'the end of the test' in command['command']:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield found
        site.redis.echo('the end of the test')
        thread.join(30)


def distances(times: list[int]) -> list[int]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


@pytest.mark.parametrize('pool', ['prefork', pytest.param('threads', marks=pytest.mark.soak)])
def test_tasks_are_spaced_evenly_over_three_workers(site: Site, pool: str) -> None:
    with site.running(3, '--pool', pool), grants(site) as found:
        site.run("""
for number in range(60):
    t.ten_a_second.delay(number)
for number in range(9):
    t.three_a_second.delay(number)
for number in range(6):
    t.hundred_a_minute.delay(number)
for number in range(30):
    t.keyed.delay(number, number % 2)
""")
        rows = site.wait_for('ten_a_second', 60)
        assert sorted(row[1] for row in rows) == list(range(60))
        for name, count in {'three_a_second': 9, 'hundred_a_minute': 6, 'keyed:0': 15, 'keyed:1': 15}.items():
            assert len(site.wait_for(name, count)) == count
    by_name = {name.rpartition('.')[2]: times for name, times in found.items()}
    keyed = [times for name, times in by_name.items() if name.startswith('keyed:')]
    assert min(distances(by_name['ten_a_second'])) >= 100_000
    assert min(distances(by_name['three_a_second'])) >= 333_333
    assert min(distances(by_name['hundred_a_minute'])) >= 600_000
    assert [len(times) for times in keyed] == [15, 15]
    assert min(map(min, map(distances, keyed))) >= 250_000
    assert 5.9 <= (by_name['ten_a_second'][-1] - by_name['ten_a_second'][0]) / 1_000_000 <= 6.6
    # Each bucket takes the time that it would take alone.
    assert all(3.5 <= (times[-1] - times[0]) / 1_000_000 <= 4.5 for times in keyed)
