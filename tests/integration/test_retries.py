"""`retry_requests`: what is sent again, how often, after how long; and what never is."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from esipy import clock
from esipy.events import API_CALL_STATS
from esipy.exceptions import ConnectionFailedError, ServerError
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, unused_url


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, without sleeping it."""
    slept: list[float] = []
    monkeypatch.setattr(clock, 'sleep', slept.append)
    return slept


def failing(times: int, status: int = 503, headers: dict[str, str] | None = None) -> Callable[[Visit], None]:
    def page(visit: Visit) -> None:
        if visit.number < times:
            visit.send(response_bytes({'error': 'broke', 'count': visit.number + 1}, status, headers))
        else:
            visit.send(response_bytes({'visit': visit.number + 1}))

    return page


def test_five_attempts_with_growing_pauses(pauses: list[float]) -> None:
    heard: list[Any] = []
    API_CALL_STATS.add_receiver(lambda status_code, attempt, **more: heard.append((status_code, attempt)))
    with Server(failing(99)) as server, client(retry_requests=True, deadline=60) as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
        assert (response.status, response.data.count, response.attempts) == (503, 5, 5)
        assert len(server.visits) == 5
    assert len(pauses) == 4
    assert pauses == sorted(pauses)
    assert sum(pauses) > 2
    assert heard == [(503, attempt) for attempt in range(1, 6)]


def test_it_stops_when_it_works(pauses: list[float]) -> None:
    with Server(failing(2)) as server, client(retry_requests=True) as esi:
        response = esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        assert (response.data.visit, response.attempts) == (3, 3)


def test_the_last_error_is_raised(pauses: list[float]) -> None:
    with Server(failing(99)) as server, client(retry_requests=True, deadline=60) as esi:
        with pytest.raises(ServerError):
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        assert len(server.visits) == 5


def test_without_it_there_is_one_attempt() -> None:
    with Server(failing(1)) as server, client() as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).status == 503
        assert len(server.visits) == 1


@pytest.mark.parametrize('status', [400, 401, 403, 404, 422, 304])
def test_only_5xx_is_repeated(status: int, pauses: list[float]) -> None:
    with Server(failing(99, status)) as server, client(retry_requests=True) as esi:
        esi.request(app_at(server.url).op['get_thing'](), raw_body_only=True)
        assert len(server.visits) == 1


@pytest.mark.parametrize(
    ('operation', 'arguments', 'answered', 'unanswered'),
    [
        ('get_thing', {}, 5, 5),
        ('put_thing', {'body': {}}, 5, 1),
        ('delete_thing', {}, 5, 1),
        ('post_thing', {'body': {}}, 1, 1),
        ('post_universe_ids', {'names': ['x']}, 5, 5),
    ],
)
def test_what_may_be_repeated(
    operation: str, arguments: dict[str, Any], answered: int, unanswered: int, pauses: list[float]
) -> None:
    for page, times in ((failing(99), answered), (Visit.reset, unanswered)):
        with Server(page) as server, client(retry_requests=True, deadline=60) as esi:
            assert esi.request(app_at(server.url).op[operation](**arguments)).status in (500, 503)
            assert len(server.visits) == times


def test_what_never_left_may_always_be_repeated(pauses: list[float]) -> None:
    with client(retry_requests=True, deadline=60) as esi:
        response = esi.request(app_at(unused_url()).op['post_thing'](body={}))
        assert (response.failed, response.attempts) == (True, 5)
        with pytest.raises(ConnectionFailedError):
            esi.request(app_at(unused_url()).op['post_thing'](body={}), raise_on_error=True)


def test_head_is_repeated(pauses: list[float]) -> None:
    with Server(failing(1)) as server, client(retry_requests=True) as esi:
        assert esi.head(app_at(server.url).op['get_thing']()).status == 200
        assert len(server.visits) == 2


@pytest.mark.parametrize(
    ('retry_after', 'seconds'),
    [('3', 3.0), (' 3 ', 3.0), ('date', 7.0), ('soon', None), ('-5', None), ('Thu, 01 Jan 1970 00:00:00 GMT', 0.0)],
)
def test_retry_after(retry_after: str, seconds: float | None, pauses: list[float]) -> None:
    text = formatdate(clock.time() + 7, usegmt=True) if retry_after == 'date' else retry_after
    with Server(failing(1, headers={'Retry-After': text})) as server, client(retry_requests=True) as esi:
        esi.request(app_at(server.url).op['get_thing']())
    assert len(pauses) == 1
    if seconds is None:
        assert 0.2 < pauses[0] < 0.4
    else:
        assert pauses[0] == pytest.approx(seconds, abs=1.1)


@pytest.mark.parametrize('ahead', [-3600, 3600])
def test_a_date_to_come_back_at_is_by_the_clock_of_the_server(ahead: int, pauses: list[float]) -> None:
    sent, until = (formatdate(clock.time() + ahead + seconds, usegmt=True) for seconds in (0, 7))
    page = failing(1, headers={'Retry-After': until, 'Date': sent})
    with Server(page) as server, client(retry_requests=True) as esi:
        esi.request(app_at(server.url).op['get_thing']())
    assert pauses == [7.0]


def test_the_deadline_bounds_it() -> None:
    with Server(failing(99, headers={'Retry-After': '3600'})) as server, client(retry_requests=True) as esi:
        begun = time.monotonic()
        assert esi.request(app_at(server.url).op['get_thing']()).status == 503
        assert time.monotonic() - begun < 20
        assert len(server.visits) == 1


def test_the_deadline_counts_all_attempts() -> None:
    with Server(failing(99)) as server, client(retry_requests=True, deadline=3.0) as esi:
        begun = time.monotonic()
        esi.request(app_at(server.url).op['get_thing']())
        assert time.monotonic() - begun < 20
        assert 2 <= len(server.visits) <= 4  # of five


def test_each_attempt_is_signed_anew(pauses: list[float]) -> None:
    """The token may have run out during the pauses."""
    many = security('first')

    def page(visit: Visit) -> None:
        many.update_token({'access_token': 'second', 'expires_in': 1200})
        failing(1)(visit)

    with Server(page) as server, client(retry_requests=True, security=many) as esi:
        esi.request(app_at(server.url).op['get_mine']())
        assert [visit.headers['authorization'] for visit in server.visits] == ['Bearer first', 'Bearer second']


def test_retries_is_their_number(pauses: list[float]) -> None:
    with Server(failing(99)) as server, client(retry_requests=True, retries=2) as esi:
        esi.request(app_at(server.url).op['get_thing']())
        assert len(server.visits) == 2


def test_a_stored_response_is_revalidated_in_each_attempt(pauses: list[float]) -> None:
    def page(visit: Visit) -> None:
        if visit.number == 0:
            visit.send(response_bytes({'visit': 1}, headers={'ETag': '"x"'}))
        elif visit.number == 1:
            visit.send(response_bytes({'error': 'x'}, 502))
        else:
            visit.send(response_bytes(b'', 304, length=-1))

    with Server(page) as server, client(retry_requests=True) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        assert esi.request(call).not_modified
        assert [visit.headers.get('if-none-match') for visit in server.visits] == [None, '"x"', '"x"']
