"""The one place where esipy reads the time, so that a test can move it.

`move` shifts the calendar (`time`) for everything in this process: freshness, token expiry and the local
server agree on what time it is. `monotonic` measures how long something took and is never shifted: a call
that is under way does not time out because a test looked at tomorrow. `steady` is for what must neither jump when
somebody sets the machine's clock nor miss that a test moved on: when tokens come back.
"""

import threading
import time as _time
import weakref
from typing import Protocol


class ClockListener(Protocol):
    """Waits for a moment of `steady`, and wants to hear when that is moved."""

    def _on_clock_shift(self) -> None: ...


_offset = 0.0
_lock = threading.Lock()
_sleepers: weakref.WeakSet[ClockListener] = weakref.WeakSet()

monotonic = _time.monotonic


def time() -> float:
    """Seconds since the epoch, shifted by what `move` was told so far."""
    return _time.time() + _offset


def shifted_monotonic() -> float:
    """Seconds since some moment: `monotonic`, shifted as `time` is."""
    return monotonic() + _offset


def epoch_ns(moment: float) -> int:
    """Nanoseconds since the epoch at a moment of `monotonic`, by the machine's clock, which no test moves: other
    programs put it beside their own times."""
    return _time.time_ns() - int((monotonic() - moment) * 1e9)


def sleep(seconds: float) -> None:
    """Sleep for real `seconds`; zero and less return at once."""
    if seconds > 0:
        _time.sleep(seconds)


def move(seconds: float) -> None:
    """Shift `time` and `steady` by `seconds` (negative: back) for everything in this process."""
    global _offset
    with _lock:
        _offset += seconds
        sleepers = list(_sleepers)
    for sleeper in sleepers:
        sleeper._on_clock_shift()


def notify_on_shift(sleeper: ClockListener) -> None:
    """Call `sleeper._moved()` after each `move`, as long as it lives."""
    with _lock:
        _sleepers.add(sleeper)


def offset() -> float:
    """By how many seconds `time` is shifted at the moment."""
    return _offset
