"""The same GET in flight in several threads of one client goes out once, and nobody gets what is not his."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from esipy import EsiClient, clock
from esipy._call.coalesce import Coalescer
from esipy._message.response import Response
from esipy.cache import DictCache
from esipy.events import API_CALL_STATS
from esipy.exceptions import CallError
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, wait_until

THREADS = 20


class Gate(Server):
    """Lets no response out before it is opened; the response tells its number, whose it is, and in which language."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.open = threading.Event()
        self.headers: dict[str, str] = {'Cache-Control': 'max-age=60', 'ETag': '"x"'}
        self.respond: Callable[[Visit], None] = self._respond

    def _page(self, visit: Visit) -> None:
        if visit.method == 'GET':
            self.open.wait(10)
        self.respond(visit)

    def _respond(self, visit: Visit) -> None:
        content = {
            'visit': visit.number,
            'owner': visit.headers.get('authorization'),
            'language': visit.headers.get('accept-language'),
            'list': [1],
        }
        visit.send(response_bytes(content, headers=self.headers))


@pytest.fixture
def server() -> Iterator[Gate]:
    with Gate() as running:
        yield running
        running.open.set()


def together(tasks: list[Callable[[], Any]]) -> tuple[list[threading.Thread], list[Any]]:
    """Threads that begin at the same moment, and what becomes of each task."""
    results: list[Any] = [None] * len(tasks)
    start = threading.Barrier(len(tasks))

    def work(index: int) -> None:
        start.wait()
        try:
            results[index] = tasks[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(len(tasks))]
    for thread in threads:
        thread.start()
    return threads, results


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(20)
    assert not [thread for thread in threads if thread.is_alive()]


def waiting(esi: EsiClient) -> int:
    """How many threads wait for another one's flight."""
    in_flight = list(esi._pipeline.coalescer._in_flight.values())
    return sum(len(shared.done._cond._waiters) for shared in in_flight if shared.done)  # type: ignore[attr-defined, misc]


def ask(esi: EsiClient, server: Gate, tasks: list[Callable[[], Any]], followers: int | None = None) -> list[Any]:
    """Run the tasks at once; the server answers when so many (by default all but one) wait for others."""
    threads, results = together(tasks)
    wait_until(lambda: waiting(esi) == (len(tasks) - 1 if followers is None else followers))
    server.open.set()
    join(threads)
    return results


# ---------------------------------------------------------------------- once


@pytest.mark.usefixtures('no_leaks')
@pytest.mark.parametrize('cache', [False, None], ids=['cached', 'without a cache'])
def test_twenty_threads_ask_once(server: Gate, cache: Any) -> None:
    heard: list[str] = []

    def hear(url: str, **kwargs: Any) -> None:
        heard.append(url)

    API_CALL_STATS.add_receiver(hear)
    with client(cache=cache) as esi:
        operation = app_at(server.url).op['get_thing']
        responses = ask(esi, server, [lambda: esi.request(operation(q='x'))] * THREADS)
        assert [response.status for response in responses] == [200] * THREADS
        assert {response.data.visit for response in responses} == {0}
        assert not any(response.from_cache for response in responses)
        assert sorted(response.attempts for response in responses) == [0] * (THREADS - 1) + [1]
        assert len(server.visits) == len(heard) == 1
        if cache is False:
            assert {response.expires for response in responses} != {None}
            assert esi.request(operation(q='x')).from_cache


def test_they_share_no_data(server: Gate) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        responses: list[Response] = ask(esi, server, [lambda: esi.request(call)] * THREADS)
        assert len({id(response) for response in responses}) == THREADS
        for number, response in enumerate(responses):
            response.data['visit'] = number
            response.data.list.append(number)
            response.header['ETag'].append(number)
        assert [response.data.visit for response in responses] == list(range(THREADS))
        assert [response.data.list for response in responses] == [[1, number] for number in range(THREADS)]
        assert [response.header['ETag'] for response in responses] == [['"x"', number] for number in range(THREADS)]
        kept = esi.request(call)
        assert (kept.data.visit, kept.data.list, kept.header['ETag']) == (0, [1], ['"x"'])


