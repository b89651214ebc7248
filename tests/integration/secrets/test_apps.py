"""Nothing secret is in what remains of caches, receivers, stores and locks of an app that fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from esipy import AFTER_TOKEN_REFRESH
from esipy.cache import BaseCache
from esipy.exceptions import (
    TokenStoreError,
)
from esipy.stores import FileTokens, MemoryTokens, RedisLock, RedisTokens, Tokens, TokenStore
from tests import databases
from tests.integration.secrets.planted import ACCESS, CLIENT, CODE, NEW_ACCESS, REFRESH, SECRETS, World, failing
from tests.integration.secrets.ways import EXEMPT, WAYS
from tests.leaks import Watch


class Telling(BaseCache):
    """A cache that raises all it was given."""

    def set(self, key: Any, value: Any, expire: int | None = 300) -> None:  # type: ignore[override]
        raise RuntimeError(key, value)

    def get(self, key: Any, default: Any = None) -> Any:
        raise RuntimeError(key)

    def invalidate(self, key: Any) -> None:
        raise RuntimeError(key)


@pytest.mark.parametrize('way', WAYS)
def test_a_cache_that_raises(way: str, world: World) -> None:
    """Its words go to the log: there must be nothing in what it is given."""
    with Watch(SECRETS, exempt=EXEMPT.get(way, ())) as watch:
        esi, call = WAYS[way](world, cache=Telling())
        with esi:
            assert esi.request(call).status == 200
        world.security(cache=Telling()).auth(CODE)
    assert any('RuntimeError' in record.getMessage() for record in watch.records)
    assert watch.leaks() == []


def tells(**received: Any) -> None:
    raise RuntimeError(f'cannot keep {received}')


def fails_over_another(**received: Any) -> None:
    try:
        json.loads(received['refresh_token'])
    except ValueError as error:
        raise RuntimeError(received['access_token'], received) from error


class OwnSignal:
    def send(self, **received: Any) -> None:
        raise RuntimeError(received)


@pytest.mark.parametrize('receiver', [tells, fails_over_another, OwnSignal()], ids=['text', 'chain', 'own'])
def test_a_receiver_that_raises(receiver: Any, world: World, watch: Watch) -> None:
    """Fails when `events._traceback_without_secrets` hides nothing."""
    own = {} if callable(receiver) else {'signal_token_updated': receiver}
    if callable(receiver):
        AFTER_TOKEN_REFRESH.add_receiver(receiver)
    with world.client(world.security(timeout=10, **own), timeout=10, deadline=30) as esi:
        assert esi.request(world.call()).status == 200
    assert any('RuntimeError' in record.getMessage() for record in watch.records)
    assert watch.leaks() == []


class TellingStore(TokenStore):
    """A store of an app's own, which raises what it was given."""

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        raise RuntimeError(ACCESS, REFRESH)

    def set(self, tokens: Tokens) -> None:
        raise RuntimeError(tuple(tokens), f'SET {tokens.refresh_token}')

    def delete(self, client_id: str, character_id: int) -> None:
        raise RuntimeError(REFRESH)

    def characters(self, client_id: str) -> list[int]:
        return []

    def lock(self, client_id: str, character_id: int) -> Any:
        raise RuntimeError(REFRESH)


def telling_lock(name: str) -> Any:
    raise RuntimeError(f'cannot lock {name}')


@pytest.mark.parametrize('options', [{'store': TellingStore()}, {'lock': telling_lock}], ids=['store', 'lock'])
def test_a_store_or_a_lock_that_raises(options: dict[str, Any], world: World, watch: Watch) -> None:
    """Fails when `ResilientStore._warn` repeats the words of an error."""
    one = world.security(**options)
    with world.client(one) as esi:
        assert esi.request(world.call()).status == 200
        one.auth(CODE)
        identity = one.identity
        one.update_token({'access_token': NEW_ACCESS, 'expires_in': -1})
        one._tokens.change(lambda state: replace(state, identity=identity))
        assert esi.request(world.call(q='2')).status == 200
    one.revoke()
    assert any('RuntimeError' in record.getMessage() for record in watch.records)
    assert watch.leaks() == []


PLANTED = Tokens(CLIENT, 90000001, REFRESH, ACCESS, 4e9, ('read',), 'A', 'o')


def test_stores_that_fail(tmp_path: Path, redis_on: databases.Server, world: World, watch: Watch) -> None:
    """What they keep, they keep; it is in no error of theirs, and in no repr."""
    file = FileTokens(tmp_path / 'tokens.json', wait=0.1)
    with redis.Redis(port=redis_on.port) as server:
        _let_stores_fail(file, server, world, watch)
    assert watch.leaks() == []


def _let_stores_fail(file: FileTokens, server: Any, world: World, watch: Watch) -> None:
    shared = RedisTokens(server, prefix='secrets')
    memory = MemoryTokens(wait=0.1)
    stores: list[TokenStore] = [file, shared, memory]
    for store in stores:
        store.set(PLANTED)
        watch.text('a repr', f'{store!r} {store.get(CLIENT, 90000001)!r} {store.get(CLIENT, 90000001)}')
        with failing(watch, (TypeError, ValueError)):
            store.set(PLANTED._replace(scopes=[REFRESH]))  # type: ignore[arg-type]
        with failing(watch, (TypeError, ValueError)):
            store.set(PLANTED._replace(expires_at=REFRESH))  # type: ignore[arg-type]
    file.path.write_bytes(file.path.read_bytes()[:-4])
    with failing(watch, TokenStoreError):
        file.get(CLIENT, 90000001)
    server.hset(f'secrets:tokens:{CLIENT}', '90000001', f'{REFRESH} {ACCESS}')
    with failing(watch, TokenStoreError):
        shared.get(CLIENT, 90000001)
    server.set('secrets:tokens:other', 'text')  # of another type: what is sent is refused, and repeated
    with failing(watch, TokenStoreError):
        shared.set(PLANTED._replace(client_id='other'))
    server.config_set('maxmemory', '1')
    try:
        with failing(watch, TokenStoreError):
            shared.set(PLANTED)
        one = world.security(store=shared, lock=RedisLock(server, prefix='secrets'))
        one.auth(CODE)
    finally:
        server.config_set('maxmemory', '0')


def test_characters_and_scopes(world: World, watch: Watch) -> None:
    store = MemoryTokens()
    store.set(PLANTED)
    one = world.security(store=store)
    with failing(watch):
        one.for_character(90000002)
    with world.client(one) as esi, failing(watch):
        store.set(PLANTED._replace(scopes=('other',)))
        esi.as_character(90000001).request(world.call())
    assert watch.leaks() == []
