from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Server, memcached_server, redis_cluster, redis_server


@pytest.fixture(scope='session')
def redis_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real redis-server."""
    directory: Path = tmp_path_factory.mktemp('redis')
    with redis_server(directory) as server:
        yield server


@pytest.fixture(scope='session')
def cluster_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real redis-server that is a cluster."""
    with redis_cluster(tmp_path_factory.mktemp('cluster')) as server:
        yield server


@pytest.fixture(scope='session')
def memcached_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real memcached."""
    with memcached_server(tmp_path_factory.mktemp('memcached')) as server:
        yield server
