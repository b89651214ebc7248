"""What the program that runs a sandbox may ask of its limits: `esi.limits`."""

from __future__ import annotations

from dataclasses import dataclass

from esipy._sandbox.control import Control


@dataclass(frozen=True)
class Count:
    """What one limit counted for one user since it began, or since `esi.limits.reset()`."""

    #: A group, 'errors', or the name of an operation that hides its limit.
    limit: str
    #: Application and character, or the source address (and the application).
    user: str
    #: The rule: so many tokens in so many seconds. For 'errors' these are answers, for a hidden limit requests.
    tokens: int
    window: float
    #: Spent within the present window, ever, and at most within one window.
    used: int
    spent: int
    peak: int
    #: Requests that were refused for it.
    refused: int


class Limits:
    """`esi.limits`::

        esi.limits.set('market-order', tokens=150, window=5)
        assert esi.limits.refused == 0

    The limits that the sandbox counts, and what was counted.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def set(self, name: str, *, tokens: int | None = None, window: float | None = None) -> None:
        """Change a limit: of a group, of 'errors', or one that an operation has without saying so.

        `tokens`: how many (errors, or requests of that operation); `window`: in how many whole seconds. None leaves
        it as it is; an operation begins with 300 requests in 60 s. What is spent already counts by the new rule.
        Raises SandboxError for a rule that cannot be, UnknownOperationError for a name that is none.
        """
        self._control('limits.set', name=name, tokens=tokens, window=window)

    def scale(self, factor: float) -> None:
        """Make the windows of all groups so many times as long, to whole seconds: 1/180 makes 5 s of 15 minutes."""
        self._control('limits.scale', factor=factor)

    def off(self) -> None:
        """Let everyone in, count nothing, and say nothing of limits."""
        self._control('limits.switch', on=False)

    def on(self) -> None:
        self._control('limits.switch', on=True)

    def reset(self) -> None:
        """Forget all that was counted."""
        self._control('limits.reset')

    def counts(self) -> list[Count]:
        """What was counted, for each limit and user that was met."""
        return [Count(**count) for count in self._control('limits.counts')]

    def count(self, limit: str) -> Count:
        """The one count of a limit that a single user has met. Raises ValueError for none or several."""
        (found,) = [count for count in self.counts() if count.limit == limit]
        return found

    @property
    def refused(self) -> int:
        """How many requests were refused for any limit."""
        return sum(count.refused for count in self.counts())

    def __repr__(self) -> str:
        return f'<the rate limits of a sandbox: {len(self.counts())} counts, {self.refused} requests refused>'
