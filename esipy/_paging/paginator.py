"""Paginator: one list, page by page. It fetches a page, finds the records in it, and recognises repeated records.
Which page comes next is decided by a file for each kind of pagination: by_page.py, by_id.py, by_cursor.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from esipy._message.request import Request
from esipy._message.response import Response
from esipy._runtime.suggest import closest
from esipy._spec.model import PAGINATIONS, Operation
from esipy.exceptions import CallError, PaginationError
from esipy.progress import Progress, with_total

#: Bytes of a stream's pages that are stored in a cache in this process's memory. A short list is stored whole; a long
#: one would push out everything else, and memory would not stay flat.
MAX_STORED = 4 * 2**20

#: No change to the query.
NOTHING: Mapping[str, object] = MappingProxyType({})

#: A field's name, or a function that takes a record.
Key = str | Callable[[Any], Hashable]


class Fetch(Protocol):
    """Executes a request and returns its response, with its body; raises the error of an error status.

    `bypass_cache`: as if nothing had been stored. `store`: False: do not fill a memory cache with it.
    """

    def __call__(self, request: Request, *, bypass_cache: bool, store: bool) -> Response: ...


class Page(NamedTuple):
    """One response of a paginated list."""

    response: Response
    #: Those that no earlier page had, as far as the pagination can tell.
    records: list[Any]
    #: The cursor with which to ask later for what has changed.
    after: str | None = None
    #: Records of this page are newer than earlier ones with the same key.
    replaces: bool = False


class PagingOptions(NamedTuple):
    """What a caller chose for one list: see `EsiClient.paginate`."""

    pagination: str | None = None
    key: Key | None = None
    max_pages: int = 10_000
    progress: Progress | None = None
    #: The records are consumed as they arrive, and only the first pages are stored.
    streams: bool = False


class Paginator:
    """`kind`: how the list is divided into pages; recognised from the description, or what the caller says.

    Raises CallError, before anything is sent, for a call that cannot be paginated at all.
    """

    def __init__(self, fetch: Fetch, request: Request, options: PagingOptions) -> None:
        operation = request.operation
        _check(request, options)
        self.operation = operation
        self.kind = options.pagination or operation.paging
        self.max_pages = options.max_pages
        self._fetch = fetch
        self._request = request
        if self.kind == 'pages' and self.argument('page') not in (None, '1'):
            raise CallError(operation.id, [('page', 'is counted by the pagination; leave it out')])
        self._key = options.key
        self._progress = None if options.progress is None else with_total(options.progress)
        self._streams = options.streams
        self._pages = 0
        self._stored = 0
        self._lock = threading.Lock()  # pages are fetched in threads

    def page(self, query: Mapping[str, object] = NOTHING, *, bypass_cache: bool = False) -> Response:
        """Return the response to the call with other values in its query."""
        request = self._request.copy()
        pairs = [pair for pair in request.query if pair[0] not in query]
        request._p['query'] = pairs + [(name, str(value)) for name, value in query.items()]
        store = not self._streams or self._stored < MAX_STORED
        response = self._fetch(request, bypass_cache=bypass_cache, store=store)
        with self._lock:
            self._stored += len(response.raw or b'')
        return response

    def argument(self, name: str) -> str | None:
        """Return the value that the call itself has in its query."""
        return next((value for key, value in self._request.query if key == name), None)

    def records(self, response: Response) -> list[Any]:
        """Return the records of a page. A declared 204 (RFC 9110 section 15.3.5) means that there are none.

        Raises PaginationError for a body that is not a list.
        """
        return [] if is_empty(response) else self._records_in(response.data)

    def plain_records(self, response: Response) -> list[Any]:
        """Return the records of a page as JSON values, of which no rows are made. Otherwise as `records`."""
        return [] if is_empty(response) else self._records_in(response.decoded())

    def _records_in(self, data: Any) -> list[Any]:
        records = self._list_beside_cursor(data) if self.kind == 'cursor' else data
        if not isinstance(records, list):
            wanted = 'an object with one list beside its cursor' if self.kind == 'cursor' else 'a list'
            raise self.error(f'the body is not {wanted} but {_kind_of(data)}; use request() to get it as it is')
        return records

    def _list_beside_cursor(self, data: Any) -> Any:
        """The one list beside `cursor`, whatever its name; of several, the one that the description declares."""
        fields = data.items() if isinstance(data, dict) else ()
        lists = {name: value for name, value in fields if isinstance(value, list)}
        if len(lists) > 1:
            declared = self.operation.response_for(200)
            known = declared.schema.properties if declared is not None and declared.schema is not None else {}
            lists = {name: value for name, value in lists.items() if name in known}
        return next(iter(lists.values())) if len(lists) == 1 else None

    def key(self, record: Any) -> Hashable:
        """Return what identifies a record."""
        if self._key is None:
            self._key = self._recognised_key(record)
        if callable(self._key):
            return self._key(record)
        try:
            value: Hashable = dict.__getitem__(record, self._key) if self._key else record
        except (KeyError, TypeError):
            raise self.error(f'a record lacks its key {self._key!r}: {_kind_of(record)}') from None
        if not isinstance(value, (str, int, float)):
            what = f'its {self._key!r} is' if self._key else 'it is'
            raise self.error(f'a record has no usable key: {what} {_kind_of(value)}')
        return value

    def _recognised_key(self, record: Any) -> str:
        """The field that holds a record's id; '' for a list of bare ids."""
        if not isinstance(record, dict):
            return ''
        word = [part for part in self.operation.path.strip('/').split('/') if not part.startswith('{')][-1]
        singular = word[:-3] + 'y' if word.endswith('ies') else word.removesuffix('s')
        candidates = (_KEYS.get(self.kind or ''), f'{singular.replace("-", "_")}_id', 'id')
        name = next((name for name in candidates if name in record), None)
        if name is None:
            raise self.error(f'the key of its records is not known; pass key=, one of {", ".join(record)}')
        return name

    def report(self, done: int, total: int | None) -> None:
        """Report progress: pages done, and all pages, if they are known."""
        if self._progress is not None:
            self._progress(done, total)

    def count_page(self) -> None:
        """Count another page of a list of unknown length. Raises PaginationError above `max_pages`."""
        self._pages += 1
        if self._pages > self.max_pages:
            raise self.error(f'the list has not ended after {self.max_pages} pages; allow more with max_pages=')
        self.report(self._pages, None)

    def error(self, reason: str) -> PaginationError:
        return PaginationError(self.operation.id, reason)


