"""Cursors: back from the newest record with `before`, on from a mark with `after`. Records are in the order of their
last change, so that one which changes meanwhile comes again."""

from __future__ import annotations

from collections.abc import Iterator

from esipy._message.response import Response
from esipy._paging.paginator import Page, Paginator
from esipy.exceptions import CallError

#: Where `after` starts at the beginning.
BEGINNING = '0'


def stream(paginator: Paginator) -> Iterator[Page]:
    """Yield pages back from the newest one until one is empty; then what has changed meanwhile. A call with `before` or
    `after` continues from there, in that direction alone."""
    if paginator.argument('after') is not None:
        yield from forward(paginator, paginator.argument('after') or BEGINNING)
        return
    mark: str | None = None
    was_fetched = False
    for page in _backward(paginator):
        mark = mark or page.after
        was_fetched = was_fetched or not page.response.from_cache
        yield page
    if paginator.argument('before') is None and mark is not None:
        yield from forward(paginator, mark, bypass_cache=was_fetched)


def _backward(paginator: Paginator) -> Iterator[Page]:
    query = _page_size(paginator)
    used: set[str] = set()
    while True:
        response = paginator.page(query)
        records = paginator.records(response)
        if used and not records:
            return
        paginator.count_page()
        yield Page(response, records, _cursor(response, 'after'))
        before = _cursor(response, 'before')
        if not records or (before is None and _is_short(paginator, records, query)):
            return
        if before is None:
            raise paginator.error("a full page has no cursor 'before', so that older records cannot be fetched")
        if before in used:
            raise paginator.error(f'the list does not end: the cursor {before!r} came a second time')
        used.add(before)
        query['before'] = before


def forward(paginator: Paginator, after: str, *, bypass_cache: bool = False) -> Iterator[Page]:
    """Yield what has changed since the mark `after`, until a page is empty. An empty page keeps the mark.

    `bypass_cache`: a stored response may be older than a change that the pagination has passed already.
    """
    query = {**_page_size(paginator), 'after': after}
    used: set[str] = set()
    while True:
        response = paginator.page(query)
        if bypass_cache and response.from_cache:
            response = paginator.page(query, bypass_cache=True)
        records = paginator.records(response)
        if not records:
            return
        mark = _cursor(response, 'after')
        used.add(query['after'])
        if mark is not None and mark in used:
            raise paginator.error(f'the list does not end: the cursor {mark!r} came a second time')
        if mark is None and not _is_short(paginator, records, query):
            raise paginator.error("a full page has no cursor 'after', so that later records cannot be fetched")
        paginator.count_page()
        yield Page(response, records, mark, replaces=True)
        if mark is None:
            return
        query['after'] = mark


def check(paginator: Paginator, cursor: object) -> None:
    """Raise CallError for a list without cursors, or for something that is not a cursor."""
    faults = []
    if paginator.kind != 'cursor':
        faults.append(('', f'has no cursor but {paginator.kind or "no pagination"}; all() returns the whole list'))
    if cursor is not None and (not isinstance(cursor, str) or not cursor):
        faults.append(('cursor', f'must be the text that the last sync() returned, or None; not {cursor!r}'))
    faults += [(name, 'is set by sync(); leave it out') for name in ('before', 'after') if paginator.argument(name)]
    if faults:
        raise CallError(paginator.operation.id, faults)


def _cursor(response: Response, name: str) -> str | None:
    data = response.data
    cursor = data.get('cursor') if isinstance(data, dict) else None  # a 204 has no body
    value = cursor.get(name) if isinstance(cursor, dict) else None
    return str(value) if value not in (None, '') else None


def _page_size(paginator: Paginator) -> dict[str, str]:
    """The largest page that the description allows, unless the call chose one: all pages cost the same."""
    limit = next((p for p in paginator.operation.parameters if p.name == 'limit' and p.location == 'query'), None)
    largest = limit.schema.keywords.get('maximum') if limit is not None else None
    is_chosen = limit is not None and paginator.argument('limit') not in (None, str(limit.default))
    return {} if largest is None or is_chosen else {'limit': str(int(largest))}


def _is_short(paginator: Paginator, records: list[object], query: dict[str, str]) -> bool:
    """Whether a page has room left, so that there are no further ones."""
    limit = query.get('limit') or paginator.argument('limit') or ''
    return limit.isdecimal() and len(records) < int(limit)
