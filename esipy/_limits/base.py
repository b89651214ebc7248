"""Limits: a call books what it may cost, waits if it must, and settles what it did cost.

what is spent, and when it returns     ledger.py
what a call draws from, its cost       buckets.py, hidden.py
what headers say                       headers.py
who is served next                     lines.py
where ledgers are kept                 memory.py, redis.py
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from esipy import clock
from esipy._http import RawResponse, TransportError
from esipy._limits import buckets, headers
from esipy._limits.buckets import BUCKET, ERRORS, REQUESTS, BucketUse
from esipy._limits.ledger import Outcome, Rule, State
from esipy._limits.queue import Keys, WaitQueue
from esipy._limits.undocumented import UNDOCUMENTED
from esipy._message.exchange import Exchange
from esipy._runtime import workers
from esipy._spec.model import Operation
from esipy.exceptions import EsiError, LimitedError

LOGGER = logging.getLogger('esipy.limits')

#: Seconds to stay away after a refusal that does not say for how long: from the first to the last, twice as long each
#: time in a row. Most are a hiccup, and the one that is not is a window of a minute.
UNTOLD_FIRST = 5.0
DEFAULT_RETRY_AFTER = 60.0

#: A wait for one window ends a little after it: this part of one is allowed for by default.
WINDOWS = 1.05

#: Routes, plans and users are remembered; when there are so many, from the beginning.
_MANY = 10_000


class Budget(NamedTuple):
    """One bucket, as it stands."""

    #: The group of the operations; 'errors' for the error limit; method and path for a hidden one.
    group: str
    #: The server, and whose it is: application and character, or the address.
    server: str
    who: str
    #: Tokens (for 'errors': errors, for a hidden one: requests) in a window of so many seconds.
    limit: int
    window: float
    #: Spent within the window, by us and as far as the server tells by others; held for calls under way.
    used: int
    in_flight: int
    left: int
    #: (seconds, tokens): how much comes back, and in how long.
    returns: list[tuple[float, int]]
    #: For how many seconds the server wants nothing.
    closed: float


class Estimate(NamedTuple):
    """What a number of calls will need."""

    #: All tokens of all buckets.
    tokens: int
    #: The group of the bucket that takes longest; '' where none makes anybody wait.
    group: str
    #: Until the last call can be sent, for that.
    seconds: float


class ChargePlan:
    """What calls of one operation and one user draw from.

    `route`: method and path. `keys`: who waits for the same stands in the same line. `gate`: the error limit of the
    server; where it is exceeded, nobody is served. `booked`: what is held of each draw, at most what a window has.
    """

    __slots__ = ('booked', 'bucket', 'draws', 'gate', 'held', 'keys', 'names', 'operation', 'route', 'server', 'who')

    def __init__(
        self, server: str, operation: Operation, who: str, route: str, found: tuple[BucketUse, ...], gate: BucketUse
    ) -> None:
        self.server = server
        self.operation = operation
        self.who = who
        self.route = route
        self.draws = found
        self.gate = gate
        self.keys: Keys = frozenset((server, draw.key) for draw in found)
        self.booked = tuple(min(draw.kind.most, draw.rule.tokens) for draw in found)
        #: The bucket, if that is all.
        self.bucket = found[0] if len(found) == 1 and found[0].kind is BUCKET else None
        #: What stores remember with it: the ledgers in memory, the names of those in Redis.
        self.held: Any = None
        self.names: list[str] | None = None


#: What stands for the answer to what was not sent, and to what was and has none.
_NOTHING = RawResponse(500, {}, b'', '', TransportError('not sent', unsent=True))
_LOST = RawResponse(500, {}, b'', '', TransportError('no answer'))


class Reservation:
    """One attempt: `with limits.booking(exchange, …) as booking: …; booking.settle(answer)`.

    What is not settled stays spent: nobody knows what became of it. `has_waited`: for its turn.
    """

    __slots__ = ('_exchange', '_limits', '_plan', '_ticket', 'has_waited')

    def __init__(
        self, limits: Limits, plan: ChargePlan, ticket: Any, exchange: Exchange, has_waited: bool = False
    ) -> None:
        self.has_waited = has_waited
        self._limits = limits
        self._plan = plan
        self._ticket: Any = ticket
        self._exchange = exchange

    def __enter__(self) -> Reservation:
        return self

    def settle(self, answer: RawResponse, sent: bool = True) -> None:
        """What it came to; `sent`: not if a plugin answered in the server's place."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None and self._limits.settle(self._plan, ticket, answer if sent else _NOTHING):
            self._exchange.rejections += 1

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._ticket is not None:  # an error of ours is raised before anything is sent, a plugin's mostly
            self.settle(_LOST, sent=not (isinstance(error, EsiError) or self._exchange.attempt_elapsed is None))