def is_empty(response: Response) -> bool:
    """Return whether the server returned 204 or 205, which have no body: the list has no records."""
    return response.status in (204, 205)


def _check(request: Request, options: PagingOptions) -> None:
    """Raise CallError for a call that cannot be paginated."""
    operation = request.operation
    if not isinstance(operation, Operation):
        raise CallError(operation.id, [('', "calls made by pyswagger cannot be paginated; use esipy's App")])
    pagination = options.pagination
    if pagination is not None and pagination not in PAGINATIONS:
        nearest = closest(pagination, PAGINATIONS)
        hint = f'did you mean {nearest[0]!r}?' if nearest else f'it must be one of {", ".join(PAGINATIONS)}'
        raise CallError(operation.id, [('pagination', f'{pagination!r} is not a kind of pagination; {hint}')])
    if request.method != 'GET':
        raise CallError(operation.id, [('', f'only GET operations can be paginated, not a {request.method}')])


#: The keys of records, by the kind of pagination.
_KEYS = {'last_mail_id': 'mail_id', 'from_event': 'event_id', 'max_war_id': 'war_id'}


def _kind_of(value: Any) -> str:
    """Describe a value without its content."""
    if isinstance(value, dict):
        return f'an object with {", ".join(map(repr, value)) or "nothing"}'
    return {type(None): 'nothing', str: 'a text', list: 'a list'}.get(type(value), f'a {type(value).__name__}')
