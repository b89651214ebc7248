"""What an app gets of a paginated list: its pages, its records, the whole list, or what has changed since."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from esipy import clock
from esipy._message.headers import moment
from esipy._message.response import Response
from esipy._paging import by_cursor, by_id, by_page, tombstones
from esipy._paging.paginator import Page, Paginator
from esipy._paging.snapshot import Snapshot, state_of


class WholeList(list[Any]):
    """All records of a list, and what is known of them together."""

    #: The state that all pages belong to, as the server dates it (`Last-Modified`). None where it does not date it, and
    #: for pagination by id and by cursor, which has no such state.
    snapshot: str | None = None
    #: The list was read from its beginning, not from an id or a cursor in the call, to its end.
    complete: bool = True
    #: When the list last changed, as far as a page says.
    last_modified: datetime | None = None
    #: Nothing is new: every page was in the cache, and was fresh or confirmed by a 304.
    not_modified: bool = False
    #: How many responses it took.
    pages: int = 0
    #: Seconds until the first of its pages expires; None where none says when.
    expires_in: float | None = None

    def __repr__(self) -> str:
        state = f', as of {self.snapshot}' if self.snapshot else ''
        return f'<{len(self)} records of {self.pages} pages{state}>'


class _Changes(NamedTuple):
    #: Each record once, in its latest state.
    records: list[Any]
    #: The cursor for the next `sync`.
    cursor: str


class Changes(_Changes):
    """What `sync` returns: `records, cursor = client.sync(call, cursor)`."""

    #: The cursor was too old to show all removals (`x-tombstone-ttl`): these are all records of the list, and what an
    #: app has stored beside them is gone.
    restarted: bool = False


def pages(paginator: Paginator, threads: int) -> Iterator[Response]:
    """Yield the responses of a list."""
    return (page.response for page in _stream(paginator, threads))


def records(paginator: Paginator, threads: int) -> Iterator[Any]:
    """Yield the records of a list, one by one."""
    if paginator.kind != 'cursor':
        return (record for page in _stream(paginator, threads) for record in page.records)
    return _unseen(paginator)


def _unseen(paginator: Paginator) -> Iterator[Any]:
    """A record that a cursor shows twice is yielded once, as it was first seen."""
    seen: set[Hashable] = set()
    for page in by_cursor.stream(paginator):
        for record in page.records:
            key = paginator.key(record)
            if key not in seen:
                seen.add(key)
                yield record


def whole(paginator: Paginator, threads: int, max_expiry_wait: float) -> WholeList:
    """Return all records; of numbered pages: in one state."""
    if paginator.kind == 'pages':
        responses = Snapshot(paginator, threads, max_expiry_wait).take()
        result = WholeList()
        # Rows are made here and not as pages come: the garbage collector, which the work on the other pages calls again
        # and again, goes through rows and not through what they are made of.
        for response in responses:
            result += paginator.records(response)
        result.snapshot = state_of(responses[0])
    else:
        responses = []
        result = WholeList(_resolved(paginator, _recording(responses, _stream(paginator, threads))))
        result.snapshot = state_of(responses[0]) if paginator.kind is None else None
    result.complete = not any(paginator.argument(name) for name in (paginator.kind or '', 'before', 'after'))
    result.pages = len(responses)
    result.expires_in = min((left for page in responses if (left := page.expires_in) is not None), default=None)
    result.not_modified = all(response.not_modified or response.from_cache for response in responses)
    newest = max((moment(state_of(response)) or 0.0 for response in responses), default=0.0)
    result.last_modified = datetime.fromtimestamp(newest, UTC) if newest else None
    return result


def sync(paginator: Paginator, cursor: str | None) -> Changes:
    """Return what has changed since `cursor`; everything, if there is none or if it is too old to show all removals."""
    by_cursor.check(paginator, cursor)
    began, lifetime = clock.time(), tombstones.lifetime(paginator.operation)
    received: float | None = None
    if cursor is not None:
        cursor, received = tombstones.split(cursor)
    is_too_old = lifetime is not None and received is not None and began - received > lifetime
    if is_too_old:
        cursor = None
    mark = cursor

    def marking(pages: Iterable[Page]) -> Iterator[Page]:
        nonlocal mark
        for page in pages:
            if page.replaces or mark is None:
                mark = page.after or mark
            yield page

    stream = by_cursor.stream(paginator) if cursor is None else by_cursor.forward(paginator, cursor)
    found = list(_resolved(paginator, marking(stream)))
    mark = mark or by_cursor.BEGINNING
    changes = Changes(found, mark if lifetime is None else tombstones.dated(mark, began))
    changes.restarted = is_too_old
    return changes


def _stream(paginator: Paginator, threads: int) -> Iterator[Page]:
    if paginator.kind == 'pages':
        return by_page.stream(paginator, threads)
    if paginator.kind == 'cursor':
        return by_cursor.stream(paginator)
    return by_id.stream(paginator) if paginator.kind is not None else _only_page(paginator)


def _only_page(paginator: Paginator) -> Iterator[Page]:
    """A list that is whole in one response."""
    response = paginator.page()
    paginator.report(1, 1)
    yield Page(response, paginator.records(response))


def _recording(responses: list[Response], stream: Iterable[Page]) -> Iterator[Page]:
    for page in stream:
        responses.append(page.response)
        yield page


def _resolved(paginator: Paginator, stream: Iterable[Page]) -> Iterable[Any]:
    """Records that came twice resolved: with `before` the first one is kept; with `after` the later one replaces it."""
    if paginator.kind != 'cursor':
        return [record for page in stream for record in page.records]
    found: dict[Hashable, Any] = {}
    for page in stream:
        for record in page.records:
            key = paginator.key(record)
            if page.replaces:
                found.pop(key, None)
            found.setdefault(key, record)
    return found.values()
