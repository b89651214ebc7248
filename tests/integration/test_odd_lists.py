"""Lists as they should not be: a clear error or the documented answer, never a silent gap, never an endless loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from esipy import EsiClient
from esipy.exceptions import APIException, NotFoundError, PaginationError, ServerError
from tests.cases.lists import NO_LISTS, X_PAGES, PagesCase
from tests.integration.listings import MODIFIED, Pages, app_at, asked, order
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


@pytest.fixture
def walker() -> Iterator[EsiClient]:
    with client() as made:
        yield made


def two_each(pages: int) -> list[Any]:
    return [[order(2 * number), order(2 * number + 1)] for number in range(pages)]


def whole(walker: EsiClient, call: Any, **options: Any) -> list[Any]:
    return walker.all(call, **options)


def streamed(walker: EsiClient, call: Any, **options: Any) -> list[Any]:
    return list(walker.records(call, **options))


EITHER = pytest.mark.parametrize('read', [whole, streamed], ids=['all', 'records'])
Read = Callable[..., list[Any]]


@EITHER
@pytest.mark.parametrize('case', X_PAGES, ids=lambda case: case.name)
def test_what_x_pages_says(walker: EsiClient, case: PagesCase, read: Read) -> None:
    pages = Pages(*(two_each(case.pages) or [[]]))
    pages.x_pages = case.x_pages if case.x_pages != '' else ' '
    with Server(pages) as server:
        call = app_at(server.url).op['get_orders']()
        if isinstance(case.outcome, int):
            assert len(read(walker, call, max_pages=case.max_pages)) == case.outcome
        else:
            with pytest.raises(PaginationError, match='get_orders: ') as caught:
                read(walker, call, max_pages=case.max_pages)
            assert case.outcome in str(caught.value)
            assert len(server.visits) == 1


@EITHER
@pytest.mark.parametrize('path', ['orders', 'transactions', 'jobs', 'tags'])
def test_a_body_that_is_not_a_list(walker: EsiClient, path: str, read: Read) -> None:
    with Server(
        lambda visit: visit.send(response_bytes(NO_LISTS[visit.number][0], headers={'X-Pages': '3'}))
    ) as server:
        wanted = 'an object with one list beside its cursor' if path == 'jobs' else 'a list'
        for _, shown in NO_LISTS:
            with pytest.raises(PaginationError, match=f'get_{path}: the body is not {wanted} but {shown}'):
                read(walker, app_at(server.url).op[f'get_{path}']())
        assert len(server.visits) == len(NO_LISTS), 'no other page was asked for'


@EITHER
@pytest.mark.parametrize('bad', [2, 3])
def test_a_later_page_that_is_not_a_list(walker: EsiClient, bad: int, read: Read) -> None:
    pages = two_each(3)
    pages[bad - 1] = {'error': 'later'}
    with Server(Pages(*pages)) as server, pytest.raises(PaginationError, match='not a list but an object'):
        read(walker, app_at(server.url).op['get_orders']())


def test_after_a_page_that_is_not_a_list_no_others_are_asked_for(walker: EsiClient) -> None:
    pages = two_each(200)
    pages[1] = {'error': 'second'}
    with Server(Pages(*pages)) as server:
        with pytest.raises(PaginationError, match='not a list but an object'):
            walker.all(app_at(server.url).op['get_orders'](), threads=2)
        assert len(server.visits) < 20


@EITHER
@pytest.mark.parametrize(('status', 'kind'), [(404, NotFoundError), (500, ServerError), (403, APIException)])
def test_a_page_that_fails_for_good(walker: EsiClient, status: int, kind: type[Exception], read: Read) -> None:
    def page(visit: Visit) -> None:
        if asked(visit).get('page') == '3':
            visit.send(response_bytes({'error': 'no'}, status))
        else:
            Pages(*two_each(5))(visit)

    with Server(page) as server, pytest.raises(kind) as caught:
        read(walker, app_at(server.url).op['get_orders']())
    assert len(server.visits) < 12
    if status == 404 or read is whole:
        assert 'page 3 of 5' in caught.value.__notes__


@EITHER
def test_a_list_that_shrinks_under_the_walk(walker: EsiClient, read: Read) -> None:
    def shrink(pages: Pages, number: int) -> None:
        if number == 2:
            pages.pages = two_each(2)
            pages.headers['Last-Modified'] = 'Mon, 02 Nov 2026 10:00:07 GMT'

    with Server(Pages(*two_each(4), before=shrink)) as server:
        call = app_at(server.url).op['get_orders']()
        if read is whole:
            found = walker.all(call, threads=1)
            assert (len(found), found.pages, found.snapshot) == (4, 2, 'Mon, 02 Nov 2026 10:00:07 GMT')
        else:
            with pytest.warns(UserWarning, match='the list changed while it was read'):
                assert len(streamed(walker, call, threads=1)) == 4


@EITHER
def test_a_list_that_grows_under_the_walk(walker: EsiClient, read: Read) -> None:
    def grow(pages: Pages, number: int) -> None:
        if number == 2:
            pages.pages = two_each(5)
            pages.headers['Last-Modified'] = 'Mon, 02 Nov 2026 10:00:07 GMT'

    with Server(Pages(*two_each(3), before=grow)) as server:
        call = app_at(server.url).op['get_orders']()
        if read is whole:
            assert len(walker.all(call)) == 10
        else:
            with pytest.warns(UserWarning, match='the list changed while it was read'):
                assert len(streamed(walker, call)) == 10


def test_a_page_of_the_state_before_does_not_change_the_length(walker: EsiClient) -> None:
    """It is read last, though it was answered first: pages are fetched ahead."""

    def grow(pages: Pages, number: int) -> None:
        is_new = number != 3
        pages.pages = two_each(3 if number in (1, 3) else 5)
        if number > 1:
            pages.headers['Last-Modified'] = 'Mon, 02 Nov 2026 10:00:07 GMT' if is_new else MODIFIED

    changed = pytest.warns(UserWarning, match='the list changed while it was read')
    with Server(Pages(*two_each(3), before=grow)) as server, changed:
        assert len(streamed(walker, app_at(server.url).op['get_orders'](), threads=1)) == 10


@pytest.mark.parametrize('threads', [1, 4])
def test_a_page_that_is_gone_when_the_stream_comes_to_it(walker: EsiClient, threads: int) -> None:
    def shrink(pages: Pages, number: int) -> None:
        if number == 3:
            pages.pages = two_each(2)

    with Server(Pages(*two_each(4), before=shrink)) as server:
        with pytest.warns(UserWarning, match='changed'):
            found = streamed(walker, app_at(server.url).op['get_orders'](), threads=threads)
        assert [one.order_id for one in found] == [0, 1, 2, 3]


def test_a_list_that_is_shorter_all_at_once_warns(walker: EsiClient) -> None:
    """Whatever the server says of when it was modified."""

    def shrink(pages: Pages, number: int) -> None:
        if number == 2:
            pages.pages = two_each(2)

    with Server(Pages(*two_each(4), before=shrink)) as server:
        with pytest.warns(UserWarning, match='changed'):
            found = streamed(walker, app_at(server.url).op['get_orders'](), threads=1)
        assert [one.order_id for one in found] == [0, 1, 2, 3]


# ------------------------------------------------------------------ walks from an id

PAGINATIONS = {
    'transactions': ('from_id', 'transaction_id', True),
    'mail': ('last_mail_id', 'mail_id', False),
    'calendar': ('from_event', 'event_id', False),
    'wars': ('max_war_id', '', False),
}


def newest_first(path: str, count: int, size: int = 4) -> Callable[[Visit], None]:
    """A well-made server: `count` records, newest first."""
    name, key, inclusive = PAGINATIONS[path]

    def page(visit: Visit) -> None:
        start = int(asked(visit).get(name, 10**9))
        ids = [number for number in range(count, 0, -1) if number < start or (inclusive and number == start)][:size]
        visit.send(response_bytes([{key: number} if key else number for number in ids]))

    return page


@EITHER
@pytest.mark.parametrize('path', PAGINATIONS)
def test_lists_of_every_length_end(walker: EsiClient, path: str, read: Read) -> None:
    key = PAGINATIONS[path][1]
    for count in (0, 1, 3, 4, 5, 7, 8, 9, 40):
        with Server(newest_first(path, count)) as server:
            found = read(walker, app_at(server.url).op[f'get_{path}']())
        assert [record[key] if key else record for record in found] == list(range(count, 0, -1))
        assert len(server.visits) <= count // 3 + 2


@EITHER
@pytest.mark.parametrize('path', PAGINATIONS)
def test_a_server_that_ignores_the_id(walker: EsiClient, path: str, read: Read) -> None:
    name, key, _ = PAGINATIONS[path]
    body = [{key: number} if key else number for number in (5, 4, 3)]
    with Server(lambda visit: visit.send(response_bytes(body))) as server:
        with pytest.raises(PaginationError, match=f'get_{path}: the server ignores {name}'):
            read(walker, app_at(server.url).op[f'get_{path}']())
        assert len(server.visits) == 2


NOBODY = [None, [1], {}]  # type: ignore[var-annotated]


@EITHER
@pytest.mark.parametrize('nobody', NOBODY)
def test_records_without_an_id(walker: EsiClient, nobody: Any, read: Read) -> None:
    """Two without an id would be taken for one."""
    bodies = {
        'transactions': ([{'transaction_id': nobody, 'of': number} for number in range(2)], "its 'transaction_id' is"),
        'jobs': ({'jobs': [{'id': nobody, 'of': number} for number in range(2)], 'cursor': {}}, "its 'id' is"),
        'wars': ([nobody, nobody], 'it is'),
    }
    for path, (body, reason) in bodies.items():
        if (path, nobody) == ('wars', {}):
            continue  # objects without a field are told as such
        error = pytest.raises(PaginationError, match=f'get_{path}: a record has no usable key: {reason} ')
        with Server(lambda visit, body=body: visit.send(response_bytes(body))) as server, error:  # type: ignore[misc]
            read(walker, app_at(server.url).op[f'get_{path}']())


@EITHER
def test_a_server_that_walks_in_a_circle(walker: EsiClient, read: Read) -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes([9, 8] if asked(visit).get('max_war_id') != '8' else [7, 6]))

    with Server(page) as server:
        with pytest.raises(PaginationError, match='does not end: max_war_id=8 came a second time'):
            read(walker, app_at(server.url).op['get_wars']())
        assert len(server.visits) == 3


@EITHER
def test_a_walk_without_an_end(walker: EsiClient, read: Read) -> None:
    def page(visit: Visit) -> None:
        start = int(asked(visit).get('max_war_id', 10**6))
        visit.send(response_bytes([start - 1, start - 2]))

    with Server(page) as server:
        with pytest.raises(PaginationError, match='has not ended after 7 pages; allow more with max_pages='):
            read(walker, app_at(server.url).op['get_wars'](), max_pages=7)
        assert len(server.visits) == 8


@EITHER
def test_records_that_cannot_be_told_apart(walker: EsiClient, read: Read) -> None:
    def page(visit: Visit) -> None:
        start = int(asked(visit).get('from_id', 9))
        visit.send(response_bytes([{'number': number, 'price': 1} for number in range(start, max(start - 4, 0), -1)]))

    with Server(page) as server:
        call = app_at(server.url).op['get_transactions']()
        with pytest.raises(PaginationError, match='is not known; pass key=, one of number, price'):
            read(walker, call)
        for key in ('number', lambda record: record['number']):
            assert [one.number for one in read(walker, call, key=key)] == list(range(9, 0, -1))
        with pytest.raises(PaginationError, match="a record lacks its key 'numer'"):
            read(walker, call, key='numer')


def test_a_record_that_was_removed_where_the_walk_goes_on(walker: EsiClient) -> None:
    def page(visit: Visit) -> None:
        start = asked(visit).get('from_id')
        ids = [9, 8, 7] if start is None else [5, 4] if start == '7' else [number for number in (4,) if start == '4']
        visit.send(response_bytes([{'transaction_id': number} for number in ids]))

    with Server(page) as server:
        found = walker.all(app_at(server.url).op['get_transactions']())
    assert [one.transaction_id for one in found] == [9, 8, 7, 5, 4]


# ------------------------------------------------------------------ cursors


def jobs(*ids: int, **cursor: Any) -> bytes:
    return response_bytes({'jobs': [{'id': number} for number in ids], **({'cursor': cursor} if cursor else {})})


@EITHER
def test_what_comes_twice_comes_once(walker: EsiClient, read: Read) -> None:
    def page(visit: Visit) -> None:
        query = asked(visit)
        if 'after' in query:
            visit.send(jobs() if query['after'] == 'end' else jobs(1, 7, after='end', before='x'))
        elif 'before' in query:
            visit.send(jobs(3, 4, before='c', after='d') if query['before'] == 'a' else jobs())
        else:
            visit.send(jobs(4, 5, 6, before='a', after='b'))

    with Server(page) as server:
        found = read(walker, app_at(server.url).op['get_jobs']())
        assert sorted(one.id for one in found) == [1, 3, 4, 5, 6, 7]


@EITHER
@pytest.mark.parametrize('name', ['before', 'after'])
def test_a_cursor_that_repeats(walker: EsiClient, name: str, read: Read) -> None:
    def page(visit: Visit) -> None:
        query = asked(visit)
        if name == 'after' and 'before' in query:
            visit.send(jobs())
        else:
            visit.send(jobs(1, 2, before='b', after='a'))

    with Server(page) as server:
        with pytest.raises(PaginationError, match=f"the list does not end: the cursor '{name[0]}' came a second time"):
            read(walker, app_at(server.url).op['get_jobs']())
        assert len(server.visits) <= 3


@EITHER
def test_a_page_without_a_cursor(walker: EsiClient, read: Read) -> None:
    with Server(lambda visit: visit.send(jobs(1, 2))) as server:
        operation = app_at(server.url).op['get_jobs']
        with pytest.raises(PaginationError, match="a full page has no cursor 'before'"):
            read(walker, operation(limit='2'))
        with pytest.raises(PaginationError, match="a full page has no cursor 'before'"):
            read(walker, operation())
        assert [one.id for one in read(walker, operation(limit='3'))] == [1, 2]  # it has room: this is the end


@EITHER
def test_two_lists_beside_a_cursor(walker: EsiClient, read: Read) -> None:
    bodies = [{'a': [], 'b': [], 'cursor': {}}, {'old': [1], 'jobs': [{'id': 1}], 'cursor': {}}]
    with Server(lambda visit: visit.send(response_bytes(bodies[visit.number]))) as server:
        call = app_at(server.url).op['get_jobs']()
        with pytest.raises(PaginationError, match="its cursor but an object with 'a', 'b', 'cursor'"):
            read(walker, call)
        assert [one.id for one in read(walker, app_at(server.url).op['get_jobs'](limit='2'))] == [
            1
        ]  # the one described


def test_an_empty_list_with_and_without_a_cursor(walker: EsiClient) -> None:
    for body in (jobs(), jobs(before='a', after='a')):
        with Server(lambda visit, body=body: visit.send(body)) as server:  # type: ignore[misc]
            call = app_at(server.url).op['get_jobs']()
            assert walker.all(call) == []
            changes = walker.sync(call)
            assert changes == ([], 'a' if b'cursor' in body else '0')


def test_the_date_of_pages_that_have_none(walker: EsiClient) -> None:
    pages = Pages(*two_each(3))
    del pages.headers['Last-Modified']
    with Server(pages) as server:
        found = walker.all(app_at(server.url).op['get_orders']())
        assert (len(found), found.snapshot, found.last_modified) == (6, None, None)
        assert len(server.visits) == 6  # each page twice: nothing changed in between
    assert MODIFIED.endswith('GMT')
