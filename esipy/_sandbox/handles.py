"""Faults and the clock of a sandbox, for the program that runs it: `esi.faults` and `esi.clock`."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from esipy import clock
from esipy._sandbox.control import Control
from esipy._sandbox.faults import KINDS, Fault


class ActiveFault:
    """A fault that was added. As a context manager it is removed at the end of the block."""

    def __init__(self, control: Control, number: int, fault: Fault) -> None:
        self._control = control
        self._number = number
        self.fault = fault

    @property
    def hits(self) -> int:
        """How many requests it has affected so far."""
        found: int = self._control('faults.hits', number=self._number)
        return found

    def remove(self) -> None:
        self._control('faults.remove', number=self._number)

    def __enter__(self) -> ActiveFault:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f'<{self.fault.kind} on {self.fault.operation or "everything"}>'


class FaultsHandle:
    """`esi.faults.add('latency', n=3, operation='get_status', seconds=2)`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(
        self, kind: str, /, *, n: int | None = None, operation: str | None = None, share: float = 1.0, **settings: Any
    ) -> ActiveFault:
        """Add a fault for the next `n` requests (None: all), for those of one operation, or for a share of them.

        Kinds and their settings: see `esipy._sandbox.faults.KINDS`. Raises ValueError for an unknown one.
        """
        fault = Fault.of(kind, {'n': n, 'operation': operation, 'share': share, **settings})
        return ActiveFault(self._control, self._control('faults.add', kind=kind, **fault.settings()), fault)

    def clear(self) -> None:
        """Remove all faults."""
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
        """Undo every move; the end of the sandbox does it, too."""
        clock.move(-self._on_clock_shift)
        self._on_clock_shift = 0.0

    def __repr__(self) -> str:
        return f'<the clock of a sandbox: moved by {self._on_clock_shift:g} s>'