def test_multi_request_with_the_same_call(server: Gate) -> None:
    server.open.set()
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        pairs = esi.multi_request([call] * 200, threads=20)
        assert {response.data.visit for _, response in pairs} == {0}
        assert len(server.visits) == 1


def test_a_storm_on_few_addresses_asks_once_for_each(server: Gate) -> None:
    """Whoever looked into the cache a moment before the response came finds it when its turn comes."""
    server.open.set()
    with client() as esi:
        operation = app_at(server.url).op['get_things_id']
        for round_ in range(20):
            names = [f'{round_}-{number % 3}' for number in range(60)]
            esi.multi_request([operation(id=name) for name in names], threads=20)
        assert len(server.visits) == 60


def test_a_304_is_for_all(server: Gate) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        server.open.set()
        esi.request(call)
        server.open.clear()
        clock.move(61)
        server.respond = lambda visit: visit.send(response_bytes(b'', 304, {'Cache-Control': 'max-age=60'}, length=-1))
        responses = ask(esi, server, [lambda: esi.request(call)] * THREADS)
        assert [(one.status, one.not_modified, one.data.visit) for one in responses] == [(200, True, 0)] * THREADS
        assert len(server.visits) == 2
        assert server.visits[1].headers['if-none-match'] == '"x"'


def test_only_the_first_one_keeps_it(server: Gate) -> None:
    class Counting(DictCache):
        sets = 0

        def set(self, *args: Any) -> None:
            self.sets += 1
            super().set(*args)

    cache = Counting()
    with client(cache=cache) as esi:
        call = app_at(server.url).op['get_thing']()
        ask(esi, server, [lambda: esi.request(call)] * THREADS)
    assert cache.sets == 1


def test_a_caller_that_reads_and_one_that_takes_the_bytes(server: Gate) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        tasks: list[Callable[[], Any]] = [
            lambda: esi.request(call, raw_body_only=True),
            lambda: esi.request(call),
        ]
        bare, read = ask(esi, server, tasks)
        assert (bare.data, read.data.visit) == (None, 0)
        assert bare.raw == read.raw
        assert len(server.visits) == 1


# ---------------------------------------------------------------------- never somebody else's


def test_different_tokens_never_share(server: Gate) -> None:
    with client() as esi:
        operation = app_at(server.url).op['get_mine']
        tokens = [f'token-{number % 5}' for number in range(THREADS)]
        tasks = [lambda token=token: esi.request(operation(token=token)) for token in tokens]
        responses = ask(esi, server, tasks, followers=THREADS - 5)  # type: ignore[arg-type]
        assert [response.data.owner for response in responses] == [f'Bearer {token}' for token in tokens]
        assert len(server.visits) == 5


def test_different_characters_never_share(server: Gate) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_mine']()
        users = {f'user-{number}': security(f'user-{number}') for number in range(4)}
        names = [f'user-{number % 4}' for number in range(THREADS)]
        tasks = [lambda name=name: esi.request(call, security=users[name]) for name in names]
        responses = ask(esi, server, tasks, followers=THREADS - 4)  # type: ignore[arg-type]
        assert [response.data.owner for response in responses] == [f'Bearer {name}' for name in names]
        assert len(server.visits) == 4


def test_different_languages_servers_and_questions_never_share(server: Gate) -> None:
    with client() as esi, Gate() as other:
        operation = app_at(server.url).op['get_thing']
        opt = {'url_netloc': other.netloc}
        tasks: list[Callable[[], Any]] = [
            lambda: esi.request(operation()),
            lambda: esi.request(operation(language='de')),
            lambda: esi.request(operation(language='fr')),
            lambda: esi.request(operation(q='x')),
            lambda: esi.request(operation(page=2)),
            lambda: esi.request(operation(), opt=opt),
        ]
        threads, responses = together(tasks * 2)
        wait_until(lambda: waiting(esi) == 6)
        server.open.set()
        other.open.set()
        join(threads)
        assert (len(server.visits), len(other.visits)) == (5, 1)
        assert [one.data.language for one in responses[:3]] == [None, 'de', 'fr']
        assert responses[5].url.startswith(other.url)


