"""Requests and responses as values, and their HTTP/1.1 bytes (RFC 9112). Nothing here uses sockets."""

from __future__ import annotations

import json
import re
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from esipy import clock

#: Longer heads and bodies are rejected.
MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024


class BadRequestError(Exception):
    """The bytes are not an HTTP request; the connection is closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


#: What no header may have (RFC 9110 section 5.5): some programs take it for the end of a line.
_CONTROL = re.compile(r'[\r\n\0]')


class Request:
    """One request, as it was received."""

    __slots__ = ('_query', 'body', 'headers', 'method', 'path', 'peer', 'query_text', 'target', 'version')

    def __init__(self, head: bytes, peer: str = '') -> None:
        lines = head.decode('latin-1').split('\r\n')
        try:
            self.method, self.target, self.version = lines[0].split(' ')
        except ValueError:
            raise BadRequestError(400, 'malformed request line') from None
        if not self.version.startswith('HTTP/1.') or not self.target:
            raise BadRequestError(400, 'malformed request line')
        self.headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(':')
            if not colon or not name or name != name.strip() or _CONTROL.search(line):
                raise BadRequestError(400, 'malformed header')
            name, value = name.lower(), value.strip()
            self.headers[name] = f'{self.headers[name]}, {value}' if name in self.headers else value
        self.path, self.query_text, host = _split(self.target)
        if host and self.headers.setdefault('host', host).lower() != host.lower():  # RFC 9112 section 3.2.2
            raise BadRequestError(400, 'Host is not the host of the target')
        self.body = b''
        self.peer = peer
        self._query: list[tuple[str, str]] | None = None

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query, decoded."""
        if self._query is None:
            self._query = parse_qsl(self.query_text, keep_blank_values=True) if self.query_text else []
        return self._query

    @property
    def keeps_alive(self) -> bool:
        wish = self.headers.get('connection', '').lower()
        return 'close' not in wish and (self.version != 'HTTP/1.0' or 'keep-alive' in wish)


def _split(target: str) -> tuple[str, str, str]:
    """Return path (decoded later, segment by segment), query, and the host of a full URL (RFC 9112 section 3.2.2)."""
    host = ''
    scheme, found, rest = target.partition('://')
    if found and scheme.lower() in ('http', 'https'):
        host = re.split('[/?#]', rest, maxsplit=1)[0]
        target = '/' + rest[len(host) :].removeprefix('/')
    path, _, query = target.partition('?')
    return path, query.partition('#')[0], host


def segments(path: str) -> tuple[str, ...]:
    """Return the decoded segments of a path: '/a/b%20c/' -> ('a', 'b c')."""
    parts = path.strip('/').split('/')
    return tuple(unquote(part) for part in parts) if '%' in path else tuple(parts)


class Response:
    """One response. `delivery.Delivery` is how it is sent."""

    __slots__ = ('body', 'headers', 'note', 'status')

    def __init__(self, status: int, body: bytes = b'', headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else {}
        #: For the log: the operation, the parameters, the character.
        self.note: dict[str, Any] = {}


def head_of(response: Response, *, keep_alive: bool, length: int | None = None) -> bytes:
    """Return status line and headers. `length`: the Content-Length to send, if it is not that of the body."""
    lines = [_status_line(response.status)]
    if 'Date' not in response.headers:
        lines.append(f'Date: {http_date(int(clock.time()))}')
    lines += [f'{name}: {_CONTROL.sub(" ", str(value))}' for name, value in response.headers.items()]
    if length is not None or (response.status >= 200 and response.status not in (204, 304)):
        lines.append(f'Content-Length: {len(response.body) if length is None else length}')
    lines.append('Connection: keep-alive' if keep_alive else 'Connection: close')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1', 'replace')


@lru_cache(maxsize=256)
def _status_line(status: int) -> str:
    reasons = {420: 'Error Limited', 520: 'Unknown Error'}
    try:
        reason = reasons.get(status) or HTTPStatus(status).phrase
    except ValueError:
        reason = 'Unknown'
    return f'HTTP/1.1 {status} {reason}'


@lru_cache(maxsize=1024)
def http_date(moment: int) -> str:
    """'Sun, 06 Nov 1994 08:49:37 GMT' (RFC 9110 section 5.6.7)."""
    return formatdate(moment, usegmt=True)


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False, allow_nan=False).encode('utf-8', 'replace')


def json_response(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, to_json(value), {'Content-Type': 'application/json', **(headers or {})})


def error_response(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Return an error in the form that ESI uses."""
    return json_response(status, {'error': message, **more}, headers)
