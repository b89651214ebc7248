"""The tasks that the workers of the tests run. Each notes in Redis, by Redis's own clock, that it ran."""

import json
import os
import time

import redis
from celery import Celery
from celery_once import QueueOnce

from esipy.contrib.celery import rate_limited_task, retry_when_limited
from esipy.exceptions import DowntimeError, LimitedError

URL = os.environ['ESIPY_TEST_REDIS']
app = Celery('tests.celery.tasks_app', broker=URL)
app.conf.update(
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=500,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    **json.loads(os.environ.get('ESIPY_TEST_CONF', '{}')),
    ONCE={'backend': 'celery_once.backends.Redis', 'settings': {'url': URL, 'default_timeout': 3600}},
)
store = redis.Redis.from_url(URL)


def note(key, *values):
    """Append the time and the values to a list."""
    seconds, microseconds = store.time()
    store.rpush(key, json.dumps([seconds + microseconds / 1_000_000, *values]))


@app.task
def plain(number):
    note('plain', number)


@app.task(bind=True)
@rate_limited_task('10/s')
def ten_a_second(self, number):
    note('ten_a_second', number)


@app.task(bind=True)
@rate_limited_task('3/s')
def three_a_second(self, number):
    note('three_a_second', number)


@app.task(bind=True)
@rate_limited_task('100/m')
def hundred_a_minute(self, number):
    note('hundred_a_minute', number)


@app.task(bind=True)
@rate_limited_task('4/s', keys=['corporation'])
def keyed(self, number, corporation=1):
    note(f'keyed:{corporation}', number)


@app.task(bind=True, base=QueueOnce, once={'graceful': True}, max_retries=1)
@rate_limited_task('50/s')
def once(self, number):
    note('once', number, self.request.retries)


@app.task(bind=True)
@rate_limited_task('20/s')
def with_request(self, number):
    request = self.request
    priority = request.delivery_info['priority']
    note('with_request', number, request.id, request.retries, priority, request.delivery_info['routing_key'])
    note('headers', (request.headers or {}).get('x-trace'), request.root_id, request.parent_id)


@app.task(bind=True, max_retries=1)
@rate_limited_task('20/s')
def fails_once(self, number):
    note('fails_once', number, self.request.retries)
    if not self.request.retries:
        raise self.retry(countdown=0)


@app.task(bind=True, acks_late=True)
@rate_limited_task('1/2s')
def slow(self, number):
    note('slow', number)


@app.task(bind=True, base=QueueOnce, once={'graceful': False}, max_retries=1)
@retry_when_limited
def limited_twenty_times(self, number):
    note('limited', number, self.request.retries)
    if store.incr(f'limited:{number}') <= 20:
        raise LimitedError('https://esi.example/x', 429, retry_after=0.0)
    note('limited:done', number, self.request.retries)


@app.task(bind=True)
@retry_when_limited(probe_every=0.5)
def meets_downtime(self, number):
    note('tried', number)
    if store.exists('down'):
        raise DowntimeError('https://esi.example/x', 503)
    note('meets_downtime', number)


@app.task
def sleeps(number, seconds):
    time.sleep(seconds)
    note('sleeps', number)


def hides(function):
    """A decorator that does not say what it decorates."""

    def run(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    return run


@app.task(bind=True, name='hidden')
@hides
@rate_limited_task('10/s')
def hidden(self, number):
    note('hidden', number)


@app.task(bind=True, name='both')
@retry_when_limited(probe_every=0.5)
@rate_limited_task('10/s')
def both(self, number):
    if store.incr(f'both:{number}') == 1:
        raise LimitedError('https://esi.example/x', 429, retry_after=0.3)
    note('both', number)


@app.task(bind=True, name='both_in_the_other_order')
@rate_limited_task('10/s', keys=['number'])
@retry_when_limited(probe_every=0.5)
def both_in_the_other_order(self, number):
    if store.incr(f'order:{number}') == 1:
        raise DowntimeError('https://other.example/x', 503)
    note('order', number)
