"""The walks as an app asks for them: pages, records, the whole list, what changed since."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from esipy._message.headers import moment
from esipy._message.response import Response
from esipy._paging import by_cursor, by_id, by_page
from esipy._paging.paginator import Page, Paginator
from esipy._paging.snapshot import Snapshot, state_of


class WholeList(list[Any]):
    """All records of a list, and what is known of them together."""

    #: The state that all pages are of, as the server dates it (`Last-Modified`). None where it does not date it, and
    #: where there is no such thing: walks from an id, and cursors.
    snapshot: str | None = None
    #: The walk began where the list begins, not at an id or a cursor of the call's own, and came to its end.
    complete: bool = True
    #: When the list last changed, as far as a page tells.
    last_modified: datetime | None = None
    #: Nothing is new: every page was in the cache, and is fresh there or was confirmed (304).
    not_modified: bool = False
    #: How many answers it took.
    pages: int = 0

    def __repr__(self) -> str:
        state = f', as of {self.snapshot}' if self.snapshot else ''
        return f'<{len(self)} records of {self.pages} pages{state}>'


class Changes(NamedTuple):
    """What `sync` found."""

    #: Each record once, as it was last seen.
    records: list[Any]
    #: Where to go on from, the next time.
    cursor: str


def pages(walk: Paginator, threads: int) -> Iterator[Response]:
    """The answers of a walk."""
    return (page.response for page in _stream(walk, threads))


def records(walk: Paginator, threads: int) -> Iterator[Any]:
    """The records of a walk, one by one."""
    if walk.kind != 'cursor':
        return (record for page in _stream(walk, threads) for record in page.records)
    return _unseen(walk)


def _unseen(walk: Paginator) -> Iterator[Any]:
    """What a cursor shows twice comes once, as it was first seen."""
    seen: set[Hashable] = set()
    for page in by_cursor.stream(walk):
        for record in page.records:
            key = walk.key(record)
            if key not in seen:
                seen.add(key)
                yield record


def whole(walk: Paginator, threads: int, patience: float) -> WholeList:
    """All records; by pages: in one state."""
    if walk.kind == 'pages':
        answers = Snapshot(walk, threads, patience).take()
        found = WholeList()
        # Rows are made here and not as pages come: the collector, which the work on the other pages calls up again and
        # again, goes through rows and not through what they are made of.
        for answer in answers:
            found += walk.records(answer)
        found.snapshot = state_of(answers[0])
    else:
        answers = []
        found = WholeList(_resolved(walk, _noting(answers, _stream(walk, threads))))
        found.snapshot = state_of(answers[0]) if walk.kind is None else None
    found.complete = not any(walk.given(name) for name in (walk.kind or '', 'before', 'after'))
    found.pages = len(answers)
    found.not_modified = all(answer.not_modified or answer.from_cache for answer in answers)
    newest = max((moment(state_of(answer)) or 0.0 for answer in answers), default=0.0)
    found.last_modified = datetime.fromtimestamp(newest, UTC) if newest else None
    return found


def sync(walk: Paginator, cursor: str | None) -> Changes:
    """What changed since `cursor`; everything where there is none."""
    by_cursor.check(walk, cursor)
    mark = cursor

    def noted(pages: Iterable[Page]) -> Iterator[Page]:
        nonlocal mark
        for page in pages:
            if page.replaces or mark is None:
                mark = page.after or mark
            yield page

    found = _resolved(walk, noted(by_cursor.stream(walk) if cursor is None else by_cursor.forward(walk, cursor)))
    return Changes(list(found), mark or by_cursor.BEGINNING)


def _stream(walk: Paginator, threads: int) -> Iterator[Page]:
    if walk.kind == 'pages':
        return by_page.stream(walk, threads)
    if walk.kind == 'cursor':
        return by_cursor.stream(walk)
    return by_id.stream(walk) if walk.kind is not None else _only(walk)


def _only(walk: Paginator) -> Iterator[Page]:
    """A list that is whole in one answer."""
    response = walk.page()
    walk.progress(1, 1)
    yield Page(response, walk.records(response))


def _noting(answers: list[Response], stream: Iterable[Page]) -> Iterator[Page]:
    for page in stream:
        answers.append(page.response)
        yield page


def _resolved(walk: Paginator, stream: Iterable[Page]) -> Iterable[Any]:
    """Records that came twice resolved: going back, the first one is kept; going forward, the later one replaces it."""
    if walk.kind != 'cursor':
        return [record for page in stream for record in page.records]
    found: dict[Hashable, Any] = {}
    for page in stream:
        for record in page.records:
            key = walk.key(record)
            if page.replaces:
                found.pop(key, None)
            found.setdefault(key, record)
    return found.values()
