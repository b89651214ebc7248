"""What a window allows, what is spent of it, and when it comes back. Pure: the time comes in with every question.

The server counts in a sliding window: a token that was spent comes back one window later
(https://developers.eveonline.com/docs/services/esi/rate-limiting/). It spends when it answers, and we know of that
a moment later, so that by our count nothing is ever back too early.

A call books the most that it may cost before it is sent; when its answer is there, that is replaced by what it
did cost. So however many are under way at once, together they never cost more than there is.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import Any, NamedTuple

#: What comes back within this part of a window comes back at once, at its end: a ledger has at most so many entries.
RESOLUTION = 128


class Rule(NamedTuple):
    """So many tokens (or errors, or requests) in a window of so many seconds."""

    tokens: int
    window: float


class Outcome(NamedTuple):
    """What an answer says of one ledger."""

    #: What the call did cost.
    spent: int
    #: In how many seconds that comes back; None: in one window.
    returns: float | None = None
    #: What is used within the window, as the server sees it, by us and by others.
    used: int | None = None
    #: The rule, if the server told it.
    rule: Rule | None = None
    #: For how many seconds nothing may be sent.
    closed: float = 0.0


class State(NamedTuple):
    """A ledger as it stands at some moment."""

    rule: Rule
    #: By us, within the window.
    spent: int
    #: For calls that are under way.
    booked: int
    #: Used by others, as far as the server's headers show.
    foreign: int
    #: For how many seconds nothing may be sent.
    closed: float
    #: (seconds, tokens): what comes back, and in how long, the earliest first.
    returns: list[tuple[float, int]]

    @property
    def left(self) -> int:
        return max(0, self.rule.tokens - self.spent - self.booked - self.foreign)

    def until(self, tokens: int, kept: int, settles_to: float) -> float:
        """Seconds until so many more `tokens` can have been spent.

        `kept`: what cannot be used of a window; `settles_to`: which part of what is booked will be spent. From the
        second window on everything repeats itself: what is spent at some moment can be spent again a window later.
        """
        whole = max(1, self.rule.tokens - kept)
        windows, rest = divmod(max(1, tokens) - 1, whole)
        have: float = whole - self.spent - self.foreign - self.booked * settles_to
        at = self.closed
        for seconds, back in self.returns:
            if have > rest:
                break
            have += back
            at = max(self.closed, seconds)
        if have <= rest:
            at = max(self.closed, self.rule.window)
        return at + windows * self.rule.window


class Ledger:
    """One bucket. `reserve`: what is never spent of it. Whoever shares it between threads has the lock."""

    __slots__ = (
        '_entries',
        '_foreign',
        '_foreign_until',
        '_grain',
        '_rule',
        '_whole',
        'booked',
        'closed_until',
        'reserve',
        'spent',
        'total',
    )

    def __init__(self, rule: Rule, reserve: int = 0) -> None:
        self.reserve = reserve
        self.rule = rule
        self.spent = 0
        self.booked = 0
        #: Spent ever.
        self.total = 0
        #: Nothing may be sent before.
        self.closed_until = -math.inf
        #: [when it comes back, tokens], the earliest first.
        self._entries: deque[list[Any]] = deque()
        self._foreign = 0
        self._foreign_until = 0.0

    @property
    def rule(self) -> Rule:
        return self._rule

    @rule.setter
    def rule(self, rule: Rule) -> None:
        self._rule = rule
        self._grain = rule.window / RESOLUTION
        #: What of a window may be spent: something, in any case.
        self._whole = max(1, rule.tokens - self.reserve)

    def wait(self, cost: int, now: float) -> float:
        """Seconds until `cost` may be booked: 0 now, infinite when that depends on what is under way."""
        if now < self.closed_until:
            return self.closed_until - now
        if cost + self.spent + self.booked + self._foreign <= self._whole:
            return 0.0
        self._take_back(now)
        missing = cost + self.spent + self.booked + self._foreign - self._whole
        missing -= max(0, cost - self._whole)
        if missing <= 0:
            return 0.0
        foreign = [[self._foreign_until, self._foreign]] if self._foreign else []
        returns: float
        for returns, tokens in heapq.merge(self._entries, foreign):
            missing -= tokens
            if missing <= 0:
                return returns - now
        return math.inf

    def _take_back(self, now: float) -> None:
        entries = self._entries
        while entries and entries[0][0] <= now:
            self.spent -= entries.popleft()[1]
        if self._foreign and self._foreign_until <= now:
            self._foreign = 0

    def settle(self, booked: int, total: float, outcome: Outcome, now: float) -> None:
        """An answer came to a call for which so much was `booked`, when so much in `total` had been spent ever."""
        spent, after, used, rule, closed = outcome
        self.booked = max(0, self.booked - booked)
        if self._entries and self._entries[0][0] <= now:
            self._take_back(now)
        if rule is not None and rule != self._rule:
            self.rule = rule
        returns = now + (self._rule.window if after is None else after)
        if spent:
            self._spend(spent, returns)
        if used is not None:
            # What goes beyond ours is that of others, or of calls that are still under way here: the next answer shows
            # which.
            self._foreign, self._foreign_until = max(0, used - self.spent), returns
            if used < self.spent:
                self._forget(self.spent - used - (self.total - total))
        if closed:
            self.closed_until = max(self.closed_until, now + closed)

    def _spend(self, tokens: int, returns: float) -> None:
        entries = self._entries
        if entries and entries[-1][0] >= returns:
            entries[-1][1] += tokens
        else:
            entries.append([math.ceil(returns / self._grain) * self._grain, tokens])
        self.spent += tokens
        self.total += tokens

    def _forget(self, forgotten: float) -> None:
        """What the server says to be used is less than what is spent by our count: it has forgotten the rest. It
        counted all that we had spent before the call was sent, which is all but what we spent meanwhile."""
        while forgotten > 0 and self._entries:
            back, tokens = self._entries.popleft()
            taken = min(tokens, int(forgotten))
            forgotten -= taken
            self.spent -= taken
            if taken < tokens:
                self._entries.appendleft([back, tokens - taken])

    def strand(self, now: float) -> None:
        """What is booked will not be settled here: nobody knows what it costs."""
        if self.booked:
            self._spend(self.booked, now + self.rule.window)
            self.booked = 0

    def is_idle(self, now: float) -> bool:
        """Nothing is lost if it is forgotten."""
        self._take_back(now)
        return not (self.spent or self.booked or self._foreign or now < self.closed_until)

    def state(self, now: float) -> State:
        self._take_back(now)
        returns = [(back - now, tokens) for back, tokens in self._entries]
        return stated(
            self.rule,
            self.spent,
            self.booked,
            self._foreign,
            self._foreign_until - now,
            self.closed_until - now,
            returns,
        )


def stated(
    rule: Rule,
    spent: int,
    booked: int,
    foreign: int,
    foreign_returns: float,
    closed: float,
    returns: list[tuple[float, int]],
) -> State:
    """The State of these figures. What looks like others' may be that of calls under way, which are in it already."""
    foreign = max(0, foreign - booked)
    if foreign:
        returns = sorted([*returns, (foreign_returns, foreign)])
    return State(rule, spent, booked, foreign, max(0.0, closed), returns)
