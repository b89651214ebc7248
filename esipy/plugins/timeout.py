"""Timeout: how long a server may be silent."""

from __future__ import annotations

from typing import Any

from esipy.exceptions import CallError
from esipy.plugins.base import Call, Plugin


class Timeout(Plugin):
    """`Timeout(5)`: seconds to connect and between two bytes, a number or a pair, as EsiClient's `timeout`.

    An endpoint's `timeout` is nearer than this, and `client.request(call, timeout=…)` is nearest. None, beside an
    endpoint: wait for ever.
    """

    def __init__(self, default_timeout: float | tuple[float, float] | None = None) -> None:
        self.default_timeout = _seconds('Timeout', default_timeout)

    def prepare(self, call: Call) -> None:
        if 'timeout' in call.options:
            return
        if 'timeout' in call.endpoint:
            call.timeout = _seconds(call.name, call.endpoint['timeout'])
            if call.timeout is None:
                call.deadline = None
        elif self.default_timeout is not None:
            call.timeout = self.default_timeout


def _seconds(where: str, value: Any) -> Any:
    """As `Transport` takes it; a configuration file knows no tuples."""
    numbers = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(numbers) != 2 or not all(
        one is None or (isinstance(one, (int, float)) and not isinstance(one, bool) and one > 0) for one in numbers
    ):
        raise CallError(
            where, [('timeout', f'{value!r} is neither seconds nor a pair of them (connect, between bytes)')]
        )
    return numbers if isinstance(value, (list, tuple)) else value
