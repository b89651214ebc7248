"""Answers that outlive the program: the same calls by two clients, which share a directory and nothing else."""

import tempfile
from pathlib import Path

from esipy import EsiApp, EsiClient
from esipy.cache import FileCache
from esipy.sandbox import Sandbox


def prices(directory: Path) -> None:
    """As a program would do it at each start."""
    cache = FileCache(directory)
    app = EsiApp(cache=cache)
    with EsiClient(cache=cache, user_agent='esipy-example/1.0 (https://pypi.org/project/EsiPy)') as client:
        answer = client.request(app.op['get_markets_prices'](), raise_on_error=True)
    where = 'from the cache' if answer.from_cache else 'from the server'
    print(f'{len(answer.data)} prices {where}, fresh until {answer.expires:%H:%M} UTC')
    cache.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        prices(Path(place) / 'esi')
        prices(Path(place) / 'esi')


if __name__ == '__main__':
    with Sandbox() as esi, esi.redirect():
        main()
