"""The errors of calls, under django-esi's names::

    HTTPError                   (also an esipy.exceptions.APIException)
    ├── HTTPNotModified         304
    ├── HTTPClientError         4xx (also a ClientError)
    ├── HTTPServerError         5xx (also a ServerError)
    │   ├── HTTPDowntimeError   (also a DowntimeError)
    │   └── HTTPSnapshotError   a list that changes faster than it can be read (also a SnapshotError)
    ├── RequestError            no response: refused, reset, too late (also a ConnectionFailedError)
    ├── ContentTypeError        a body that is not what its description says (also an UndecodableBodyError)
    └── HTTPListError           the pages of a list do not belong together (also a PaginationError)
    esipy.exceptions.LimitedError
    ├── ESIErrorLimitException  the error limit
    ├── ESIBucketLimitException a rate limit
    └── TaskBucketLimitException

Where aiopenapi3 is in use, each is the error of aiopenapi3 with its name as well.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from esipy._message.response import Response
from esipy._message.rows import rows
from esipy.contrib.django.compat.rate_limiting import ESIRateLimitBucket
from esipy.contrib.django.compat.records import to_records
from esipy.exceptions import (
    APIException,
    ClientError,
    ConnectionFailedError,
    DowntimeError,
    EsiError,
    LimitedError,
    PaginationError,
    ServerError,
    SnapshotError,
    TokenError,
    UndecodableBodyError,
)

#: The attributes of an error that survive pickling.
_KEPT = ('url', 'operation', 'method', 'reason', 'retry_after')


class HTTPError(APIException):
    """A call failed. `status_code`; `headers`; `data`: the body, as an object."""

    #: The name of the error of aiopenapi3 that it is as well.
    _counterpart: ClassVar[str] = 'HTTPError'

    def __new__(cls, *args: Any, **kwargs: Any) -> HTTPError:
        # Sites that catch the errors of aiopenapi3 have imported it. esipy itself never does: it is large.
        module = sys.modules.get('aiopenapi3.errors')
        theirs = None if module is None else getattr(module, cls._counterpart, None)
        kind: Any = cls
        return super().__new__(kind if theirs is None or issubclass(kind, theirs) else _both(kind, theirs))

    def __init__(self, status_code: int = 0, headers: Mapping[str, str] | None = None, data: Any = None) -> None:
        Exception.__init__(self, status_code, headers, data)  # the next in line may be an error of aiopenapi3
        self.url, self.status_code, self.request_param = '', status_code, ()
        self.headers = self.response_header = headers if headers is not None else {}
        self.data = data
        self.response = data if isinstance(data, bytes) else b'{}'

    def __str__(self) -> str:
        cause = self.__cause__
        if cause is not None:
            return str(cause)
        reason = getattr(self.data, 'error', None) or self.data
        what = f'HTTP Error {self.status_code}' if self.status_code else self.operation or 'no response'
        return what + (f': {reason}' if reason else '')

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.status_code}>'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HTTPError) and self.status_code == other.status_code and self.data == other.data

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.status_code))

    def __reduce__(self) -> tuple[Any, ...]:
        named = next(kind for kind in type(self).__mro__ if globals().get(kind.__name__) is kind)
        return named, (self.status_code, dict(self.headers), self.data), self._state()

    def _state(self) -> dict[str, Any]:
        """What a copy in another process has beside the arguments."""
        return {name: value for name, value in self.__dict__.items() if name in _KEPT}


class HTTPNotModified(HTTPError):
    """304: nothing has changed since the last response."""

    def __init__(self, status_code: int = 304, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code, headers)

    def __reduce__(self) -> tuple[Any, ...]:
        return HTTPNotModified, (self.status_code, dict(self.headers)), self._state()


class HTTPClientError(HTTPError, ClientError):
    """4xx: the server refuses the request."""

    _counterpart = 'HTTPClientError'


class HTTPServerError(HTTPError, ServerError):
    """5xx: the server failed."""

    _counterpart = 'HTTPServerError'


class HTTPDowntimeError(HTTPServerError, DowntimeError):
    """5xx while the cluster is down for the day."""


class RequestError(HTTPError, ConnectionFailedError):
    """There was no response."""

    _counterpart = 'RequestError'


class ContentTypeError(HTTPError, UndecodableBodyError):
    """The body is not what its description says."""

    _counterpart = 'ContentTypeError'


class HTTPListError(HTTPError, PaginationError):
    """The pages of a list do not belong together: each was a response, and the list is none."""


class HTTPSnapshotError(HTTPServerError, SnapshotError):
    """A list that changes faster than it can be read. It can be had later: in `retry_after` seconds, if that is known.

    `status_code` is 503, as for whatever the server cannot give at the moment.
    """


@cache
def _both(ours: Any, theirs: Any) -> Any:
    return type(ours.__name__, (ours, theirs), {'__module__': ours.__module__, '__doc__': ours.__doc__})


class _LimitException(LimitedError):
    """What the three have in common. `reset`, as `retry_after`: seconds until the limit permits the next request."""

    def __init__(self, status: int, limit: str, reset: float | None, message: str) -> None:
        super().__init__('', status, retry_after=reset, limit=limit)
        self.reset = reset
        self._text = message

    def __str__(self) -> str:
        return self._text


class ESIErrorLimitException(_LimitException):
    """The error limit is reached: nothing is sent for `reset` seconds."""

    def __init__(self, reset: float | None = None, message: str | None = None) -> None:
        super().__init__(420, 'errors', reset, message or _reached('the error limit', reset))


class ESIBucketLimitException(_LimitException):
    """A rate limit is reached: nothing of its `bucket` is sent for `reset` seconds."""

    def __init__(self, bucket: Any, reset: float = 0, message: str | None = None) -> None:
        super().__init__(429, _slug(bucket), reset, message or _reached(_name(bucket, 'route'), reset))
        self.bucket = bucket


class TaskBucketLimitException(_LimitException):
    """The rate limit of a task is reached: it may run again in `reset` seconds."""

    def __init__(self, bucket: Any, reset: float) -> None:
        super().__init__(429, _slug(bucket), reset, _reached(_name(bucket, 'task'), reset))
        self.bucket = bucket


def _slug(bucket: Any) -> str:
    return str(getattr(bucket, 'slug', bucket))


def _name(bucket: Any, limited: str) -> str:
    return f'the rate limit {_slug(bucket) or f"of this {limited}"}'


def _reached(limit: str, reset: float | None) -> str:
    return f'{limit} is reached; try again ' + (f'in {math.ceil(reset)} s' if reset else 'later')


def translated(error: APIException | PaginationError, response: Any, operation: Any) -> EsiError:
    """Return the error of this module that stands for one of esipy's. `response`, `operation`: where there was one."""
    if isinstance(error, TokenError):
        return error  # of the SSO, and no response to the call: sites catch it by the names of `esi.errors`
    if isinstance(error, PaginationError):
        return _list_error(error)
    if isinstance(error, LimitedError):
        return _limit(error, operation)
    has_response = response is not None and not response.failed
    data = to_records(_body_of(response)) if has_response else None
    headers = response.headers if has_response else {}
    found = _kind_of(error)(0 if isinstance(error, ConnectionFailedError) else error.status_code, headers, data)
    found.url, found.operation, found.method = error.url, error.operation, error.method
    return found


