"""The one place where esipy reads the time, so that a test can move it.

`move` shifts `time` for everything in this process, so that freshness, token expiry and the sandbox agree on what time
it is. `monotonic` measures how long something took and is never shifted: a call in progress does not time out because
a test moved the clock. `shifted_monotonic` is for rate limits: setting the machine's clock must not change when their
tokens are available again, but `move` must.
"""

import threading
import time as _time
import weakref
from typing import Protocol


class ClockListener(Protocol):
    """Waits for a moment of `shifted_monotonic`, and is notified when the clock is moved."""

    def _on_clock_shift(self) -> None: ...


_offset = 0.0
_lock = threading.Lock()
_sleepers: weakref.WeakSet[ClockListener] = weakref.WeakSet()

monotonic = _time.monotonic


def time() -> float:
    """Seconds since the epoch, shifted by all calls of `move` so far."""
    return _time.time() + _offset


def shifted_monotonic() -> float:
    """`monotonic`, shifted by the same seconds as `time`."""
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
    """Shift `time` and `shifted_monotonic` by `seconds` (negative: back) for everything in this process."""
    global _offset
    with _lock:
        _offset += seconds
        sleepers = list(_sleepers)
    for sleeper in sleepers:
        sleeper._on_clock_shift()


def notify_on_shift(sleeper: ClockListener) -> None:
    """Call `sleeper._on_clock_shift()` after each `move`, as long as the object exists."""
    with _lock:
        _sleepers.add(sleeper)


def offset() -> float:
    """Return the seconds by which `time` is shifted."""
    return _offset
