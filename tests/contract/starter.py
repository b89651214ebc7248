"""A worker that starts with others: says when it is ready, waits for the word, makes an EsiApp, tells what it has.

python starter.py store port-or-directory address-of-the-document
"""

import json
import sys
import warnings

from worker import make

from esipy import EsiApp


def main(store: str, place: str, address: str) -> None:
    cache = make(store, place)
    print('ready', flush=True)
    sys.stdin.readline()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        app = EsiApp(cache=cache, meta_url=address)
    print(json.dumps({'operations': len(app.op), 'warnings': [str(one.message) for one in caught]}))


if __name__ == '__main__':
    main(*sys.argv[1:])