def _list_error(error: PaginationError) -> HTTPError:
    if isinstance(error, SnapshotError):
        changing = HTTPSnapshotError(503, None, error.reason)
        changing.operation, changing.reason, changing.retry_after = error.operation, error.reason, error.retry_after
        return changing
    found = HTTPListError(0, None, error.reason)
    found.operation, found.reason = error.operation, error.reason
    return found


def _kind_of(error: APIException) -> type[HTTPError]:
    if isinstance(error, ConnectionFailedError):
        return RequestError
    if error.status_code < 400 and isinstance(error, UndecodableBodyError):
        return ContentTypeError
    if isinstance(error, DowntimeError):
        return HTTPDowntimeError
    return HTTPServerError if error.status_code >= 500 else HTTPClientError


def _limit(error: LimitedError, operation: Any) -> EsiError:
    known = error.retry_after
    reset = 60.0 if known is None else known  # a number: sites wait for so long
    if error.status_code == 420 or error.limit == 'errors':
        return ESIErrorLimitException(reset, _reached('the error limit', known))
    rule = None if operation is None else operation.rate_limit
    slug, limit, window = (rule.group, rule.tokens, rule.window) if rule is not None else (error.limit, 0, 0)
    bucket = ESIRateLimitBucket(slug, limit, window)
    return ESIBucketLimitException(bucket, reset, _reached(_name(bucket, 'route'), known))


def _body_of(response: Response) -> Any:
    try:
        return rows(response.decoded())
    except UndecodableBodyError:
        return (response.raw or b'').decode('utf-8', 'replace')
