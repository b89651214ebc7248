"""Connections to the site's databases in threads that Django does not manage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from esipy._runtime.workers import in_worker


@contextmanager
def closing_new_connections() -> Iterator[None]:
    """Close the database connections that the block opens in a thread of esipy's.

    Django closes those of its own threads when a request or a task ends. `multi_request` and paginated lists work in
    threads of the client, where nobody would.
    """
    try:
        yield
    finally:
        if in_worker():
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close()
