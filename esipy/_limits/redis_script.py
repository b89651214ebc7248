"""Runs `ledgers.lua` in Redis, and reports when Redis fails and when it is back."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from esipy import clock
from esipy._limits.ledger import RESOLUTION
from esipy._runtime import fork
from esipy._runtime.redact import masked_error
from esipy._runtime.redis_client import command_of, errors_of, fail_fast_client
from esipy._runtime.resilience import CircuitBreaker
from esipy._runtime.strict_json import finite, refuse

LOGGER = logging.getLogger('esipy.limits')

#: Seconds to wait for Redis at most. Shorter timeouts of the app's client count.
TIMEOUT = 2.0

#: Seconds for which Redis is skipped after it failed.
SKIP_FOR = 1.0


class RedisScript:
    """Runs an operation in one round trip. Safe between threads, and after a fork.

    A slow Redis is used; one that fails or does not respond in time is skipped for a while.
    """

    def __init__(self, redis: Any, client: Any) -> None:
        self._errors = errors_of(redis)
        self._no_script: Any = redis.exceptions.NoScriptError
        own = fail_fast_client(redis, client, TIMEOUT)
        self._command = command_of(redis, own)
        self._text = files('esipy._limits').joinpath('ledgers.lua').read_text('utf-8')
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()
        self._breaker = CircuitBreaker(SKIP_FOR)
        self._is_away = False
        pool = getattr(own, 'connection_pool', None)
        self._max_connections = min(getattr(pool, 'max_connections', 1000), 1000)
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        #: As many threads as Redis may have connections. The others wait here rather than for the pool, which would
        #: give up after a time: that Redis is slow does not mean that it is gone.
        self._free = threading.BoundedSemaphore(self._max_connections)

    def run(self, operation: str, keys: Sequence[str], arguments: Sequence[Any] = (), settlements: bytes = b'') -> Any:
        """Return the result of an operation of `ledgers.lua`, or None while Redis cannot be used. `keys`: of one
        server, which is one slot of a cluster. `settlements`: in the form of SETTLEMENT there."""
        while not self._breaker.is_open:
            if self._free.acquire(timeout=0.1):
                try:
                    return self._run(keys, _encode((operation, arguments, RESOLUTION, clock.offset())), settlements)
                finally:
                    self._free.release()
        return None

    def _run(self, keys: Sequence[str], *arguments: str | bytes) -> Any:
        if self._breaker.is_open:  # since this thread began to wait
            return None
        if self._is_away:
            self._breaker.open()  # this thread tries whether Redis is back; the others skip it meanwhile
        try:
            result = _result(self._evaluate(len(keys), *keys, *arguments))
        except self._errors as error:
            self._breaker.open()
            if not self._is_away:
                self._is_away = True
                LOGGER.warning(
                    'Redis is not available (%s); until it is, this process counts for the rate limits alone',
                    masked_error(error),
                )
            return None
        if self._is_away:
            self._is_away = False
            self._breaker.close()
            LOGGER.warning('Redis is available again: processes share their rate limits')
        return result

    def _evaluate(self, *arguments: Any) -> Any:
        try:
            return self._command('EVALSHA', self._digest, *arguments)
        except self._no_script:
            return self._command('EVAL', self._text, *arguments)


def _result(reply: Any) -> Any:
    """Return the result in a reply. Raises ValueError for a reply that the script does not give."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    result = _decode(text) if isinstance(text, str) else None
    if not isinstance(result, (dict, bool)):
        raise ValueError('this is not the reply of the script')
    return result


# Made once: json.dumps and json.loads make one for each text, unless it is the default.
_encode = json.JSONEncoder(separators=(',', ':')).encode
_decode = json.JSONDecoder(parse_constant=refuse, parse_float=finite).decode
