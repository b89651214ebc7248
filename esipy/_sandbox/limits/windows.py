"""Counters of used tokens: how many are used, and when they become free. Pure: every method takes the time."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from typing import NamedTuple

#: The tokens that a request reserves until its response is made: the cost of a success.
HELD = 2


class Rule(NamedTuple):
    """A rate limit: `tokens` (or errors, or requests) in each `window` of seconds."""

    tokens: int
    window: float


def cost(status: int) -> int:
    """Return the tokens that a response costs. A rejection by a rate limit, a 5xx and no response cost nothing."""
    if status in (420, 429):
        return 0
    return {2: 2, 3: 1, 4: 5}.get(status // 100, 0)


class Sliding:
    """A sliding window: each token becomes free one window after it was used.

    The cost of a response is known when the response is made, but a request must be accepted or rejected before. So
    each request reserves `HELD` tokens until then. It is rejected if the used tokens, the reserved ones and its own
    are together more than the rule allows. No more requests succeed than the rule allows; an error, which costs more
    than was reserved for it, may exceed the rule.
    """

    def __init__(self, rule: Rule, held: int = HELD) -> None:
        self.rule = rule
        #: Tokens used in the window that ends now, when this was last counted.
        self.used = 0
        #: Tokens used since the beginning.
        self.spent = 0
        #: The most tokens that were ever used within one window.
        self.peak = 0
        self.refused = 0
        self._held = held
        self._holding = 0
        self._spendings: list[tuple[float, int]] = []

    def look(self, now: float) -> int:
        """Return the tokens used at this time. Those that were used exactly one window ago are free again."""
        back = now - self.rule.window
        spendings = self._spendings
        if spendings and spendings[0][0] <= back:
            end = bisect_right(spendings, (back, math.inf))
            self.used -= sum(tokens for _, tokens in spendings[:end])
            del spendings[:end]
        return self.used

    def hold(self, now: float) -> float:
        """Accept a request and return 0, or reject it and return the seconds until it may be accepted."""
        missing = self.look(now) + self._holding + self._held - self.rule.tokens
        if missing <= 0:
            self._holding += self._held
            return 0.0
        self.refused += 1
        return self._until(missing, now)

    def _until(self, missing: int, now: float) -> float:
        """Return the seconds until `missing` tokens are free, if all reserved ones are used now."""
        for moment, tokens in self._spendings:
            missing -= tokens
            if missing <= 0:
                return moment + self.rule.window - now
        return self.rule.window

    def spend(self, tokens: int, now: float) -> None:
        """Count what an accepted request cost, instead of what it has reserved."""
        self._holding -= self._held
        self.look(now)
        if tokens:
            insort(
                self._spendings, (now, tokens)
            )  # nearly always at the end: only a clock that went back makes it search
            self.used += tokens
            self.spent += tokens
            self.peak = max(self.peak, self.used)

    @property
    def left(self) -> int:
        return max(0, self.rule.tokens - self.used)


class Fixed:
    """A fixed window: the count returns to 0 when a window ends. The first window begins at the epoch."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.used = 0
        self.spent = 0
        self.peak = 0
        self.refused = 0
        self._number = -1

    def look(self, now: float) -> int:
        """Return the errors so far in the window of this time."""
        number = int(now // self.rule.window)
        if number != self._number:
            self._number, self.used = number, 0
        return self.used

    @property
    def left(self) -> int:
        return max(0, self.rule.tokens - self.used)

    def is_over(self, now: float) -> bool:
        """Whether a request is rejected, because the window has had all its errors."""
        over = self.look(now) >= self.rule.tokens
        self.refused += over
        return over

    def spend(self, now: float) -> None:
        self.look(now)
        self.used += 1
        self.spent += 1
        self.peak = max(self.peak, self.used)

    def until(self, now: float) -> float:
        """Return the seconds until the window ends."""
        return self.rule.window - now % self.rule.window
