"""configure_worker: one Redis for what workers share."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from esipy import App
from esipy.cache import DictCache, RedisCache
from esipy.contrib.celery import configure_worker
from esipy.exceptions import ConfigError
from esipy.limits import MemoryLimits, RedisLimits
from esipy.sandbox import Sandbox
from esipy.stores import Tokens
from tests.celery.conftest import ROOT, Site


def celery_app(broker: str) -> Celery:
    return Celery('tests', broker=broker, set_as_current=False)


def test_all_that_is_shared_is_under_one_prefix(site: Site) -> None:
    app = celery_app(site.url)
    esi = configure_worker(app, f'{site.url[:-1]}3', prefix='my-site', user_agent='tests')
    assert isinstance(esi.cache, RedisCache)
    assert isinstance(esi.limits, RedisLimits)
    with Sandbox() as sandbox, esi.client as client:
        assert client is esi.client
        assert client.request(App.create(sandbox.document).op['get_status']()).status == 200
    esi.tokens.set(Tokens('app', 1, 'refresh', None, 0.0, ()))
    with esi.lock('a lock'):
        keys: Any = esi.redis.keys('*') if esi.redis is not None else []
    assert len(keys) >= 4
    assert {key.decode().partition(':')[0] for key in keys} == {'my-site'}
    assert app.conf.esipy_redis_url == f'{site.url[:-1]}3'
    assert site.redis.keys('*') == []


@pytest.mark.parametrize(
    ('broker', 'url', 'is_the_same'),
    [
        ('redis://localhost:6379/0', 'redis://127.0.0.1', True),
        ('redis://localhost', 'redis://:secret@localhost:6379/0', True),
        ('redis://a;redis://b/2', 'redis://b/2', True),
        ('redis+socket:///run/redis.sock', 'unix:///run/other.sock', False),
        ('redis://localhost/0', 'redis://localhost/1', False),
        ('redis://a', 'redis://b', False),
        ('amqp://a', 'redis://a', False),
    ],
)
def test_the_database_of_the_broker_is_warned_of(broker: str, url: str, is_the_same: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        configure_worker(celery_app(broker), url, user_agent='tests')
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == is_the_same
    assert 'secret' not in ''.join(texts)


@pytest.mark.parametrize('options', [{'cache': DictCache()}, {'limits': MemoryLimits()}])
def test_what_processes_do_not_share_is_an_error(options: Any) -> None:
    esi = configure_worker(celery_app('redis://a'), 'redis://b', user_agent='tests', **options)
    with pytest.raises(ConfigError, match=f'{next(iter(options))} is a .* leave .* out, or run one process'):
        esi.check_is_shared()


def test_without_redis_there_are_no_shared_tokens() -> None:
    esi = configure_worker(celery_app('redis://a'), None, user_agent='tests')
    assert isinstance(esi.limits, MemoryLimits)
    with pytest.raises(ConfigError, match=r'WorkerSetup\.tokens needs a Redis, .* pass redis_url'):
        _ = esi.tokens
    with pytest.raises(ConfigError, match=r'WorkerSetup\.lock needs a Redis, .* pass redis_url'):
        _ = esi.lock


@pytest.mark.parametrize(('pool', 'starts'), [('prefork', False), ('threads', True)])
def test_a_worker_with_processes_needs_redis(site: Site, tmp_path: Path, pool: str, starts: bool) -> None:
    module = tmp_path / 'alone.py'
    module.write_text(
        'import os, celery\n'
        'from esipy.contrib.celery import configure_worker\n'
        "app = celery.Celery('alone', broker=os.environ['ESIPY_TEST_REDIS'])\n"
        "esi = configure_worker(app, None, user_agent='tests')\n"
        '@celery.signals.worker_ready.connect(weak=False)\n'
        'def ready(sender, **_):\n'
        "    print('it has started', flush=True)\n"
        '    os._exit(0)\n'
    )
    path = f'{tmp_path}{os.pathsep}{ROOT}'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'celery', '-A', 'alone', 'worker', '--pool', pool, '--concurrency', '2'],
        env={**site.environment(), 'PYTHONPATH': path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ('it has started' in done.stdout + done.stderr) == starts, done.stderr
    if not starts:
        assert done.returncode
        assert 'ConfigError' in done.stderr
        assert 'pass redis_url to configure_worker()' in done.stderr


def test_a_forked_process_has_a_client_of_its_own(site: Site) -> None:
    esi = configure_worker(celery_app(site.url), f'{site.url[:-1]}3', user_agent='tests')
    client = esi.client
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(write, b'other' if esi.client is not client else b'same')
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 10) == b'other'
    os.close(read)
    os.close(write)
    client.close()
