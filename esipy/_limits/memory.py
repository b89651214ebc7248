"""MemoryLimits: ledgers of this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from esipy import clock
from esipy._limits.base import ChargePlan, Limits
from esipy._limits.buckets import BucketUse
from esipy._limits.ledger import Ledger, Outcome, State
from esipy._runtime import fork

#: With more ledgers than this, those at rest are dropped when a new one is made.
_MANY = 10_000

#: What a ledger takes for "all that was spent was spent meanwhile": nobody booked, and so nobody knows.
_MEANWHILE = -math.inf


class MemoryLimits(Limits):
    """Keeps to the limits of ESI, for all threads and clients of this process that are given the same object.

    Several processes at one address need RedisLimits. A forked child goes on with what was counted before.
    """

    def __init__(self, hidden: Mapping[str, str] | None = None, address: str = 'address') -> None:
        super().__init__(hidden, address)
        self._lock = threading.Lock()
        self._ledgers: dict[tuple[str, str], tuple[BucketUse, Ledger]] = {}
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        """In a forked child: what is booked is the parent's."""
        self._lock = threading.Lock()
        for _, ledger in self._ledgers.values():
            ledger.strand(clock.shifted_monotonic())

    def forget(self) -> None:
        """Begin anew, as if nothing had been spent."""
        with self._lock:
            self._ledgers.clear()
        self._forget()

    def _book(self, plan: ChargePlan) -> tuple[float, Any]:
        with self._lock:
            gate, ledgers = plan.held or self._hold(plan)
            now = clock.shifted_monotonic()
            wait = gate.closed_until - now
            ticket = []
            for ledger, cost in ledgers:
                wait = max(wait, ledger.wait(cost, now))
                ticket.append((ledger, cost, ledger.total))
            if wait > 0:
                return wait, None
            for ledger, cost, _ in ticket:
                ledger.booked += cost
            return 0.0, ticket

    def _settle(self, plan: ChargePlan, ticket: Any, outcomes: Sequence[Outcome], gate_closed: float) -> None:
        with self._lock:
            now = clock.shifted_monotonic()
            for number, (ledger, booked, total) in enumerate(ticket or self._unbooked(plan)):
                ledger.settle(booked, total, outcomes[number], now)
            if gate_closed:
                gate = self._ledger(plan.server, plan.gate)
                gate.closed_until = max(gate.closed_until, now + gate_closed)

    def _hold(self, plan: ChargePlan) -> tuple[Ledger, list[tuple[Ledger, int]]]:
        """The gate's ledger, and those of a plan with what is booked of each, which it keeps from now on."""
        gate, *ledgers = [self._ledger(plan.server, draw) for draw in (plan.gate, *plan.draws)]
        held = plan.held = gate, list(zip(ledgers, plan.booked, strict=True))
        return held

    def _unbooked(self, plan: ChargePlan) -> list[tuple[Ledger, int, float]]:
        return [(self._ledger(plan.server, draw), 0, _MEANWHILE) for draw in plan.draws]

    def _state(self, plan: ChargePlan, draw: BucketUse) -> State:
        with self._lock:
            return self._ledger(plan.server, draw).state(clock.shifted_monotonic())

    def _states(self) -> Iterable[tuple[str, BucketUse, State]]:
        with self._lock:
            now = clock.shifted_monotonic()
            return [(server, draw, ledger.state(now)) for (server, _), (draw, ledger) in self._ledgers.items()]

    def _ledger(self, server: str, draw: BucketUse) -> Ledger:
        known = self._ledgers.get((server, draw.key))
        if known is None:
            if len(self._ledgers) >= _MANY:
                now = clock.shifted_monotonic()
                self._ledgers = {key: known for key, known in self._ledgers.items() if not known[1].is_idle(now)}
                self._plans.clear()  # which hold those that are gone
            known = self._ledgers[server, draw.key] = draw, Ledger(draw.rule, draw.kind.reserve)
        return known[1]


#: What clients share that are given none of their own.
SHARED = MemoryLimits()
