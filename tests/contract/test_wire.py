"""Redis by connections of our own: every answer belongs to its question, whatever was told in between."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import redis

from esipy._runtime.wire import Wire
from tests.databases import Server, redis_server


@pytest.fixture
def wire(redis_on: Server) -> Wire:
    with redis.Redis(port=redis_on.port) as client:
        client.flushall()
    return Wire(redis, redis.Redis(port=redis_on.port, decode_responses=True))


def test_who_asks_gets_the_answer_and_who_tells_does_not(wire: Wire) -> None:
    for number in range(100):
        wire.tell('SET', 'a', number)
        wire.tell('GET', 'a')
        assert wire.ask('GET', 'a') == b'%d' % number
    assert len(wire._free) == 1


def test_what_is_told_and_refused_disturbs_nobody(wire: Wire) -> None:
    wire.tell('NO SUCH COMMAND')
    wire.tell('INCR', 'a', 'too', 'many')
    assert wire.ask('PING') == b'PONG'
    with pytest.raises(redis.ResponseError):
        wire.ask('INCR', 'a', 'too', 'many')
    assert wire.ask('PING') == b'PONG'


def test_who_only_tells_reads_now_and_then(wire: Wire) -> None:
    for _ in range(1000):
        wire.tell('INCR', 'a')
        assert all(owed <= 17 for _, owed in wire._free)
    assert wire.ask('GET', 'a') == b'1000'


def test_threads(wire: Wire) -> None:
    wrong = []

    def work(name: int) -> None:
        for number in range(300):
            wire.tell('INCR', 'told')
            said = wire.ask('ECHO', f'{name} {number}')
            if said != f'{name} {number}'.encode():
                wrong.append(said)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with redis.Redis(connection_pool=wire._client.connection_pool) as client:
        assert client.get('told') == b'2400'


def test_a_server_that_was_started_again_is_found_again(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        wire = Wire(redis, redis.Redis(port=server.port))
        for _ in range(3):
            assert wire.ask('PING') == b'PONG'
            wire.tell('PING')
            server.kill()
            server.start()
        server.kill()
        with pytest.raises(redis.ConnectionError):
            wire.ask('PING')
        with pytest.raises(redis.ConnectionError):
            wire.tell('PING')


def test_a_server_that_hangs_is_not_waited_for_long(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        wire = Wire(redis, redis.Redis(port=server.port), 0.2)
        wire.ask('SET', 'a', 'before')
        server.pause()
        with pytest.raises(redis.TimeoutError):
            wire.ask('SET', 'a', 'lost')
        server.resume()
        assert wire.ask('ECHO', 'after') == b'after'


@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')  # that a child of threads may deadlock
def test_a_forked_child_has_connections_of_its_own(wire: Wire) -> None:
    wire.tell('SET', 'a', 1)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if wire.ask('ECHO', 'child') == b'child' else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert wire.ask('GET', 'a') == b'1'
