"""Mock: answers that are given instead of sending, for tests.

They travel the rest of the path of any other: they are cached, read, counted by other plugins, and checked against the
description where there is one.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from esipy._http import RawResponse
from esipy._plugins.base import CallContext, Plugin
from esipy.exceptions import MockError, UndecodableBodyError

#: What `use_mock` takes: called with the Call, it returns an Answer, the bytes or text of a body, or a JSON value.
MockFunction = Callable[[CallContext], Any]


class BaseMock:
    """An answer by `status` and `headers`, whose body a subclass makes. Called with the Call that is to be answered."""

    def __init__(self, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})

    def _body(self) -> bytes:
        return b''

    def __call__(self, call: CallContext) -> RawResponse:
        return call.make_response(self._body(), self.status, self.headers)


class RawDataMock(BaseMock):
    """The body is `data`, bytes or text."""

    def __init__(self, *, data: bytes | str, **more: Any) -> None:
        super().__init__(**more)
        if not isinstance(data, (bytes, str)):
            raise MockError(f'RawDataMock: data is bytes or text, not {type(data).__name__}')
        self.data = data

    def _body(self) -> bytes:
        return self.data.encode() if isinstance(self.data, str) else self.data


class JsonDataMock(BaseMock):
    """The body is `data`, a JSON value. `json_encoder`: a class for what `json` does not know."""

    def __init__(self, *, data: Any, json_encoder: type[json.JSONEncoder] | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.headers = {'Content-Type': 'application/json', **self.headers}
        try:
            self.data = json.dumps(data, cls=json_encoder).encode()
        except (TypeError, ValueError) as error:
            raise MockError(f'JsonDataMock: {error}') from None

    def _body(self) -> bytes:
        return self.data


class RawFileMock(BaseMock):
    """The body is what the `file` holds."""

    def __init__(self, *, file: str | Path, **more: Any) -> None:
        super().__init__(**more)
        self.file = Path(file)

    def _body(self) -> bytes:
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise MockError(f'{type(self).__name__}: {self.file}: {error.strerror}') from None


class JsonFileMock(RawFileMock):
    """The body is what the `file` holds, which must be JSON."""

    def __init__(self, *, file: str | Path, **more: Any) -> None:
        super().__init__(file=file, **more)
        self.headers = {'Content-Type': 'application/json', **self.headers}

    def _body(self) -> bytes:
        body = super()._body()
        try:
            json.loads(body)
        except ValueError as error:
            raise MockError(f'JsonFileMock: {self.file}: not JSON: {error}') from None
        return body


class _Wanted:
    """What `mock_manager` was told: for which calls, and how often."""

    def __init__(self, given: Any, service_name: str | None, endpoint: str | None, offset: int, limit: int) -> None:
        if offset < 0 or limit < 0:
            raise ValueError('offset and limit cannot be negative')
        self.given = given
        self.service_name = service_name
        self.endpoint = endpoint
        self.offset = offset
        #: How often it is still used; None: for ever.
        self.left = limit or None

    def is_for(self, call: CallContext) -> bool:
        return self.service_name in (None, call.service) and self.endpoint in (None, call.name)

    def is_due(self) -> bool:
        """Whether it is its turn, which counts."""
        if self.offset:
            self.offset -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True


class _Patch(NamedTuple):
    """Changes to the `mock` of an endpoint."""

    changes: Mapping[str, Any]


class MockManager:
    """What tests tell the Mocks of all clients. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: list[_Wanted] = []

    @contextmanager
    def use_mock(
        self,
        mock: MockFunction,
        service_name: str | None = None,
        endpoint: str | None = None,
        offset: int = 0,
        limit: int = 1,
    ) -> Iterator[None]:
        """Answer calls by `mock(call)`, in a `with` block or as the decorator of a test.

        `service_name`, `endpoint` (an operation's id): only theirs, or any. `offset`: so many calls are passed over
        first; `limit`: so many are answered; 0: all. Of several that fit the latest is used.
        """
        with self._told(_Wanted(mock, service_name, endpoint, offset, limit)):
            yield

    @contextmanager
    def patch_mock_desc(
        self,
        patch: Mapping[str, Any],
        service_name: str | None = None,
        endpoint: str | None = None,
        offset: int = 0,
        limit: int = 1,
    ) -> Iterator[None]:
        """Change the `mock` that stands beside the endpoint by `patch`. The rest is as in `use_mock`."""
        with self._told(_Wanted(_Patch(patch), service_name, endpoint, offset, limit)):
            yield

    @contextmanager
    def _told(self, wanted: _Wanted) -> Iterator[None]:
        with self._lock:
            self._wanted.insert(0, wanted)
        try:
            yield
        finally:
            with self._lock:
                if wanted in self._wanted:
                    self._wanted.remove(wanted)

    def _next(self, call: CallContext) -> Any:
        """What is to be used for a call: a mock, a _Patch or None."""
        with self._lock:
            for wanted in self._wanted:
                if wanted.is_for(call) and wanted.is_due():
                    if wanted.left == 0:
                        self._wanted.remove(wanted)
                    return wanted.given
            return None


