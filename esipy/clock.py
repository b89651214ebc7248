"""The one place where esipy reads the time, so that a test can move it.

`move` shifts the calendar (`time`) for everything in this process: freshness, token expiry and the local
server agree on what time it is. `monotonic` measures how long something took and is never shifted: a call
that is under way does not time out because a test looked at tomorrow.
"""

import threading
import time as _time

_offset = 0.0
_lock = threading.Lock()

monotonic = _time.monotonic


def time() -> float:
    """Seconds since the epoch, shifted by what `move` was told so far."""
    return _time.time() + _offset


def sleep(seconds: float) -> None:
    """Sleep for real `seconds`; zero and less return at once."""
    if seconds > 0:
        _time.sleep(seconds)


def move(seconds: float) -> None:
    """Shift `time` by `seconds` (negative: back) for everything in this process."""
    global _offset
    with _lock:
        _offset += seconds


def offset() -> float:
    """By how many seconds `time` is shifted at the moment."""
    return _offset
