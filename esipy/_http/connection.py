"""Connections on which a deadline holds, however slowly bytes come, and which know whether they have served before."""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Iterator
from typing import Any

import requests.adapters
from requests.adapters import HTTPAdapter
from urllib3 import connection as urllib3_connection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from esipy import clock
from esipy._http.http_client_internals import HTTPResponse
from esipy._http.requests_internals import ReceivedResponse

#: Bodies are read in pieces of this size, and their length is checked after each.
PIECE = 2**17

#: Servers whose connections are remembered.
_POOLS = 100


class _CurrentRequest(threading.local):
    """When the request of this thread must be over (by `clock.monotonic`), and how long it may wait for bytes."""

    deadline: float | None = None
    between_bytes: float | None = None
    #: It was sent by a connection that had served before, and no byte of a response has arrived.
    idle: bool = False


current_request = _CurrentRequest()


class _DeadlineReader(io.RawIOBase):
    """A socket's reading side on which a byte now and then does not put off the deadline for ever."""

    def __init__(self, reader: io.RawIOBase, sock: socket.socket) -> None:
        self._reader = reader
        self._sock = sock
        #: The server has closed its side of the connection.
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if current_request.deadline is not None:
            left = current_request.deadline - clock.monotonic()
            if left <= 0:
                raise TimeoutError('deadline')
            wait = current_request.between_bytes
            self._sock.settimeout(left if wait is None else min(left, wait))
        count = self._reader.readinto(buffer)
        if count == 0:
            self.is_over = True
        return count

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()


class _TrackedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock), PIECE)

    def begin(self) -> None:
        """Read the headers to their end. The standard library takes the end of the connection for theirs; then headers
        may be missing, such as the length of the body or the place of a redirect (RFC 9112 section 8)."""
        super().begin()
        if self.fp.raw.is_over:  # type: ignore[attr-defined]
            raise http.client.HTTPException('the headers break off')


class _TrackedConnection:
    """A connection that knows whether it has served before: one that is kept may be closed by the server just when
    the next request is on its way (RFC 9112 section 9.3.1)."""

    response_class = _TrackedResponse
    _has_served = False

    def connect(self) -> None:
        self._has_served = False
        super().connect()  # type: ignore[misc]

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        current_request.idle = self._has_served
        if hasattr(body, 'read') or hasattr(body, '__next__'):
            body = self._in_time(body)
        super().request(method, url, body, *args, **kwargs)  # type: ignore[misc]

    def _in_time(self, body: Any) -> Iterator[Any]:
        """A body that is read while it is sent, piece by piece: each may take as long as connecting may, and a server
        that takes one now and then does not put off the deadline for ever."""
        size = self.blocksize  # type: ignore[attr-defined]
        for piece in iter(lambda: body.read(size) or None, None) if hasattr(body, 'read') else body:
            if current_request.deadline is not None:
                left = current_request.deadline - clock.monotonic()
                if left <= 0:
                    raise TimeoutError('deadline')
                sock = self.sock  # type: ignore[attr-defined]
                longest = sock.gettimeout()
                sock.settimeout(left if longest is None else min(left, longest))
            yield piece

    def getresponse(self) -> Any:
        response = super().getresponse()  # type: ignore[misc]
        self._has_served, current_request.idle = True, False
        return response


def _own_class(present: type) -> Any:
    """Return urllib3's own class, also where a recorder has put a subclass in its place before this import."""
    return next(base for base in present.__mro__ if base.__module__ == urllib3_connection.__name__)


_PlainConnection = _own_class(urllib3_connection.HTTPConnection)
_PlainTLSConnection = _own_class(urllib3_connection.HTTPSConnection)


class _HTTPConnection(_TrackedConnection, _PlainConnection):  # type: ignore[misc, valid-type]
    pass


class _HTTPSConnection(_TrackedConnection, _PlainTLSConnection):  # type: ignore[misc, valid-type]
    pass


class _ConnectionClass:
    """`ConnectionCls` of a pool: ours, unless a recorder (VCR.py) has replaced urllib3's own by its own, or an app has
    set one for this pool."""

    def __init__(self, pool: type[HTTPConnectionPool], plain: Any, ours: Any) -> None:
        self._pool, self._plain, self._ours = pool, plain, ours

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        chosen = None if instance is None else vars(instance).get('ConnectionCls')
        present = chosen or self._pool.ConnectionCls
        return self._ours if present is self._plain else present

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)['ConnectionCls'] = value


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _ConnectionClass(HTTPConnectionPool, _PlainConnection, _HTTPConnection)


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _ConnectionClass(HTTPSConnectionPool, _PlainTLSConnection, _HTTPSConnection)


_DEADLINE_POOLS = {'http': (HTTPConnectionPool, _HTTPPool), 'https': (HTTPSConnectionPool, _HTTPSPool)}


def use_deadline_pools(manager: Any) -> Any:
    """Have a pool manager make connections on which deadlines hold, in place of urllib3's own.

    Those of an app's adapter (one that pins addresses, or guards against internal ones) stay as they are: then only the
    time between two bytes is limited.
    """
    classes = dict(getattr(manager, 'pool_classes_by_scheme', None) or {})
    for scheme, (plain, ours) in _DEADLINE_POOLS.items():
        if classes.get(scheme) is plain:
            classes[scheme] = ours
    if classes:
        manager.pool_classes_by_scheme = classes
    return manager


class Adapter(HTTPAdapter):
    """requests' adapter, with deadlines that hold. It remembers which pool leads to which server: to find it takes a
    tenth of the time of a request to the same machine."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        use_deadline_pools(self.poolmanager)
        self._pools: dict[Any, HTTPConnectionPool] = {}

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """Return the pool for a request. Nothing is remembered while a tool (the sandbox's redirect, a mock) has
        replaced this method of requests: each of its pools may lead somewhere else."""
        if proxies or _is_replaced(HTTPAdapter.get_connection_with_tls_context):
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        key = (self.poolmanager, *request.url.split('/', 3)[:3], verify, cert)
        pool: Any = self._pools.get(key)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            if isinstance(pool, HTTPConnectionPool):
                if len(self._pools) > _POOLS:
                    self._pools.clear()
                self._pools[key] = pool
        return pool

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Return a response without what esipy does not read; while a tool has replaced this method of requests, what
        that makes."""
        replaced = _is_replaced(HTTPAdapter.build_response)
        return super().build_response(req, resp) if replaced else ReceivedResponse(req, resp, self)

    def request_url(self, request: Any, proxies: Any) -> Any:
        return super().request_url(request, proxies) if proxies else request.path_url

    def close(self) -> None:
        self._pools.clear()
        super().close()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return use_deadline_pools(super().proxy_manager_for(*args, **kwargs))


def _is_replaced(function: Any) -> bool:
    """Return whether a function of requests.adapters is now another one, from another module."""
    return getattr(function, '__globals__', None) is not vars(requests.adapters)
