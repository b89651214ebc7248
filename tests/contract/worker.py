"""A program in a process of its own, for the tests beside this file: calls the server and tells what it saw, as JSON.

python worker.py store address port-or-directory times [character]
"""

import json
import sys
import warnings
from typing import Any

from esipy import App, EsiClient
from esipy.cache import BaseCache, FileCache, MemcachedCache, RedisCache


def make(store: str, place: str) -> BaseCache:
    if store == 'file':
        return FileCache(place)
    if store == 'redis':
        import redis

        return RedisCache(redis.Redis(port=int(place)))
    import memcache

    return MemcachedCache(memcache.Client([f'127.0.0.1:{place}']))


def main(store: str, address: str, place: str, times: str, token: str = '') -> None:
    warnings.simplefilter('ignore')  # what other interpreters think of packages made for another one
    app = App.create(f'{address}/meta/openapi.json')
    opt = {'url_scheme': 'http', 'url_netloc': address.partition('//')[2]}
    cache = make(store, place)
    saw: dict[str, Any] = {'cached': 0, 'bodies': [], 'python': sys.version_info[:2]}
    with EsiClient(cache=cache, user_agent='worker/1.0') as client:
        for number in range(int(times)):
            call = app.op['get_markets_region_id_history'](region_id=10000001 + number % 10, type_id=34)
            if token:
                call = app.op['get_characters_character_id_wallet'](character_id=90000001, token=token)
            response = client.request(call, opt=opt, raise_on_error=True)
            saw['cached'] += response.from_cache
            saw['bodies'].append(hash_of(response.raw or b''))
    saw['bodies'] = sorted(set(saw['bodies']))
    print(json.dumps(saw))


def hash_of(body: bytes) -> str:
    import hashlib

    return hashlib.sha256(body).hexdigest()


if __name__ == '__main__':
    main(*sys.argv[1:])
