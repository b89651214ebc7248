"""Rate limits over sockets, against a server that counts."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from esipy import EsiClient, clock
from esipy._limits.memory import SHARED
from esipy.exceptions import (
    DowntimeError,
    LimitedError,
    ServerError,
    UndecodableBodyError,
)
from esipy.limits import MemoryLimits
from tests.contract.limited import TOKENS, WINDOW, app_at
from tests.contract.test_limits import errors, limit_headers
from tests.integration.things import security
from tests.servers import Server, Visit, response_bytes, wait_until
from tests.unit.limits.test_buckets import token


def client(**options: Any) -> EsiClient:
    return EsiClient(**{'user_agent': 'tests', 'cache': None, 'limits': MemoryLimits(), 'deadline': 10, **options})


def in_turn(*pages: bytes | Callable[[Visit], Any]) -> Callable[[Visit], None]:
    """A page that gives one response after the other, and the last one again and again."""

    def page(visit: Visit) -> None:
        one = pages[min(visit.number, len(pages) - 1)]
        visit.send(one) if isinstance(one, bytes) else one(visit)

    return page


GOOD = response_bytes({'good': True})


def counting(tokens: int, window: float) -> Callable[[Visit], None]:
    """Return a page that counts as ESI does, and rejects."""
    spent: list[float] = []
    lock = threading.Lock()

    def page(visit: Visit) -> None:
        with lock:
            now = time.monotonic()
            used = 2 * sum(1 for at in spent if at > now - window)
            if used + 2 > tokens:
                status, left = 429, 0
            else:
                status, left = 200, tokens - used - 2
                spent.append(now)
        headers = limit_headers(limit=f'{tokens}/{window:.0f}s', remaining=left) | (
            {'Retry-After': '1'} if status == 429 else {}
        )
        visit.send(response_bytes({}, status, headers))

    return page


def statuses(esi: EsiClient, calls: Any, **options: Any) -> Counter[int]:
    return Counter(response.status for _, response in esi.multi_request(calls, **options))  # type: ignore[misc]


# ---------------------------------------------------------------------- never refused


def test_redirects_are_counted() -> None:
    """Each redirect that was followed has cost a token."""

    def page(visit: Visit) -> None:
        further = {'/one': '/else', '/else': '/two'}.get(visit.path)
        visit.send(GOOD if further is None else response_bytes(b'', 302, {'Location': further}))

    with Server(page) as server, client() as esi:
        assert esi.request(app_at(server.url).op['one']()).data == {'good': True}
        assert {budget.group: budget.used for budget in esi.budget()} == {'errors': 0, 'shared': 1 + 1 + 2}


def test_many_threads_are_never_rejected() -> None:
    """They wait as long as it takes: several windows."""
    with Server(counting(30, 1)) as server, client() as esi:
        op = app_at(server.url, 30, 1).op['one']
        begun = time.monotonic()
        assert statuses(esi, (op(q=str(number)) for number in range(60)), threads=30) == {200: 60}
        assert time.monotonic() - begun < 10
        assert len(server.visits) == 60


def test_clients_of_a_process_share_by_default() -> None:
    with Server(lambda visit: visit.send(GOOD)) as server:
        op = app_at(server.url).op['one']
        for number in range(8):
            with client(limits=SHARED) as esi:
                esi.request(op(q=str(number)))
        with client(limits=SHARED, max_wait=0) as esi, pytest.raises(LimitedError):
            esi.request(op())
        with client(limits=None) as esi:
            assert esi.request(op()).ok
            assert esi.budget() == []
            assert esi.estimate([op()]) == (0, '', 0.0)


def test_no_wait_at_all_while_others_have_reserved_everything() -> None:
    """What they hold will be enough for one more as soon as they are answered: that is not the error limit's doing."""
    go = threading.Event()

    def page(visit: Visit) -> None:
        go.wait(10)
        visit.send(GOOD)

    with Server(page) as server, client() as patient, client(limits=patient.limits, max_wait=0) as esi:
        op = app_at(server.url).op['one']
        threads = [threading.Thread(target=patient.request, args=(op(q=str(number)),)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(server.visits) == 4)
            with pytest.raises(LimitedError) as caught:
                esi.request(op())
        finally:
            go.set()
            for thread in threads:
                thread.join()
        assert (caught.value.status_code, caught.value.limit) == (429, 'shared')
        assert caught.value.retry_after is None


def test_cancelled_calls_wait_for_nothing_and_send_nothing() -> None:
    """Ctrl-C, an error in what is worked on, a generator that is closed: the threads that wait for a limit go home,
    and nobody stands behind them."""
    before = set(threading.enumerate())  # another test's client of Redis may have a thread
    with Server(lambda visit: visit.send(GOOD)) as server, client() as esi:
        op = app_at(server.url).op['one']

        def work() -> Any:
            for number in range(30):
                yield op(q=str(number))
            wait_until(lambda: len(server.visits) == 8)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            esi.multi_request(work(), threads=30)
        wait_until(lambda: not any(thread.name.startswith('esipy_') for thread in {*threading.enumerate()} - before))
        clock.move(WINDOW + 1)
        assert esi.request(op()).ok
        assert len(server.visits) == 9


def test_limits_of_another_type() -> None:
    with pytest.raises(TypeError, match='not int'):
        client(limits=5)


def test_a_cached_response_reserves_nothing() -> None:
    with (
        Server(in_turn(response_bytes({}, headers={'Cache-Control': 'max-age=3600'}))) as server,
        client(cache=False) as esi,
    ):
        call = app_at(server.url).op['one']()
        for _ in range(50):
            esi.request(call)
        assert esi.budget()[-1].used + esi.budget()[0].used == 2
        assert esi.estimate([call] * 50).tokens == 0


def test_a_refreshed_token_keeps_its_bucket() -> None:
    with Server(lambda visit: visit.send(GOOD)) as server:
        mine = security(token(sub='CHARACTER:EVE:1', azp='app').partition(' ')[2])
        with client(security=mine, max_wait=0) as esi:
            op = app_at(server.url).op['mine']
            for number in range(8):
                esi.request(op(q=str(number)))
            fresh = token(sub='CHARACTER:EVE:1', azp='app', iat=1).partition(' ')[2]
            mine.update_token({'access_token': fresh, 'expires_in': 1200})
            with pytest.raises(LimitedError):
                esi.request(op())
        assert len(server.visits) == 8


def test_waiting_does_not_count_against_the_deadline() -> None:
    with Server(lambda visit: visit.send(GOOD)) as server, client(deadline=2) as esi:
        op = app_at(server.url, 10, 5).op['one']
        for number in range(4):
            response = esi.request(op(q=str(number)))
            assert response.ok
        assert response.elapsed > 2.1


def test_a_coalesced_call_whose_leader_waits_for_a_limit() -> None:
    """The same GET: its own deadline has passed by then, and is put off as well."""
    with Server(lambda visit: visit.send(GOOD)) as server, client(deadline=2) as esi:
        op = app_at(server.url, 10, 4).op['one']
        for number in range(3):
            esi.request(op(q=str(number)))
        pairs = esi.multi_request([op(q='same')] * 3, threads=3)
        assert [response.status for _, response in pairs] == [200] * 3


def test_a_call_that_has_waited_is_signed_again() -> None:
    """The wait may be of minutes, and a token that has expired meanwhile costs a 401, which is five tokens."""
    signer = Signer()
    with Server(lambda visit: visit.send(GOOD)) as server, client(security=signer) as esi:
        op = app_at(server.url).op['mine']
        for number in range(8):
            esi.request(op(q=str(number)))
        late = threading.Thread(target=esi.request, args=(op(q='late'),))
        late.start()
        wait_until(lambda: esi.limits._queue.waiting)  # type: ignore[union-attr]
        signer.token = token(sub='CHARACTER:EVE:1', azp='app', iat=1)
        clock.move(WINDOW + 0.1)
        late.join(10)
        assert server.visits[8].headers['authorization'] == signer.token != server.visits[7].headers['authorization']


class Signer:
    """An app's own security, which takes the token that is there at the moment."""

    scopes = frozenset({'wallet'})

    def __init__(self) -> None:
        self.token = token(sub='CHARACTER:EVE:1', azp='app')

    def __call__(self, request: Any) -> Any:
        request._p['header']['Authorization'] = self.token
        return request


def test_one_of_many_that_would_wait_too_long_loses_no_other() -> None:
    with Server(lambda visit: visit.send(GOOD)) as server, client(max_wait=0) as esi:
        op = app_at(server.url).op['one']
        pairs = esi.multi_request([op(q=str(number)) for number in range(10)], threads=1)
        assert [response.status for _, response in pairs] == [200] * 8 + [429] * 2
        assert isinstance(pairs[-1][1].cause, LimitedError)
        assert pairs[-1][1].data.error.startswith('request not sent: ')
        assert len(server.visits) == 8


def test_priority() -> None:
    """Of the calls that wait, the one with the highest priority is sent first, then the others as they came. The limit
    has room for one call at a time, so that the server sees them in the order in which they leave the queue."""
    with Server(lambda visit: visit.send(GOOD)) as server, client(max_wait=None) as esi:
        op = app_at(server.url, 5, 3600).op['one']
        esi.request(op(q='first'))
        threads = []
        for number, priority in enumerate((0, 0, True)):
            arguments = (op(q=f'late {number}'),)
            threads.append(threading.Thread(target=esi.request, args=arguments, kwargs={'priority': priority}))
            threads[-1].start()
            wait_until(lambda number=number: sum(map(len, esi.limits._queue.waiting.values())) == number + 1, 30)  # type: ignore[arg-type, misc, union-attr]
        for sent in range(2, 5):
            clock.move(2 * 3600)
            wait_until(lambda sent=sent: len(server.visits) == sent, 30)  # type: ignore[misc]
            wait_until(lambda: all(budget.in_flight == 0 for budget in esi.budget()), 30)
        for thread in threads:
            thread.join(30)
    assert [visit.query for visit in server.visits] == ['q=first', 'q=late+2', 'q=late+0', 'q=late+1']


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize('status', [420, 429])
@pytest.mark.parametrize('name', ['one', 'free'])
def test_a_rejection_is_waited_out_and_repeated_once(status: int, name: str) -> None:
    headers = {'Retry-After': '1'} if status == 429 else errors(0, 0)
    page = in_turn(response_bytes({}, status, headers), GOOD)
    with Server(page) as server, client() as esi:
        begun = time.monotonic()
        response = esi.request(app_at(server.url).op[name]())
        assert (response.status, response.attempts, len(server.visits)) == (200, 2, 2)
        assert time.monotonic() - begun > 0.9


def test_a_second_rejection_is_raised() -> None:
    with Server(in_turn(response_bytes({}, 429, {'Retry-After': '0'}))) as server, client() as esi:
        with pytest.raises(LimitedError) as caught:
            esi.request(app_at(server.url).op['one'](), raise_on_error=True)
        assert caught.value.status_code == 429
        assert len(server.visits) == 2


def test_with_retries_there_are_as_many_attempts_as_for_other_failures() -> None:
    for limits in (MemoryLimits(), None):
        page = in_turn(*[response_bytes({}, 429, {'Retry-After': '0'})] * 3, GOOD)
        with Server(page) as server, client(retry_requests=True, limits=limits) as esi:
            assert esi.request(app_at(server.url).op['one']()).ok
            assert len(server.visits) == 4


def test_a_rejection_for_too_long_is_raised_at_once() -> None:
    with Server(in_turn(response_bytes({}, 429, {'Retry-After': '3600'}))) as server, client() as esi:
        call = app_at(server.url).op['one']()
        response = esi.request(call)
        assert (response.status, len(server.visits)) == (429, 1)
        with pytest.raises(LimitedError) as caught:
            esi.request(call)
        assert caught.value.retry_after == pytest.approx(3600, abs=5)
        assert len(server.visits) == 1


def test_a_rejected_write_was_not_processed_and_is_repeated() -> None:
    from tests.integration.things import app_at as things_at

    with Server(in_turn(response_bytes({}, 429, {'Retry-After': '0'}), GOOD)) as server, client() as esi:
        assert esi.request(things_at(server.url).op['post_thing'](body={})).ok
        assert [visit.method for visit in server.visits] == ['POST', 'POST']


def test_retries_are_counted() -> None:
    with (
        Server(in_turn(response_bytes({}, 502), response_bytes({}, 404))) as server,
        client(retry_requests=True) as esi,
    ):
        esi.request(app_at(server.url).op['free']())
        (found,) = [one for one in esi.budget() if one.group == 'errors']
        assert (found.used, len(server.visits)) == (2, 2)


def test_the_last_errors_of_the_address_are_not_used() -> None:
    """A storm of failing calls in many threads."""
    with Server(lambda visit: visit.send(response_bytes({}, 404))) as server, client(max_wait=0) as esi:
        op = app_at(server.url).op['free']
        found = statuses(esi, [op(q=str(number)) for number in range(150)], threads=50)
        assert found == {404: 95, 420: 55}
        assert len(server.visits) == 95


# ---------------------------------------------------------------------- down


DOWN = {
    'by the hour': (11 * 3600 + 120, {}),
    'by its own words': (15 * 3600, {'Retry-After': '600'}),
}


@pytest.mark.parametrize('way', DOWN)
@pytest.mark.parametrize('body', [b'<html>down</html>', b'{"error": "down"}'])
def test_downtime_is_raised_and_not_retried(way: str, body: bytes, daily_downtime: None) -> None:
    at, headers = DOWN[way]
    clock.move(at - clock.time() % 86400)
    with Server(in_turn(response_bytes(body, 503, headers))) as server, client(retry_requests=True) as esi:
        with pytest.raises(DowntimeError) as caught:
            esi.request(app_at(server.url).op['one'](), raise_on_error=True)
        assert len(server.visits) == 1
        assert caught.value.status_code == 503
        assert isinstance(caught.value, UndecodableBodyError) == body.startswith(b'<')


def test_a_fault_is_not_downtime(daily_downtime: None) -> None:
    clock.move(15 * 3600 - clock.time() % 86400)
    with Server(in_turn(response_bytes(b'<html>', 503))) as server, client() as esi:
        with pytest.raises(UndecodableBodyError) as caught:
            esi.request(app_at(server.url).op['one']())
        assert not isinstance(caught.value, DowntimeError)
        with pytest.raises(ServerError):
            esi.request(app_at(server.url).op['one'](), raw_body_only=True, raise_on_error=True)


# ---------------------------------------------------------------------- what is told


def test_budget_and_estimate() -> None:
    with Server(lambda visit: visit.send(GOOD)) as server, client() as esi:
        op = app_at(server.url).op['one']
        for number in range(5):
            esi.request(op(q=str(number)))
        (found,) = [one for one in esi.budget() if one.group == 'shared']
        assert (found.server, found.who, found.limit, found.window) == (server.netloc, 'address', TOKENS, WINDOW)
        assert (found.used, found.in_flight, found.left) == (10, 0, 10)
        assert json.dumps(found)
        estimate = esi.estimate(op(q=str(number)) for number in range(30))
        assert (estimate.tokens, estimate.group) == (60, 'shared')


def test_an_estimate_comes_true() -> None:
    """Time passes by moving the clock: a busy machine changes nothing."""
    with Server(lambda visit: visit.send(GOOD)) as server, client(max_wait=0) as esi:
        op = app_at(server.url, 30, 600).op['one']
        estimate = esi.estimate(op(q=str(number)) for number in range(80))
        seconds, sent = 0.0, 0
        while sent < 80:
            try:
                sent += esi.request(op(q=str(sent))).ok
            except LimitedError as error:
                wait = (error.retry_after or 0) + 0.1
                clock.move(wait)
                seconds += wait
        assert estimate.seconds == pytest.approx(seconds, rel=0.1)
        assert len(server.visits) == 80


def test_an_application_with_its_own_threads() -> None:
    """Each thread makes one call. A window serves a fifth of them; by default the others wait for their turn."""
    with Server(counting(40, 1)) as server, client() as esi:
        op = app_at(server.url, 40, 1).op['one']
        with ThreadPoolExecutor(100) as pool:
            responses = list(pool.map(lambda number: esi.request(op(q=str(number))), range(100)))
        assert Counter(response.status for response in responses) == {200: 100}
        assert len(server.visits) == 100, 'none was rejected'


# ---------------------------------------------------------------------- forks, and connections that were kept


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_a_child_goes_on_with_what_was_counted() -> None:
    with Server(lambda visit: visit.send(GOOD)) as server, client(max_wait=0) as esi:
        op = app_at(server.url).op['one']
        for number in range(4):
            esi.request(op(q=str(number)))
        limits = esi.limits
        assert isinstance(limits, MemoryLimits)
        limits._lock.acquire()  # as a thread might have at that moment
        child = os.fork()
        if not child:
            code = 1
            try:
                sent = 0
                while sent < 20:
                    try:
                        esi.request(op(q=f'child {sent}'))
                    except LimitedError:
                        break
                    sent += 1
                code = 0 if sent == 4 else 2
            finally:
                os._exit(code)
        limits._lock.release()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize('close', [Visit.close, Visit.reset])
def test_a_kept_connection_that_the_server_closed_meanwhile(close: Callable[[Visit], None]) -> None:
    """It closed it when the second request was on its way: the request goes by a new one."""
    with Server(in_turn(GOOD, close, GOOD)) as server, client() as esi:
        op = app_at(server.url).op['one']
        assert esi.request(op(q='1')).ok
        response = esi.request(op(q='2'))
        assert (response.status, response.attempts, response.failed) == (200, 1, False)
        assert (len(server.visits), server.connections) == (3, 2)
        # It may have counted what it did not answer.
        assert {budget.group: budget.used for budget in esi.budget()} == {'errors': 0, 'shared': 2 + 5 + 2}


def test_what_was_lost_by_kept_connections_and_then_fails_is_counted() -> None:
    with Server(in_turn(GOOD, Visit.close)) as server, client() as esi:
        op = app_at(server.url).op['one']
        assert esi.request(op(q='1')).ok
        assert esi.request(op(q='2')).failed
        assert len(server.visits) == 3
        assert {budget.group: budget.used for budget in esi.budget()} == {'errors': 0, 'shared': 2 + 5 + 5}


def test_a_write_by_a_kept_connection_is_not_sent_twice() -> None:
    from tests.integration.things import app_at as things_at

    with Server(in_turn(GOOD, Visit.close, GOOD)) as server, client() as esi:
        op = things_at(server.url).op
        esi.request(op['get_thing']())
        assert esi.request(op['put_thing'](body={})).failed
        assert len(server.visits) == 2


def test_a_new_connection_that_is_closed_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(in_turn(GOOD, Visit.close)) as server, client() as esi:
        op = app_at(server.url).op['one']
        esi.request(op(q='1'))
        assert esi.request(op(q='2')).failed
        assert len(server.visits) == 3
