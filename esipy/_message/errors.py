"""Responses that are errors: the error of the tree that each raises, and the response for a broken connection."""

from __future__ import annotations

import json
from typing import TypeVar

from esipy import clock
from esipy._message.exchange import Exchange
from esipy._message.headers import once, retry_after
from esipy._message.response import Response
from esipy._message.status import NOT_ITS_OWN, kind_of, remedy_of_downtime, remedy_of_status, undecodable_kind
from esipy._runtime.redact import masked_address, masked_query
from esipy.exceptions import (
    APIException,
    ConnectionFailedError,
    DowntimeError,
    ForbiddenError,
    LimitedError,
    MissingRoleError,
    MissingScopeError,
    TimedOutError,
    UndecodableBodyError,
)

#: A kind of error.
Kind = TypeVar('Kind', bound=APIException)


def unreadable(response: Response, strict: bool, now: float) -> UndecodableBodyError | None:
    """Return the error of a body that is not JSON, or (`strict`) not what its description says; None if it is right."""
    remedy = ''
    try:
        response.decoded()
        if strict:
            remedy = _NOT_STRICT
            response.check()
    except UndecodableBodyError as error:
        return undecodable(response, error.reason, now, remedy)
    except RecursionError:
        return undecodable(response, 'the body is nested too deeply', now, remedy)
    return None


#: What to do about a response of a success status that cannot be used.
_NOT_STRICT = 'strict=False accepts what differs from the description'
_TOO_LARGE = 'allow larger bodies: EsiClient(max_body=…), in bytes'


def undecodable(response: Response, reason: str, now: float | None = None, remedy: str = '') -> UndecodableBodyError:
    """Return the error of a response whose body cannot be used. Of an error status it is the error of that status as
    well: `except NotFoundError` sees it. `remedy`: for a success status, where it is known."""
    status, now = response.status or 500, clock.time() if now is None else now
    kind = undecodable_kind(status, now, retry_after(response.headers, now))
    error = _make(response, kind, now, reason=reason)
    if status < 300:
        error.remedy = remedy or (_TOO_LARGE if reason.startswith('body larger than max_body') else NOT_ITS_OWN)
    return error


def failed(exchange: Exchange, problem: Exception) -> Response:
    """The Response of a call among many that would have raised `problem`."""
    status = problem.status_code if isinstance(problem, APIException) else 500
    if isinstance(problem, (MissingRoleError, MissingScopeError)):
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
        return _make(response, TimedOutError if timed_out else ConnectionFailedError, now)
    return _make(response, kind_of(response.status or 500, now, retry_after(response.headers, now)), now)


def _make(response: Response, kind: type[Kind], now: float, **more: object) -> Kind:
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
    error.remedy = _remedy(error, response, now)
    return error


def _remedy(error: APIException, response: Response, now: float) -> str:
    """What to do about an error."""
    operation = response.operation
    if isinstance(error, TimedOutError):
        return 'try again later, or allow more time: timeout=, deadline='
    if isinstance(error, ConnectionFailedError):
        return getattr(response.cause, 'remedy', '') or 'check the network, or use the sandbox (esipy.sandbox)'
    if isinstance(error, LimitedError):
        seconds = error.retry_after
        return f'slow down: try again in {seconds:g} s' if seconds is not None else 'slow down, and try again later'
    if isinstance(error, DowntimeError):
        return remedy_of_downtime(retry_after(response.headers, now))
    if isinstance(error, ForbiddenError):
        needs = [f'it needs the scope {", ".join(error.scopes)}'] if error.scopes else []
        needs += [f'it needs one of the roles {", ".join(error.roles)}'] if error.roles else []
        needs += ['a token of this character'] if error.scopes and '{character_id}' in operation.path else []
        return ', and '.join(needs) or 'the token does not allow it: sign in as another character'
    return remedy_of_status(error.status_code, bool(operation.scopes))


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
    return 'errors' if response.status == 420 else once(response.headers.get('X-Ratelimit-Group', ''))


def failed_body(reason: str) -> bytes:
    """Return the body of the response that represents a broken connection, as in 1.x."""
    return json.dumps({'error': reason}).encode()
