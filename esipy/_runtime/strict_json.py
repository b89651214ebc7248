"""For `json`: what Python's reader accepts beyond JSON is a ValueError, where another program may have written a text.

`parse_constant=refuse, parse_float=finite`.
"""

from __future__ import annotations

import math
from typing import NoReturn


def finite(text: str) -> float:
    """1e999 is JSON, and infinite all the same."""
    value = float(text)
    return value if math.isfinite(value) else refuse(text)


def refuse(constant: str) -> NoReturn:
    """NaN and Infinity are not JSON (RFC 8259 section 6), and an infinite time would never end."""
    raise ValueError(f'it contains {constant}')
