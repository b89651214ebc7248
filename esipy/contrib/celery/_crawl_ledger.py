"""The ledger of a crawl in Redis, and the leases that this process has."""

from __future__ import annotations

import json
import os
import socket
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Any

import redis

from esipy import clock
from esipy._runtime import fork
from esipy._runtime.redis_client import fail_fast_client
from esipy.contrib.celery._redis import is_broken
from esipy.contrib.celery._waits import UNAVAILABLE, until_available
from esipy.exceptions import CrawlError

#: Seconds to wait for Redis at most.
TIMEOUT = 5.0

#: A lease is renewed so often before it ends.
RENEWALS = 3


class Ledger:
    """Runs `_crawl.lua`. Safe between threads, and in forked processes."""

    def __init__(self, client: redis.Redis, name: str, prefix: str) -> None:
        self._name = name
        self._client: Any = fail_fast_client(redis, client, TIMEOUT)
        self._script = self._client.register_script(
            files('esipy.contrib.celery').joinpath('_crawl.lua').read_text('utf-8')
        )
        # In one slot of a cluster: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
        start = f'{prefix}:crawl:{{{name}}}:'
        fields = ('state', 'units', 'ready', 'delayed', 'leased', 'owners', 'lists', 'failed', 'workers', 'runners')
        self._keys = {field: start + field for field in fields}

    def run(self, operation: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Run an operation of the script. Raises redis-py's errors, and CrawlError for records that are broken."""
        try:
            reply = self._script([*self._keys.values()], [operation, json.dumps(arguments or {})])
        except redis.ResponseError as error:
            if not is_broken(error):
                raise
            raise CrawlError(
                f'somebody has changed the records of the crawl {self._name!r} in Redis, so that they cannot be read '
                f'({error}); begin again with start(…, restart=True)'
            ) from None
        return json.loads(reply)

    def run_patiently(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Run an operation as soon as Redis can be used: work in hand is not given up because Redis restarts."""
        return until_available(lambda: self.run(operation, arguments))

    def texts(self, field: str) -> dict[str, Any]:
        """Return a hash of JSON values."""
        found: Any = self._client.hgetall(self._keys[field])
        return {name.decode(): json.loads(text) for name, text in found.items()}


class Leases:
    """The units that this process has taken, with a thread that renews their leases while there are any.

    Safe between threads. A forked child begins with none, since they are its parent's.
    """

    def __init__(self, ledger: Ledger, seconds: float) -> None:
        self.microseconds = round(seconds * 1_000_000)
        self._ledger = ledger
        self._pause = seconds / RENEWALS
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        #: The name of this process among those that work on the crawl.
        self.process = f'{socket.gethostname()}:{os.getpid()}'
        self._session = os.urandom(4).hex()
        self._lock = threading.Lock()
        self._owned: dict[str, str] = {}
        self._taken = 0
        self._thread: threading.Thread | None = None

    def new_owner(self) -> str:
        """Return a name that has never owned a unit."""
        with self._lock:
            self._taken += 1
            return f'{self.process}:{self._session}:{self._taken}'

    def add(self, unit: str, owner: str) -> None:
        """Renew the lease of a unit until it is removed."""
        with self._lock:
            self._owned[unit] = owner
            if self._thread is None:
                thread = threading.Thread(target=_renew, args=(weakref.ref(self),), daemon=True)
                with suppress(RuntimeError):  # the system starts no more of them: the next unit tries again
                    thread.start()
                    self._thread = thread

    def remove(self, unit: str, owner: str) -> None:
        with self._lock:
            if self._owned.get(unit) == owner:
                del self._owned[unit]

    def renew(self) -> float | None:
        """Renew all leases. Returns the seconds until the next time; None, and the thread ends, if there are none."""
        with self._lock:
            if not self._owned:
                self._thread = None
                return None
            owned = dict(self._owned)
        # A unit whose lease ends while Redis is away is taken over, and is then not delivered here.
        with suppress(*UNAVAILABLE, CrawlError):
            self._ledger.run('renew', {'owned': owned, 'process': self.process, 'lease': self.microseconds})
        return self._pause


def _renew(leases: weakref.ref[Leases]) -> None:
    pause: float | None = 0.0
    while pause is not None:
        clock.sleep(pause)
        current = leases()
        pause = None if current is None else current.renew()
        del current
