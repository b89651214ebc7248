"""A crawl in this process, against the sandbox: units, rows, states, failures."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from esipy import App, EsiClient, EsiSecurity
from esipy.cache import RedisCache
from esipy.contrib.celery import FIRST, Crawl, CrawlPage, JsonLines, Parquet, Sqlite, Unit
from esipy.exceptions import CallError, ConfigError, CrawlError
from esipy.limits import MemoryLimits, RedisLimits
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens, Tokens
from tests.databases import redis_server

ORDERS = 'get_markets_region_id_orders'
REGIONS = [10000002, 10000043, 10000032]


class World:
    """A sandbox, a Redis, and a client that uses both."""

    def __init__(self, esi: Sandbox, store: redis.Redis) -> None:
        self.esi = esi
        self.redis = store
        self.app = App.create(esi.document)
        self.pages: list[CrawlPage] = []
        self.client = EsiClient(
            user_agent='tests', limits=RedisLimits(store), cache=RedisCache(store, prefix='esipy:cache:')
        )

    def crawl(self, sink: Any = None, name: str = 'market', **options: Any) -> Crawl:
        return Crawl(name, self.redis, self.client, self.app, sink or self.pages.append, **options)

    def orders(self, region: int, **more: Any) -> Any:
        return self.app.op[ORDERS](region_id=region, order_type='all', **more)


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with redis_server(tmp_path_factory.mktemp('redis')) as server, redis.Redis(port=server.port) as client:
        yield client


@pytest.fixture
def world(store: redis.Redis) -> Iterator[World]:
    store.flushall()
    with Sandbox(records=430) as esi:
        world = World(esi, store)
        yield world
        world.client.close()


def test_every_page_is_fetched_once_and_every_row_delivered_once(world: World) -> None:
    crawl = world.crawl()
    run = crawl.start(world.orders(region) for region in REGIONS)
    assert crawl.work(threads=8)
    assert len(world.pages) == len({page.key for page in world.pages}) == 15
    rows = [record for page in world.pages for record in page.records]
    assert len(rows) == len({(row['region_id'], row['order_id']) for row in rows}) == 3 * 430
    assert len(world.esi.log.entries) == 15
    progress = crawl.progress()
    assert progress.run == run
    assert (progress.state, progress.units, progress.done, progress.failed) == ('finished', 15, 15, 0)
    assert (progress.rows, progress.seconds_left, progress.running) == (1290, 0.0, 0)
    assert all(one.is_whole and one.snapshot and one.pages == 5 and one.rows == 430 for one in crawl.lists())
    assert [one.call for one in crawl.lists()] == sorted(
        f'GET /markets/{region}/orders?order_type=all' for region in REGIONS
    )


def test_a_page_that_has_not_changed_costs_one_token_in_the_next_run(world: World) -> None:
    crawl = world.crawl()
    for expected in (2, 1):
        before = world.esi.limits.counts()[0].spent if world.esi.limits.counts() else 0
        world.pages.clear()
        crawl.start([world.orders(10000002)])
        crawl.work()
        assert world.esi.limits.count('market-order').spent - before == 5 * expected
        assert sum(len(page.rows) for page in world.pages) == 430
        world.esi.clock.move(400)
    assert all(page.not_modified for page in world.pages)
    assert crawl.progress().not_modified == 5


def test_what_is_most_valuable_goes_first_and_what_a_user_waits_for_before_all(world: World) -> None:
    crawl = world.crawl()
    crawl.start([world.orders(1), Unit(world.orders(2), priority=5), Unit(world.orders(3), priority=1)])
    assert crawl.add([world.app.op['get_status']()], priority=FIRST) == 1
    assert crawl.add([world.app.op['get_status']()], priority=FIRST) == 0  # it is there already
    crawl.work(threads=1)
    order = list(dict.fromkeys(page.call.partition('?')[0] for page in world.pages))
    assert order == ['GET /status', 'GET /markets/2/orders', 'GET /markets/3/orders', 'GET /markets/1/orders']


def test_only_one_run_of_a_name_at_a_time_which_can_be_continued(world: World) -> None:
    crawl = world.crawl()
    with pytest.raises(CrawlError, match='begin with start'):
        crawl.progress()
    with pytest.raises(CrawlError, match='or was started again since; begin with start'):
        crawl.add([world.orders(1)])
    crawl.start(world.orders(region) for region in REGIONS)
    with pytest.raises(CrawlError, match=r'has not finished; work\(\) continues it'):
        world.crawl().start([world.orders(1)])
    world.crawl(name='another').start([world.orders(1)])
    stop = threading.Event()

    def stop_soon(page: CrawlPage) -> None:
        world.pages.append(page)
        if len(world.pages) == 4:
            stop.set()

    assert not world.crawl(stop_soon).work(threads=1, stop=stop)
    assert len(world.pages) == 4
    assert world.crawl().progress().state == 'running'
    assert world.crawl().progress().seconds_left is not None
    assert world.crawl().work()  # a new process would do the same
    assert len({page.key for page in world.pages}) == len(world.pages) == 15
    assert world.crawl().start([world.orders(1)], restart=True)


def test_thousands_of_units(world: World) -> None:
    crawl = world.crawl()
    crawl.start(world.orders(region) for region in range(1, 2502))
    assert crawl.progress().units == 2501
    assert crawl.add(world.orders(region) for region in range(2401, 2602)) == 100
    crawl.start([], restart=True)
    assert crawl.work()
    assert crawl.progress().state == 'finished'


def test_a_failed_unit_is_listed_and_the_others_go_on(world: World) -> None:
    world.esi.faults.add('status', operation='get_wars', status=500, n=20)
    crawl = world.crawl(max_attempts=2)
    crawl.start(
        [
            world.app.op['get_universe_types_type_id'](type_id=404),
            world.app.op['get_wars'](),
            *(world.orders(region) for region in REGIONS),
        ]
    )
    crawl.work()
    progress = crawl.progress()
    assert (progress.state, progress.done, progress.failed) == ('finished', 15, 2)
    wrong, broken = crawl.failures()
    assert (wrong.call, wrong.attempts) == ('GET /universe/types/404', 1)
    assert 'NotFoundError' in wrong.error
    assert (broken.call, broken.attempts) == ('GET /wars', 2)
    world.esi.faults.clear()
    assert crawl.retry_failed() == 2
    crawl.work()
    assert [one.call for one in crawl.failures()] == ['GET /universe/types/404']
    assert crawl.progress().done == 16


def test_an_error_of_the_sink_makes_the_unit_fail(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt is logged with its traceback, and the password of the sink's database is shown nowhere."""

    def full(page: CrawlPage) -> None:
        raise OSError('postgresql://anna:geheim@db/rows is full')

    crawl = world.crawl(full, max_attempts=2)
    crawl.start([world.app.op['get_status']()])
    crawl.work()
    assert crawl.failures()[0].error == 'OSError: postgresql://***@db/rows is full'
    first, second = (one.getMessage() for one in caplog.records if one.name == 'esipy.celery')
    assert 'could not process GET /status, because' in first
    assert 'in its sink (OSError); this was attempt 1 of 2' in first
    assert 'this was attempt 2 of 2' in second
    assert 'in full' in first
    assert 'geheim' not in caplog.text


