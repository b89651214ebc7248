"""Answers that are errors: which error of the tree, and what the made-up answer of a broken connection holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from esipy._message.exchange import Exchange
from esipy._message.headers import retry_after
from esipy._message.response import Response
from esipy._runtime.redact import masked, masked_query
from esipy.exceptions import (
    APIException,
    ClientError,
    ConnectionFailedError,
    DowntimeError,
    DowntimePageError,
    ForbiddenError,
    LimitedError,
    MissingScopeError,
    NotFoundError,
    ServerError,
    TimedOutError,
    UndecodableBodyError,
)

#: The cluster goes down every day at 11:00 UTC and is usually back within minutes.
DOWNTIME = range(11 * 60 - 1, 11 * 60 + 30)

#: A server that sends everyone away for so many seconds is down, whatever the hour (RFC 9110 section 15.6.4).
REST = 60.0


def unreadable(response: Response, strict: bool, now: float) -> UndecodableBodyError | None:
    """What is wrong with a body that is not JSON, or (`strict`) not what its description says. While the server is
    down, a page for people comes instead of JSON: that is a DowntimeError as well."""
    try:
        response.decoded()
        if strict:
            response.check()
    except UndecodableBodyError as error:
        away = retry_after(response.headers, now)
        is_down = kind_of(response.status or 500, now, away) is DowntimeError
        return undecodable(response, error.reason, DowntimePageError if is_down else UndecodableBodyError)
    return None


def undecodable(
    response: Response, reason: str, kind: type[UndecodableBodyError] = UndecodableBodyError
) -> UndecodableBodyError:
    """The error of an answer whose body cannot be taken."""
    return kind(
        response.url,
        response.status or 500,
        response=response.raw or b'',
        request_param=masked_query(response.request.query),
        response_header=response.header,
        reason=reason,
    )


def failed(exchange: Exchange, problem: Exception) -> Response:
    """The Response of a call among many that would have raised `problem`."""
    told = problem.status_code if isinstance(problem, APIException) else 500
    if isinstance(problem, MissingScopeError):
        told = 403  # what the server would have said
    status = told if told >= 400 else 500
    # What a limit kept from being sent has a body already, in the manner of the server's.
    body = problem.response if isinstance(problem, LimitedError) else failed_body(str(problem))
    content = body if isinstance(body, bytes) else body.encode()
    response = exchange.response_of(status, {}, content, masked(exchange.request.url))
    response.failed, response.cause = True, problem
    return response


def error_of(response: Response, now: float) -> APIException:
    """The error that an answer with a status of 400 or more stands for; `now`: seconds since the epoch."""
    status = response.status or 500
    if response.failed:
        kind: type[APIException] = (
            TimedOutError if getattr(response.cause, 'timed_out', False) else ConnectionFailedError
        )
    else:
        kind = kind_of(status, now, retry_after(response.headers, now))
    error = kind(
        response.url,
        status,
        response=response.raw or b'',
        request_param=masked_query(response.request.query),
        response_header=response.header,
    )
    error.__cause__ = response.cause
    operation = response.operation
    error.add_note(f'{operation.id}: {response.request.method} {response.url}')
    if status < 400:
        error.add_note('the redirect was not followed: it leads nowhere, or would take a write to another server')
    if isinstance(error, LimitedError):
        seconds = error.retry_after = _end_of_limit(response, now)
        error.limit = _limit(response)
        error.add_note(f'slow down: try again in {seconds:g} s' if seconds is not None else 'slow down')
    if status == 401 and operation.scopes:
        error.add_note('needs a token: EsiClient(security), or token= in the call')
    if isinstance(error, ForbiddenError):
        error.scopes, error.roles = operation.scopes, operation.required_roles
        if error.scopes:
            error.add_note(f'needs the scope {", ".join(error.scopes)}')
        if error.roles:
            error.add_note(f'needs one of the roles {", ".join(error.roles)}')
    return error


def _end_of_limit(response: Response, now: float) -> float | None:
    """For how many seconds a limit sends us away. The error limit tells its end in a header of its own."""
    told = retry_after(response.headers, now)
    reset = response.headers.get('X-ESI-Error-Limit-Reset')
    if told is None and response.status == 420 and reset is not None:
        told = retry_after({'retry-after': reset}, now)
    return told


def _limit(response: Response) -> str:
    """Which limit refused: the error limit, or the bucket that the answer names. One that names none may come from a
    hidden limit, whatever the description says."""
    return 'errors' if response.status == 420 else response.headers.get('X-Ratelimit-Group', '')


def kind_of(status: int, now: float, away: float | None = None) -> type[APIException]:
    """The error that a status stands for. `away`: `Retry-After` in seconds."""
    if status < 400:
        return APIException
    if status >= 500:
        is_down = status in (502, 503, 504) and (_is_downtime(now) or (away or 0.0) >= REST)
        return DowntimeError if is_down else ServerError
    return {403: ForbiddenError, 404: NotFoundError, 420: LimitedError, 429: LimitedError}.get(status, ClientError)


def _is_downtime(now: float) -> bool:
    time = datetime.fromtimestamp(now, UTC)
    return time.hour * 60 + time.minute in DOWNTIME


def failed_body(reason: str) -> bytes:
    """The body of the answer that stands for a broken connection, as 1.x made it up."""
    return json.dumps({'error': reason}).encode()
