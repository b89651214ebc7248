"""RedisLimits: what every store of limits does, and what happens when Redis is dead, hanging or slow."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from esipy import clock
from esipy._limits import redis_script
from esipy.limits import Limits, RedisLimits
from tests.contract.limited import WINDOW, User, answered
from tests.contract.test_limits import LimitsContract, in_threads
from tests.databases import Server, redis_cluster, redis_server

#: Changes a ledger `l`.
PLANT = """
local names = {'version', 'tokens', 'window', 'margin', 'spent', 'total', 'others', 'others_until', 'blocked_until',
  'returning', 'reservations'}
local l, changed = {}, {}
for i, value in ipairs({cmsgpack.unpack(redis.call('GET', KEYS[1]))}) do l[names[i]] = value end
%s
for i, name in ipairs(names) do changed[i] = l[name] end
redis.call('SET', KEYS[1], cmsgpack.pack(unpack(changed)))
"""


def runs(client: Any) -> int:
    """Return how often Redis has run a script."""
    stats = client.info('commandstats')
    return sum(stats.get(name, {'calls': 0})['calls'] for name in ('cmdstat_evalsha', 'cmdstat_eval'))


class TestRedisLimits(LimitsContract):
    @pytest.fixture(autouse=True)
    def _redis(self, redis_on: Server) -> None:
        self.port = redis_on.port
        with self.bare() as client:
            client.flushall()

    def bare(self) -> Any:
        return redis.Redis(port=self.port)

    def make_limits(self, **options: Any) -> Limits:
        return RedisLimits(self.bare(), **options)

    def look_for(self, user: User, secret: str) -> None:
        with self.bare() as client:
            for key in client.keys('*'):
                assert secret.encode() not in key + client.get(key)

    def test_clients_share(self) -> None:
        users = [self.user() for _ in range(3)]
        for user, calls in zip(users, (3, 3, 2), strict=True):
            assert user.calls(3) == calls
            user.limits.flush()
        users[0].call(name='free', status=420)
        assert users[1].calls() == users[2].calls(name='free') == 0

    def test_a_call_takes_one_round_trip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr('esipy._limits.settlements.DELAY', 30)
        user = self.user(tokens=100)
        user.calls(2)
        with self.bare() as client:
            before = runs(client)
            user.calls(20)
            assert runs(client) - before == 20
        user.limits.flush()

    def test_keys_expire(self) -> None:
        self.user().calls()
        with self.bare() as client:
            assert client.keys()
            assert all(0 < client.ttl(key) < 2 * 3600 for key in client.keys('*'))

    def test_a_planted_value_is_not_a_ledger(self) -> None:
        user = self.user()
        user.calls(1)
        with self.bare() as client:
            (key,) = client.keys()
            for planted in (b'', b'\xc1', b'garbage', b'\x81\xa1a\x01', b'\x93\x01\x02\x03'):
                client.set(key, planted)
                assert user.calls(1) == 1

    def test_planted_numbers_are_not_a_ledger(self, caplog: pytest.LogCaptureFixture) -> None:
        """Somebody changes the ledger of a bucket. What RedisLimits could not have written is replaced."""
        changes = [
            'l.blocked_until = 1e300',
            'l.blocked_until = math.huge',
            'l.blocked_until = 0/0',
            'l.others, l.others_until = 1e9, 1e300',
            'l.window = math.huge',
            'l.window = 1e300',
            'l.window = -1',
            'l.tokens = 0/0',
            'l.tokens = -5',
            'l.spent = math.huge',
            'l.spent = -1e9',
            "l.spent = '1'",
            "l.returning = {'x'}",
            'l.returning = {1}',
            'l.returning = {{1, 2}}',
            'l.returning = {1e300, 1000}',
            'l.returning = {1, -1e9}',
            'l.returning = {} for i = 1, 5000 do l.returning[i] = 1e9 end',
            "l.reservations = {a = 'x'}",
            'l.reservations = {a = {math.huge, 1000}}',
            'l.reservations = {a = {0/0, 1000}}',
            "l.reservations = {a = {1, 2, 'x'}}",
            'l.reservations = {a = {1, 2, math.huge}}',
            'l.reservations = 5',
        ]
        user = self.user()
        user.calls(1)
        with self.bare() as client:
            (key,) = client.keys()
            for change in changes:
                client.eval(PLANT % change, 1, key)
                assert user.calls(1) == 1, change
                clock.move(WINDOW)
        assert 'Redis is not available' not in caplog.text

    def test_what_a_killed_process_had_reserved_is_freed(self) -> None:
        program = f"""