def test_a_list_that_changes_begins_again_until_its_pages_are_of_one_state(world: World, tmp_path: Path) -> None:
    orders = world.esi.lists.of(ORDERS, region_id=10000002)
    sink = Sqlite(tmp_path / 'orders.db', 'orders')
    files = JsonLines(tmp_path / 'orders')
    seen = []

    def change_once(page: CrawlPage) -> None:
        sink(page)
        files(page)
        seen.append((page.generation, page.number))
        if page.generation == 1 and page.number == 3:
            world.esi.clock.move(400)
            orders.remove(page.rows[0]['order_id'])

    crawl = world.crawl(change_once)
    run = crawl.start([world.orders(10000002)])
    crawl.work(threads=1)
    [found] = crawl.lists()
    assert seen == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]
    assert (found.restarts, found.rows, found.is_whole, found.snapshot is not None) == (1, 429, True, True)
    assert (crawl.progress().rows, crawl.progress().units, crawl.progress().done) == (429, 5, 5)
    with closing(sqlite3.connect(tmp_path / 'orders.db')) as database:
        counts = database.execute('SELECT count(*), count(DISTINCT order_id), min(crawl_generation) FROM orders')
        assert counts.fetchone() == (429, 429, 2)
    lines = [line for file in (tmp_path / 'orders' / run).glob('*.jsonl') for line in file.read_text().splitlines()]
    assert len(lines) == len({json.loads(line)['order_id'] for line in lines}) == 429


def test_pages_that_never_agree_are_said_to_be_of_several_states(world: World) -> None:
    orders = world.esi.lists.of(ORDERS, region_id=10000002)

    def change(page: CrawlPage) -> None:
        world.pages.append(page)
        world.esi.clock.move(400)
        orders.edit(page.rows[0]['order_id'], price=1.0 + page.number)

    crawl = world.crawl(change)
    crawl.start([world.orders(10000002)])
    crawl.work(threads=1)
    [found] = crawl.lists()
    assert (found.snapshot, found.restarts, found.is_whole) == (None, 3, True)


