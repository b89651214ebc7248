"""The sockets: accepts connections, reads requests, passes each to an application, and sends its responses.

Each connection has a thread, and is kept alive between requests. Nothing here is specific to ESI.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable

from esipy._sandbox.delivery import ClientDisconnectedError, Delivery
from esipy._sandbox.errors import SandboxError
from esipy._sandbox.http_messages import MAX_BODY, MAX_HEAD, BadRequestError, Request, error_response, head_of

#: Takes a request and returns the response with the way to send it.
Application = Callable[[Request], Delivery]

#: How many bytes to ask the socket for at a time.
_CHUNK = 64 * 1024

#: Digits of a length; of a number with thousands of them, Python refuses to work out the value.
_MAX_DIGITS = 20

#: The size of a chunk: `int` would take signs, underscores and `0x` too.
_CHUNK_SIZE = re.compile(rb'[0-9A-Fa-f]{1,16}')

#: How many seconds a client may take that no other client can be served beside.
_PATIENCE = 5.0


class Listener:
    """A listening socket and its connections."""

    def __init__(self, application: Application, host: str = '127.0.0.1', port: int = 0) -> None:
        self.application = application
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._socket = _bound(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._acceptor = threading.Thread(target=self._accept, name=f'sandbox-{self.port}', daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, address = self._socket.accept()
            except OSError:
                self.stopping.wait(0.05)  # there may be too few file descriptors at the moment
                continue
            if self.stopping.is_set():
                connection.close()
                break
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = f'sandbox-{self.port}-connection'
            thread = threading.Thread(target=self._serve, args=(connection, address[0]), name=name, daemon=True)
            with self._lock:
                self._open[connection] = thread
            try:
                thread.start()
            except RuntimeError:
                # No other thread can be started; from Python 3.12 on that is so at the end of every program. This one
                # responds, once and not for long, since it has to accept the next client.
                connection.settimeout(_PATIENCE)
                with self._lock:
                    self._open[connection] = self._acceptor
                self._serve(connection, address[0], once=True)

    def _serve(self, connection: socket.socket, peer: str, once: bool = False) -> None:
        try:
            Connection(self, connection, peer).serve(once)
        except (OSError, ClientDisconnectedError):
            pass  # the client closed the connection
        finally:
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.pop(connection, None)
        connection.close()

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self.stopping.set()
        with contextlib.suppress(OSError), socket.create_connection((reachable(self.host), self.port), timeout=1):
            pass  # ends accept(): nothing else does so on every platform
        self._acceptor.join(timeout=5)
        self._socket.close()
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open.values():
            thread.join(timeout=5)


def reachable(host: str) -> str:
    """Return the host by which this machine reaches a server that listens on `host`."""
    return {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host)


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_STREAM)
    if os.name != 'nt':  # there it would let two servers share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, 'strerror', None) or str(error)
        raise SandboxError(f'cannot listen on {host} port {port}: {reason}; port=0 takes a free one') from None
    listening.listen(512)
    return listening


class Connection:
    """The connection of one client, with its requests and responses in order."""

    def __init__(self, listener: Listener, connection: socket.socket, peer: str) -> None:
        self.listener = listener
        self.socket = connection
        self.peer = peer
        self.waiting = b''

    def serve(self, once: bool = False) -> None:
        """Respond to the requests of the connection until it ends; with `once` to the first."""
        while not self.listener.stopping.is_set():
            try:
                head = self._head()
                if head is None:
                    return
                request = Request(head, self.peer)
                self._read_body(request)
            except BadRequestError as bad:
                response = error_response(bad.status, str(bad))
                self.socket.sendall(head_of(response, keep_alive=False) + response.body)
                return
            delivery = self.listener.application(request)
            if not delivery.to(self.socket, request, self.listener.stopping) or once:
                return

    def _more(self) -> bool:
        received = self.socket.recv(_CHUNK)
        self.waiting += received
        return bool(received)

    def _head(self) -> bytes | None:
        """Return the head of a request, up to the empty line; None at the end of the connection."""
        while (end := self.waiting.find(b'\r\n\r\n')) < 0:
            if len(self.waiting) > MAX_HEAD:
                raise BadRequestError(431, 'request header fields too large')
            if not self._more():
                return None
        head, self.waiting = self.waiting[:end], self.waiting[end + 4 :]
        return head.lstrip(b'\r\n')

    def _read_body(self, request: Request) -> None:
        headers = request.headers
        if 'transfer-encoding' in headers:
            is_chunked = headers['transfer-encoding'].lower() == 'chunked' and request.version != 'HTTP/1.0'
            if not is_chunked or 'content-length' in headers:
                raise BadRequestError(400, 'unsupported transfer encoding')
            self._expected(request)
            request.body = self._chunks()
        elif 'content-length' in headers:
            length = headers['content-length']
            if not (length.isascii() and length.isdecimal()):
                raise BadRequestError(400, 'malformed content length')
            if len(length) > _MAX_DIGITS or int(length) > MAX_BODY:
                raise BadRequestError(413, 'request body too large')
            self._expected(request)
            request.body = self._exactly(int(length))

    def _expected(self, request: Request) -> None:
        if request.headers.get('expect', '').lower() == '100-continue':
            self.socket.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')

    def _exactly(self, length: int) -> bytes:
        pieces, size = [self.waiting], len(self.waiting)
        while size < length:
            pieces.append(self.socket.recv(_CHUNK))
            size += len(pieces[-1])
            if not pieces[-1]:
                raise ClientDisconnectedError
        received = b''.join(pieces)
        self.waiting = received[length:]
        return received[:length]

    def _line(self) -> bytes:
        while (end := self.waiting.find(b'\r\n')) < 0:
            if len(self.waiting) > MAX_HEAD:
                raise BadRequestError(400, 'malformed chunk')
            if not self._more():
                raise ClientDisconnectedError
        line, self.waiting = self.waiting[:end], self.waiting[end + 2 :]
        return line

    def _chunks(self) -> bytes:
        """Return a body that is sent in chunks (RFC 9112 section 7.1)."""
        pieces: list[bytes] = []
        length = 0
        while True:
            text = self._line().partition(b';')[0].rstrip(b' \t')
            if not _CHUNK_SIZE.fullmatch(text):
                raise BadRequestError(400, 'malformed chunk')
            size = int(text, 16)
            length += size
            if length > MAX_BODY:
                raise BadRequestError(413, 'request body too large')
            if size == 0:
                while self._line():
                    pass  # trailers
                return b''.join(pieces)
            pieces.append(self._exactly(size))
            if self._line():
                raise BadRequestError(400, 'malformed chunk')
