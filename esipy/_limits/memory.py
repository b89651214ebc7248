"""MemoryLimits: ledgers of this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from esipy import clock
from esipy._limits.base import Limits
from esipy._limits.buckets import BucketUse
from esipy._limits.ledger import Charge, Ledger, State
from esipy._limits.plans import ChargePlan
from esipy._runtime import fork

#: With more ledgers than this, idle ones are dropped when another one is needed.
_MANY = 10_000

#: Stands for the total at the time of a reservation that was never made: all counts as spent meanwhile.
_MEANWHILE = -math.inf


class MemoryLimits(Limits):
    """Keeps to the limits of ESI, for all threads and clients of this process that are given the same object.

    Several processes at one address need RedisLimits. A forked child goes on with what was counted before.

    `undocumented`: the routes that are limited although neither description nor headers say so, instead of
    `esipy.limits.UNDOCUMENTED`, as {'GET /path/{id}': '300/1m'}; raises ValueError for a limit in another form.
    `address`: a name for the source address.
    """

    def __init__(self, undocumented: Mapping[str, str] | None = None, address: str = 'address') -> None:
        super().__init__(undocumented, address)
        self._lock = threading.Lock()
        self._ledgers: dict[tuple[str, str], tuple[BucketUse, Ledger]] = {}
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        """In a forked child: the reservations are the parent's."""
        self._lock = threading.Lock()
        for _, ledger in self._ledgers.values():
            ledger.forfeit(clock.shifted_monotonic())

    def forget(self) -> None:
        """Forget everything, as if nothing had been spent."""
        with self._lock:
            self._ledgers.clear()
        self._forget()

    def _reserve(self, plan: ChargePlan) -> tuple[float, Any]:
        with self._lock:
            error_limit, ledgers = plan.ledgers or self._find_ledgers(plan)
            now = clock.shifted_monotonic()
            wait = error_limit.blocked_until - now
            for ledger, cost in ledgers:
                needed = ledger.wait(cost, now)
                if needed > wait:
                    wait = needed
            if wait > 0:
                return wait, None
            ticket = []
            for ledger, cost in ledgers:
                ledger.reserved += cost
                ticket.append((ledger, cost, ledger.total))
            return 0.0, ticket

    def _settle(self, plan: ChargePlan, ticket: Any, charges: Sequence[Charge], blocked: float) -> None:
        with self._lock:
            now = clock.shifted_monotonic()
            for number, (ledger, reserved, total) in enumerate(ticket or self._unreserved(plan)):
                ledger.settle(reserved, total, charges[number], now)
            if blocked:
                error_limit = self._ledger(plan.server, plan.error_limit)
                error_limit.blocked_until = max(error_limit.blocked_until, now + blocked)

    def _find_ledgers(self, plan: ChargePlan) -> tuple[Ledger, list[tuple[Ledger, int]]]:
        """Return the error limit's ledger, and those of a plan with what it reserves of each; the plan keeps them."""
        error_limit, *ledgers = [self._ledger(plan.server, use) for use in (plan.error_limit, *plan.uses)]
        found = plan.ledgers = error_limit, list(zip(ledgers, plan.costs, strict=True))
        return found

    def _unreserved(self, plan: ChargePlan) -> list[tuple[Ledger, int, float]]:
        return [(self._ledger(plan.server, use), 0, _MEANWHILE) for use in plan.uses]

    def _state(self, plan: ChargePlan, use: BucketUse) -> State:
        with self._lock:
            return self._ledger(plan.server, use).state(clock.shifted_monotonic())

    def _states(self) -> Iterable[tuple[str, BucketUse, State]]:
        with self._lock:
            now = clock.shifted_monotonic()
            return [(server, use, ledger.state(now)) for (server, _), (use, ledger) in self._ledgers.items()]

    def _ledger(self, server: str, use: BucketUse) -> Ledger:
        known = self._ledgers.get((server, use.key))
        if known is None:
            if len(self._ledgers) >= _MANY:
                now = clock.shifted_monotonic()
                self._ledgers = {key: known for key, known in self._ledgers.items() if not known[1].is_idle(now)}
                self._plans.clear()  # they hold ledgers that are dropped
            known = self._ledgers[server, use.key] = use, Ledger(use.rule, use.kind.margin)
        return known[1]

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {len(self._ledgers)} buckets used>'


#: Shared by the clients that are given no limits of their own.
SHARED = MemoryLimits()
