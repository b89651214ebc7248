"""What is measured: every row, its baseline, its limits. The groups measure, `report.py` compares."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A line of the table. Limits are multiples of the baseline; None: there is none."""

    key: str
    #: The module that measures it.
    group: str
    work: str
    baseline: str
    #: The unit of the baseline and the others: 'ms', 'µs', 's', 'MB'.
    unit: str
    limit: float | None
    #: With the extra `speed`, where that has a limit of its own.
    limit_speed: float | None = None
    #: EsiPy 1.2.3, measured once on another machine: no more than an orientation.
    esipy1: str = ''


ROWS = (
    Row('load', 'loading', 'load the 3.1 document, make the first call', 'json.load', 'ms', 2.0, esipy1='3.1 s'),
    Row('load-memory', 'loading', '… its memory', 'json.load', 'MB', 1.5),
    Row(
        'process',
        'loading',
        'a whole process: import, load, first call',
        'import requests, json.load',
        'ms',
        1.25,
        esipy1='25 ×',
    ),
    Row('get', 'calling', 'one GET, tiny body, keep-alive, client CPU', 'requests', 'µs', 0.8, esipy1='1.33 ×'),
    Row('limits', 'calling', '… with its rate limits in memory', 'the same, limits=None', 'µs', 1.05),
    Row('limits-redis', 'caches', 'rate limits in Redis: reserve and settle', 'redis-py: a script', 'µs', 2.2),
    Row('plugins', 'calling', '… with five plugins', 'esipy without plugins', 'µs', 1.05),
    Row('telemetry', 'calling', '… with OpenTelemetry, Prometheus, no exporter', 'esipy without plugins', 'µs', 1.12),
    Row('telemetry-recorded', 'calling', '… with each span recorded', 'esipy without plugins', 'µs', None),
    Row(
        'rows-dates',
        'reading',
        '1000 market orders: bytes to price and date of each',
        'json.loads',
        'ms',
        2.0,
        1.3,
        esipy1='90 ×',
    ),
    Row('rows', 'reading', '… the price alone', 'json.loads', 'ms', 1.4, 0.8),
    Row('hit', 'calling', 'cached hit, DictCache, tiny body, read', 'dict + json.loads', 'µs', 10.0, esipy1='138 µs'),
    Row('hit-new', 'calling', '… by a new call each time', 'dict + json.loads', 'µs', None),
    Row('hit-redis', 'caches', 'cached hit, RedisCache, tiny body', 'redis-py: GET', 'µs', 1.5),
    Row('hit-file', 'caches', 'cached hit, FileCache, tiny body', 'diskcache: get', 'µs', 3.0),
    Row('hit-unread', 'caches', 'cached hit, DictCache, 250 kB, not read', 'the same, tiny body', 'µs', 1.5),
    Row(
        'revalidate',
        'calling',
        '304 for a body of 250 kB, not read, client CPU',
        'requests',
        'µs',
        1.0,
        esipy1='117 ms',
    ),
    Row('revalidate-tiny', 'calling', '… for a tiny body: the same', 'requests', 'µs', 1.0),
    Row(
        'bulk',
        'bulk',
        '500 pages of 250 kB, 50 ms away, 20 threads, decoded',
        'requests + threads + json.loads',
        's',
        1.25,
        1.0,
        esipy1='78 s',
    ),
    Row(
        'whole',
        'bulk',
        'a list of 40 pages of 250 kB, 50 ms away, whole, 20 threads',
        'requests: page 1, then the rest',
        's',
        1.1,
    ),
    Row('bulk-memory', 'bulk', '… peak memory of 500 pages by on_result', 'the same for 100 pages', 'MB', 1.25),
)

#: The groups, and whether what they measure decodes responses, so that orjson matters.
GROUPS = {'loading': False, 'calling': True, 'caches': False, 'reading': True, 'bulk': True}
