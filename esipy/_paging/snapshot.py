"""A snapshot: all pages of a list in one state. Pages from before and after a change do not fit together: an order that
moved from page 3 to page 2 in between would be lost, one that moved on would come twice."""

from __future__ import annotations

from collections.abc import Iterable

from esipy import clock
from esipy._message.headers import moment
from esipy._message.response import Response
from esipy._paging.by_page import first_page, page_count
from esipy._paging.paginator import Paginator, is_empty
from esipy._runtime.workers import map_unordered
from esipy.exceptions import NotFoundError, SnapshotError

#: How often pages of another state are fetched again.
MAX_REFETCHES = 5

#: An expiry within so many seconds is waited out before the other pages are fetched.
NEAR_EXPIRY = 5.0

#: Both clocks count in whole seconds somewhere.
SLACK = 0.2


class Snapshot:
    """Pages by number, until all are of one state: the newest that any of them shows.

    The server dates a state by `Last-Modified`. Where it does not, all pages are fetched twice: if no byte differs,
    they were all current between the two. `max_expiry_wait`: seconds to wait for expiries, in all.
    """

    def __init__(self, paginator: Paginator, threads: int, max_expiry_wait: float) -> None:
        self._paginator = paginator
        self._threads = threads
        self._seconds_to_wait = max_expiry_wait
        self._pages: dict[int, Response] = {}
        self._total = 1

    def take(self) -> list[Response]:
        """Return the pages in order. Raises SnapshotError, and the error of a page that fails for good."""
        self._pages[1] = self._first()
        if is_empty(self._pages[1]):
            return [self._pages[1]]
        self._check(self._pages[1])
        for attempt in range(MAX_REFETCHES + 1):
            outdated = self._outdated()
            if not outdated and self._is_certain():
                return [self._pages[number] for number in sorted(self._pages)]
            if attempt > 1:
                self._wait(outdated)
            if attempt < MAX_REFETCHES:
                self._fetch(outdated)
        raise self._changes_too_fast()

    def _first(self) -> Response:
        """Page 1, after its expiry if that is near: the other pages would come from both sides of it."""
        first = first_page(self._paginator)
        left = _seconds_left(first)
        if page_count(self._paginator, first) > 1 and 0 < left <= min(NEAR_EXPIRY, self._seconds_to_wait):
            self._sleep(left)
            first = first_page(self._paginator)
        return first

    def _outdated(self) -> list[int]:
        """The pages to be fetched: those that are missing, or not of the newest state."""
        newest = max(self._pages.values(), key=_rank)
        counted = [page for page in self._pages.values() if 'X-Pages' in page.headers]
        self._total = max(page_count(self._paginator, max(counted, key=_rank, default=newest)), 1)
        self._pages = {number: page for number, page in self._pages.items() if number <= self._total}
        return [number for number in range(1, self._total + 1) if not self._belongs(number, newest)]

    def _belongs(self, number: int, newest: Response) -> bool:
        page = self._pages.get(number)
        return page is not None and state_of(page) == state_of(newest) and (page.pages or self._total) == self._total

    def _is_certain(self) -> bool:
        """Whether the pages that agree prove that they belong together."""
        if self._total == 1 or state_of(self._pages[1]) is not None:
            return True
        before = {number: page.raw for number, page in self._pages.items()}
        self._fetch(sorted(before))
        return not self._outdated() and before == {number: page.raw for number, page in self._pages.items()}

    def _fetch(self, numbers: Iterable[int]) -> None:
        """Fetch pages: new ones from the cache if possible, those of another state from the server."""

        def fetch(number: int) -> tuple[int, Response | NotFoundError]:
            bypass_cache = number in known
            try:
                page = (
                    first_page(self._paginator, bypass_cache=bypass_cache)
                    if number == 1
                    else self._page(number, bypass_cache)
                )
                self._check(page)
                return number, page
            except NotFoundError as error:
                error.add_note(f'page {number} of {self._total}')
                return number, error

        def done(index: int, count: int, result: tuple[int, Response | NotFoundError]) -> None:
            number, page = result
            if isinstance(page, NotFoundError):
                missing[number] = page
            else:
                self._pages[number] = page
            self._paginator.report(min(len(self._pages), self._total), self._total)

        known, before, missing = set(self._pages), state_of(self._pages[1]), dict[int, NotFoundError]()
        map_unordered(fetch, numbers, self._threads, done)
        if missing:  # the list may be shorter now, which page 1 says
            first = first_page(self._paginator, bypass_cache=True)
            if state_of(first) == before and (first.pages or 0) >= min(missing):
                raise missing[min(missing)]
            self._pages = {1: first}

    def _check(self, page: Response) -> None:
        """Raise PaginationError for a body that is not a list, before other pages are fetched, without making rows."""
        if not isinstance(page.decoded(), list):
            self._paginator.records(page)

    def _page(self, number: int, bypass_cache: bool) -> Response:
        try:
            return self._paginator.page({'page': number}, bypass_cache=bypass_cache)
        except NotFoundError:
            raise
        except Exception as error:
            error.add_note(f'page {number} of {self._total}')
            raise

    def _wait(self, outdated: list[int]) -> None:
        """Wait until the server's own cached pages of an older state expire: fetching them earlier is in vain."""
        left = max((_seconds_left(self._pages[number]) for number in outdated if number in self._pages), default=0.0)
        if 0 < left <= self._seconds_to_wait:
            self._sleep(left)

    def _sleep(self, left: float) -> None:
        self._seconds_to_wait -= left
        clock.sleep(left + SLACK)

    def _changes_too_fast(self) -> SnapshotError:
        states = sorted({state_of(page) or 'not dated' for page in self._pages.values()})
        left = max(map(_seconds_left, self._pages.values()))
        soon = f' in {left:.0f} s, when they expire' if left > 0 else ' later'
        error = SnapshotError(
            self._paginator.operation.id,
            f'{self._total} pages were fetched {MAX_REFETCHES} times and never had one state ({"; ".join(states)}), '
            f'because the list changes faster than it can be read. Try again{soon}, with more threads= or a longer '
            'max_expiry_wait=; '
            'or read it as it comes with records()',
        )
        error.retry_after = left if left > 0 else None
        return error


def state_of(page: Response) -> str | None:
    """Return the date of the list's state; None if the server sends none, or not a date."""
    modified = page.headers.get('Last-Modified')
    return None if moment(modified) is None else modified


def _rank(page: Response) -> tuple[float, bool]:
    """Sorts the newest page last; of two equally new ones, one that came with all its headers."""
    return moment(state_of(page)) or 0.0, not page.not_modified and not page.from_cache


def _seconds_left(page: Response) -> float:
    """For how many seconds a page is still fresh."""
    return 0.0 if page.expires is None else page.expires.timestamp() - clock.time()
