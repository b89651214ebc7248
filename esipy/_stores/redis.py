"""RedisTokens, a token store for any number of machines, and RedisLock for apps that store tokens elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from esipy._runtime.lazy import missing_extra
from esipy._runtime.redis_client import check_client, errors_of, fail_fast_client
from esipy._stores.base import LOCK_LEASE, LOCK_WAIT, Tokens, TokenStore
from esipy._stores.record import from_text, to_text
from esipy.exceptions import TokenStoreBusyError, TokenStoreError

LOGGER = logging.getLogger('esipy.stores')


class RedisLock:
    """A lock between processes and machines: `EsiSecurity(..., lock=RedisLock(redis_client))`.

    `redis_client`: a `redis.Redis` or `redis.RedisCluster`. Called with a name, it returns a context manager that
    excludes all others. `hold`: seconds after which Redis frees the lock, since its process may have been killed.
    `wait`: seconds to wait for the lock, more than `hold`.

    Entering it raises `TokenStoreBusyError` if it is not free in time, and `TokenStoreError` if Redis is down.
    Needs the extra `redis`.
    """

    def __init__(
        self, redis_client: Any, prefix: str = 'esipy', *, hold: float = LOCK_LEASE, wait: float = LOCK_WAIT
    ) -> None:
        self._server = _Server(redis_client)
        self.prefix = prefix
        self.hold = hold
        self.wait = wait

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        key = f'{self.prefix}:lock:{name}'
        # redis-py's lock has a random token, which its script compares before it releases the lock.
        lock = self._server.client.lock(key, timeout=self.hold, blocking_timeout=self.wait, thread_local=False)
        if not self._server.execute(key, lock.acquire):
            raise TokenStoreBusyError(
                f'Redis, {key}: the lock was not free within {self.wait:g} s, because another thread or process holds '
                'it: try again, or allow more time with wait='
            )
        try:
            yield
        finally:
            try:
                lock.release()
            except self._server.errors as error:  # the work in it is done
                LOGGER.warning('%s: the lock could not be released (%s); it expires by itself', key, _kind(error))

    def __repr__(self) -> str:
        return f'<RedisLock under {self.prefix!r}>'


class RedisTokens(TokenStore):
    """Stores tokens in Redis, as JSON, in a hash for each application: `esipy:tokens:<client id>`.

    `redis_client`: a `redis.Redis` or `redis.RedisCluster`, with `decode_responses` or not. `prefix`: the prefix
    of its keys. `hold`, `wait`: those of its `RedisLock`. Needs the extra `redis`.

    Use a Redis that does not lose data: with `appendonly yes` and `maxmemory-policy noeviction`, not one that is set up
    as a cache. The tokens are not encrypted: whoever can read the Redis can use them.
    """

    def __init__(
        self, redis_client: Any, prefix: str = 'esipy', *, hold: float = LOCK_LEASE, wait: float = LOCK_WAIT
    ) -> None:
        self._server = _Server(redis_client)
        self._lock = RedisLock(redis_client, prefix, hold=hold, wait=wait)
        self.prefix = prefix

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        key = self._key(client_id)
        text = self._server.execute(key, self._server.client.hget, key, str(character_id))
        if text is None:
            return None
        tokens = from_text(text)
        if tokens is None or tokens[:2] != (client_id, character_id):
            raise TokenStoreError(
                f'Redis, {key}, field {character_id}: the entry is not a record of this character: delete it, and let '
                'the character sign in again'
            )
        return tokens

    def set(self, tokens: Tokens) -> None:
        text = to_text(tokens)
        key = self._key(tokens.client_id)
        self._server.execute(key, self._server.client.hset, key, str(tokens.character_id), text)

    def delete(self, client_id: str, character_id: int) -> None:
        key = self._key(client_id)
        self._server.execute(key, self._server.client.hdel, key, str(character_id))

    def characters(self, client_id: str) -> list[int]:
        key = self._key(client_id)
        fields = self._server.execute(key, lambda: list(map(_text_of, self._server.client.hkeys(key))))
        return sorted(int(field) for field in fields if field.isascii() and field.isdigit() and len(field) < 20)

    def lock(self, client_id: str, character_id: int) -> AbstractContextManager[None]:
        return self._lock(f'{client_id}:{character_id}')

    def _key(self, client_id: str) -> str:
        return f'{self.prefix}:tokens:{client_id}'

    def __repr__(self) -> str:
        return f'<RedisTokens under {self.prefix!r}>'


class _Server:
    """A Redis client whose failures are TokenStoreError."""

    def __init__(self, redis_client: Any) -> None:
        try:
            import redis
        except ImportError as error:
            raise missing_extra('this token store', 'redis', 'redis', error) from None
        check_client(redis, redis_client)
        self.errors = errors_of(redis)
        self.client: Any = fail_fast_client(redis, redis_client)

    def execute(self, key: str, command: Callable[..., Any], *args: Any) -> Any:
        """Call a command. The error does not repeat its text: Redis includes the arguments, and so the tokens."""
        try:
            return command(*args)
        except self.errors as error:
            reason = _kind(error)
        raise TokenStoreError(f'Redis, {key}: the command failed ({reason}): check the Redis server')


def _text_of(field: str | bytes) -> str:
    return field if isinstance(field, str) else field.decode('latin-1')


def _kind(error: Exception) -> str:
    """Return the class of an error, with the code that errors of Redis begin with (`WRONGTYPE`)."""
    code = str(error).partition(' ')[0]
    return f'{type(error).__name__} {code}' if code.isupper() else type(error).__name__
