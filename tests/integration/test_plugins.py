"""Plugins around real calls: which hook sees what and when, what a plugin that raises does, and that nothing leaks."""

from __future__ import annotations

import copy
import pickle
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from esipy import EsiClient, clock
from esipy._message.response import Response
from esipy._plugins.base import HOOKS
from esipy.cache import DictCache
from esipy.events import API_CALL_STATS
from esipy.exceptions import CallError, ConnectionFailedError, MissingFieldError, ServerError, UndecodableBodyError
from esipy.limits import MemoryLimits
from esipy.plugins import CallContext, Headers, Plugin, Pool, RateLimit
from tests.integration.test_coalescing import waiting
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, unused_url, wait_until


class Trace(Plugin):
    """Writes down each hook that is called, and what it sees."""

    def __init__(self, name: str = '', lines: list[str] | None = None) -> None:
        self.name = name
        self.lines: list[str] = [] if lines is None else lines

    def _tell(self, hook: str, what: object = '') -> None:
        self.lines.append(' '.join(filter(None, (self.name, hook, str(what)))))

    @contextmanager
    def around_call(self, call: CallContext) -> Iterator[None]:
        self._tell('around_call', call)
        try:
            yield
        finally:
            self._tell('call over', call.response.status if call.response is not None else None)

    def prepare(self, call: CallContext) -> None:
        self._tell('prepare', call.name)

    def on_call(self, call: CallContext) -> None:
        self._tell('on_call', call.timeout)

    @contextmanager
    def around_attempt(self, call: CallContext) -> Iterator[None]:
        self._tell('around_attempt', call.attempts)
        try:
            yield
        finally:
            self._tell('attempt over', call.raw_response.status if call.raw_response is not None else None)

    def on_send(self, call: CallContext) -> None:
        assert call.sending is not None
        asked = call.sending.headers.get('If-None-Match', '')
        self._tell('on_send', f'{call.sending} {asked}'.strip())

    def respond(self, call: CallContext) -> None:
        self._tell('respond')

    def on_raw_response(self, call: CallContext) -> None:
        assert call.raw_response is not None
        failure = type(call.raw_response.failure).__name__ if call.raw_response.failure is not None else ''
        self._tell('on_raw_response', f'{call.raw_response.status} {failure}'.strip())

    def on_response(self, call: CallContext) -> None:
        assert call.response is not None
        assert call.from_cache == call.response.from_cache
        error = type(call.error).__name__ if call.error is not None else ''
        cached = 'from cache' if call.from_cache else 'not modified' if call.response.not_modified else ''
        self._tell('on_response', f'{call.response.status} {cached}{error}'.strip())

    def on_error(self, call: CallContext, error: Exception) -> None:
        self._tell('on_error', type(error).__name__)

    def close(self) -> None:
        self._tell('close')


@pytest.fixture
def pages() -> list[bytes]:
    """What the server answers, one after the other; the last one again and again."""
    return [response_bytes({'a': 1})]


@pytest.fixture
def server(pages: list[bytes]) -> Iterator[Server]:
    def page(visit: Visit) -> None:
        visit.send(pages[min(visit.number, len(pages) - 1)])

    with Server(page) as running:
        yield running


def traced(esi: EsiClient, server: Server, trace: Trace, **options: Any) -> list[str]:
    """What one more call adds to the trace, without the server's address."""
    before = len(trace.lines)
    esi.request(app_at(server.url).op['get_thing'](), **options)
    return [line.replace(server.url, '') for line in trace.lines[before:]]


# --------------------------------------------------------------------- which hooks, and what they see


