"""Every error that esipy raises, one tree::

    EsiError
    ├── APIException                    an error status, a wrong response, or no response
    │   ├── ClientError                 4xx
    │   │   ├── ForbiddenError          403
    │   │   ├── NotFoundError           404
    │   │   └── LimitedError            420, 429: a rate limit
    │   ├── ServerError                 5xx
    │   │   └── DowntimeError           502, 503, 504 while the cluster is down for the day
    │   │       └── DowntimePageError   … with an HTML page (also an UndecodableBodyError)
    │   ├── ConnectionFailedError       no response: refused, reset, cut short
    │   │   └── TimedOutError           no response in time
    │   └── UndecodableBodyError        a body that is not what its description says: HTML, broken JSON, too large.
    │                                   Of an error status it is the error of that status as well:
    │                                   UndecodableNotFoundError, UndecodableServerError, …
    ├── CallError                       the call is at fault; nothing was sent (also a ValueError)
    ├── UnknownOperationError           no operation of that name (also a KeyError and an AttributeError)
    ├── MissingFieldError               a row has no such field (also an AttributeError and a KeyError)
    │   └── ErrorDataError              the data of an error status was used like rows (also a TypeError)
    ├── SpecError                       not a description, or a broken one (also a ValueError)
    ├── ConfigError                     a configuration names what is not there (also a ValueError)
    ├── PaginationError                 a list cannot be read to its end
    │   └── SnapshotError               its pages are of several states, and it cannot be had in one
    ├── CrawlError                      a crawl of this name is under way already, or there is none
    ├── PluginError                     no plugin, or one with a misspelt hook (also a TypeError)
    ├── MockError                       no mock for a call, or one that breaks the description (also a ValueError)
    ├── RequestLimitError               a limit of one's own (Pool, RateLimit) is reached; nothing was sent
    │   ├── TooManyRequestsPendingError too many wait already
    │   └── TooMuchTimePendingError     waited too long
    └── TokenError                      signing in
        ├── LoginError                  no character signed in: cancelled, too late, or the browser could not return
        ├── MissingScopeError           the token lacks a scope; nothing was sent (also a CallError)
        ├── MissingRoleError            the character lacks a role; nothing was sent (also a CallError)
        ├── UnknownCharacterError       nothing is kept for this character (also a KeyError)
        ├── IncompleteTokensError       tokens without a field that is needed (also a KeyError)
        ├── TokenExpiredError           the token is old and nothing is there to refresh it (also an AttributeError)
        ├── TokenRefusedError           the SSO refuses: a wrong client id, secret or code (also an APIException)
        │   └── TokenRevokedError       the grant is gone: the user must sign in again
        ├── SSOUnavailableError         the SSO is down (also an APIException and requests' ConnectionError)
        └── TokenStoreError             the store of tokens cannot be read or written, or is not ours
            └── TokenStoreBusyError     another one holds the lock for too long (also a TimeoutError)

All of them pickle, and none carries a secret in text, attributes or cause.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from esipy._runtime.portable import portable
from esipy._runtime.redact import masked, masked_address
from esipy._runtime.suggest import abridged, closest, enumerated


class EsiError(Exception):
    """Root of all errors of esipy."""

    def __reduce__(self) -> tuple[Any, ...]:
        # An AttributeError keeps its `name` outside its dict.
        own = {'name': self.name} if isinstance(self, AttributeError) else {}
        return _revive, (type(self), self.args, portable({**self.__dict__, **own}))


def _revive(kind: type[EsiError], args: tuple[Any, ...], state: dict[str, Any]) -> EsiError:
    error = kind.__new__(kind, *args)
    error.args = args
    for name, value in state.items():
        setattr(error, name, value)
    return error


class APIException(EsiError):
    """The server returned an error, or did not respond.

    - `url`, `status_code` (500 if there was no response), `response` (the body as bytes), `response_header`
    - `request_param`: the query as `(name, value)` pairs
    - `operation`, `method`: of the call, if there was one
    - `request_id`: the server's own id of the request; `message`: its message as text
    - `remedy`: what to do

    ::

        try:
            client.request(call, raise_on_error=True)
        except APIException as error:
            print(error.status_code, error.message, error.remedy)
    """

    operation: str = ''
    method: str = ''
    request_id: str = ''
    remedy: str = ''

    def __init__(
        self,
        url: str,
        code: int,
        response: Any = b'{}',
        *,
        request_param: Any = (),
        response_header: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        url = masked_address(url)
        super().__init__(url, code)  # first: requests' errors, which SSOUnavailableError also is, set `response`
        self.url = url
        self.status_code = code
        self.response = response
        self.request_param = request_param
        self.response_header = response_header if response_header is not None else {}
        self.__dict__.update(more)

    @property
    def message(self) -> str:
        """The server's message as text; '' if there is none."""
        return message_of(self.response)

    def __str__(self) -> str:
        """As in 1.x it begins with `HTTP Error <status>: `; then the cause, where it happened, and the remedy."""
        place = f'{self.method} {self.url}'.strip() if self.operation else ''
        details = [f'{self.operation}: {place}' if self.operation else '']
        details += [f'request id {self.request_id}' if self.request_id else '']
        where = ', '.join(filter(None, details))
        cause = self.message or _STATUS_WORDS.get(self.status_code, 'the server gave no reason')
        text = f'HTTP Error {self.status_code}: {cause}' + (f' ({where})' if where else '')
        return f'{text}; {self.remedy}' if self.remedy else text