import os, signal, redis
from esipy.limits import Limits, RedisLimits
from tests.contract.limited import User
User(RedisLimits(redis.Redis(port={self.port}))).fill(4)
os.kill(os.getpid(), signal.SIGKILL)
"""
        done = subprocess.run([sys.executable, '-c', program], cwd=Path(__file__).parents[2], timeout=60)
        assert done.returncode < 0
        user = self.user()
        assert user.calls() == 0
        clock.move(11)  # the lease was for ten seconds
        # The server may have counted the four at the last moment: they count as 8 tokens, not as the 20 reserved.
        assert user.calls() == 4
        clock.move(WINDOW + 1)
        assert user.calls() == 8

    def test_processes_never_reserve_more_than_the_bucket_has(self) -> None:
        program = f"""
import json, redis, time
from esipy.limits import Limits, RedisLimits
from tests.contract.limited import User, answered
user = User(RedisLimits(redis.Redis(port={self.port})), tokens=150, window=1)
spent = []
for _ in range(60):
    reservation = user.reserve(max_wait=100)
    spent.append(time.time())
    reservation.settle(answered(200))
print(json.dumps(spent))
"""
        run = [sys.executable, '-c', program]
        here = Path(__file__).parents[2]
        processes = [subprocess.Popen(run, cwd=here, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        spent = sorted(at for process in processes for at in json.loads(process.communicate(timeout=60)[0]))
        assert len(spent) == 180
        for at in spent:
            assert sum(2 for other in spent if at - 1 < other <= at) <= 150
        assert spent[-1] - spent[0] < 12


class TestRedisLimitsInACluster(TestRedisLimits):
    @pytest.fixture(autouse=True)
    def _redis(self, cluster_on: Server) -> Iterator[None]:
        self.port = cluster_on.port
        with self.bare() as client:
            client.flushall()
        with ExitStack() as self.closing:
            yield

    def make_limits(self, **options: Any) -> Limits:
        cluster = redis.RedisCluster(host='127.0.0.1', port=self.port)
        self.closing.callback(cluster.close)  # which, unlike a plain client, is not closed when it is forgotten
        return RedisLimits(cluster, **options)


class SlowProxy:
    """Forwards connections to a port, each piece after `delay` seconds."""

    def __init__(self, port: int, delay: float) -> None:
        self._target, self._delay = port, delay
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(('127.0.0.1', self._target))
                self._sockets += [client, server]
                threading.Thread(target=self._forward, args=(client, server, self._delay), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, 0.0), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, delay: float) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                time.sleep(delay)
                target.sendall(piece)

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def slow(redis_on: Server) -> Iterator[int]:
    """The port of a Redis that responds after 200 ms."""
    with redis.Redis(port=redis_on.port) as client:
        client.flushall()
    proxy = SlowProxy(redis_on.port, 0.2)
    yield proxy.port
    proxy.close()


@pytest.mark.parametrize('options', [{}, {'max_connections': 2}, {'socket_timeout': 5}])
def test_a_slow_redis_is_used(slow: int, redis_on: Server, caplog: pytest.LogCaptureFixture, options: Any) -> None:
    """By many threads at once too, where each waits for a connection."""
    user = User(RedisLimits(redis.Redis(port=slow, **options)), window=600)
    assert user.calls(3) == 3
    errors = in_threads(20, user.call)
    assert lines(caplog) == []
    assert 15 <= len(errors) < 20, '8 calls fit into 20 tokens'
    assert user.budget().used == 2 * (23 - len(errors))
    with redis.Redis(port=redis_on.port) as bare:
        assert len(bare.keys('esipy:limits:*')) == 1


def test_connections_are_limited_like_those_of_the_client(redis_on: Server) -> None:
    with redis.Redis(port=redis_on.port) as bare:
        bare.flushall()
        client = redis.Redis(port=redis_on.port, max_connections=3, client_name='of-this-test', decode_responses=True)
        user = User(RedisLimits(client), tokens=1000)
        assert in_threads(40, lambda: [user.call(max_wait=30) for _ in range(3)]) == []
        assert user.budget().used == 240
        names = [connection['name'] for connection in bare.client_list()]
        assert 1 <= names.count('of-this-test') <= 3


@pytest.mark.parametrize('options', [{}, {'decode_responses': True}, {'max_connections': 1}], ids=repr)
def test_a_lease_is_renewed_while_a_call_is_under_way(
    redis_on: Server, monkeypatch: pytest.MonkeyPatch, options: Any
) -> None:
    monkeypatch.setattr('esipy._limits.redis.LEASE', 2.0)
    monkeypatch.setattr('esipy._limits.leases.LEASE', 2.0)
    monkeypatch.setattr('esipy._limits.leases.RENEW_EVERY', 0.3)
    with redis.Redis(port=redis_on.port) as bare:
        bare.flushall()
    user, other = (User(RedisLimits(redis.Redis(port=redis_on.port, **options)), window=1) for _ in range(2))
    under_way = user.fill(4)
    for _ in range(6):
        time.sleep(0.5)
        assert user.budget().in_flight == 20
        assert other.calls(1) == 0
    for reservation in under_way:
        reservation.settle(answered(503))
    user.limits.flush()
    assert other.calls() == 8


def test_scripts_that_redis_has_forgotten_are_sent_again(redis_on: Server, caplog: pytest.LogCaptureFixture) -> None:
    with redis.Redis(port=redis_on.port) as bare:
        bare.flushall()
        user = User(RedisLimits(redis.Redis(port=redis_on.port)))
        assert user.calls(3) == 3
        under_way = user.reserve()
        bare.script_flush()
        under_way.settle(answered(200))
        assert user.budget().used == 8
    assert lines(caplog) == []


def test_a_cluster_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with redis_cluster(tmp_path) as server:
        cluster = redis.RedisCluster(host='127.0.0.1', port=server.port)
        user = User(RedisLimits(cluster))
        assert user.calls(3) == 3
        server.kill()
        assert user.calls() == 5, 'what was spent before counts'
        assert len(lines(caplog)) == 1
        cluster.close()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    """A redis-server of this test's own."""
    with redis_server(tmp_path) as server:
        yield server


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == 'esipy.limits']


