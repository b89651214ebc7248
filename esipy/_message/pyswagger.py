"""Pairs made by a pyswagger `App`: executed as they were by EsiPy 1.x, their own Response filled and returned.

They are known by their shape alone (pyswagger is not imported), and travel the same path as our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from esipy._message.request import Outgoing, Request
from esipy._message.response import Response
from esipy._message.serialize import with_query
from esipy._spec.model import Method
from esipy.exceptions import CallError, UndecodableBodyError


class _ForeignOperation:
    """As much of an Operation as an execution asks for."""

    header_names: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    required_roles: tuple[str, ...] = ()
    rate_limit = None
    accept = None
    has_writes = False  # not known: a write invalidates the response with its own headers
    endpoint: Mapping[str, Any] = {}

    def __init__(self, theirs: Any, request: Request) -> None:
        self.id = f'{theirs.method} {theirs.path}'
        self.method = Method(theirs.method)
        self.path = theirs.path
        self.security = theirs._security
        self._request = request

    @property
    def base_url(self) -> str:
        """At least as far as the server: their requests have only the whole address."""
        return self._request.url

    def response_for(self, status: int) -> None:
        """Nothing is known about responses: pyswagger reads them itself."""


class ForeignRequest(Request):
    """A pyswagger request behind the face of ours. It is edited in place, as 1.x did: one thread at a time."""

    def __init__(self, theirs: Any) -> None:
        super().__init__(_ForeignOperation(theirs, self), theirs._p)  # type: ignore[arg-type]
        self.theirs = theirs

    def copy(self, only: str | None = None) -> Any:
        self._p['header'].pop('Authorization', None)  # an earlier execution's
        return self.theirs

    @property
    def url(self) -> str:
        return self.outgoing('GET', {}, None).url.partition('?')[0]

    @property
    def _security(self) -> Any:
        return self.theirs._security

    def outgoing(
        self, method: str, opt: Mapping[str, str], compatibility_date: str | None, content: Any = None
    ) -> Outgoing:
        theirs = self.theirs
        theirs.reset()
        theirs.prepare(scheme='https', handle_files=False)
        theirs._patch(dict(opt))
        body = theirs.data.encode() if isinstance(theirs.data, str) else theirs.data
        return Outgoing(method, with_query(theirs.url, theirs.query), dict(theirs.header), body or None)


def to_request(call: Any) -> Request:
    """The Request of a call, ours or pyswagger's. Raises CallError for what is not a call."""
    request = call[0] if isinstance(call, (tuple, list)) and len(call) == 2 else None
    if isinstance(request, Request):
        return request
    if all(hasattr(request, name) for name in ('_p', 'prepare', '_patch', 'reset', 'method', 'path')):
        return ForeignRequest(request)
    raise CallError(
        'request()', [('', f"not a call: {type(call).__name__}; make one with app.op['name'](parameter=value)")]
    )


def fill_response(call: Any, response: Response) -> Any:
    """What the caller gets: our Response, which the pair shows from now on, or pyswagger's own, filled."""
    theirs = call[1]
    if isinstance(theirs, Response):
        theirs.copy_from(response)
        return response
    theirs.reset()
    theirs.raw_body_only = response.raw_body_only
    try:
        theirs.apply_with(status=response.status, header=list(response.headers.items()), raw=response.raw)
    except Exception as error:  # 1.x: whatever pyswagger cannot read
        raise UndecodableBodyError(
            response.url, response.status or 500, response=response.raw or b'', reason=str(error)
        ) from None
    return theirs


def update_pair(call: Any, response: Response) -> None:
    """Put the latest response into the pair, also when an error is raised for it: a program that catches the error may
    look there, as with 1.x. A response that pyswagger cannot read does not hide that error."""
    with suppress(UndecodableBodyError):
        fill_response(call, response)