#: The one that all Mocks ask.
mock_manager = MockManager()


class Mock(Plugin):
    """`Mock()`: no call is sent. What answers instead is told by `mock_manager`, or stands beside the endpoint::

        mock: {mock_type: JsonDataMock, data: {players: 1}, status: 200, headers: {ETag: '"1"'}}

    `mock_type` is the name of one of this module's classes, a class, or `namespace:Class` for a module of one's own
    (`Mock({'ours': 'our.mocks'})`); the rest is what the class is made with. Raises MockError for a call that
    nothing answers, and for an answer that the operation's description does not allow.
    """

    def __init__(self, namespaces: Mapping[str, str] | None = None) -> None:
        self.namespaces = {'default': __name__, **(namespaces or {})}

    def respond(self, call: CallContext) -> RawResponse:
        mock = mock_manager._next(call)
        if mock is None or isinstance(mock, _Patch):
            mock = self._made(call, _patched(call.endpoint_option('mock'), mock.changes if mock else {}))
        given = mock(call)
        if not isinstance(given, RawResponse):
            raw = isinstance(given, (bytes, str))
            given = (RawDataMock(data=given) if raw else JsonDataMock(data=given))(call)
        _check(call, given)
        return given

    def _made(self, call: CallContext, description: Mapping[str, Any]) -> MockFunction:
        if 'mock_type' not in description:
            raise MockError(f'{call.name}: no mock; use mock_manager.use_mock(…), or a `mock` beside the endpoint')
        options = {name: value for name, value in description.items() if name != 'mock_type'}
        kind = self._class_of(call, description['mock_type'])
        try:
            made: MockFunction = kind(**options)
        except TypeError as error:
            raise MockError(f'{call.name}: {error}') from None
        return made

    def _class_of(self, call: CallContext, kind: Any) -> Any:
        if not isinstance(kind, str):
            return kind
        namespace, _, name = kind.rpartition(':')
        module = self.namespaces.get(namespace or 'default')
        found = getattr(importlib.import_module(module), name, None) if module else None
        if found is None:
            known = f'namespaces are {", ".join(self.namespaces)}' if not module else f'{module} has no {name}'
            raise MockError(f'{call.name}: mock_type {kind!r}: {known}')
        return found


def _patched(description: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The `mock` of an endpoint with changes. What another class is made with is not for the new one."""
    is_other = changes.get('mock_type', description.get('mock_type')) != description.get('mock_type')
    kept = {name: value for name, value in description.items() if not is_other or name in ('status', 'headers')}
    return {**kept, **changes}


def _check(call: CallContext, answer: RawResponse) -> None:
    """Raise MockError for an answer that the description does not allow. Errors may have any body, as on a server."""
    described = getattr(call.operation, 'answers', {})
    if not described or answer.status >= 400 or answer.status == 304:
        return
    if call.operation.answer(answer.status) is None:
        raise MockError(f'{call.name}: status {answer.status} is not described; there are {", ".join(described)}')
    response = call.response_of(answer.status, answer.headers, answer.content, answer.url)
    try:
        response.check()
    except UndecodableBodyError as error:
        raise MockError(f'{call.name}: the mock is not what the description says: {error.reason}') from None
