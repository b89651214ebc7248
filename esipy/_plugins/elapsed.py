"""Elapsed measures how long the parts of a call took."""

from __future__ import annotations

from esipy import clock
from esipy._plugins.base import CallContext, Plugin


class Elapsed(Plugin):
    """`Elapsed()` sets attributes of the Response, in seconds (a response from the cache has none of them).

    `headers_elapsed`: from sending to the headers of the response; `read_elapsed`: to the end of its body;
    `parse_elapsed`: until it was decoded and stored. Each can be turned off here, by `elapsed: {read: false}` in a
    table of endpoints, and by `client.request(call, read_elapsed=False)`. Of several attempts the last one counts.
    """

    call_options = ('headers_elapsed', 'read_elapsed', 'parse_elapsed')

    def __init__(self, headers: bool = True, read: bool = True, parse: bool = True) -> None:
        self.headers = headers
        self.read = read
        self.parse = parse

    def on_raw_response(self, call: CallContext) -> None:
        raw, notes = call.raw_response, call.notes
        if raw is None or raw.failure is not None:
            return
        elapsed = call.attempt_elapsed or 0.0  # None: a plugin responded in place of the server
        headers, read, parse = self.headers, self.read, self.parse
        if call.options or call.endpoint:
            headers, read, parse = self._wanted(call)
        if headers:
            notes['headers_elapsed'] = raw.until_headers
        if read:
            notes['read_elapsed'] = elapsed - raw.until_headers
        if parse:
            notes['_received_at'] = clock.monotonic()

    def on_response(self, call: CallContext) -> None:
        received = call.notes.pop('_received_at', None)
        if received is not None:
            call.notes['parse_elapsed'] = clock.monotonic() - received

    def _wanted(self, call: CallContext) -> tuple[bool, ...]:
        """Return which parts are measured for this call."""
        endpoint = call.endpoint_option('elapsed')
        return tuple(
            call.options.get(f'{part}_elapsed', endpoint.get(part, getattr(self, part)))
            for part in ('headers', 'read', 'parse')
        )
