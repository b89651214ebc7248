"""Small servers on 127.0.0.1 for what a well-made one never does, byte by byte.

def page(visit):
    visit.send(answer(b'{}'))

with Server(page) as server:
    requests.get(server.url)
    assert server.visits[0].path == '/'
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.ports import free_port

JSON = {'Content-Type': 'application/json'}


def response_bytes(
    body: bytes | str | Any = b'',
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
    reason: str = 'Whatever',
) -> bytes:
    """The bytes of a response. `body`: bytes, or a value for JSON. `length`: what to claim; -1: claim nothing."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f'HTTP/1.1 {status} {reason}']
    lines += [f'{name}: {value}' for name, value in {**JSON, **(headers or {})}.items()]
    if length != -1:
        lines.append(f'Content-Length: {len(raw) if length is None else length}')
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + raw


def gzipped(raw: bytes, **more: Any) -> bytes:
    """The bytes of a response whose body is compressed."""
    headers = {'Content-Encoding': 'gzip', **more.pop('headers', {})}
    return response_bytes(gzip.compress(raw), headers=headers, **more)


class Visit:
    """One request, and the means to answer it as badly as one likes."""

    def __init__(self, server: Server, connection: socket.socket, head: bytes, body: bytes) -> None:
        self.server = server
        self.connection = connection
        lines = head.decode('latin-1').split('\r\n')
        self.method, self.target, _ = lines[0].split(' ', 2)
        self.path, _, self.query = self.target.partition('?')
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines[1:])}
        self.body = body
        self.number = len(server.visits)
        self.closing = False

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Byte by byte, until all is said, the client hangs up or the server stops."""
        for byte in data:
            if self.server.stopping.wait(pause):
                break
            self.send(bytes([byte]))

    def hang(self) -> None:
        """Say nothing more, until the client hangs up or the server stops."""
        while not self.server.stopping.wait(0.02):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.closing = True

    def close(self) -> None:
        """Hang up in an orderly way."""
        self.closing = True

    def reset(self) -> None:
        """Hang up with a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()
        self.closing = True


class Server:
    """Calls `page` for each request, in a thread for each connection. `visits`: the requests so far."""

    def __init__(self, page: Callable[[Visit], Any], host: str = '127.0.0.1') -> None:
        self.page = page
        self.visits: list[Visit] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server((host, 0), backlog=256)
        self.host = host
        self.port = self._listening.getsockname()[1]

    @property
    def url(self) -> str:
        return f'http://{self.host}:{self.port}'

    @property
    def netloc(self) -> str:
        return f'{self.host}:{self.port}'

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def _begin(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name=f'server-{self.port}', daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            if self.stopping.is_set():
                connection.close()
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        waiting = b''
        try:
            while True:
                while b'\r\n\r\n' not in waiting:
                    data = connection.recv(65536)
                    if not data:
                        return
                    waiting += data
                head, _, waiting = waiting.partition(b'\r\n\r\n')
                while (cut := _body(head, waiting)) is None:
                    data = connection.recv(65536)
                    if not data:
                        return
                    waiting += data
                body, waiting = cut
                with self._lock:
                    visit = Visit(self, connection, head, body)
                    self.visits.append(visit)
                self.page(visit)
                if visit.closing:
                    return
        except OSError:
            pass  # the client hung up
        except BaseException as error:
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
            pass  # wakes the acceptor
        self._listening.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        if self.errors and error is None:
            raise self.errors[0]


def _body(head: bytes, waiting: bytes) -> tuple[bytes, bytes] | None:
    """The body of a request, and what came behind it; None while it is not all there."""
    if re.search(rb'(?i)\r\ntransfer-encoding: *chunked', head):
        body, rest = b'', waiting
        while b'\r\n' in rest:
            size, _, rest = rest.partition(b'\r\n')
            length = int(size, 16)
            if len(rest) < length + 2:
                return None
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body, rest
        return None
    length = _length(head)
    return (waiting[:length], waiting[length:]) if len(waiting) >= length else None


def _length(head: bytes) -> int:
    for line in head.split(b'\r\n')[1:]:
        name, _, value = line.partition(b':')
        if name.strip().lower() == b'content-length':
            return int(value)
    return 0


def unused_url() -> str:
    """An address at which nothing listens."""
    return f'http://127.0.0.1:{free_port()}'


class Proxy(Server):
    """A real forward proxy for plain HTTP: fetches what it is asked for, and remembers the addresses."""

    def __init__(self) -> None:
        super().__init__(self._forward)

    def _forward(self, visit: Visit) -> None:
        split = urlsplit(visit.target)
        assert split.hostname is not None, f'a proxy is asked for whole addresses, not {visit.target!r}'
        path = split.path + (f'?{split.query}' if split.query else '')
        kept = {name: value for name, value in visit.headers.items() if not name.startswith(('proxy-', 'connection'))}
        with socket.create_connection((split.hostname, split.port or 80), timeout=30) as upstream:
            lines = [f'{visit.method} {path} HTTP/1.1', *(f'{name}: {value}' for name, value in kept.items())]
            upstream.sendall('\r\n'.join([*lines, 'Connection: close', '', '']).encode() + visit.body)
            upstream.shutdown(socket.SHUT_WR)
            while data := upstream.recv(65536):
                # Said to the client too, or it would use this connection again while it is being closed.
                visit.send(data.replace(b'\r\n\r\n', b'\r\nConnection: close\r\n\r\n', 1))
        visit.close()


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Return as soon as `condition()` holds; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, 'it did not come'
        time.sleep(0.005)
