"""Response: the response to one execution. Its headers and data are built from the bytes when they are first read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from math import isfinite
from types import MappingProxyType
from typing import Any, BinaryIO

from esipy import clock
from esipy._message.codec import Codec
from esipy._message.decode import body_kind, decode, decoded_text
from esipy._message.error_data import ErrorHeaders, as_error_data
from esipy._message.headers import (
    AGED,
    EXPIRY,
    OURS,
    RECEIVED,
    Headers,
    delta_seconds,
    directives,
    initial_age,
    moment,
    once,
    retry_after,
)
from esipy._message.request import Request
from esipy._message.rows import builder
from esipy._message.status import NOT_ITS_OWN, remedy_of_status, undecodable_kind
from esipy._runtime.attribute import computed
from esipy._runtime.portable import portable
from esipy._runtime.redact import masked_query
from esipy._spec.coerce import coerce
from esipy._spec.faults import Faults
from esipy._spec.media import BINARY, JSON, TEXT
from esipy._spec.model import Operation, ResponseSpec
from esipy._spec.refs import shown
from esipy._spec.scalars import SCALARS, Refused
from esipy._spec.schema import Schema
from esipy.exceptions import SpecError, UndecodableBodyError, message_of

LOGGER = logging.getLogger('esipy.client')

#: Not worked out yet. No JSON value is this, and it pickles as itself.
_UNREAD: Any = ...


class Response:
    """The response to one execution of a call. Before the call is executed it is empty (`status` None)."""

    status: int | None = None
    #: The body, decompressed; None for HEAD.
    raw: bytes | None = None
    raw_body_only: bool = False
    #: It is from the cache, and the server was not asked.
    from_cache: bool = False
    #: The server sent a 304: the stored response is still valid.
    not_modified: bool = False
    #: A 403 or 404 of before, given again without asking (`remember_refusals`).
    remembered: bool = False
    #: It is from the cache and has expired: the server is down, or another thread revalidates it.
    stale: bool = False
    #: No response arrived: the connection was refused, cut off, or timed out. `cause` is the error; `status` is 500.
    failed: bool = False
    cause: BaseException | None = None
    #: Seconds that the execution took; attempts it needed (0: cache).
    elapsed: float = 0.0
    attempts: int = 0
    url: str = ''
    #: The body as a binary file, of an endpoint with `stream_response`; `raw` is empty then. Read it to its end or
    #: close it: it holds a connection.
    stream: BinaryIO | None = None
    #: What plugins had to say of the call. Each note is an attribute besides, unless there is one of that name:
    #: `response.tracking_token` is `response.notes['tracking_token']`.
    notes: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, request: Request) -> None:
        self.request = request
        self._plain: dict[str, str] = {}
        self._json = _UNREAD
        self._data = _UNREAD
        self._headers: Headers[str] | None = None
        self._header: Headers[list[Any]] | None = None

    def take_notes(self, notes: dict[str, Any]) -> None:
        """What plugins have noted of the call; as attributes too, where there is none of that name."""
        self.notes = notes
        known = self.__dict__
        if not (_ATTRIBUTES.isdisjoint(notes) and known.keys().isdisjoint(notes)):
            notes = {name: note for name, note in notes.items() if name not in known and name not in _ATTRIBUTES}
        known.update(notes)

    @property
    def operation(self) -> Operation:
        """The operation that was called."""
        return self.request.operation

    @property
    def ok(self) -> bool:
        """The request succeeded: its status is 2xx, or 304. A redirect that was not followed is not a success."""
        return self.status is not None and (200 <= self.status < 300 or self.status == 304)

    @property
    def headers(self) -> Headers[str]:
        """The headers as they were sent, in any case."""
        if self._headers is None:
            self._headers = Headers({name: value for name, value in self._plain.items() if not name.startswith(OURS)})
        return self._headers

    @property
    def header(self) -> Headers[list[Any]]:
        """The headers as 1.x gave them: each a list, its items of the declared type."""
        if self._header is None:
            spec = self._description()
            declared = spec.headers if spec else {}
            items = {name: [_typed(name, value, declared.get(name.lower()))] for name, value in self.headers.items()}
            expires = None if 'Expires' in self.headers else self._computed_expires()
            if expires is not None:
                items['Expires'] = [expires]
            is_error = self.status is not None and self.status >= 400
            self._header = ErrorHeaders(items, *self._problem()) if is_error else Headers(items)
        return self._header

    def _computed_expires(self) -> str | None:
        """`Expires` where the server sends `Cache-Control` alone, as today's description declares: programs for 1.x
        plan their next run by it. By the server's clock, as all its dates are."""
        expiry, received = self._noted(EXPIRY), self._noted(RECEIVED)
        if expiry is not None and received is not None:
            seconds = expiry - received
        else:
            control = directives({'cache-control': self.headers.get('Cache-Control', '')})
            if control.keys().isdisjoint({'max-age', 'no-cache', 'no-store'}):
                return None
            longest = 0.0 if 'no-cache' in control else delta_seconds(control.get('max-age')) or 0.0
            seconds = longest - self._initial_age()
        sent = moment(self.headers.get('Date'))
        return formatdate((clock.time() if sent is None else sent) + min(seconds, 2.0**31), usegmt=True)

    def _problem(self) -> tuple[int, str]:
        """Status and message of an error."""
        return self.status or 500, message_of(self.raw)

    @property
    def pages(self) -> int | None:
        """`X-Pages`: how many pages the list has; None without a valid one."""
        text = once(self.headers.get('X-Pages', ''))
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    @property
    def warning(self) -> str | None:
        """The `Warning` header: the route is going to go, or there is a newer one."""
        return self.headers.get('Warning')

    @property
    def age(self) -> float:
        """Seconds since the server made this response."""
        since = self._noted(AGED) or self._noted(RECEIVED)
        return self._initial_age() + (0.0 if since is None else max(0.0, clock.time() - since))

    def _initial_age(self) -> float:
        return initial_age({name.lower(): value for name, value in self._plain.items()})

    @property
    def expires(self) -> datetime | None:
        """When the response stops being fresh, by our clock."""
        expiry = self._noted(EXPIRY)
        try:
            return None if expiry is None else datetime.fromtimestamp(expiry, UTC)
        except (ValueError, OverflowError):  # nothing that we note is so far away
            return None

    @property
    def expires_in(self) -> float | None:
        """Seconds until the response expires, 0.0 if it has expired; None where the server does not say when."""
        expiry = self._noted(EXPIRY)
        return None if expiry is None else max(0.0, expiry - clock.time())

    def _noted(self, name: str) -> float | None:
        """Return one of esipy's notes among the headers. A header of that name from elsewhere is not a note."""
        try:
            noted = float(self._plain[name])
        except (KeyError, ValueError):
            return None
        return noted if isfinite(noted) else None

    @computed
    def data(self) -> Any:
        """The body as data: rows, lists, numbers, texts. None with `raw_body_only`, for 204 and for HEAD.

        Of a ServiceClient: what its parser makes of the body. Raises UndecodableBodyError for a body that is not JSON.
        """
        if self._data is _UNREAD:
            value = None if self.raw_body_only else self.decoded()
            self._data = value if value is None or self.request.codec is not None else self._built(value)
            if self.status is not None and self.status >= 400 and self.request.codec is None:
                self._data = as_error_data(self._data, *self._problem())
            self._json = _UNREAD  # the rows hold it now
        return self._data

    def _built(self, value: Any) -> Any:
        spec = self._description()
        try:
            return builder(spec.schema if spec else None)(value)
        except RecursionError:
            raise self._undecodable('the body is nested too deeply') from None

    def decoded(self) -> Any:
        """The body's JSON value, None for an empty body. Raises UndecodableBodyError."""
        if self._json is _UNREAD:
            self._json = self._decode()
        return self._json

    def _decode(self) -> Any:
        if self.request.codec is not None:
            return self._parsed(self.request.codec)
        if not self.raw and (not self.ok or not self._declares_body()):
            return None
        kind = self._body_kind()
        if kind == BINARY:
            return self.raw
        try:
            if kind == TEXT:
                return decoded_text(self.raw or b'', self._content_type())
            return decode(self.raw or b'')
        except ValueError as error:
            name = self.headers.get('Content-Type', 'no content type')
            wanted = 'JSON' if kind == JSON else 'text'
            raise self._undecodable(f'not {wanted}: {error}; the response has {name}') from None

    def _body_kind(self) -> str:
        """Whether the body is JSON, text or bytes."""
        spec = self._description()
        if spec is None or not spec.media_types:
            return JSON
        try:
            return body_kind(self._content_type(), spec.media_types)
        except ValueError as error:
            raise self._undecodable(str(error)) from None

    def _content_type(self) -> str:
        """`Content-Type`, else ''. It is nearly always spelled so: then `headers`, which take a fifth of a hit in the
        cache, need not be made to read a body."""
        name = 'Content-Type'
        return self._plain[name] if name in self._plain else self.headers.get(name, '')

    def _parsed(self, codec: Codec) -> Any:
        """What the service's parser makes of the body, whatever status came with it."""
        if self.raw is None or self.stream is not None:
            return None
        try:
            return codec.decode(self.raw, self)
        except Exception as error:
            raise self._undecodable(f'the parser raised {type(error).__name__}: {error}') from error

    def _undecodable(self, reason: str) -> UndecodableBodyError:
        status, now = self.status or 500, clock.time()
        return undecodable_kind(status, now, retry_after(self.headers, now))(
            self.url,
            status,
            response=self.raw or b'',
            request_param=masked_query(self.request.query),
            response_header=self.header.with_masked_addresses(),
            operation=self.operation.id,
            method=str(self.request.method),
            remedy=NOT_ITS_OWN if status < 300 else remedy_of_status(status, bool(self.operation.scopes)),
            reason=reason,
        )

    def _declares_body(self) -> bool:
        spec = self._description() if self.raw is not None else None
        if spec is None or spec.schema is None or self.status in (204, 205, 304):
            return False
        responses = self.operation.responses
        # `default` describes errors, if a success has a description of its own.
        return spec is not responses.get('default') or not any(status.startswith('2') for status in responses)

    def _description(self) -> ResponseSpec | None:
        """Return the description of this response; None if there is none, or (which is logged) a broken one."""
        try:
            return self.operation.response_for(self.status) if self.status else None
        except SpecError as error:
            LOGGER.warning('a response is read without its description: %s', error)
            return None

    def check(self) -> None:
        """Raise UndecodableBodyError, which lists how, if the body differs from its description."""
        spec = self.operation.response_for(self.status) if self.status else None
        faults = Faults(of_response=True)
        if spec is not None and spec.schema is not None and self.raw and self._body_kind() == JSON:
            value = self.decoded()
            fitting = coerce(value, spec.schema, 'body', faults)
            faults += [] if faults else _mended(value, fitting, 'body')
        if faults:
            raise self._undecodable('; '.join(f'{place}: {fault}' for place, fault in faults[:20]))

    def take_headers(self, headers: dict[str, str]) -> None:
        """Set the headers, as they were received or stored."""
        self._plain, self._headers = headers, None

    def __getstate__(self) -> dict[str, Any]:
        # `data` is made of `raw` again: rows that are nested deeply cannot be pickled. A stream holds a connection, and
        # what plugins note may hold anything.
        kept = self.__dict__.keys() - {'stream', 'request', 'notes', '_json', '_data', '_header'}
        state = portable({name: self.__dict__[name] for name in kept})
        unread = {'_json': _UNREAD, '_data': _UNREAD, '_header': None}
        return {**state, **unread, 'request': self.request, 'notes': portable(self.notes)}

    def reset(self) -> None:
        """Make the Response empty. In 1.x that was needed before the next execution."""
        self.__dict__ = Response(self.request).__dict__

    def copy_from(self, latest: Response) -> None:
        """Become a copy of `latest`: the Response in a call's pair shows the result of the last execution.

        Its data is built again when it is first read, so that the two share nothing.
        """
        self.__dict__ = {**latest.__dict__, '_json': _UNREAD, '_data': _UNREAD, '_header': None}

    def __repr__(self) -> str:
        name = self.operation.id
        if self.status is None:
            return f'<Response of {name}: not executed yet>'
        return f'<Response of {name}: {self.status}, {len(self.raw or b"")} bytes>'


