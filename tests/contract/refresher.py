"""A process that calls as a character of a shared store: python refresher.py STORE PLACE SANDBOX HOW

HOW: `call`: wait for a line on the standard input, then call in 5 threads, and print the statuses.
`die`: be killed, without a warning, in the moment in which a new token is about to be used.
"""

import contextlib
import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

from esipy import App, EsiClient, EsiSecurity
from esipy.events import AFTER_TOKEN_REFRESH
from esipy.stores import FileTokens, RedisLock, RedisTokens, TokenStore


class Unlocked(RedisTokens):
    """A store that has no lock of its own, as an app's may be."""

    def lock(self, client_id: str, character_id: int) -> Any:
        return contextlib.nullcontext()


def store_at(kind: str, place: str) -> tuple[TokenStore, Any]:
    """A store, and the lock that it needs beside it."""
    if kind == 'file':
        return FileTokens(place), None
    client = redis.Redis(port=int(place))
    return (Unlocked(client), RedisLock(client, 'test')) if kind == 'lock' else (RedisTokens(client), None)


def main(kind: str, place: str, url: str, how: str) -> None:
    store, lock = store_at(kind, place)
    security = EsiSecurity(
        'http://localhost/',
        'sandbox',
        'secret',
        headers={'User-Agent': 'tests'},
        sso_endpoints_url=f'{url}/.well-known/oauth-authorization-server',
        store=store,
        lock=lock,
    )
    (character,) = store.characters('sandbox')
    call = App.create(f'{url}/meta/openapi.json').op['get_characters_character_id_wallet'](character_id=character)
    with EsiClient(security, cache=None, user_agent='tests') as client:
        one = client.as_character(character)
        opt = {'url_scheme': 'http', 'url_netloc': url.partition('//')[2]}
        print('ready', flush=True)
        if how == 'die':
            AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: os.kill(os.getpid(), signal.SIGKILL))
            one.request(call, opt=opt)
        sys.stdin.readline()
        with ThreadPoolExecutor(5) as pool:
            print(
                json.dumps(
                    [response.status for response in pool.map(lambda number: one.request(call, opt=opt), range(5))]
                )
            )


if __name__ == '__main__':
    main(*sys.argv[1:])
