"""`all` of numbered pages: one state of the list, or an error."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import App, EsiClient, clock
from esipy.exceptions import PaginationError, SnapshotError
from esipy.sandbox import Sandbox
from tests.integration.listings import LATER, MODIFIED, Pages, app_at, asked, order
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')

MARKET = 'get_markets_region_id_orders'


@pytest.fixture
def walker() -> Iterator[EsiClient]:
    with client() as made:
        yield made


def market(esi: Sandbox, **more: Any) -> Any:
    return App.create(esi.document).op[MARKET](region_id=10000002, **more)


def numbers(records: Any) -> list[int]:
    return [record['order_id'] for record in records]


def two_each(pages: int, start: int = 0) -> list[Any]:
    return [[order(start + 2 * number), order(start + 2 * number + 1)] for number in range(pages)]


@pytest.mark.parametrize('moment', [1, 2, 3, 5])
@pytest.mark.parametrize('threads', [1, 3])
def test_a_change_between_two_pages(walker: EsiClient, moment: int, threads: int) -> None:
    """An order moves from one page to the one before it: taken as they come, it would be lost."""

    def change(pages: Pages, number: int) -> None:
        if number == moment and pages.headers['Last-Modified'] == MODIFIED:
            pages.pages = two_each(5, start=1)
            pages.headers['Last-Modified'] = LATER

    with Server(Pages(*two_each(5), before=change)) as server:
        found = walker.all(app_at(server.url).op['get_orders'](), threads=threads)
        assert numbers(found) == list(range(1, 11))
        assert (found.snapshot, found.complete, found.not_modified) == (LATER, True, False)
        assert len(server.visits) <= 10  # what belongs to the new state is not fetched again


def test_a_list_that_changes_all_the_time_is_an_error_with_a_way_out(walker: EsiClient) -> None:
    def change(pages: Pages, number: int) -> None:
        pages.headers['Last-Modified'] = (
            f'Mon, 02 Nov 2026 10:{len(server.visits) // 60:02}:{len(server.visits) % 60:02} GMT'
        )

    with Server(Pages(*two_each(4), before=change)) as server:
        with pytest.raises(SnapshotError, match='never had one state') as caught:
            walker.all(app_at(server.url).op['get_orders']())
        assert len(server.visits) <= 4 * 6
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, PaginationError)
    assert str(error) == str(caught.value)
    assert error.operation == 'get_orders'
    assert 0 < error.retry_after <= 60  # type: ignore[attr-defined]
    assert 'records()' in str(error)


def test_a_page_of_an_older_state_in_the_cache_is_fetched_again(walker: EsiClient) -> None:
    with Sandbox() as esi:
        orders = esi.lists.of(MARKET, region_id=10000002)
        assert walker.request(market(esi, page=3)).ok
        esi.clock.move(10)
        orders.remove(orders[5]['order_id'])
        found = walker.all(market(esi))
        assert numbers(found) == numbers(orders)
        esi.log.assert_called(MARKET, times=2, page=3)
        esi.log.assert_called(MARKET, times=1, page=2)

        esi.clock.move(290)  # page 1 is of an old state now, the others must be asked for
        walker.all(market(esi))
        esi.clock.move(15)
        assert walker.request(market(esi)).ok
        orders.remove(orders[5]['order_id'])
        esi.clock.move(290)
        assert numbers(walker.all(market(esi))) == numbers(orders)


def test_pages_that_belong_to_the_snapshot_come_from_the_cache(walker: EsiClient) -> None:
    with Sandbox() as esi:
        for page in (2, 4):
            walker.request(market(esi, page=page))
        esi.log.clear()
        assert len(walker.all(market(esi))) == 430
        assert len(esi.log.entries) == 3


def test_an_expiry_that_is_near_is_waited_out(walker: EsiClient) -> None:
    with Sandbox(server_cache=True) as esi:
        orders = esi.lists.of(MARKET, region_id=10000002)
        walker.request(market(esi))
        orders.remove(orders[5]['order_id'])
        esi.clock.move(298.5)
        esi.log.clear()
        begun = time.monotonic()
        found = walker.all(market(esi))
        assert time.monotonic() - begun < 9
        assert numbers(found) == numbers(orders)  # what is fresh for another moment would be of the old state
        assert len(esi.log.entries) == 5  # nothing was asked for before the expiry


def test_not_longer_than_patience(walker: EsiClient) -> None:
    with Sandbox(server_cache=True) as esi:
        orders = esi.lists.of(MARKET, region_id=10000002)
        before = numbers(orders)
        walker.request(market(esi))
        orders.remove(orders[5]['order_id'])
        esi.clock.move(292)
        begun = time.monotonic()
        found = walker.all(market(esi), max_expiry_wait=0)
        assert time.monotonic() - begun < 7
        assert numbers(found) == before


def test_an_expiry_in_the_middle(walker: EsiClient) -> None:
    """The server's cache goes over to the next state while the pages are fetched."""
    with Sandbox(server_cache=True) as esi:
        orders = esi.lists.of(MARKET, region_id=10000002)
        with client(cache=None) as other:
            other.request(market(esi))
        esi.clock.move(10)
        orders.remove(orders[5]['order_id'])
        esi.clock.move(280)
        seen: list[int] = []

        def expire(done: int, total: int | None) -> None:
            if not seen:
                esi.clock.move(20)
            seen.append(done)

        found = walker.all(market(esi), threads=1, progress=expire)
        assert numbers(found) == numbers(orders)
        assert len(esi.log.entries) > 6


