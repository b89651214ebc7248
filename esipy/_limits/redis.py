"""RedisLimits: ledgers in Redis, for many processes and machines."""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from esipy import clock
from esipy._limits import scripts
from esipy._limits.base import ChargePlan, Limits
from esipy._limits.buckets import BucketUse
from esipy._limits.ledger import Outcome, Rule, State, stated
from esipy._limits.memory import MemoryLimits
from esipy._runtime.lazy import missing_extra
from esipy._runtime.wire import Wire

LOGGER = logging.getLogger('esipy.limits')

#: Seconds to wait for Redis at most; after an answer that took longer than SLOW, and after none,
#: it is left alone for REST seconds.
PATIENCE = 1.0
SLOW = 0.5
REST = 1.0

#: Seconds after which a booking that nobody settled counts as spent: its process is gone.
LEASE = 120.0

#: Seconds between two looks, while calls are under way anywhere: those of other processes wake nobody here.
LOOK_AGAIN = 0.05


class _Ticket(NamedTuple):
    """Something booked in Redis: its name, and how much had been spent ever, of each ledger of a plan."""

    name: bytes
    totals: list[int]


class RedisLimits(Limits):
    """Keeps to the limits of ESI for all who are given the same Redis. `redis_client`: a `redis.Redis` or
    `redis.RedisCluster`.

    A call asks Redis to book, and tells it to settle, which nobody waits for. What is booked by a process that was
    killed comes back by itself. While Redis is away or slow, each process keeps to the limits by what it knows itself,
    and returns when Redis does.

    `address`: programs with different source addresses that share a Redis give each a name; tokens of the same
    character are counted together all the same. `hidden`: as for MemoryLimits. Raises TypeError for what is no client.
    """

    def __init__(self, redis_client: Any, *, hidden: Mapping[str, str] | None = None, address: str = 'address') -> None:
        try:
            import redis
        except ImportError as error:
            raise missing_extra('RedisLimits', 'redis', 'redis', error) from None
        if not isinstance(redis_client, (redis.Redis, redis.RedisCluster)):
            raise TypeError(f'RedisLimits takes a redis.Redis, not {type(redis_client).__name__}')
        super().__init__(hidden, address)
        self._failures = (redis.RedisError, OSError)
        self._forgot = redis.exceptions.NoScriptError
        self._wire = Wire(redis, redis_client, PATIENCE)
        self._local = MemoryLimits(hidden, address)
        # A booking's name: of this process, of this object, of this attempt.
        self._number = int.from_bytes(os.urandom(4), 'big')
        self._numbers = count()
        self._rests_until = 0.0
        self._is_away = False
        #: Servers and keys of what was counted here alone. It needs no lock: its own methods are atomic.
        self._untold: set[tuple[str, str]] = set()
        #: What this process has drawn from, for `budget`.
        self._seen: dict[tuple[str, str], tuple[ChargePlan, BucketUse]] = {}

    def _book(self, plan: ChargePlan) -> tuple[float, Any]:
        name = struct.pack('>IIQ', os.getpid(), self._number, next(self._numbers))
        booked, keys = plan.booked, self._keys(plan)
        if self._untold:
            self._tell(plan, [draw for draw in plan.draws if (plan.server, draw.key) in self._untold])
        said = self._run(scripts.BOOK, keys, LEASE, name, *booked)
        if said is not None and said[0] == scripts.NEW:
            self._tell(plan, plan.draws)
            said = self._run(scripts.BOOK, keys, LEASE, name, *booked)
        if said is None or said[0] == scripts.NEW:
            self._untold.update((plan.server, draw.key) for draw in plan.draws)
            return self._local._book(plan)
        wait = float(said[0])
        if wait:
            # Whoever has to wait for calls under way cannot know when they end.
            return (LOOK_AGAIN if wait < 0 else min(wait, LOOK_AGAIN) if int(said[1]) else wait), None
        return 0.0, _Ticket(name, [int(total) for total in said[1:]])

    def _tell(self, plan: ChargePlan, draws: Iterable[BucketUse]) -> None:
        """Let Redis know of ledgers what is known here: they are not there, because they are new or Redis has lost
        them, or this process has counted by itself for a while."""
        for draw in draws:
            state = self._local._state(plan, draw)
            used = state.spent + state.foreign + state.booked
            key = _key(plan.server, draw)
            if self._run(scripts.TELL, [key], *state.rule, draw.kind.reserve, used, state.closed):
                self._untold.discard((plan.server, draw.key))

    def _settle(self, plan: ChargePlan, ticket: Any, outcomes: Sequence[Outcome], gate_closed: float) -> None:
        if ticket is not None and not isinstance(ticket, _Ticket):  # booked here, while Redis was away
            self._local._settle(plan, ticket, outcomes, gate_closed)
            return
        self._local._settle(plan, None, outcomes, gate_closed)
        name, totals = ticket or (b'', [0] * len(outcomes))
        said = [_line(total, outcome) for total, outcome in zip(totals, outcomes, strict=True)]
        self._run(scripts.SETTLE, self._keys(plan), name, gate_closed, *said, waits=False)

    def _state(self, plan: ChargePlan, draw: BucketUse) -> State:
        said = self._run(scripts.LOOK, [_key(plan.server, draw)])
        if not said:
            return self._local._state(plan, draw)
        tokens, window, spent, booked, foreign, returns, closed, *entries = map(float, said)
        back = [(entries[index], int(entries[index + 1])) for index in range(0, len(entries), 2)]
        return stated(Rule(int(tokens), window), int(spent), int(booked), int(foreign), returns, closed, back)

    def _states(self) -> Iterable[tuple[str, BucketUse, State]]:
        return [(plan.server, draw, self._state(plan, draw)) for plan, draw in list(self._seen.values())]

    def _keys(self, plan: ChargePlan) -> list[str]:
        """The names of the gate's ledger and of the plan's."""
        if plan.names is None:
            plan.names = [_key(plan.server, draw) for draw in (plan.gate, *plan.draws)]
            self._seen.update(((plan.server, draw.key), (plan, draw)) for draw in plan.draws)
        return plan.names

    def _run(self, script: scripts.Script, keys: Sequence[str], *arguments: Any, waits: bool = True) -> Any:
        """What a script says; None when Redis is away, or nobody waits for it."""
        begun = clock.monotonic()
        if begun < self._rests_until:
            return None
        if self._is_away:
            self._rests_until = begun + REST  # one looks whether it is back, the others go on meanwhile
        try:
            said = self._send(script, waits, len(keys), *keys, clock.offset(), *arguments)
        except self._failures as error:
            self._away(f'{type(error).__name__}: {error}')
            return None
        if clock.monotonic() - begun > SLOW:
            self._away(f'an answer took {clock.monotonic() - begun:.1f} s')
        elif self._is_away:
            self._is_away, self._rests_until = False, 0.0
            LOGGER.warning('limits: Redis is back')
        return said

    def _send(self, script: scripts.Script, waits: bool, *arguments: Any) -> Any:
        if not waits:
            return self._wire.tell('EVALSHA', script.digest, *arguments)
        try:
            return self._wire.ask('EVALSHA', script.digest, *arguments)
        except self._forgot:
            for one in scripts.ALL:  # the others too: nobody hears that one is missing when it is only told
                self._wire.tell('SCRIPT LOAD', one.text)
            return self._wire.ask('EVALSHA', script.digest, *arguments)

    def _away(self, why: str) -> None:
        self._rests_until = clock.monotonic() + REST
        if not self._is_away:
            self._is_away = True
            LOGGER.warning('limits: Redis does not serve (%s): counting in this process until it does', why)


def _line(total: float, outcome: Outcome) -> str:
    """An outcome in the words of SETTLE."""
    tokens, window = outcome.rule or (-1, -1)
    returns = -1 if outcome.returns is None else outcome.returns
    used = -1 if outcome.used is None else outcome.used
    return f'{total} {outcome.spent} {returns} {used} {tokens} {window} {outcome.closed}'


def _key(server: str, draw: BucketUse) -> str:
    """Of one server all in the same slot of a cluster. Not longer than need be, and of no odd characters."""
    return f'esipy:limits:{{{server}}}:{hashlib.md5(draw.key.encode(), usedforsecurity=False).hexdigest()}'
