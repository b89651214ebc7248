"""`X-Compatibility-Date`: which routes exist for a client that was written for a certain date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from esipy import clock
from esipy._sandbox.http_messages import Request, Response, error_response
from esipy._spec.model import Operation

HEADER = 'x-compatibility-date'

#: The API changes its date at this time (UTC).
DATE_CHANGE = timedelta(hours=11)


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
        """The latest date that a client may send: today, or that of the description if the clock is behind it."""
        return max(self.own, today())

    def rejection(self, operation: Operation, request: Request) -> Response | None:
        """Return the error for a request whose date is wrong, or earlier than the route."""
        if HEADER not in operation.header_names:
            return None
        asked = request.headers.get(HEADER)
        if asked is not None:
            fault = self.fault(asked)
            if fault:
                return error_response(400, f'X-Compatibility-Date: {fault}')
        if since(operation) > (asked or self.oldest):
            return error_response(404, 'Not found')
        return None

    def fault(self, asked: str) -> str:
        """Return what is wrong with a date; an empty text if nothing is."""
        try:
            well_formed = date.fromisoformat(asked).isoformat() == asked
        except ValueError:
            well_formed = False
        if not well_formed:
            return f'expected a date such as {self.own}, but got {asked[:40]!r}'
        return f'{asked} is in the future, today is {self.newest}' if asked > self.newest else ''


def since(operation: Operation) -> Any:
    """Return the date from which on a route exists; '' if it always did."""
    return str(operation.raw.get('x-compatibility-date', ''))


def today() -> str:
    return (datetime.fromtimestamp(clock.time(), UTC) - DATE_CHANGE).date().isoformat()
