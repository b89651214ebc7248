"""RedisCache: in Redis, shared by any number of machines."""

from __future__ import annotations

from typing import Any

from esipy._cache.shared import SharedCache
from esipy._runtime.lazy import missing_extra
from esipy._runtime.redis_client import check_client, command_of, fail_fast_client, place_of


class RedisCache(SharedCache):
    """Stores values in Redis. `redis_client`: a `redis.Redis` or `redis.RedisCluster`, with `decode_responses` or not.

    The client's `socket_timeout` is how long a call waits when Redis hangs (5 seconds where it has none). `secret`:
    seals every entry, so that others who can write to the database cannot forge one. `prefix`: that of all keys. Raises
    TypeError for another client.
    """

    def __init__(self, redis_client: Any, secret: str | bytes | None = None, *, prefix: str = '') -> None:
        try:
            import redis
        except ImportError as error:
            raise missing_extra('this cache', 'redis', 'redis', error) from None
        check_client(redis, redis_client)
        super().__init__(secret)
        self._r = redis_client
        self._prefix = prefix
        self._execute = command_of(redis, fail_fast_client(redis, redis_client))

    def _load(self, name: str) -> Any:
        return self._execute('GET', self._prefix + name)

    def _save(self, name: str, data: bytes, expire: int | None) -> Any:
        return self._execute('SET', self._prefix + name, data, *(() if expire is None else ('EX', expire)))

    def _add(self, name: str, data: bytes, expire: int) -> bool:
        reply = self._execute('SET', self._prefix + name, data, 'EX', expire, 'NX')
        if reply is None:
            return False
        if reply not in (True, 'OK', b'OK'):
            raise ValueError('this is not the reply of Redis to SET')
        return True

    def _delete(self, name: str) -> Any:
        return self._execute('DEL', self._prefix + name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} at {place_of(self._r)}>'
