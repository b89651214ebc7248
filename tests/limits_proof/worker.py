"""One of several processes that share their limits through Redis; tells the statuses that it saw, as JSON.

python worker.py address-of-the-document redis-port operation calls threads number
"""

import json
import sys
from collections import Counter

import redis

from esipy import App, EsiClient
from esipy.limits import RedisLimits


def main(document: str, place: str, operation: str, calls: str, threads: str, number: str) -> None:
    app = App.create(document)
    shared = redis.Redis(port=int(place))
    with EsiClient(limits=RedisLimits(shared), cache=None, user_agent='worker/1.0 (me@example.com)') as client:
        print('ready', flush=True)
        sys.stdin.readline()
        first = 1000 + int(number) * 100_000
        (name,) = (parameter.name for parameter in app.op[operation].parameters if parameter.location == 'path')
        wanted = (app.op[operation](**{name: first + n}) for n in range(int(calls)))
        done = client.multi_request(wanted, threads=int(threads))
        print(json.dumps(Counter(response.status for _, response in done)))
    shared.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
