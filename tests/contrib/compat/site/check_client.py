"""`esipy.contrib.django.client()`: made from the settings, on Django's caches, with a token for each call."""

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from esipy._limits.memory import SHARED
from esipy.contrib.django import DjangoCache, client
from esipy.contrib.django.redis_connection import redis_of
from esipy.exceptions import CallError, MissingScopeError
from esipy.limits import RedisLimits
from esipy.sandbox import Sandbox
from tests.contrib.compat.site.conftest import LOCMEM, Token

REDIS = 'django.core.cache.backends.redis.RedisCache'
BACKENDS = ['locmem', 'redis', 'django_redis', 'memcached', 'files', 'database']


def cache_settings(kind: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    if kind == 'locmem':
        return dict(LOCMEM)
    if kind in ('redis', 'django_redis'):
        backend = REDIS if kind == 'redis' else 'django_redis.cache.RedisCache'
        return {'BACKEND': backend, 'LOCATION': request.getfixturevalue('redis_url'), 'KEY_PREFIX': 'site'}
    if kind == 'memcached':
        location = request.getfixturevalue('memcached')
        return {'BACKEND': 'django.core.cache.backends.memcached.PyMemcacheCache', 'LOCATION': location}
    if kind == 'files':
        path = str(request.getfixturevalue('tmp_path'))
        return {'BACKEND': 'django.core.cache.backends.filebased.FileBasedCache', 'LOCATION': path}
    return {'BACKEND': 'django.core.cache.backends.db.DatabaseCache', 'LOCATION': 'responses'}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The site with `CACHES['default']` of each kind in turn."""
    with override_settings(CACHES={'default': cache_settings(request.param, request)}):
        if request.param == 'database':
            from django.core.management import call_command

            call_command('createcachetable', verbosity=0)
        yield request.param
        caches['default'].clear()


def test_a_response_is_stored_in_every_kind_of_cache(backend: str, esi_sandbox: Sandbox) -> None:
    site = client()
    first = site.request(site.app.op['get_status']())
    again = site.request(site.app.op['get_status']())
    assert not first.from_cache
    assert again.from_cache
    assert again.data == first.data
    assert len(esi_sandbox.log.calls('get_status')) == 1


def test_another_process_finds_it(redis_url: str, esi_sandbox: Sandbox) -> None:
    with override_settings(CACHES={'default': {'BACKEND': REDIS, 'LOCATION': redis_url}}, ESI_API_URL=esi_sandbox.url):
        client().request(client().app.op['get_status']())
        program = (
            'from django.conf import settings\n'
            f'settings.configure(CACHES={{"default": {{"BACKEND": {REDIS!r}, "LOCATION": {redis_url!r}}}}}, '
            f'ESI_API_URL={esi_sandbox.url!r}, ESI_USER_AGENT="Tests/1.0")\n'
            'from esipy.contrib.django import client\n'
            'print(client().request(client().app.op["get_status"]()).from_cache)\n'
        )
        done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == 'True', done.stderr


def test_what_is_stored_is_bytes(esi_sandbox: Sandbox) -> None:
    client().request(client().app.op['get_status']())
    stored = [pickle.loads(value) for value in caches['default']._cache.values()]
    assert stored
    assert {type(value) for value in stored} == {bytes}


@pytest.mark.parametrize('planted', [{'a': 1}, 'text', 3, b'no envelope', ('tuple',)], ids=repr)
def test_what_somebody_else_stored_is_a_miss(planted: Any) -> None:
    from esipy.cache import _hash

    cache = DjangoCache()
    caches['default'].set(_hash('name'), planted)
    assert cache.get('name', 'miss') == 'miss'


def test_the_methods_of_a_cache(backend: str) -> None:
    cache = DjangoCache()
    cache.set('name', {'a': [1, (2, b'3')]}, 60)
    assert cache.get('name') == {'a': [1, (2, b'3')]}
    cache.invalidate('name')
    assert cache.get('name') is None
    cache.set('for ever', 1, None)
    assert cache.get('for ever') == 1
    assert [cache.acquire('claim', 60), cache.acquire('claim', 60)] == [True, False]


# ------------------------------------------------------------------ settings

SETTINGS = [
    ({'ESI_SERVER_ERROR_MAX_RETRIES': 0}, 'retry_requests', False),
    ({'ESI_SERVER_ERROR_MAX_RETRIES': 2}, 'retries', 3),
    ({'ESI_REQUESTS_CONNECT_TIMEOUT': 2, 'ESI_REQUESTS_READ_TIMEOUT': 3.5}, 'timeout', (2.0, 3.5)),
    ({'ESI_CONNECTION_POOL_MAX_CONNECTIONS': 7}, 'pool_size', 7),
    ({'ESI_MAX_WAIT': 60}, 'max_wait', 60.0),
    ({'ESI_REMEMBER_REFUSALS': True}, 'remember_refusals', True),
]


@pytest.mark.parametrize(('changed', 'option', 'value'), SETTINGS)
def test_a_setting_is_read_when_it_is_used(changed: dict[str, Any], option: str, value: Any) -> None:
    before = client()
    assert getattr(before, option) != value
    with override_settings(**changed):
        assert getattr(client(), option) == value
    assert getattr(client(), option) == getattr(before, option)


def test_one_client_until_a_setting_changes() -> None:
    assert client() is client()
    with override_settings(ESI_USER_CONTACT_EMAIL='other@example.com'):
        assert client().headers['User-Agent'].startswith('Tests/1.0 (other@example.com) esipy/')
    made = client(max_wait=1.0, user_agent='Own/1')
    assert made is not client()
    assert (made.max_wait, made.headers['User-Agent'], made.retries) == (1.0, 'Own/1', 4)
    made.close()


@pytest.mark.parametrize('value', ['3', -1, None], ids=repr)
def test_a_setting_that_makes_no_sense(value: Any) -> None:
    with (
        override_settings(ESI_SERVER_ERROR_MAX_RETRIES=value),
        pytest.raises(ImproperlyConfigured, match='MAX_RETRIES'),
    ):
        client()


def test_an_alias_that_is_not_there() -> None:
    with override_settings(ESI_CACHE_ALIAS='esi'), pytest.raises(ImproperlyConfigured, match="'esi'"):
        client()


def test_no_response_is_stored(esi_sandbox: Sandbox) -> None:
    with override_settings(ESI_CACHE_RESPONSE=False):
        site = client()
        for _ in range(2):
            assert not site.request(site.app.op['get_status']()).from_cache


def test_the_address_of_the_api() -> None:
    with Sandbox() as esi, override_settings(ESI_API_URL=f'{esi.url}/'):
        site = client()
        assert site.request(site.app.op['get_status']()).status == 200
        assert len(esi.log.calls('get_status')) == 1


def test_threads_get_the_same_client() -> None:
    with override_settings(ESI_MAX_WAIT=11):
        found: list[Any] = []
        start = threading.Barrier(8)

        def get() -> None:
            start.wait()
            found.append(client())

        threads = [threading.Thread(target=get) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(one) for one in found}) == 1


# ------------------------------------------------------------------ rate limits


@pytest.mark.parametrize('kind', ['redis', 'django_redis'])
def test_limits_are_shared_through_the_redis_of_the_cache(
    kind: str, request: pytest.FixtureRequest, redis_url: str, esi_sandbox: Sandbox
) -> None:
    with override_settings(CACHES={'default': cache_settings(kind, request)}):
        site = client()
        assert isinstance(site.limits, RedisLimits)
        site.request(site.app.op['get_status']())
        assert redis_of('default').keys('esipy:limits:*')
        redis_of('default').flushdb()


def test_limits_without_redis() -> None:
    assert client().limits is SHARED


def test_a_redis_for_the_limits_alone(redis_url: str) -> None:
    with override_settings(ESI_REDIS_URL=redis_url):
        assert isinstance(client().limits, RedisLimits)


def test_servers_and_options_of_djangos_redis(redis_url: str) -> None:
    configuration = {
        'BACKEND': REDIS,
        'LOCATION': [redis_url, 'redis://127.0.0.1:1/0'],
        'OPTIONS': {'socket_timeout': 3, 'pool_class': 'redis.BlockingConnectionPool'},
    }
    for location in (configuration['LOCATION'], f'{redis_url};redis://127.0.0.1:1/0'):
        with override_settings(CACHES={'default': {**configuration, 'LOCATION': location}}):
            found = redis_of('default')
            assert found.ping()
            assert type(found.connection_pool).__name__ == 'BlockingConnectionPool'
            assert found.connection_pool.connection_kwargs['socket_timeout'] == 3


# ------------------------------------------------------------------ tokens


def test_each_call_with_its_own_token(esi_sandbox: Sandbox) -> None:
    site = client()
    wallet = site.app.op['get_characters_character_id_wallet']
    for character_id in (90000001, 90000002):
        token = Token(esi_sandbox.token(character_id), character_id)
        assert site.request(wallet(character_id=character_id), token=token).status == 200
    seen = [entry.character_id for entry in esi_sandbox.log.calls('get_characters_character_id_wallet')]
    assert seen == [90000001, 90000002]


def test_one_address_and_two_directors(esi_sandbox: Sandbox) -> None:
    """The response of one is never given to the other."""
    site = client()
    call = site.app.op['get_corporations_corporation_id_wallets'](corporation_id=98000001)
    directors = [Token(esi_sandbox.token(number), number) for number in (90000001, 90000002)]
    for director in directors:
        assert not site.request(call, token=director).from_cache
    for director in directors:
        assert site.request(call, token=director).from_cache


def test_a_refreshed_token_finds_what_is_stored(esi_sandbox: Sandbox) -> None:
    site = client()
    call = site.app.op['get_characters_character_id_wallet'](character_id=90000001)
    site.request(call, token=Token(esi_sandbox.token(90000001)))
    later = Token(esi_sandbox.token(90000001, lifetime=600))
    assert site.request(call, token=later).from_cache
    assert later.signed == 0
    sold = copy.copy(later)
    sold.character_owner_hash = 'another owner'
    assert not site.request(call, token=sold).from_cache


def test_many_calls_in_threads(esi_sandbox: Sandbox) -> None:
    site = client()
    token = Token(esi_sandbox.token(90000001))
    assets = site.app.op['get_characters_character_id_assets']
    assert site.all(assets(character_id=90000001), token=token)
    pairs = site.multi_request([assets(character_id=90000001, page=page) for page in (1, 2)], token=token)
    assert [response.status for _, response in pairs] == [200, 200]


def test_a_public_call_with_a_token_is_public(esi_sandbox: Sandbox) -> None:
    site = client()
    token = Token('never sent')
    assert site.request(site.app.op['get_status'](), token=token).ok
    assert token.signed == 0
    assert site.request(site.app.op['get_status']()).from_cache


def test_a_scope_that_the_token_lacks(esi_sandbox: Sandbox) -> None:
    site = client()
    call = site.app.op['get_characters_character_id_wallet'](character_id=90000001)
    token = Token(esi_sandbox.token(90000001), scopes=['esi-assets.read_assets.v1'])
    with pytest.raises(MissingScopeError, match='read_character_wallet'):
        site.request(call, token=token)
    assert esi_sandbox.log.calls('get_characters_character_id_wallet') == []


@pytest.mark.parametrize('token', [3, object(), {'access_token': 'secret'}], ids=['number', 'object', 'dict'])
def test_what_is_not_a_token(token: Any) -> None:
    with pytest.raises(CallError, match='token: must be a Token') as caught:
        client().request(client().app.op['get_status'](), token=token)
    assert 'secret' not in str(caught.value)


def test_the_text_of_an_access_token(esi_sandbox: Sandbox) -> None:
    site = client()
    call = site.app.op['get_characters_character_id_wallet'](character_id=90000001)
    assert site.request(call, token=esi_sandbox.token(90000001)).status == 200


class Refreshing(Token):
    """Its refresh gives a token that is good."""

    def __init__(self, access_token: str, good: str) -> None:
        super().__init__(access_token)
        self.good, self.can_refresh, self.refreshed = good, True, 0

    def refresh(self) -> None:
        self.refreshed += 1
        self.access_token = self.good


def test_a_rejected_token_is_refreshed_once(esi_sandbox: Sandbox) -> None:
    site = client()
    rejected = esi_sandbox.token(90000001)
    esi_sandbox.revoke(rejected)
    token = Refreshing(rejected, esi_sandbox.token(90000001))
    call = site.app.op['get_characters_character_id_wallet'](character_id=90000001)
    assert site.request(call, token=token).status == 200
    assert token.refreshed == 1
