"""Cursors: back from the newest record with `before`, on from a mark with `after`. Records are in the order of their
last change, so that one which changes during a walk comes again."""

from __future__ import annotations

from collections.abc import Iterator

from esipy._message.response import Response
from esipy._paging.paginator import Page, Paginator
from esipy.exceptions import CallError

#: Where `after` starts at the beginning.
BEGINNING = '0'


def stream(walk: Paginator) -> Iterator[Page]:
    """Back from the newest page until one is empty; then what changed meanwhile. A call that says `before` or `after`
    itself goes on from there, in that direction alone."""
    if walk.given('after') is not None:
        yield from forward(walk, walk.given('after') or BEGINNING)
        return
    mark: str | None = None
    asked = False
    for page in _back(walk):
        mark = mark or page.after
        asked = asked or not page.response.from_cache
        yield page
    if walk.given('before') is None and mark is not None:
        yield from forward(walk, mark, bypass_cache=asked)


def _back(walk: Paginator) -> Iterator[Page]:
    query = _largest(walk)
    used: set[str] = set()
    while True:
        response = walk.page(query)
        found = walk.records(response)
        if used and not found:
            return
        walk.turned()
        yield Page(response, found, _cursor(response, 'after'))
        before = _cursor(response, 'before')
        if not found or (before is None and _is_short(walk, found, query)):
            return
        if before is None:
            raise walk.error("a full page has no cursor 'before': what lies behind it cannot be reached")
        if before in used:
            raise walk.error(f'the server does not walk on: the cursor {before!r} came a second time')
        used.add(before)
        query['before'] = before


def forward(walk: Paginator, after: str, *, bypass_cache: bool = False) -> Iterator[Page]:
    """What changed since the mark `after`, until a page is empty. An empty page keeps the mark.

    `bypass_cache`: not from the cache: what was kept may be older than a change that the walk so far has passed by.
    """
    query = {**_largest(walk), 'after': after}
    used: set[str] = set()
    while True:
        response = walk.page(query)
        if bypass_cache and response.from_cache:
            response = walk.page(query, bypass_cache=True)
        found = walk.records(response)
        if not found:
            return
        mark = _cursor(response, 'after')
        used.add(query['after'])
        if mark is not None and mark in used:
            raise walk.error(f'the server does not walk on: the cursor {mark!r} came a second time')
        if mark is None and not _is_short(walk, found, query):
            raise walk.error("a full page has no cursor 'after': what came later cannot be reached")
        walk.turned()
        yield Page(response, found, mark, replaces=True)
        if mark is None:
            return
        query['after'] = mark


def check(walk: Paginator, cursor: object) -> None:
    """Raise CallError for what is no cursor to come back with."""
    faults = []
    if walk.kind != 'cursor':
        faults.append(('', f'is not walked by a cursor but by {walk.kind or "nothing"}; all() gives the whole list'))
    if cursor is not None and (not isinstance(cursor, str) or not cursor):
        faults.append(('cursor', f'is the text that the last sync() gave, or None; not {cursor!r}'))
    faults += [(name, 'is where sync() puts its cursor') for name in ('before', 'after') if walk.given(name)]
    if faults:
        raise CallError(walk.operation.id, faults)


def _cursor(response: Response, name: str) -> str | None:
    cursor = response.data.get('cursor')
    value = cursor.get(name) if isinstance(cursor, dict) else None
    return str(value) if value not in (None, '') else None


def _largest(walk: Paginator) -> dict[str, str]:
    """The largest page that the description allows, unless the call chose one: a page costs the same whatever it
    holds."""
    limit = next((p for p in walk.operation.parameters if p.name == 'limit' and p.location == 'query'), None)
    largest = limit.schema.keywords.get('maximum') if limit is not None else None
    chose = limit is not None and walk.given('limit') not in (None, str(limit.default))
    return {} if largest is None or chose else {'limit': str(int(largest))}


def _is_short(walk: Paginator, found: list[object], query: dict[str, str]) -> bool:
    """Whether a page has room left, so that nothing can be behind it."""
    limit = query.get('limit') or walk.given('limit') or ''
    return limit.isdecimal() and len(found) < int(limit)
