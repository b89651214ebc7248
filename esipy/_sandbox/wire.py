"""Requests and answers as values, and their HTTP/1.1 bytes (RFC 9112). No sockets here."""

from __future__ import annotations

import json
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from esipy import clock

#: Longer heads and bodies are refused.
MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024


class BadRequestError(Exception):
    """Bytes that are no HTTP request; the connection cannot go on."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Request:
    """One request as it came."""

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
            if not colon or not name or name != name.strip():
                raise BadRequestError(400, 'malformed header')
            name, value = name.lower(), value.strip()
            self.headers[name] = f'{self.headers[name]}, {value}' if name in self.headers else value
        self.path, self.query_text = _split(self.target)
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


def _split(target: str) -> tuple[str, str]:
    """Path (decoded later, segment by segment) and query; a full address is taken as well (RFC 9112 section 3.2.2)."""
    if not target.startswith('/'):
        scheme, found, rest = target.partition('://')
        target = '/' + rest.partition('/')[2] if found and scheme in ('http', 'https') else target
    path, _, query = target.partition('?')
    return path, query.partition('#')[0]


def segments(path: str) -> tuple[str, ...]:
    """'/a/b%20c/' -> ('a', 'b c'): what stands between the slashes, decoded."""
    parts = path.strip('/').split('/')
    return tuple(unquote(part) for part in parts) if '%' in path else tuple(parts)


class Reply:
    """One answer. What a fault does to its delivery is not its business (`delivery.Delivery`)."""

    __slots__ = ('body', 'headers', 'note', 'status')

    def __init__(self, status: int, body: bytes = b'', headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else {}
        #: For the log: the operation, the parameters, the character.
        self.note: dict[str, Any] = {}


def head_of(reply: Reply, *, keep_alive: bool, length: int | None = None) -> bytes:
    """Status line and headers. `length`: what to claim as Content-Length where it is not the body's."""
    lines = [_status_line(reply.status)]
    if 'Date' not in reply.headers:
        lines.append(f'Date: {http_date(int(clock.time()))}')
    lines += [f'{name}: {value}' for name, value in reply.headers.items()]
    if length is not None or (reply.status >= 200 and reply.status not in (204, 304)):
        lines.append(f'Content-Length: {len(reply.body) if length is None else length}')
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


def json_reply(status: int, value: Any, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, to_json(value), {'Content-Type': 'application/json', **(headers or {})})


def error_reply(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """An error as ESI words it."""
    return json_reply(status, {'error': message, **more}, headers)
