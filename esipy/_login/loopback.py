"""The address on this machine that the SSO sends the browser back to (RFC 8252 section 7.3).

Anybody can send a browser here: any page that is open in it. So only what has the login's own state counts, all else
is answered and forgotten, and a page that has given its own name this machine's address (DNS rebinding) is refused.
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

#: The most bytes of a request that are read, how many seconds an answer may take to be sent, and how many may be
#: connected: who has said nothing yet makes room for who comes.
_MOST = 64 * 1024
_SEND = 2.0
_CROWD = 50

#: Finds the code in a query: raises UnrelatedResponseError, or LoginError where the login has failed.
Read = Callable[[str], str]


def can_listen(redirect_uri: str) -> bool:
    """Whether the address is this machine's, and plain http: there is no certificate for it."""
    address = urlsplit(redirect_uri)
    return address.scheme == 'http' and address.hostname in HOSTS


class Loopback:
    """Listens at a redirect_uri. `selector` learns which sockets to watch, each with what to call when there is
    something to read; a call that brings the code returns it."""

    def __init__(self, redirect_uri: str, read: Read, selector: selectors.BaseSelector) -> None:
        self._address = urlsplit(redirect_uri)
        netloc = self._address.netloc.lower()
        self._hosts = {netloc, netloc.removesuffix(':80')}  # browsers leave it out
        self._read = read
        self._selector = selector
        self._listening = _listen(self._address)
        self._visitors: list[socket.socket] = []
        selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Stop listening, and hang up on whoever is connected."""
        for one in (self._listening, *self._visitors):
            one.close()

    def _accept(self) -> None:
        if len(self._visitors) >= _CROWD:
            self._let_go(self._visitors[0]).close()
        with contextlib.suppress(OSError):  # it has hung up already
            connection, _ = self._listening.accept()
            connection.settimeout(_SEND)
            self._visitors.append(connection)
            received = bytearray()
            self._selector.register(connection, selectors.EVENT_READ, lambda: self._receive(connection, received))

    def _let_go(self, connection: socket.socket) -> socket.socket:
        self._visitors.remove(connection)
        self._selector.unregister(connection)
        return connection

    def _receive(self, connection: socket.socket, received: bytearray) -> str | None:
        """Some bytes of a request. Browsers open connections on which they say nothing: nobody waits for those."""
        if connection not in self._visitors:
            return None  # it had to make room a moment ago
        try:
            data = connection.recv(_MOST)
        except OSError:
            data = b''
        received += data
        if data and b'\r\n\r\n' not in received and len(received) < _MOST:
            return None
        with self._let_go(connection):
            return self._respond(connection, bytes(received)) if data else None

    def _respond(self, connection: socket.socket, received: bytes) -> str | None:
        """Tell the browser first: when the code is known, nobody listens here any more."""
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
        """The query of a request for the redirect_uri. Raises _Ignored for any other."""
        if request.host.lower() not in self._hosts:
            raise _Ignored(HTTPStatus.FORBIDDEN)
        path, _, query = request.target.partition('?')
        if path != (self._address.path or '/'):
            raise _Ignored(HTTPStatus.NOT_FOUND)
        if request.method != 'GET':
            raise _Ignored(HTTPStatus.METHOD_NOT_ALLOWED)
        return query


class _Ignored(Exception):
    """A request that has nothing to do with the login: for an icon, say."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class _Request(NamedTuple):
    method: str
    target: str
    host: str


def _request(received: bytes) -> _Request:
    """What matters of a request (RFC 9112 section 3). Raises _Ignored for what is none, or names no host, or two."""
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
        # What was there a moment ago may be followed at once. On Windows this option would let two listen at once.
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
