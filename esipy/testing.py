"""For the tests of apps: what a cache or a token store of one's own must do, as suites to subclass.

With pytest::

    from esipy.testing import CacheContract, TokenStoreContract

    class TestMyCache(CacheContract):
        def make_cache(self):
            return MyCache()

    class TestMyTokens(TokenStoreContract):
        def make_store(self):
            return MyTokens()
"""

from esipy._testing.caches import ANSWER, KEY, CacheContract
from esipy._testing.stores import TOKENS, TokenStoreContract

__all__ = ['ANSWER', 'KEY', 'TOKENS', 'CacheContract', 'TokenStoreContract']