#: A note of such a name is not an attribute.
_ATTRIBUTES = frozenset(dir(Response))


def _mended(sent: Any, fitting: Any, where: str) -> list[tuple[str, str]]:
    """Return the places where a value had to be converted to fit the schema: a caller may do that, and a server should
    not."""
    if isinstance(sent, dict) and isinstance(fitting, dict):
        parts = [(sent[name], fitting.get(name, ...), f'{where}.{name}') for name in sent]
    elif isinstance(sent, list) and isinstance(fitting, list) and len(sent) == len(fitting):
        parts = [(sent[number], fitting[number], f'{where}[{number}]') for number in range(len(sent))]
    else:
        kinds = {type(sent), type(fitting)}
        same = sent == fitting and (len(kinds) == 1 or kinds == {int, float})
        if same:
            return []
        return [(where, 'null is not allowed' if fitting is ... else f'{shown(sent)} where {shown(fitting)} belongs')]
    return [fault for part in parts for fault in _mended(*part)]


def _typed(name: str, text: str, schema: Schema | None) -> Any:
    """A header's value in its declared type; what does not fit stays text."""
    if name.lower() == 'x-pages':  # an integer in the description of 1.x, for every list
        count = text.split(',')[0].strip()
        return int(count) if count.isascii() and count.isdigit() and len(count) < 20 else text
    if schema is None:
        return text
    kind = next((kind for kind in schema.types if kind in ('integer', 'number', 'boolean')), None)
    try:
        return SCALARS[kind](once(text)) if kind else text
    except Refused:
        return text
