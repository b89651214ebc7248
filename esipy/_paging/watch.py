"""Polling for changes: ask again when a response expires, and yield it when it has changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from esipy import clock
from esipy.exceptions import ConnectionFailedError, LimitedError, ServerError

LOGGER = logging.getLogger('esipy.client')

#: Seconds between two attempts while the server is down: the first pause, which doubles, and the longest one.
FIRST_PAUSE = 15.0
MAX_PAUSE = 300.0


def watch(fetch: Callable[[], Any], min_interval: float, name: str) -> Iterator[Any]:
    """Yield what `fetch` returns, when it differs from what was yielded last.

    `fetch` returns a Response or a whole list: both have `expires_in` and can be compared by their content.
    """
    last: Any = None
    pause = FIRST_PAUSE
    while True:
        began = clock.shifted_monotonic()
        try:
            current = fetch()
        except (ServerError, ConnectionFailedError, LimitedError) as error:
            wait = max(getattr(error, 'retry_after', None) or 0.0, pause)
            LOGGER.warning('watching %s: %s; trying again in %.0f s', name, error, wait)
            pause = min(MAX_PAUSE, pause * 2)
        else:
            pause = FIRST_PAUSE
            wait = max(min_interval, current.expires_in or 0.0)
            if last is None or _content(current) != _content(last):
                last = current
                yield current
        _sleep_until(began + wait)


def _content(fetched: Any) -> Any:
    return list(fetched) if isinstance(fetched, list) else fetched.raw


class _Alarm:
    """Wakes a sleeper when the clock is moved."""

    def __init__(self) -> None:
        self.rings = threading.Event()
        clock.notify_on_shift(self)

    def _on_clock_shift(self) -> None:
        self.rings.set()


def _sleep_until(moment: float) -> None:
    """Sleep until `moment`, by `clock.shifted_monotonic`: a clock that is moved shortens the sleep."""
    alarm = _Alarm()
    while (left := moment - clock.shifted_monotonic()) > 0:
        alarm.rings.wait(min(left, threading.TIMEOUT_MAX))
        alarm.rings.clear()
