"""DictCache at its bound for minutes: the process does not grow.

ESIPY_SOAK_SECONDS says for how long; five minutes where it says nothing.
"""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest

from esipy._cache.keys import frozendict
from esipy._cache.policy import CachedResponse
from esipy.cache import DictCache

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get('ESIPY_SOAK_SECONDS', '300'))

ENTRIES = 20_000
BYTES = 64 * 2**20
THREADS = 4

STATM = Path('/proc/self/statm')


def resident() -> int:
    """Bytes of memory that the process holds."""
    return int(STATM.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def use(cache: DictCache, seed: int, stop: threading.Event) -> None:
    dice = random.Random(seed)
    while not stop.is_set():
        number = dice.randrange(200_000)
        name = f'https://esi.evetech.net/things/{number}'
        key = (name, frozendict({'accept-language': 'en'}), frozendict({'id': str(number)}), frozendict())
        kept = cache.get(key)
        assert kept is None or kept.url == name
        # Most answers are small, and a few are pages of a market.
        size = dice.choice([100, 300, 1000, 3000, 10_000, 250_000 if number % 50 == 0 else 500])
        cache.set(key, CachedResponse(200, {'ETag': f'"{number}"', 'Age': '0'}, bytes(size), name), 60)
        if number % 100 == 0:
            cache.invalidate(key)


@pytest.mark.skipif(not STATM.exists(), reason='only Linux tells what a process holds')
@pytest.mark.parametrize(('entries', 'size'), [(ENTRIES, None), (None, BYTES)], ids=['entries', 'bytes'])
def test_a_full_cache_does_not_grow(entries: int | None, size: int | None) -> None:
    cache = DictCache(max_entries=entries, max_bytes=size)
    stop = threading.Event()
    threads = [threading.Thread(target=use, args=(cache, seed, stop)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    samples: list[int] = []
    until = time.monotonic() + SECONDS / 2
    while time.monotonic() < until:
        time.sleep(SECONDS / 100)
        samples.append(resident())
    stop.set()
    for thread in threads:
        thread.join()
    # It has long been full after the first fifth.
    begun, ended = max(samples[10:15]), max(samples[-5:])
    figures = f'{begun / 2**20:.1f} MiB, {ended / 2**20:.1f} MiB at the end, {len(cache._dict)} entries'
    print(figures)
    assert entries is None or len(cache._dict) == entries
    assert size is None or 0.9 * size < cache._bytes <= size
    assert ended < begun * 1.1, figures
