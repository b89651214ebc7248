"""DictCache: bounded, least recently used first out, safe between threads."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from esipy import clock
from esipy._cache.base import BaseCache
from esipy._cache.policy import CachedResponse
from esipy.cache import DictCache, DummyCache


def test_the_least_recently_used_go_first() -> None:
    cache = DictCache(max_entries=3)
    for name in 'abc':
        cache.set(name, name)
    assert cache.get('a') == 'a'
    cache.set('d', 'd')
    assert [cache.get(name) for name in 'abcd'] == ['a', None, 'c', 'd']
    cache.set('c', 'C')
    cache.set('e', 'e')
    assert cache.get('c') == 'C'
    assert cache.get('a') is None


def test_bytes_are_bounded() -> None:
    cache = DictCache(max_bytes=100_000)
    for number in range(200):
        cache.set(number, CachedResponse(200, {'a': 'b'}, bytes(10_000), 'https://x'))
    kept = [number for number in range(200) if cache.get(number)]
    assert kept == list(range(200 - len(kept), 200))
    assert 8 <= len(kept) <= 10
    assert sum(map(sys.getsizeof, [cache.get(number).content for number in kept])) <= 100_000
    cache.set('huge', bytes(200_000))
    assert cache.get('huge') is None


def test_the_count_of_bytes_stays_true() -> None:
    cache = DictCache(max_bytes=10_000)
    for _ in range(1000):
        cache.set('a', bytes(5000))
    assert cache.get('a')
    cache.invalidate('a')
    cache.invalidate('a')
    assert cache._bytes == 0
    cache.set('a', {'x': [1, 2, 3]})
    cache.clear()
    assert (cache._bytes, cache.get('a')) == (0, None)


def test_without_bounds_and_by_default() -> None:
    cache = DictCache(max_entries=None, max_bytes=None)
    for number in range(20_000):
        cache.set(number, b'x')
    assert len(cache._dict) == 20_000
    default = DictCache()
    for number in range(20_000):
        default.set(number, b'x')
    assert len(default._dict) == 10_000


def test_old_tests_put_a_dict_in_its_place() -> None:
    cache = DictCache(max_bytes=1000)
    cache.set('a', bytes(900))
    cache._dict = {}
    assert cache.get('a', 'nothing') == 'nothing'
    cache.set('b', bytes(900))
    assert cache.get('b')


def test_values_that_are_nothing() -> None:
    cache = DictCache()
    for value in (None, 0, '', b'', {}):  # type: ignore[var-annotated]
        cache.set('a', value)
        assert cache.get('a', 'nothing') == value


def test_threads() -> None:
    cache = DictCache(max_entries=50)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for number in range(3000):
                name = (number * seed) % 97
                cache.set(name, (name, bytes(name)))
                got = cache.get((number + seed) % 97)
                assert got is None or len(got[1]) == got[0]
                if number % 7 == 0:
                    cache.invalidate(name)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    assert len(cache._dict) <= 50
    for name in list(cache._dict):
        cache.invalidate(name)
    assert cache._bytes == 0


@pytest.mark.parametrize('cache', [DictCache(), DummyCache()])
def test_the_contract(cache: BaseCache) -> None:
    cache.set('a', 1, 0)
    cache.set('b', 1, None)
    cache.invalidate('never there')
    assert cache.get('c') is None
    assert cache.get('c', 7) == 7


def test_the_base_does_nothing() -> None:
    base: Any = BaseCache()
    for method, arguments in (('get', ['a']), ('set', ['a', 1]), ('invalidate', ['a'])):
        with pytest.raises(NotImplementedError):
            getattr(base, method)(*arguments)


def test_only_the_first_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DictCache()
    firsts: list[bool] = []
    workers = [threading.Thread(target=lambda: firsts.append(cache.acquire('a', 60))) for _ in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(firsts) == [False] * 19 + [True]
    assert cache.get('a') is None
    cache.invalidate('a')
    assert cache.acquire('a', 60)
    assert not cache.acquire('a', 60)
    now = clock.monotonic()
    monkeypatch.setattr(clock, 'monotonic', lambda: now + 61)
    assert cache.acquire('b', 60)
    assert cache.acquire('a', 60)
    assert len(cache._claims) == 2
    cache.clear()
    assert cache.acquire('a', 60)
