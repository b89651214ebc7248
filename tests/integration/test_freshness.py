"""The table of freshness over the wire: what is asked again, and how. By itself: tests/unit/cache/test_freshness.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from esipy import clock
from tests.cases import freshness
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes
from tests.unit.cache.test_freshness import with_dates

pytestmark = pytest.mark.filterwarnings('ignore:.*returned expired result', 'ignore:.*299')


class Answering(Server):
    """Responds with the given headers; a 304 with `news` where it is asked for one."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.headers: freshness.Headers = {}
        self.news: freshness.Headers | None = None
        self.status = 200

    def _page(self, visit: Visit) -> None:
        asked = {'if-none-match', 'if-modified-since'} & visit.headers.keys()
        if asked and self.news is not None:
            visit.send(response_bytes(b'', 304, with_dates(self.news, clock.time()), length=-1))
        else:
            body = b'' if self.status == 204 else {'visit': visit.number}
            visit.send(response_bytes(body, self.status, with_dates(self.headers, clock.time())))


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as running:
        yield running


@pytest.mark.parametrize('row', freshness.RESPONSES, ids=str)
def test_for_how_long_a_response_is_fresh(row: freshness.Expected, server: Answering) -> None:
    server.headers = row.headers
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        assert esi.request(call).data.visit == 0
        # Dates are in whole seconds: two before and two after the end.
        if row.fresh:
            clock.move(row.fresh - 2)
            assert esi.request(call).from_cache
            clock.move(4)
        response = esi.request(call)
        assert (response.from_cache, response.status, response.data.visit) == (False, 200, 1)
        asked = server.visits[1].headers
        assert tuple(name for name in ('If-None-Match', 'If-Modified-Since') if name.lower() in asked) == row.asks


@pytest.mark.parametrize(
    ('expires', 'date', 'fresh'),
    [
        ('Fri, 31 Dec 9999 23:59:59 GMT', 'Thu, 01 Jan 2015 00:00:00 GMT', True),
        ('Mon, 01 Jan 1900 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT', False),
    ],
)
def test_an_expiry_beyond_the_calendar_is_as_far_as_it_goes(
    server: Answering, expires: str, date: str, fresh: bool
) -> None:
    server.headers = {'Expires': expires, 'Date': date, 'ETag': '"1"'}
    with client() as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
        assert response.expires is not None
        assert (response.expires.timestamp() > clock.time()) is fresh


@pytest.mark.parametrize('row', freshness.RENEWALS, ids=str)
def test_what_a_304_makes_of_it(row: freshness.Renewal, server: Answering) -> None:
    server.headers, server.news = row.headers, row.news
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(row.after)
        response = esi.request(call)
        assert (response.status, response.not_modified, response.data.visit) == (200, True, 0)
        assert {name: response.headers.get(name) for name in row.headers_of_result} == row.headers_of_result
        if row.fresh:
            clock.move(row.fresh - 2)
            assert esi.request(call).from_cache
            clock.move(4)
        assert not esi.request(call).from_cache


@pytest.mark.parametrize('row', freshness.CHOICES, ids=str)
def test_who_may_be_given_it(row: freshness.Choice, server: Answering) -> None:
    server.headers = {'Cache-Control': 'max-age=60', 'Vary': row.vary}
    with client() as esi:
        for said in (row.then, row.now):
            call = app_at(server.url).op['get_thing']()
            call[0]._p['header'].update(said)
            response = esi.request(call)
    # What the request says besides may make it another call, which is asked for even if it need not be.
    assert response.from_cache is row.same or (row.same and row.then != row.now)


@pytest.mark.parametrize(('status', 'seconds'), freshness.STATUSES.items())
def test_which_statuses_are_stored(status: int, seconds: float, server: Answering) -> None:
    server.headers, server.status = {'Cache-Control': 'max-age=600', 'ETag': '"x"'}, status
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        first = esi.request(call)
        if seconds:
            clock.move(seconds - 2)
            again = esi.request(call)
            assert (again.status, again.data, again.ok) == (first.status, first.data, first.ok)
            assert again.from_cache
            clock.move(4)
        assert not esi.request(call).from_cache
    if status != 200:
        assert 'if-none-match' not in server.visits[-1].headers


@pytest.mark.parametrize('row', freshness.SEQUENCES, ids=str)
def test_what_is_sent(row: freshness.Sequence, server: Answering) -> None:
    server.headers = {'Cache-Control': 'max-age=60', 'ETag': '"x"'}
    op = app_at(server.url).op
    sent = []
    with client() as esi:
        calls: dict[str, Any] = {
            'get': lambda: esi.request(op['get_thing']()),
            'other': lambda: esi.request(op['get_thing'](q='other')),
            'head': lambda: esi.head(op['get_thing']()),
            'put': lambda: esi.request(op['put_thing'](body={'a': 1})),
            'post': lambda: esi.request(op['post_thing'](body={'a': 1})),
            'delete': lambda: esi.request(op['delete_thing']()),
            'mine': lambda: esi.request(op['get_mine'](token='mine')),
            'yours': lambda: esi.request(op['get_mine'](token='yours')),
            'write mine': lambda: esi.request(op['put_mine'](token='mine', body={})),
        }
        for step in row.steps:
            if isinstance(step, int):
                server.status = step
                continue
            before = len(server.visits)
            response = calls[step]()
            assert response.from_cache is (len(server.visits) == before)
            if len(server.visits) > before:
                sent.append(step)
    assert sent == row.sent


NONSENSE = [
    ({'Expires': '0'}, "Expires is not a date: '0'"),
    ({'Expires': '-1'}, "Expires is not a date: '-1'"),
    ({'Expires': 'rubbish'}, "Expires is not a date: 'rubbish'"),
    ({'Expires': -60}, 'returned expired result'),
    ({'Cache-Control': 'max-age=soon'}, "max-age is not a number of seconds: 'soon'"),
    ({'Cache-Control': 'max-age=-5', 'ETag': '"x"'}, "max-age is not a number of seconds: '-5'"),
]


@pytest.mark.parametrize(('headers', 'reason'), NONSENSE, ids=str)
def test_the_log_says_why_a_response_is_not_used_again(
    headers: freshness.Headers, reason: str, server: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    server.headers = headers
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        for _ in range(3 if 'ETag' in headers or 'not a' in reason else 1):
            assert esi.request(call).ok
    assert [reason in record.getMessage() for record in caplog.records] == [True]
