"""Mock responds in place of the server, for tests.

A mocked response is handled like any other: it is cached, decoded, counted by other plugins, and compared with the
description if there is one.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from esipy._http import RawResponse
from esipy._plugins.base import CallContext, Plugin
from esipy.exceptions import MockError, UndecodableBodyError

#: What `use_mock` accepts: called with the CallContext, it returns a RawResponse, the bytes or text of a body, or a
#: JSON value.
MockFunction = Callable[[CallContext], Any]


class BaseMock:
    """A mocked response with `status` and `headers`; a subclass creates its body. It is called with the CallContext."""

    def __init__(self, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})

    def _body(self) -> bytes:
        return b''

    def __call__(self, call: CallContext) -> RawResponse:
        return call.make_response(self._body(), self.status, self.headers)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} of status {self.status}>'


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
    """The body is `data`, a JSON value. `json_encoder`: a class that serialises what `json` cannot."""

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
    """The body is the content of `file`."""

    def __init__(self, *, file: str | Path, **more: Any) -> None:
        super().__init__(**more)
        self.file = Path(file)

    def _body(self) -> bytes:
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise MockError(f'{type(self).__name__}: {self.file}: {error.strerror}') from None


class JsonFileMock(RawFileMock):
    """The body is the content of `file`, which must be JSON."""

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


class _Registration:
    """A mock that is used for certain calls, a number of times."""

    def __init__(self, mock: Any, service_name: str | None, endpoint: str | None, offset: int, limit: int) -> None:
        if offset < 0 or limit < 0:
            raise ValueError('offset and limit cannot be negative')
        self.mock = mock
        self.service_name = service_name
        self.endpoint = endpoint
        self.offset = offset
        #: For how many calls it is still used; None: for all.
        self.left = limit or None

    def is_for(self, call: CallContext) -> bool:
        return self.service_name in (None, call.service) and self.endpoint in (None, call.name)

    def is_due(self) -> bool:
        """Return whether it is used for this call, and count the call."""
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
    """Decides which mock responds, for the Mock plugins of all clients. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registrations: list[_Registration] = []

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {len(self._registrations)} mocks in use>'

    @contextmanager
    def use_mock(
        self,
        mock: MockFunction,
        service_name: str | None = None,
        endpoint: str | None = None,
        offset: int = 0,
        limit: int = 1,
    ) -> Iterator[None]:
        """Respond to calls with the result of `mock(call)`, in a `with` block or as the decorator of a test.

        `service_name`, `endpoint` (an operation's id): only to calls of these; None: of any. `offset`: the number of
        calls that are ignored first; `limit`: the number of calls that it responds to; 0: all. If several mocks match a
        call, the latest one is used.
        """
        with self._registered(_Registration(mock, service_name, endpoint, offset, limit)):
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
        """Change the `mock` of the endpoint's entry by `patch`. The other arguments are as in `use_mock`."""
        with self._registered(_Registration(_Patch(patch), service_name, endpoint, offset, limit)):
            yield

    @contextmanager
    def _registered(self, registration: _Registration) -> Iterator[None]:
        with self._lock:
            self._registrations.insert(0, registration)
        try:
            yield
        finally:
            with self._lock:
                if registration in self._registrations:
                    self._registrations.remove(registration)

    def _next(self, call: CallContext) -> Any:
        """Return what is used for a call: a mock, a _Patch or None."""
        with self._lock:
            for registration in self._registrations:
                if registration.is_for(call) and registration.is_due():
                    if registration.left == 0:
                        self._registrations.remove(registration)
                    return registration.mock
            return None


#: The MockManager of all Mock plugins.
mock_manager = MockManager()


class Mock(Plugin):
    """`Mock()`: no request is sent. The mock that responds is given by `mock_manager`, or in a table of endpoints::

        mock: {mock_type: JsonDataMock, data: {players: 1}, status: 200, headers: {ETag: '"1"'}}

    `mock_type` is the name of one of this module's classes, a class, its dotted path, or `namespace:Class` for a module
    of your own (`Mock({'ours': 'our.mocks'})`); the other values are the arguments of the class. Raises MockError for a
    call without a mock, and for a response that the operation's description does not allow.
    """

    def __init__(self, namespaces: Mapping[str, str] | None = None) -> None:
        self.namespaces = {'default': __name__, **(namespaces or {})}

    def respond(self, call: CallContext) -> RawResponse:
        mock = mock_manager._next(call)
        if mock is None or isinstance(mock, _Patch):
            mock = self._created(call, _patched(call.endpoint_option('mock'), mock.changes if mock else {}))
        response = mock(call)
        if not isinstance(response, RawResponse):
            is_body = isinstance(response, (bytes, str))
            response = (RawDataMock(data=response) if is_body else JsonDataMock(data=response))(call)
        _check(call, response)
        return response

    def _created(self, call: CallContext, description: Mapping[str, Any]) -> MockFunction:
        if 'mock_type' not in description:
            raise MockError(f'{call.name}: no mock; use mock_manager.use_mock(…), or `mock` in the table of endpoints')
        options = {name: value for name, value in description.items() if name != 'mock_type'}
        kind = self._class_of(call, description['mock_type'])
        try:
            created: MockFunction = kind(**options)
        except TypeError as error:
            raise MockError(f'{call.name}: {error}') from None
        return created

    def _class_of(self, call: CallContext, kind: Any) -> Any:
        if not isinstance(kind, str):
            return kind
        namespace, _, name = kind.rpartition(':')
        if not namespace and '.' in name:  # the dotted path of a class, as a configuration has it
            try:
                return pkgutil.resolve_name(name)
            except (ImportError, AttributeError, ValueError) as error:
                raise MockError(f'{call.name}: mock_type {kind!r} cannot be imported: {error}') from None
        module = self.namespaces.get(namespace or 'default')
        found = getattr(importlib.import_module(module), name, None) if module else None
        if found is None:
            known = f'namespaces are {", ".join(self.namespaces)}' if not module else f'{module} has no {name}'
            raise MockError(f'{call.name}: mock_type {kind!r}: {known}')
        return found


def _patched(description: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `mock` of an endpoint with changes. Another class does not take the arguments of the old one."""
    is_other = changes.get('mock_type', description.get('mock_type')) != description.get('mock_type')
    kept = {name: value for name, value in description.items() if not is_other or name in ('status', 'headers')}
    return {**kept, **changes}


def _check(call: CallContext, raw: RawResponse) -> None:
    """Raise MockError for a response that the description does not allow. An error status may have any body, as the
    server's may."""
    described = getattr(call.operation, 'responses', {})
    if not described or raw.status >= 400 or raw.status == 304:
        return
    if call.operation.response_for(raw.status) is None:
        raise MockError(f'{call.name}: status {raw.status} is not in the description; it has {", ".join(described)}')
    response = call.response_of(raw.status, raw.headers, raw.content, raw.url)
    try:
        response.check()
    except UndecodableBodyError as error:
        raise MockError(f'{call.name}: the mock does not match the description: {error.reason}') from None
