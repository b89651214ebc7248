"""Pool and RateLimit: in order, bounded, interruptible, and nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from esipy._plugins.throttle import Throttle, _Waiter
from esipy.exceptions import RequestLimitError, TooManyRequestsPendingError, TooMuchTimePendingError
from esipy.plugins import Plugin, Pool, RateLimit
from tests.servers import Visit, response_bytes, wait_until
from tests.unit.plugins.calls import Asked, asking


class Gate:
    """A server's page that responds when it is told to."""

    def __init__(self) -> None:
        self.open = threading.Semaphore(0)
        self.arrived: list[str] = []
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, visit: Visit) -> None:
        with self._lock:
            self.arrived.append(visit.query)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.open.acquire(timeout=10)
        with self._lock:
            self.at_once -= 1
        visit.send(response_bytes({'a': 1}))


class Threads:
    """Calls that begin one after the other, each in a thread of its own, and what becomes of them."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.results: dict[int, Any] = {}
        self.threads: list[threading.Thread] = []

    def begin(self, number: int) -> None:
        thread = threading.Thread(target=self._work, args=(number,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _work(self, number: int) -> None:
        try:
            self.results[number] = self.asked.get(arguments={'page': number})
        except Exception as error:
            self.results[number] = error

    def join(self) -> dict[int, Any]:
        for thread in self.threads:
            thread.join(10)
        assert not [thread for thread in self.threads if thread.is_alive()]
        return self.results


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.release(100)


KINDS: list[Callable[..., Throttle]] = [Pool, lambda limit, **more: RateLimit(0.05, limit, **more)]


@pytest.mark.parametrize('kind', KINDS, ids=['Pool', 'RateLimit'])
def test_no_more_than_the_limit_at_once_and_the_others_in_order(kind: Callable[..., Throttle], gate: Gate) -> None:
    slots = kind(2)
    with asking(slots, page=gate) as asked:
        threads = Threads(asked)
        for number in range(6):
            threads.begin(number)
            wait_until(lambda number=number: len(gate.arrived) + slots.pending == number + 1)  # type: ignore[misc]
        assert (len(gate.arrived), slots.taken, slots.pending) == (2, 2, 4)
        for number in range(6):
            gate.open.release()
            wait_until(lambda number=number: len(gate.arrived) >= min(number + 3, 6))  # type: ignore[misc]
        results = threads.join()
        assert gate.arrived == [f'page={number}' for number in range(6)]
        assert gate.most == 2
        waited = [getattr(results[number], slots.note) for number in range(6)]
        assert waited[0] == waited[1] == 0.0
        assert all(seconds > 0 for seconds in waited[2:])
        wait_until(lambda: slots.taken == 0)
        assert slots.pending == 0


def test_so_many_wait_and_no_more(gate: Gate) -> None:
    pool = Pool(1, hard_limit=1)
    with asking(pool, page=gate) as asked:
        threads = Threads(asked)
        threads.begin(0)
        wait_until(lambda: pool.taken == 1)
        threads.begin(1)
        wait_until(lambda: pool.pending == 1)
        with pytest.raises(TooManyRequestsPendingError, match=r'get_thing: Pool: 1 requests are waiting already'):
            asked.get(arguments={'page': 2})
        gate.open.release(2)
        assert [result.status for result in threads.join().values()] == [200, 200]
        assert (pool.taken, pool.pending) == (0, 0)


def test_nobody_waits_for_longer_than_it_may(gate: Gate) -> None:
    pool = Pool(1, timeout=0.05)
    with asking(pool, page=gate) as asked:
        threads = Threads(asked)
        threads.begin(0)
        wait_until(lambda: len(gate.arrived) == 1)
        with pytest.raises(TooMuchTimePendingError, match=r'Pool: the request waited for 0\.\d+ s \(timeout=0\.05\)'):
            asked.get(arguments={'page': 1})
        with pytest.raises(RequestLimitError):
            asked.get(arguments={'page': 1})
        gate.open.release(1)
        assert threads.join()[0].status == 200
        gate.open.release(1)
        assert asked.get(arguments={'page': 3}).blocked_by_pool == 0.0
        assert len(gate.arrived) == 2


def test_a_new_call_does_not_go_before_those_that_wait() -> None:
    """Not even where a place is free, because who is the first in the line has not yet woken up."""
    pool = Pool(1, timeout=0.05)
    with asking(pool) as asked:
        pool._queue.append(_Waiter(None))  # type: ignore[arg-type]
        with pytest.raises(TooMuchTimePendingError):
            asked.get()
        pool._queue.clear()
        assert asked.get().status == 200


def test_waiting_does_not_count_for_the_deadline(gate: Gate) -> None:
    pool = Pool(1)
    with asking(pool, page=gate, deadline=3) as asked:
        threads = Threads(asked)
        threads.begin(0)
        wait_until(lambda: len(gate.arrived) == 1)
        threads.begin(1)
        time.sleep(1.6)
        gate.open.release()
        wait_until(lambda: len(gate.arrived) == 2)
        time.sleep(1.6)
        gate.open.release()
        results = threads.join()
    assert not results[1].failed
    assert results[1].blocked_by_pool > 1.4


def test_a_slot_is_occupied_for_the_period_from_its_response_on(gate: Gate) -> None:
    gate.open.release(100)
    slow = RateLimit(period=600, limit=1, timeout=0.05)
    with asking(slow, page=gate) as asked:
        asked.get()
        assert slow.taken == 1
        with pytest.raises(TooMuchTimePendingError):
            asked.get()
    quick = RateLimit(period=0.3, limit=1)
    with asking(quick, page=gate) as asked:
        begun = time.monotonic()  # before the response, however slow the machine is
        asked.get()
        assert asked.get().blocked_by_ratelimit >= 0
        assert time.monotonic() - begun >= 0.3


def test_places_that_are_free_at_the_same_time_are_taken_at_the_same_time(gate: Gate) -> None:
    """Who takes one tells the next that there is another: nobody gives one back just then."""
    limit = RateLimit(period=0.2, limit=2)
    gate.open.release(2)
    with asking(limit, page=gate) as asked:
        threads = Threads(asked)
        threads.begin(0)
        threads.begin(1)
        threads.join()
        threads.begin(2)
        threads.begin(3)
        wait_until(lambda: gate.at_once == 2)
        gate.open.release(2)
        threads.join()


def test_a_wait_can_be_interrupted(gate: Gate) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    pool = Pool(1)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with asking(pool, page=gate) as asked:
            threads = Threads(asked)
            threads.begin(0)
            wait_until(lambda: len(gate.arrived) == 1)

            def send_it() -> None:
                wait_until(lambda: pool.pending == 1)
                os.kill(os.getpid(), signal.SIGUSR1)

            sender = threading.Thread(target=send_it)
            sender.start()
            with pytest.raises(KeyboardInterrupt):
                asked.get(arguments={'page': 1})
            sender.join()
            assert pool.pending == 0
            gate.open.release(2)
            threads.join()
            assert asked.get().status == 200
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_one_pool_for_several_clients(gate: Gate) -> None:
    pool = Pool(1)
    with asking(pool, page=gate) as one, asking(pool, page=gate) as other:
        threads, others = Threads(one), Threads(other)
        threads.begin(0)
        wait_until(lambda: len(gate.arrived) == 1)
        others.begin(1)
        wait_until(lambda: pool.pending == 1)
        gate.open.release(2)
        assert threads.join()[0].blocked_by_pool == 0
        assert others.join()[1].blocked_by_pool > 0


def test_a_forked_child_begins_with_all_places_free(gate: Gate) -> None:
    pool = Pool(1)
    gate.open.release(10)

    class Forks(Plugin):
        """Forks while it holds a place."""

        status = -1

        def on_send(self, call: Any) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore', DeprecationWarning)
                child = os.fork()
            if child == 0:
                signal.alarm(20)
                ok = (pool.taken, pool.pending) == (0, 0)
                pool.around_attempt(call).__exit__(None, None, None)  # leaves what the parent took
                os._exit(0 if ok and pool.taken == 0 else 1)
            self.status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    forks = Forks()
    with asking(pool, forks, page=gate) as asked:
        asked.get()
    assert forks.status == 0
    assert pool.taken == 0


@pytest.mark.parametrize('make', [lambda: Pool(0), lambda: RateLimit(1, 0), lambda: RateLimit(-1, 1)])
def test_a_limit_lets_something_through(make: Callable[[], Throttle]) -> None:
    with pytest.raises(ValueError, match='limit must be at least 1'):
        make()
