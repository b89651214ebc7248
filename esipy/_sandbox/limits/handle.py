"""The limits of a sandbox, for the program that runs it: `esi.limits`."""

from __future__ import annotations

from dataclasses import dataclass

from esipy._sandbox.control import Control


@dataclass(frozen=True)
class Count:
    """What one limit counted for one user since it began, or since `esi.limits.reset()`."""

    #: A group, 'errors', or the id of an operation with an undocumented limit.
    limit: str
    #: Application and character, or the source address (and the application).
    user: str
    #: The rule: `tokens` in each `window` of seconds. 'errors' counts responses, an undocumented limit requests.
    tokens: int
    window: float
    #: Tokens used in the present window, since the beginning, and at most within one window.
    used: int
    spent: int
    peak: int
    #: Requests that it rejected.
    refused: int


class Limits:
    """`esi.limits`::

        esi.limits.set('market-order', tokens=150, window=5)
        assert esi.limits.refused == 0

    Changes the limits that the sandbox enforces, and reports what was counted.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def set(self, name: str, *, tokens: int | None = None, window: float | None = None) -> None:
        """Change the limit of a group, of 'errors', or the undocumented limit of an operation.

        `tokens`: how many (errors, or requests of that operation); `window`: in how many whole seconds. None leaves
        it as it is; an undocumented limit begins with 300 requests in 60 s. Tokens that are used already count as well.
        Raises SandboxError for an impossible rule, UnknownOperationError for an unknown name.
        """
        self._control('limits.set', name=name, tokens=tokens, window=window)

    def scale(self, factor: float) -> None:
        """Multiply the windows of all groups by `factor`, in whole seconds: 1/180 turns 15 minutes into 5 s."""
        self._control('limits.scale', factor=factor)

    def off(self) -> None:
        """Accept all requests, count nothing, and send no rate limit headers."""
        self._control('limits.switch', on=False)

    def on(self) -> None:
        self._control('limits.switch', on=True)

    def reset(self) -> None:
        """Forget all that was counted."""
        self._control('limits.reset')

    def counts(self) -> list[Count]:
        """Return what was counted, for each limit and user."""
        return [Count(**count) for count in self._control('limits.counts')]

    def count(self, limit: str) -> Count:
        """Return the count of a limit that a single user has used. Raises ValueError if there is none, or several."""
        (found,) = [count for count in self.counts() if count.limit == limit]
        return found

    @property
    def refused(self) -> int:
        """How many requests were rejected by any limit."""
        return sum(count.refused for count in self.counts())

    def __repr__(self) -> str:
        return f'<the rate limits of a sandbox: {len(self.counts())} counts, {self.refused} requests rejected>'