def test_one_object_that_changes_its_user_on_the_way(server: Gate) -> None:
    """Signed for somebody else than was filed under: those who wait for it ask for themselves."""
    many = security('alice')
    leading = threading.Event()
    sign = many.__call__

    def slowly(request: Any) -> Any:
        if not leading.is_set():
            leading.set()
            wait_until(lambda: waiting(esi) == 1)
            many.update_token({'access_token': 'bob', 'expires_in': 1200, 'refresh_token': 'r'})
        return sign(request)

    class Slow:
        owner_of = many.owner_of

        def __call__(self, request: Any) -> Any:
            return slowly(request)

    server.open.set()
    with client(security=Slow()) as esi:
        call = app_at(server.url).op['get_mine']()
        threads, results = together([lambda: esi.request(call)])
        leading.wait(30)
        own = esi.request(call, security=security('alice'))
        join(threads)
        assert (results[0].data.owner, own.data.owner) == ('Bearer bob', 'Bearer alice')
        assert esi.request(call, security=security('alice')).data.owner == 'Bearer alice'
        assert esi.request(call, security=security('bob')).data.owner == 'Bearer bob'


def test_another_timeout_is_not_coalesced(server: Gate) -> None:
    """Who wants to wait half a second for the server does not wait longer for another thread."""
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        threads, results = together([lambda: esi.request(call)])
        wait_until(lambda: server.visits)
        begun = time.monotonic()
        hasty = esi.request(call, timeout=0.3)
        assert hasty.failed
        assert time.monotonic() - begun < 20
        server.open.set()
        join(threads)
        assert results[0].ok


def test_heads_and_writes_are_never_shared(server: Gate) -> None:
    server.open.set()
    with client() as esi:
        op = app_at(server.url).op
        for task in (
            lambda: esi.head(op['get_thing']()),
            lambda: esi.request(op['put_thing'](body={})),
            lambda: esi.request(op['post_universe_ids'](body=['x'])),
        ):
            server.visits.clear()
            threads, results = together([task] * 5)
            join(threads)
            assert [response.status for response in results] == [200] * 5
            assert len(server.visits) == 5


def test_a_write_is_not_followed_by_what_was_requested_before(server: Gate) -> None:
    with client() as esi:
        op = app_at(server.url).op
        threads, results = together([lambda: esi.request(op['get_thing']())])
        wait_until(lambda: server.visits)
        assert esi.request(op['put_thing'](body={'new': 1})).ok
        after, later = together([lambda: esi.request(op['get_thing']())])
        wait_until(lambda: len(server.visits) == 3)
        server.open.set()
        join(threads + after)
        assert (results[0].data.visit, later[0].data.visit) == (0, 2)
        # What was asked for before the write was not kept either.
        assert esi.request(op['get_thing']()).data.visit in (2, 3)


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize('fault', [Visit.reset, Visit.close], ids=['reset', 'closed'])
def test_no_response_is_no_response_for_all(server: Gate, fault: Any) -> None:
    server.respond = fault
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        responses = ask(esi, server, [lambda: esi.request(call)] * THREADS)
        assert [(one.status, one.failed) for one in responses] == [(500, True)] * THREADS
        assert len(server.visits) == 1
        assert len({id(one) for one in responses}) == THREADS
        server.respond = server._respond
        assert esi.request(call).ok


def test_an_error_is_an_error_for_all(server: Gate) -> None:
    server.respond = lambda visit: visit.send(response_bytes({'error': 'no'}, 404))
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        errors = ask(esi, server, [lambda: esi.request(call, raise_on_error=True)] * THREADS)
        assert {type(error).__name__ for error in errors} == {'NotFoundError'}
        assert len({id(error) for error in errors}) == THREADS
        assert len(server.visits) == 1


def test_retries_are_made_once(server: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)

    def second(visit: Visit) -> None:
        visit.send(response_bytes({}, 503)) if visit.number == 0 else server._respond(visit)

    server.respond = second
    with client(retry_requests=True) as esi:
        call = app_at(server.url).op['get_thing']()
        responses = ask(esi, server, [lambda: esi.request(call)] * THREADS)
        assert {response.data.visit for response in responses} == {1}
        assert len(server.visits) == 2


