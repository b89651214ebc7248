"""Listens at the address on this machine to which the SSO redirects the browser (RFC 8252 section 7.3).

Any page in the browser can send a request here. So only a request with the state of this login counts; every other one
gets an error page and is ignored. A request with another Host header (DNS rebinding) is rejected.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import selectors
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from esipy._login import page
from esipy._login.callback import UnrelatedResponseError
from esipy.exceptions import LoginError

LOGGER = logging.getLogger('esipy.login')

#: Where to listen for each name of this machine. Never on an address that others can reach.
HOSTS = {'localhost': '127.0.0.1', '127.0.0.1': '127.0.0.1', '::1': '::1'}

#: The most bytes of a request that are read.
_MAX_REQUEST = 64 * 1024

#: The most seconds that it may take to send a response.
_SEND_TIMEOUT = 2.0

#: When so many are connected, the oldest connection without a complete request is closed.
_MAX_CONNECTIONS = 50

#: Finds the code in a query: raises UnrelatedResponseError, or LoginError where the login has failed.
Read = Callable[[str], str]


def can_listen(redirect_uri: str) -> bool:
    """Return whether this machine can listen at the address: it is a loopback address with http, since this machine has
    no certificate."""
    address = urlsplit(redirect_uri)
    return address.scheme == 'http' and address.hostname in HOSTS


class Loopback:
    """Listens at a redirect_uri. Its sockets are registered with `selector`, each with the function to call when there
    is something to read; that function returns the code once it has arrived, and None before."""

    def __init__(self, redirect_uri: str, read: Read, selector: selectors.BaseSelector) -> None:
        self._address = urlsplit(redirect_uri)
        netloc = self._address.netloc.lower()
        self._hosts = {netloc, netloc.removesuffix(':80')}  # browsers leave it out
        self._read = read
        self._selector = selector
        self._listening = _listen(self._address)
        self._connections: list[socket.socket] = []
        selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Stop listening, and close all connections."""
        for connection in (self._listening, *self._connections):
            connection.close()

    def _accept(self) -> None:
        if len(self._connections) >= _MAX_CONNECTIONS:
            self._remove(self._connections[0]).close()
        with contextlib.suppress(OSError):  # the client has closed it already
            connection, _ = self._listening.accept()
            connection.settimeout(_SEND_TIMEOUT)
            self._connections.append(connection)
            received = bytearray()
            self._selector.register(connection, selectors.EVENT_READ, lambda: self._receive(connection, received))

    def _remove(self, connection: socket.socket) -> socket.socket:
        self._connections.remove(connection)
        self._selector.unregister(connection)
        return connection

    def _receive(self, connection: socket.socket, received: bytearray) -> str | None:
        """Read some bytes of a request, without waiting: browsers open connections on which they send nothing."""
        if connection not in self._connections:
            return None  # it was closed a moment ago for a newer connection
        try:
            data = connection.recv(_MAX_REQUEST)
        except OSError:
            data = b''
        received += data
        if data and b'\r\n\r\n' not in received and len(received) < _MAX_REQUEST:
            return None
        with self._remove(connection):
            return self._respond(connection, bytes(received)) if data else None

    def _respond(self, connection: socket.socket, received: bytes) -> str | None:
        """Respond to the browser, and return the code. The response comes first, since the listener is closed once the
        code is known."""
        code, failure = None, None
        try:
            code = self._read(self._query_of(_request(received)))
            shown = HTTPStatus.OK, 'That was all', 'You may close this window and go back to the program.'
        except LoginError as error:
            failure = error
            shown = HTTPStatus.OK, 'No character signed in', 'You may close this window. The program shows the reason.'
        except UnrelatedResponseError:
            LOGGER.warning('ignored a request that does not belong to this login')
            shown = (
                HTTPStatus.BAD_REQUEST,
                'This is another login',
                'The program goes on waiting for its own. Open the address that it has shown.',
            )
        except _Ignored as ignored:
            shown = ignored.status, 'Nothing is here', 'This address is for one login of a program alone.'
        with contextlib.suppress(OSError):
            connection.sendall(page.response(*shown))
        if failure is not None:
            raise failure
        return code

    def _query_of(self, request: _Request) -> str:
        """Return the query of a request for the redirect_uri. Raises _Ignored for any other request."""
        if request.host.lower() not in self._hosts:
            raise _Ignored(HTTPStatus.FORBIDDEN)
        path, _, query = request.target.partition('?')
        if path != (self._address.path or '/'):
            raise _Ignored(HTTPStatus.NOT_FOUND)
        if request.method != 'GET':
            raise _Ignored(HTTPStatus.METHOD_NOT_ALLOWED)
        return query


class _Ignored(Exception):
    """A request that does not belong to the login, such as one for an icon."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class _Request(NamedTuple):
    method: str
    target: str
    host: str


def _request(received: bytes) -> _Request:
    """Parse a request (RFC 9112 section 3). Raises _Ignored if it is none, or has no Host header, or two."""
    first, *headers = received.partition(b'\r\n\r\n')[0].decode('latin-1').split('\r\n')
    words = first.split(' ')
    pairs = [header.partition(':') for header in headers]
    hosts = [value.strip() for name, _, value in pairs if name.lower() == 'host']
    if len(words) != 3 or not words[2].startswith('HTTP/1.') or len(hosts) != 1:
        raise _Ignored(HTTPStatus.BAD_REQUEST)
    return _Request(words[0], words[1], hosts[0])


def _listen(address: SplitResult) -> socket.socket:
    host, port = HOSTS[str(address.hostname)], 80 if address.port is None else address.port
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port that was closed a moment ago can be used again. On Windows this option would let two programs listen.
        if os.name == 'posix':
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        why = 'is in use' if error.errno == errno.EADDRINUSE else f'cannot be used ({error.strerror})'
        raise LoginError(
            f'port {port} of {host}, where the browser is to come back to, {why}. Is another login waiting there? Give '
            'another redirect_uri, which must be registered with the SSO too; or paste the address that the browser '
            'ends at, which browser=False asks for.'
        ) from None
    return listening