def test_a_miss_then_a_hit_then_a_304(server: Server, pages: list[bytes]) -> None:
    pages[:] = [
        response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60', 'ETag': '"x"'}),
        response_bytes(status=304, headers={'Cache-Control': 'max-age=60', 'ETag': '"x"'}),
    ]
    trace = Trace()
    with client(plugins=[trace], cache=DictCache()) as esi:
        assert traced(esi, server, trace) == [
            'around_call <Call get_thing: GET /thing>',
            'prepare get_thing',
            'on_call (5.0, 5.0)',
            'around_attempt 1',
            'on_send <GET /thing>',
            'respond',
            'on_raw_response 200',
            'attempt over 200',
            'on_response 200',
            'call over 200',
        ]
        assert traced(esi, server, trace) == [
            'around_call <Call get_thing: GET /thing>',
            'prepare get_thing',
            'on_call (5.0, 5.0)',
            'on_response 200 from cache',
            'call over 200',
        ]
        clock.move(120)
        assert traced(esi, server, trace) == [
            'around_call <Call get_thing: GET /thing>',
            'prepare get_thing',
            'on_call (5.0, 5.0)',
            'around_attempt 1',
            'on_send <GET /thing> "x"',
            'respond',
            'on_raw_response 304',
            'attempt over 304',
            'on_response 200 not modified',
            'call over 200',
        ]
    assert trace.lines[-1] == 'close'


def test_a_call_that_is_repeated(server: Server, pages: list[bytes]) -> None:
    pages[:] = [response_bytes({'error': 'x'}, 500, {'Retry-After': '0'}), response_bytes({'a': 1})]
    trace = Trace()
    with client(plugins=[trace], retry_requests=True) as esi:
        assert traced(esi, server, trace) == [
            'around_call <Call get_thing: GET /thing>',
            'prepare get_thing',
            'on_call (5.0, 5.0)',
            'around_attempt 1',
            'on_send <GET /thing>',
            'respond',
            'on_raw_response 500',
            'attempt over 500',
            'around_attempt 2',
            'on_send <GET /thing>',
            'respond',
            'on_raw_response 200',
            'attempt over 200',
            'on_response 200',
            'call over 200',
        ]


def test_a_response_with_an_error_is_a_response(server: Server, pages: list[bytes]) -> None:
    pages[:] = [response_bytes({'error': 'x'}, 500)]
    trace = Trace()
    with client(plugins=[trace]) as esi:
        lines = traced(esi, server, trace)
        assert lines[-4:] == ['on_raw_response 500', 'attempt over 500', 'on_response 500 ServerError', 'call over 500']
        with pytest.raises(ServerError):
            traced(esi, server, trace, raise_on_error=True)


def test_a_call_without_a_response() -> None:
    trace = Trace()
    call = app_at(unused_url()).op['get_thing']()
    with client(plugins=[trace]) as esi:
        assert esi.request(call).failed
    assert [line.split(' <')[0] for line in trace.lines] == [
        'around_call',
        'prepare get_thing',
        'on_call (5.0, 5.0)',
        'around_attempt 1',
        'on_send',
        'respond',
        'on_raw_response 500 TransportError',
        'attempt over 500',
        'call over 500',
        'on_error ConnectionFailedError',
        'close',
    ]


def test_a_response_that_cannot_be_read(server: Server, pages: list[bytes]) -> None:
    pages[:] = [response_bytes(b'<html>')]
    trace = Trace()
    with client(plugins=[trace]) as esi, pytest.raises(UndecodableBodyError):
        traced(esi, server, trace)
    assert trace.lines[-5:-1] == [
        'on_raw_response 200',
        'attempt over 200',
        'call over 200',
        'on_error UndecodableBodyError',
    ]


def test_in_order_on_the_way_in_and_in_reverse_on_the_way_out(server: Server) -> None:
    lines: list[str] = []
    with client(plugins=[Trace('a', lines), Trace('b', lines)]) as esi:
        esi.request(app_at(server.url).op['get_thing']())
    assert [' '.join(line.split(' ')[:2]) for line in lines] == [
        'a around_call',
        'b around_call',
        'a prepare',
        'b prepare',
        'a on_call',
        'b on_call',
        'a around_attempt',
        'b around_attempt',
        'a on_send',
        'b on_send',
        'a respond',
        'b respond',
        'b on_raw_response',
        'a on_raw_response',
        'b attempt',
        'a attempt',
        'b on_response',
        'a on_response',
        'b call',
        'a call',
        'b close',
        'a close',
    ]