def test_redis_dies_and_comes_back(mortal: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    user = User(RedisLimits(redis.Redis(port=mortal.port)))
    held = user.reserve()
    user.calls(2)
    mortal.kill()
    held.settle(answered(200))
    assert user.calls() == 5, 'what was spent before counts'
    assert len(lines(caplog)) == 1
    assert 'Redis is not available' in lines(caplog)[0]
    mortal.start()
    time.sleep(redis_script.SKIP_FOR + 0.1)
    assert user.calls() == 0, 'what was spent meanwhile counts'
    assert lines(caplog)[1:] == ['Redis is available again: processes share their rate limits']
    clock.move(WINDOW + 0.1)
    assert user.calls() == 8


def test_redis_hangs(mortal: Server, caplog: pytest.LogCaptureFixture) -> None:
    user = User(RedisLimits(redis.Redis(port=mortal.port, socket_timeout=2)))
    user.calls(1)
    mortal.pause()
    begun = time.monotonic()
    assert user.calls() == 7
    assert time.monotonic() - begun < 10
    mortal.resume()
    time.sleep(redis_script.SKIP_FOR + 0.1)
    assert user.calls() == 0
    assert len(lines(caplog)) == 2


def test_redis_was_never_there(caplog: pytest.LogCaptureFixture) -> None:
    user = User(RedisLimits(redis.Redis(port=1)))
    assert user.calls() == 8
    assert len(lines(caplog)) == 1


def test_something_else_than_a_client() -> None:
    with pytest.raises(TypeError, match='not str'):
        RedisLimits('redis://localhost')
