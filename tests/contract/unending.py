"""A server that responds to every request with the same bytes, and then perhaps with others without end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

#: How long a test waits for what must end: longer than any timeout in it, on a busy machine too.
PATIENCE = 60.0


class Unending:
    """`begin`: what it sends to each request (None: it hangs up); `more`: what it sends after it, again and again until
    the client hangs up, with `pause` seconds in between. `greet`: returns the reply to another request."""

    def __init__(
        self,
        begin: bytes | None,
        more: bytes = b'',
        pause: float = 0.0,
        greet: Callable[[bytes], bytes] = lambda request: b'',
    ) -> None:
        self.begin = begin
        self.more = more
        self.pause = pause
        self.greet = greet
        self.sent = 0
        self.requests = 0
        self._stopping = threading.Event()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Unending:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := connection.recv(2**20):
                self.requests += 1
                if self.begin is None:
                    return
                connection.sendall(self.greet(request) or self.begin)
                while self.more and not self.greet(request) and not self._stopping.wait(self.pause):
                    connection.sendall(self.more)
                    self.sent += len(self.more)


def in_time(work: Callable[[], Any]) -> Any:
    """Return what `work` returns, or the exception that it raises. Fails if it does not end."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert results, 'it does not end'
    return results[0]


@contextlib.contextmanager
def less_memory(monkeypatch: Any, most: int) -> Iterator[None]:
    """Bound a reply to `most` bytes, so that a test need not send more."""
    with monkeypatch.context() as patch:
        patch.setattr('esipy._runtime.bounded_socket.MAX_REPLY', most)
        yield
