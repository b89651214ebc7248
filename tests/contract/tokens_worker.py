"""A process with a token store, for tests that start several, or kill it.

python tokens_worker.py hold|count|write store place [times]

hold:  takes the lock of a character, says so, and waits to be killed
count: adds one to the number in the refresh token under the lock, `times` times
write: says so, and writes ever longer tokens until it is killed
"""

import sys
import time

import redis

from esipy.stores import FileTokens, KeyringTokens, RedisTokens, TokenStore
from esipy.testing import TOKENS


def make(store: str, place: str) -> TokenStore:
    if store == 'redis':
        return RedisTokens(redis.Redis(port=int(place)), hold=2.0)
    if store == 'keyring':
        import keyring

        from tests.contract.keyring_backend import InFile

        keyring.set_keyring(InFile(place))
        return KeyringTokens()
    return FileTokens(place)


def hold(store: TokenStore) -> None:
    with store.lock(TOKENS.client_id, TOKENS.character_id):
        print('held', flush=True)
        time.sleep(60)


def count(store: TokenStore, times: int) -> None:
    for _ in range(times):
        with store.lock(TOKENS.client_id, TOKENS.character_id):
            found = store.get(TOKENS.client_id, TOKENS.character_id)
            assert found is not None
            store.set(found._replace(refresh_token=str(int(found.refresh_token or 0) + 1)))


def write(store: TokenStore) -> None:
    print('writing', flush=True)
    for number in range(1_000_000):
        store.set(TOKENS._replace(character_id=90000001 + number % 50, refresh_token=str(number) * 50))


def main(what: str, kind: str, place: str, times: str = '1') -> None:
    store = make(kind, place)
    if what == 'hold':
        hold(store)
    elif what == 'count':
        count(store, int(times))
    else:
        write(store)


if __name__ == '__main__':
    main(*sys.argv[1:])
