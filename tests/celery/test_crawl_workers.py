"""A crawl by real workers: processes are killed, Redis restarts, and every row comes once."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from esipy import App, EsiClient
from esipy.contrib.celery import Crawl
from esipy.sandbox import Sandbox
from tests.celery.conftest import Site
from tests.databases import redis_server

APP = 'tests.celery.crawl_app'
REGIONS = range(1, 31)
RECORDS = 430


@pytest.fixture
def durable_site(tmp_path: Path) -> Iterator[Site]:
    """A Redis that loses nothing when it is killed."""
    with redis_server(tmp_path, '--appendonly', 'yes', '--appendfsync', 'always') as server:
        site = Site(server, tmp_path)
        yield site
        site.redis.close()


def nothing(site: Site) -> None:
    """Let the workers work."""


def kill_a_worker(site: Site) -> None:
    site.kill(site.workers[0])


def restart_redis(site: Site) -> None:
    site.restart_server(0.5)
    site.run('for _ in range(4):\n    t.work.delay()', module=APP)  # in case that all workers have ended


@pytest.mark.parametrize(
    ('disturb', 'pool'),
    [
        (kill_a_worker, 'prefork'),
        pytest.param(nothing, 'prefork', marks=pytest.mark.soak),
        pytest.param(nothing, 'threads', marks=pytest.mark.soak),
        pytest.param(kill_a_worker, 'threads', marks=pytest.mark.soak),
        pytest.param(restart_redis, 'prefork', marks=pytest.mark.soak),
        pytest.param(restart_redis, 'threads', marks=pytest.mark.soak),
    ],
)
def test_every_row_comes_once(durable_site: Site, tmp_path: Path, disturb: Callable[[Site], None], pool: str) -> None:
    site, directory = durable_site, tmp_path / 'orders'
    with Sandbox(records=RECORDS, process=True) as esi:
        esi.faults.add('latency', seconds=0.1)
        site.conf = {'document': esi.document_url, 'directory': str(directory)}
        with site.running(2, '--pool', pool, app=APP):
            site.run('run = t.crawl.start(t.orders(range(1, 31)))\nfor _ in range(4):\n    t.work.delay()', module=APP)
            store = redis.Redis(port=site.server.port, db=1)
            crawl = Crawl('market', store, EsiClient(user_agent='tests'), App.create(esi.document), print)
            wait_until_done(crawl, 40)
            disturb(site)
            wait_until_done(crawl, 150)
        progress = crawl.progress()
        fetched = collections.Counter(
            (entry.params['region_id'], entry.params.get('page', 1)) for entry in esi.log.entries if entry.status == 200
        )
        refused = esi.limits.refused
    assert (progress.state, progress.done, progress.failed) == ('finished', 150, 0)
    rows = [
        json.loads(line)
        for file in (directory / progress.run).glob('*.jsonl')
        for line in file.read_text().splitlines()
    ]
    assert len(rows) == len({(row['region_id'], row['order_id']) for row in rows}) == 30 * RECORDS
    assert all(one.is_whole and one.snapshot for one in crawl.lists())
    assert refused == 0
    again = sum(fetched.values()) - len(fetched)
    assert len(fetched) == 150
    # Of what a killed worker had fetched and not delivered, the other knows nothing.
    assert again <= (4 if disturb is not nothing else 0)


def wait_until_done(crawl: Crawl, pages: int) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            progress = crawl.progress()
        except redis.RedisError:
            time.sleep(0.1)
            continue
        if progress.done >= pages and (pages < 150 or progress.state == 'finished'):
            return
        assert time.monotonic() < until, progress
        time.sleep(0.05)
