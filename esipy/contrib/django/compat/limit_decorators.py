"""Decorators of functions that call the API: they keep to a limit, or wait for one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.core.cache import caches

from esipy import clock
from esipy._runtime import fork
from esipy._runtime.redact import masked_error
from esipy._runtime.resilience import LogOnce
from esipy.contrib.django import conf
from esipy.contrib.django.compat.exceptions import ESIBucketLimitException
from esipy.contrib.django.compat.rate_limiting import ESIRateLimitBucket
from esipy.contrib.django.redis_connection import shared_limits

Function = TypeVar('Function', bound=Callable[..., Any])


def wait_for_esi_errorlimit_reset(
    cache_key: str = 'esi_error_limit_reset', poll_interval: float = 1
) -> Callable[[Function], Function]:
    """Wait before each call of the function until the error limit permits requests.

    `poll_interval`: seconds after which it looks again, at most. `cache_key` is accepted and means nothing.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            while (blocked := _blocked_by_errors()) > 0:
                clock.sleep(min(blocked, poll_interval))
            return function(*args, **kwargs)

        return run  # type: ignore[return-value]

    return decorate


def _blocked_by_errors() -> float:
    """Seconds until the error limit permits the next request."""
    waits = [0.0]
    for budget in shared_limits().budget():
        if budget.group == 'errors':
            returns = min((seconds for seconds, _ in budget.replenishes), default=0.0)
            waits.append(max(budget.blocked_for, returns if budget.left <= 0 else 0.0))
    return max(waits)


def esi_rate_limiter_bucketed(
    bucket: ESIRateLimitBucket, raise_on_limit: bool = True
) -> Callable[[Function], Function]:
    """Let the function be called `bucket.limit` times in `bucket.window` seconds, counted in Django's cache.

    `raise_on_limit`: raise ESIBucketLimitException when that is reached; False: wait. Raises TypeError when it
    decorates, for what is not an ESIRateLimitBucket.
    """
    if not isinstance(bucket, ESIRateLimitBucket):
        raise TypeError(f'esi_rate_limiter_bucketed() needs an ESIRateLimitBucket, not a {type(bucket).__name__}')

    def decorate(function: Function) -> Function:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            while (wait := _seconds_to_wait(bucket)) > 0:
                if raise_on_limit:
                    raise ESIBucketLimitException(bucket, wait)
                clock.sleep(wait)
            return function(*args, **kwargs)

        return run  # type: ignore[return-value]

    return decorate


def _seconds_to_wait(bucket: ESIRateLimitBucket) -> float:
    """Count a call. Return 0, or the seconds until the next window, where the window is full."""
    now = clock.time()
    begun = now - now % bucket.window
    # A key for each window: it is counted up by one command, and a lost or late one does no harm.
    count = _counted(f'esi_bucket_{bucket.slug}_{int(begun)}', int(bucket.window) + 60)
    return 0.0 if count <= bucket.limit else begun + bucket.window - now


def _counted(key: str, seconds: int) -> int:
    """Count up. In the cache of the site; in this process where that is down, or does not keep what it is given."""
    alias = conf.get('ESI_CACHE_ALIAS')
    try:
        cache = caches[alias]
        cache.add(key, 0, timeout=seconds)
        return int(cache.incr(key))
    except Exception as error:
        _log.warning(
            type(error).__name__,
            'the cache %r does not count calls, so that each process does (%s)',
            alias,
            masked_error(error),
        )
        return _counts.add(key)


class _Counts:
    """Counts of this process alone."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def add(self, key: str) -> int:
        with self._lock:
            if len(self._counts) >= 1000:  # of windows that are over
                self._counts.clear()
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key]


_counts = _Counts()
_log = LogOnce(logging.getLogger(__name__))
