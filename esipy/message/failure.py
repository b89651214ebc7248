"""Answers that are errors: which error of the tree, and what the made-up answer of a broken connection holds."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from esipy.exceptions import (
    APIException,
    ClientError,
    ConnectionFailedError,
    DowntimeError,
    ForbiddenError,
    LimitedError,
    NotFoundError,
    ServerError,
    TimedOutError,
)
from esipy.message.response import Response

#: The cluster goes down every day at 11:00 UTC and is usually back within minutes.
DOWNTIME = range(11 * 60 - 1, 11 * 60 + 30)


def error_of(response: Response, now: float, retry_after: float | None) -> APIException:
    """The error that an answer with a status of 400 or more stands for; `now`: seconds since the epoch."""
    status = response.status or 500
    error = _kind(response, status, now)(
        response.url,
        status,
        response=response.raw or b'',
        request_param=response.request.query,
        response_header=response.header,
    )
    operation = response.operation
    error.add_note(f'{operation.id}: {response.request.method} {response.url}')
    if isinstance(error, LimitedError):
        error.retry_after = retry_after
        error.add_note(f'slow down: try again in {retry_after:g} s' if retry_after is not None else 'slow down')
    if isinstance(error, ForbiddenError):
        error.scopes, error.roles = operation.scopes, operation.required_roles
        if error.scopes:
            error.add_note(f'needs the scope {", ".join(error.scopes)}')
        if error.roles:
            error.add_note(f'needs one of the roles {", ".join(error.roles)}')
    return error


def _kind(response: Response, status: int, now: float) -> type[APIException]:
    if response.failed:
        return TimedOutError if getattr(response.cause, 'timed_out', False) else ConnectionFailedError
    if status >= 500:
        return DowntimeError if status in (502, 503, 504) and _is_downtime(now) else ServerError
    return {403: ForbiddenError, 404: NotFoundError, 420: LimitedError, 429: LimitedError}.get(status, ClientError)


def _is_downtime(now: float) -> bool:
    time = datetime.fromtimestamp(now, timezone.utc)
    return time.hour * 60 + time.minute in DOWNTIME


def failed_body(reason: str) -> bytes:
    """The body of the answer that stands for a broken connection, as 1.x made it up."""
    return json.dumps({'error': reason}).encode()
