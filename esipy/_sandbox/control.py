"""Everything that the program which runs a sandbox may ask of it: names with plain values, in and out.

In the same process they are called; over `POST /__sandbox__/<name>` with a JSON object they do the same for a
sandbox in a process of its own, or in another terminal.
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
from esipy._sandbox.answering import CONTROL, Answering
from esipy._sandbox.checks import Checked
from esipy._sandbox.delivery import Delivery
from esipy._sandbox.documents import pointing_at
from esipy._sandbox.errors import SandboxError
from esipy._sandbox.faults import Fault
from esipy._sandbox.fits import fits
from esipy._sandbox.limits.gate import ERRORS, label
from esipy._sandbox.listing import Listing
from esipy._sandbox.loopback import is_loopback
from esipy._sandbox.routes import normal
from esipy._sandbox.sso import desk as sso
from esipy._sandbox.sso.names import ALL, NAMES
from esipy._sandbox.walks import ID_WALKS
from esipy._sandbox.wire import Request, error_reply, json_reply
from esipy._sandbox.world import is_list
from esipy._spec.model import Operation
from esipy._spec.table import OpTable
from esipy.exceptions import UnknownOperationError

#: Asks something of a sandbox: control('faults.clear'), control('log.read').
Control = Callable[..., Any]


class Desk:
    """Answers what is asked of one sandbox."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._table = OpTable(answering.reader, lambda operation, params: None)
        self._commands: dict[str, Callable[..., Any]] = {
            'log.read': answering.book.read,
            'log.clear': answering.book.clear,
            'operation.id': self._named,
            'faults.add': self._add_fault,
            'faults.remove': answering.faults.remove,
            'faults.clear': answering.faults.clear,
            'faults.hits': answering.faults.hits,
            'clock.move': clock.move,
            'limits.set': self._set_limit,
            'limits.scale': answering.gate.scale,
            'limits.switch': answering.gate.switch,
            'limits.reset': answering.gate.reset,
            'limits.counts': answering.gate.counts,
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
            'data.reset': answering.world.reset_singles,
            'missing.add': self._add_missing,
            'missing.clear': self._clear_missing,
            'failures': lambda: list(answering.failures),
            'failures.clear': answering.failures.clear,
            'ping': lambda: True,
            **sso.commands(answering.sso),
        }

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        command = self._commands.get(name)
        if command is None:
            raise SandboxError(f'nothing to do by the name {name!r}; there are {", ".join(self._commands)}')
        return copy.deepcopy(command(**arguments))

    def _operation(self, name: str) -> Operation:
        return self._table[name]

    def _named(self, operation: str) -> str:
        """What the log calls an operation, or a page of the SSO."""
        if operation.partition('.')[0] != ALL:
            return label(self._operation(operation))
        if operation not in NAMES:
            raise SandboxError(f'the SSO has no {operation!r}; there are {", ".join(NAMES)}')
        return operation

    def _add_fault(self, kind: str, **settings: Any) -> int:
        fault = Fault.of(kind, settings)
        operation = self._named(fault.operation) if fault.operation is not None else None
        return self._answering.faults.add(fault, operation)

    def _set_limit(self, name: str, tokens: int | None = None, window: float | None = None) -> None:
        gate = self._answering.gate
        if name != ERRORS and name not in gate.groups:
            name = self._hiding(name)
        gate.set(name, tokens, window)

    def _hiding(self, name: str) -> str:
        """The operation of that name; the error for what is no limit either speaks of the nearest of both."""
        try:
            return label(self._operation(name))
        except UnknownOperationError as unknown:
            limits = [ERRORS, *self._answering.gate.groups]
            nearest = closest(name, [*limits, *unknown.nearest])
            if not set(nearest) & set(limits):
                raise
            raise SandboxError(f'no limit {name!r}, did you mean {nearest[0]!r}?') from None

    def _listing(self, operation: str, params: Mapping[str, Any]) -> Listing:
        found = self._operation(operation)
        if found.method != 'GET' or not is_list(self._answering.world.shape(found)):
            raise SandboxError(f'{operation}: does not return a list')
        return self._answering.world.listing(found, self._values(found, params))

    def _values(self, operation: Operation, params: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {p.name: p.default for p in operation.parameters if p.has_default}
        for parameter in operation.parameters:
            if parameter.location == 'path' and parameter.name not in params:
                raise SandboxError(f'{operation.id}: {parameter.name} is needed to tell which one')
        unknown = params.keys() - {p.name for p in operation.parameters}
        if unknown:
            raise SandboxError(f'{operation.id}: unknown parameter {", ".join(sorted(unknown))}')
        return {**values, **params}

    def _list_read(self, operation: str, params: Mapping[str, Any]) -> list[Any]:
        with self._answering.world.lock:
            return list(self._listing(operation, params).all())

    def _list_at(self, operation: str, params: Mapping[str, Any], index: int) -> Any:
        with self._answering.world.lock:
            listing = self._listing(operation, params)
            return listing.data(range(len(listing))[index])

    def _list_size(self, operation: str, params: Mapping[str, Any]) -> int:
        with self._answering.world.lock:
            return len(self._listing(operation, params))

    def _list_insert(self, operation: str, params: Mapping[str, Any], record: Any, at: int | None) -> Any:
        with self._answering.world.lock:
            listing = self._listing(operation, params)
            paging, now = self._operation(operation).paging, self._answering.world.changed()
            if paging == 'cursor':
                at = None  # ordered by last change
                record = {**_stamp(listing, now), **(record or {})}
            elif at is None and paging in ID_WALKS:
                at = 0  # newest first
            return listing.insert(record, now, at)

    def _list_remove(self, operation: str, params: Mapping[str, Any], key: Any) -> Any:
        with self._answering.world.lock:
            return self._listing(operation, params).remove(key, self._answering.world.changed())

    def _list_edit(self, operation: str, params: Mapping[str, Any], key: Any, changes: dict[str, Any]) -> Any:
        with self._answering.world.lock:
            listing = self._listing(operation, params)
            now = self._answering.world.changed()
            moves = self._operation(operation).paging == 'cursor'
            return listing.edit(key, {**_stamp(listing, now), **changes}, now, to_end=moves)

    def _list_resize(self, operation: str, params: Mapping[str, Any], records: int, page_size: int | None) -> None:
        with self._answering.world.lock:
            self._listing(operation, params).resize(records, page_size, self._answering.world.changed())

    def _list_replace(self, operation: str, params: Mapping[str, Any], records: list[Any]) -> None:
        with self._answering.world.lock:
            self._listing(operation, params).replace(records, self._answering.world.changed())

    def _data_get(self, operation: str, params: Mapping[str, Any]) -> Any:
        found = self._operation(operation)
        with self._answering.world.lock:
            checked = Checked()
            checked.values = self._values(found, params)
            entity = self._answering._entity(found, checked, None)
        return json.loads(entity.body) if entity.body else None

    def _data_set(self, operation: str, params: Mapping[str, Any], value: Any, check: bool) -> None:
        found = self._operation(operation)
        shape = self._answering.world.shape(found)
        if check and shape.schema is not None and not fits(value, shape.schema):
            raise SandboxError(f'{operation}: the value does not fit the description; check=False sets it all the same')
        values = self._values(found, params)
        with self._answering.world.lock:
            if is_list(shape):
                records = value[shape.field] if shape.field else value
                self._answering.world.listing(found, values).replace(records, self._answering.world.changed())
            if not is_list(shape) or shape.field:
                self._answering.world.set_single(found, values, value)

    def _add_missing(self, operation: str | None, params: dict[str, Any]) -> None:
        path = normal(self._operation(operation).path) if operation is not None else None
        self._answering.world.missing.append((path, params))
        self._answering.world.changed()

    def _clear_missing(self) -> None:
        self._answering.world.missing.clear()
        self._answering.world.changed()


def _stamp(listing: Listing, now: float) -> dict[str, str]:
    """The time of a change, where the records have a field for it."""
    if not len(listing) or 'last_modified' not in listing.data(0):
        return {}
    return {'last_modified': datetime.fromtimestamp(int(now), UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}


class Front:
    """What the listener talks to: requests for the sandbox itself go to the desk, all others are answered."""

    def __init__(self, answering: Answering, desk: Desk) -> None:
        self._answering = answering
        self._desk = desk

    def __call__(self, request: Request) -> Delivery:
        if request.path.startswith(CONTROL):
            return Delivery(self._controlled(request))
        if request.path == '/' and self._shows_page(request):
            return Delivery(page.overview(self._answering))
        return self._answering(request)

    def _shows_page(self, request: Request) -> bool:
        """Whether it is a person who looks at the sandbox itself: no program asks the API for its root."""
        is_read = request.method in ('GET', 'HEAD') and is_loopback(request.headers.get('host', ''))
        return is_read and self._answering.routes.find('/') is None

    def _controlled(self, request: Request) -> Any:
        if not is_loopback(request.headers.get('host', '')):
            return error_reply(403, 'the control interface accepts requests for localhost, 127.0.0.1 or [::1] only')
        name = request.path.removeprefix(CONTROL)
        if request.method == 'GET' and name == 'document.json':
            return json_reply(
                200, pointing_at(self._answering.reader.document, f'http://{request.headers.get("host", "")}')
            )
        # A page in a browser cannot send this type to another host without asking first: it stays outside.
        if request.method != 'POST' or request.headers.get('content-type') != 'application/json':
            return error_reply(405, 'POST a JSON object as application/json', {'Allow': 'POST'})
        try:
            return json_reply(200, {'result': self._desk(name, **json.loads(request.body or b'{}'))})
        except UnknownOperationError as error:
            return error_reply(400, str(error), unknown=[error.name, error.reason, error.nearest])
        except Exception as error:
            return error_reply(400, str(error), kind=type(error).__name__)


class Remote:
    """The control of a sandbox that runs elsewhere."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        answer = self._session.post(f'{self._url}{CONTROL}{name}', json=arguments, timeout=60)
        told = answer.json()
        if answer.status_code != 200:
            raise _error_of(told)
        return told['result']

    def close(self) -> None:
        self._session.close()


def _error_of(told: Mapping[str, Any]) -> Exception:
    """The error that the same question raises in the same process."""
    if 'unknown' in told:
        return UnknownOperationError(*told['unknown'])
    kind = {'ValueError': ValueError, 'TypeError': TypeError, 'IndexError': IndexError}.get(told.get('kind', ''))
    return (kind or SandboxError)(told['error'])
