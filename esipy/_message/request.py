"""Request: what a call will send. Checked when it was made, serialised when it is executed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from esipy._message import serialize
from esipy._message.bodies import Format
from esipy._message.codec import Codec
from esipy._message.headers import OwnHeaders
from esipy._runtime.redact import is_secret
from esipy._spec.model import COMPATIBILITY_DATE, Method, Operation
from esipy._spec.refs import shown
from esipy.exceptions import CallError, SpecError


class Outgoing(NamedTuple):
    """A request as HTTP has it: method, address, headers and body."""

    method: str
    url: str
    headers: dict[str, str]
    #: A file or an iterator of bytes, where the endpoint says `stream_request`.
    body: Any

    def __repr__(self) -> str:
        """Without headers and query, in which there may be a token."""
        return f'<{self.method} {self.url.partition("?")[0]}>'


class Request:
    """One call's outgoing side; the same object may be executed again and again, in several threads at once.

    `_p` holds the serialised arguments by location, as in 1.x: apps and security objects read and edit
    `_p['header']` (dict), `_p['path']` (dict), `_p['query']` (list of pairs).
    """

    #: Set by a security object that knows whose token it put in: 'character:…'.
    owner: str | None = None
    #: When the call that is being signed must be over, by `clock.monotonic`.
    deadline: float | None = None
    #: The server has rejected the last token, and this call has refreshed it: it is not refreshed once more.
    has_new_token: bool = False
    #: The cache key of the last execution (see _cache/keys.py).
    memo: Any = None
    #: How the body is written, and that of the response is read; None: as JSON, by the description.
    codec: Codec | None = None

    def __init__(self, operation: Operation, parts: dict[str, Any], compatibility_date: str | None = None) -> None:
        self.operation = operation
        self.compatibility_date = compatibility_date
        self._p = parts

    def copy(self, only: str | None = None) -> Request:
        """A request of its own parts, for whoever is going to edit them: all of them, or `only` the one of a location,
        and the others are shared."""
        if only is None:
            parts = {location: values.copy() for location, values in self._p.items()}
        else:
            parts = {**self._p, only: self._p[only].copy()}
        copied = Request(self.operation, parts, self.compatibility_date)
        copied.codec = self.codec
        return copied

    def reset(self) -> None:
        """Kept from 1.x, where a request had to be made ready for its next execution; there is nothing to do."""

    @property
    def method(self) -> Method:
        """The HTTP method, in capitals; it equals its lower case too."""
        return self.operation.method

    @property
    def path(self) -> str:
        """Path with its values filled in, below the base of the API."""
        return serialize.path(self.operation.path, self._p['path'])

    @property
    def url(self) -> str:
        """Whole address, without the query."""
        return self._base() + self.path

    @property
    def scheme(self) -> str:
        """'https' or 'http'."""
        return urlsplit(self._base()).scheme

    @property
    def query(self) -> list[tuple[str, str]]:
        """Pairs (name, text) in the document's order."""
        query: list[tuple[str, str]] = self._p['query']
        return query

    @property
    def header(self) -> OwnHeaders:
        """The headers that the call itself brings along; the client adds its own when it sends. As in 1.x, a security
        object may set more of them."""
        return OwnHeaders(self.headers(), self._p['header'])

    @property
    def data(self) -> Any:
        """The body as it will be sent: bytes, or the file or iterator of an endpoint with `stream_request`."""
        for value in self._p['body'].values():
            if self.is_streamed:
                return value
            if self._is_sent_as_it_is(value):
                return value.encode() if isinstance(value, str) else value
            if self.codec is not None:
                return self.codec.encode(value, self)
            return serialize.body(value) if self._media is None else self._media.encode(value)
        return None

    @property
    def _media(self) -> Format | None:
        """How the body is written; None: as JSON."""
        return next(iter(self._p.get('media', {}).values()), None)

    @property
    def is_streamed(self) -> bool:
        """The body, a file or an iterator, is read while it is sent, and so it is sent once (`stream_request`)."""
        if not self.operation.endpoint.get('stream_request'):
            return False
        return any(hasattr(body, 'read') or hasattr(body, '__next__') for body in self._p['body'].values())

    def _is_sent_as_it_is(self, body: Any) -> bool:
        """Return whether a body is not serialised: bytes and text of an endpoint with `stream_request`, as with
        aio-service-client."""
        return bool(self.operation.endpoint.get('stream_request')) and isinstance(body, (bytes, bytearray, str))

    @property
    def _security(self) -> list[dict[str, list[str]]]:
        """The operation's security requirement. The live document calls the scheme OAuth2; old security objects
        look for `evesso`, so it goes by both names."""
        return [{**need, 'evesso': need['OAuth2']} if 'OAuth2' in need else need for need in self.operation.security]

    def outgoing(
        self, method: str, opt: Mapping[str, str], compatibility_date: str | None, content: Any = None
    ) -> Outgoing:
        """Return the request as HTTP has it. `opt` may replace the address's `url_scheme` and `url_netloc`. `content`:
        the body, where it has been encoded already.

        Raises CallError for a placeholder of the path that has no value."""
        path = self.path
        if '{' in path:
            missing = re.findall('{([^{}]*)}', path)
            raise CallError(self.operation.id, [(name, f'is required (in {self.operation.path})') for name in missing])
        base = self._base()
        if opt:
            split = urlsplit(base)
            base = urlunsplit(
                split._replace(
                    scheme=opt.get('url_scheme') or split.scheme, netloc=opt.get('url_netloc') or split.netloc
                )
            )
        url = serialize.with_query(base + path, self._p['query'])
        if content is None and self._p['body']:
            content = self.data
        return Outgoing(method, url, self.headers(compatibility_date), content)

    def headers(self, compatibility_date: str | None = None) -> dict[str, str]:
        """The call's headers; `compatibility_date` replaces the App's."""
        headers: dict[str, str] = {}
        date = compatibility_date or self.compatibility_date
        if date and COMPATIBILITY_DATE.lower() in self.operation.header_names:
            headers[COMPATIBILITY_DATE] = date
        if self.codec is None and self.operation.accept is not None:
            headers['Accept'] = self.operation.accept
        if self._p['body']:
            kind = self._content_type()
            if kind and not self.is_streamed and not any(map(self._is_sent_as_it_is, self._p['body'].values())):
                headers['Content-Type'] = kind
        headers.update(self._p['header'])
        return headers

    def _content_type(self) -> str | None:
        if self.codec is not None:
            return self.codec.content_type
        return 'application/json' if self._media is None else self._media.content_type

    def _base(self) -> str:
        base = self.operation.base_url
        if '://' not in base:
            raise SpecError(
                f'{self.operation.id}: the description does not say which server it is for: add its address to it'
            )
        scheme = base.partition('://')[0]
        if scheme.lower() not in ('http', 'https'):
            raise SpecError(f'{self.operation.id}: the server is called by {shown(scheme)}; only http and https are')
        return base

    def __repr__(self) -> str:
        arguments = {**self._p['path'], **dict(self._p['query'])}
        shown = ', '.join(f'{name}={"***" if is_secret(name) else value!r}' for name, value in arguments.items())
        return f'<Request {self.operation.id}({shown})>'
