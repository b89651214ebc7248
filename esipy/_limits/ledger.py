"""One bucket: what a window allows, what is spent of it, and when that returns. Pure: the time is an argument.

The server counts in a sliding window: a token that was spent returns one window later
(https://developers.eveonline.com/docs/services/esi/rate-limiting/). The server spends it when it responds, and the
response arrives a moment later, so that by our count no token returns too early.

Before a call is sent it reserves the most that it may cost; when the response is there, the reservation is replaced by
what the call cost. So however many calls are under way at once, together they never cost more than the bucket has.
`ledgers.lua` has the same rules for Redis.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import Any, NamedTuple

#: A window is divided into so many parts; the tokens that return within one part return together, at its end. So a
#: ledger has at most so many entries.
RESOLUTION = 128


class Rule(NamedTuple):
    """So many tokens (or errors, or requests) in a window of so many seconds."""

    tokens: int
    window: float


class Charge(NamedTuple):
    """What one response costs in a ledger, and what its headers report."""

    #: What the call cost.
    spent: int
    #: In how many seconds that returns; None: in one window.
    replenishes: float | None = None
    #: What is used within the window by us and by others, as the server counts.
    used: int | None = None
    #: The rule, if the headers have it.
    rule: Rule | None = None
    #: For how many seconds nothing may be sent.
    blocked: float = 0.0


class State(NamedTuple):
    """A ledger as it stands at some moment."""

    rule: Rule
    #: By us, within the window.
    spent: int
    #: For calls that are under way.
    reserved: int
    #: As far as the server's headers show.
    used_by_others: int
    #: For how many seconds nothing may be sent.
    blocked_for: float
    #: (seconds, tokens): how much returns, and in how long, the earliest first.
    replenishes: list[tuple[float, int]]

    @property
    def left(self) -> int:
        return max(0, self.rule.tokens - self.spent - self.reserved - self.used_by_others)

    def until(self, tokens: int, unusable: int, settles_to: float) -> float:
        """Return the seconds until `tokens` more have been spent, if each is spent as soon as possible.

        `unusable`: what cannot be used of a window; `settles_to`: which part of what is reserved will be spent. From
        the second window on everything repeats itself: what is spent at some moment can be spent again a window later.
        """
        usable = max(1, self.rule.tokens - unusable)
        windows, rest = divmod(max(1, tokens) - 1, usable)
        available: float = usable - self.spent - self.used_by_others - self.reserved * settles_to
        at = self.blocked_for
        for seconds, returned in self.replenishes:
            if available > rest:
                break
            available += returned
            at = max(self.blocked_for, seconds)
        if available <= rest:
            at = max(self.blocked_for, self.rule.window)
        return at + windows * self.rule.window


class Ledger:
    """One bucket. `margin`: what is never spent of it. Threads that share it need a lock."""

    __slots__ = (
        '_entries',
        '_others',
        '_others_until',
        '_rule',
        '_step',
        '_usable',
        'blocked_until',
        'margin',
        'reserved',
        'spent',
        'total',
    )

    def __init__(self, rule: Rule, margin: int = 0) -> None:
        self.margin = margin
        self.rule = rule
        self.spent = 0
        self.reserved = 0
        #: Ever spent.
        self.total = 0
        #: Nothing may be sent before.
        self.blocked_until = -math.inf
        #: [when it returns, tokens], the earliest first.
        self._entries: deque[list[Any]] = deque()
        self._others = 0
        self._others_until = 0.0

    @property
    def rule(self) -> Rule:
        return self._rule

    @rule.setter
    def rule(self, rule: Rule) -> None:
        self._rule = rule
        self._step = rule.window / RESOLUTION
        #: What may be spent of a window: at least one token.
        self._usable = max(1, rule.tokens - self.margin)

    def wait(self, cost: int, now: float) -> float:
        """Return the seconds until `cost` may be reserved: 0 now, infinite if that depends on calls under way."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if cost + self.spent + self.reserved + self._others <= self._usable:
            return 0.0
        self._advance(now)
        missing = cost + self.spent + self.reserved + self._others - self._usable
        missing -= max(0, cost - self._usable)  # a call that costs more than a window waits until that is empty
        if missing <= 0:
            return 0.0
        others = [[self._others_until, self._others]] if self._others else []
        returns: float
        for returns, tokens in heapq.merge(self._entries, others):
            missing -= tokens
            if missing <= 0:
                return returns - now
        return math.inf

    def _advance(self, now: float) -> None:
        entries = self._entries
        while entries and entries[0][0] <= now:
            self.spent -= entries.popleft()[1]
        if self._others and self._others_until <= now:
            self._others = 0

    def settle(self, reserved: int, total: float, charge: Charge, now: float) -> None:
        """Replace the tokens that were `reserved` for a call by its charge. `total`: those that had ever been spent
        when it reserved them."""
        spent, after, used, rule, blocked = charge
        self.reserved = max(0, self.reserved - reserved)
        if self._entries and self._entries[0][0] <= now:
            self._advance(now)
        if rule is not None and rule != self._rule:
            self.rule = rule
        returns = now + (self._rule.window if after is None else after)
        if spent:
            self._spend(spent, returns)
        if used is not None:
            # What goes beyond ours is used by others, or by calls that are still under way here: the next response
            # shows which.
            self._others, self._others_until = max(0, used - self.spent), returns
            if used < self.spent:
                self._forget(self.spent - used - (self.total - total))
        if blocked:
            self.blocked_until = max(self.blocked_until, now + blocked)

    def _spend(self, tokens: int, returns: float) -> None:
        entries = self._entries
        if entries and entries[-1][0] >= returns:
            entries[-1][1] += tokens
        else:
            entries.append([math.ceil(returns / self._step) * self._step, tokens])
        self.spent += tokens
        self.total += tokens

    def _forget(self, forgotten: float) -> None:
        """Remove so many tokens, those that return first: the server counts fewer than we do of what was spent before
        the call was sent."""
        while forgotten > 0 and self._entries:
            back, tokens = self._entries.popleft()
            taken = min(tokens, int(forgotten))
            forgotten -= taken
            self.spent -= taken
            if taken < tokens:
                self._entries.appendleft([back, tokens - taken])

    def forfeit(self, now: float) -> None:
        """Count what is reserved as spent: it will not be settled here, and nobody knows what it costs."""
        if self.reserved:
            self._spend(self.reserved, now + self.rule.window)
            self.reserved = 0

    def is_idle(self, now: float) -> bool:
        """Return whether the ledger holds nothing that matters."""
        self._advance(now)
        return not (self.spent or self.reserved or self._others or now < self.blocked_until)

    def state(self, now: float) -> State:
        self._advance(now)
        returns = [(back - now, tokens) for back, tokens in self._entries]
        return make_state(
            self.rule,
            self.spent,
            self.reserved,
            (self._others, self._others_until - now),
            self.blocked_until - now,
            returns,
        )


def make_state(
    rule: Rule,
    spent: int,
    reserved: int,
    others: tuple[int, float],
    blocked_for: float,
    replenishes: list[tuple[float, int]],
) -> State:
    """Return the State of these figures.

    `others`: the tokens that other programs have used, and the seconds until they return. They may contain calls under
    way, which are in `reserved` already.
    """
    used, returns_in = others
    used = max(0, used - reserved)
    if used:
        replenishes = sorted([*replenishes, (returns_in, used)])
    return State(rule, spent, reserved, used, max(0.0, blocked_for), replenishes)
