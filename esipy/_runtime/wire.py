"""Redis by connections of our own: they do not wait for long, try nothing again, speak bytes, and send commands whose
answers nobody waits for.

https://redis.io/docs/latest/develop/using-commands/pipelining/
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from typing import Any

from esipy._runtime import fork
from esipy._runtime.redis_client import fail_fast_client

#: So many answers may wait in a connection.
_OWED = 16


class Wire:
    """Commands to the server of a client of redis-py, as bytes. Safe between threads; a forked child makes connections
    of its own. `longest`: seconds to wait at most. A client that is not plain (see `fail_fast_client`) is used as it
    is."""

    def __init__(self, redis: Any, client: Any, longest: float = math.inf) -> None:
        self._refused: Any = redis.exceptions.ResponseError
        self._broken: Any = (redis.exceptions.ConnectionError, OSError)
        self._late: Any = redis.exceptions.TimeoutError
        self._client = fail_fast_client(redis, client, longest)
        self._is_plain = self._client is not client
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        #: Connections that nobody uses, and how many answers each of them owes.
        self._free: deque[tuple[Any, int]] = deque()

    def ask(self, *command: Any) -> Any:
        """The answer to a command. Raises redis-py's errors."""
        if self._is_plain:
            return self._send(command, waits=True)
        # NEVER_DECODE is how redis-py reads dumps: bytes, whatever the client makes of texts.
        return self._client.execute_command(*command, NEVER_DECODE=True)

    def tell(self, *command: Any) -> None:
        """Send a command. What Redis says to it is read before the next answer of the same connection, and not looked
        at. Raises redis-py's errors where it cannot be sent."""
        if self._is_plain:
            self._send(command, waits=False)
        else:
            self._client.execute_command(*command)

    def _send(self, command: tuple[Any, ...], waits: bool) -> Any:
        while True:
            try:
                connection, owed = self._free.pop()
            except IndexError:
                connection, owed = self._made(), -1
            is_new, owed, answer = owed < 0, max(owed, 0), None
            try:
                connection.send_packed_command([_packed(command)], check_health=False)  # which would read what is owed
                if waits or owed >= _OWED:
                    for _ in range(owed):
                        with suppress(self._refused):
                            connection.read_response()
                    owed = 0
                if waits:
                    answer = connection.read_response()
            except self._refused:
                self._free.append((connection, 0))
                raise
            except BaseException as error:
                connection.disconnect()
                # Redis closes what was idle for long, and all when it is started again: the others are dead as well.
                if is_new or isinstance(error, self._late) or not isinstance(error, self._broken):
                    raise
                self.close()
                continue
            self._free.append((connection, owed if waits else owed + 1))
            return answer

    def _made(self) -> Any:
        pool = self._client.connection_pool
        return pool.connection_class(**pool.connection_kwargs)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._free:
            with suppress(IndexError):  # another thread took it
                self._free.pop()[0].disconnect()


def _packed(command: tuple[Any, ...]) -> bytes:
    """A command in the words of Redis; redis-py takes several times as long for what it allows besides.
    https://redis.io/docs/latest/develop/reference/protocol-spec/"""
    words = [
        *command[0].encode().split(),
        *(word if type(word) is bytes else str(word).encode() for word in command[1:]),
    ]
    return b'*%d\r\n' % len(words) + b''.join([b'$%d\r\n%b\r\n' % (len(word), word) for word in words])
