"""RedisLimits: ledgers in Redis, for many processes and machines."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from esipy import clock
from esipy._limits.base import Limits
from esipy._limits.buckets import BucketUse
from esipy._limits.leases import LEASE, Leases
from esipy._limits.ledger import Charge, Rule, State, make_state
from esipy._limits.memory import MemoryLimits
from esipy._limits.plans import ChargePlan
from esipy._limits.redis_script import RedisScript
from esipy._limits.settlements import Settlement, Settlements
from esipy._runtime.lazy import missing_extra
from esipy._runtime.redis_client import check_client, place_of

LOGGER = logging.getLogger('esipy.limits')

#: Seconds after which a waiting call looks again while calls are under way: those of other processes do not wake it.
LOOK_AGAIN = 0.05


class _Ticket(NamedTuple):
    """A reservation in Redis: its name, and how much had ever been spent of each ledger of the plan."""

    name: str
    totals: list[float]


class RedisLimits(Limits):
    """Keeps to the limits of ESI for all who are given the same Redis. `redis_client`: a `redis.Redis` or
    `redis.RedisCluster`.

    A call takes one round trip, before it is sent: it reserves, and settles the calls of this process that have ended.
    Where no call follows, another one settles in the background, within 0.04 seconds. After a rejection it does so at
    once. Reservations are leased for a few seconds and renewed while the call runs, so that those of a killed process
    do not block the others for long. While Redis cannot be used, each process keeps to the limits by its own count.

    `address`: programs with different source addresses that share a Redis give each a name; tokens of the same
    character are counted together all the same. `undocumented`: as for MemoryLimits. `prefix`: that of all keys. Raises
    TypeError if `redis_client` is not a client.
    """

    def __init__(
        self,
        redis_client: Any,
        *,
        undocumented: Mapping[str, str] | None = None,
        address: str = 'address',
        prefix: str = 'esipy',
    ) -> None:
        try:
            import redis
        except ImportError as error:
            raise missing_extra('RedisLimits', 'redis', 'redis', error) from None
        check_client(redis, redis_client)
        super().__init__(undocumented, address)
        self._place = place_of(redis_client)
        script = RedisScript(redis, redis_client)
        self._leases = Leases(script)
        self._settlements = Settlements(script)
        self._local = MemoryLimits(undocumented, address)
        self._prefix = prefix
        self._identity = os.urandom(8).hex()
        self._numbers = count()
        #: Servers and keys of what was counted in this process alone. It needs no lock: its own methods are atomic.
        self._unshared: set[tuple[str, str]] = set()
        #: The ledgers that this process has used, for `budget`.
        self._seen: dict[tuple[str, str], tuple[ChargePlan, BucketUse]] = {}

    def __repr__(self) -> str:
        return f'<{type(self).__name__} at {self._place}>'

    def _reserve(self, plan: ChargePlan) -> tuple[float, Any]:
        if self._unshared:
            self._share(plan, [use for use in plan.uses if (plan.server, use.key) in self._unshared])
        name = f'{os.getpid()}-{self._identity}-{next(self._numbers)}'
        result = self._try_reserve(plan, name)
        if result is not None and result.get('missing'):
            self._share(plan, plan.uses)
            result = self._try_reserve(plan, name)
        if result is None or result.get('missing'):
            self._unshared.update((plan.server, use.key) for use in plan.uses)
            return self._local._reserve(plan)
        if 'wait' in result:
            wait = result['wait']
            # Nobody knows when calls under way will end.
            return (LOOK_AGAIN if wait < 0 else min(wait, LOOK_AGAIN) if result['under_way'] else wait), None
        self._leases.add(name, plan.server, self._keys(plan)[1:])
        return 0.0, _Ticket(name, result['totals'])

    def _try_reserve(self, plan: ChargePlan, name: str) -> Any:
        reserve = plan.server, 'reserve', self._keys(plan), name, LEASE, plan.costs, plan.expected_costs
        result, is_settled = self._settlements.try_run(*reserve)
        # Otherwise the reason to wait may be what another thread settles just now.
        if not is_settled and isinstance(result, dict) and 'wait' in result:
            result = self._settlements.run(*reserve)
        return result if result is None or _is_reservation(result, len(plan.costs)) else None

    def _share(self, plan: ChargePlan, uses: Iterable[BucketUse]) -> None:
        """Add to Redis what this process knows of ledgers that are not there: they are new, or Redis has lost them, or
        this process has counted by itself for a while."""
        for use in uses:
            state = self._local._state(plan, use)
            used = state.spent + state.used_by_others + state.reserved
            if self._add(plan.server, use, used, state.blocked_for, state.rule):
                self._unshared.discard((plan.server, use.key))

    def _add(self, server: str, use: BucketUse, used: int, blocked: float, rule: Rule) -> Any:
        keys = [self._key(server, use)]
        return self._settlements.run(server, 'add', keys, used, blocked, *rule, use.kind.margin)

    def _settle(self, plan: ChargePlan, ticket: Any, charges: Sequence[Charge], blocked: float) -> None:
        if ticket is not None and not isinstance(ticket, _Ticket):  # reserved here, while Redis could not be used
            self._local._settle(plan, ticket, charges, blocked)
            return
        self._local._settle(plan, None, charges, blocked)
        name, totals = ticket or ('', [0.0] * len(charges))
        now = clock.shifted_monotonic()
        settled = [
            Settlement(key, name, now, total, charge)
            for key, total, charge in zip(self._keys(plan)[1:], totals, charges, strict=True)
        ]
        if name:
            self._leases.remove(name)
        may_wait = self._settlements.add(plan.server, settled)
        if blocked:
            self._add(plan.server, plan.error_limit, 0, blocked, plan.error_limit.rule)
        elif not may_wait or _is_urgent(plan, name, charges):
            self._settlements.run(plan.server, 'settle', ())

    def flush(self) -> None:
        self._settlements.send()

    def _state(self, plan: ChargePlan, use: BucketUse) -> State:
        ledger = self._settlements.run(plan.server, 'inspect', [self._key(plan.server, use)])
        if ledger:
            try:
                return make_state(
                    Rule(int(ledger['tokens']), float(ledger['window'])),
                    int(ledger['spent']),
                    int(ledger['reserved']),
                    (int(ledger['others']), float(ledger['others_return'])),
                    float(ledger['blocked']),
                    [(float(seconds), int(tokens)) for seconds, tokens in ledger['returning']],
                )
            except (ValueError, TypeError, LookupError, ArithmeticError) as error:
                LOGGER.debug('Redis returned something else than a ledger: %r', error)
        return self._local._state(plan, use)

    def _states(self) -> Iterable[tuple[str, BucketUse, State]]:
        return [(plan.server, use, self._state(plan, use)) for plan, use in list(self._seen.values())]

    def _keys(self, plan: ChargePlan) -> list[str]:
        """Return the keys of the error limit's ledger and of the plan's."""
        if plan.redis_keys is None:
            plan.redis_keys = [self._key(plan.server, use) for use in (plan.error_limit, *plan.uses)]
            self._seen.update(((plan.server, use.key), (plan, use)) for use in plan.uses)
        return plan.redis_keys

    def _key(self, server: str, use: BucketUse) -> str:
        """Return a short key without odd characters. All keys of a server are in the same slot of a cluster."""
        digest = hashlib.md5(use.key.encode(), usedforsecurity=False).hexdigest()
        return f'{self._prefix}:limits:{{{server}}}:{digest}'


def _is_reservation(result: Any, count: int) -> bool:
    """Return whether this is what `ledgers.lua` returns: something else than Redis may have responded."""
    if not isinstance(result, dict):
        return False
    if result.get('missing'):
        return True
    if 'wait' in result:
        return _is_number(result['wait']) and isinstance(result.get('under_way'), bool)
    totals = result.get('totals')
    return isinstance(totals, list) and len(totals) == count and all(map(_is_number, totals))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_urgent(plan: ChargePlan, name: str, charges: Sequence[Charge]) -> bool:
    """Return whether other processes must know at once: nothing may be sent, or a call did cost more than it holds."""
    return any(
        charge.blocked or charge.spent > (cost if name else 0) for cost, charge in zip(plan.costs, charges, strict=True)
    )
