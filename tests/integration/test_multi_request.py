"""`multi_request`: many calls at once, none of them lost, in the order in which they were given."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esipy.exceptions import APIException, CallError, ConnectionFailedError, UndecodableBodyError
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


def page(visit: Visit) -> None:
    """`/things/7` answers 7; some ids do not go well."""
    name = visit.path.rpartition('/')[2]
    if name.startswith('error'):
        visit.send(response_bytes({'error': name}, 404))
    elif name.startswith('reset'):
        visit.reset()
    elif name.startswith('html'):
        visit.send(response_bytes(b'<html>'))
    elif name.startswith('gateway'):
        visit.send(response_bytes(b'<html>', 502))
    else:
        visit.send(response_bytes({'id': name}))


def test_in_the_order_given() -> None:
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        calls = [operation(id=number) for number in range(200)]
        pairs = esi.multi_request(calls, threads=20)
        assert [pair[1].data.id for pair in pairs] == [str(number) for number in range(200)]
        assert all(pair[0] is call[0] for pair, call in zip(pairs, calls, strict=True))
        assert {type(pair) for pair in pairs} == {tuple}


def test_the_values_of_a_dict_matched_by_identity() -> None:
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        calls = {name: operation(id=name) for name in ('a', 'b', 'c')}
        names = {id(call[0]): name for name, call in calls.items()}
        for request, response in esi.multi_request(calls.values()):
            assert response.data.id == names[id(request)]
            assert calls[names[id(request)]][1].data.id == response.data.id


@pytest.mark.parametrize('calls', [[], (), iter([])])
def test_nothing_to_do(calls: Any) -> None:
    with client() as esi:
        assert esi.multi_request(calls) == []


def test_a_generator_is_consumed_as_work_proceeds() -> None:
    taken: list[int] = []
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']

        def calls() -> Iterator[Any]:
            for number in range(100):
                taken.append(number)
                yield operation(id=number)

        most_ahead = 0

        def on_result(request: Any, response: Any) -> None:
            nonlocal most_ahead
            done.append(response.data.id)
            most_ahead = max(most_ahead, len(taken) - len(done))

        done: list[str] = []
        assert esi.multi_request(calls(), threads=4, on_result=on_result) == []
        assert sorted(done, key=int) == [str(number) for number in range(100)]
        assert most_ahead <= 8


def test_results_come_while_a_slow_generator_is_still_making_calls() -> None:
    heard: list[float] = []
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']

        def calls() -> Iterator[Any]:
            for number in range(4):
                yield operation(id=number)
                time.sleep(0.1)

        begun = time.monotonic()
        esi.multi_request(calls(), on_result=lambda *pair: heard.append(time.monotonic() - begun))
    assert heard[0] < 0.25


def test_progress_and_on_result_are_called_in_this_thread() -> None:
    threads, counts = set(), []
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']

        def progress(count: int) -> None:
            threads.add(threading.current_thread())
            counts.append(count)

        esi.multi_request([operation(id=number) for number in range(20)], progress=progress)
    assert counts == list(range(1, 21))
    assert threads == {threading.current_thread()}


def test_one_that_fails_loses_none_of_the_others() -> None:
    names = ['1', 'error-1', '2', 'reset', '3', 'html', 'gateway', '4', 'error-2', '5']
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        pairs = esi.multi_request([operation(id=name) for name in names])
        assert [pair[1].status for pair in pairs] == [200, 404, 200, 500, 200, 500, 502, 200, 404, 200]
        assert [pair[1].data.get('id') for pair in pairs if pair[1].ok] == ['1', '2', '3', '4', '5']
        assert [pair[1].failed for pair in pairs] == [name in ('reset', 'html', 'gateway') for name in names]
        assert isinstance(pairs[5][1].cause, UndecodableBodyError)
        assert all(pair[1].data.error for pair in pairs if not pair[1].ok)

        with pytest.raises(APIException) as caught:
            esi.multi_request([operation(id=name) for name in names], raise_on_error=True)
        assert caught.value.response == b'{"error": "error-1"}'
        assert [pair[1].status for pair in caught.value.results] == [pair[1].status for pair in pairs]  # type: ignore[attr-defined]
        with pytest.raises(ConnectionFailedError):
            esi.multi_request([operation(id=name) for name in names[2:]], raise_on_error=True)


def test_raise_on_error_with_on_result() -> None:
    heard: list[int] = []
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        calls = [operation(id=name) for name in ('1', 'error', '2')]
        with pytest.raises(APIException):
            esi.multi_request(calls, raise_on_error=True, on_result=lambda request, response: heard.append(1))
    assert len(heard) == 3


def test_what_is_not_a_call_is_reported_at_the_end() -> None:
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        with pytest.raises(CallError) as caught:
            esi.multi_request([operation(id=1), None, operation(id=2)])  # type: ignore[list-item]
        assert len(caught.value.results) == 2  # type: ignore[attr-defined]


def test_an_error_of_the_apps_own_is_raised_at_the_end() -> None:
    def sign(request: Any) -> Any:
        if request._p['path']['id'] == '2':
            raise LookupError('no token for that one')
        return request

    with Server(page) as server, client(security=sign) as esi:
        operation = app_at(server.url).op['get_things_id']
        with pytest.raises(LookupError) as caught:
            esi.multi_request([operation(id=number) for number in range(5)])
        assert [pair[1].failed for pair in caught.value.results] == [False, False, True, False, False]  # type: ignore[attr-defined]


@pytest.mark.parametrize(('asked', 'most'), [(-1, 1), (0, 1), (1, 1), (7, 7), (100, 100), (1000, 100)])
def test_between_1_and_100_threads(asked: int, most: int) -> None:
    """Responses come when as many requests as may be sent at once have arrived; then a while for one too many."""
    lock, all_here = threading.Lock(), threading.Event()
    now, peak = 0, 0

    def slow(visit: Visit) -> None:
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
            if now == most:
                all_here.set()
        all_here.wait(30)
        time.sleep(0.02)
        with lock:
            now -= 1
        page(visit)

    with Server(slow) as server, client(timeout=60, deadline=120) as esi:
        operation = app_at(server.url).op['get_things_id']
        esi.multi_request([operation(id=number) for number in range(most + 50)], threads=asked)
    assert peak == most


def test_connections_are_kept_and_none_is_too_many(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, 'urllib3')
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        for _ in range(3):
            esi.multi_request([operation(id=number) for number in range(300)], threads=100)
        assert server.connections <= 100
    assert not [record for record in caplog.records if 'pool is full' in record.getMessage()]


def test_options_are_for_every_call() -> None:
    with Server(page) as one, Server(page) as two, client() as esi:
        operation = app_at(one.url).op['get_things_id']
        pairs = esi.multi_request(
            [operation(id='html-1'), operation(id='html-2')],
            raw_body_only=True,
            opt={'url_netloc': two.netloc},
            timeout=3,
            security=None,
        )
        assert [pair[1].raw for pair in pairs] == [b'<html>'] * 2
        assert (len(one.visits), len(two.visits)) == (0, 2)


def test_an_error_in_on_result_or_in_the_generator_ends_it() -> None:
    with Server(page) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']

        def broken(*anything: Any) -> None:
            raise ZeroDivisionError

        def calls() -> Iterator[Any]:
            yield operation(id=1)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            esi.multi_request((operation(id=number) for number in range(10**9)), on_result=broken)
        with pytest.raises(ZeroDivisionError):
            esi.multi_request(calls())


PROGRAM = """
import sys, threading, time
sys.path.insert(0, {root!r})
from tests.integration.things import app_at, client
esi = client(timeout=60, deadline=60)
operation = app_at({url!r}).op['get_things_id']
print('begun', flush=True)
begun = time.monotonic()
try:
    esi.multi_request([operation(id=number) for number in range(1000)], threads=10)
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""


def test_ctrl_c_ends_it_and_the_program_at_once() -> None:
    import signal

    root = str(Path(__file__).parents[2])
    with Server(Visit.hang) as server:
        command = [sys.executable, '-W', 'error', '-c', PROGRAM.format(root=root, url=server.url)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == 'begun\n'
            while len(server.visits) < 10:
                time.sleep(0.01)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        assert time.monotonic() - begun < 15
        assert (out, err, process.returncode) == ('interrupted\n', '', 0)
        assert len(server.visits) == 10


def test_threads_that_are_not_a_number() -> None:
    with client() as esi, pytest.raises(TypeError, match="threads must be a whole number from 1 to 100, not '5'"):
        esi.multi_request([], threads='5')  # type: ignore[arg-type]
