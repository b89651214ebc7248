"""Runs `ledgers.lua` in Redis, and reports when Redis fails and when it is back."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any, NoReturn

from esipy import clock
from esipy._limits.ledger import RESOLUTION
from esipy._runtime import fork
from esipy._runtime.redis_client import errors_of, fail_fast_client
from esipy._runtime.resilience import CircuitBreaker
from esipy._runtime.suggest import abridged

LOGGER = logging.getLogger('esipy.limits')

#: Seconds to wait for Redis at most. Shorter timeouts of the app's client count.
TIMEOUT = 2.0

#: Seconds for which Redis is skipped after it failed.
SKIP_FOR = 1.0

#: One operation of `ledgers.lua`: its name is `op`, the ledgers that it uses are `key` or `keys`.
Operation = dict[str, Any]


class RedisScript:
    """Runs operations in one round trip. Safe between threads, and after a fork.

    A slow Redis is used; one that fails or does not respond in time is skipped for a while.
    """

    def __init__(self, redis: Any, client: Any) -> None:
        self._errors = errors_of(redis)
        self._no_script: Any = redis.exceptions.NoScriptError
        self._client = fail_fast_client(redis, client, TIMEOUT)
        self._text = files('esipy._limits').joinpath('ledgers.lua').read_text('utf-8')
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()
        self._breaker = CircuitBreaker(SKIP_FOR)
        self._is_away = False
        pool = getattr(self._client, 'connection_pool', None)
        self._max_connections = min(getattr(pool, 'max_connections', 1000), 1000)
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        #: As many threads as Redis may have connections. The others wait here rather than for the pool, which would
        #: give up after a time: that Redis is slow does not mean that it is gone.
        self._free = threading.BoundedSemaphore(self._max_connections)

    def run(self, operations: Sequence[Operation]) -> list[Any] | None:
        """Return the result of each operation, or None while Redis cannot be used. All of one server, which is one slot
        of a cluster."""
        while not self._breaker.is_open:
            if self._free.acquire(timeout=0.1):
                try:
                    return self._run(operations)
                finally:
                    self._free.release()
        return None

    def _run(self, operations: Sequence[Operation]) -> list[Any] | None:
        if self._breaker.is_open:  # since this thread began to wait
            return None
        if self._is_away:
            self._breaker.open()  # this thread tries whether Redis is back; the others skip it meanwhile
        try:
            results = _results(self._evaluate(_keys(operations), json.dumps(operations)), len(operations))
        except self._errors as error:
            self._breaker.open()
            if not self._is_away:
                self._is_away = True
                LOGGER.warning(
                    'Redis cannot be used (%s: %s): this process counts by itself until it can',
                    type(error).__name__,
                    abridged(str(error), 200),
                )
            return None
        if self._is_away:
            self._is_away = False
            self._breaker.close()
            LOGGER.warning('Redis can be used again: processes share their rate limits')
        return results

    def _evaluate(self, keys: list[str], operations: str) -> Any:
        arguments = (len(keys), *keys, clock.offset(), RESOLUTION, operations)
        # NEVER_DECODE: bytes, whatever a client that is used as it is makes of texts.
        try:
            return self._client.execute_command('EVALSHA', self._digest, *arguments, NEVER_DECODE=True)
        except self._no_script:
            return self._client.execute_command('EVAL', self._text, *arguments, NEVER_DECODE=True)


def _results(reply: Any, count: int) -> list[Any]:
    """Return the results in a reply. Raises ValueError for a reply that the script does not give."""
    results = json.loads(reply, parse_constant=_refuse, parse_float=_finite) if isinstance(reply, bytes | str) else None
    if not isinstance(results, list) or len(results) != count:
        raise ValueError('this is not the reply of the script')
    return results


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f'the reply contains {constant}')


def _keys(operations: Iterable[Operation]) -> list[str]:
    keys: dict[str, None] = {}
    for operation in operations:
        keys.update(dict.fromkeys(operation['keys'] if 'keys' in operation else [operation['key']]))
        error_limit = operation.get('error_limit')
        if error_limit is not None:
            keys[error_limit if isinstance(error_limit, str) else error_limit['key']] = None
    return list(keys)
