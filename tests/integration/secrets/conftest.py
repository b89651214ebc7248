"""The servers, the search, and the databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import databases
from tests.integration.secrets.planted import SECRETS, World
from tests.leaks import Watch


@pytest.fixture
def world() -> Iterator[World]:
    with World() as server:
        yield server


@pytest.fixture
def watch() -> Iterator[Watch]:
    with Watch(SECRETS) as one:
        yield one


@pytest.fixture(scope='module')
def redis_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Server]:
    with databases.redis_server(tmp_path_factory.mktemp('redis')) as server:
        yield server


@pytest.fixture(scope='module')
def memcached_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Server]:
    with databases.memcached_server(tmp_path_factory.mktemp('memcached')) as server:
        yield server
