"""The text of a rate: `10/s`, `100/m`, `1/15m`."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

#: Seconds in each unit of a window.
UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}

#: Seconds in the longest window. A longer one is taken for a mistake.
LONGEST_WINDOW = 366 * 86400

_RATE = re.compile(r'([0-9]{1,12})/([0-9]{0,12})([smhd])')

_HOW_TO_WRITE_IT = "write 'N/window', where the window is s, m, h or d after an optional number: '10/s', '1/15m'"


class Rate(NamedTuple):
    """`calls` within `window` seconds, spaced evenly."""

    calls: int
    window: int

    @property
    def spacing(self) -> int:
        """Microseconds between two calls. Rounded up, so that calls are never closer than the rate allows."""
        return math.ceil(self.window * 1_000_000 / self.calls)


def parse_rate(text: object) -> Rate:
    """Return the rate that a text means.

    Raises TypeError for what is not a text, and ValueError for a text that is not a rate. Both say what to write.
    """
    if not isinstance(text, str):
        raise TypeError(f'a rate is a text, not a {type(text).__name__} ({text!r}); {_HOW_TO_WRITE_IT}')
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not a rate; {_HOW_TO_WRITE_IT}')
    calls, window = int(match[1]), int(match[2] or '1') * UNITS[match[3]]
    if calls == 0:
        raise ValueError(f'{text!r} allows no calls at all; the number before / must be 1 or more')
    if window == 0:
        raise ValueError(f'the window of {text!r} has no length; leave the number out or write 1 or more')
    if window > LONGEST_WINDOW:
        raise ValueError(f'the window of {text!r} is longer than a year; {_HOW_TO_WRITE_IT}')
    if calls > window * 1_000_000:
        raise ValueError(f'{text!r} is more than one call in a microsecond, which does not limit anything in practice')
    return Rate(calls, window)
