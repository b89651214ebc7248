"""Which Redis an app uses: that of its broker for tasks that wait, and `esipy_redis_url` for what workers share."""

from __future__ import annotations

import threading
import weakref
from functools import lru_cache
from importlib.resources import files
from typing import Any

import redis
from kombu import Connection

from esipy._runtime import fork
from esipy._runtime.redis_client import fail_fast_client
from esipy.contrib.celery._messages import TaskMessage
from esipy.exceptions import ConfigError

#: Seconds to wait for Redis at most. Shorter timeouts of the app's own settings count.
TIMEOUT = 2.0

#: What a Redis that cannot be used raises.
REDIS_ERRORS = (redis.RedisError, OSError)


def is_broken(error: BaseException) -> bool:
    """Return whether an error of Redis will be the same again: somebody has changed what esipy stored there, so that
    a key is of another kind, or a script cannot read it. A Redis that restarts or is full says something else."""
    if not isinstance(error, redis.ResponseError):
        return False
    return str(error).startswith('WRONGTYPE') or 'user_script' in str(error)


#: Kombu's own default: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
VISIBILITY_TIMEOUT = 3600.0

#: Microseconds after which a slot has been missed. The task takes a new one, so that not all that missed theirs while
#: no worker ran come at once.
MISSED = 1_000_000

#: Microseconds: longer than anything waits.
_ENDLESS = 10**15


def broker_of(app: Any) -> str:
    """Return what kind of broker an app has: 'redis', 'memory', 'amqp', …. Nothing is connected for it."""
    url = app.conf.broker_write_url
    return _kind_of(url[0] if isinstance(url, list) else url)


@lru_cache
def _kind_of(url: str | None) -> str:
    return str(Connection(url).transport.driver_type)


def check_broker(app: Any) -> None:
    """Raise ConfigError if the broker of an app is not Redis."""
    broker = broker_of(app)
    if broker != 'redis':
        raise ConfigError(
            f'the broker of the app is {broker}, not Redis; tasks that wait for a rate limit need Redis, which all '
            'workers share: set broker_url to redis://…'
        )


class Connections:
    """The Redis of one app, in one process. Safe between threads."""

    def __init__(self, app: Any) -> None:
        check_broker(app)
        conf = app.conf
        url = conf.get('esipy_redis_url')
        self.prefix: str = conf.get('esipy_prefix') or 'esipy'
        self._connection = app.connection_for_write()
        #: Kombu's view of the broker: how it writes messages and names queues.
        self.channel = self._connection.channel()
        broker = fail_fast_client(redis, redis.Redis(connection_pool=self.channel.pool), TIMEOUT)
        shared = fail_fast_client(redis, redis.Redis.from_url(url), TIMEOUT) if url else broker
        options = conf.broker_transport_options or {}
        #: Milliseconds for which the broker may deliver a message again that was not acknowledged.
        self._remember = round(2000 * float(options.get('visibility_timeout') or VISIBILITY_TIMEOUT))
        self._buckets = shared.register_script(_script('_buckets.lua'))
        self._waiting = broker.register_script(_script('_waiting.lua'))
        start = f'{self.channel.global_keyprefix}{self.prefix}:tasks:'
        self._keys = [start + name for name in ('due', 'messages', 'down', 'used', 'held:', 'waited:')]
        self._broker = broker

    # ------------------------------------------------------------------ buckets

    def reserve(self, bucket: str, spacing: int, slot: int) -> tuple[int, int]:
        """Return the slot of a task and the microseconds until then. It takes the next one if `slot` is 0 or past."""
        return self._run_script('reserve', bucket, spacing, slot, _ENDLESS)

    def start(self, bucket: str, spacing: int, slot: int, patience: int = _ENDLESS) -> tuple[int, int]:
        """Return the slot of a task and the microseconds until it may start; 0: it is started. No slot is taken that is
        more than `patience` microseconds away; the one returned is 0."""
        return self._run_script('start', bucket, spacing, slot, patience)

    def _run_script(self, operation: str, bucket: str, spacing: int, slot: int, patience: int) -> tuple[int, int]:
        key = f'{self.prefix}:tasks:rate:{bucket}'
        slot, wait = self._buckets([key], [operation, spacing, slot, MISSED, patience])
        return int(slot), int(wait)

    # ------------------------------------------------------------------ tasks that wait

    def add(self, message: TaskMessage, wait: int) -> bool:
        """Store a message for `wait` microseconds. Returns False, with nothing stored, if it is an old copy of a
        message that has waited already."""
        return bool(self._run('add', message.run, wait, *self._stored(message)))

    def hold(self, message: TaskMessage, task: str, server: str, probe_every: int) -> bool:
        """Store a message of a task until a server is up. Every `probe_every` microseconds, one of those that wait for
        the server goes back to its queue, to find out. Returns False as `add` does."""
        return bool(self._run('hold', server, task, probe_every, message.run, *self._stored(message)))

    def _stored(self, message: TaskMessage) -> tuple[int, int, int, str]:
        is_redelivered, text = int(message.is_redelivered), f'{message.queue_key}\n{message.text}'
        return message.times, is_redelivered, self._remember, text

    def times_waited(self, run: str) -> int:
        """Return how often a run of a task has waited, as far as it is remembered."""
        return int(self._broker.get(self._keys[-1] + run) or 0)

    def server_of(self, task: str, run: str) -> str:
        """Return the server that is down and for which a run of a task must wait; '' if it need not."""
        return str(self._run('server_of', task, run).decode())

    def up(self, server: str) -> None:
        """The server is up: let all tasks that wait for it go on."""
        self._run('up', server)

    def release(self, lead: int, limit: int) -> tuple[int, int]:
        """Put messages that are due within `lead` microseconds back into their queues, `limit` at most. Returns how
        many there were, and the microseconds until the next one is due; -1: there is none."""
        count, following = self._run('release', lead, limit)
        return int(count), int(following)

    def waiting(self) -> int:
        """Return how many tasks wait."""
        return int(self._broker.hlen(self._keys[1]))

    def _run(self, operation: str, *arguments: object) -> Any:
        return self._waiting(self._keys, [operation, *arguments])


def _script(name: str) -> str:
    return files('esipy.contrib.celery').joinpath(name).read_text('utf-8')


class _OfApps:
    """The connections of each app in this process: a forked child must not use those of its parent."""

    def __init__(self) -> None:
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._connections: weakref.WeakKeyDictionary[Any, Connections] = weakref.WeakKeyDictionary()

    def get(self, app: Any) -> Connections:
        with self._lock:
            found = self._connections.get(app)
            if found is None:
                found = self._connections[app] = Connections(app)
            return found


_of_apps = _OfApps()


def connections(app: Any) -> Connections:
    """Return the connections of an app in this process.

    Raises ConfigError if the broker is not Redis, and the errors of kombu and redis-py if it cannot be reached.
    """
    return _of_apps.get(app)


def waiting_tasks(app: Any) -> int:
    """Return how many tasks of a Celery app wait for a rate limit, or for a server that is down. They are in no queue.

    Raises ConfigError if the broker is not Redis, and redis-py's errors if it cannot be reached.
    """
    return connections(app).waiting()
