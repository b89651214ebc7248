"""One client in 50 threads, with faults mixed in; the same after `fork()` in four children; nothing is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from esipy import EsiClient
from esipy.events import Signal
from esipy.exceptions import APIException
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes

THREADS = 50
CALLS = 5000


def page(visit: Visit) -> None:
    """Every so often something goes wrong, told by the id."""
    if visit.path == '/mine':
        visit.send(response_bytes({'owner': visit.headers.get('authorization')}, headers={'Cache-Control': 'no-store'}))
        return
    number = int(visit.path.rpartition('/')[2])
    if number % 50 == 11:
        visit.send(response_bytes({'error': 'x'}, 503))
    elif number % 50 == 12:
        visit.reset()
    elif number % 50 == 13:
        visit.send(response_bytes(b'<html>', 502))
    elif number % 50 == 14:
        visit.send(response_bytes({'id': number}, length=10_000))
        visit.close()
    elif number % 50 == 15:
        visit.send(response_bytes({'error': 'not found'}, 404))
    else:
        headers = {'Cache-Control': 'max-age=60', 'ETag': f'"{number}"'} if number % 3 == 0 else {}
        visit.send(response_bytes({'id': number}, headers=headers))


def expected(number: int) -> Any:
    return {11: 503, 12: 'failed', 13: 'undecodable', 14: 'failed', 15: 404}.get(number % 50, number)


def outcome(esi: EsiClient, call: Any) -> Any:
    try:
        response = esi.request(call)
    except APIException as error:
        return 'undecodable' if error.status_code == 502 else error
    if response.failed:
        return 'failed'
    return response.data.id if response.ok else response.status


class Delivered:
    """Counts what a signal of its own tells."""

    def __init__(self) -> None:
        self.signal = Signal()
        self.heard: list[tuple[Any, ...]] = []
        self.signal.add_receiver(self.hear)

    def hear(self, url: str, status_code: int, elapsed_time: float, message: Any) -> None:
        self.heard.append((url, status_code))

    def break_down(self, **kwargs: Any) -> None:
        raise RuntimeError('a receiver that raises')


def hammer(esi: EsiClient, operation: Any, numbers: range, threads: int) -> list[Any]:
    """Ask for every number in so many threads: what came of each."""
    results: list[Any] = [None] * len(numbers)

    def work(first: int) -> None:
        for index in range(first, len(numbers), threads):
            results[index] = outcome(esi, operation(id=numbers[index]))

    workers = [threading.Thread(target=work, args=(first,)) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


@pytest.mark.usefixtures('no_leaks')
def test_50_threads_5000_calls() -> None:
    delivered = Delivered()
    delivered.signal.add_receiver(delivered.break_down)
    with warnings.catch_warnings(record=True) as warned, Server(page) as server:
        warnings.simplefilter('always')
        with client(signal_api_call_stats=delivered.signal) as esi:
            operation = app_at(server.url).op['get_things_id']
            results = hammer(esi, operation, range(CALLS), THREADS)
            again = hammer(esi, operation, range(0, CALLS, 3), THREADS)
        sent = Counter(visit.path for visit in server.visits)
        heard = Counter(url.removeprefix(server.url) for url, _ in delivered.heard)
        assert server.connections < CALLS / 10
    assert results == [expected(number) for number in range(CALLS)]
    assert again == [expected(number) for number in range(0, CALLS, 3)]
    assert heard.keys() == sent.keys()
    # A request that is reset on a kept connection is sent again, until no kept connection is left, without a signal.
    wrong = {
        path: (heard[path], times)
        for path, times in sent.items()
        if times < heard[path] or (times > heard[path] and int(path.rpartition('/')[2]) % 50 != 12)
    }
    assert wrong == {}
    assert sum(heard.values()) == CALLS + sum(number % 50 in range(11, 16) for number in range(0, CALLS, 3))
    assert warned == []


def in_a_child(work: Callable[[], Any]) -> Any:
    """Fork; the child does the work and sends what it returns. Gives a function that waits for that."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # from 3.12: a fork beside threads, which is the point
        child = os.fork()
    if child == 0:
        signal.alarm(60)  # it must not outlive a test that failed
        try:
            result: Any = work()
        except BaseException:
            result = traceback.format_exc()
        os.close(reading)
        with os.fdopen(writing, 'wb') as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(writing)

    def wait() -> Any:
        with os.fdopen(reading, 'rb') as pipe:
            data = pipe.read()
        os.waitpid(child, 0)
        return pickle.loads(data) if data else 'the child died'

    return wait