#: Bytes of a body, and characters of a message, that are shown.
_MAX_BODY = 20_000
_MAX_MESSAGE = 500

_STATUS_WORDS = {401: 'unauthorized', 403: 'forbidden', 404: 'not found', 420: 'error limited', 429: 'rate limited'}


def message_of(body: Any) -> str:
    """Return the message in the body of an error: the usual fields of a JSON object, or the beginning of a text.

    `body`: bytes or text; programs that raise an APIException of their own pass the decoded data of a response too.
    """
    if isinstance(body, Mapping):
        body = json.dumps(body, default=str)
    text = body.decode('utf-8', 'replace') if isinstance(body, bytes) else str(body or '')
    text = text[:_MAX_BODY].strip()
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return 'a page for people (HTML), not a response of the API' if text.startswith('<') else _short(text)
    if isinstance(value, dict):
        fields = (value.get(name) for name in ('error', 'message', 'error_description', 'detail', 'details', 'title'))
        found = [one if isinstance(one, str) else json.dumps(one) for one in fields if one]
        return _short(': '.join(dict.fromkeys(found)) or ('' if not value else text))
    return _short(value if isinstance(value, str) else text)


def _short(text: str) -> str:
    words = ' '.join(text.split())
    return words if len(words) <= _MAX_MESSAGE else f'{words[:_MAX_MESSAGE]}…'


class ClientError(APIException):
    """4xx: the server rejected this request; sending it again does not help."""


class ForbiddenError(ClientError):
    """403: the token does not allow it. `scopes`, `roles`: what the operation needs, if the description says so."""

    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class NotFoundError(ClientError):
    """404: the object does not exist, or the route is newer than the compatibility date that was sent."""


class LimitedError(ClientError):
    """420 or 429: a rate limit. Either the server rejected the request, or esipy did not send it.

    `retry_after`: seconds to wait, None if unknown. `limit`: the group of the bucket, 'errors' for the error limit, or
    method and path of a limited route; '' if unknown.
    """

    retry_after: float | None = None
    limit: str = ''


class ServerError(APIException):
    """5xx: the server failed."""


class DowntimeError(ServerError):
    """502, 503 or 504 during the daily downtime, which begins at 11:00 UTC, or with a `Retry-After` of a minute or
    more. `retry_requests` does not retry it, because the server is down for longer than a call may take."""


class ConnectionFailedError(APIException):
    """No response: the connection was refused, reset or closed too early."""


class TimedOutError(ConnectionFailedError, TimeoutError):
    """No response within `timeout`, or no end of it within `deadline`."""


class UndecodableBodyError(APIException):
    """The body is not JSON, or is larger than `max_body`. `reason` says which."""

    reason: str = ''

    @property
    def message(self) -> str:
        message_of_server = '' if self.status_code < 400 else super().message
        return ': '.join(filter(None, [message_of_server, _short(self.reason)]))


class UndecodableClientError(ClientError, UndecodableBodyError):
    """A 4xx whose body cannot be decoded."""


class UndecodableForbiddenError(ForbiddenError, UndecodableBodyError):
    """A 403 whose body cannot be decoded."""


