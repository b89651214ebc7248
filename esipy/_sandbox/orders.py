"""What the program that runs a sandbox may order: faults (`esi.faults`) and another time (`esi.clock`)."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from esipy import clock
from esipy._sandbox.control import Control
from esipy._sandbox.faults import KINDS, Fault


class Ordered:
    """A fault that was ordered. As a context manager it lasts for the block."""

    def __init__(self, control: Control, number: int, fault: Fault) -> None:
        self._control = control
        self._number = number
        self.fault = fault

    @property
    def hits(self) -> int:
        """How many requests it hit so far."""
        found: int = self._control('faults.hits', number=self._number)
        return found

    def remove(self) -> None:
        self._control('faults.remove', number=self._number)

    def __enter__(self) -> Ordered:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f'<{self.fault.kind} on {self.fault.operation or "everything"}>'


class FaultOrders:
    """`esi.faults.add('latency', n=3, operation='get_status', seconds=2)`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(
        self, kind: str, /, *, n: int | None = None, operation: str | None = None, share: float = 1.0, **settings: Any
    ) -> Ordered:
        """Let something go wrong: for the next `n` requests (None: all), those for an operation, a share of them.

        Kinds and their settings: see `esipy._sandbox.faults.KINDS`. Raises ValueError for an unknown one.
        """
        fault = Fault.of(kind, {'n': n, 'operation': operation, 'share': share, **settings})
        return Ordered(self._control, self._control('faults.add', kind=kind, **fault.settings()), fault)

    def clear(self) -> None:
        """Let everything go right again."""
        self._control('faults.clear')

    def __repr__(self) -> str:
        return f'<the faults of a sandbox: .add(kind, …), with the kinds {", ".join(KINDS)}>'


class SandboxClock:
    """`esi.clock.move(seconds)`: moves esipy's clock here, and the sandbox's where that is another process."""

    def __init__(self, control: Control, *, shared: bool) -> None:
        self._control = control
        self._shared = shared
        self._on_clock_shift = 0.0

    def move(self, seconds: float) -> None:
        clock.move(seconds)
        self._on_clock_shift += seconds
        if not self._shared:
            self._control('clock.move', seconds=seconds)

    def time(self) -> float:
        return clock.time()

    def restore(self) -> None:
        """Take back every move; the end of the sandbox does it."""
        clock.move(-self._on_clock_shift)
        self._on_clock_shift = 0.0

    def __repr__(self) -> str:
        return f'<the clock of a sandbox: moved by {self._on_clock_shift:g} s>'
