"""`X-Compatibility-Date`: which routes exist for a client that was written for a certain date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from esipy import clock
from esipy._sandbox.wire import Reply, Request, error_reply
from esipy._spec.model import Operation

HEADER = 'x-compatibility-date'

#: The day of the API turns at this hour (UTC).
TURN = timedelta(hours=11)


class Dates:
    """The dates of one description."""

    def __init__(self, operations: list[Operation], own: str | None) -> None:
        found = {since(operation) for operation in operations} - {''}
        self.own = own or max(found, default='2020-01-01')
        self.oldest = min(found, default=self.own)
        #: All of them, newest first.
        self.known = sorted({*found, self.own, self.oldest}, reverse=True)

    @property
    def newest(self) -> str:
        """No later date may be asked for: today, or the description's own where the clock is behind that."""
        return max(self.own, today())

    def refusal(self, operation: Operation, request: Request) -> Reply | None:
        """The error for a request whose date is wrong, or older than the route."""
        if HEADER not in operation.header_names:
            return None
        asked = request.headers.get(HEADER)
        if asked is not None:
            fault = self.fault(asked)
            if fault:
                return error_reply(400, f'X-Compatibility-Date: {fault}')
        if since(operation) > (asked or self.oldest):
            return error_reply(404, 'Not found')
        return None

    def fault(self, asked: str) -> str:
        """What is wrong with a date; empty when nothing is."""
        try:
            well_formed = date.fromisoformat(asked).isoformat() == asked
        except ValueError:
            well_formed = False
        if not well_formed:
            return f'expected a date such as {self.own}, but got {asked[:40]!r}'
        return f'{asked} is in the future, today is {self.newest}' if asked > self.newest else ''


def since(operation: Operation) -> Any:
    """From which date on a route exists; '' if it always did."""
    return str(operation.raw.get('x-compatibility-date', ''))


def today() -> str:
    return (datetime.fromtimestamp(clock.time(), UTC) - TURN).date().isoformat()