class Limits:
    """Base of the stores. A subclass keeps ledgers: `_book`, `_settle`, `_states`. Safe between threads.

    `hidden`: the routes that are limited without saying so, instead of `esipy._limits.undocumented.HIDDEN`, as
    {'GET /path/{id}': '300/1m'}. `address`: a name for the source address, for those who share a store and not that.
    """

    def __init__(self, hidden: Mapping[str, str] | None = None, address: str = 'address') -> None:
        self._address = address
        self._hidden: dict[str, Rule] = {}
        for route, text in (UNDOCUMENTED if hidden is None else hidden).items():
            rule = headers.rule_of(text)
            if rule is None:
                raise ValueError(f'hidden[{route!r}]: {text!r} is no limit; one is written as 300/1m')
            self._hidden[route] = rule
        self._lines = WaitQueue()
        self._forget()

    def _forget(self) -> None:
        #: What the server said of an operation: its group and rule, or None for the error limit.
        self._learned: dict[tuple[str, str], tuple[str, Rule] | None] = {}
        self._plans: dict[Any, ChargePlan] = {}
        self._doubted: set[tuple[str, str]] = set()
        #: For how long we stayed away from a route that refused the last time.
        self._stayed: dict[tuple[str, str], float] = {}

    # ------------------------------------------------------------------ what the client calls

    def reservation(self, exchange: Exchange, authorization: str | None) -> Reservation:
        """Book an attempt, as soon as it may be made. `authorization`: what it is signed with.

        Raises LimitedError, with nothing booked, where that would take longer than the exchange's `max_wait`. The
        exchange's deadline is put off by the wait.
        """
        plan = self._plan(exchange, authorization)
        if plan.keys not in self._lines.waiting:
            _, ticket = self._book(plan)
            if ticket is not None:
                return Reservation(self, plan, ticket, exchange)
        begun, exchange.was_throttled = clock.monotonic(), True
        ticket = self._wait(plan, exchange)
        if exchange.deadline is not None:
            exchange.deadline += clock.monotonic() - begun
        return Reservation(self, plan, ticket, exchange, has_waited=True)

    def settle(self, plan: ChargePlan, ticket: Any, answer: RawResponse) -> bool:
        """Count what an answer did cost, and whether it was a refusal because of a limit."""
        usual = _usual(plan, answer)
        if usual is None:
            refused = self._look_closer(plan, ticket, answer)
        else:
            refused = False
            self._settle(plan, ticket, (usual,), 0.0)
        if self._stayed and not refused:
            self._stayed.pop((plan.server, plan.route), None)
        if self._lines.waiting:
            self._lines.wake(plan.keys)
        return refused

    def _look_closer(self, plan: ChargePlan, ticket: Any, answer: RawResponse) -> bool:
        """What `settle` does with an answer that says anything else than usual."""
        said = headers.read(answer.headers, clock.time())
        for doubt in said.doubts:
            self._doubt(plan, doubt)
        refused = _is_refusal(plan, answer)
        if refused:
            LOGGER.warning('%s refuses %s: %d', plan.server, plan.route, answer.status)
            if said.retry_after is None:
                said = said._replace(retry_after=self._stay_away(plan))
        outcomes = [_outcome(draw, cost, answer, said) for draw, cost in zip(plan.draws, plan.booked, strict=True)]
        self._settle(plan, ticket, outcomes, _gate_closed(answer, said) if refused else 0.0)
        first = plan.draws[0]
        if first.kind is not BUCKET or first.group != said.group or first.rule != said.rule:
            self._learn(plan, said, answer)
        return refused

    def _stay_away(self, plan: ChargePlan) -> float:
        """Seconds to stay away, where the server does not say."""
        place = plan.server, plan.route
        seconds = min(DEFAULT_RETRY_AFTER, self._stayed.get(place, UNTOLD_FIRST / 2) * 2)
        if len(self._stayed) >= _MANY:
            self._stayed.clear()
        self._stayed[place] = seconds
        return seconds

    def budget(self, server: str | None = None) -> list[Budget]:
        """Every bucket that was drawn from (of one server), as it stands."""
        found = []
        for name, draw, state in self._states():
            if server is None or name == server:
                used = state.spent + state.foreign
                left = max(0, state.left - draw.kind.reserve)
                closed = state.closed
                found.append(
                    Budget(
                        draw.group, name, draw.who, *state.rule, used, state.booked, left, list(state.returns), closed
                    )
                )
        return found

    def estimate(self, exchanges: Iterable[tuple[Exchange, str | None]]) -> Estimate:
        """What these exchanges, with what each is signed with, will need, if no others come between."""
        calls: dict[tuple[str, str], int] = {}
        plans: dict[tuple[str, str], tuple[ChargePlan, BucketUse]] = {}
        for exchange, authorization in exchanges:
            plan = self._plan(exchange, authorization)
            for draw in plan.draws:
                place = plan.server, draw.key
                calls[place] = calls.get(place, 0) + 1
                plans[place] = plan, draw
        tokens, slowest = 0, Estimate(0, '', 0.0)
        for place, number in calls.items():
            plan, draw = plans[place]
            tokens += number * draw.kind.usual if draw.kind is BUCKET else 0
            seconds = _until(draw, self._state(plan, draw), number * draw.kind.usual)
            if seconds > slowest.seconds:
                slowest = Estimate(0, draw.group, seconds)
        return slowest._replace(tokens=tokens)

    # ------------------------------------------------------------------ what a store does

    def _book(self, plan: ChargePlan) -> tuple[float, Any]:
        """Book a plan's draws, all of them or none: 0 and a ticket, or the seconds until it is worth another try and
        None; infinite: until something is settled. The ticket is what the store wants to see again when it settles."""
        raise NotImplementedError

    def _settle(self, plan: ChargePlan, ticket: Any, outcomes: Sequence[Outcome], gate_closed: float) -> None:
        """Replace what was booked by what came of it. `ticket`: None where nothing was booked. `gate_closed`: for how
        many seconds the server serves nobody."""
        raise NotImplementedError

    def _state(self, plan: ChargePlan, draw: BucketUse) -> State:
        raise NotImplementedError

    def _states(self) -> Iterable[tuple[str, BucketUse, State]]:
        """Server, draw and state of all ledgers that this process has drawn from."""
        raise NotImplementedError

    # ------------------------------------------------------------------ waiting

    def _wait(self, plan: ChargePlan, exchange: Exchange) -> Any:
        """Stand in line, and book when it is one's turn."""
        patient = exchange.is_patient
        longest = exchange.max_wait
        if longest is None:
            longest = max(DEFAULT_RETRY_AFTER + 1, *(draw.rule.window * WINDOWS for draw in plan.draws))
        begun = clock.monotonic()
        with self._lines.join(plan.keys, float(exchange.priority)) as place:
            if not patient:
                self._check(plan, place.position, exchange.max_wait)
            while True:
                workers.raise_if_cancelled(place.woken)
                wait = math.inf
                if not place.position:
                    if patient:
                        patient, begun = False, clock.monotonic()
                    wait, ticket = self._book(plan)
                    if ticket is not None:
                        return ticket
                left = math.inf if patient else max(0.0, longest - (clock.monotonic() - begun))
                if wait > left:
                    self._check(plan, 0, left)
                if not left:
                    raise self._refusal(plan, None, plan.draws[0])
                place.sleep(min(wait, left))

    def _check(self, plan: ChargePlan, ahead: int, longest: float | None) -> None:
        """Raise LimitedError if it is plain already that it will take longer. None: than one window, or than the
        minute for which a refusal may send us away."""
        closed = self._state(plan, plan.gate).closed
        if closed > (DEFAULT_RETRY_AFTER + 1 if longest is None else longest):
            raise self._refusal(plan, closed, plan.gate)
        for draw, booked in zip(plan.draws, plan.booked, strict=True):
            state = self._state(plan, draw)
            seconds = _until(draw, state, ahead * draw.kind.usual + booked)
            usual = max(state.rule.window * WINDOWS, DEFAULT_RETRY_AFTER + 1 if state.closed else 0.0)
            if seconds > (usual if longest is None else longest):
                raise self._refusal(plan, seconds, draw)

    def _refusal(self, plan: ChargePlan, seconds: float | None, draw: BucketUse) -> LimitedError:
        status = 420 if draw.kind is ERRORS else 429
        reason = f'not sent: {draw.group} of {draw.who} has no room' + (f' for {seconds:.1f} s' if seconds else '')
        error = LimitedError(
            f'{plan.server} {plan.route}',
            status,
            response=json.dumps({'error': reason}).encode(),
            retry_after=seconds,
            limit=draw.group,
        )
        error.add_note('max_wait= is how long a call may wait for its turn')
        return error

    # ------------------------------------------------------------------ which ledgers

    def _plan(self, exchange: Exchange, authorization: str | None) -> ChargePlan:
        request = exchange.request
        operation = request.operation
        who = buckets.user(authorization, not operation.security, self._address) if authorization else self._address
        key = operation, exchange.opt.get('url_netloc') if exchange.opt else None, who
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _MANY:
                self._plans.clear()
            server = exchange.opt.get('url_netloc') or urlsplit(operation.base_url).netloc
            plan = self._plans[key] = self._made(server.rpartition('@')[2].lower(), operation, who)
        return plan

    def _made(self, server: str, operation: Operation, who: str) -> ChargePlan:
        route = f'{operation.method} {operation.path.rstrip("/")}'
        gate = BucketUse(f'errors {self._address}', ERRORS, headers.ERRORS, 'errors', self._address)
        described = operation.rate_limit
        bucket = described and (described.group, Rule(described.tokens, described.window))
        bucket = self._learned.get((server, route), bucket)
        found = [gate if bucket is None else BucketUse(f'group {bucket[0]} {who}', BUCKET, bucket[1], bucket[0], who)]
        hidden = self._hidden.get(route)
        if hidden is not None:
            found.append(BucketUse(f'route {route} {self._address}', REQUESTS, hidden, route, self._address))
        return ChargePlan(server, operation, who, route, tuple(found), gate)

    def _learn(self, plan: ChargePlan, said: headers.RateLimitHeaders, answer: RawResponse) -> None:
        """What the server says of an operation goes before its description, from the next call on."""
        first = plan.draws[0]
        if said.group is not None and said.rule is not None:
            self._remember(self._learned, (plan.server, plan.route), (said.group[:100], said.rule))
        elif first.kind is BUCKET and said.errors_left is not None and answer.status not in (420, 429):
            self._remember(self._learned, (plan.server, plan.route), None)
        elif answer.status == 429 and len(plan.draws) == 1 and first.kind is ERRORS:
            self._remember(self._hidden, plan.route, Rule(10**9, DEFAULT_RETRY_AFTER))
        else:
            return
        drawn = {draw.key for draw in plan.draws}
        # What was not drawn from was not booked, and knows of this answer only now.
        new = self._made(plan.server, plan.operation, plan.who)
        fresh = tuple(draw for draw in new.draws if draw.key not in drawn)
        late = ChargePlan(plan.server, plan.operation, plan.who, plan.route, fresh, plan.gate)
        self._settle(late, None, [_outcome(draw, 0, answer, said) for draw in fresh], 0.0)

    def _remember(self, known: dict[Any, Any], name: Any, value: Any) -> None:
        if len(known) >= _MANY:
            known.clear()
        known[name] = value
        self._plans.clear()

    def _doubt(self, plan: ChargePlan, doubt: str) -> None:
        """What makes no sense is told once for each server and header."""
        name = doubt.partition(':')[0]
        if (plan.server, name) not in self._doubted:
            self._doubted.add((plan.server, name))
            LOGGER.warning('%s says %s: not believed (told once)', plan.server, doubt)


