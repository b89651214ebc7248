"""An app whose workers crawl the sandbox."""

import json
import os

from celery import Celery

from esipy import App
from esipy.contrib.celery import Crawl, JsonLines, configure_worker

REDIS = os.environ['ESIPY_TEST_REDIS']
settings = json.loads(os.environ['ESIPY_TEST_CONF'])
app = Celery('tests.celery.crawl_app', broker=REDIS)
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
esi = configure_worker(app, f'{REDIS.rpartition("/")[0]}/1', user_agent='tests')
api = App.create(settings['document'])
crawl = Crawl('market', esi.redis, lambda: esi.client, api, JsonLines(settings['directory']), lease=2.0)  # type: ignore[arg-type]
work = crawl.task(app, threads=2, seconds=2.0)


def orders(regions):
    return [api.op['get_markets_region_id_orders'](region_id=region, order_type='all') for region in regions]
