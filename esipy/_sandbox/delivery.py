"""How a response is sent: at once and whole, or, with a fault, delayed, truncated, in small pieces, or not at all."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from esipy import clock
from esipy._sandbox.http_messages import Request, Response, head_of


class ClientDisconnectedError(Exception):
    """The client closed the connection."""


@dataclass
class Delivery:
    """A response and how it is sent. By default it is sent at once and whole."""

    response: Response
    #: Seconds before the first byte.
    delay: float = 0.0
    #: No response is sent: after this many seconds the connection is closed.
    hang: float | None = None
    #: How many bytes of the body are sent before the connection is closed; Content-Length is that of the whole.
    cut: int | None = None
    #: The connection is reset (TCP RST) instead of closed, before anything is sent unless `cut` says otherwise.
    reset: bool = False
    #: Seconds between two pieces of the body, and how many bytes a piece holds.
    drip: float = 0.0
    piece: int = 1
    #: Rate limit headers in place of the true ones; the value '' removes one. An empty dict removes all of them.
    limits: dict[str, str] | None = None
    #: Called once, right before the first byte, or when it is clear that none will be sent.
    before_sending: Callable[[], None] | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nothing of it is sent."""
        return self.hang is not None or (self.reset and self.cut is None)

    @property
    def is_plain(self) -> bool:
        return not (self.delay or self.reset or self.drip) and self.hang is None and self.cut is None

    def limit_headers(self, true: dict[str, str]) -> dict[str, str]:
        """Return the rate limit headers to send; `true` are those of the limits."""
        if not self.limits:
            return true if self.limits is None else {}
        return {name: value for name, value in {**true, **self.limits}.items() if value}

    def to(self, client: socket.socket, request: Request, stopping: threading.Event) -> bool:
        """Send it, and return whether the connection stays open."""
        keep_alive = request.keeps_alive
        try:
            _wait(client, self.delay, stopping)
        finally:  # a request is counted even if the client did not wait for its response
            if self.before_sending is not None:
                self.before_sending()
        if self.is_plain:
            body = b'' if request.method == 'HEAD' else self.response.body
            client.sendall(head_of(self.response, keep_alive=keep_alive) + body)
            return keep_alive
        return self._faulty(client, request, stopping, keep_alive)

    def _faulty(self, client: socket.socket, request: Request, stopping: threading.Event, keep_alive: bool) -> bool:
        if self.hang is not None:
            _wait(client, self.hang, stopping)
            return False
        if self.reset and self.cut is None:
            _reset(client)
            return False
        body = b'' if request.method == 'HEAD' else self.response.body
        sent = body if self.cut is None else body[: self.cut]
        client.sendall(head_of(self.response, keep_alive=keep_alive))
        self._send_body(client, sent, stopping)
        if self.reset:
            _reset(client)
        return keep_alive and self.cut is None

    def _send_body(self, client: socket.socket, body: bytes, stopping: threading.Event) -> None:
        if not self.drip:
            client.sendall(body)
            return
        for start in range(0, len(body), self.piece):
            _wait(client, self.drip, stopping)
            client.sendall(body[start : start + self.piece])


def _wait(client: socket.socket, seconds: float, stopping: threading.Event) -> None:
    """Wait, until the client closes the connection or the server stops."""
    end = clock.monotonic() + seconds
    while (left := end - clock.monotonic()) > 0:
        if stopping.wait(min(left, 0.05)):
            raise ClientDisconnectedError
        with contextlib.suppress(BlockingIOError):
            if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
                raise ClientDisconnectedError


def _reset(client: socket.socket) -> None:
    """Close with RST: what was sent before is lost to a client that has not read it yet."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()
