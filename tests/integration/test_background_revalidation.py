"""`stale-while-revalidate` (RFC 5861 section 3): the stale response at once, and one request in the background."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import EsiClient, clock
from esipy.cache import DictCache
from esipy.limits import MemoryLimits
from esipy.plugins import CallContext, Plugin
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, wait_until

pytestmark = pytest.mark.usefixtures('no_leaks')

CONTROL = 'max-age=60, stale-while-revalidate=600'


class Slow(Server):
    """A thing that may be returned stale for ten minutes. While `go` is not set, responses wait for it."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.go = threading.Event()
        self.go.set()
        self.status = 200
        self.headers = {'Cache-Control': CONTROL, 'ETag': '"x"'}
        self.answered = 0

    def _page(self, visit: Visit) -> None:
        self.go.wait(20)
        visit.send(response_bytes({'visit': visit.number}, self.status, self.headers))
        self.answered += 1


@pytest.fixture
def server() -> Iterator[Slow]:
    with Slow() as running:
        yield running
        running.go.set()


def background_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == 'esipy_background']


def stored_and_stale(esi: EsiClient, server: Server, **arguments: Any) -> Any:
    """A call whose response is stored, and stale."""
    call = app_at(server.url).op['get_thing'](**arguments)
    esi.request(call)
    clock.move(70)
    return call


def test_a_single_caller_does_not_wait(server: Slow) -> None:
    with client() as esi:
        call = stored_and_stale(esi, server)
        server.go.clear()
        for _ in range(3):
            response = esi.request(call)
            assert (response.stale, response.from_cache, response.data.visit) == (True, False, 0)
            assert (response.attempts, response.status) == (0, 200)
            assert response.age >= 70
        wait_until(lambda: len(server.visits) == 2)
        assert background_threads() == ['esipy_background'], 'one, however often the call is made meanwhile'
        assert server.visits[1].headers['if-none-match'] == '"x"'
        server.go.set()
        wait_until(lambda: not background_threads())
        response = esi.request(call)
        assert (response.from_cache, response.stale, response.data.visit) == (True, False, 1)
    assert len(server.visits) == 2


@pytest.mark.parametrize(
    ('control', 'moved'),
    [
        (CONTROL, 700),
        ('max-age=60, stale-while-revalidate=0', 70),
        ('max-age=60, stale-while-revalidate=soon', 70),
        ('max-age=60', 70),
        (CONTROL + ', must-revalidate', 70),
        (CONTROL + ', no-cache', 70),
    ],
)
def test_where_it_may_not_be_returned_stale(server: Slow, control: str, moved: float) -> None:
    server.headers['Cache-Control'] = control
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(moved)
        response = esi.request(call)
        assert (response.stale, response.data.visit) == (False, 1)


@pytest.mark.parametrize('directive', ['max-age=5', 'no-cache', 'min-fresh=5'])
def test_a_request_that_says_what_it_accepts(server: Slow, directive: str) -> None:
    with client() as esi:
        call = stored_and_stale(esi, server)
        call[0]._p['header']['Cache-Control'] = directive
        assert esi.request(call).data.visit == 1


def test_a_pagination_waits_for_the_server(server: Slow) -> None:
    """Its pages must be of one state, and `watch` reports what has changed."""
    with client() as esi:
        call = app_at(server.url).op['get_things_id'](id='1')
        esi.request(call)
        clock.move(70)
        assert next(esi.watch(call)).data.visit == 1


def test_a_server_that_is_down_is_asked_again_and_again(server: Slow) -> None:
    with client() as esi:
        call = stored_and_stale(esi, server)
        server.status = 503
        for number in range(1, 4):
            assert esi.request(call).stale
            wait_until(lambda: not background_threads())
            assert len(server.visits) == number + 1
        clock.move(600)
        assert esi.request(call).status == 503


def test_so_many_at_a_time(server: Slow) -> None:
    """A further one is revalidated in its caller's thread."""
    with client() as esi:
        op = app_at(server.url).op
        calls = [op['get_thing'](q=str(number)) for number in range(6)]
        for call in calls:
            esi.request(call)
        clock.move(70)
        server.go.clear()
        assert all(esi.request(call).stale for call in calls[:4])
        wait_until(lambda: len(server.visits) == 10)
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(esi.request(calls[4])))
        thread.start()
        wait_until(lambda: len(server.visits) == 11)
        assert (len(background_threads()), found) == (4, [])
        server.go.set()
        thread.join()
        assert (found[0].stale, found[0].data.visit) == (False, 10)
        wait_until(lambda: not background_threads())
        assert esi.request(calls[5]).stale
        wait_until(lambda: not background_threads())


