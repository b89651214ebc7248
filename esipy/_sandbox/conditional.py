"""ETag, freshness headers and compression of a body; and 304 if the client has it already."""

from __future__ import annotations

import gzip
from email.utils import parsedate_to_datetime
from hashlib import blake2b

from esipy import clock
from esipy._sandbox.http_messages import Request, Response, http_date
from esipy._spec.model import Operation

#: Smaller bodies are sent as they are.
_WORTH_PACKING = 1400


class Entity:
    """A body with its ETag, which may be sent more than once."""

    def __init__(self, status: int, body: bytes, modified: float | None, headers: dict[str, str]) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.modified = None if modified is None else int(modified)
        self.etag = f'W/"{blake2b(body, digest_size=16).hexdigest()}"'
        #: When it expires in the server's cache.
        self.until: float | None = None
        self._packed: bytes | None = None

    @property
    def packed(self) -> bytes:
        if self._packed is None:
            self._packed = gzip.compress(self.body, 6, mtime=0)
        return self._packed


def response_for_client(entity: Entity, operation: Operation, request: Request, *, expires: bool) -> Response:
    """Return the response for this client: the body, the compressed body, or 304."""
    headers = dict(entity.headers)
    if operation.method == 'GET' and entity.status == 200:
        headers |= _freshness(entity, operation, expires=expires)
        if is_known(entity, request):
            return Response(304, b'', headers)
    if not entity.body:
        return Response(entity.status, b'', headers)
    headers['Content-Type'] = 'application/json'
    if len(entity.body) >= _WORTH_PACKING:
        headers['Vary'] = 'Accept-Encoding'
        if _takes_gzip(request.headers.get('accept-encoding', '')):
            headers['Content-Encoding'] = 'gzip'
            return Response(entity.status, entity.packed, headers)
    return Response(entity.status, entity.body, headers)


def _freshness(entity: Entity, operation: Operation, *, expires: bool) -> dict[str, str]:
    age = operation.cache_age if entity.until is None else max(0, int(entity.until) - int(clock.time()))
    headers = {'ETag': entity.etag, 'Cache-Control': f'public, max-age={age}' if age else 'no-cache'}
    if operation.security and age:
        headers['Cache-Control'] = f'private, max-age={age}'
    if entity.modified is not None:
        headers['Last-Modified'] = http_date(entity.modified)
    if expires:
        headers['Expires'] = http_date(int(clock.time()) + (age or 0))
    return headers


def is_known(entity: Entity, request: Request) -> bool:
    """Whether the client has this body (RFC 9110 section 13.2.2: the ETag decides if the client sent one)."""
    tags = request.headers.get('if-none-match')
    if tags is not None:
        return tags.strip() == '*' or entity.etag.removeprefix('W/') in [
            tag.strip().removeprefix('W/') for tag in tags.split(',')
        ]
    since = request.headers.get('if-modified-since')
    if since is None or entity.modified is None:
        return False
    try:
        return entity.modified <= parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return False


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(','):
        name, _, weight = coding.strip().partition(';')
        if name.strip() in ('gzip', '*'):
            return weight.replace(' ', '') not in ('q=0', 'q=0.0', 'q=0.00', 'q=0.000')
    return False
