"""Every list of the sandbox, whole: pages, walks from an id, cursors, and lists that need no walk."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy._paging import paginator
from esipy.cache import DictCache
from esipy.exceptions import CallError
from esipy.limits import MemoryLimits
from esipy.paging import WholeList
from esipy.plugins import Plugin
from esipy.sandbox import Sandbox
from tests.integration.things import client

pytestmark = pytest.mark.usefixtures('no_leaks')

CHARACTER = 90000001
MARKET = ('get_markets_region_id_orders', {'region_id': 10000002})

#: An operation for each walk, what its call needs, and the field that tells its records apart.
LISTS = {
    'pages': (*MARKET, 'order_id'),
    'cursor': ('get_freelance_jobs', {}, 'id'),
    'from_id': ('get_characters_character_id_wallet_transactions', {'character_id': CHARACTER}, 'transaction_id'),
    'last_mail_id': ('get_characters_character_id_mail', {'character_id': CHARACTER}, 'mail_id'),
    'from_event': ('get_characters_character_id_calendar', {'character_id': CHARACTER}, 'event_id'),
    'max_war_id': ('get_wars', {}, ''),
}


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def walker() -> Iterator[EsiClient]:
    with client() as made:
        yield made


def call(esi: Sandbox, name: str, **params: Any) -> Any:
    operation = App.create(esi.document).op[name]
    return operation(**params, **({'token': esi.token(CHARACTER, lifetime=10**7)} if operation.scopes else {}))


def keys(records: Any, key: str) -> list[Any]:
    return [record[key] if key else record for record in records]


@pytest.mark.parametrize('kind', LISTS)
def test_every_record_of_every_walk_once(esi: Sandbox, walker: EsiClient, kind: str) -> None:
    name, params, key = LISTS[kind]
    made = call(esi, name, **params)
    assert made[0].operation.paging == kind
    true = keys(esi.lists.of(name, **params), key)
    assert len(true) == 430

    found = walker.all(made)
    assert sorted(keys(found, key)) == sorted(true) == sorted(keys(walker.records(made), key))
    assert isinstance(found, list)
    assert (found.complete, found.pages) == (True, sum(1 for _ in walker.paginate(made)))
    assert found.last_modified is not None
    assert found.last_modified.tzinfo is UTC
    assert (found.snapshot is not None) == (kind == 'pages')
    if key:
        assert found[0][key] == getattr(found[0], key)


@pytest.mark.parametrize('kind', LISTS)
def test_a_list_with_nothing_in_it(esi: Sandbox, walker: EsiClient, kind: str) -> None:
    name, params, _ = LISTS[kind]
    esi.lists.of(name, **params).replace([])
    made = call(esi, name, **params)
    found = walker.all(made)
    assert (found, found.pages, found.complete) == ([], 1, True)
    assert list(walker.records(made)) == []
    assert [page.status for page in walker.paginate(made)] == [200]


@pytest.mark.parametrize('kind', LISTS)
def test_nothing_is_asked_while_it_is_fresh_and_little_when_it_is_not(
    esi: Sandbox, walker: EsiClient, kind: str
) -> None:
    name, params, key = LISTS[kind]
    made = call(esi, name, **params)
    first = walker.all(made)
    assert not first.not_modified
    esi.log.clear()
    again = walker.all(made)
    assert (again, again.not_modified, again.snapshot) == (first, True, first.snapshot)
    assert not esi.log.entries

    esi.clock.move(86400)
    later = walker.all(made)
    assert (later, later.not_modified) == (again, True)
    assert {entry.status for entry in esi.log.entries} == {304}

    esi.lists.of(name, **params).insert()
    esi.clock.move(86400)
    changed = walker.all(made)
    assert (len(changed), changed.not_modified) == (431, False)
    assert len(set(keys(changed, key))) == 431


def test_a_list_that_is_complete_in_one_response(esi: Sandbox, walker: EsiClient) -> None:
    made = call(esi, 'get_characters_character_id_fittings', character_id=CHARACTER)
    found = walker.all(made)
    assert (len(found), found.pages, found.complete) == (5, 1, True)
    assert found.snapshot is not None
    assert [row.fitting_id for row in walker.records(made)] == [row.fitting_id for row in found]


def test_a_client_that_never_decodes_and_gives_bare_304s_walks_all_the_same(esi: Sandbox) -> None:
    with client(raw_body_only=True, no_etag_body=True) as walker:
        made = call(esi, *MARKET[:1], **MARKET[1])  # type: ignore[arg-type]
        before = walker.all(made)
        esi.clock.move(3600)
        assert walker.all(made) == before
        assert len(before) == 430


def test_pages_come_in_their_order_and_ahead(esi: Sandbox, walker: EsiClient) -> None:
    pages = walker.paginate(call(esi, MARKET[0], **MARKET[1]), threads=3)
    assert not esi.log.entries
    first = next(pages)
    assert first.pages == 5
    second = next(pages)
    for _ in range(200):
        if len(esi.log.entries) >= 4:
            break
        threading.Event().wait(0.01)
    assert len(esi.log.entries) == 4  # two that were taken, two more under way or done
    orders = [*first.data, *second.data, *(order for page in pages for order in page.data)]
    assert [order.order_id for order in orders] == keys(esi.lists.of(MARKET[0], **MARKET[1]), 'order_id')


@pytest.mark.parametrize('kind', ['pages', 'from_id', 'cursor'])
def test_a_walk_that_is_left_early_stops(esi: Sandbox, walker: EsiClient, kind: str) -> None:
    name, params, _ = LISTS[kind]
    records = walker.records(call(esi, name, **params), threads=4)
    for _ in zip(range(150), records, strict=False):
        pass
    records.close()  # type: ignore[attr-defined]
    left = len(esi.log.entries)
    with pytest.raises(StopIteration):
        next(records)
    threading.Event().wait(0.1)
    assert len(esi.log.entries) <= left + 4 < 10
    # and `no_leaks` finds no thread


def test_progress_counts_the_pages(esi: Sandbox, walker: EsiClient) -> None:
    reported: list[Any] = []
    walker.all(call(esi, MARKET[0], **MARKET[1]), progress=lambda *counts: reported.append(counts))
    assert reported[-1] == (5, 5)
    assert [total for _, total in reported] == [5] * len(reported)
    reported.clear()
    list(walker.records(call(esi, MARKET[0], **MARKET[1]), progress=lambda *counts: reported.append(counts)))
    assert reported == [(number, 5) for number in range(1, 6)]
    reported.clear()
    walker.all(call(esi, 'get_wars'), progress=lambda *counts: reported.append(counts))
    assert reported == [(number, None) for number in range(1, 6)]
    reported.clear()
    list(walker.records(call(esi, MARKET[0], **MARKET[1]), progress=reported.append))  # type: ignore[arg-type]
    assert reported == [1, 2, 3, 4, 5]


def test_a_walk_begins_where_the_call_says(esi: Sandbox, walker: EsiClient) -> None:
    wars = list(esi.lists.of('get_wars'))
    some = walker.all(call(esi, 'get_wars', max_war_id=wars[99]))
    assert (list(some), some.complete) == (wars[100:], False)

    name, params, key = LISTS['from_id']
    true = keys(esi.lists.of(name, **params), key)
    assert keys(walker.all(call(esi, name, **params, from_id=true[99])), key) == true[99:]

    jobs = call(esi, 'get_freelance_jobs')
    newest = next(walker.paginate(jobs))
    ids = keys(newest.data.freelance_jobs, 'id')
    older = walker.all(call(esi, 'get_freelance_jobs', before=newest.data.cursor.before))
    assert (len(older), older.complete) == (330, False)
    assert not set(keys(older, 'id')) & set(ids)
    assert len(walker.all(call(esi, 'get_freelance_jobs', after='0'))) == 430


def test_pagination_by_cursor_takes_the_largest_pages_unless_the_call_has_a_limit(
    esi: Sandbox, walker: EsiClient
) -> None:
    assert walker.all(call(esi, 'get_freelance_jobs')).pages == 5
    assert walker.all(call(esi, 'get_freelance_jobs', limit=50)).pages == 9


def test_another_way_where_the_description_errs(esi: Sandbox, walker: EsiClient) -> None:
    document = copy.deepcopy(esi.document)
    path = document['paths']['/wars']['get']
    path['parameters'] = [one for one in path['parameters'] if one.get('name') != 'max_war_id']
    wars = App.create(document).op['get_wars']
    assert wars.paging is None
    assert len(walker.all(wars())) == 100
    assert len(walker.all(wars(), pagination='max_war_id')) == 430


@pytest.mark.parametrize(
    ('name', 'params', 'options', 'message'),
    [
        ('get_wars', {}, {'pagination': 'page'}, "'page' is not a kind of pagination; did you mean 'pages'?"),
        ('get_wars', {}, {'pagination': 7}, 'it must be one of pages, cursor'),
        ('post_universe_names', {'ids': [1]}, {}, 'only GET operations can be paginated, not a POST'),
        (*MARKET[:1], {**MARKET[1], 'page': 3}, {}, 'page: is counted by the pagination; leave it out'),
    ],
)
def test_what_cannot_be_paginated_is_reported_before_anything_is_sent(
    esi: Sandbox, walker: EsiClient, name: str, params: Any, options: Any, message: str
) -> None:
    made = App.create(esi.document).op[name](**params)
    for walk in (walker.all, walker.records, walker.paginate):
        with pytest.raises(CallError, match=message):
            walk(made, **options)
    assert not esi.log.entries


def test_a_mistyped_option_raises_at_once(esi: Sandbox, walker: EsiClient) -> None:
    made = call(esi, 'get_wars')
    for walk in (walker.all, walker.records, walker.paginate, walker.sync):
        with pytest.raises(TypeError, match=r"'secruity', did you mean 'security'\?"):
            walk(made, secruity=None)
    with pytest.raises(TypeError, match=r"did you mean 'threads'\?"):
        walker.all(made, thread=5)
    with pytest.raises(TypeError, match="unknown option 'threads'; there are progress"):
        walker.sync(made, threads=5)
    with pytest.raises(CallError, match='not a call'):
        walker.records(None)  # type: ignore[arg-type]


def test_page_1_of_an_old_program_is_the_whole_list(esi: Sandbox, walker: EsiClient) -> None:
    assert len(walker.all(call(esi, MARKET[0], **MARKET[1], page=1))) == 430


def test_a_whole_list_pickles_and_its_repr_shows_what_it_is(esi: Sandbox, walker: EsiClient) -> None:
    found = walker.all(call(esi, MARKET[0], **MARKET[1]))
    twin = pickle.loads(pickle.dumps(found))
    assert isinstance(twin, WholeList)
    assert (twin, twin.snapshot, twin.pages) == (found, found.snapshot, 5)
    assert repr(found) == f'<430 records of 5 pages, as of {found.snapshot}>'


def test_a_stream_does_not_fill_a_memory_cache(esi: Sandbox) -> None:

    with client(cache=DictCache()) as walker, pytest.MonkeyPatch.context() as patch:
        patch.setattr(paginator, 'MAX_STORED', 30_000)
        assert len(list(walker.records(call(esi, MARKET[0], **MARKET[1]), threads=1))) == 430
        kept = len(walker.cache._dict)  # type: ignore[attr-defined]
        assert 1 <= kept < 5
        walker.all(call(esi, MARKET[0], **MARKET[1]))
        assert len(walker.cache._dict) == 5  # type: ignore[attr-defined]


def test_pages_wait_for_the_limits_like_any_other_call() -> None:
    limits = {'market-order': {'tokens': 6, 'window': 1}}
    with Sandbox(limits=limits) as esi, client(limits=MemoryLimits()) as walker:
        assert len(walker.all(call(esi, MARKET[0], **MARKET[1]))) == 430
        assert [entry.status for entry in esi.log.entries].count(429) <= 1


def test_plugins_are_around_every_page(esi: Sandbox) -> None:
    seen: list[str] = []

    class Watching(Plugin):
        def on_call(self, call: Any) -> None:
            seen.append(dict(call.query).get('page', '1'))

    with client(plugins=[Watching()]) as walker:
        walker.all(call(esi, MARKET[0], **MARKET[1]))
    assert sorted(seen) == ['1', '2', '3', '4', '5']


def test_what_was_fetched_by_cursor_before_is_requested_again(esi: Sandbox, walker: EsiClient) -> None:
    """A record moves from a page that is not in the cache to behind one that is."""
    jobs = esi.lists.of('get_freelance_jobs')
    made = call(esi, 'get_freelance_jobs', limit=50)
    newest = walker.request(made)
    assert walker.sync(made, newest.data.cursor.after).records == []
    moved = jobs.edit(jobs[200]['id'], name='Another')
    for found in (walker.all(made), list(walker.records(made)), walker.sync(made).records):
        assert len(found) == 430
        assert moved in found
