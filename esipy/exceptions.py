"""Every error that esipy raises, one tree::

    EsiError
    ├── APIException                    the server answered with an error, wrongly, or not at all
    │   ├── ClientError                 4xx
    │   │   ├── ForbiddenError          403
    │   │   ├── NotFoundError           404
    │   │   └── LimitedError            420, 429: slow down
    │   ├── ServerError                 5xx
    │   │   └── DowntimeError           502, 503, 504 while the cluster is down for the day
    │   │       └── DowntimePageError   … with a page for people (also an UndecodableBodyError)
    │   ├── ConnectionFailedError       no answer: refused, reset, cut short
    │   │   └── TimedOutError           no answer in time
    │   └── UndecodableBodyError        an answer that is not what its description says: HTML, broken JSON, too big
    ├── CallError                       the call is at fault; nothing was sent (also a ValueError)
    ├── UnknownOperationError           no operation of that name (also a KeyError and an AttributeError)
    ├── MissingFieldError               a row has no such field (also an AttributeError and a KeyError)
    ├── SpecError                       not a description, or a broken one (also a ValueError)
    ├── ConfigError                     a configuration names what is not there (also a ValueError)
    ├── WalkError                       a list cannot be walked to its end
    │   └── SnapshotError               its pages are of several states, and it cannot be had in one
    ├── PluginError                     no plugin, or one with a misspelt hook (also a TypeError)
    ├── MockError                       no mock for a call, or one that breaks the description (also a ValueError)
    ├── RequestLimitError               a limit of one's own (Pool, RateLimit) is reached; nothing was sent
    │   ├── TooManyRequestsPendingError too many wait already
    │   └── TooMuchTimePendingError     waited too long
    └── TokenError                      signing in
        ├── LoginError                  nobody signed in: said no, too late, or the browser had no way back
        ├── MissingScopeError           the token lacks a scope; nothing was sent (also a CallError)
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

from collections.abc import Iterable, Mapping
from typing import Any

from requests.exceptions import ConnectionError as RequestsConnectionError

from esipy._runtime.suggest import closest


class EsiError(Exception):
    """Root of all errors of esipy."""

    def __reduce__(self) -> tuple[Any, ...]:
        # An AttributeError keeps its `name` outside its dict.
        own = {'name': self.name} if isinstance(self, AttributeError) else {}
        return _revive, (type(self), self.args, {**self.__dict__, **own})


def _revive(kind: type[EsiError], args: tuple[Any, ...], state: dict[str, Any]) -> EsiError:
    error = kind.__new__(kind, *args)
    error.args = args
    for name, value in state.items():
        setattr(error, name, value)
    return error


class APIException(EsiError):
    """The server's answer is an error, or there is none.

    Attributes: `url`; `status_code` (int; 500 where there was no answer); `response` (bytes);
    `request_param` (the query as `(name, value)` pairs); `response_header`.
    """

    def __init__(
        self,
        url: str,
        code: int,
        *,
        response: bytes | str = b'{}',
        request_param: Any = (),
        response_header: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(url, code)  # first: requests' errors, which SSOUnavailableError also is, set `response`
        self.url = url
        self.status_code = code
        self.response = response
        self.request_param = request_param
        self.response_header = response_header if response_header is not None else {}
        self.__dict__.update(more)

    def __str__(self) -> str:
        return f'HTTP Error {self.status_code}: {self.response!s}'


class ClientError(APIException):
    """4xx: the server refuses this request; sending it again is of no use."""


class ForbiddenError(ClientError):
    """403: the character may not. `scopes` and `roles` that the operation needs, where the description says."""

    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class NotFoundError(ClientError):
    """404: no such object, or a route that is newer than the compatibility date that was sent."""


class LimitedError(ClientError):
    """420 or 429: too many errors, or too many requests.

    `retry_after`: seconds to wait, None if not told. `limit`: the group of the bucket, 'errors' for the error limit,
    or method and path of a limited route, where esipy itself kept the call from being sent; '' where nobody knows.
    """

    retry_after: float | None = None
    limit: str = ''


class ServerError(APIException):
    """5xx: the server failed."""


class DowntimeError(ServerError):
    """502, 503 or 504 during the daily downtime, which begins at 11:00 UTC, or with a `Retry-After` of a minute or
    more. It is not repeated by `retry_requests`: the server is away for longer than a call may take."""


class ConnectionFailedError(APIException):
    """No answer: the connection was refused, reset or closed too early."""


class TimedOutError(ConnectionFailedError):
    """No answer within `timeout`, or no end of it within `deadline`."""


class UndecodableBodyError(APIException):
    """The body is not JSON, or is larger than `max_body`. `reason` says which."""

    reason: str = ''

    def __str__(self) -> str:
        return f'{super().__str__()[:500]} ({self.reason})' if self.reason else super().__str__()


class DowntimePageError(DowntimeError, UndecodableBodyError):
    """The server is down, and what it says so with is no JSON."""


class CallError(EsiError, ValueError):
    """The call itself is at fault, and nothing was sent.

    `operation`: its name. `faults`: every fault as a pair (parameter, what is wrong).
    """

    def __init__(self, operation: str, faults: Iterable[tuple[str, str]]) -> None:
        self.operation = operation
        self.faults = list(faults)
        super().__init__(operation, self.faults)

    def __str__(self) -> str:
        return f'{self.operation}: ' + '; '.join(f'{name}: {fault}' if name else fault for name, fault in self.faults)


class UnknownOperationError(EsiError, AttributeError, KeyError):
    """No operation of that name. `name`, and `nearest`: the names that come closest."""

    def __init__(self, name: str, reason: str, nearest: Iterable[str] = ()) -> None:
        super().__init__(name, reason)  # first: AttributeError clears `name`
        self.name = name
        self.reason = reason
        self.nearest = tuple(nearest)

    def __str__(self) -> str:
        hint = f'; did you mean {", ".join(self.nearest)}?' if self.nearest else ''
        return f'{self.name!r}: {self.reason}{hint}'


class MissingFieldError(EsiError, AttributeError, KeyError):
    """A row has no such `field`; `fields` are those that it has."""

    def __init__(self, field: str, fields: tuple[str, ...]) -> None:
        super().__init__(field, fields)
        self.field = field
        self.fields = fields

    def __str__(self) -> str:
        nearest = closest(self.field, self.fields)
        hint = f'did you mean {nearest[0]!r}?' if nearest else f'there are {", ".join(self.fields) or "none"}'
        return f'no field {self.field!r}; {hint}'


class SpecError(EsiError, ValueError):
    """The source is not an API description, or a part of it that is needed is broken."""


class ConfigError(EsiError, ValueError):
    """An entry of a configuration names what cannot be found, or what cannot be made of its arguments."""


class PaginationError(EsiError):
    """A list cannot be walked to its end, so that something would be missing without anybody knowing.

    `operation`: its name; `reason`: what the server did, and the way out.
    """

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(operation, reason)
        self.operation = operation
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.operation}: {self.reason}'


class SnapshotError(PaginationError):
    """The pages that came are of several states of the list, again and again. `retry_after`: seconds until the last
    of them stops being fresh, None if that is not told."""

    retry_after: float | None = None


class PluginError(EsiError, TypeError):
    """Not a plugin, or one that cannot be added as it is."""


class MockError(EsiError, ValueError):
    """Nothing says how to mock a call, or what says so cannot be, or breaks the operation's description."""