def test_where_the_first_one_raises_the_others_go_themselves(server: Gate) -> None:
    """A header that cannot be sent is one thread's own mistake."""
    server.open.set()
    holding, first = threading.Event(), threading.Event()

    class Sign:
        def owner_of(self, request: Any) -> str:
            return 'character:1'

        def __call__(self, request: Any) -> Any:
            if not first.is_set():
                first.set()
                holding.wait(30)
                raise CallError('a mistake', [('x', 'y')])
            return security('token')(request)

    with client(security=Sign()) as esi:
        call = app_at(server.url).op['get_mine']()
        threads, results = together([lambda: esi.request(call)] * THREADS)
        wait_until(lambda: waiting(esi) == THREADS - 1)
        holding.set()
        join(threads)
        raised = [one for one in results if isinstance(one, CallError)]
        assert len(raised) == 1
        assert sum(isinstance(one, Response) and one.ok for one in results) == THREADS - 1
        assert esi._pipeline.coalescer._in_flight == {}


def test_a_waiting_call_ends_at_its_own_deadline(server: Gate) -> None:
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        threads, results = together([lambda: esi.request(call)])
        wait_until(lambda: server.visits)
        esi.deadline = 0.3
        begun = time.monotonic()
        late = esi.request(call)
        assert 0.25 < time.monotonic() - begun < 20
        assert late.failed
        assert 'deadline' in str(late.cause)
        server.open.set()
        join(threads)
        assert results[0].ok
        assert len(server.visits) == 1


def test_a_receiver_that_asks_for_the_same(server: Gate) -> None:
    server.open.set()
    inner: list[Response] = []

    def again(**kwargs: Any) -> None:
        if len(inner) < 1:
            inner.append(None)  # type: ignore[arg-type]
            inner[0] = esi.request(call)

    API_CALL_STATS.add_receiver(again)
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        begun = time.monotonic()
        outer = esi.request(call)
        assert time.monotonic() - begun < 20
        assert outer.ok
        assert inner[0].ok


def test_receivers_that_ask_for_each_others_flights(server: Gate) -> None:
    """Each of two threads is in a flight and asks for the other one's: neither waits."""
    server.open.set()
    both = threading.Barrier(2)
    asked = threading.local()
    inner: list[Response] = []

    def other(url: str, **kwargs: Any) -> None:
        if not hasattr(asked, 'once'):
            asked.once = True
            both.wait(30)
            inner.append(esi.request(operation(id='b' if url.endswith('a') else 'a')))

    API_CALL_STATS.add_receiver(other)
    with client(cache=None) as esi:
        operation = app_at(server.url).op['get_things_id']
        begun = time.monotonic()
        threads, results = together([lambda: esi.request(operation(id='a')), lambda: esi.request(operation(id='b'))])
        join(threads)
        assert time.monotonic() - begun < 20
        assert all(one.ok for one in results + inner)


def test_after_a_fork_nothing_is_under_way(server: Gate) -> None:
    """The child's thread that would publish does not exist."""
    with client() as esi:
        call = app_at(server.url).op['get_thing']()
        threads, results = together([lambda: esi.request(call)])
        wait_until(lambda: server.visits)
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            child = os.fork()
        if child == 0:
            signal.alarm(20)
            with os.fdopen(writing, 'wb') as pipe:
                pickle.dump(esi.request(call).data.visit, pipe)
            os._exit(0)
        os.close(writing)
        wait_until(lambda: len(server.visits) == 2)
        server.open.set()
        with os.fdopen(reading, 'rb') as pipe:
            assert pickle.load(pipe) == 1
        os.waitpid(child, 0)
        join(threads)
        assert results[0].data.visit == 0


def test_a_flight_by_itself() -> None:
    in_flight: Coalescer[str] = Coalescer()
    leader = SimpleNamespace(was_throttled=False)
    with in_flight.join('key', None, None, leader) as first:
        assert first.result is None
        with in_flight.join('key', None, None, leader) as again:
            assert again is not first
        first.publish('brought')
    assert in_flight._in_flight == {}
    assert in_flight.generation == 1
    with pytest.raises(ValueError), in_flight.join('key', None, None, leader):
        raise ValueError
    assert in_flight._in_flight == {}
    with in_flight.join('key', None, None, leader) as old:
        in_flight.invalidate(lambda key: key == 'key')
        assert old.invalidated
        in_flight.invalidate(lambda key: key == 'key')
