"""How an answer goes out: at once and whole, or as a fault wants it: late, torn, drop by drop, or not at all."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from esipy import clock
from esipy._sandbox.wire import Reply, Request, head_of


class Gone(Exception):
    """The client hung up."""


@dataclass
class Delivery:
    """An answer and what happens to it on its way. The defaults deliver it at once and whole."""

    reply: Reply
    #: Seconds before the first byte.
    delay: float = 0.0
    #: No answer at all: for so many seconds, then the connection is closed.
    hang: float | None = None
    #: How many bytes of the body go out before the connection is closed; the length claims all of them.
    cut: int | None = None
    #: The connection is reset (TCP RST) instead of closed, before anything is sent unless `cut` says otherwise.
    reset: bool = False
    #: Seconds between two pieces of the body, and how many bytes a piece holds.
    drip: float = 0.0
    piece: int = 1
    #: What to say of the limits in place of the truth: these headers, '' to leave one out; nothing of them where empty.
    limits: dict[str, str] | None = None
    #: Called once, right before the first byte, or when it is clear that none will follow.
    on_its_way: Callable[[], None] | None = None

    @property
    def is_silent(self) -> bool:
        """Not one byte of it goes out."""
        return self.hang is not None or (self.reset and self.cut is None)

    @property
    def is_plain(self) -> bool:
        return not (self.delay or self.reset or self.drip) and self.hang is None and self.cut is None

    def limits_told(self, true: dict[str, str]) -> dict[str, str]:
        """What the answer says of the limits."""
        if not self.limits:
            return true if self.limits is None else {}
        return {name: value for name, value in {**true, **self.limits}.items() if value}

    def to(self, client: socket.socket, request: Request, stopping: threading.Event) -> bool:
        """Send it. True if the connection can go on."""
        keep_alive = request.keeps_alive
        try:
            _wait(client, self.delay, stopping)
        finally:  # the work is done and counted, even for a client that did not wait for it
            if self.on_its_way is not None:
                self.on_its_way()
        if self.is_plain:
            body = b'' if request.method == 'HEAD' else self.reply.body
            client.sendall(head_of(self.reply, keep_alive=keep_alive) + body)
            return keep_alive
        return self._faulty(client, request, stopping, keep_alive)

    def _faulty(self, client: socket.socket, request: Request, stopping: threading.Event, keep_alive: bool) -> bool:
        if self.hang is not None:
            _wait(client, self.hang, stopping)
            return False
        if self.reset and self.cut is None:
            _reset(client)
            return False
        body = b'' if request.method == 'HEAD' else self.reply.body
        sent = body if self.cut is None else body[: self.cut]
        client.sendall(head_of(self.reply, keep_alive=keep_alive))
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
    """Wait, unless the client hangs up or the server stops meanwhile."""
    end = clock.monotonic() + seconds
    while (left := end - clock.monotonic()) > 0:
        if stopping.wait(min(left, 0.05)):
            raise Gone
        with contextlib.suppress(BlockingIOError):
            if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
                raise Gone


def _reset(client: socket.socket) -> None:
    """Close with RST: what was sent before is lost to a client that has not read it yet."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    client.close()
