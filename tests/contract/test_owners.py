"""A character never sees another one's answer, in any store, whatever becomes of tokens; all share public ones."""

import random
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import memcache
import pymemcache
import pytest
import redis

from esipy import App, EsiClient, EsiSecurity
from esipy._cache.envelope import seal
from esipy._cache.keys import _hash
from esipy.cache import BaseCache, DictCache, FileCache, MemcachedCache, RedisCache
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.databases import Server
from tests.integration.signed import security as signing
from tests.integration.signed import signed_in

CHARACTERS = (90000001, 90000002, 90000003)


@pytest.fixture(scope='module')
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:  # one user asking for another's answer costs five tokens
        yield sandbox


@pytest.fixture(params=['dict', 'file', 'redis', 'memcached', 'pymemcache'])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCache]:
    if request.param == 'dict':
        yield DictCache()
    elif request.param == 'file':
        kept = FileCache(tmp_path / 'cache')
        yield kept
        kept.close()
    else:
        server: Server = request.getfixturevalue('redis_on' if request.param == 'redis' else 'memcached_on')
        if request.param == 'redis':
            with redis.Redis(port=server.port) as client:
                yield RedisCache(client)
        elif request.param == 'pymemcache':
            pooled = pymemcache.PooledClient(('127.0.0.1', server.port))
            yield MemcachedCache(pooled)
            pooled.close()
        else:
            own = memcache.Client([f'127.0.0.1:{server.port}'])
            yield MemcachedCache(own)
            own.disconnect_all()


def security(esi: Sandbox, character: int) -> EsiSecurity:
    made = EsiSecurity(
        'http://localhost/',
        'id',
        'secret',
        headers={'User-Agent': 'test/1.0'},
        sso_endpoints={'token_endpoint': esi.url},
    )
    made.update_token({'access_token': esi.token(character), 'expires_in': 1200})
    return made


def by_security(esi: Sandbox, app: App, client: EsiClient, character: int, of: int) -> Any:
    call = app.op['get_characters_character_id_wallet'](character_id=of)
    return client.request(call, security=security(esi, character))


def by_argument(esi: Sandbox, app: App, client: EsiClient, character: int, of: int) -> Any:
    return client.request(app.op['get_characters_character_id_wallet'](character_id=of, token=esi.token(character)))


def by_own_function(esi: Sandbox, app: App, client: EsiClient, character: int, of: int) -> Any:
    def sign(request: Any) -> Any:
        request._p['header']['Authorization'] = f'Bearer {esi.token(character)}'
        return request

    return client.request(app.op['get_characters_character_id_wallet'](character_id=of), security=sign)


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')  # python-memcached's sockets
@pytest.mark.parametrize('seed', range(3))
def test_nobody_sees_the_response_of_another(cache: BaseCache, esi: Sandbox, seed: int) -> None:
    app = App.create(esi.document)
    shared = EsiClient(cache=cache, user_agent='test/1.0', limits=None)

    def work(number: int) -> list[tuple[int, int, int]]:
        dice = random.Random(f'{seed} {number}')
        wrong = []
        for _ in range(20):
            character, of = dice.choice(CHARACTERS), dice.choice(CHARACTERS)
            response = dice.choice([by_security, by_argument, by_own_function])(esi, app, shared, character, of)
            if response.status != (200 if character == of else 403):
                wrong.append((character, of, response.status))
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert [wrong for wrongs in pool.map(work, range(8)) for wrong in wrongs] == []
    shared.close()


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_one_security_object_for_many_users_between_threads(cache: BaseCache, esi: Sandbox) -> None:
    """An app hands out one object and gives it a token before each call; another thread may be faster."""
    app = App.create(esi.document)
    one = security(esi, CHARACTERS[0])
    tokens = {character: esi.token(character) for character in CHARACTERS}
    client = EsiClient(one, cache=cache, user_agent='test/1.0', limits=None)

    def work(number: int) -> None:
        character = CHARACTERS[number % 3]
        one.update_token({'access_token': tokens[character], 'expires_in': 1200})
        client.request(app.op['get_characters_character_id_wallet'](character_id=character))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    # Whatever was filed meanwhile: under each character's own token there is nothing but its own answer.
    for character, token in tokens.items():
        for of in CHARACTERS:
            call = app.op['get_characters_character_id_wallet'](character_id=of, token=token)
            assert client.request(call).status == (200 if character == of else 403)
    client.close()


def test_public_responses_are_shared(cache: BaseCache, esi: Sandbox) -> None:
    app = App.create(esi.document)
    call = app.op['get_markets_region_id_history'](region_id=10000007, type_id=35)
    with EsiClient(security(esi, CHARACTERS[0]), cache=cache, user_agent='test/1.0') as first:
        first.request(call)
    with EsiClient(security(esi, CHARACTERS[1]), cache=cache, user_agent='test/1.0') as second:
        assert second.request(call).from_cache
    with EsiClient(cache=cache, user_agent='test/1.0') as third:
        assert third.request(call).from_cache


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_private_response_survives_a_refresh_and_a_restart(cache: BaseCache, esi: Sandbox) -> None:
    """It is filed under the character. (Under the token, as with `return owner_of(...)` alone in `_owner_of_token`,
    it is lost with the token.)"""
    character = CHARACTERS[2] + secrets.randbelow(10**6)  # memcached cannot be emptied at once
    store = MemoryTokens()
    signed_in(store, esi, character, left=1200)
    call = App.create(esi.document).op['get_characters_character_id_wallet'](character_id=character)
    for restart in range(2):
        with EsiClient(signing(esi, store=store), cache=cache, user_agent='test/1.0') as client:
            one = client.as_character(character)
            assert one.request(call, raise_on_error=True).from_cache == (restart > 0)
            token = one.security.access_token
            one.security.refresh()
            assert one.security.access_token != token
            assert one.request(call, raise_on_error=True).from_cache
    # And its new owner does not find it.
    esi.sso.sell(character)
    signed_in(store, esi, character, left=1200)
    with EsiClient(signing(esi, store=store), cache=cache, user_agent='test/1.0') as client:
        assert not client.as_character(character).request(call, raise_on_error=True).from_cache


