"""The steps of one request, from top to bottom: `RequestHandler`, from `_delivery` on. The sockets are in `listener`,
and the paths of the sandbox itself in `control`.

Here a request gets its status: 404 for an unknown path, a page beyond the last, or an object that does not exist.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from esipy import clock
from esipy._sandbox import access, dates, log, pagination, writes
from esipy._sandbox.access import Caller
from esipy._sandbox.conditional import Entity, response_for_client
from esipy._sandbox.consistent import consistent
from esipy._sandbox.delivery import Delivery
from esipy._sandbox.documents import Documents, changelog
from esipy._sandbox.echo import NOTHING, UnknownIdError, echo
from esipy._sandbox.faults import Fault, Faults, apply, replacement
from esipy._sandbox.http_messages import Request, Response, error_response, to_json
from esipy._sandbox.limits.limiter import Charge, RateLimiter, label
from esipy._sandbox.names import translated
from esipy._sandbox.request_validation import ValidatedRequest, validate
from esipy._sandbox.routes import Found, Routes, normal
from esipy._sandbox.shapes import success
from esipy._sandbox.sso import names as sso
from esipy._sandbox.sso.server import Server
from esipy._sandbox.sso.site import Site
from esipy._sandbox.sso.tokens import Grant
from esipy._sandbox.validation import Violation
from esipy._sandbox.world import Size, World, is_list
from esipy._spec.model import Operation
from esipy._spec.reader import Reader

#: How many responses are kept for further requests.
_READY = 4096


@dataclass(frozen=True)
class Settings:
    """The options of a sandbox that the handling of requests depends on."""

    seed: int | str = 0
    size: Size = field(default_factory=Size)
    #: A page beyond the last one: True is 404, False an empty list.
    strict_pages: bool = True
    #: Send `Expires` even where the description does not name it.
    expires: bool = False
    #: Show numbered pages as they were when the first of them was asked for, until that expires.
    server_cache: bool = False
    #: Enforce the rate limits.
    limits: bool = True


class RequestHandler:
    """Serves a description: called with a request, it returns the response and how to deliver it."""

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
        self.limiter = RateLimiter(self.routes.operations, on=settings.limits)
        self.book = log.RequestLog()
        #: Tracebacks of requests in which the sandbox itself failed.
        self.failures: list[str] = []
        self._ready: dict[Any, tuple[int, Entity]] = {}
        self._checked: dict[Any, ValidatedRequest] = {}
        self._faulty = 0

    def __call__(self, request: Request) -> Delivery:
        started = clock.monotonic()
        entry = log.Entry(None, request.method, log.masked_path(request.target), 0)
        charge = Charge()
        try:
            delivery = self._delivery(request, entry, charge)
        except Exception as error:
            self.failures.append(f'{request.method} {entry.path}\n{traceback.format_exc()}')
            delivery = Delivery(error_response(500, f'the sandbox failed: {type(error).__name__}: {error}'))
        entry.status = delivery.response.status
        entry.headers = log.masked_headers(request.headers)
        entry.refused = charge.rejected
        entry.time = clock.time()
        entry.duration = clock.monotonic() - started
        self.book.write(entry)
        delivery.before_sending = partial(self._settle, charge, delivery, entry)
        return delivery

    def _settle(self, charge: Charge, delivery: Delivery, entry: log.Entry) -> None:
        """Count the response when it is sent, and add the rate limit headers of that moment."""
        headers = self.limiter.settle(charge, 0 if delivery.is_silent else delivery.response.status)
        delivery.response.headers = {**delivery.limit_headers(headers), **delivery.response.headers}
        entry.time = clock.time()

    def _delivery(self, request: Request, entry: log.Entry, charge: Charge) -> Delivery:
        """Route the request to the SSO or to an operation, and check the rate limits."""
        page = sso.page_name(request.path, request.headers.get('host', ''))
        if page:
            entry.operation = page
            return self._with_faults(entry, lambda: self.site.respond(page, request, entry))
        found = self.routes.find(request.path)
        operation = self._operation(found, request.method)
        entry.operation = label(operation) if operation else None
        caller = self._caller(request)
        entry.character_id = caller.grant.character_id if caller.grant else None
        rejection = self.limiter.admit(charge, operation, request.peer, caller.grant)
        if rejection is not None:
            return Delivery(rejection)
        return self._with_faults(entry, lambda: self._respond(found, operation, caller, request, entry))

    def _caller(self, request: Request) -> Caller:
        token = access.bearer(request)
        return Caller(token, self.sso.tokens.grant(token) if token else None)

    def _with_faults(self, entry: log.Entry, respond: Callable[[], Response]) -> Delivery:
        """Return the response, changed by the faults that affect this request."""
        affecting = self.faults.affecting(entry.operation)
        delivery = Delivery(self._replacement(affecting) or respond())
        for fault in affecting:
            entry.faults.append(fault.kind)
            apply(delivery, fault)
        return delivery

    def _replacement(self, affecting: list[Fault]) -> Response | None:
        """Return the response of the first fault that replaces the true one; None if there is none."""
        self._faulty += 1
        return next(
            (response for fault in affecting if (response := replacement(fault, self._faulty)) is not None), None
        )

    @staticmethod
    def _operation(found: Found | None, method: str) -> Operation | None:
        if found is None:
            return None
        return found.operations.get(method) or (found.operations.get('GET') if method == 'HEAD' else None)

    def _respond(
        self, found: Found | None, operation: Operation | None, caller: Caller, request: Request, entry: log.Entry
    ) -> Response:
        document = self._document(request)
        if document is not None and (operation is None or self.documents.is_old):
            return document
        if found is None:
            return error_response(404, 'Not found')
        if operation is None:
            allowed = ', '.join(sorted({*found.operations, *(['HEAD'] if 'GET' in found.operations else [])}))
            return error_response(405, 'Method not allowed', {'Allow': allowed})
        rejection = self.dates.rejection(operation, request) or access.rejection(operation, caller, found.values)
        return rejection or self._validated_response(operation, found, request, entry, caller.grant)

    def _document(self, request: Request) -> Response | None:
        """Return the description itself, if the request is for it."""
        if not request.path.endswith(('.json', '.yaml')) or request.method not in ('GET', 'HEAD'):
            return None
        if request.path == '/latest/swagger.json' and self.routes.find(request.path):
            return None  # the description is the old meta document, in which these are operations
        date = next((value for name, value in request.query if name == 'compatibility_date'), None)
        fault = self.dates.fault(date) if date is not None else ''
        if fault:
            return error_response(400, f'compatibility_date: {fault}')
        body = self.documents.find(request.path, date)
        if body is None:
            return None
        kind = 'application/yaml' if request.path.endswith('.yaml') else 'application/json'
        response = response_for_client(self._entity_of(body), _DOCUMENT, request, expires=self.documents.is_old)
        if response.body:
            response.headers['Content-Type'] = kind
        return response

    def _entity_of(self, body: bytes) -> Entity:
        ready = self._ready.get(id(body))
        if ready is None:
            ready = self._ready[id(body)] = (-1, Entity(200, body, self.world.created, {}))
        return ready[1]

    def _validated_response(
        self, operation: Operation, found: Found, request: Request, entry: log.Entry, grant: Grant | None
    ) -> Response:
        key = _key(operation, request)
        checked = self._checked.get(key) if not request.body else None
        if checked is None:
            checked = validate(operation, _named(operation, found), request)
            if not request.body:
                _remember(self._checked, key, checked)
        entry.params, entry.body = log.masked_params(checked.values), checked.body
        if checked.unsupported:
            return error_response(415, 'Unsupported media type, expected application/json')
        if checked.faults:
            return self._bad_request(operation, checked.faults)
        try:
            entity = self._entity(operation, checked, key if operation.method == 'GET' else None)
        except (pagination.NoSuchPageError, writes.NothingThereError, UnknownIdError) as error:
            return error_response(404, _NOT_THERE[type(error)])
        except pagination.BadCursorError as error:
            return self._bad_request(operation, [error.violation])
        if grant is not None and access.returns_roles(operation):
            entity = access.with_roles(entity, operation, grant, self.roles)
        expires = self.settings.expires or 'expires' in _declared_headers(operation)
        return response_for_client(entity, operation, request, expires=expires)

    def _bad_request(self, operation: Operation, faults: list[Violation]) -> Response:
        message = '; '.join(f'{fault.location}: {fault.message}' for fault in faults[:3])
        spec = operation.response_for(400)
        if spec is None or spec.schema is None or 'details' not in spec.schema.properties:
            return error_response(400, message)
        return error_response(400, message, details=[_detail(fault) for fault in faults[:20]])

    def _entity(self, operation: Operation, checked: ValidatedRequest, key: Any) -> Entity:
        """Return the body; the one of an earlier request if nothing has changed since."""
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
            _remember(self._ready, key, (version, entity))
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
        special = self._about_itself(operation)
        if special is not None:
            return special, self.world.created, {}
        shape = self.world.shape(operation)
        if not is_list(shape):
            return *self.world.single(operation, values), {}
        listing = self.world.listing(operation, values)
        if self._is_held(operation):
            listing = listing.held(clock.time(), operation.cache_age or 0)
        window = pagination.window(operation.paging, listing, values, strict_pages=self.settings.strict_pages)
        if shape.field is None:
            return window.records, listing.modified, window.headers
        envelope, modified = self.world.envelope(operation, values)
        value = consistent({**envelope, shape.field: window.records})
        if window.cursor is not None:
            value['cursor'] = window.cursor
        return value, max(modified, listing.modified), window.headers

    def _is_held(self, operation: Operation) -> bool:
        return self.settings.server_cache and operation.paging == 'pages' and bool(operation.cache_age)

    def _about_itself(self, operation: Operation) -> Any:
        """Return the value of an operation that is about the description; None for any other."""
        path = normal(operation.path)
        if path == '/meta/compatibility-dates':
            return {'compatibility_dates': self.dates.known}
        return changelog(self.routes.operations) if path == '/meta/changelog' else None

    def _written(self, operation: Operation, values: dict[str, Any], body: Any) -> Any:
        """Perform a write and return the value of its response."""
        done = writes.act(operation, writes.Write(self.world, values, body))
        if done is not writes.NOTHING:
            return done
        shape = self.world.shape(operation)
        echoed = echo(operation, shape.schema, body, self.world)
        if echoed is not NOTHING:
            return echoed
        if is_list(shape) and shape.field is None:
            return list(self.world.listing(operation, values).all())
        return self.world.single(operation, values)[0]


#: The description is fetched like any public GET; its age is what the real server allows.
_DOCUMENT: Any = type('Document', (), {'method': 'GET', 'cache_age': 600, 'security': []})()

_NOT_THERE = {
    pagination.NoSuchPageError: 'Requested page does not exist!',
    writes.NothingThereError: 'Not found',
    UnknownIdError: 'Ensure all IDs are valid before resolving.',
}


def _detail(fault: Violation) -> dict[str, Any]:
    detail: dict[str, Any] = {'location': fault.location, 'message': fault.message}
    return detail if fault.value is None else {**detail, 'value': fault.value}


def _language(values: Mapping[str, Any]) -> str:
    """Return the language of a request. In the old API, the query parameter takes precedence over the header."""
    asked = values.get('language') or 'en'
    return str(values.get('Accept-Language', 'en') if str(asked).startswith('en') else asked)


def _named(operation: Operation, found: Found) -> dict[str, str]:
    """Return the values of a path by the names of this operation: another method may have other names for them."""
    names = [segment.strip('{}') for segment in operation.path.split('/') if segment.startswith('{')]
    return dict(zip(names, found.values.values(), strict=False))


def _key(operation: Operation, request: Request) -> Any:
    """Return all that the response to a request depends on."""
    return (
        operation.method,
        request.path,
        request.query_text,
        *(request.headers.get(name) for name in sorted(operation.header_names)),
    )


def _remember(store: dict[Any, Any], key: Any, value: Any) -> None:
    if len(store) >= _READY:
        store.clear()
    store[key] = value


def _declared_headers(operation: Operation) -> Mapping[str, Any]:
    spec = success(operation)[1]
    return spec.headers if spec else {}
