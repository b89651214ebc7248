"""Crawl: work that is larger than one machine. Its units are in Redis, and any number of workers take them."""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypedDict, Unpack

import redis

from esipy import clock
from esipy._runtime.workers import map_unordered
from esipy.client import EsiClient
from esipy.contrib.celery._crawl_fetch import Fetcher, FetchSettings
from esipy.contrib.celery._crawl_ledger import Leases, Ledger
from esipy.contrib.celery._crawl_units import FIRST, Sink, Unit, to_record
from esipy.contrib.celery._runners import make_runner
from esipy.events import unknown_option
from esipy.exceptions import ConfigError, CrawlError
from esipy.limits import MemoryLimits

#: Seconds after which a thread that found nothing to do looks again, at the latest.
LOOK_AGAIN = 0.25

#: So many units are added in one step: Redis does nothing else meanwhile.
BATCH = 1000


class CrawlProgress(NamedTuple):
    """How far a run of a crawl is."""

    run: str
    #: 'starting' (see `jitter`), 'running', 'paused' (the server is down), or 'finished'.
    state: str
    #: Units that are known so far: the pages of a list become known with its first one.
    units: int
    done: int
    failed: int
    #: Units that workers have at the moment, and units that wait for a rate limit or for another attempt.
    running: int
    waiting: int
    #: Rows that the sink has got, and pages that were the same as in the last run.
    rows: int
    not_modified: int
    #: Units of workers that were killed, which others have taken over.
    taken_over: int
    #: Processes that work on the crawl.
    workers: int
    #: Seconds since the run began (until it finished), and until it will have finished if it goes on as before; None if
    #: nothing is done yet.
    seconds: float
    seconds_left: float | None


class CrawlList(NamedTuple):
    """What is known of one list of a run."""

    #: 'GET /markets/10000002/orders?order_type=all', and ' as 90000001' for a character.
    call: str
    pages: int
    #: Pages whose rows are in the sink, and how many rows that are.
    done: int
    rows: int
    #: The state that all pages belong to, as the server dates it; None if the pages are of several states, or the
    #: server does not date them.
    snapshot: str | None
    #: How often the list began again, because it changed while it was read.
    restarts: int

    @property
    def is_whole(self) -> bool:
        """Whether every page of the list is done."""
        return self.done == max(self.pages, 1)


class FailedUnit(NamedTuple):
    """A unit that failed for good, and why."""

    call: str
    page: int
    error: str
    attempts: int


class CrawlOptions(TypedDict, total=False):
    """The options of `Crawl`, by name."""

    #: Seconds after which the unit of a killed worker is taken over (6).
    lease: float
    #: Seconds between two attempts during a downtime (30).
    probe_every: float
    #: A unit that fails so often is listed in `failures()` (4).
    max_attempts: int
    #: The prefix of the keys in Redis ('esipy').
    prefix: str


