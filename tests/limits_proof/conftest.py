from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.databases import Server, redis_server


@pytest.fixture
def redis_on(tmp_path: Path) -> Iterator[Server]:
    """A real redis-server, of the test alone."""
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def shared(redis_on: Server) -> Iterator['redis.Redis']:
    with redis.Redis(port=redis_on.port, socket_timeout=1) as client:
        yield client