def test_a_call_that_waits_for_another_thread_has_no_attempt() -> None:
    opened = threading.Event()

    def page(visit: Visit) -> None:
        opened.wait(10)
        visit.send(response_bytes({'a': 1}))

    class Counts(Plugin):
        def __init__(self) -> None:
            self.calls: list[int] = []
            self.attempts: list[int] = []

        def around_attempt(self, call: CallContext) -> None:
            self.attempts.append(call.attempts)

        def on_response(self, call: CallContext) -> None:
            self.calls.append(call.attempts)

    counts = Counts()
    with Server(page) as server, client(plugins=[counts]) as esi:
        call = app_at(server.url).op['get_thing']()
        threads = [threading.Thread(target=esi.request, args=(call,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        wait_until(lambda: waiting(esi) == 4)
        opened.set()
        for thread in threads:
            thread.join()
    assert counts.attempts == [1]
    assert sorted(counts.calls) == [0, 0, 0, 0, 1]


# --------------------------------------------------------------------- what hooks may change


def test_what_is_prepared_is_sent_and_part_of_the_cache_key(server: Server, pages: list[bytes]) -> None:
    pages[:] = [response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60'})]

    class Asks(Plugin):
        language = 'de'

        def prepare(self, call: CallContext) -> None:
            call.headers['Accept-Language'] = self.language
            call.query.append(('more', 'a b'))

    asks = Asks()
    with client(plugins=[asks], cache=DictCache()) as esi:
        call = app_at(server.url).op['get_thing'](q='x')
        esi.request(call)
        assert esi.request(call).from_cache
        asks.language = 'fr'
        assert not esi.request(call).from_cache
    assert [visit.target for visit in server.visits] == ['/thing?q=x&more=a+b'] * 2
    assert [visit.headers['accept-language'] for visit in server.visits] == ['de', 'fr']
    assert call[0].query == [('q', 'x')], "the caller's request stays as it was"


def test_path_body_and_timeout_can_be_prepared(server: Server) -> None:
    class Changes(Plugin):
        def prepare(self, call: CallContext) -> None:
            if call.name == 'put_thing':
                call.body = {**(call.body or {}), 'more': 1}
            else:
                call.path['id'] = 'ü/2'
            call.timeout = 3.0

        def on_response(self, call: CallContext) -> None:
            call.notes['seen'] = call.timeout

    app = app_at(server.url)
    with client(plugins=[Changes()]) as esi:
        assert esi.request(app.op['put_thing'](body={'a': 2})).seen == 3.0  # type: ignore[attr-defined]
        esi.request(app.op['get_things_id'](id='1'))
        esi.request(app.op['put_thing']())
    assert server.visits[0].body == b'{"a": 2, "more": 1}'
    assert server.visits[1].path == '/things/%C3%BC%2F2'
    assert server.visits[2].body == b'{"more": 1}'


def test_what_is_sent_can_be_changed_without_another_key(server: Server, pages: list[bytes]) -> None:
    pages[:] = [response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60'})]

    class Traces(Plugin):
        def on_send(self, call: CallContext) -> None:
            assert call.sending is not None
            call.sending.headers['traceparent'] = str(random.random())

    with client(plugins=[Traces()], cache=DictCache()) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        assert esi.request(call).from_cache
    assert server.visits[0].headers['traceparent']


def test_a_call_that_a_plugin_signs_is_its_own(server: Server, pages: list[bytes]) -> None:
    """A header that a plugin sets is older than the client's security, and answers are kept apart."""
    pages[:] = [response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60'})]

    class Signs(Plugin):
        token = 'first'

        def prepare(self, call: CallContext) -> None:
            call.headers['Authorization'] = f'Bearer {self.token}'

    signs = Signs()
    with client(plugins=[signs], cache=DictCache(), security=security('theirs')) as esi:
        call = app_at(server.url).op['get_mine']()
        esi.request(call)
        signs.token = 'second'
        assert not esi.request(call).from_cache
    assert [visit.headers['authorization'] for visit in server.visits] == ['Bearer first', 'Bearer second']


def test_the_signed_request_is_what_is_about_to_be_sent_and_no_repr_shows_it(server: Server) -> None:
    shown: list[str] = []

    class Looks(Plugin):
        def on_send(self, call: CallContext) -> None:
            assert call.sending is not None
            assert call.sending.headers['Authorization'] == 'Bearer the-token'
            shown.extend([repr(call), repr(call.sending), str(call.sending)])

    with client(plugins=[Looks()], security=security('the-token')) as esi:
        esi.request(app_at(server.url).op['get_mine']())
    assert shown
    assert 'the-token' not in ''.join(shown)


def test_a_response_instead_of_sending(server: Server) -> None:
    statistics: list[Any] = []
    API_CALL_STATS.add_receiver(lambda **stats: statistics.append(stats))

    class ResponseCache(Plugin):
        def respond(self, call: CallContext) -> Any:
            return call.make_response(b'{"a": 2}', headers={'X-Pages': '3'}) if call.name == 'get_thing' else None

    app = app_at(server.url)
    with client(plugins=[Trace(), ResponseCache(), Trace()]) as esi:
        given = esi.request(app.op['get_thing']())
        assert (given.status, given.data.a, given.header['X-Pages']) == (200, 2, [3])
        assert not server.visits
        assert not statistics, 'nothing went out'
        assert esi.request(app.op['get_mine']()).data.a == 1
    assert len(server.visits) == len(statistics) == 1


def test_a_response_can_be_replaced(server: Server) -> None:
    class Replaces(Plugin):
        def on_raw_response(self, call: CallContext) -> None:
            assert call.raw_response is not None
            call.raw_response = call.raw_response._replace(content=b'{"a": 3}')

    with client(plugins=[Replaces()]) as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).data.a == 3


def test_notes_are_attributes_of_the_response(server: Server) -> None:
    class Notes(Plugin):
        def prepare(self, call: CallContext) -> None:
            call.notes.update(mark=7, ok=8)

    call = app_at(server.url).op['get_thing']()
    with client(plugins=[Notes()]) as esi:
        response = esi.request(call)
        assert response.mark == call[1].mark == 7  # type: ignore[attr-defined]
        assert response.ok is True, 'what a response has itself stays what it is'
        assert response.notes == {'mark': 7, 'ok': 8}
        assert 'mark' in dir(response)
        assert pickle.loads(pickle.dumps(copy.deepcopy(response))).mark == 7
        with pytest.raises(AttributeError, match="'Response' object has no attribute 'marc'"):
            print(response.marc)  # type: ignore[attr-defined]
        assert esi.multi_request([call])[0][1].mark == 7  # type: ignore[attr-defined]
        assert esi.head(call).mark == 7  # type: ignore[attr-defined]


def test_an_attribute_that_fails_says_why_itself(server: Server) -> None:
    class Wanting(Response):
        @property
        def shown(self) -> Any:
            return self.data.nowhere

    class Notes(Plugin):
        def prepare(self, call: CallContext) -> None:
            call.notes.update(shown=7)

    with client(plugins=[Notes()]) as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
    response.__class__ = Wanting
    with pytest.raises(MissingFieldError, match='nowhere'):
        print(response.shown)  # type: ignore[attr-defined]


def test_a_dry_run_and_an_estimate_prepare_the_call_and_no_more(server: Server, pages: list[bytes]) -> None:
    pages[:] = [response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60'})]
    trace = Trace()
    with client(plugins=[Headers({'Accept-Language': 'de'}), trace], cache=DictCache()) as esi:
        call = app_at(server.url).op['get_thing']()
        assert esi.prepare(call).headers['Accept-Language'] == 'de'
        assert len(list(esi._to_be_sent([call]))) == 1
        assert trace.lines == ['prepare get_thing'] * 2
        esi.request(call)
        assert not list(esi._to_be_sent([call])), 'it is kept, under what the plugin made of it'


def test_options_that_a_plugin_takes(server: Server) -> None:
    class Takes(Plugin):
        call_options = ('colour',)

        def prepare(self, call: CallContext) -> None:
            call.notes['options'] = dict(call.options)

    call = app_at(server.url).op['get_thing']()
    with client(plugins=[Takes()]) as esi:
        assert esi.request(call).options == {}  # type: ignore[attr-defined]
        assert esi.request(call, colour='red', timeout=2).options == {'colour': 'red', 'timeout': 2}  # type: ignore[attr-defined]
        assert esi.head(call, colour='red').options == {'colour': 'red'}  # type: ignore[attr-defined]
        assert esi.multi_request([call], colour='red')[0][1].options == {'colour': 'red'}  # type: ignore[attr-defined]
        with pytest.warns(UserWarning, match="unknown option 'color', did you mean 'colour'"):
            esi.request(call, color='red')
    with client() as esi, pytest.warns(UserWarning, match="unknown option 'colour'"):
        esi.request(call, colour='red')


# --------------------------------------------------------------------- plugins that raise


class Oops(Exception):
    pass


def raising(hook: str) -> Plugin:
    """A plugin whose hook raises."""

    def raise_it(self: Plugin, *args: Any) -> Any:
        raise Oops(hook)

    kind: type[Plugin] = type('Raises', (Plugin,), {hook: raise_it})
    return kind()


class Holds(Plugin):
    """Counts what is held."""

    def __init__(self) -> None:
        self.held = self.most = 0
        self.errors: list[Exception] = []
        self._lock = threading.Lock()

    @contextmanager
    def _hold(self) -> Iterator[None]:
        with self._lock:
            self.held += 1
            self.most = max(self.most, self.held)
        try:
            yield
        finally:
            with self._lock:
                self.held -= 1

    def around_call(self, call: CallContext) -> Any:
        return self._hold()

    def around_attempt(self, call: CallContext) -> Any:
        return self._hold()

    def on_error(self, call: CallContext, error: Exception) -> None:
        self.errors.append(error)


@pytest.mark.parametrize('place', [0, 1])
@pytest.mark.parametrize('hook', [name for name in HOOKS if name not in ('around_batch', 'close', 'on_error')])
def test_a_plugin_that_raises_fails_the_call_and_leaves_nothing_held(server: Server, hook: str, place: int) -> None:
    holds, pool = Holds(), Pool(1)
    plugins: list[Plugin] = [holds, pool]
    plugins.insert(place * 2, raising(hook))
    call = app_at(server.url).op['get_thing']()
    with client(plugins=plugins) as esi:
        for _ in range(3):  # a lost place would keep the second one waiting
            with pytest.raises(Oops, match=hook):
                esi.request(call)
        assert (holds.held, pool.taken, esi._pipeline.coalescer._in_flight) == (0, 0, {})
        assert [str(error) for error in holds.errors] == [hook] * 3
        with pytest.raises(Oops):
            esi.multi_request([call])


def test_what_a_plugin_keeps_from_being_sent_spends_no_limit(server: Server) -> None:
    call = app_at(server.url).op['get_thing']()
    for hook, spent in (('around_attempt', False), ('on_send', False), ('respond', False), ('on_raw_response', True)):
        with client(plugins=[raising(hook)], limits=MemoryLimits()) as esi:
            with pytest.raises(Oops):
                esi.request(call)
            assert any(budget.used for budget in esi.budget()) == spent, hook
            assert not any(budget.in_flight for budget in esi.budget())


def test_what_a_plugin_raises_for_an_error_takes_its_place() -> None:
    holds = Holds()
    call = app_at(unused_url()).op['get_thing']()
    with client(plugins=[holds, raising('on_error')]) as esi, pytest.raises(Oops) as caught:
        esi.request(call)
    assert holds.errors == [caught.value]

    with client(plugins=[raising('on_error'), raising('prepare')]) as esi, pytest.raises(Oops) as caught:
        esi.request(call)
    assert str(caught.value) == 'on_error'
    assert str(caught.value.__context__) == 'prepare'


@pytest.mark.parametrize('around', ['around_call', 'around_attempt'])
@pytest.mark.parametrize('way', ['in', 'out'])
def test_what_is_held_is_let_go_when_another_one_cannot_be(server: Server, around: str, way: str) -> None:
    class Sticks:
        def __enter__(self) -> None:
            if way == 'in':
                raise Oops

        def __exit__(self, *error: object) -> None:
            raise Oops

    before, after = Holds(), Holds()
    sticks: type[Plugin] = type('Sticking', (Plugin,), {around: lambda self, call: Sticks()})
    with client(plugins=[before, sticks(), after]) as esi, pytest.raises(Oops):
        esi.request(app_at(server.url).op['get_thing']())
    assert (before.held, after.held) == (0, 0)
    assert before.errors == after.errors != []


def test_no_plugin_makes_an_error_go_away(server: Server) -> None:
    class Swallows(Plugin):
        @contextmanager
        def around_call(self, call: CallContext) -> Iterator[None]:
            with suppress(Oops):
                yield

        around_attempt = around_call

    for hook in ('around_call', 'prepare', 'on_send'):
        with client(plugins=[Swallows(), raising(hook)]) as esi, pytest.raises(Oops, match=hook):
            esi.request(app_at(server.url).op['get_thing']())


def test_every_plugin_is_closed_whatever_the_others_do(server: Server) -> None:
    trace = Trace()
    esi = client(plugins=[trace, raising('close')])
    esi.request(app_at(server.url).op['get_thing']())
    with pytest.raises(Oops, match='close'):
        esi.close()
    assert trace.lines[-1] == 'close'


def test_one_failing_call_of_many_loses_none(server: Server) -> None:
    class Picky(Plugin):
        def prepare(self, call: CallContext) -> None:
            if ('page', '2') in call.request.query:
                raise CallError(call.name, [('page', 'not this one')])

    calls = [app_at(server.url).op['get_thing'](page=page) for page in range(1, 5)]
    with client(plugins=[Picky()]) as esi:
        responses = esi.multi_request(calls)
    assert [response.failed for _, response in responses] == [False, True, False, False]


# --------------------------------------------------------------------- nothing leaks


class Dice(Plugin):
    """Any hook may raise, and any context manager may fail to be entered or left."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _throw(self) -> None:
        if self._random.random() < 0.03:
            raise Oops

    @contextmanager
    def around_call(self, call: CallContext) -> Iterator[None]:
        self._throw()
        try:
            yield
        finally:
            self._throw()

    around_attempt = around_call

    def prepare(self, call: CallContext) -> None:
        self._throw()

    on_call = on_send = respond = on_raw_response = on_response = prepare

    def on_error(self, call: CallContext, error: Exception) -> None:
        self._throw()


class Quick(Plugin):
    """Answers soon: what is tested here is what is held meanwhile."""

    def respond(self, call: CallContext) -> Any:
        clock.sleep(0.0005)
        return call.make_response(b'{"a": 1}')


@pytest.mark.usefixtures('no_leaks')
def test_nothing_leaks_in_ten_thousand_calls_by_twenty_threads_with_plugins_that_raise() -> None:
    calls_each, count = 500, 20
    pool, limit, holds = Pool(12), RateLimit(period=0.001, limit=11), Holds()
    bounded = Pool(3, timeout=0.002, hard_limit=6)
    plugins = [Dice(1), pool, Dice(2), limit, Dice(3), bounded, holds, Dice(4), Quick()]
    outcomes: dict[str, int] = {}
    lock = threading.Lock()
    app = app_at('http://127.0.0.1:9')
    with client(plugins=plugins, cache=None) as esi:

        def work(number: int) -> None:
            for index in range(calls_each):
                try:
                    esi.request(app.op['get_thing'](page=index % 7, q=str(number % 5)))
                    name = 'answered'
                except Exception as error:
                    name = type(error).__name__
                with lock:
                    outcomes[name] = outcomes.get(name, 0) + 1

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not [thread for thread in threads if thread.is_alive()]
        assert sum(outcomes.values()) == calls_each * count
        assert outcomes.keys() == {'answered', 'Oops', 'TooManyRequestsPendingError', 'TooMuchTimePendingError'}
        assert holds.most > 3, 'the threads were together in it'
        assert esi._pipeline.coalescer._in_flight == {}
        assert (pool.taken, pool.pending, bounded.taken, bounded.pending, limit.pending) == (0, 0, 0, 0, 0)
        wait_until(lambda: limit.taken == 0)
        assert holds.held == 0


def test_a_broken_connection_gives_its_place_back() -> None:
    pool = Pool(1)
    with client(plugins=[pool]) as esi:
        for _ in range(3):
            with pytest.raises(ConnectionFailedError):
                esi.request(app_at(unused_url()).op['get_thing'](), raise_on_error=True)
    assert pool.taken == 0
