"""What a cache must do."""

from __future__ import annotations

import pickle
import threading
from typing import Any

from esipy._cache.base import BaseCache
from esipy._cache.keys import frozendict
from esipy._cache.policy import CachedResponse

#: A key as esipy makes it for a response.
KEY = (
    'https://esi.evetech.net/status',
    frozendict({'accept-language': 'en'}),
    frozendict(),
    frozendict({'page': '1'}),
)

ANSWER = CachedResponse(200, {'ETag': 'W/"1"', 'Cache-Control': 'max-age=60'}, b'{"players": 1}', KEY[0])


class CacheContract:
    """What esipy asks of a cache. Subclass it, and give `make_cache`."""

    def make_cache(self) -> BaseCache:
        """A cache, empty or not."""
        raise NotImplementedError

    def test_gives_back_what_was_kept(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        cached = cache.get(KEY, None)
        assert tuple(cached) == tuple(ANSWER)
        assert cached.headers == ANSWER.headers
        assert type(cached.content) is bytes

    def test_takes_a_text_as_key_too(self) -> None:
        cache = self.make_cache()
        cache.set('esipy:app:meta_swagger_url', (b'{}', {'ETag': 'x'}, 12.5), 0)
        assert cache.get('esipy:app:meta_swagger_url') == (b'{}', {'ETag': 'x'}, 12.5)

    def test_gives_the_default_for_what_is_not_there(self) -> None:
        cache = self.make_cache()
        cache.invalidate(KEY)
        assert cache.get(KEY) is None
        assert cache.get(KEY, 'nothing') == 'nothing'

    def test_forgets_what_is_invalidated(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        cache.invalidate(KEY)
        assert cache.get(KEY) is None

    def test_forgets_without_complaint_what_is_not_there(self) -> None:
        cache = self.make_cache()
        cache.invalidate(KEY)
        cache.invalidate(KEY)

    def test_the_last_value_counts(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        cache.set(KEY, ANSWER._replace(content=b'{"players": 2}'), 60)
        assert cache.get(KEY).content == b'{"players": 2}'

    def test_zero_and_none_never_expire(self) -> None:
        cache = self.make_cache()
        for expire in (0, None):
            cache.set(KEY, ANSWER, expire)
            assert cache.get(KEY) is not None

    def test_the_first_one_claims(self) -> None:
        cache = self.make_cache()
        cache.invalidate('acquire')
        assert cache.acquire('acquire', 60)
        cache.invalidate('acquire')
        assert cache.acquire('acquire', 60)
        cache.invalidate('acquire')

    def test_tells_keys_apart(self) -> None:
        cache = self.make_cache()
        other = (*KEY[:3], frozendict({'page': '2'}))
        mine = (KEY[0], frozendict({'accept-language': 'en', 'authorization': 'character:1'}), *KEY[2:])
        for number, key in enumerate((KEY, other, mine)):
            cache.set(key, ANSWER._replace(content=b'%d' % number), 60)
        assert [cache.get(key).content for key in (KEY, other, mine)] == [b'0', b'1', b'2']

    def test_an_equal_key_made_anew_finds_the_value(self) -> None:
        cache = self.make_cache()
        cache.set(KEY, ANSWER, 60)
        assert cache.get(pickle.loads(pickle.dumps(KEY))) is not None

    def test_keeps_large_bodies(self) -> None:
        cache = self.make_cache()
        body = b'[' + b'1234567890,' * 30_000 + b'0]'
        cache.set(KEY, ANSWER._replace(content=body), 60)
        assert cache.get(KEY).content == body

    def test_is_safe_between_threads(self) -> None:
        cache = self.make_cache()
        wrong: list[Any] = []

        def work(number: int) -> None:
            key = (*KEY[:3], frozendict({'page': str(number % 4)}))
            for _ in range(25):
                cache.set(key, ANSWER._replace(content=b'%d' % (number % 4)), 60)
                cached = cache.get(key)
                if cached is not None and cached.content != b'%d' % (number % 4):
                    wrong.append(cached)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
