"""The Celery app of the benchmark: the crawl, and the plain tasks that it is compared with."""

from __future__ import annotations

import os
import threading
from typing import Any

import redis
import requests
from celery import Celery

from esipy import App
from esipy.contrib.celery import Crawl, CrawlPage, configure_worker

REDIS = os.environ['CRAWL_REDIS']
API = os.environ['CRAWL_API']

app = Celery('benchmarks.crawl.site', broker=f'{REDIS}/0')
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
esi = configure_worker(app, f'{REDIS}/1', user_agent='benchmark', cache=None)
api = App.create(f'{API}/__sandbox__/document.json')
store = redis.Redis.from_url(f'{REDIS}/2')
local = threading.local()


def keep(page: CrawlPage) -> None:
    store.hset(f'crawl:{page.run}', page.key, len(page.rows))


crawl = Crawl('market', esi.redis, lambda: esi.client, api, keep)
work = crawl.task(app, threads=1)


@app.task
def plain(number: int, region: int, page: int = 1) -> None:
    """Fetch a page as many tasks do; the first one sends the tasks of the others."""
    session: Any = getattr(local, 'session', None)
    if session is None:
        session = local.session = requests.Session()
    url = f'{API}/markets/{region}/orders'
    response = session.get(url, params={'order_type': 'all', 'page': page}, timeout=30)
    store.incr('plain:requests')
    response.raise_for_status()
    store.hset(f'plain:{number}', f'{region} {page}', len(response.json()))
    if page == 1:
        for other in range(2, int(response.headers['X-Pages']) + 1):
            plain.delay(number, region, other)
