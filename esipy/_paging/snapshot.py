"""All pages of a list in one state. Pages that were made before and after a change do not fit together: an order
that moved from page 3 to page 2 in between would be lost, one that moved on would come twice."""

from __future__ import annotations

from collections.abc import Iterable

from esipy import clock
from esipy._message.headers import moment
from esipy._message.response import Response
from esipy._paging.by_page import first_page, page_count
from esipy._paging.paginator import Paginator
from esipy._runtime.workers import map_unordered
from esipy.exceptions import NotFoundError, SnapshotError

#: How often odd pages are fetched again.
ROUNDS = 5

#: An expiry so near (seconds) is waited out before the other pages are asked for.
NEAR = 5.0

#: Both clocks count in whole seconds somewhere.
SLACK = 0.2


class Snapshot:
    """Pages by number, until all are of one state: the newest that any of them shows.

    The server dates a state by `Last-Modified`. Where it does not, all pages are fetched twice: if no byte differs,
    they were all so at the moment between. `patience`: seconds to wait for an expiry, in all.
    """

    def __init__(self, walk: Paginator, threads: int, patience: float) -> None:
        self._walk = walk
        self._threads = threads
        self._patience = patience
        self._pages: dict[int, Response] = {}
        self._total = 1

    def take(self) -> list[Response]:
        """The pages in order. Raises SnapshotError, and what a page that fails for good stands for."""
        self._pages[1] = self._first()
        self._check(self._pages[1])
        for attempt in range(ROUNDS + 1):
            odd = self._odd()
            if not odd and self._is_certain():
                return [self._pages[number] for number in sorted(self._pages)]
            if attempt > 1:
                self._wait(odd)
            if attempt < ROUNDS:
                self._fetch(odd)
        raise self._torn()

    def _first(self) -> Response:
        """Page 1, and behind its expiry if that is near: the other pages would come from both sides of it."""
        first = first_page(self._walk)
        left = _seconds_left(first)
        if page_count(self._walk, first) > 1 and 0 < left <= min(NEAR, self._patience):
            self._sleep(left)
            first = first_page(self._walk)
        return first

    def _odd(self) -> list[int]:
        """The pages to be fetched: those that are not there, or not of the newest state."""
        newest = max(self._pages.values(), key=_rank)
        told = [page for page in self._pages.values() if 'X-Pages' in page.headers]
        self._total = max(page_count(self._walk, max(told, key=_rank, default=newest)), 1)
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
        return not self._odd() and before == {number: page.raw for number, page in self._pages.items()}

    def _fetch(self, numbers: Iterable[int]) -> None:
        """Fetch pages: from the cache what is not known yet, from the server what did not fit."""

        def fetch(number: int) -> tuple[int, Response | NotFoundError]:
            bypass_cache = number in known
            try:
                page = (
                    first_page(self._walk, bypass_cache=bypass_cache)
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
            self._walk.progress(min(len(self._pages), self._total), self._total)

        known, before, missing = set(self._pages), state_of(self._pages[1]), dict[int, NotFoundError]()
        map_unordered(fetch, numbers, self._threads, done)
        if missing:  # perhaps the list is shorter by now: page 1 knows
            first = first_page(self._walk, bypass_cache=True)
            if state_of(first) == before and (first.pages or 0) >= min(missing):
                raise missing[min(missing)]
            self._pages = {1: first}

    def _check(self, page: Response) -> None:
        """Raise WalkError for what is no list, before other pages are asked for, and without making rows of it."""
        if not isinstance(page.decoded(), list):
            self._walk.records(page)

    def _page(self, number: int, bypass_cache: bool) -> Response:
        try:
            return self._walk.page({'page': number}, bypass_cache=bypass_cache)
        except NotFoundError:
            raise
        except Exception as error:
            error.add_note(f'page {number} of {self._total}')
            raise

    def _wait(self, odd: list[int]) -> None:
        """What the server itself keeps of an older state is asked for in vain before it expires."""
        left = max((_seconds_left(self._pages[number]) for number in odd if number in self._pages), default=0.0)
        if 0 < left <= self._patience:
            self._sleep(left)

    def _sleep(self, left: float) -> None:
        self._patience -= left
        clock.sleep(left + SLACK)

    def _torn(self) -> SnapshotError:
        states = sorted({state_of(page) or 'not dated' for page in self._pages.values()})
        left = max(map(_seconds_left, self._pages.values()))
        soon = f' in {left:.0f} s, when they expire' if left > 0 else ' later'
        error = SnapshotError(
            self._walk.operation.id,
            f'{self._total} pages were fetched {ROUNDS} times over and never were of one state ({"; ".join(states)}): '
            f'the list changes faster than it can be read. Try again{soon}, with more threads= or a longer patience=; '
            'or take it as it comes with records()',
        )
        error.retry_after = left if left > 0 else None
        return error


def state_of(page: Response) -> str | None:
    """What the server dates the list's state by; what is no date tells no states apart."""
    told = page.headers.get('Last-Modified')
    return None if moment(told) is None else told


def _rank(page: Response) -> tuple[float, bool]:
    """The newest page last; of two as new, one that came with all its headers."""
    return moment(state_of(page)) or 0.0, not page.not_modified and not page.from_cache


def _seconds_left(page: Response) -> float:
    """For how many seconds a page is fresh."""
    return 0.0 if page.expires is None else page.expires.timestamp() - clock.time()
