"""configure_worker: what the processes of a Celery app share, on one Redis."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import redis
from celery import bootsteps
from celery.signals import worker_process_shutdown, worker_shutdown, worker_shutting_down

from esipy._cache.base import BaseCache, DummyCache
from esipy._cache.memory import DictCache
from esipy._cache.redis import RedisCache
from esipy._limits.base import Limits
from esipy._limits.memory import SHARED, MemoryLimits
from esipy._limits.redis import RedisLimits
from esipy._runtime.redact import masked_address
from esipy._stores.redis import RedisLock, RedisTokens
from esipy.client import EsiClient
from esipy.contrib.celery._process_client import ProcessClient
from esipy.events import advise
from esipy.exceptions import ConfigError

if TYPE_CHECKING:
    from typing import Unpack

    from esipy._call.client_options import ClientOptions

#: Pools that run tasks in other processes than the one that starts them.
_FORKING_POOLS = ('prefork', 'processes')


def configure_worker(
    app: Any, /, redis_url: str | None, *, security: Any = None, prefix: str = 'esipy', **options: Unpack[ClientOptions]
) -> WorkerSetup:
    """Return what the tasks of a Celery app use, so that all workers share one cache and one count of the rate limits::

        esi = configure_worker(app, 'redis://127.0.0.1:6379/1', user_agent='MySite/1.0 (me@example.com)')

        @app.task
        def update():
            esi.client.request(…)

    Call it in the module of the app, for workers and web processes alike. `redis_url`: a Redis for the cache, the rate
    limits, tokens and their locks, and the buckets of `rate_limited_task`; it warns if this is the database of the
    broker. None: there is only one process, which keeps them in memory. `prefix`: that of all keys. `security`: an
    EsiSecurity, or what EsiClient accepts. `options`: those of EsiClient.

    A worker with several processes does not start if something that they have to share is in memory: ConfigError.
    """
    setup = WorkerSetup(redis_url, security, prefix, options)
    if redis_url is not None:
        app.conf.esipy_redis_url = redis_url
        if _database(redis_url) in {_database(url) for url in _urls(app.conf.broker_write_url)}:
            advise(
                f'{masked_address(redis_url)} is also the database of the broker, where the cache may cause '
                'Redis to evict messages of tasks; use a database or a server of its own, such as '
                'redis://127.0.0.1:6379/1'
            )
    app.conf.esipy_prefix = prefix
    app.steps['worker'].add(_step(setup))
    worker_shutting_down.connect(setup._on_shutting_down, weak=False)
    worker_process_shutdown.connect(setup._on_shutdown, weak=False)
    worker_shutdown.connect(setup._on_shutdown, weak=False)
    return setup


class WorkerSetup:
    """What `configure_worker` returns. Safe between threads, and in forked processes.

    `client`: the EsiClient of this process. `cache`, `limits`: the client's. `tokens`: a store for the tokens of
    characters, and `lock`: a lock for apps that store tokens elsewhere (`EsiSecurity(lock=…)`); both need a Redis.
    `stopping`: an event that is set when the worker shuts down, for tasks that take long.
    """

    def __init__(self, redis_url: str | None, security: Any, prefix: str, options: ClientOptions) -> None:
        self.security = security
        self.redis: redis.Redis | None = None if redis_url is None else redis.Redis.from_url(redis_url)
        if self.redis is None:
            shared: ClientOptions = {'cache': DictCache(), 'limits': SHARED}
        else:
            shared = {
                'cache': RedisCache(self.redis, prefix=f'{prefix}:cache:'),
                'limits': RedisLimits(self.redis, prefix=prefix),
            }
        self._options: ClientOptions = {**shared, **options}
        self._prefix = prefix
        self.stopping = threading.Event()
        self._client = ProcessClient(lambda: EsiClient(self.security, **self._options))

    @property
    def client(self) -> EsiClient:
        """The client of this process, made when it is first used."""
        return self._client.get()

    @property
    def cache(self) -> BaseCache | None:
        """The cache that all workers share."""
        return self._options.get('cache')

    @property
    def limits(self) -> Limits | None:
        """The rate limits that all workers share."""
        return self._options.get('limits')

    @property
    def tokens(self) -> RedisTokens:
        """A token store in the Redis that all workers share."""
        return RedisTokens(self._needed_redis('tokens'), self._prefix)

    @property
    def lock(self) -> RedisLock:
        """A lock for token refreshes in the Redis that all workers share."""
        return RedisLock(self._needed_redis('lock'), self._prefix)

    def _needed_redis(self, what: str) -> redis.Redis:
        if self.redis is None:
            raise ConfigError(
                f'WorkerSetup.{what} needs a Redis, through which processes share it: pass redis_url to '
                'configure_worker()'
            )
        return self.redis

    def check_is_shared(self) -> None:
        """Raise ConfigError if what several processes have to share is in the memory of each."""
        for name, value in (('cache', self.cache), ('limits', self.limits)):
            if isinstance(value, (DictCache, MemoryLimits)) and not isinstance(value, DummyCache):
                raise ConfigError(
                    f'{name} is a {type(value).__name__}, which the processes of this worker do not share; pass '
                    f'redis_url to configure_worker() and leave {name} out, or run one process (--pool threads)'
                )

    def _on_shutting_down(self, **_: Any) -> None:
        self.stopping.set()

    def _on_shutdown(self, **_: Any) -> None:
        self.stopping.set()
        self._client.close()


def _step(setup: WorkerSetup) -> type[bootsteps.Step]:
    """Return a part of a worker that checks the setup when the worker starts."""

    class Check(bootsteps.Step):  # type: ignore[misc]  # Celery has no types
        name = f'esipy.{id(setup):x}'
        requires = ('celery.worker.components:Pool',)

        def create(self, worker: Any) -> None:
            if any(name in str(worker.pool_cls) for name in _FORKING_POOLS):
                setup.check_is_shared()

    return Check


def _urls(broker: str | list[str] | None) -> list[str]:
    urls = broker if isinstance(broker, list) else [broker or '']
    return [one for url in urls for one in url.split(';')]


def _database(url: str) -> tuple[str, str]:
    """Return what tells a database of Redis from others: its server, and its number."""
    address = urlsplit(url)
    if 'redis' not in address.scheme or address.hostname is None:
        return address.scheme, address.path  # a socket, or not Redis
    host = 'localhost' if address.hostname in ('127.0.0.1', '::1') else address.hostname
    return f'{host}:{address.port or 6379}', address.path.strip('/') or '0'
