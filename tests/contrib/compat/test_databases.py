"""The drop-in on PostgreSQL and MariaDB: `make databases`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.databases import mariadb_server, postgresql_server

ROOT = Path(__file__).parent.parent.parent.parent
DATABASE = os.environ.get('ESIPY_TEST_DATABASE', 'sqlite')


@contextmanager
def database(directory: Path) -> Iterator[dict[str, Any]]:
    """The settings of the database that this run is for."""
    if DATABASE == 'postgresql':
        with postgresql_server() as server:
            address = {'HOST': '127.0.0.1', 'PORT': server.port, 'USER': 'esipy', 'NAME': 'postgres'}
            yield {'ENGINE': 'django.db.backends.postgresql', **address}
    elif DATABASE == 'mariadb':
        with mariadb_server() as server:
            socket = str(server.directory / 'socket')
            with pymysql.connect(user='root', unix_socket=socket) as connection, connection.cursor() as cursor:
                cursor.execute('CREATE DATABASE esipy CHARACTER SET utf8mb4')
            yield {'ENGINE': 'django.db.backends.mysql', 'HOST': socket, 'USER': 'root', 'NAME': 'esipy'}
    else:
        yield {'ENGINE': 'django.db.backends.sqlite3', 'NAME': str(directory / 'site.sqlite3')}


@pytest.mark.timeout(600)
def test_a_site_moves_over_and_back(tmp_path: Path) -> None:
    with database(tmp_path) as settings:
        command = [sys.executable, '-m', 'tests.contrib.compat.moving', json.dumps(settings)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'moved over and back' in done.stdout
