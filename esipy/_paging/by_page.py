"""`page` and `X-Pages`: how many pages there are, and a stream of them, fetched ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from esipy._message.headers import moment
from esipy._message.response import Response
from esipy._paging.paginator import Page, Paginator
from esipy._runtime.workers import map_ordered
from esipy.events import advise
from esipy.exceptions import NotFoundError


def first_page(walk: Paginator, *, bypass_cache: bool = False) -> Response:
    """Page 1: the call as it is, so that what is kept for it counts."""
    return walk.page(bypass_cache=bypass_cache)


def page_count(walk: Paginator, response: Response) -> int:
    """What `X-Pages` says, as far as it can be believed. Raises WalkError."""
    told = response.headers.get('X-Pages')
    if told is None:
        raise walk.error('no X-Pages: nobody knows how many pages there are; request() gives page 1')
    digits = told.strip()
    if not digits.isascii() or not digits.isdigit():
        raise walk.error(f'X-Pages is {told!r}, which is no number of pages')
    count = int(digits[:20])
    if count > walk.max_pages:
        raise walk.error(f'X-Pages is {digits[:20]}, more than max_pages={walk.max_pages}; allow more if it is true')
    if count == 0 and walk.records(response):
        raise walk.error('X-Pages is 0, and there are records')
    return count


def stream(walk: Paginator, threads: int) -> Iterator[Page]:
    """Page after page. The list may grow and shrink meanwhile: the page of the newest state says how long it is (that
    which is read last may have been answered first).

    A list that changes under the walk may lose and repeat records, which warns once.
    """
    first = first_page(walk)
    total = page_count(walk, first)
    walk.progress(1, max(total, 1))
    yield Page(first, walk.records(first))
    state, done, is_told = first.headers.get('Last-Modified'), 1, False
    newest = moment(state) or 0.0

    def fetch(number: int) -> Response | NotFoundError:
        try:
            return walk.page({'page': number})
        except NotFoundError as error:
            return error

    while done < total:
        with closing(map_ordered(fetch, range(done + 1, total + 1), threads)) as pages:  # type: ignore[type-var]
            for response in pages:
                if isinstance(response, NotFoundError):
                    total = _after_a_missing_page(walk, done + 1, response)
                    break
                done, before = done + 1, total
                dated = moment(response.headers.get('Last-Modified')) or newest
                if 'X-Pages' in response.headers and dated >= newest:
                    total, newest = page_count(walk, response), dated
                walk.progress(done, max(done, total))
                has_changed = state is not None and response.headers.get('Last-Modified') not in (None, state)
                if not is_told and (has_changed or total != before):
                    _warn(walk)
                    is_told = True
                yield Page(response, walk.records(response))
                if done >= total:
                    break


def _after_a_missing_page(walk: Paginator, number: int, error: NotFoundError) -> int:
    """How many pages there are, now that one is missing. Raises its error where it should be there."""
    total = page_count(walk, first_page(walk, bypass_cache=True))
    if total >= number:
        error.add_note(f'page {number} of {total}')
        raise error
    _warn(walk)
    return total


def _warn(walk: Paginator) -> None:
    advise(
        f'{walk.operation.id}: the list changed while it was walked, so that records may be missing or come twice; '
        'client.all() gives one state of it'
    )
