"""Limits: a call reserves what it may cost, waits if it must, and settles what it did cost.

how long a call waits, and where          Limits._wait in this file, ledger.py
what is spent, and when it returns        ledger.py, ledgers.lua (the same in Redis)
what a call costs, and whose bucket       buckets.py
which ledgers a call uses                 plans.py, undocumented.py
what the headers of a response say        headers.py
what a response costs in a ledger         charges.py
which call is served next                 queue.py
where ledgers are stored                  memory.py, redis.py (with redis_script.py, leases.py, settlements.py)
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from esipy import clock
from esipy._http import RawResponse
from esipy._limits import headers
from esipy._limits.buckets import BUCKET, ERRORS, BucketUse
from esipy._limits.charges import NO_RESPONSE, NOT_SENT, charge_of, error_limit_blocked, is_rejection
from esipy._limits.ledger import Charge, State
from esipy._limits.plans import DEFAULT_RETRY_AFTER, ChargePlan, Plans
from esipy._limits.queue import WaitQueue
from esipy._message.exchange import Exchange
from esipy._runtime import workers
from esipy._runtime.log_fields import log_fields
from esipy._runtime.resilience import LogOnce
from esipy._runtime.steps import RATE_LIMIT_WAIT, step
from esipy.exceptions import EsiError, LimitedError

LOGGER = logging.getLogger('esipy.limits')

#: Backoff in seconds after a rejection without Retry-After; doubles with each consecutive one, from
#: FIRST_RETRY_AFTER to DEFAULT_RETRY_AFTER. Most rejections are a hiccup; the others mean a window of a minute.
FIRST_RETRY_AFTER = 5.0

#: The default of `max_wait`, in windows: a wait for one window ends a little later than the window.
WINDOWS = 1.05

#: Routes that rejected are remembered; if there are so many, all are forgotten.
_MANY = 10_000


class Budget(NamedTuple):
    """One bucket, as it stands."""

    #: The group of the operations; 'errors' for the error limit; method and path for an undocumented limit.
    group: str
    #: The server, and whose bucket it is: application and character, or the address.
    server: str
    who: str
    #: Tokens ('errors': errors; undocumented limits: requests) in a window of so many seconds.
    limit: int
    window: float
    #: Spent within the window, by this application and, as far as the server's headers show, by others.
    used: int
    #: Reserved for calls under way.
    in_flight: int
    left: int
    #: (seconds, tokens): how much returns, and in how long.
    replenishes: list[tuple[float, int]]
    #: For how many seconds nothing may be sent.
    blocked_for: float


class Estimate(NamedTuple):
    """What a number of calls will need."""

    #: All tokens of all buckets.
    tokens: int
    #: The group of the bucket that takes longest; '' if no call has to wait.
    group: str
    #: Until the last call can be sent, because of that bucket.
    seconds: float


class Reservation:
    """One attempt: it is settled when there is a response, and abandoned after an error.

    `has_waited`: the call waited in the queue.
    """

    __slots__ = ('_exchange', '_limits', '_plan', '_ticket', 'has_waited')

    def __init__(
        self, limits: Limits, plan: ChargePlan, ticket: Any, exchange: Exchange, has_waited: bool = False
    ) -> None:
        self.has_waited = has_waited
        self._limits = limits
        self._plan = plan
        self._ticket = ticket
        self._exchange = exchange

    def settle(self, raw: RawResponse, sent: bool = True) -> None:
        """Replace what was reserved by what the response cost. `sent`: False if a plugin responded in the server's
        place."""
        limits, plan, blocked = self._limits, self._plan, 0.0
        if not sent:
            raw = NOT_SENT
        seen = headers.parse(raw.headers, clock.time)
        if seen.invalid:
            limits._report_invalid(plan, seen)
        if raw.status >= 400 and is_rejection(plan, raw):
            self._exchange.rejections += 1
            limits._report_rejection(plan, raw)
            if seen.retry_after is None:
                seen = seen._replace(retry_after=limits._backoff(plan))
            blocked = error_limit_blocked(raw, seen)
        elif limits._backoffs:
            limits._backoffs.pop((plan.server, plan.route), None)
        limits._settle(plan, self._ticket, [charge_of(use, raw, seen) for use in plan.uses], blocked)
        missed = limits._plans.learn(plan, seen, raw)
        if missed is not None:
            limits._settle(missed, None, [charge_of(use, raw, seen) for use in missed.uses], 0.0)
        if limits._queue.waiting:
            limits._queue.wake(plan.keys)

    def abandon(self, error: BaseException) -> None:
        """Count all that was reserved as spent, because the cost is unknown. An error of esipy is raised before
        anything is sent, mostly by a plugin: then nothing is spent."""
        self.settle(NO_RESPONSE, sent=not (isinstance(error, EsiError) or self._exchange.attempt_elapsed is None))


class Limits:
    """Base of the stores. A subclass keeps ledgers: `_reserve`, `_settle`, `_state`, `_states`. Safe between threads.

    `undocumented`: the routes that are limited although neither description nor headers say so, instead of
    `esipy.limits.UNDOCUMENTED`, as {'GET /path/{id}': '300/1m'}. `address`: a name for the source address, for programs
    that share a store and not the address.
    """

    def __init__(self, undocumented: Mapping[str, str] | None = None, address: str = 'address') -> None:
        self._plans = Plans(undocumented, address)
        self._queue = WaitQueue()
        self._forget()

    def _forget(self) -> None:
        self._plans.forget()
        self._log_once = LogOnce(LOGGER)
        #: The last backoff of each route that rejected the last time.
        self._backoffs: dict[tuple[str, str], float] = {}

    # ------------------------------------------------------------------ what the client calls

    def reservation(self, exchange: Exchange, authorization: str | None) -> Reservation:
        """Reserve what an attempt may cost, as soon as there is room. `authorization`: what it is signed with.

        Raises LimitedError, with nothing reserved, if that would take longer than the exchange's `max_wait`. The
        exchange's deadline is put off by the wait.
        """
        plan = self._plans.of(exchange, authorization)
        if plan.keys not in self._queue.waiting:
            _, ticket = self._reserve(plan)
            if ticket is not None:
                return Reservation(self, plan, ticket, exchange)
        begun, exchange.was_throttled = clock.monotonic(), True
        with step(RATE_LIMIT_WAIT, bucket=plan.groups):
            ticket = self._wait(plan, exchange)
        waited = clock.monotonic() - begun
        if exchange.deadline is not None:
            exchange.deadline += waited
        if LOGGER.isEnabledFor(logging.DEBUG):
            fields = log_fields(plan.operation.id, wait=waited, bucket=plan.groups)
            LOGGER.debug('%s waited %.1f s for the rate limit %s', plan.route, waited, plan.groups, extra=fields)
        return Reservation(self, plan, ticket, exchange, has_waited=True)

    def _report_invalid(self, plan: ChargePlan, seen: headers.RateLimitHeaders) -> None:
        for problem in seen.invalid:
            self._log_once.warning(
                (plan.server, problem.partition(':')[0]),
                'ignoring an implausible rate-limit header from %s: %s (logged once)',
                plan.server,
                problem,
            )

    def _report_rejection(self, plan: ChargePlan, raw: RawResponse) -> None:
        LOGGER.warning(
            '%s rejected %s because of a rate limit: status %d',
            plan.server,
            plan.route,
            raw.status,
            extra=log_fields(plan.operation.id, status=raw.status, bucket=plan.groups, headers=raw.headers),
        )

    def _backoff(self, plan: ChargePlan) -> float:
        """Return the seconds to stay away after a rejection without Retry-After."""
        route = plan.server, plan.route
        seconds = min(DEFAULT_RETRY_AFTER, self._backoffs.get(route, FIRST_RETRY_AFTER / 2) * 2)
        if len(self._backoffs) >= _MANY:
            self._backoffs.clear()
        self._backoffs[route] = seconds
        return seconds

    def budget(self, server: str | None = None) -> list[Budget]:
        """Return every bucket that was used (of one server), as it stands."""
        budgets = []
        for name, use, state in self._states():
            if server is None or name == server:
                used = state.spent + state.used_by_others
                left = max(0, state.left - use.kind.margin)
                returns = list(state.replenishes)
                budgets.append(
                    Budget(
                        use.group, name, use.who, *state.rule, used, state.reserved, left, returns, state.blocked_for
                    )
                )
        return budgets

    def flush(self) -> None:
        """Send to the store at once what only this process knows. `EsiClient.close` and the end of a process do it."""

    def estimate(self, exchanges: Iterable[tuple[Exchange, str | None]]) -> Estimate:
        """Return what these exchanges, with what each is signed with, will need if no others come between."""
        numbers: dict[tuple[str, str], int] = {}
        plans: dict[tuple[str, str], tuple[ChargePlan, BucketUse]] = {}
        for exchange, authorization in exchanges:
            plan = self._plans.of(exchange, authorization)
            for use in plan.uses:
                ledger = plan.server, use.key
                numbers[ledger] = numbers.get(ledger, 0) + 1
                plans[ledger] = plan, use
        tokens, slowest = 0, Estimate(0, '', 0.0)
        for ledger, number in numbers.items():
            plan, use = plans[ledger]
            tokens += number * use.kind.expected_cost if use.kind is BUCKET else 0
            seconds = _expected_wait(use, self._state(plan, use), number)
            if seconds > slowest.seconds:
                slowest = Estimate(0, use.group, seconds)
        return slowest._replace(tokens=tokens)

    # ------------------------------------------------------------------ what a store does

    def _reserve(self, plan: ChargePlan) -> tuple[float, Any]:
        """Reserve a plan's costs, all of them or none. Returns 0 and a ticket, or the seconds until it is worth another
        try and None; infinite: until something is settled. The store gets the ticket back when it settles."""
        raise NotImplementedError

    def _settle(self, plan: ChargePlan, ticket: Any, charges: Sequence[Charge], blocked: float) -> None:
        """Replace what was reserved by the charges. `ticket`: None if nothing was reserved. `blocked`: for how many
        seconds the server rejects everything."""
        raise NotImplementedError

    def _state(self, plan: ChargePlan, use: BucketUse) -> State:
        raise NotImplementedError

    def _states(self) -> Iterable[tuple[str, BucketUse, State]]:
        """Return server, bucket use and state of all ledgers that this process has used."""
        raise NotImplementedError

    # ------------------------------------------------------------------ waiting

    def _wait(self, plan: ChargePlan, exchange: Exchange) -> Any:
        """Join the queue, and reserve when the call is at its head. Returns the ticket.

        A `max_wait` counts from now; the default, one window, from when the call is at the head of the queue.
        """
        max_wait = exchange.max_wait
        begun: float | None = None if max_wait is None else clock.monotonic()
        if max_wait is None:
            max_wait = max(DEFAULT_RETRY_AFTER + 1, *(use.rule.window * WINDOWS for use in plan.uses))
        with self._queue.join(plan.keys, float(exchange.priority)) as waiter:
            if begun is not None:
                self._check(plan, waiter.position, max_wait)
            while True:
                workers.raise_if_cancelled(waiter.woken)
                wait = math.inf
                if not waiter.position:
                    begun = clock.monotonic() if begun is None else begun
                    wait, ticket = self._reserve(plan)
                    if ticket is not None:
                        return ticket
                left = math.inf if begun is None else max(0.0, max_wait - (clock.monotonic() - begun))
                if wait > left:
                    self._check(plan, 0, left)
                if not left:
                    raise self._limited(plan, None, plan.uses[0])
                waiter.sleep(min(wait, left))

    def _check(self, plan: ChargePlan, position: int, max_wait: float) -> None:
        """Raise LimitedError if a call at that position of the queue is expected to wait for longer."""
        blocked = self._state(plan, plan.error_limit).blocked_for
        if blocked > max_wait:
            raise self._limited(plan, blocked, plan.error_limit)
        for use in plan.uses:
            seconds = _expected_wait(use, self._state(plan, use), position + 1)
            if seconds > max_wait:
                raise self._limited(plan, seconds, use)

    def _limited(self, plan: ChargePlan, seconds: float | None, use: BucketUse) -> LimitedError:
        status = 420 if use.kind is ERRORS else 429
        more = f' for another {seconds:.1f} s' if seconds else ''
        reason = f'request not sent: the rate limit {use.group!r} (counted for {use.who}) is exhausted{more}'
        error = LimitedError(
            f'{plan.server} {plan.route}',
            status,
            response=json.dumps({'error': reason}).encode(),
            retry_after=seconds,
            limit=use.group,
            remedy=f'try again {"then" if seconds else "later"}, or let the call wait longer: max_wait=, in seconds',
        )
        return error

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'


def _expected_wait(use: BucketUse, state: State, calls: int) -> float:
    """Return the seconds until the last of so many calls can be sent, if each costs what most calls do.

    A call reserves the most that it may cost. So the last tokens of a window cannot be used: of 30, 13 calls that cost
    2 use 26, since a 14th would need 5.
    """
    kind, tokens = use.kind, state.rule.tokens
    usable = tokens - kind.margin
    if kind.expected_cost:
        reserved = min(kind.max_cost, usable)
        usable = ((usable - reserved) // kind.expected_cost + 1) * kind.expected_cost
    settles_to = kind.expected_cost / kind.max_cost
    return state.until(calls * kind.expected_cost, max(0, min(tokens - usable, tokens - 1)), settles_to)
