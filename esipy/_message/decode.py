"""Bytes to JSON values: with orjson where the extra `speed` is installed, else with the standard library."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

#: orjson makes a float of an integer beyond 64 bits, and loses its last digits.
_LONG_NUMBER = re.compile(rb'[0-9]{20}')


@lru_cache(maxsize=1)
def _fast() -> Callable[[bytes], Any] | None:
    try:
        import orjson
    except ImportError:
        return None
    loads: Callable[[bytes], Any] = orjson.loads
    return loads


def decode(raw: bytes) -> Any:
    """The JSON value in `raw`. Raises ValueError, with the place, for what is none."""
    fast = _fast()
    if fast is not None and _LONG_NUMBER.search(raw) is None:
        try:
            return fast(raw)
        except ValueError:
            pass  # the standard library takes some things more, and tells the place of an error the same everywhere
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError('nested too deeply') from None
