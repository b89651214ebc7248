"""One of several processes that share their limits through Redis; tells the statuses that it saw, as JSON.

python worker.py address-of-the-document address redis-port calls threads number
"""

import json
import sys
from collections import Counter

import redis

from esipy import App, EsiClient
from esipy.limits import RedisLimits


def main(document: str, place: str, calls: str, threads: str, number: str) -> None:
    app = App.create(document)
    shared = redis.Redis(port=int(place))
    with EsiClient(limits=RedisLimits(shared), cache=None, user_agent='worker/1.0 (me@example.com)') as client:
        print('ready', flush=True)
        sys.stdin.readline()
        first = 1000 + int(number) * 100_000
        wanted = (app.op['get_wars_war_id'](war_id=first + n) for n in range(int(calls)))
        done = client.multi_request(wanted, threads=int(threads))
        print(json.dumps(Counter(response.status for _, response in done)))
    shared.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