def test_a_list_that_becomes_shorter_begins_again(world: World) -> None:
    orders = world.esi.lists.of(ORDERS, region_id=10000002)

    def shorten(page: CrawlPage) -> None:
        world.pages.append(page)
        if page.generation == 1 and page.number == 1:
            world.esi.clock.move(400)
            orders.resize(150)

    crawl = world.crawl(shorten)
    crawl.start([world.orders(10000002)])
    crawl.work(threads=1)
    [found] = crawl.lists()
    assert (found.pages, found.rows, found.is_whole, found.restarts) == (2, 150, True, 1)


@pytest.mark.parametrize(
    'headers',
    [{'Retry-After': '120'}, pytest.param({}, marks=pytest.mark.soak)],
    ids=['downtime', 'many errors'],
)
def test_a_downtime_pauses_the_crawl_and_one_probe_at_a_time_is_sent(world: World, headers: dict[str, str]) -> None:
    world.esi.faults.add('status', status=503, headers=headers)
    crawl = world.crawl(probe_every=0.5)
    crawl.start(world.orders(region) for region in range(1, 40))
    assert not crawl.work(threads=1, seconds=2.2)
    assert crawl.progress().state == 'paused'
    assert len(world.esi.log.entries) <= (6 if headers else 16)
    assert crawl.progress().failed == 0
    world.esi.faults.clear()
    assert crawl.work(threads=4)
    assert len(world.pages) == 39 * 5


def test_a_limited_unit_lets_others_go_first(world: World) -> None:
    world.esi.limits.set('market-order', tokens=30, window=2)
    world.client.request(world.orders(1, page=1))  # the client knows the rule now
    crawl = world.crawl()
    crawl.start(world.orders(region) for region in range(2, 6))
    crawl.work(threads=2)
    assert sum(len(page.rows) for page in world.pages) == 4 * 430
    assert world.esi.limits.refused == 0


def test_jitter_puts_the_beginning_off(world: World) -> None:
    crawl = world.crawl()
    crawl.start([world.orders(1)], jitter=86_400.0)
    assert crawl.progress().state == 'starting'
    assert not crawl.work(seconds=0.3)
    assert world.esi.log.entries == []


def test_lists_of_other_kinds_and_single_responses(world: World) -> None:
    token = world.esi.token(90000001)
    client = EsiClient(
        lambda request: (request._p['header'].update(Authorization=f'Bearer {token}'), request)[1],
        user_agent='tests',
        limits=RedisLimits(world.redis),
    )
    with client:
        crawl = Crawl('other', world.redis, client, world.app, world.pages.append)
        crawl.start(
            [
                world.app.op['get_characters_character_id_mail'](character_id=90000001),
                world.app.op['get_characters_character_id_wallet_transactions'](character_id=90000001),
                world.app.op['get_characters_character_id_wallet'](character_id=90000001),
                world.app.op['get_universe_types'](),
            ]
        )
        crawl.work()
    assert crawl.failures() == []
    assert {page.call: len(page.rows) for page in world.pages}['GET /characters/90000001/wallet'] == 1
    mails = [row['mail_id'] for page in world.pages if page.call.endswith('/mail') for row in page.rows]
    assert len(mails) == len(set(mails)) > 100
    types = next(page for page in world.pages if page.call == 'GET /universe/types')
    assert types.records[0] == {'value': types.rows[0]}


def test_an_operation_for_many_characters(world: World) -> None:
    tokens = MemoryTokens()
    with world.esi.redirect():
        for character in range(90000001, 90000006):
            grant = world.esi.sso.grant(character, client_id='app')
            tokens.set(Tokens('app', character, grant['refresh_token'], None, 0.0, ()))
        security = EsiSecurity('http://localhost/', 'app', 'secret', store=tokens, headers={'User-Agent': 'tests'})
        with EsiClient(security, user_agent='tests', limits=RedisLimits(world.redis)) as client:
            crawl = Crawl('assets', world.redis, client, world.app, world.pages.append)
            operation = world.app.op['get_characters_character_id_assets']
            crawl.start(
                Unit(operation(character_id=character), character=character) for character in range(90000001, 90000007)
            )
            crawl.work()
    found = {page.character for page in world.pages}
    assert found == set(range(90000001, 90000006))
    assert {row['character_id'] for page in world.pages for row in page.records} == found
    # The last one has never signed in.
    [failed] = crawl.failures()
    assert failed.call == 'GET /characters/90000006/assets as 90000006'
    assert 'UnknownCharacterError' in failed.error


