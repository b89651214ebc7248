"""A client of redis-py that fails fast: for caches, stores and limits, none of which may hold up a call for long."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from esipy._runtime.bounded_socket import Bounded, BoundedSocket

#: Seconds to wait for Redis where the app's client sets no limit; before redis-py 8 it waits for ever by default.
DEFAULT_TIMEOUT = 5.0

#: Up to so many connections, threads wait for a free one; a pool that allows more is as good as unlimited.
_MANY_CONNECTIONS = 1000


def check_client(redis: Any, client: Any) -> None:
    """Raise TypeError for what is not a client of redis-py."""
    if not isinstance(client, (redis.Redis, redis.RedisCluster)):
        raise TypeError(f'redis_client must be a redis.Redis or a redis.RedisCluster, not {type(client).__name__}')


def errors_of(redis: Any) -> tuple[type[Exception], ...]:
    """Return what redis-py raises where Redis is away, and where something else responds, or something malicious: then
    it fails anywhere."""
    own = redis.RedisError, redis.exceptions.RedisClusterException
    return (*own, OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError, MemoryError)


def fail_fast_client(redis: Any, client: Any, max_timeout: float = math.inf) -> Any:
    """Return a client of the same server that repeats nothing and returns bytes, whatever the app's client does. What
    it reads for one command is bounded in time and size, whatever is sent to it.

    redis-py repeats a broken command for seconds by default (from 6.0), which is too long for a cache that can count as
    a miss. The client has a pool of its own with the settings of the app's, `max_connections` among them: where all
    connections are in use, a thread waits for one. `max_timeout`: seconds to wait for Redis at most. A pool of another
    kind than redis-py's two plain ones does more than its settings show: such a client is returned as it is.
    """
    pool: Any = getattr(client, 'connection_pool', None)
    if type(pool) not in (redis.ConnectionPool, redis.BlockingConnectionPool):
        return client
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    timeout = min(pool.connection_kwargs.get('socket_timeout') or DEFAULT_TIMEOUT, max_timeout)
    connect_timeout = pool.connection_kwargs.get('socket_connect_timeout') or timeout
    settings = {
        **pool.connection_kwargs,
        'socket_timeout': timeout,
        'socket_connect_timeout': min(connect_timeout, max_timeout),
        'decode_responses': False,
        'retry': Retry(NoBackoff(), 0),
        'retry_on_timeout': False,
        'retry_on_error': [],
        'connection_class': _bounded_connection(pool.connection_class),
        'max_connections': pool.max_connections,
    }
    kind = _bounded_client(redis)
    if pool.max_connections > _MANY_CONNECTIONS:
        return kind(connection_pool=redis.ConnectionPool(**settings))
    return kind(connection_pool=redis.BlockingConnectionPool(**settings, timeout=timeout))


@lru_cache
def _bounded_connection(kind: Any) -> Any:
    """Return a class of connections whose sockets are bounded (`_connect`, read in redis-py 5.0 and 8.1)."""
    return type(kind.__name__, (kind,), {'_connect': lambda self: BoundedSocket(kind._connect(self))})


@lru_cache(maxsize=1)
def _bounded_client(redis: Any) -> Any:
    class Redis(redis.Redis):  # type: ignore[misc]  # its methods have types of their own
        """A client each of whose commands is bounded."""

        def execute_command(self, *arguments: Any, **options: Any) -> Any:
            with Bounded(self.connection_pool.connection_kwargs['socket_timeout']):
                return super().execute_command(*arguments, **options)

    return Redis


def command_of(redis: Any, client: Any) -> Callable[..., Any]:
    """Return a function that sends a command as a client of `fail_fast_client` does, and returns the reply in bytes.

    It takes a connection of the client's pool, and leaves out what `execute_command` does to repeat a command and to
    measure it: a fifth of the time of a round trip. Clients of another kind know better where to send a command, and
    redis-py 5 wants to know it before it gives away a connection.
    """
    pool: Any = getattr(client, 'connection_pool', None)
    if type(pool) not in (redis.ConnectionPool, redis.BlockingConnectionPool) or redis.VERSION < (6,):
        return partial(client.execute_command, NEVER_DECODE=True)

    seconds = pool.connection_kwargs['socket_timeout']

    def command(*arguments: Any) -> Any:
        with Bounded(seconds):
            connection = pool.get_connection()
            try:
                connection.send_command(*arguments)
                return connection.read_response(disable_decoding=True)
            except BaseException:  # Ctrl-C too: the next command must not read the reply of this one
                connection.disconnect()
                raise
            finally:
                pool.release(connection)

    return command


def place_of(client: Any) -> str:
    """Return where a client's server is, for people: 'localhost:6379/0'. Its settings hold a password too."""
    settings = getattr(getattr(client, 'connection_pool', None), 'connection_kwargs', None)
    if not isinstance(settings, dict):
        return 'a cluster'
    if settings.get('path'):
        return str(settings['path'])
    return f'{settings.get("host", "localhost")}:{settings.get("port", 6379)}/{settings.get("db") or 0}'