class UndecodableNotFoundError(NotFoundError, UndecodableBodyError):
    """A 404 whose body cannot be decoded."""


class UndecodableLimitedError(LimitedError, UndecodableBodyError):
    """A 420 or 429 whose body cannot be decoded."""


class UndecodableServerError(ServerError, UndecodableBodyError):
    """A 5xx whose body cannot be decoded."""


class DowntimePageError(DowntimeError, UndecodableBodyError):
    """The server is down, and returns an HTML page."""


#: The error of a status, and the one that it is when its body cannot be decoded: both at once.
UNDECODABLE: dict[type[APIException], type[UndecodableBodyError]] = {
    ClientError: UndecodableClientError,
    ForbiddenError: UndecodableForbiddenError,
    NotFoundError: UndecodableNotFoundError,
    LimitedError: UndecodableLimitedError,
    ServerError: UndecodableServerError,
    DowntimeError: DowntimePageError,
}


class CallError(EsiError, ValueError):
    """The call is wrong, and was not sent.

    `operation`: its name. `faults`: every fault as a pair (parameter, what is wrong).
    """

    def __init__(self, operation: str, faults: Iterable[tuple[str, str]]) -> None:
        self.operation = operation
        self.faults = list(faults)
        super().__init__(operation, self.faults)

    def __str__(self) -> str:
        faults = (f'{name}: {fault}' if name else fault for name, fault in self.faults)
        return f'{self.operation}: {enumerated(faults, 50, "; ", 1000)}'


class UnknownOperationError(EsiError, AttributeError, KeyError):
    """There is no operation of that `name`. `nearest`: the closest names."""

    def __init__(self, name: str, reason: str, nearest: Iterable[str] = ()) -> None:
        super().__init__(name, reason)  # first: AttributeError clears `name`
        self.name = name
        self.reason = reason
        self.nearest = tuple(nearest)

    def __str__(self) -> str:
        hint = f'; did you mean {", ".join(self.nearest)}?' if self.nearest else ''
        return f'{abridged(repr(self.name), 200)}: {self.reason}{hint}'


class MissingFieldError(EsiError, AttributeError, KeyError):
    """A row has no such `field`. `fields`: those that it has."""

    def __init__(self, field: str, fields: tuple[str, ...]) -> None:
        super().__init__(field, fields)
        self.field = field
        self.fields = fields

    def __str__(self) -> str:
        nearest = closest(self.field, self.fields)
        hint = f'did you mean {nearest[0]!r}?' if nearest else f'there are {enumerated(self.fields, 50) or "none"}'
        return f'no field {abridged(repr(self.field), 200)}; {hint}'


class ErrorDataError(MissingFieldError, TypeError):
    """The data of an error status was used like rows. `status_code`, `message`: of that response."""

    def __init__(self, status_code: int, message: str, field: str = '') -> None:
        super().__init__(field, ())
        self.args = (status_code, message, field)
        self.status_code = status_code
        self.message = message

    def __str__(self) -> str:
        what = f'there is no {self.field!r}' if self.field else 'there are no rows'
        return (
            f'{what}, since the response is an error: HTTP {self.status_code}: {self.message}; check response.ok, or '
            'use raise_on_error=True'
        )


class SpecError(EsiError, ValueError):
    """The source is not an API description, or a part of it that is needed is broken. Its text may name the address of
    the source, whose secrets are masked."""

    def __init__(self, *reasons: Any) -> None:
        super().__init__(*(masked(reason) if isinstance(reason, str) else reason for reason in reasons))


class ConfigError(EsiError, ValueError):
    """An entry of a configuration names something that cannot be found, or that cannot be created."""


class PaginationError(EsiError):
    """A list cannot be read to its end, so that records would be missing silently.

    `operation`: its name. `reason`: what the server did, and what to do.
    """

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(operation, reason)
        self.operation = operation
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.operation}: {self.reason}'


class SnapshotError(PaginationError):
    """The pages repeatedly belonged to several states of the list. `retry_after`: seconds until the last of them
    expires, None if unknown."""

    retry_after: float | None = None


class CrawlError(EsiError):
    """A crawl of this name is under way already, or there is none, or its records in Redis were changed."""


class PluginError(EsiError, TypeError):
    """Not a plugin, or one that cannot be added as it is."""


class MockError(EsiError, ValueError):
    """There is no mock for a call, or one that cannot be used, or one that does not match the description."""