class RequestLimitError(EsiError):
    """A plugin that limits requests keeps this one from being sent."""


class TooManyRequestsPendingError(RequestLimitError):
    """As many requests wait already as may (`hard_limit`)."""


class TooMuchTimePendingError(RequestLimitError):
    """A request waited for longer than it may (`timeout`)."""


class TokenError(EsiError):
    """Something is wrong with the token, or with getting one."""


class LoginError(TokenError):
    """`esipy.login` ended without a character: the person said no, time ran out, or the browser had no way back."""


class MissingScopeError(TokenError, CallError):
    """The token lacks `scopes` that the `operation` needs: the character has to sign in again with them. Nothing was
    sent."""

    def __init__(self, operation: str, scopes: Iterable[str], whose: str) -> None:
        self.scopes = tuple(scopes)
        fault = (
            f'needs the scope {", ".join(self.scopes)}, which the token of {whose} lacks: sign in again by '
            'get_auth_uri(state, scopes=…) with all that scopes_for(…) names (check_scopes=False tries anyway)'
        )
        super().__init__(operation, [('', fault)])


class UnknownCharacterError(TokenError, KeyError):
    """The store holds nothing for `character_id`. `known`: the ids that it holds tokens for."""

    def __init__(self, character_id: int, known: Iterable[int]) -> None:
        self.character_id = character_id
        self.known = tuple(known)
        super().__init__(character_id, self.known)

    def __str__(self) -> str:
        shown = ', '.join(map(str, self.known[:10])) or 'none'
        more = f' and {len(self.known) - 10} more' if len(self.known) > 10 else ''
        return f'no tokens are kept for character {self.character_id}, who has to sign in; there are {shown}{more}'


class IncompleteTokensError(TokenError, KeyError):
    """Tokens without a `field` that is needed."""

    def __init__(self, field: str, hint: str) -> None:
        self.field = field
        self.hint = hint
        super().__init__(field, hint)

    def __str__(self) -> str:
        return f'the tokens have no {self.field!r} ({self.hint})'


class TokenExpiredError(TokenError, AttributeError):
    """The access token is too old, and there is no refresh token to get a new one with."""


class TokenRefusedError(TokenError, APIException):
    """The SSO refuses to give a token: it does not know the client, the secret or the code."""


class TokenRevokedError(TokenRefusedError):
    """`invalid_grant`: the character has to sign in again."""


class SSOUnavailableError(TokenError, APIException, RequestsConnectionError):  # type: ignore[misc]
    """The SSO does not answer, or answers with an error of its own: the token may still be good later."""


class TokenStoreError(TokenError):
    """The place where tokens are kept cannot be read or written, or holds something that is not ours."""


class TokenStoreBusyError(TokenStoreError, TimeoutError):
    """Another thread or process held the lock all the time."""