class Crawl:
    """A crawl that any number of processes work on::

        crawl = Crawl('market', 'redis://127.0.0.1:6379/1', client, app, JsonLines('orders'))
        crawl.start(app.op['get_markets_region_id_orders'](region_id=region) for region in regions)
        crawl.work()  # in as many processes as there are, on any machine

    `name`: only one run of a crawl of that name goes on at a time. `redis_client`: the URL of a Redis that all workers
    reach and that does not lose data (`appendonly yes`), or a redis.Redis. `client`: an EsiClient, or a function that
    returns it, called in each process when it is needed. `app`: an App or EsiApp, for the calls. `sink`: is called with
    each CrawlPage. `options`: see `CrawlOptions`.
    """

    def __init__(
        self,
        name: str,
        redis_client: str | redis.Redis,
        client: EsiClient | Callable[[], EsiClient],
        app: Any,
        sink: Sink,
        **options: Unpack[CrawlOptions],
    ) -> None:
        unknown = options.keys() - CrawlOptions.__annotations__.keys()
        if unknown:
            raise TypeError(unknown_option(min(unknown), [*CrawlOptions.__annotations__]))
        if not re.fullmatch(r'[\w. -]+', name):
            raise ValueError(f'{name!r} is not a name for a crawl: use letters, digits, spaces, dots, "-" and "_"')
        if isinstance(redis_client, str):
            redis_client = redis.Redis.from_url(redis_client)
        self.name = name
        self._ledger = Ledger(redis_client, name, options.get('prefix', 'esipy'))
        self._leases = Leases(self._ledger, options.get('lease', 6.0))
        self._alone_at = clock.monotonic()
        self._probe_every = round(options.get('probe_every', 30.0) * 1_000_000)
        make_client = (lambda: client) if isinstance(client, EsiClient) else client
        max_attempts = options.get('max_attempts', 4)
        settings = FetchSettings(name, make_client, app, sink, self._probe_every, max_attempts)
        self._fetcher = Fetcher(settings, self._ledger, self._leases)

    # ------------------------------------------------------------------ the run

    def start(self, units: Iterable[Any], *, jitter: float = 0.0, restart: bool = False) -> str:
        """Begin a run and return its id. Nothing is fetched before a worker takes the units.

        `units`: calls (`app.op[…](…)`) or Units. `jitter`: the run begins after a random part of so many seconds, so
        that not all programs of the world ask at the full hour. `restart`: give up a run that has not finished.
        Raises CrawlError if there is one, and CallError for a call that is not a GET or has a token in it.
        """
        records = _records(units)
        run = f'{clock.time():.0f}-{os.urandom(3).hex()}'
        delay = random.uniform(0.0, jitter) * 1_000_000
        if not self._ledger.run('start', {'run': run, 'delay': round(delay), 'restart': restart}):
            raise CrawlError(
                f'the crawl {self.name!r} has not finished; work() continues it, start(…, restart=True) gives it up'
            )
        self._add(records, {'run': run})
        self._ledger.run('add', {'run': run, 'units': [], 'is_last': True})
        return run

    def add(self, units: Iterable[Any], priority: int | None = None) -> int:
        """Add units to the present run, and return how many were not there yet. `priority`: theirs; FIRST for what a
        user waits for. Raises CrawlError if there is no run."""
        return self._add(_records(units, priority), {})

    def _add(self, records: list[dict[str, Any]], given: dict[str, Any]) -> int:
        total = 0
        for start in range(0, len(records), BATCH):
            added: int = self._ledger.run('add', {**given, 'units': records[start : start + BATCH]})
            if added < 0:
                raise CrawlError(
                    f'the crawl {self.name!r} has not been started, or was started again since; begin with start()'
                )
            total += added
        return total

    def retry_failed(self) -> int:
        """Let all units that have failed be taken again. Returns how many."""
        count: int = self._ledger.run('retry_failed')
        return count

    # ------------------------------------------------------------------ working on it

    def work(self, threads: int = 4, *, seconds: float | None = None, stop: threading.Event | None = None) -> bool:
        """Take units and fetch them, in `threads`, until the run has finished. Returns whether it has.

        `seconds`: return after about that time. `stop`: return soon after it is set. Units that are under way then are
        finished first. An error of the sink makes its unit fail. Raises ConfigError if the limits of the client are in
        the memory of this process, and other processes work on the crawl.
        """
        finished, _ = self.work_for(threads, seconds, stop)
        return finished

    def work_for(
        self, threads: int, seconds: float | None, stop: threading.Event | None, longest_wait: float = float('inf')
    ) -> tuple[bool, float]:
        """As `work`, and returns when there is nothing to do for more than `longest_wait` seconds. Returns whether the
        run has finished, and the seconds until there is something to do."""
        until = None if seconds is None else clock.monotonic() + seconds
        self._alone_at = clock.monotonic()
        outcome = [(True, 0.0)] * threads

        def must_stop() -> bool:
            return (stop is not None and stop.is_set()) or (until is not None and clock.monotonic() >= until)

        def keep(index: int, count: int, result: tuple[bool, float]) -> None:
            outcome[index] = result

        map_unordered(lambda _: self._work_in_thread(must_stop, longest_wait), range(threads), threads, keep)
        return all(finished for finished, _ in outcome), min(wait for _, wait in outcome)

    def _work_in_thread(self, must_stop: Callable[[], bool], longest_wait: float) -> tuple[bool, float]:
        while not must_stop():
            owner = self._leases.new_owner()
            given = {
                'owner': owner,
                'process': self._leases.process,
                'lease': self._leases.microseconds,
                'probe_every': self._probe_every,
            }
            taken = self._ledger.run_patiently('take', given)
            self._note_others(taken['others'])
            if taken.get('finished'):
                return True, 0.0
            if 'unit' in taken:
                self._fetcher.fetch(taken['run'], taken['unit'], owner)
                continue
            wait = taken['wait'] / 1_000_000
            if wait > longest_wait:
                return False, wait
            clock.sleep(min(wait, LOOK_AGAIN))
        return False, 0.0

    def report_runner(self, runner: str, lifetime: float | None) -> int:
        """A Celery task works on the crawl, and is heard of again within so many seconds (None: it has ended). Returns
        how many tasks were not heard of in time: their workers were killed."""
        if lifetime is None:
            given: dict[str, Any] = {'id': runner, 'has_ended': True}
        else:
            given = {'id': runner, 'lifetime': round(lifetime * 1_000_000)}
        lost: int = self._ledger.run_patiently('runner', given)
        return lost

    def _note_others(self, others: int) -> None:
        """Raise ConfigError if other processes work on the crawl and do not share this client's limits. One that was
        killed is taken for gone after some seconds."""
        if not others or not isinstance(self._fetcher.client.limits, MemoryLimits):
            self._alone_at = clock.monotonic()
        elif clock.monotonic() - self._alone_at > self._leases.microseconds * 3 / 1_000_000 + 1:
            raise ConfigError(
                f'several processes work on the crawl {self.name!r}, and the rate limits of this client are in the '
                'memory of one; use EsiClient(limits=RedisLimits(…), cache=RedisCache(…)), or configure_worker()'
            )

    def task(self, app: Any, *, threads: int = 4, seconds: float = 10.0) -> Any:
        """Register and return the Celery task that works on the crawl: `task.delay()` for each worker that shall.

        It takes units for `seconds`, in `threads`, and then goes back into its queue, so that other tasks get their
        turn and a worker can stop; it ends with the run. While there is nothing to do it waits outside of the workers.
        The broker must be Redis.
        """
        return make_runner(self, app, threads, seconds)

    # ------------------------------------------------------------------ what is known of it

    def progress(self) -> CrawlProgress:
        """Return how far the run is. Raises CrawlError if there is none."""
        found = self._ledger.run('progress')
        state = found['state'] or {}
        if not state:
            raise CrawlError(f'the crawl {self.name!r} has never been started; begin with start()')
        now, begins = int(found['now']), int(state['begins'])
        ends = int(state.get('finished', now))
        counters = {name: int(state.get(name, 0)) for name in ('units', 'done', 'failed', 'rows')}
        seconds, ended = max(0, ends - begins) / 1_000_000, counters['done'] + counters['failed']
        left = (counters['units'] - ended) * seconds / ended if ended else None
        kind = 'running'
        if 'finished' in state:
            kind, left = 'finished', 0.0
        elif 'paused_until' in state:
            kind = 'paused'
        elif begins > now:
            kind = 'starting'
        return CrawlProgress(
            run=state['run'],
            state=kind,
            running=found['running'],
            waiting=found['delayed'],
            not_modified=int(state.get('not_modified', 0)),
            taken_over=int(state.get('taken_over', 0)),
            workers=found['workers'],
            seconds=seconds,
            seconds_left=left,
            **counters,
        )

    def lists(self) -> list[CrawlList]:
        """Return what is known of each list of the run whose first page has come, by name."""
        found = self._ledger.texts('lists')
        return [
            CrawlList(
                name,
                one['pages'],
                one['done'],
                one['rows'],
                None if one['is_mixed'] else one['state'] or None,
                one['restarts'],
            )
            for name, one in sorted(found.items())
        ]

    def failures(self) -> list[FailedUnit]:
        """Return the units of the run that failed for good."""
        return [
            FailedUnit(one['unit']['list'], one['unit']['page'], one['error'], one['unit']['attempts'])
            for _, one in sorted(self._ledger.texts('failed').items())
        ]


def _records(units: Iterable[Any], priority: int | None = None) -> list[dict[str, Any]]:
    chosen = [unit if isinstance(unit, Unit) else Unit(unit) for unit in units]
    if priority is not None:
        chosen = [unit._replace(priority=min(priority, FIRST)) for unit in chosen]
    return [to_record(unit) for unit in chosen]
