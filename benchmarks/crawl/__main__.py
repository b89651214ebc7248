"""Runs the benchmark, and prints the table of docs/many-machines.md."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import redis

from esipy.sandbox import Sandbox

ROOT = Path(__file__).parents[2]

#: https://developers.eveonline.com/blog: 113 regions, 1 723 pages, of which The Forge has 411.
REGIONS, PAGES, FORGE = 113, 1723, 411
PASSES = 4
TOKENS, WINDOW = 12_000, 90

#: Short pages: what counts here is how many they are.
ROWS = 5

#: Threads of each worker.
THREADS = 8


class Outcome(NamedTuple):
    """What one way to do it came to."""

    pages: int
    lost: int
    refused: int
    #: Seconds until three passes were there, and all.
    three: float | None
    seconds: float
    #: Of the tokens of a window, the most that was used.
    used: float


def sizes() -> dict[int, int]:
    """Return the number of pages of each region."""
    others = REGIONS - 1
    share, more = divmod(PAGES - FORGE, others)
    found = {10000002: FORGE}
    for number in range(others):
        found[11000000 + number] = share + (number < more)
    return found


@contextlib.contextmanager
def redis_server(directory: str) -> Iterator[str]:
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    program = shutil.which('redis-server')
    if program is None:
        raise SystemExit('redis-server is not installed')
    command = [program, '--port', str(port), '--bind', '127.0.0.1', '--save', '']
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL) as server:
        with redis.Redis(port=port) as client:
            while not _responds(client):
                time.sleep(0.05)
        try:
            yield f'redis://127.0.0.1:{port}'
        finally:
            server.terminate()


def _responds(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextlib.contextmanager
def workers(count: int, directory: str) -> Iterator[None]:
    """Run so many workers, each a process with some threads."""
    running = []
    for number in range(count):
        log = Path(directory, f'worker{number}.log')
        command = [sys.executable, '-W', 'ignore', '-m', 'celery', '-A', 'benchmarks.crawl.site', 'worker']
        command += ['-P', 'threads', '-c', str(THREADS), '-n', f'w{number}', '-l', 'INFO', '-f', str(log)]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        running.append(process)
        while not log.exists() or ' ready.' not in log.read_text():
            if process.poll() is not None:
                raise SystemExit(f'a worker ended: {log.read_text() if log.exists() else process.returncode}')
            time.sleep(0.1)
    try:
        yield
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(way: str, count: int, passes: int = PASSES) -> Outcome:
    """Fetch all pages `passes` times. `way`: 'crawl' or 'plain'."""
    with tempfile.TemporaryDirectory() as directory, redis_server(directory) as url, Sandbox(process=True) as esi:
        for region, pages in sizes().items():
            orders = esi.lists.of('get_markets_region_id_orders', region_id=region, order_type='all')
            orders.resize(pages * ROWS, ROWS)
        esi.limits.set('market-order', tokens=TOKENS, window=WINDOW)
        os.environ.update(CRAWL_REDIS=url, CRAWL_API=esi.url)
        with workers(count, directory):
            from benchmarks.crawl import site

            begun = time.monotonic()
            do = _crawled if way == 'crawl' else _plainly_fetched
            pages, three = do(site, count, passes, begun)
            seconds = time.monotonic() - begun
        limit = esi.limits.count('market-order')
    return Outcome(pages, passes * PAGES - pages, limit.refused, three, seconds, limit.peak / TOKENS)


def _crawled(site: Any, count: int, passes: int, begun: float) -> tuple[int, float | None]:
    three = None
    fetched = 0
    for number in range(passes):
        run_id = site.crawl.start(
            site.api.op['get_markets_region_id_orders'](region_id=region, order_type='all') for region in sizes()
        )
        for _ in range(count * THREADS):
            site.work.delay()
        _wait(lambda: site.crawl.progress().state == 'finished')
        fetched += site.store.hlen(f'crawl:{run_id}')
        if number == 2:
            three = time.monotonic() - begun
    return fetched, three


def _plainly_fetched(site: Any, count: int, passes: int, begun: float) -> tuple[int, float | None]:
    three = None
    fetched = 0
    for number in range(passes):
        for region in sizes():
            site.plain.delay(number, region)
        _wait(lambda: _is_idle(site))
        fetched += site.store.hlen(f'plain:{number}')
        if number == 2:
            three = time.monotonic() - begun
    return fetched, three


def _is_idle(site: Any) -> bool:
    """Return whether nothing is in the queue or under way."""
    before = site.store.get('plain:requests')
    with redis.Redis.from_url(f'{site.REDIS}/0') as broker:
        if broker.llen('celery') or broker.zcard('unacked_index'):
            return False
    time.sleep(1.0)
    return bool(site.store.get('plain:requests') == before)


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.05)


def row(way: str, count: int) -> str:
    """Return a line of the table."""
    found = run(way, count)
    name = 'a crawl of esipy' if way == 'crawl' else 'plain tasks with requests'
    three = '' if found.three is None else f'{found.three:.0f} s'
    return (
        f'| {count} | {name} | {found.pages} | {found.lost} | {found.refused} | {three} '
        f'| {found.seconds:.0f} s | {found.used:.1%} |'
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m benchmarks.crawl', description=__doc__)
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2, 4])
    parser.add_argument('--way', nargs='+', choices=('crawl', 'plain'), default=['crawl', 'plain'])
    parser.add_argument('--row', action='store_true', help='print one line, without the head of the table')
    given = parser.parse_args()
    if given.row:
        print(row(given.way[0], given.workers[0]))
        return
    print('| workers | | pages of 6 892 | lost | refused (429) | three passes | all | most of a window used |')
    print('| --- | --- | --- | --- | --- | --- | --- | --- |', flush=True)
    for count in given.workers:
        for way in given.way:  # in a process of its own, since the app knows one Redis
            command = [sys.executable, '-m', 'benchmarks.crawl', '--row', '--workers', str(count), '--way', way]
            subprocess.run(command, cwd=ROOT, check=True)


if __name__ == '__main__':
    main()
