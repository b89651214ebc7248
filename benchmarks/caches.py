"""A hit in the shared stores, against the same bytes from the bare store; and what an unread body of 250 kB costs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import diskcache  # type: ignore[import-untyped]
import redis

import esipy
from benchmarks.measure import BASELINE, ESIPY, WALL, Options, Result, alternate
from benchmarks.responses import REGION, document
from benchmarks.server import serving
from esipy._http import RawResponse
from esipy._message.options import CallOptions
from esipy.cache import BaseCache, DictCache, FileCache, RedisCache, _hash
from esipy.limits import RedisLimits
from esipy.utils import make_cache_key

NUMBER = 500


def results(options: Options) -> dict[str, Result]:
    number = NUMBER // 4 if options.quick else NUMBER
    with serving() as address, tempfile.TemporaryDirectory() as directory:
        found = {'hit-unread': _unread(address + '/fast', options, number)}
        cache = FileCache(directory + '/esipy')
        # A store of its own: the bare library, as an app would use it.
        with diskcache.Cache(directory + '/bare') as bare:
            found['hit-file'] = _hit(address + '/fast', options, number, cache, bare.get, bare.set)
        cache.close()
        try:
            with _redis(directory) as port, redis.Redis(port=port) as client:
                redis_cache = RedisCache(client)
                found['hit-redis'] = _hit(address + '/fast', options, number, redis_cache, client.get, client.set)
                found['limits-redis'] = _limits(address + '/fast', options, number, client)
        except OSError as error:
            found['hit-redis'] = found['limits-redis'] = Result({}, {ESIPY: str(error)})
    return found


def _hit(
    address: str,
    options: Options,
    number: int,
    cache: BaseCache,
    get: Callable[[str], Any],
    put: Callable[[str, bytes], Any],
) -> Result:
    app = esipy.App.create(document(address, options.document))
    client = esipy.EsiClient(headers={'User-Agent': 'esipy benchmarks'}, cache=cache)
    call = app.op['GetStatus']()
    name = _hash(make_cache_key(call[0]))
    put(name, client.request(call).raw or b'')

    def hit() -> None:
        response = client.request(call)
        if not response.from_cache or not response.raw:
            raise RuntimeError('not from the cache')

    return alternate({BASELINE: lambda: get(name), ESIPY: hit}, rounds=options.rounds(25), number=number, clock=WALL)


def _unread(address: str, options: Options, number: int) -> Result:
    """A large body and a tiny one, neither read: the same."""
    app = esipy.App.create(document(address, options.document))
    client = esipy.EsiClient(headers={'User-Agent': 'esipy benchmarks'}, cache=DictCache())
    tiny = app.op['GetStatus']()
    large = app.op['GetMarketsRegionIdOrders'](region_id=REGION, order_type='all', page=1)
    for call in (tiny, large):
        client.request(call)
    contenders = {BASELINE: lambda: client.request(tiny), ESIPY: lambda: client.request(large)}
    return alternate(contenders, rounds=options.rounds(25), number=number * 4, clock=WALL)


def _limits(address: str, options: Options, number: int, client: redis.Redis) -> Result:
    """What rate limits in Redis add to a call. The baseline is the least that a script would do: to count the call.

    A call costs one round trip, which reserves and settles the call before. The last call of a sample is settled by one
    more, so that each sample contains all that its calls cost.
    """
    app = esipy.App.create(document(address, options.document))
    counted = client.register_script("redis.call('INCR', KEYS[1]) return redis.call('EXPIRE', KEYS[1], 60)")
    calls = esipy.EsiClient(headers={'User-Agent': 'esipy benchmarks'}, cache=None, limits=None)
    limits = RedisLimits(client)
    exchange = calls._exchange(app.op['GetStatus'](), CallOptions())
    response = RawResponse(200, dict(calls.request(app.op['GetStatus']()).headers), b'', '')

    numbers = count(1)

    def reserve_and_settle() -> None:
        reservation = limits.reservation(exchange, None)
        reservation.settle(response)
        if next(numbers) % number == 0:
            limits.flush()

    contenders = {BASELINE: lambda: counted(keys=['bare']), ESIPY: reserve_and_settle}
    return alternate(contenders, rounds=options.rounds(25), number=number, clock=WALL)


@contextmanager
def _redis(directory: str) -> Iterator[int]:
    """The port of a redis-server for the length of the block. Raises OSError where there is none."""
    program = shutil.which('redis-server')
    if program is None:
        raise FileNotFoundError('redis-server is not installed; make test installs it')
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [program, '--port', str(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                try:
                    socket.create_connection(('127.0.0.1', port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            yield port
        finally:
            server.terminate()
