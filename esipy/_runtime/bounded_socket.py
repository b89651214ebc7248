"""Bounds what a server beside the call may do to it: a Redis or memcached that sends byte by byte, or without end.

The timeout of a socket starts again with every byte, and client libraries read whatever length a server announces. So
their sockets are wrapped: within `with Bounded(seconds):` all that this thread reads from them is over in so many
seconds, and is of at most MAX_REPLY bytes.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from esipy import clock

#: Bytes that are read for one command: a response of `max_body` and its headers, twice.
MAX_REPLY = 128 * 2**20

#: Bytes that are read at once, whatever length a server announces.
_CHUNK = 65_536

#: A new connection needs several replies before the first command: it has so many times the seconds of a command.
_NEW_CONNECTION = 4


class _ThisThread(threading.local):
    """What is left to this thread. `seconds`: of a command, 0 outside of `Bounded`; `until`: when it has to be over, by
    `clock.monotonic`, 0 before anything is sent; `left`: bytes."""

    seconds = 0.0
    until = 0.0
    left = 0


_this_thread = _ThisThread()


class Bounded:
    """`with Bounded(seconds):` bounds what this thread reads from each BoundedSocket. It does not nest."""

    __slots__ = ('_seconds',)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        _this_thread.seconds = self._seconds
        _this_thread.until = 0.0
        _this_thread.left = MAX_REPLY

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _this_thread.seconds = 0.0


class BoundedSocket:
    """A socket in place of another one. Outside of `Bounded` it does as that one does."""

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self._timeout: float | None = sock.gettimeout()
        if _this_thread.seconds:
            _this_thread.until = clock.monotonic() + _this_thread.seconds * _NEW_CONNECTION

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._socket.settimeout(seconds)

    def connect(self, address: Any) -> None:
        self._begin()
        self._socket.connect(address)

    def sendall(self, data: Any) -> None:
        self._begin()
        self._socket.sendall(data)

    def recv(self, size: int, *flags: int) -> bytes:
        if not self._begin():
            data: bytes = self._socket.recv(size, *flags)
            return data
        data = self._socket.recv(min(size, _CHUNK), *flags)
        _count(len(data))
        return data

    def recv_into(self, buffer: Any, *options: int) -> int:
        is_bounded = self._begin()
        size: int = self._socket.recv_into(buffer, *options)
        if is_bounded:
            _count(size)
        return size

    def _begin(self) -> bool:
        """Set the timeout of what is done next. Return whether it is bounded; raise TimeoutError if no time is left."""
        seconds, timeout = _this_thread.seconds, self._timeout
        if not seconds or timeout == 0:  # 0: the library looks whether there is anything to read
            self._socket.settimeout(timeout)
            return False
        now = clock.monotonic()
        if not _this_thread.until:
            _this_thread.until = now + seconds
        left = _this_thread.until - now
        if left <= 0:
            raise TimeoutError('the reply was not complete in time')
        self._socket.settimeout(min(left, seconds if timeout is None else timeout))
        return True


def _count(size: int) -> None:
    _this_thread.left -= size
    if _this_thread.left < 0:
        raise OSError(f'the reply is larger than {MAX_REPLY} bytes')
