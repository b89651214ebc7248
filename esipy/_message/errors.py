"""Responses that are errors: which error of the tree, and the response that stands for a broken connection."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from esipy import clock
from esipy._message.exchange import Exchange
from esipy._message.headers import retry_after
from esipy._message.response import Response
from esipy._runtime.redact import masked_address, masked_query
from esipy.exceptions import (
    UNDECODABLE,
    APIException,
    ClientError,
    ConnectionFailedError,
    DowntimeError,
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
    """Return the error of a body that is not JSON, or (`strict`) not what its description says; None if it is right."""
    try:
        response.decoded()
        if strict:
            response.check()
    except UndecodableBodyError as error:
        return undecodable(response, error.reason, now)
    except RecursionError:
        return undecodable(response, 'the body is nested too deeply', now)
    return None


def undecodable(response: Response, reason: str, now: float | None = None) -> UndecodableBodyError:
    """Return the error of a response whose body cannot be used. Of an error status it is the error of that status as
    well: `except NotFoundError` sees it."""
    status, now = response.status or 500, clock.time() if now is None else now
    kind: type[APIException] = UndecodableBodyError
    if status >= 400:
        kind = UNDECODABLE[kind_of(status, now, retry_after(response.headers, now))]
    error = _made(response, kind, now, reason=reason)
    assert isinstance(error, UndecodableBodyError)
    return error


def failed(exchange: Exchange, problem: Exception) -> Response:
    """The Response of a call among many that would have raised `problem`."""
    status = problem.status_code if isinstance(problem, APIException) else 500
    if isinstance(problem, MissingScopeError):
        status = 403  # as the server would send
    status = status if status >= 400 else 500
    # A call that a limit did not let through has a body already, like that of the server.
    body = problem.response if isinstance(problem, LimitedError) else failed_body(str(problem))
    content = body if isinstance(body, bytes) else body.encode()
    response = exchange.response_of(status, {}, content, masked_address(exchange.request.url))
    response.failed, response.cause = True, problem
    return response


def error_of(response: Response, now: float) -> APIException:
    """Return the error of a response that is not `ok`; `now`: seconds since the epoch."""
    if response.failed:
        timed_out = getattr(response.cause, 'timed_out', False)
        return _made(response, TimedOutError if timed_out else ConnectionFailedError, now)
    return _made(response, kind_of(response.status or 500, now, retry_after(response.headers, now)), now)


def _made(response: Response, kind: type[APIException], now: float, **more: object) -> APIException:
    """An error of this kind, with all that is known of the response, and the remedy."""
    operation = response.operation
    error = kind(
        response.url,
        response.status or 500,
        response=response.raw or b'',
        request_param=masked_query(response.request.query),
        response_header=response.header.with_masked_addresses(),
        operation=operation.id,
        method=str(response.request.method),
        request_id=response.headers.get('X-Esi-Request-Id', ''),
        **more,
    )
    error.__cause__ = response.cause
    if isinstance(error, LimitedError):
        error.retry_after, error.limit = _end_of_limit(response, now), _limit(response)
    if isinstance(error, ForbiddenError):
        error.scopes, error.roles = operation.scopes, operation.required_roles
    error.remedy = _remedy(error, response)
    return error


def _remedy(error: APIException, response: Response) -> str:
    """What to do about an error."""
    operation = response.operation
    if isinstance(error, TimedOutError):
        return 'try again later, or allow more time: timeout=, deadline='
    if isinstance(error, ConnectionFailedError):
        return 'check the network, or use the sandbox (esipy.sandbox)'
    if isinstance(error, LimitedError):
        seconds = error.retry_after
        return f'slow down: try again in {seconds:g} s' if seconds is not None else 'slow down, and try again later'
    if isinstance(error, DowntimeError):
        return 'the server is down for its daily maintenance: try again in some minutes'
    if isinstance(error, ForbiddenError):
        needs = [f'it needs the scope {", ".join(error.scopes)}'] if error.scopes else []
        needs += [f'it needs one of the roles {", ".join(error.roles)}'] if error.roles else []
        needs += ['a token of this character'] if error.scopes and '{character_id}' in operation.path else []
        return ', and '.join(needs) or 'the token does not allow it: sign in as another character'
    return _remedy_of_status(error.status_code, bool(operation.scopes))


def _remedy_of_status(status: int, needs_token: bool) -> str:
    if status < 300:
        return ''
    if status < 400:
        return 'the redirect was not followed: it leads nowhere, or would take a write to another server'
    if status == 401:
        return (
            'it needs a token: EsiClient(security), or token= in the call'
            if needs_token
            else 'give credentials that the server accepts: token='
        )
    if status == 404:
        return 'check the ids; a route that is newer than the compatibility date is not found either'
    if status >= 500:
        return "the fault is the server's: try again later (retry_requests=True does so)"
    return 'change the request: sending it again does not help'


def _end_of_limit(response: Response, now: float) -> float | None:
    """Return the seconds until a limit allows requests again. The error limit has a header of its own for its end."""
    seconds = retry_after(response.headers, now)
    reset = response.headers.get('X-ESI-Error-Limit-Reset')
    if seconds is None and response.status == 420 and reset is not None:
        seconds = retry_after({'retry-after': reset}, now)
    return seconds


def _limit(response: Response) -> str:
    """Return which limit rejected: the error limit, or the bucket that the response names. One that names none may come
    from a limit that is not documented, whatever the description says."""
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
    """Return the body of the response that stands for a broken connection, as in 1.x."""
    return json.dumps({'error': reason}).encode()
