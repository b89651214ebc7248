"""RedisCache: in Redis, shared by any number of machines."""

from __future__ import annotations

import math
from typing import Any

from esipy.cache.shared import SharedCache, missing

#: Seconds, where the client would wait for ever, as those before redis-py 8 do by default.
_PATIENCE = 5.0


class RedisCache(SharedCache):
    """Keeps values in Redis. `redis_client`: a `redis.Redis` or `redis.RedisCluster`, with `decode_responses` or not.

    The client's `socket_timeout` is how long a call waits when Redis hangs (5 seconds where it has none). Raises
    TypeError for what is no client.
    """

    def __init__(self, redis_client: Any) -> None:
        try:
            import redis
        except ImportError as error:
            raise missing('redis', 'redis', error) from None
        if not isinstance(redis_client, (redis.Redis, redis.RedisCluster)):
            raise TypeError('cache must be an instance of redis.Redis')
        super().__init__()
        self._r = redis_client
        self._impatient = impatient(redis, redis_client)

    def _load(self, name: str) -> Any:
        # NEVER_DECODE is how redis-py reads dumps: bytes, whatever the client makes of texts.
        return self._impatient.execute_command('GET', name, NEVER_DECODE=True)

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        return self._impatient.set(name, data, ex=expire)

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        return bool(self._impatient.set(name, data, ex=expire, nx=True))

    def _delete(self, name: str) -> Any:
        return self._impatient.delete(name)


def impatient(redis: Any, client: Any, longest: float = math.inf) -> Any:
    """The same server by connections of our own, which do not try again and speak bytes: a cache that is down is a
    miss, now, and a store that is down an error. `longest`: seconds to wait for it at most, whatever the client says.

    redis-py repeats a broken command for seconds by default (from 6.0). A pool of another kind than redis-py's two
    plain ones knows more than its settings tell: that client is used as it is.
    """
    pool: Any = getattr(client, 'connection_pool', None)
    if type(pool) not in (redis.ConnectionPool, redis.BlockingConnectionPool):
        return client
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    patience = min(pool.connection_kwargs.get('socket_timeout') or _PATIENCE, longest)
    settings = {
        **pool.connection_kwargs,
        'socket_timeout': patience,
        'socket_connect_timeout': min(pool.connection_kwargs.get('socket_connect_timeout') or patience, longest),
        'decode_responses': False,
        'retry': Retry(NoBackoff(), 0),
        'retry_on_timeout': False,
        'retry_on_error': [],
    }
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=pool.connection_class, **settings))
