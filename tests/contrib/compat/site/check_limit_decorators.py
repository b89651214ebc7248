"""Decorators of functions that call the API."""

import threading
from typing import Any

import pytest
from django.test import override_settings

from esipy import clock
from esipy._limits.memory import SHARED
from esipy.contrib.django import client, decorators
from esipy.contrib.django.compat.exceptions import ESIBucketLimitException
from esipy.contrib.django.compat.rate_limiting import ESIRateLimitBucket
from esipy.sandbox import Sandbox


def test_as_many_calls_as_the_bucket_has() -> None:
    bucket = ESIRateLimitBucket('three', 3, 3600)

    @decorators.esi_rate_limiter_bucketed(bucket)
    def call(value: int) -> int:
        return value

    begun = clock.time() % 3600
    if begun > 3500:  # not over the turn of the hour
        clock.move(200)
    assert [call(number) for number in range(3)] == [0, 1, 2]
    with pytest.raises(ESIBucketLimitException) as caught:
        call(3)
    assert caught.value.bucket is bucket
    assert 0 < caught.value.reset <= 3600  # type: ignore[operator]
    clock.move(3600)
    assert call(4) == 4
    clock.move(-3600)


def test_threads_share_a_bucket() -> None:
    bucket = ESIRateLimitBucket('shared', 10, 86400)
    outcomes: list[str] = []

    @decorators.esi_rate_limiter_bucketed(bucket=bucket, raise_on_limit=True)
    def call() -> None:
        outcomes.append('called')

    def run() -> None:
        for _ in range(5):
            try:
                call()
            except ESIBucketLimitException:
                outcomes.append('refused')

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count('called'), outcomes.count('refused')) == (10, 10)


def test_or_it_waits() -> None:
    bucket = ESIRateLimitBucket('short', 1, 1)

    @decorators.esi_rate_limiter_bucketed(bucket, raise_on_limit=False)
    def call() -> float:
        return clock.time()

    first, second = call(), call()
    assert int(second) > int(first)


@pytest.mark.parametrize('bucket', [('slug', 1, 1), None, 'slug'], ids=repr)
def test_what_is_not_a_bucket(bucket: Any) -> None:
    with pytest.raises(TypeError, match='ESIRateLimitBucket'):
        decorators.esi_rate_limiter_bucketed(bucket)


def test_it_waits_for_the_error_limit(esi_sandbox: Sandbox) -> None:
    @decorators.wait_for_esi_errorlimit_reset(poll_interval=0.05)
    def call() -> str:
        return 'called'

    assert call() == 'called'
    esi_sandbox.faults.add('limited', status=420, seconds=2, operation='get_markets_prices', n=1)
    with override_settings(ESI_MAX_WAIT=0, ESI_SERVER_ERROR_MAX_RETRIES=0):
        assert client().request(client().app.op['get_markets_prices']()).status == 420
    before = clock.monotonic()
    assert call() == 'called'
    assert clock.monotonic() - before > 0.5
    SHARED.forget()
