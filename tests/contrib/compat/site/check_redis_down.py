"""The Redis behind the cache of the site was there, and is stopped: calls go on."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import CommandError, call_command
from django.test import override_settings

from esipy.contrib.django import client, decorators
from esipy.contrib.django.compat.exceptions import ESIBucketLimitException
from esipy.contrib.django.compat.openapi_clients import ESIClientProvider
from esipy.contrib.django.compat.rate_limiting import ESIRateLimitBucket
from esipy.sandbox import Sandbox
from tests import databases

BACKENDS = ['django.core.cache.backends.redis.RedisCache', 'django_redis.cache.RedisCache']


@pytest.fixture(params=BACKENDS)
def stopped(request: pytest.FixtureRequest, tmp_path: Path, esi_sandbox: Sandbox) -> Iterator[Any]:
    """A provider that has made a call before."""
    with databases.redis_server(tmp_path) as server:
        cache = {'BACKEND': request.param, 'LOCATION': f'redis://127.0.0.1:{server.port}/1'}
        with override_settings(CACHES={'default': cache}):
            provider = ESIClientProvider('2026-08-04', 'app', '1')
            assert provider.client.Status.GetStatus().result().players
            server.kill()
            yield provider


def test_calls(stopped: Any) -> None:
    assert stopped.client.Status.GetStatus().result().players
    assert len(stopped.client.Market.GetMarketsRegionIdOrders(region_id=10000002, order_type='all').results()) > 400
    assert client().request(client().app.op['get_status']()).ok


def test_the_decorators(stopped: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @decorators.esi_rate_limiter_bucketed(ESIRateLimitBucket(str(tmp_path), 2, 10**9))
    @decorators.wait_for_esi_errorlimit_reset()
    def call() -> str:
        return 'called'

    assert [call(), call()] == ['called', 'called']
    with pytest.raises(ESIBucketLimitException):
        call()
    messages = [one.getMessage() for one in caplog.records if 'does not count calls' in one.getMessage()]
    assert len(messages) <= 1, 'once for each kind of error'


def test_the_commands(stopped: Any) -> None:
    shown = io.StringIO()
    with pytest.raises(CommandError):
        call_command('esi_check', offline=True, stdout=shown)
    assert 'WRONG  cache:' in shown.getvalue()
    with pytest.raises(CommandError, match=r"The cache 'default' cannot be used \(ConnectionError: .* is running"):
        call_command('esi_clear_spec_cache')


class Refusing(LocMemCache):  # type: ignore[misc]  # Django has no types
    """A cache whose errors contain its address."""

    def add(self, *args: Any, **kwargs: Any) -> bool:
        raise PermissionError('redis://anna:geheim@127.0.0.1/1 refuses')

    get = set = delete = delete_many = add


def test_a_password_of_the_cache_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    @decorators.esi_rate_limiter_bucketed(ESIRateLimitBucket('refused', 1, 10**9))
    def call() -> str:
        return 'called'

    shown = io.StringIO()
    with override_settings(CACHES={'default': {'BACKEND': f'{__name__}.Refusing'}}):
        assert call() == 'called'
        with pytest.raises(CommandError) as caught:
            call_command('esi_clear_spec_cache')
        with pytest.raises(CommandError):
            call_command('esi_check', offline=True, stdout=shown)
    for text in (caplog.text, str(caught.value), shown.getvalue()):
        assert 'redis://***@127.0.0.1/1 refuses' in text
        assert 'geheim' not in text


def test_a_cache_that_keeps_nothing() -> None:
    @decorators.esi_rate_limiter_bucketed(ESIRateLimitBucket('another', 1, 10**9))
    def call() -> str:
        return 'called'

    with override_settings(CACHES={'default': {'BACKEND': 'django.core.cache.backends.dummy.DummyCache'}}):
        assert call() == 'called'
        with pytest.raises(ESIBucketLimitException):
            call()