@pytest.mark.parametrize('busy', [False, True], ids=['quiet', 'while threads are in requests'])
def test_four_children(busy: bool) -> None:
    """Nothing is logged here: a child that inherits a log file in the middle of a write waits for ever in Python 3.13's
    own `flush`, esipy or not."""
    delivered = Delivered()
    parents: list[Any] = []
    with (
        Server(page) as server,
        client(signal_api_call_stats=delivered.signal, security=security('token'), deadline=30) as esi,
    ):
        op = app_at(server.url).op
        operation = op['get_things_id']
        hammer(esi, operation, range(100), 10)  # open connections, filled cache
        begun = threading.Event()

        def parent() -> None:
            begun.set()
            parents.extend(hammer(esi, operation, range(10_000, 11_500), 10))

        worker = threading.Thread(target=parent)
        if busy:
            worker.start()
            begun.wait()
            time.sleep(0.05)

        def work(first: int) -> tuple[list[Any], int, Any]:
            delivered.heard.clear()
            results = hammer(esi, operation, range(first, first + 500), 13)
            return results, len(delivered.heard), esi.request(op['get_mine']()).data.owner

        children = [in_a_child(lambda first=first: work(first)) for first in range(1000, 5000, 1000)]  # type: ignore[misc]
        for first, wait in zip(range(1000, 5000, 1000), children, strict=True):
            got = wait()
            assert isinstance(got, tuple), got
            results, heard, owner = got
            assert results == [expected(number) for number in range(first, first + 500)]
            assert heard == 500
            assert owner == 'Bearer token'
        if busy:
            worker.join()
            assert parents == [expected(number) for number in range(10_000, 11_500)]
        # The parent's own connections were not touched by the children.
        assert hammer(esi, operation, range(20_000, 20_100), 10) == [expected(n) for n in range(20_000, 20_100)]


def test_a_fork_while_every_lock_is_held() -> None:
    """As if another thread had been in the middle of everything."""
    esi = client(security=security('token'))
    with Server(page) as server, esi:
        call = app_at(server.url).op['get_mine']()
        esi.request(call)
        locks = [
            esi.cache._lock,  # type: ignore[attr-defined]
            esi.security._tokens.changing,
            esi.security._tokens._lock,
            esi._session.cookies._cookies_lock,  # type: ignore[attr-defined]
            esi._pipeline.transport.session.get_adapter('http://').poolmanager.pools.lock,  # type: ignore[attr-defined]
        ]
        ready, done = threading.Event(), threading.Event()

        def hold() -> None:
            for lock in locks:
                lock.acquire()
            ready.set()
            done.wait()
            for lock in locks:
                lock.release()

        holder = threading.Thread(target=hold)
        holder.start()
        ready.wait()
        try:
            wait = in_a_child(lambda: esi.request(call).data.owner)
        finally:
            done.set()
            holder.join()
        assert wait() == 'Bearer token'


def test_one_call_executed_by_many_threads() -> None:
    with Server(page) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_things_id'](id=1)
        results: list[Any] = []
        workers = [threading.Thread(target=lambda: results.append(esi.request(call))) for _ in range(30)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len({id(response) for response in results}) == 30
        assert {response.data.id for response in results} == {1}


@pytest.mark.usefixtures('no_leaks')
def test_close_and_use_again() -> None:
    with Server(page) as server:
        esi = client(cache=None)
        call = app_at(server.url).op['get_things_id'](id=1)
        esi.request(call)
        esi.close()
        assert esi.request(call).ok
        esi.close()
        esi.close()


@pytest.mark.usefixtures('no_leaks')
def test_clients_are_forgotten() -> None:
    import gc
    import weakref

    with Server(page) as server:
        esi = client(security=security('token'))
        esi.request(app_at(server.url).op['get_mine']())
        esi.close()
        gone = weakref.ref(esi)
        del esi
        gc.collect()
        assert gone() is None