def test_it_is_a_call_for_plugins_and_limits(server: Slow) -> None:
    class Noting(Plugin):
        def __init__(self) -> None:
            self.seen: list[tuple[str, bool, str]] = []

        def prepare(self, call: CallContext) -> None:
            call.query.append(('added', 'once'))

        def on_response(self, call: CallContext) -> None:
            stale = call.response is not None and call.response.stale
            self.seen.append((call.name, stale, threading.current_thread().name))

    noting = Noting()
    server.headers |= {'X-ESI-Error-Limit-Remain': '50', 'X-ESI-Error-Limit-Reset': '30'}
    with client(plugins=[noting], limits=MemoryLimits()) as esi:
        call = stored_and_stale(esi, server)
        assert esi.request(call).stale
        wait_until(lambda: len(noting.seen) == 3 and not background_threads())
    me = threading.current_thread().name
    assert noting.seen[0] == ('get_thing', False, me)
    assert sorted(noting.seen[1:], key=lambda seen: seen[1]) == [
        ('get_thing', False, 'esipy_background'),
        ('get_thing', True, me),
    ]
    assert [visit.target for visit in server.visits] == ['/thing?added=once'] * 2


def test_closing_sends_nothing_more_and_waits_for_nothing(server: Slow) -> None:
    """A revalidation that waits for a rate limit ends with the client."""
    limits = MemoryLimits()
    esi = client(limits=limits, max_wait=60)
    call = stored_and_stale(esi, server)
    server.status, server.headers = 420, {'X-ESI-Error-Limit-Remain': '0', 'X-ESI-Error-Limit-Reset': '40'}
    other = app_at(server.url).op['get_things_id'](id='1')
    esi.max_wait = 1.0
    assert esi.request(other).status == 420, 'from now on everything waits'
    esi.max_wait = 60.0
    asked = len(server.visits)
    assert esi.request(call).stale
    wait_until(background_threads)
    esi.close()
    wait_until(lambda: not background_threads())
    assert len(server.visits) == asked
    server.status = 200
    assert esi.request(call).stale, 'a client that was closed can be used again'
    esi.close()
    wait_until(lambda: not background_threads())


def test_the_callers_thread_refreshes_the_token(server: Slow) -> None:
    """Receivers of AFTER_TOKEN_REFRESH may be bound to it, such as a session of a database."""
    signed_in: list[str] = []

    def sign(request: Any) -> Any:
        signed_in.append(threading.current_thread().name)
        request._p['header']['Authorization'] = 'Bearer mine'
        return request

    with client(security=sign) as esi:
        call = app_at(server.url).op['get_mine']()
        esi.request(call)
        clock.move(70)
        assert esi.request(call).stale
        wait_until(lambda: len(server.visits) == 2 and not background_threads())
        assert esi.request(call).data.visit == 1
    assert server.visits[1].headers['authorization'] == 'Bearer mine'


def test_a_security_object_that_signs_for_another_character_by_then(server: Slow) -> None:
    """As with 1.x, where one object serves many characters by `update_token`: nothing is sent for the wrong one."""
    tokens = ['alice', 'alice', 'bob']
    lock = threading.Lock()

    def sign(request: Any) -> Any:
        with lock:
            token = tokens.pop(0) if len(tokens) > 1 else tokens[0]
        request._p['header']['Authorization'] = f'Bearer {token}'
        return request

    with client(security=sign) as esi:
        call = app_at(server.url).op['get_mine']()
        esi.request(call)
        clock.move(70)
        assert esi.request(call).stale
        wait_until(lambda: not background_threads())
        assert len(server.visits) == 1


def test_only_ones_own(server: Slow) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_mine']()
        esi.request(call, security=security('alice'))
        clock.move(70)
        assert not esi.request(call, security=security('bob')).stale
        assert esi.request(call, security=security('alice')).stale
        wait_until(lambda: len(server.visits) == 3 and not background_threads())


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the system has no fork()')
@pytest.mark.filterwarnings('ignore:.*fork')
def test_a_forked_child_begins_with_none(server: Slow) -> None:
    with client(cache=DictCache()) as esi:
        call = stored_and_stale(esi, server)
        server.go.clear()
        assert esi.request(call).stale
        wait_until(lambda: len(server.visits) == 2)
        child = os.fork()
        if not child:  # the parent's thread does not exist here: this call starts one of its own
            try:
                is_stale = esi.request(call).stale
                wait_until(background_threads)
                os._exit(0 if is_stale else 1)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        server.go.set()
        wait_until(lambda: not background_threads())