class RequestLimitError(EsiError):
    """A plugin that limits requests did not let this one be sent."""


class TooManyRequestsPendingError(RequestLimitError):
    """Too many requests are waiting already (`hard_limit`)."""


class TooMuchTimePendingError(RequestLimitError):
    """A request waited for too long (`timeout`)."""


class TokenError(EsiError):
    """Something is wrong with the token, or with getting one."""


class LoginError(TokenError):
    """`esipy.login` ended without a character: it was declined, timed out, or the browser could not return."""


class MissingScopeError(TokenError, CallError):
    """The token lacks `scopes` that the `operation` needs: the character has to sign in again with them. The call was
    not sent."""

    def __init__(self, operation: str, scopes: Iterable[str], character: str) -> None:
        self.scopes = tuple(scopes)
        fault = (
            f'needs the scope {", ".join(self.scopes)}, which the token of {character} lacks; sign in again with '
            'get_auth_uri(state, scopes=security.scopes_for(…)). check_scopes=False sends the call all the same'
        )
        super().__init__(operation, [('', fault)])


class MissingRoleError(TokenError, CallError):
    """The character has none of the `roles` in its corporation of which the `operation` needs one. The call was not
    sent."""

    def __init__(self, operation: str, roles: Iterable[str], character: str) -> None:
        self.roles = tuple(roles)
        needed = self.roles[0] if len(self.roles) == 1 else f'one of the roles {", ".join(self.roles)}'
        what = f'the role {needed}' if len(self.roles) == 1 else needed
        fault = (
            f'needs {what}, which {character} lacks; call it as a character that has it, or let a director of the '
            'corporation grant it. check_roles=False sends the call all the same'
        )
        super().__init__(operation, [('', fault)])


class UnknownCharacterError(TokenError, KeyError):
    """The store has no tokens for `character_id`. `known`: the ids that it has tokens for."""

    def __init__(self, character_id: int, known: Iterable[int]) -> None:
        self.character_id = character_id
        self.known = tuple(known)
        super().__init__(character_id, self.known)

    def __str__(self) -> str:
        shown = ', '.join(map(str, self.known[:10])) or 'none'
        more = f' and {len(self.known) - 10} more' if len(self.known) > 10 else ''
        return (
            f'the store has no tokens for character {self.character_id}, which has to sign in; '
            f'it has tokens for: {shown}{more}'
        )


class IncompleteTokensError(TokenError, KeyError):
    """The tokens lack a `field` that is needed."""

    def __init__(self, field: str, hint: str) -> None:
        self.field = field
        self.hint = hint
        super().__init__(field, hint)

    def __str__(self) -> str:
        return f'the tokens have no {self.field!r}: pass {self.hint}'


class TokenExpiredError(TokenError, AttributeError):
    """The access token has expired, and there is no refresh token."""


class TokenRefusedError(TokenError, APIException):
    """The SSO rejects the client, the secret, the code or the scopes."""


class TokenRevokedError(TokenRefusedError):
    """`invalid_grant`: the character has withdrawn the authorisation, and has to sign in again."""


if TYPE_CHECKING:
    from requests.exceptions import ConnectionError as RequestsConnectionError

    class SSOUnavailableError(TokenError, APIException, RequestsConnectionError): ...


def __getattr__(name: str) -> Any:
    """Make SSOUnavailableError when it is first used. It is an error of requests too, whose import takes longer than
    that of all of esipy: a program that reads a description from a file and makes calls needs neither."""
    if name != 'SSOUnavailableError':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from requests.exceptions import ConnectionError as RequestsConnectionError

    description = 'The SSO does not respond, or returns an error of its own. No token is lost: try again later.'
    made = type(
        name, (TokenError, APIException, RequestsConnectionError), {'__module__': __name__, '__doc__': description}
    )
    return globals().setdefault(name, made)  # another thread may have made it


def __dir__() -> list[str]:
    return sorted({*globals(), 'SSOUnavailableError'})


class TokenStoreError(TokenError):
    """The store cannot be read or written, or contains something else."""


class WrongCharacterError(TokenStoreError):
    """The tokens that are stored for a character are those of another one: somebody has changed the store. They are not
    used; the character has to sign in again."""


class TokenStoreBusyError(TokenStoreError, TimeoutError):
    """The lock was not free in time, because another thread or process held it."""
