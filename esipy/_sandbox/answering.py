"""The life of one request, top to bottom: `Answering.__call__`. Sockets are below (`listener`), data beside.

Here a request gets its status: 404 for an unknown path, a page beyond the last, or an object that does not exist.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from esipy import clock
from esipy._sandbox import access, dates, log, walks, writes
from esipy._sandbox.access import Caller
from esipy._sandbox.checks import Checked, check
from esipy._sandbox.conditional import Entity, reply_of
from esipy._sandbox.consistent import consistent
from esipy._sandbox.delivery import Delivery
from esipy._sandbox.documents import Documents, changelog
from esipy._sandbox.echo import NOTHING, UnknownIdError, echo
from esipy._sandbox.faults import Fault, Faults, deliver, replacement
from esipy._sandbox.fits import Misfit
from esipy._sandbox.limits.gate import Gate, Visit, label
from esipy._sandbox.names import translated
from esipy._sandbox.routes import Found, Routes, normal
from esipy._sandbox.shapes import success
from esipy._sandbox.sso import names as sso
from esipy._sandbox.sso.server import Server
from esipy._sandbox.sso.site import Site
from esipy._sandbox.sso.tokens import Grant
from esipy._sandbox.wire import Reply, Request, error_reply, to_json
from esipy._sandbox.world import Size, World, is_list
from esipy._spec.model import Operation
from esipy._spec.reader import Reader

#: Paths of the sandbox's own begin so.
CONTROL = '/__sandbox__/'

#: How many answers are kept ready.
_READY = 4096


@dataclass(frozen=True)
class Settings:
    """What a sandbox is told when it is made."""

    seed: int | str = 0
    size: Size = field(default_factory=Size)
    #: A page beyond the last one: True is 404, False an empty list.
    strict_pages: bool = True
    #: Send `Expires` even where the description does not name it.
    expires: bool = False
    #: Show numbered pages as they were when the first of them was asked for, until that expires.
    server_cache: bool = False
    #: Count what answers cost, and refuse what is too much.
    limits: bool = True


class Answering:
    """A description brought to life. Called with a request, gives what is to be delivered."""

    def __init__(self, reader: Reader, settings: Settings) -> None:
        self.settings = settings
        self.reader = reader
        self.routes = Routes(reader)
        self.dates = dates.Dates(self.routes.operations, reader.compatibility_date)
        self.documents = Documents(reader, self.dates)
        self.roles = frozenset(role for one in self.routes.operations for role in one.required_roles)
        self.world = World(settings.seed, settings.size, self.routes.operations)
        scopes = {name for one in self.routes.operations for name in one.scopes}
        self.sso = Server(settings.seed, sorted(scopes), self.world)
        self.site = Site(self.sso)
        self.faults = Faults(settings.seed)
        self.gate = Gate(self.routes.operations, on=settings.limits)
        self.book = log.Book()
        #: Tracebacks of what went wrong in here.
        self.failures: list[str] = []
        self._ready: dict[Any, tuple[int, Entity]] = {}
        self._checked: dict[Any, Checked] = {}
        self._turn = 0

    def __call__(self, request: Request) -> Delivery:
        started = clock.monotonic()
        entry = log.Entry(None, request.method, log.masked_path(request.target), 0)
        visit = Visit()
        try:
            delivery = self._delivery(request, entry, visit)
        except Exception as error:
            self.failures.append(f'{request.method} {entry.path}\n{traceback.format_exc()}')
            delivery = Delivery(error_reply(500, f'the sandbox failed: {type(error).__name__}: {error}'))
        entry.status = delivery.reply.status
        entry.headers = log.masked_headers(request.headers)
        entry.refused = visit.refused
        entry.time = clock.time()
        entry.duration = clock.monotonic() - started
        self.book.write(entry)
        delivery.on_its_way = partial(self._leave, visit, delivery, entry)
        return delivery

    def _leave(self, visit: Visit, delivery: Delivery, entry: log.Entry) -> None:
        """The answer goes out: only now is it paid for, and does it say what is left."""
        told = self.gate.settle(visit, 0 if delivery.is_silent else delivery.reply.status)
        delivery.reply.headers = {**delivery.limits_told(told), **delivery.reply.headers}
        entry.time = clock.time()

    def _delivery(self, request: Request, entry: log.Entry, visit: Visit) -> Delivery:
        """Where the request leads, past the limits if they let it in."""
        place = sso.place(request.path, request.headers.get('host', ''))
        if place:
            entry.operation = place
            return self._disturbed(entry, lambda: self.site.answer(place, request, entry))
        found = self.routes.find(request.path)
        operation = self._operation(found, request.method)
        entry.operation = label(operation) if operation else None
        caller = self._caller(request)
        entry.character_id = caller.grant.character_id if caller.grant else None
        refusal = self.gate.enter(visit, operation, request.peer, caller.grant)
        if refusal is not None:
            return Delivery(refusal)
        return self._disturbed(entry, lambda: self._answer(found, operation, caller, request, entry))

    def _caller(self, request: Request) -> Caller:
        token = access.bearer(request)
        return Caller(token, self.sso.tokens.grant(token) if token else None)

    def _disturbed(self, entry: log.Entry, answer: Callable[[], Reply]) -> Delivery:
        """The answer, and what the faults that strike make of it."""
        striking = self.faults.striking(entry.operation)
        delivery = Delivery(self._struck(striking) or answer())
        for fault in striking:
            entry.faults.append(fault.kind)
            deliver(delivery, fault)
        return delivery

    def _struck(self, striking: list[Fault]) -> Reply | None:
        """What the first fault that answers by itself says."""
        self._turn += 1
        return next((reply for fault in striking if (reply := replacement(fault, self._turn)) is not None), None)

    @staticmethod
    def _operation(found: Found | None, method: str) -> Operation | None:
        if found is None:
            return None
        return found.operations.get(method) or (found.operations.get('GET') if method == 'HEAD' else None)

    def _answer(
        self, found: Found | None, operation: Operation | None, caller: Caller, request: Request, entry: log.Entry
    ) -> Reply:
        document = self._document(request)
        if document is not None and (operation is None or self.documents.is_old):
            return document
        if found is None:
            return error_reply(404, 'Not found')
        if operation is None:
            allowed = ', '.join(sorted({*found.operations, *(['HEAD'] if 'GET' in found.operations else [])}))
            return error_reply(405, 'Method not allowed', {'Allow': allowed})
        refusal = self.dates.refusal(operation, request) or access.refusal(operation, caller, found.values)
        return refusal or self._checked_answer(operation, found, request, entry, caller.grant)

    def _document(self, request: Request) -> Reply | None:
        """The description itself, if it is asked for."""
        if not request.path.endswith(('.json', '.yaml')) or request.method not in ('GET', 'HEAD'):
            return None
        if request.path == '/latest/swagger.json' and self.routes.find(request.path):
            return None  # the old meta document was given, which has these as operations
        date = next((value for name, value in request.query if name == 'compatibility_date'), None)
        fault = self.dates.fault(date) if date is not None else ''
        if fault:
            return error_reply(400, f'compatibility_date: {fault}')
        body = self.documents.find(request.path, date)
        if body is None:
            return None
        kind = 'application/yaml' if request.path.endswith('.yaml') else 'application/json'
        reply = reply_of(self._entity_of(body), _DOCUMENT, request, expires=self.documents.is_old)
        if reply.body:
            reply.headers['Content-Type'] = kind
        return reply

    def _entity_of(self, body: bytes) -> Entity:
        ready = self._ready.get(id(body))
        if ready is None:
            ready = self._ready[id(body)] = (-1, Entity(200, body, self.world.born, {}))
        return ready[1]

    def _checked_answer(
        self, operation: Operation, found: Found, request: Request, entry: log.Entry, grant: Grant | None
    ) -> Reply:
        key = _key(operation, request)
        checked = self._checked.get(key) if not request.body else None
        if checked is None:
            checked = check(operation, _named(operation, found), request)
            if not request.body:
                _keep(self._checked, key, checked)
        entry.params, entry.body = log.masked_params(checked.values), checked.body
        if checked.unsupported:
            return error_reply(415, 'Unsupported media type, expected application/json')
        if checked.faults:
            return self._bad_request(operation, checked.faults)
        try:
            entity = self._entity(operation, checked, key if operation.method == 'GET' else None)
        except (walks.NoSuchPageError, writes.NothingThereError, UnknownIdError) as error:
            return error_reply(404, _NOT_THERE[type(error)])
        except walks.BadCursorError as error:
            return self._bad_request(operation, [error.misfit])
        if grant is not None and access.tells_roles(operation):
            entity = access.with_roles(entity, operation, grant, self.roles)
        expires = self.settings.expires or 'expires' in _declared_headers(operation)
        return reply_of(entity, operation, request, expires=expires)

    def _bad_request(self, operation: Operation, faults: list[Misfit]) -> Reply:
        message = '; '.join(f'{fault.location}: {fault.message}' for fault in faults[:3])
        answer = operation.response_for(400)
        if answer is None or answer.schema is None or 'details' not in answer.schema.properties:
            return error_reply(400, message)
        return error_reply(400, message, details=[_detail(fault) for fault in faults[:20]])

    def _entity(self, operation: Operation, checked: Checked, key: Any) -> Entity:
        """The body, from what is ready where nothing changed since."""
        version = self.world.version
        ready = self._ready.get(key) if key is not None else None
        if ready is not None and ready[0] == version and (ready[1].until is None or clock.time() < ready[1].until):
            return ready[1]
        with self.world.lock:
            version = self.world.version
            entity = self._made(operation, checked.values, checked.body)
            if self._is_held(operation):
                entity.until = self.world.listing(operation, checked.values).until
        if key is not None:
            _keep(self._ready, key, (version, entity))
        return entity

    def _made(self, operation: Operation, values: dict[str, Any], body: Any) -> Entity:
        if self.world.is_missing(operation, values):
            raise writes.NothingThereError
        status = success(operation)[0]
        if operation.method == 'GET':
            value, modified, headers = self._read(operation, values)
            if operation.path.startswith('/universe/'):
                value = translated(value, _language(values))
        else:
            value, modified, headers = self._written(operation, values, body), None, {}
        if self.world.shape(operation).schema is None:
            return Entity(status, b'', modified, headers)
        if 'content-language' in _declared_headers(operation):
            headers['Content-Language'] = _language(values)
        return Entity(status, to_json(value), modified, headers)

    def _read(self, operation: Operation, values: dict[str, Any]) -> tuple[Any, float, dict[str, str]]:
        special = self._told_by_itself(operation)
        if special is not None:
            return special, self.world.born, {}
        shape = self.world.shape(operation)
        if not is_list(shape):
            return *self.world.single(operation, values), {}
        listing = self.world.listing(operation, values)
        if self._is_held(operation):
            listing = listing.held(clock.time(), operation.cache_age or 0)
        window = walks.window(operation.paging, listing, values, strict_pages=self.settings.strict_pages)
        if shape.field is None:
            return window.records, listing.modified, window.headers
        envelope, modified = self.world.envelope(operation, values)
        value = consistent({**envelope, shape.field: window.records})
        if window.cursor is not None:
            value['cursor'] = window.cursor
        return value, max(modified, listing.modified), window.headers

    def _is_held(self, operation: Operation) -> bool:
        return self.settings.server_cache and operation.paging == 'pages' and bool(operation.cache_age)

    def _told_by_itself(self, operation: Operation) -> Any:
        """What the server says about its own description."""
        path = normal(operation.path)
        if path == '/meta/compatibility-dates':
            return {'compatibility_dates': self.dates.known}
        return changelog(self.routes.operations) if path == '/meta/changelog' else None

    def _written(self, operation: Operation, values: dict[str, Any], body: Any) -> Any:
        """The answer to a write, once it is done."""
        done = writes.act(operation, writes.Write(self.world, values, body))
        if done is not writes.NOTHING:
            return done
        shape = self.world.shape(operation)
        told = echo(operation, shape.schema, body, self.world)
        if told is not NOTHING:
            return told
        if is_list(shape) and shape.field is None:
            return list(self.world.listing(operation, values).all())
        return self.world.single(operation, values)[0]


#: The description is fetched like any public GET; its age is what the real server allows.
_DOCUMENT: Any = type('Document', (), {'method': 'GET', 'cache_age': 600, 'security': []})()

_NOT_THERE = {
    walks.NoSuchPageError: 'Requested page does not exist!',
    writes.NothingThereError: 'Not found',
    UnknownIdError: 'Ensure all IDs are valid before resolving.',
}


def _detail(fault: Misfit) -> dict[str, Any]:
    detail: dict[str, Any] = {'location': fault.location, 'message': fault.message}
    return detail if fault.value is None else {**detail, 'value': fault.value}


def _language(values: Mapping[str, Any]) -> str:
    """The old API took it from the query as well, which won."""
    asked = values.get('language') or 'en'
    return str(values.get('Accept-Language', 'en') if str(asked).startswith('en') else asked)


def _named(operation: Operation, found: Found) -> dict[str, str]:
    """The path's values under this operation's names: two methods of one path may call them differently."""
    names = [segment.strip('{}') for segment in operation.path.split('/') if segment.startswith('{')]
    return dict(zip(names, found.values.values(), strict=False))


def _key(operation: Operation, request: Request) -> Any:
    """What an answer depends on."""
    return (
        operation.method,
        request.path,
        request.query_text,
        *(request.headers.get(name) for name in sorted(operation.header_names)),
    )


def _keep(store: dict[Any, Any], key: Any, value: Any) -> None:
    if len(store) >= _READY:
        store.clear()
    store[key] = value


def _declared_headers(operation: Operation) -> Mapping[str, Any]:
    answer = success(operation)[1]
    return answer.headers if answer else {}
