"""Timeout sets how long a server may be silent."""

from __future__ import annotations

from esipy._message.options import checked_timeout
from esipy._plugins.base import CallContext, Plugin


class Timeout(Plugin):
    """`Timeout(5)`: seconds to connect and between two bytes, a number or a pair, as EsiClient's `timeout`.

    An endpoint's `timeout` takes precedence over this, and `client.request(call, timeout=…)` over both. None in a table
    of endpoints: no timeout and no deadline.
    """

    def __init__(self, default_timeout: float | tuple[float, float] | None = None) -> None:
        self.default_timeout = checked_timeout('Timeout', default_timeout)

    def prepare(self, call: CallContext) -> None:
        if 'timeout' in call.options:
            return
        if 'timeout' in call.endpoint:
            call.timeout = checked_timeout(call.name, call.endpoint['timeout'])
            if call.timeout is None:
                call.deadline = None
        elif self.default_timeout is not None:
            call.timeout = self.default_timeout
