"""`page` and `X-Pages`: the number of pages, and a stream of them, fetched ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from esipy._message.headers import moment
from esipy._message.response import Response
from esipy._paging.paginator import Page, Paginator, is_empty
from esipy._runtime.workers import map_ordered
from esipy.events import advise
from esipy.exceptions import NotFoundError


def first_page(paginator: Paginator, *, bypass_cache: bool = False) -> Response:
    """Return page 1: the call as it is, so that a stored response to it counts."""
    return paginator.page(bypass_cache=bypass_cache)


def page_count(paginator: Paginator, response: Response) -> int:
    """Return the number of pages by `X-Pages`. Raises PaginationError for a value that cannot be true."""
    if is_empty(response):
        return 0
    text = response.headers.get('X-Pages')
    if text is None:
        raise paginator.error(
            'the response has no X-Pages, so the number of pages is not known; client.request() returns page 1'
        )
    values = {value.strip() for value in text.split(',')}  # repeated by a proxy: RFC 9110 section 5.3
    digits = values.pop()
    if values or not digits.isascii() or not digits.isdigit():
        raise paginator.error(f'X-Pages is not a number: {text[:40]!r}')
    count = int(digits[:20])
    if count > paginator.max_pages:
        raise paginator.error(
            f'X-Pages is {digits[:20]}, more than max_pages={paginator.max_pages}; if it is right, pass a larger one'
        )
    if count == 0 and paginator.records(response):
        raise paginator.error('X-Pages is 0, but the page has records')
    return count


def stream(paginator: Paginator, threads: int) -> Iterator[Page]:
    """Yield page after page. The list may grow and shrink meanwhile: the newest page says how long it is (the page that
    is read last may have been fetched first).

    A list that changes while it is read may lose and repeat records: there is one warning.
    """
    first = first_page(paginator)
    total = page_count(paginator, first)
    paginator.report(1, max(total, 1))
    yield Page(first, paginator.records(first))
    state, done, has_warned = first.headers.get('Last-Modified'), 1, False
    newest = moment(state) or 0.0

    def fetch(number: int) -> Response | NotFoundError:
        try:
            return paginator.page({'page': number})
        except NotFoundError as error:
            return error

    while done < total:
        with closing(map_ordered(fetch, range(done + 1, total + 1), threads)) as pages:  # type: ignore[type-var]
            for response in pages:
                if isinstance(response, NotFoundError):
                    total = _count_after_missing_page(paginator, done + 1, response)
                    break
                done, before = done + 1, total
                modified = moment(response.headers.get('Last-Modified')) or newest
                if 'X-Pages' in response.headers and modified >= newest:
                    total, newest = page_count(paginator, response), modified
                paginator.report(done, max(done, total))
                has_changed = state is not None and response.headers.get('Last-Modified') not in (None, state)
                if not has_warned and (has_changed or total != before):
                    _warn(paginator)
                    has_warned = True
                yield Page(response, paginator.records(response))
                if done >= total:
                    break


def _count_after_missing_page(paginator: Paginator, number: int, error: NotFoundError) -> int:
    """Return the number of pages now that one is missing. Raises its error if page 1 says that it should exist."""
    total = page_count(paginator, first_page(paginator, bypass_cache=True))
    if total >= number:
        error.add_note(f'page {number} of {total}')
        raise error
    _warn(paginator)
    return total


def _warn(paginator: Paginator) -> None:
    advise(
        f'{paginator.operation.id}: the list changed while it was read, so that records may be missing or repeated; '
        'use client.all() to get one snapshot of it'
    )
