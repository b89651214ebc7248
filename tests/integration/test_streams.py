"""Work of any size: memory stays flat, and Ctrl-C ends it at once and cleanly."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from esipy._runtime.workers import map_ordered
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')

ROOT = str(Path(__file__).parents[2])

START = f"""
import sys, time
sys.path.insert(0, {ROOT!r})
from pathlib import Path
from tests.integration.listings import app_at
from tests.integration.things import client
url = sys.argv[1]
orders = app_at(url).op['get_orders']()

def memory(what):
    line = next(line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024
"""

WALKED = """
with client() as esi:
    records = esi.records(orders, max_pages=2000)
    count = sum(1 for _ in zip(range(50_000), records))  # the interpreter, the pool and the threads have what they need
    before = memory('VmRSS')
    count += sum(1 for _ in records)
    print(count, memory('VmHWM') - before)
"""

ANSWERED = """
operation = app_at(url).op['get_orders']
total = 0
def count(request, response):
    global total, before
    total += len(response.data)
    if total == 50_000:
        before = memory('VmRSS')
with client(cache=None) as esi:
    esi.multi_request((operation(page=str(page)) for page in range(300)), threads=10, on_result=count)
print(total, memory('VmHWM') - before)
"""


def market_page(number: int) -> list[dict[str, Any]]:
    return [
        {
            'order_id': number * 1000 + place,
            'price': 12.5 * place,
            'location_id': 60003760 + place,
            'volume_remain': place,
            'volume_total': place * 2,
            'issued': '2026-11-02T10:00:00Z',
            'range': 'region',
            'is_buy_order': False,
        }
        for place in range(1000)
    ]


def pages(count: int) -> Any:
    headers = {'X-Pages': str(count), 'Last-Modified': 'Mon, 02 Nov 2026 10:00:00 GMT', 'Cache-Control': 'max-age=300'}
    bodies = [response_bytes(market_page(number), headers=headers) for number in range(5)]
    return lambda visit: visit.send(bodies[visit.number % 5])


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='reads /proc')
@pytest.mark.parametrize(('program', 'count'), [(WALKED, 1000), (ANSWERED, 300)], ids=['records', 'multi_request'])
def test_memory_stays_flat(program: str, count: int) -> None:
    with Server(pages(count)) as server:
        done = subprocess.run(
            [sys.executable, '-W', 'error', '-c', START + program, server.url],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    found, grown = done.stdout.split()
    assert int(found) == count * 1000
    print(grown, 'MB')
    assert float(grown) < 30


INTERRUPTED = """
print('begun', flush=True)
try:
    with client(timeout=60, deadline=60) as esi:
        {work}
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""


@pytest.mark.parametrize(
    'work',
    [
        'esi.all(orders, threads=5)',
        'list(esi.records(orders, threads=5))',
        'for page in esi.paginate(orders, threads=5): time.sleep(60)',
        'esi.multi_request((orders for _ in range(10**9)), threads=5, on_result=lambda *pair: None)',
    ],
    ids=['all', 'records', 'paginate', 'multi_request'],
)
def test_ctrl_c_ends_it_at_once(work: str) -> None:
    reached = threading.Event()

    def page(visit: Visit) -> None:
        if visit.number == 0 and 'multi' not in work:
            visit.send(response_bytes([], headers={'X-Pages': '1000'}))
        else:
            reached.set()
            visit.hang()

    with Server(page) as server:
        command = [sys.executable, '-W', 'error', '-c', START + INTERRUPTED.format(work=work), server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == 'begun\n'
            if 'paginate' in work:
                while not server.visits:
                    time.sleep(0.01)
                time.sleep(0.3)
            else:
                assert reached.wait(20)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        assert time.monotonic() - begun < 15
        assert (out, err, process.returncode) == ('interrupted\n', '', 0)


# ------------------------------------------------------------------ in_order


def test_results_in_order_and_no_further_ahead_than_there_are_threads() -> None:
    taken: list[int] = []
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    def run(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001 * (number % 5))
        with lock:
            running -= 1
        return number * 2

    seen = []
    for result in map_ordered(run, work(), 4):
        seen.append(result)
        assert len(taken) - len(seen) <= 4
    assert seen == [number * 2 for number in range(50)]
    assert most <= 4


def test_an_error_of_a_piece_and_of_the_work_end_it() -> None:
    def run(number: int) -> int:
        return 1 // (3 - number)

    with pytest.raises(ZeroDivisionError):
        list(map_ordered(run, range(100), 2))

    def work() -> Iterator[int]:
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        list(map_ordered(run, work(), 2))
    assert list(map_ordered(run, [], 2)) == []


def test_what_is_left_to_the_collector_stops_too() -> None:
    results = map_ordered(lambda number: number, range(10**9), 3)
    assert next(results) == 0
    del results
    gc.collect()


# ------------------------------------------------------------------ progress


def test_progress_with_one_argument_and_with_two() -> None:
    reported: list[Any] = []

    class Both:
        def __call__(self, done: int, total: int | None) -> None:
            reported.append((done, total))

    def alone(done: int) -> None:
        reported.append(done)

    def perhaps(done: int, total: int | None = 7) -> None:
        reported.append((done, total))

    with Server(lambda visit: visit.send(response_bytes({}))) as server, client() as esi:
        operation = app_at(server.url).op['get_things_id']
        calls = [operation(id=number) for number in range(3)]
        for progress in (alone, Both(), perhaps, lambda *said: reported.append(said), reported.append):
            esi.multi_request(calls, progress=progress)
        esi.multi_request(iter(calls), progress=perhaps)
    one, both = [1, 2, 3], [(1, 3), (2, 3), (3, 3)]
    assert reported == [*one, *both, *both, (1,), (2,), (3,), *one, (1, None), (2, None), (3, None)]


def test_a_bar_of_rich() -> None:
    pytest.importorskip('rich')
    import io

    from rich.console import Console

    from esipy.progress import rich_bar

    written = io.StringIO()
    with rich_bar('the market', console=Console(file=written, force_terminal=True)) as progress:
        progress(1, None)
        progress(3, 4)
        progress(4, 4)
    assert 'the market' in written.getvalue()
    assert '100%' in written.getvalue()


def test_a_bar_of_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('tqdm')
    import io

    from tqdm import tqdm

    from esipy.progress import tqdm_bar

    monkeypatch.setattr(tqdm, 'monitor_interval', 0)  # it would start a thread of its own
    written = io.StringIO()
    with tqdm_bar('the market', file=written, mininterval=0) as progress:
        progress(1, None)
        progress(3, 4)
        progress(2, 4)  # pages that did not fit are fetched again
        progress(4, 4)
    assert 'the market: 100%' in written.getvalue()
    assert '4/4' in written.getvalue()


@contextmanager
def without(package: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, package, None)
        patch.setitem(sys.modules, f'{package}.progress', None)
        yield


def test_a_missing_extra_is_reported_with_the_remedy() -> None:
    from esipy.progress import rich_bar, tqdm_bar

    for package, bar in (('rich', rich_bar), ('tqdm', tqdm_bar)):
        with without(package), pytest.raises(ImportError, match=rf'needs {package}: pip install "EsiPy\[progress\]"'):
            bar().__enter__()
