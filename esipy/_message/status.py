"""Which error of the tree belongs to a status. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from esipy.exceptions import (
    UNDECODABLE,
    APIException,
    ClientError,
    DowntimeError,
    ForbiddenError,
    LimitedError,
    NotFoundError,
    ServerError,
    UndecodableBodyError,
)

#: The cluster goes down every day at 11:00 UTC and is usually back within minutes.
DOWNTIME = range(11 * 60 - 1, 11 * 60 + 30)

#: A server that sends everyone away for so many seconds is down, whatever the hour (RFC 9110 section 15.6.4).
REST = 60.0

#: What to do about a body that is not what its success status and its description say.
NOT_ITS_OWN = (
    'the server, or a proxy on the way, sent something other than its description says: try again later; '
    'raw_body_only=True returns a body as it is'
)


def kind_of(status: int, now: float, away: float | None = None) -> type[APIException]:
    """Return the class of error for a status. `away`: `Retry-After` in seconds."""
    if status < 400:
        return APIException
    if status >= 500:
        is_down = status in (502, 503, 504) and (_is_downtime(now) or (away or 0.0) >= REST)
        return DowntimeError if is_down else ServerError
    return {403: ForbiddenError, 404: NotFoundError, 420: LimitedError, 429: LimitedError}.get(status, ClientError)


def remedy_of_downtime(away: float | None) -> str:
    """What to do about a DowntimeError. `away`: `Retry-After` in seconds."""
    if away is not None:
        return f'the server is down: try again in {away:g} s'
    return 'the server is down for its daily maintenance: try again in some minutes'


def _is_downtime(now: float) -> bool:
    time = datetime.fromtimestamp(now, UTC)
    return time.hour * 60 + time.minute in DOWNTIME


def undecodable_kind(status: int, now: float, away: float | None) -> type[UndecodableBodyError]:
    """The error of a body that cannot be used. Of an error status it is the error of that status as well."""
    return UNDECODABLE[kind_of(status, now, away)] if status >= 400 else UndecodableBodyError


def remedy_of_status(status: int, needs_token: bool) -> str:
    """What to do about an error of which nothing but the status is known."""
    if status < 300:
        return ''
    if status < 400:
        return 'the redirect was not followed: it has no usable address, or would take a write to another server'
    if status == 401:
        return (
            'it needs a token that the server accepts: EsiClient(security), or token= in the call'
            if needs_token
            else 'give credentials that the server accepts: token='
        )
    if status == 404:
        return 'check the ids; a route that is newer than the compatibility date is not found either'
    if status >= 500:
        return "the fault is the server's: try again later (retry_requests=True does so)"
    if status in (408, 420, 425, 429):
        return 'try again later'
    if status == 407:
        return 'check the user name and the password of the proxy'
    return 'change the request: sending it again does not help'
