"""The control interface: everything that a program can do with its sandbox, as commands with plain values.

In the same process they are called directly. A sandbox in another process is sent `POST /__sandbox__/<name>` with the
arguments as a JSON object.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from esipy import clock
from esipy._runtime.suggest import closest
from esipy._sandbox import page
from esipy._sandbox.delivery import Delivery
from esipy._sandbox.documents import pointing_at
from esipy._sandbox.errors import SandboxError
from esipy._sandbox.faults import Fault
from esipy._sandbox.http_messages import Request, error_response, json_response
from esipy._sandbox.limits.limiter import ERRORS, label
from esipy._sandbox.listing import Listing
from esipy._sandbox.loopback import is_loopback
from esipy._sandbox.pagination import START_ID_PARAMETERS
from esipy._sandbox.request_handler import RequestHandler
from esipy._sandbox.request_validation import ValidatedRequest
from esipy._sandbox.routes import normal
from esipy._sandbox.sso import control as sso
from esipy._sandbox.sso.names import ALL, NAMES
from esipy._sandbox.validation import is_valid
from esipy._sandbox.world import is_list
from esipy._spec.model import Operation
from esipy._spec.table import OpTable
from esipy.exceptions import UnknownOperationError

#: Paths of the sandbox itself begin with this.
CONTROL = '/__sandbox__/'

#: Runs a command of a sandbox: control('faults.clear'), control('log.read').
Control = Callable[..., Any]


class ControlApi:
    """The commands of one sandbox."""

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._table = OpTable(handler.reader, lambda operation, params: None)
        self._commands: dict[str, Callable[..., Any]] = {
            'log.read': handler.book.read,
            'log.clear': handler.book.clear,
            'operation.id': self._named,
            'faults.add': self._add_fault,
            'faults.remove': handler.faults.remove,
            'faults.clear': handler.faults.clear,
            'faults.hits': handler.faults.hits,
            'clock.move': clock.move,
            'limits.set': self._set_limit,
            'limits.scale': handler.limiter.scale,
            'limits.switch': handler.limiter.switch,
            'limits.reset': handler.limiter.reset,
            'limits.counts': handler.limiter.counts,
            'lists.read': self._list_read,
            'lists.at': self._list_at,
            'lists.size': self._list_size,
            'lists.insert': self._list_insert,
            'lists.remove': self._list_remove,
            'lists.edit': self._list_edit,
            'lists.resize': self._list_resize,
            'lists.replace': self._list_replace,
            'data.get': self._data_get,
            'data.set': self._data_set,
            'data.reset': handler.world.reset_singles,
            'missing.add': self._add_missing,
            'missing.clear': self._clear_missing,
            'failures': lambda: list(handler.failures),
            'failures.clear': handler.failures.clear,
            'ping': lambda: True,
            **sso.commands(handler.sso),
        }

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        command = self._commands.get(name)
        if command is None:
            raise SandboxError(f'there is no command {name!r}; the commands are {", ".join(self._commands)}')
        return copy.deepcopy(command(**arguments))

    def _operation(self, name: str) -> Operation:
        return self._table[name]

    def _named(self, operation: str) -> str:
        """Return the name of an operation, or of a page of the SSO, in the log."""
        if operation.partition('.')[0] != ALL:
            return label(self._operation(operation))
        if operation not in NAMES:
            raise SandboxError(f'the SSO has no page {operation!r}; the pages are {", ".join(NAMES)}')
        return operation

    def _add_fault(self, kind: str, **settings: Any) -> int:
        fault = Fault.of(kind, settings)
        operation = self._named(fault.operation) if fault.operation is not None else None
        return self._handler.faults.add(fault, operation)

    def _set_limit(self, name: str, tokens: int | None = None, window: float | None = None) -> None:
        limiter = self._handler.limiter
        if name != ERRORS and name not in limiter.groups:
            name = self._operation_with_limit(name)
        limiter.set(name, tokens, window)

    def _operation_with_limit(self, name: str) -> str:
        """Return the operation of that name. The error for an unknown one names the nearest limit or operation."""
        try:
            return label(self._operation(name))
        except UnknownOperationError as unknown:
            limits = [ERRORS, *self._handler.limiter.groups]
            nearest = closest(name, [*limits, *unknown.nearest])
            if not set(nearest) & set(limits):
                raise
            raise SandboxError(f'there is no limit {name!r}, did you mean {nearest[0]!r}?') from None

    def _listing(self, operation: str, params: Mapping[str, Any]) -> Listing:
        found = self._operation(operation)
        if found.method != 'GET' or not is_list(self._handler.world.shape(found)):
            raise SandboxError(f'{operation}: does not return a list')
        return self._handler.world.listing(found, self._values(found, params))

    def _values(self, operation: Operation, params: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {p.name: p.default for p in operation.parameters if p.has_default}
        for parameter in operation.parameters:
            if parameter.location == 'path' and parameter.name not in params:
                raise SandboxError(f'{operation.id}: {parameter.name} is missing: the path needs it')
        unknown = params.keys() - {p.name for p in operation.parameters}
        if unknown:
            raise SandboxError(f'{operation.id}: unknown parameter {", ".join(sorted(unknown))}')
        return {**values, **params}

    def _list_read(self, operation: str, params: Mapping[str, Any]) -> list[Any]:
        with self._handler.world.lock:
            return list(self._listing(operation, params).all())

    def _list_at(self, operation: str, params: Mapping[str, Any], index: int) -> Any:
        with self._handler.world.lock:
            listing = self._listing(operation, params)
            return listing.data(range(len(listing))[index])

    def _list_size(self, operation: str, params: Mapping[str, Any]) -> int:
        with self._handler.world.lock:
            return len(self._listing(operation, params))

    def _list_insert(self, operation: str, params: Mapping[str, Any], record: Any, at: int | None) -> Any:
        with self._handler.world.lock:
            listing = self._listing(operation, params)
            paging, now = self._operation(operation).paging, self._handler.world.changed()
            if paging == 'cursor':
                at = None  # ordered by last change
                record = {**_stamp(listing, now), **(record or {})}
            elif at is None and paging in START_ID_PARAMETERS:
                at = 0  # newest first
            return listing.insert(record, now, at)

    def _list_remove(self, operation: str, params: Mapping[str, Any], key: Any) -> Any:
        with self._handler.world.lock:
            return self._listing(operation, params).remove(key, self._handler.world.changed())

    def _list_edit(self, operation: str, params: Mapping[str, Any], key: Any, changes: dict[str, Any]) -> Any:
        with self._handler.world.lock:
            listing = self._listing(operation, params)
            now = self._handler.world.changed()
            moves = self._operation(operation).paging == 'cursor'
            return listing.edit(key, {**_stamp(listing, now), **changes}, now, to_end=moves)

    def _list_resize(self, operation: str, params: Mapping[str, Any], records: int, page_size: int | None) -> None:
        with self._handler.world.lock:
            self._listing(operation, params).resize(records, page_size, self._handler.world.changed())

    def _list_replace(self, operation: str, params: Mapping[str, Any], records: list[Any]) -> None:
        with self._handler.world.lock:
            self._listing(operation, params).replace(records, self._handler.world.changed())

    def _data_get(self, operation: str, params: Mapping[str, Any]) -> Any:
        found = self._operation(operation)
        with self._handler.world.lock:
            checked = ValidatedRequest()
            checked.values = self._values(found, params)
            entity = self._handler._entity(found, checked, None)
        return json.loads(entity.body) if entity.body else None

    def _data_set(self, operation: str, params: Mapping[str, Any], value: Any, check: bool) -> None:
        found = self._operation(operation)
        shape = self._handler.world.shape(found)
        if check and shape.schema is not None and not is_valid(value, shape.schema):
            raise SandboxError(
                f'{operation}: the value is not valid by the description; check=False sets it all the same'
            )
        values = self._values(found, params)
        with self._handler.world.lock:
            if is_list(shape):
                records = value[shape.field] if shape.field else value
                self._handler.world.listing(found, values).replace(records, self._handler.world.changed())
            if not is_list(shape) or shape.field:
                self._handler.world.set_single(found, values, value)

    def _add_missing(self, operation: str | None, params: dict[str, Any]) -> None:
        path = normal(self._operation(operation).path) if operation is not None else None
        self._handler.world.missing.append((path, params))
        self._handler.world.changed()

    def _clear_missing(self) -> None:
        self._handler.world.missing.clear()
        self._handler.world.changed()


def _stamp(listing: Listing, now: float) -> dict[str, str]:
    """Return the time of a change, if the records have a field for it."""
    if not len(listing) or 'last_modified' not in listing.data(0):
        return {}
    return {'last_modified': datetime.fromtimestamp(int(now), UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}


class Dispatcher:
    """The application of the listener: passes commands to the control API, and other requests to the handler."""

    def __init__(self, handler: RequestHandler, control_api: ControlApi) -> None:
        self._handler = handler
        self._control_api = control_api

    def __call__(self, request: Request) -> Delivery:
        if request.path.startswith(CONTROL):
            return Delivery(self._controlled(request))
        if request.path == '/' and self._shows_page(request):
            return Delivery(page.overview(self._handler))
        return self._handler(request)

    def _shows_page(self, request: Request) -> bool:
        """Whether the request is for the sandbox's own page: the API has nothing at its root."""
        is_read = request.method in ('GET', 'HEAD') and is_loopback(request.headers.get('host', ''))
        return is_read and self._handler.routes.find('/') is None

    def _controlled(self, request: Request) -> Any:
        if not is_loopback(request.headers.get('host', '')):
            return error_response(403, 'the control interface accepts requests for localhost, 127.0.0.1 or [::1] only')
        name = request.path.removeprefix(CONTROL)
        if request.method == 'GET' and name == 'document.json':
            return json_response(
                200, pointing_at(self._handler.reader.document, f'http://{request.headers.get("host", "")}')
            )
        # A page in a browser cannot send this type to another host without a preflight request, which fails. It would
        # name its origin, which programs do not.
        if request.method != 'POST' or request.headers.get('content-type') != 'application/json':
            return error_response(405, 'POST a JSON object as application/json', {'Allow': 'POST'})
        if 'origin' in request.headers:
            return error_response(403, 'the control interface is for programs, and not for pages in a browser')
        try:
            arguments = json.loads(request.body or b'{}')
            if not isinstance(arguments, dict):
                return error_response(400, 'POST a JSON object', kind='TypeError')
            return json_response(200, {'result': self._control_api(name, **arguments)})
        except UnknownOperationError as error:
            return error_response(400, str(error), unknown=[error.name, error.reason, error.nearest])
        except Exception as error:
            return error_response(400, str(error), kind=type(error).__name__)


class RemoteControl:
    """The control interface of a sandbox in another process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        response = self._session.post(f'{self._url}{CONTROL}{name}', json=arguments, timeout=60)
        result = response.json()
        if response.status_code != 200:
            raise _error_of(result)
        return result['result']

    def close(self) -> None:
        self._session.close()


def _error_of(result: Mapping[str, Any]) -> Exception:
    """Return the error that the same command raises in the same process."""
    if 'unknown' in result:
        return UnknownOperationError(*result['unknown'])
    kind = {'ValueError': ValueError, 'TypeError': TypeError, 'IndexError': IndexError}.get(result.get('kind', ''))
    return (kind or SandboxError)(result['error'])
