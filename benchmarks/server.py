"""A server in a process of its own, as cheap as one in Python can be: responses are made before they are requested.

The sandbox is there to be like ESI; here that would be measured too, and needs one of the machine's few cores.

    /fast     fresh for an hour      /slow     the same, after 50 ms      /stale    at once in need of revalidation
    /forty    like /slow, a list of 40 pages
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.responses import STATUS, orders

LATENCY = 0.05
PAGES = 500

#: Tokens in a window, of which there are always enough.
LIMIT = 10**9
FORTY = 40

#: Page 25 is page 1 again.
BODIES = [orders(number) for number in range(24)]

_HEAD = (
    'HTTP/1.1 {status}\r\n'
    'Date: Sat, 01 Aug 2026 12:00:00 GMT\r\n'
    'Content-Type: application/json; charset=utf-8\r\n'
    'Content-Length: {length}\r\n'
    'Cache-Control: public, max-age={age}\r\n'
    'ETag: "{etag}"\r\n'
    'Last-Modified: Sat, 01 Aug 2026 11:00:00 GMT\r\n'
    'Vary: Accept-Encoding\r\n'
    'X-Pages: {pages}\r\n'
    'X-Esi-Request-Id: 6b1e2f5e-3f6f-4a51-9c0a-0d4f8f0c4a11\r\n'
    'X-Ratelimit-Group: benchmark\r\n'
    'X-Ratelimit-Limit: {limit}/15m\r\n'
    'X-Ratelimit-Remaining: %d\r\n'
    'X-Ratelimit-Used: %d\r\n'
    '\r\n'
)


def response_to(request: bytes) -> tuple[bytes, bytes, int]:
    """The head and the body of the response to a whole request, and what it costs."""
    target = request.split(b' ', 2)[1].decode()
    place, _, query = target.partition('?')
    body = STATUS
    if not place.endswith('/status'):
        page = query.partition('page=')[2].partition('&')[0] or '1'
        body = BODIES[int(page) % len(BODIES)]
    age = 0 if place.startswith('/stale') else 3600
    etag = f'{abs(hash(body)):x}'
    status = '304 Not Modified' if b'if-none-match' in request.lower() else '200 OK'
    pages = FORTY if place.startswith('/forty') else PAGES
    head = _HEAD.format(status=status, length=len(body), age=age, etag=etag, pages=pages, limit=LIMIT).encode()
    return (head, b'', 1) if status.startswith('304') else (head, body, 2)


class Responder(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    transport: asyncio.Transport
    prepared: dict[bytes, tuple[bytes, bytes, int]] = {}  # noqa: RUF012 (shared on purpose)
    used = 0

    def __init__(self) -> None:
        self.received = b''

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b'\r\n\r\n' in self.received:
            request, _, self.received = self.received.partition(b'\r\n\r\n')
            response = self.prepared.get(request)
            if response is None:
                response = self.prepared[request] = response_to(request)
            if b' /slow' in request[:20] or b' /forty' in request[:20]:
                asyncio.get_running_loop().call_later(LATENCY, self.send, response)
            else:
                self.send(response)

    def send(self, response: tuple[bytes, bytes, int]) -> None:
        head, body, cost = response
        Responder.used += cost
        self.transport.write(head % (LIMIT - Responder.used, Responder.used))
        self.transport.write(body)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Responder, '127.0.0.1', 0, backlog=200)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await ended.wait()


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that lasts for the block."""
    run = [sys.executable, '-m', 'benchmarks.server']
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f'http://127.0.0.1:{int(process.stdout.readline())}'
        process.stdin.close()


@contextmanager
def serving_apart() -> Iterator[str]:
    """The same, where the system can do it: with this thread on one processor and the server on the others. Otherwise
    both move between them now and then, and find the caches of another one."""
    if not hasattr(os, 'sched_setaffinity'):
        with serving() as address:
            yield address
        return
    first, *others = processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, others or {first})
    try:
        with serving() as address:
            os.sched_setaffinity(0, {first})
            yield address
    finally:
        os.sched_setaffinity(0, processors)


if __name__ == '__main__':
    asyncio.run(serve())