@pytest.mark.parametrize(
    ('make', 'text'),
    [
        (lambda app: app.op['post_universe_names'](ids=[1]), 'takes GET operations, not a POST'),
        (lambda app: 'get_status', "takes calls of esipy's App"),
        (lambda app: app.op['get_status'], "takes calls of esipy's App"),
        (lambda app: app.op['get_characters_character_id_wallet'](character_id=1, token='x'), 'stores no secrets'),
        (lambda app: Unit(app.op['get_status'](), priority=10**9), 'must be an integer up to 1000000'),
        (lambda app: Unit(app.op['get_status'](), priority=0.5), 'must be an integer up to 1000000'),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_unit(world: World, make: Any, text: str) -> None:
    with pytest.raises(CallError, match=text):
        world.crawl().start([make(world.app)])


@pytest.mark.parametrize('name', ['', 'a{b}', 'a:b', 'a\nb'])
def test_the_name_of_a_crawl(world: World, name: str) -> None:
    with pytest.raises(ValueError, match='not a name for a crawl'):
        world.crawl(name=name)


def test_no_token_is_in_redis(world: World) -> None:
    world.crawl().start([world.orders(1)])
    keys: Any = world.redis.keys('esipy:crawl:*')
    assert keys
    assert not [key for key in keys if b'earer' in (world.redis.dump(key) or b'')]


def test_limits_that_other_processes_do_not_share_are_an_error(world: World) -> None:
    world.client.limits = MemoryLimits()
    crawl = world.crawl(lease=0.2)
    crawl.start([world.orders(1)], jitter=86_400.0)
    world.redis.zadd('esipy:crawl:{market}:workers', {'another:1': 4e15})
    with pytest.raises(ConfigError, match='memory of one; use EsiClient'):
        crawl.work(seconds=20)


@pytest.mark.parametrize('make', [JsonLines, Parquet, lambda path: Sqlite(path, 'rows')])
def test_a_sink_holds_a_page_once(world: World, tmp_path: Path, make: Any) -> None:
    sink = make(tmp_path / 'rows')

    def twice(page: CrawlPage) -> None:
        world.pages.append(page)
        sink(page)
        sink(page)

    crawl = world.crawl(twice)
    run = crawl.start(
        [*(world.orders(region) for region in REGIONS), world.app.op['get_status'](), world.app.op['get_wars']()]
    )
    crawl.work()
    expected = sum(len(page.rows) for page in world.pages)
    if isinstance(sink, JsonLines):
        rows = [line for file in (tmp_path / 'rows' / run).iterdir() for line in file.read_text().splitlines()]
        assert len(rows) == expected
    elif isinstance(sink, Parquet):
        import pyarrow.parquet

        tables = [pyarrow.parquet.read_table(file) for file in (tmp_path / 'rows' / run).iterdir()]
        assert sum(table.num_rows for table in tables) == expected
        assert {str(table.schema.field('order_id').type) for table in tables if 'order_id' in table.column_names} == {
            'int64'
        }
    else:
        with closing(sqlite3.connect(tmp_path / 'rows')) as database:
            assert database.execute('SELECT count(*) FROM rows').fetchone() == (expected,)
            query = 'SELECT count(DISTINCT region_id), count(DISTINCT crawl_call) FROM rows'
            assert database.execute(query).fetchone() == (3, 5)


def test_a_unit_of_a_killed_process_is_taken_over(world: World) -> None:
    """The other process takes a unit and is gone: its lease ends."""
    crawl = world.crawl(lease=1.0)
    crawl.start([world.orders(1)])
    given = {'owner': 'gone', 'process': 'gone', 'lease': 1_000_000, 'probe_every': 1}
    taken = crawl._ledger.run('take', given)
    assert taken['unit']['page'] == 1
    assert crawl.work()
    assert crawl.progress().taken_over == 1
    assert sum(len(page.rows) for page in world.pages) == 430
    # It was only slow, and comes back: its unit is not its own any more.
    late = {'unit': taken['unit'], 'owner': 'gone', 'lease': 1, 'state': '', 'pages': 1, 'max_restarts': 1}
    assert crawl._ledger.run('arrived', late) == 'lost'
    assert crawl._ledger.run('done', {**late, 'rows': 1, 'not_modified': False}) is False
    assert crawl.progress().done == 5