def test_the_server_keeps_an_old_page_until_it_expires(walker: EsiClient) -> None:
    """Pages whose caches end one after the other: the last one is waited for, if that is soon."""
    until = clock.time() + 2

    def page(visit: Visit) -> None:
        number = int(asked(visit).get('page', 1))
        left = max(0, round(until - clock.time() + 0.5)) if number == 2 else 60
        old = number == 2 and clock.time() < until
        headers = {'X-Pages': '2', 'Last-Modified': MODIFIED if old else LATER, 'Cache-Control': f'max-age={left}'}
        visit.send(response_bytes([order(number)], headers=headers))

    with Server(page) as server:
        call = app_at(server.url).op['get_orders']()
        assert walker.all(call).snapshot == LATER
        assert len(server.visits) <= 5
    until = clock.time() + 40
    with Server(page) as server, client() as other, pytest.raises(SnapshotError):
        other.all(app_at(server.url).op['get_orders'](), max_expiry_wait=0)


def test_pages_that_are_not_dated_are_looked_at_twice(walker: EsiClient) -> None:
    def change(pages: Pages, number: int) -> None:
        if len(server.visits) == 3:
            pages.pages = two_each(3, start=1)

    pages = Pages(*two_each(3), before=change)
    del pages.headers['Last-Modified']
    with Server(pages) as server:
        found = walker.all(app_at(server.url).op['get_orders'](), threads=1)
        assert numbers(found) == list(range(1, 7))
        assert (found.snapshot, len(server.visits)) == (None, 9)

    def always(pages: Pages, number: int) -> None:
        pages.pages = two_each(3, start=len(server.visits))

    pages.before = always
    with Server(pages) as server, pytest.raises(SnapshotError, match='not dated'):
        walker.all(app_at(server.url).op['get_orders']())


@pytest.mark.parametrize('last_modified', ['today', '0'])
def test_what_is_not_a_date_distinguishes_no_states(walker: EsiClient, last_modified: str) -> None:
    """The same word on every page proves nothing: they are looked at twice, as those that are not dated."""

    def change(pages: Pages, number: int) -> None:
        if number == 2:
            pages.pages = [[order(0)], [order(1)], [order(2)]]

    pages = Pages([order(7)], [order(8)], [order(9)], before=change)
    pages.headers['Last-Modified'] = last_modified
    with Server(pages) as server:
        found = walker.all(app_at(server.url).op['get_orders'](), threads=1)
    assert ([one.order_id for one in found], found.snapshot) == ([0, 1, 2], None)


def test_a_304_without_a_date_is_not_taken_for_old(walker: EsiClient) -> None:
    """RFC 9110 section 15.4.5: a 304 that has an entity tag need not be dated."""
    pages = Pages(*two_each(3))
    pages.headers['Cache-Control'] = 'max-age=0'

    def page(visit: Visit) -> None:
        if 'if-none-match' in visit.headers and asked(visit).get('page') == '2':
            visit.send(response_bytes(b'', 304, {'ETag': visit.headers['if-none-match']}))
        else:
            pages(visit)

    with Server(page) as server:
        call = app_at(server.url).op['get_orders']()
        walker.all(call)
        pages.pages = [*two_each(2), [order(9)]]
        pages.headers['Last-Modified'] = LATER
        found = walker.all(call)
        assert (numbers(found), found.snapshot) == ([0, 1, 2, 3, 9], LATER)


def test_a_server_that_sends_the_number_of_pages_once(walker: EsiClient) -> None:
    pages = Pages(*two_each(3))

    def page(visit: Visit) -> None:
        pages.x_pages = None if 'page' in asked(visit) else ''
        pages(visit)

    with Server(page) as server:
        call = app_at(server.url).op['get_orders']()
        assert len(walker.all(call, threads=1)) == 6
        assert len(list(walker.records(call))) == 6


def test_a_list_that_is_only_dated_anew_is_not_modified(walker: EsiClient) -> None:
    pages = Pages(*two_each(3))
    pages.headers['Cache-Control'] = 'max-age=0'
    with Server(pages) as server:
        call = app_at(server.url).op['get_orders']()
        walker.all(call)
        pages.headers['Last-Modified'] = LATER
        found = walker.all(call)
        assert (found.not_modified, found.snapshot, len(server.visits)) == (True, LATER, 6)
