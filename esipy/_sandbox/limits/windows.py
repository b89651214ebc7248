"""What was spent, and when it comes back. Pure: the time (seconds since the epoch) comes in with each question."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from typing import NamedTuple

#: What a request holds while it is being answered: the cost of a success.
HELD = 2


class Rule(NamedTuple):
    """So many tokens (errors, requests) in so many seconds."""

    tokens: int
    window: float


def cost(status: int) -> int:
    """The tokens that an answer costs its bucket. No answer, a refusal for a limit, a server's own fault: nothing."""
    if status in (420, 429):
        return 0
    return {2: 2, 3: 1, 4: 5}.get(status // 100, 0)


class Sliding:
    """Tokens of which each comes back one window after it was spent.

    What an answer costs is known when it is made, yet whether a request is let in must be decided before. So a request
    holds `HELD` tokens until then, and is refused where what was spent, what others hold and what it would hold are
    together more than the rule allows. Never are more requests answered with success than fit; an error, which costs
    more than was held for it, may take what is spent above the rule.
    """

    def __init__(self, rule: Rule, held: int = HELD) -> None:
        self.rule = rule
        #: Spent within the window, when last looked at.
        self.used = 0
        #: Spent ever.
        self.spent = 0
        #: The most that was spent within one window.
        self.peak = 0
        self.refused = 0
        self._held = held
        self._holding = 0
        self._spendings: list[tuple[float, int]] = []

    def look(self, now: float) -> int:
        """What is spent at this time. What was spent exactly one window ago is back."""
        back = now - self.rule.window
        spendings = self._spendings
        if spendings and spendings[0][0] <= back:
            end = bisect_right(spendings, (back, math.inf))
            self.used -= sum(tokens for _, tokens in spendings[:end])
            del spendings[:end]
        return self.used

    def hold(self, now: float) -> float:
        """Let a request in and give 0, or refuse it and give the seconds until there may be room for it."""
        missing = self.look(now) + self._holding + self._held - self.rule.tokens
        if missing <= 0:
            self._holding += self._held
            return 0.0
        self.refused += 1
        return self._until(missing, now)

    def _until(self, missing: int, now: float) -> float:
        """When so many tokens are back, if all that is held is spent now."""
        for moment, tokens in self._spendings:
            missing -= tokens
            if missing <= 0:
                return moment + self.rule.window - now
        return self.rule.window

    def spend(self, tokens: int, now: float) -> None:
        """A request that was let in is answered, and cost so much."""
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
    """Errors, which are all forgiven at once when their window ends. Windows follow each other from the epoch on."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.used = 0
        self.spent = 0
        self.peak = 0
        self.refused = 0
        self._number = -1

    def look(self, now: float) -> int:
        """The errors so far in the window of this time."""
        number = int(now // self.rule.window)
        if number != self._number:
            self._number, self.used = number, 0
        return self.used

    @property
    def left(self) -> int:
        return max(0, self.rule.tokens - self.used)

    def is_over(self, now: float) -> bool:
        """Whether this is refused, because the window has had all its errors."""
        over = self.look(now) >= self.rule.tokens
        self.refused += over
        return over

    def spend(self, now: float) -> None:
        self.look(now)
        self.used += 1
        self.spent += 1
        self.peak = max(self.peak, self.used)

    def until(self, now: float) -> float:
        """Seconds until the window ends."""
        return self.rule.window - now % self.rule.window
