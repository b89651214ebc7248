"""Queues of threads: order, priority, and leaving."""

from __future__ import annotations

import threading
import time

from esipy import clock
from esipy._limits.queue import WaitQueue
from tests.servers import wait_until

KEYS = frozenset({'a', 'b'})


def test_order_of_arrival_and_priority() -> None:
    lines = WaitQueue()
    first, second, urgent, more, third = (lines.join(KEYS, priority) for priority in (0, 0, True, 2, 0))
    served = sorted([first, second, urgent, more, third], key=lambda place: place.position)
    assert served == [more, urgent, first, second, third]
    assert [place.position for place in served] == [0, 1, 2, 3, 4]


def test_the_next_waiter_is_woken() -> None:
    lines = WaitQueue()
    first, second = lines.join(KEYS, 0), lines.join(KEYS, 0)
    begun = time.monotonic()
    threading.Timer(0.05, first.__exit__).start()
    second.sleep(20)
    assert time.monotonic() - begun < 10
    assert second.position == 0
    with second:
        assert KEYS in lines.waiting
    assert KEYS not in lines.waiting


def test_a_waiter_that_leaves_lets_the_others_move_up() -> None:
    lines = WaitQueue()
    first, second, third = (lines.join(KEYS, 0) for _ in range(3))
    lines.leave(second)
    assert (first.position, third.position) == (0, 1)


def test_returned_tokens_wake_the_head_of_each_queue_that_uses_them() -> None:
    lines = WaitQueue()
    mine, other = lines.join(KEYS, 0), lines.join(frozenset({'c'}), 0)
    lines.wake(frozenset({'b'}))
    begun = time.monotonic()
    mine.sleep(20)
    other.sleep(0.05)
    assert 0.04 < time.monotonic() - begun < 10


def test_moving_the_clock_wakes() -> None:
    lines = WaitQueue()
    place = lines.join(KEYS, 0)
    threading.Timer(0.05, clock.move, [5.0]).start()
    begun = time.monotonic()
    place.sleep(20)
    assert time.monotonic() - begun < 10


def test_a_thousand_threads_in_order() -> None:
    """Each is served and leaves."""
    lines = WaitQueue()
    served: list[int] = []

    def wait(number: int) -> None:
        with lines.join(KEYS, 0) as place:
            joined.release()
            while place.position or not opened.is_set():
                place.sleep(20)
            served.append(number)

    joined, opened = threading.Semaphore(0), threading.Event()
    threads = [threading.Thread(target=wait, args=(number,)) for number in range(1000)]
    for thread in threads:
        thread.start()
        joined.acquire()
    opened.set()
    lines.wake(KEYS)
    for thread in threads:
        thread.join(30)
    assert served == list(range(1000))
    wait_until(lambda: KEYS not in lines.waiting)
