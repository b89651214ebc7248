"""Somebody who can write to the Redis of a crawl changes its records: nothing is sent but what was asked for, nothing
of one character is delivered under the name of another, and the other units go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery import Celery

from esipy.contrib.celery import Unit
from esipy.contrib.celery._messages import TaskMessage
from esipy.contrib.celery._redis import connections
from esipy.exceptions import CrawlError
from esipy.stores import MemoryTokens
from tests.celery.test_crawl import World, store, world
from tests.contract.unending import in_time
from tests.integration.signed import ONE, TWO, security, signed_in

__all__ = ['store', 'world']

KEYS = 'esipy:crawl:{market}:'
UNIT = f'GET /characters/{ONE}/wallet as {ONE} 1 1'


def _wallet(world: World, edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Edit the record of the unit: its fields, and those of its call."""
    unit = json.loads(_text(world.redis.hget(KEYS + 'units', UNIT)))
    call = json.loads(unit['call'])
    edit(unit, call)
    if unit.get('call') is not None:
        unit['call'] = json.dumps(call)
    world.redis.hset(KEYS + 'units', UNIT, json.dumps(unit))


def _text(found: Any) -> str:
    assert isinstance(found, bytes)
    return found.decode()


#: What is planted, and what the failure says.
PLANTED: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    'another character': (lambda unit, call: call.update(character=TWO), 'it is another call'),
    'another wallet': (
        lambda unit, call: (call.update(character=TWO), call['parts'].update(path={'character_id': str(TWO)})),
        'it is another call',
    ),
    'a path to elsewhere': (
        lambda unit, call: call['parts'].update(path={'character_id': '../../status'}),
        'it is another call',
    ),
    'a write': (lambda unit, call: call.update(operation='post_ui_autopilot_waypoint'), 'a crawl only reads'),
    'a header with a token': (
        lambda unit, call: call['parts'].update(header={'Authorization': 'Bearer x'}),
        'stores no secrets',
    ),
    'more parts': (lambda unit, call: call['parts'].update(body={'x': 1}), 'it is another call'),
    'no parts': (lambda unit, call: call.update(parts=None), 'the stored unit cannot be used (TypeError)'),
    'a character that is a text': (lambda unit, call: call.update(character=str(ONE)), 'it is another call'),
    'an unknown operation': (lambda unit, call: call.update(operation='nope'), 'no operation of that name'),
    'no call': (lambda unit, call: unit.pop('call'), 'somebody has changed this unit'),
    'no attempts': (lambda unit, call: unit.pop('attempts'), 'somebody has changed this unit'),
    'another name': (lambda unit, call: unit.update(list='another'), 'somebody has changed this unit'),
    'another id': (lambda unit, call: unit.update(id='another 1 1'), 'somebody has changed this unit'),
    'a huge page': (lambda unit, call: unit.update(page=10**9), 'somebody has changed this unit'),
    'a page that is a text': (lambda unit, call: unit.update(page='1'), 'somebody has changed this unit'),
}


@pytest.fixture
def signed(world: World) -> World:
    tokens = MemoryTokens()
    for character in (ONE, TWO):
        signed_in(tokens, world.esi, character, left=1000)
    world.client.security = security(world.esi, store=tokens)
    return world


@pytest.mark.parametrize('planted', PLANTED)
def test_a_unit_that_was_changed_fails(planted: str, signed: World) -> None:
    edit, text = PLANTED[planted]
    crawl = signed.crawl()
    wallet = signed.app.op['get_characters_character_id_wallet']
    crawl.start([Unit(wallet(character_id=ONE), character=ONE), signed.app.op['get_status']()])
    _wallet(signed, edit)
    assert in_time(lambda: crawl.work(1)) is True
    (failure,) = crawl.failures()
    assert text in failure.error
    assert [page.call for page in signed.pages] == ['GET /status']
    assert (crawl.progress().done, crawl.progress().failed) == (1, 1)
    assert in_time(lambda: crawl.retry_failed()) in (0, 1)
    assert in_time(lambda: crawl.work(1)) is True


@pytest.mark.parametrize('text', ['x', '[]', 'null', '"a"', '[' * 5000, ''])
@pytest.mark.parametrize('field', ['units', 'lists'])
def test_what_is_not_a_record_stops_no_other(field: str, text: str, signed: World) -> None:
    crawl = signed.crawl()
    crawl.start([signed.app.op['get_wars'](), signed.app.op['get_status']()])
    name = 'GET /wars' if field == 'lists' else 'GET /wars 1 1'
    signed.redis.hset(KEYS + field, name, text)
    assert in_time(lambda: crawl.work(1)) is True
    assert 'GET /status' in [page.call for page in signed.pages]


def _of_another_kind(field: str) -> Callable[[redis.Redis], object]:
    return lambda client: (client.delete(KEYS + field), client.set(KEYS + field, 'x'))


@pytest.mark.parametrize('field', ['state', 'units', 'ready', 'leased', 'owners'])
def test_a_key_of_another_kind_is_an_error_at_once(field: str, signed: World) -> None:
    """Without it the worker asked again and again, as if Redis were starting."""
    crawl = signed.crawl()
    crawl.start([signed.app.op['get_status']()])
    _of_another_kind(field)(signed.redis)
    found = in_time(lambda: crawl.work(1))
    assert isinstance(found, CrawlError)
    assert 'begin again with start' in str(found)


def test_a_lease_without_an_end_ends(signed: World) -> None:
    crawl = signed.crawl(lease=0.3)
    crawl.start([signed.app.op['get_status']()])
    signed.redis.zrem(KEYS + 'ready', 'GET /status 1 1')
    signed.redis.zadd(KEYS + 'leased', {'GET /status 1 1': 1e18})
    assert in_time(lambda: crawl.work(1)) is True
    assert crawl.progress().done == 1


#: What is planted among the tasks that wait: under which key, and how.
AMONG_TASKS: dict[str, Callable[[redis.Redis, str], object]] = {
    'a message without a queue': lambda client, start: (
        client.hset(start + 'messages', 'planted', 'no line feed'),
        client.zadd(start + 'due', {'planted': 1}),
    ),
    'an empty message': lambda client, start: (
        client.hset(start + 'messages', 'planted', ''),
        client.zadd(start + 'due', {'planted': 1}),
    ),
    'a queue that is no list': lambda client, start: (
        client.set('text', 'x'),
        client.hset(start + 'messages', 'planted', 'text\nx'),
        client.zadd(start + 'due', {'planted': 1}),
    ),
    'a run without a message': lambda client, start: client.zadd(start + 'due', {'planted': 1}),
    'a server with a broken state': lambda client, start: client.hset(start + 'down', 'server', 'x'),
}


@pytest.mark.parametrize('planted', AMONG_TASKS)
def test_what_is_planted_among_the_tasks_that_wait_stops_no_other(planted: str, store: redis.Redis) -> None:
    store.flushall()
    port = store.connection_pool.connection_kwargs['port']
    app = Celery('tests', broker=f'redis://127.0.0.1:{port}/0')
    tasks = connections(app)
    AMONG_TASKS[planted](store, 'esipy:tasks:')
    assert tasks.add(TaskMessage('a:0', 'queue', 'the message', 1, False), 0)
    assert tasks.release(0, 100)[0] >= 1
    assert store.lrange('queue', 0, -1) == [b'the message']
    assert tasks.release(0, 100)[0] == 0
    app.close()
