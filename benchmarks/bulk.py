"""Many pages at once: 500 of 250 kB each, 50 ms away, by 20 threads; and the 40 pages of one list."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

import esipy
from benchmarks.measure import BASELINE, ESIPY, Options, Result, in_a_process, sampled
from benchmarks.responses import REGION, document
from benchmarks.server import PAGES, serving

THREADS = 20

#: In a process of its own: the most memory that it ever had, after so many pages.
PEAK = 'import sys; from benchmarks import bulk; print(bulk.peak(*sys.argv[1:]))'


def results(options: Options) -> dict[str, Result]:
    pages = PAGES // 5 if options.quick else PAGES
    with serving() as address:
        contenders = {
            BASELINE: lambda: _timed(lambda: _by_requests(address + '/slow', pages)),
            ESIPY: lambda: _timed(lambda: _by_esipy(address + '/slow', options.document, pages)),
        }
        time = sampled(contenders, rounds=options.rounds(7))
        without = str('orjson' not in sys.modules or sys.modules['orjson'] is None)
        market = _market(address + '/forty', options.document)
        whole = sampled(
            {
                BASELINE: lambda: _timed(lambda: _whole_by_requests(address + '/forty')),
                ESIPY: lambda: _timed(lambda: _whole_by_esipy(market)),
            },
            rounds=options.rounds(30),
        )
        memory = sampled(
            {
                BASELINE: lambda: in_a_process(PEAK, address, options.document, '100', without),
                ESIPY: lambda: in_a_process(PEAK, address, options.document, str(PAGES), without),
            },
            rounds=1 if options.quick else 3,
        )
    return {'bulk': time, 'whole': whole, 'bulk-memory': memory}


def _timed(run: Callable[[], int]) -> float:
    begun = time.perf_counter()
    rows = run()
    elapsed = time.perf_counter() - begun
    if rows % 1000 or not rows:
        raise RuntimeError(f'{rows} rows')
    return elapsed


def _by_requests(address: str, pages: int) -> int:
    session = requests.Session()
    session.mount('http://', HTTPAdapter(pool_maxsize=THREADS))

    def rows(page: int) -> int:
        url = f'{address}/markets/{REGION}/orders?order_type=all&page={page}'
        return len(json.loads(session.get(url).content))

    with session, ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(rows, range(1, pages + 1)))


def _whole_by_requests(address: str) -> int:
    session = requests.Session()
    session.mount('http://', HTTPAdapter(pool_maxsize=THREADS))

    def page(number: int) -> Any:
        response = session.get(f'{address}/markets/{REGION}/orders?order_type=all&page={number}')
        return json.loads(response.content), int(response.headers['X-Pages'])

    with session, ThreadPoolExecutor(THREADS) as pool:
        orders, pages = page(1)
        for more, _ in pool.map(page, range(2, pages + 1)):
            orders += more
    return len(orders)


def _whole_by_esipy(market: Any) -> int:
    with esipy.EsiClient(headers={'User-Agent': 'esipy benchmarks'}, cache=None) as client:
        return len(client.all(market(region_id=REGION, order_type='all'), threads=THREADS))


def _by_esipy(address: str, path: str, pages: int) -> int:
    found = 0

    def count(request: Any, response: Any) -> None:
        nonlocal found
        found += len(response.data)

    with esipy.EsiClient(headers={'User-Agent': 'esipy benchmarks'}, cache=None) as client:
        client.multi_request(_calls(address, path, pages), threads=THREADS, on_result=count)
    return found


def _calls(address: str, path: str, pages: int) -> Iterator[Any]:
    operation = _market(address, path)
    return (operation(region_id=REGION, order_type='all', page=page) for page in range(1, pages + 1))


def _market(address: str, path: str) -> Any:
    return esipy.App.create(document(address, path)).op['GetMarketsRegionIdOrders']


def peak(address: str, path: str, pages: str, without_orjson: str) -> int:
    """Bytes of memory (RSS) that this process had at most."""
    if without_orjson == 'True':
        sys.modules['orjson'] = None  # type: ignore[assignment]
    _by_esipy(address + '/slow', path, int(pages))
    status = Path('/proc/self/status')
    if status.exists():  # getrusage would begin with what the process that started this one had
        line = next(line for line in status.read_text('utf-8').splitlines() if line.startswith('VmHWM'))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
