"""The plugin of a provider's client: it sends `esi_request_statistics`, and hands out the responses of a list."""

from __future__ import annotations

from typing import Any

from esipy._message.headers import Headers
from esipy.contrib.django.compat.signals import esi_request_statistics
from esipy.contrib.django.database import closing_new_connections
from esipy.plugins import CallContext, Plugin


class Statistics(Plugin):
    """`sender`: who sends the signal. `collect=`, a list, gets each response of one call or list."""

    call_options = ('collect',)

    def __init__(self, sender: Any) -> None:
        self._sender = sender

    def on_raw_response(self, call: CallContext) -> None:
        raw = call.raw_response
        if raw is not None and raw.failure is None:
            self._send(call, raw.status, Headers(raw.headers), call.attempt_elapsed or 0.0)

    def on_response(self, call: CallContext) -> None:
        if 'collect' in call.options:
            call.options['collect'].append(call.response)
        if call.from_cache and call.response is not None:
            self._send(call, 0, call.response.headers, 0.0)

    def _send(self, call: CallContext, status: int, headers: Any, latency: float) -> None:
        if not esi_request_statistics.receivers:
            return
        limit = call.operation.rate_limit
        with closing_new_connections():  # a receiver may use the database
            esi_request_statistics.send_robust(
                sender=self._sender,
                operation=call.name,
                status_code=status,
                headers=headers,
                latency=latency,
                bucket=limit.group if limit is not None else '',
            )