def _usual(plan: ChargePlan, answer: RawResponse) -> Outcome | None:
    """What nearly every answer comes to, in a fraction of the time: it was served, and says of the one bucket that it
    was drawn from by which rule, and what is left, spelled as ESI does. None: look closer."""
    draw, status = plan.bucket, answer.status
    if draw is None:
        return None
    try:
        group, limit, remaining, used = _TOLD(answer.headers)
        left = int(remaining)
        whole = left + int(used)
    except (KeyError, ValueError):
        return None
    rule = draw.rule
    if group != draw.group or headers.rule_of(limit) != rule or whole > rule.tokens:
        return None
    digits = remaining + used
    if not (digits.isdecimal() and digits.isascii()) or 'Retry-After' in answer.headers:
        return None
    if status >= 400 or answer.lost or answer.redirects:
        return None
    return Outcome(BUCKET.cost(status), None, rule.tokens - left, rule)


#: The headers of a bucket, as ESI spells them.
_TOLD = itemgetter('X-Ratelimit-Group', 'X-Ratelimit-Limit', 'X-Ratelimit-Remaining', 'X-Ratelimit-Used')


def _outcome(draw: BucketUse, booked: int, answer: RawResponse, said: headers.RateLimitHeaders) -> Outcome:
    """What an answer says of one ledger."""
    kind, status = draw.kind, answer.status
    # What led to it: requests whose answers nobody has seen, and redirects.
    before = answer.lost * kind.most + answer.redirects * kind.cost(302) if answer.lost or answer.redirects else 0
    if answer.failure is not None and isinstance(answer.failure, TransportError):
        return Outcome(before + (0 if answer.failure.unsent else booked))
    if kind is ERRORS:
        used = None if said.errors_left is None else draw.rule.tokens - said.errors_left
        # The window's end is told in whole seconds: it may be one later.
        returns = None if said.errors_reset is None else said.errors_reset + 1.0
        return Outcome(before + kind.cost(status), returns, used)
    away = said.retry_after or 0.0
    if kind is REQUESTS:
        return Outcome(before + 1, closed=away if status in (429, 520) else 0.0)
    rule = said.rule if said.group is None or said.group == draw.group else None
    used = None if said.remaining is None or rule is None else rule.tokens - said.remaining
    return Outcome(before + kind.cost(status), None, used, rule, away if status == 429 else 0.0)


def _is_refusal(plan: ChargePlan, answer: RawResponse) -> bool:
    """Whether a limit is the reason of an answer; routes with a hidden one say so with 520 too."""
    return answer.status in (420, 429) or (answer.status == 520 and any(draw.kind is REQUESTS for draw in plan.draws))


def _gate_closed(answer: RawResponse, said: headers.RateLimitHeaders) -> float:
    """After a 420 nobody is served until the window of errors ends: how many seconds that is."""
    if answer.status != 420:
        return 0.0
    if said.errors_reset is not None:
        return said.errors_reset + 1.0
    return said.retry_after or 0.0


def _until(draw: BucketUse, state: State, tokens: int) -> float:
    """Seconds until so many tokens can have been spent. What one call may cost beyond the usual stays unused."""
    kind = draw.kind
    kept = kind.reserve + (kind.most - kind.usual if kind is BUCKET else 0)
    return state.until(tokens, min(kept, state.rule.tokens - 1), kind.usual / kind.most)
