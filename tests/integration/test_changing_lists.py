"""Lists that change while they are read: whatever is inserted, removed and edited, at whatever moment.

States are at least a second of the clock apart, which is what `Last-Modified` can tell apart.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from esipy import App, EsiClient, clock
from esipy.cache import DictCache
from esipy.exceptions import SnapshotError
from esipy.sandbox import Sandbox
from tests.integration.things import client

READERS = 8
CHANGES = 15
CHARACTER = 90000001

MARKET = ('get_markets_region_id_orders', {'region_id': 10000002}, 'order_id')
JOBS = ('get_freelance_jobs', {}, 'id')  # type: ignore[var-annotated]
FROM_AN_ID = (  # type: ignore[var-annotated]
    ('get_characters_character_id_wallet_transactions', {'character_id': CHARACTER}, 'transaction_id'),
    ('get_characters_character_id_mail', {'character_id': CHARACTER}, 'mail_id'),
    ('get_characters_character_id_calendar', {'character_id': CHARACTER}, 'event_id'),
    ('get_wars', {}, ''),
)

#: A failure is told as it is: threads do not fail in the same way twice.
some_examples = settings(
    phases=[Phase.generate],
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


class Writer:
    """Changes a list at random, and knows all the states that it had."""

    def __init__(self, esi: Sandbox, name: str, params: dict[str, Any], key: str, seed: int) -> None:
        self.esi, self.key = esi, key
        self.listing = esi.lists.of(name, **params)
        self.dice = random.Random(seed)
        self.states: list[list[Any]] = [self.listing.records()]
        self.removed: set[Any] = set()

    def id_of(self, record: Any) -> Any:
        return record[self.key] if self.key else record

    def change(self, *kinds: str) -> None:
        """One change, some time after the last one."""
        self.esi.clock.move(self.dice.choice((1.0, 2.0, 61.0, 400.0)))
        kind = self.dice.choice(kinds)
        if kind == 'insert':
            self.listing.insert()
        else:
            record = self.dice.choice(self.states[-1])
            if kind == 'remove':
                self.removed.add(self.id_of(record))
                self.listing.remove(self.id_of(record))
            elif self.key:
                self.listing.edit(self.id_of(record), **edited(record))
        self.states.append(self.listing.records())

    def work(self, *kinds: str) -> None:
        for _ in range(CHANGES):
            self.change(*kinds)
            time.sleep(self.dice.choice((0.0, 0.01, 0.05, 0.15)))


def edited(record: Any) -> dict[str, Any]:
    """Another value for a field of the record."""
    for name in ('price', 'unit_price'):
        if name in record:
            return {name: record[name] + 1}
    for name in ('name', 'subject', 'title'):
        if name in record:
            return {name: record[name] + '!'}
    raise AssertionError(record)


@contextmanager
def reading(read: Callable[[EsiClient], Any]) -> Iterator[list[Any]]:
    """Eight clients that call `read` again and again while the block runs, and once more behind it. What it returns."""
    results: list[Any] = []
    problems: list[BaseException] = []
    ended = threading.Event()

    def run(number: int) -> None:
        with client(cache=None if number % 2 else DictCache(), limits=None) as mine:
            try:
                while not ended.wait(0.02):  # what is kept is read in no time: not a million times
                    results.append(read(mine))
                results.append(read(mine))
            except BaseException as error:
                problems.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield results
        clock.move(86400)  # nothing that is kept is fresh any longer
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    if problems:
        raise problems[0]


def call(esi: Sandbox, name: str, params: dict[str, Any]) -> Any:
    operation = App.create(esi.document).op[name]
    token = {'token': esi.token(CHARACTER, lifetime=10**8)} if operation.scopes else {}
    return operation(**params, **token)


@some_examples
@given(seed=st.integers(0, 10**6), server_cache=st.booleans(), threads=st.sampled_from((1, 4)))
def test_all_gives_one_of_the_states_that_were_or_raises(seed: int, server_cache: bool, threads: int) -> None:
    with Sandbox(records=70, page_size=10, server_cache=server_cache, limits=False) as esi:
        name, params, key = MARKET
        made = call(esi, name, params)
        writer = Writer(esi, name, params, key, seed)

        def read(mine: EsiClient) -> Any:
            try:
                return mine.all(made, threads=threads, max_expiry_wait=0.5)
            except SnapshotError as error:
                return error

        with reading(read) as results:
            writer.work('insert', 'remove', 'edit', 'remove', 'insert')
        whole = [found for found in results if not isinstance(found, SnapshotError)]
        assert all(found in writer.states for found in whole)
        by_date: dict[str | None, list[Any]] = {}
        assert all(by_date.setdefault(found.snapshot, found) == found for found in whole)
        assert whole.count(writer.states[-1]) >= READERS  # at last everybody has the last one


@some_examples
@given(seed=st.integers(0, 10**6), which=st.sampled_from(FROM_AN_ID), how=st.sampled_from(('all', 'records')))
def test_walks_from_an_id_give_what_existed_throughout_exactly_once(seed: int, which: Any, how: str) -> None:
    with Sandbox(records=70, page_size=10, limits=False) as esi:
        name, params, key = which
        made = call(esi, name, params)
        writer = Writer(esi, name, params, key, seed)
        before = {writer.id_of(record) for record in writer.states[0]}
        with reading(lambda mine: list(getattr(mine, how)(made))) as results:
            writer.work('insert', 'remove', 'edit')
        throughout = before - writer.removed
        assert len(throughout) > 50
        for found in results:
            times = Counter(map(writer.id_of, found))
            assert set(times.values()) == {1}
            assert throughout <= times.keys()
        last = [writer.id_of(record) for record in writer.states[-1]]
        assert [writer.id_of(record) for record in results[-1]] == last


@some_examples
@given(seed=st.integers(0, 10**6), how=st.sampled_from(('all', 'records')))
def test_cursors_give_what_existed_throughout_exactly_once(seed: int, how: str) -> None:
    with Sandbox(records=230, page_size=10, limits=False) as esi:
        name, params, key = JOBS
        made = App.create(esi.document).op[name](limit=20)
        writer = Writer(esi, name, params, key, seed)
        before = {record['id'] for record in writer.states[0]}
        with reading(lambda mine: list(getattr(mine, how)(made))) as results:
            writer.work('insert', 'remove', 'edit', 'edit')
        for found in results:
            times = Counter(record['id'] for record in found)
            assert set(times.values()) == {1}
            assert before - writer.removed <= times.keys()


@some_examples
@given(seed=st.integers(0, 10**6), limit=st.sampled_from((20, 100)))
def test_sync_comes_to_the_true_state(seed: int, limit: int) -> None:
    with Sandbox(records=130, limits=False) as esi:
        name, params, key = JOBS
        made = App.create(esi.document).op[name](limit=limit)
        writer = Writer(esi, name, params, key, seed)
        mirrors: dict[EsiClient, tuple[dict[str, Any], str | None]] = {}

        def read(mine: EsiClient) -> Any:
            mirror, cursor = mirrors.get(mine, ({}, None))
            changed, cursor = mine.sync(made, cursor)
            assert len({record['id'] for record in changed}) == len(changed)
            mirrors[mine] = {**mirror, **{record['id']: record for record in changed}}, cursor

        with reading(read):
            writer.work('insert', 'edit', 'edit')
        assert len(mirrors) == READERS
        true = {record['id']: record for record in writer.states[-1]}
        for mirror, cursor in mirrors.values():
            assert mirror == true
            assert isinstance(cursor, str)


def test_sync_says_what_it_cannot_do() -> None:
    from esipy.exceptions import CallError

    with Sandbox() as esi, client() as mine:
        jobs = App.create(esi.document).op['get_freelance_jobs']
        for made, cursor, message in (
            (call(esi, *MARKET[:2]), None, 'has no cursor but pages'),
            (jobs(), 0, 'must be the text that the last sync'),
            (jobs(), '', 'must be the text that the last sync'),
            (jobs(after='0'), None, 'after: is set by sync'),
        ):
            with pytest.raises(CallError, match=message):
                mine.sync(made, cursor)  # type: ignore[arg-type]
        assert not esi.log.entries


def test_a_cursor_is_good_for_days_and_other_programs() -> None:
    with Sandbox() as esi:
        made = App.create(esi.document).op['get_freelance_jobs']()
        listing = esi.lists.of('get_freelance_jobs')
        with client() as one:
            everything, cursor = one.sync(made)
        assert len(everything) == 430
        esi.clock.move(5 * 86400)
        record = listing.edit(listing[3]['id'], name='Another')
        new = listing.insert()
        with client() as other:
            changed, later = other.sync(made, str(cursor))
            assert changed == [record, new]
            esi.clock.move(86400)
            assert other.sync(made, later) == ([], later)
