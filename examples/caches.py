"""python examples/caches.py

A cache that outlives the program: the same call by two clients, which have only a directory in common.

It runs against a local ESI. Without the last block it would run against the real one.
"""

import tempfile
from pathlib import Path

from esipy import EsiApp, EsiClient
from esipy.cache import FileCache
from esipy.sandbox import Sandbox


def prices(directory: Path) -> None:
    """What a program would do at each start."""
    cache = FileCache(directory)
    app = EsiApp(cache=cache)
    with EsiClient(cache=cache, user_agent='caches/1.0 (me@example.com)', raise_on_error=True) as client:
        response = client.request(app.op['get_markets_prices']())
    source = 'the cache' if response.from_cache else 'the server'
    print(f'{len(response.data)} prices from {source}, fresh until {response.expires:%H:%M} UTC')
    cache.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        prices(Path(directory) / 'esi')
        prices(Path(directory) / 'esi')


if __name__ == '__main__':
    with Sandbox() as esi, esi.redirect():
        main()
