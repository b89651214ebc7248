"""MemoryLimits: ledgers of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from esipy import clock, fork
from esipy.limits.base import Limits, Plan, Ticket
from esipy.limits.draws import Draw
from esipy.limits.ledger import Ledger, Outcome, State

#: With more ledgers than this, those at rest are dropped when a new one is made.
_MANY = 10_000


class MemoryLimits(Limits):
    """Keeps to the limits of ESI, for all threads and clients of this process that are given the same object.

    Several processes at one address need RedisLimits. A forked child goes on with what was counted before.
    """

    def __init__(self, hidden: Mapping[str, str] | None = None, address: str = 'address') -> None:
        super().__init__(hidden, address)
        self._lock = threading.Lock()
        self._ledgers: dict[tuple[str, str], tuple[Draw, Ledger]] = {}
        fork.renew_after(self)

    def _renew(self) -> None:
        """In a forked child: what is booked is the parent's."""
        self._lock = threading.Lock()
        for _, ledger in self._ledgers.values():
            ledger.strand(clock.steady())

    def forget(self) -> None:
        """Begin anew, as if nothing had been spent."""
        with self._lock:
            self._ledgers.clear()
        self._forget()

    def _book(self, plan: Plan) -> tuple[float, Ticket | None]:
        with self._lock:
            gate, costs = plan.held or self._hold(plan)
            now = clock.steady()
            wait = gate.closed_until - now
            for ledger, cost in costs:
                seconds = ledger.wait(cost, now)
                if seconds > wait:
                    wait = seconds
            if wait > 0:
                return wait, None
            for ledger, cost in costs:
                ledger.booked += cost
            return 0.0, Ticket(plan.booked, [ledger.total for ledger, _ in costs])

    def _settle(self, plan: Plan, ticket: Ticket, outcomes: Sequence[Outcome], gate_closed: float) -> None:
        with self._lock:
            gate, costs = plan.held or self._hold(plan)
            now = clock.steady()
            for number, (ledger, _) in enumerate(costs):
                ledger.settle(ticket.booked[number], ticket.totals[number], outcomes[number], now)
            if gate_closed:
                gate.closed_until = max(gate.closed_until, now + gate_closed)

    def _hold(self, plan: Plan) -> tuple[Ledger, list[tuple[Ledger, int]]]:
        """The gate's ledger, and those of a plan with what is booked of each, which it keeps from now on."""
        gate, *ledgers = [self._ledger(plan.server, draw) for draw in (plan.gate, *plan.draws)]
        held = plan.held = gate, list(zip(ledgers, plan.booked, strict=True))
        return held

    def _state(self, plan: Plan, draw: Draw) -> State:
        with self._lock:
            return self._ledger(plan.server, draw).state(clock.steady())

    def _states(self) -> Iterable[tuple[str, Draw, State]]:
        with self._lock:
            now = clock.steady()
            return [(server, draw, ledger.state(now)) for (server, _), (draw, ledger) in self._ledgers.items()]

    def _ledger(self, server: str, draw: Draw) -> Ledger:
        known = self._ledgers.get((server, draw.key))
        if known is None:
            if len(self._ledgers) >= _MANY:
                now = clock.steady()
                self._ledgers = {key: known for key, known in self._ledgers.items() if not known[1].is_idle(now)}
                self._plans.clear()  # which hold those that are gone
            known = self._ledgers[server, draw.key] = draw, Ledger(draw.rule, draw.kind.reserve)
        return known[1]


#: What clients share that are given none of their own.
SHARED = MemoryLimits()