def _kept(cache: BaseCache, name: str) -> bytes:
    """The bytes of an entry as the store has them, past esipy."""
    if isinstance(cache, FileCache):
        entry: Any = cache._cache[name]
    else:
        assert isinstance(cache, (RedisCache, MemcachedCache))
        entry = (cache._r if isinstance(cache, RedisCache) else cache._mc).get(name)
    assert isinstance(entry, bytes)
    return entry


def _plant(cache: BaseCache, name: str, entry: bytes) -> None:
    if isinstance(cache, RedisCache):
        cache._r.set(name, entry)
    elif isinstance(cache, FileCache):
        cache._cache[name] = entry
    else:
        assert isinstance(cache, MemcachedCache)
        assert cache._mc.set(name, entry)


class _Noting(BaseCache):
    """Notes under which keys responses are stored."""

    def __init__(self, cache: BaseCache) -> None:
        self.cache = cache
        self.keys: dict[str, Any] = {}

    def set(self, key: Any, value: Any, expire: float | None = 300) -> None:
        self.keys[_hash(key)] = key
        self.cache.set(key, value, expire)

    def get(self, key: Any, default: Any = None) -> Any:
        return self.cache.get(key, default)

    def invalidate(self, key: Any) -> None:
        self.cache.invalidate(key)


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.parametrize('secret', [None, 'a secret'], ids=['', 'sealed'])
def test_an_entry_that_is_copied_to_anothers_key_is_not_shown(
    cache: BaseCache, esi: Sandbox, secret: str | None
) -> None:
    """Somebody who can write to the store gives one character what belongs to another."""
    if isinstance(cache, DictCache):
        pytest.skip('the memory of a process is nobody else')
    cache._secret = secret.encode() if secret else None  # type: ignore[attr-defined]
    noting = _Noting(cache)
    app = App.create(esi.document)
    with EsiClient(cache=noting, user_agent='test/1.0', limits=None) as client:
        owners = {character: security(esi, character) for character in CHARACTERS}
        call = app.op['get_characters_character_id_wallet']

        def ask(character: int) -> Any:
            return client.request(call(character_id=character), security=owners[character])

        first = {character: ask(character).data for character in CHARACTERS}
        assert [ask(character).from_cache for character in CHARACTERS] == [True] * 3
        names = list(noting.keys)
        assert len(names) == 3
        entries = [_kept(cache, name) for name in names]
        for name, other in zip(names, entries[1:] + entries[:1], strict=True):
            _plant(cache, name, other)
        for character in CHARACTERS:
            response = ask(character)
            assert not response.from_cache
            assert response.data == first[character]


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_forged_entry_is_not_shown_where_there_is_a_secret(cache: BaseCache, esi: Sandbox) -> None:
    """Somebody who can write to the store, and knows how entries are made, makes one for a character's key."""
    if isinstance(cache, DictCache):
        pytest.skip('the memory of a process is nobody else')
    cache._secret = b'a secret'  # type: ignore[attr-defined]
    noting = _Noting(cache)
    with EsiClient(cache=noting, user_agent='test/1.0', limits=None) as client:
        owner = security(esi, CHARACTERS[0])
        call = App.create(esi.document).op['get_characters_character_id_wallet'](character_id=CHARACTERS[0])
        before = client.request(call, security=owner).data
        ((name, key),) = noting.keys.items()
        forged = cache.get(key)._replace(content=b'1e12')
        for secret in (None, b'another secret'):
            entry = seal(name, forged, secret)
            _plant(cache, name, b'-' + entry if isinstance(cache, MemcachedCache) else entry)
            response = client.request(call, security=owner)
            assert (response.from_cache, response.data) == (False, before)


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.parametrize('secret', [None, 'a secret'], ids=['', 'sealed'])
def test_an_older_entry_that_is_put_back(cache: BaseCache, esi: Sandbox, secret: str | None) -> None:
    """It is as old as it was, so that the server is asked. With its dates edited it passes for a fresh one where there
    is no secret, as `docs/caching.md` says, and is a miss where there is one."""
    if isinstance(cache, DictCache):
        pytest.skip('the memory of a process is nobody else')
    cache._secret = secret.encode() if secret else None  # type: ignore[attr-defined]
    noting = _Noting(cache)
    with Sandbox(limits=False) as own, EsiClient(cache=noting, user_agent='test/1.0', limits=None) as client:
        call = App.create(own.document).op['get_status']()
        client.request(call)
        ((name, key),) = noting.keys.items()
        old, entry = cache.get(key), _kept(cache, name)
        own.clock.move(7200)
        client.request(call)
        now = cache.get(key)
        _plant(cache, name, entry)
        assert not client.request(call).from_cache
        edited = seal(name, old._replace(headers=now.headers, content=b'{"players": -1}'), None)
        _plant(cache, name, b'-' + edited if isinstance(cache, MemcachedCache) else edited)
        assert client.request(call).from_cache == (secret is None)
