"""What a description says of an operation, in one form for all formats; `parameter`, `schema`, `media` and `security`
hold the parts.

Everything is read from the document when it is first used, and kept from then on. The readers of the formats
(`reader.Reader`) import this module, which knows them by the protocol `OperationReader` alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from esipy._runtime.attribute import HelpText
from esipy._spec.legacy import HEADERS
from esipy._spec.media import accepted
from esipy._spec.parameter import Parameter
from esipy._spec.refs import Unsupported
from esipy._spec.schema import Schema
from esipy._spec.security import SecurityScheme
from esipy.exceptions import CallError, SpecError

if TYPE_CHECKING:
    import inspect

#: The header that says which day's API is called. The client fills it in; neither "required" nor the document's
#: enum of one date binds a caller.
COMPATIBILITY_DATE = 'X-Compatibility-Date'

T = TypeVar('T')


class Method(str):
    """An HTTP method in capitals; equal to its lower case too, which is what EsiPy 1.x called it."""

    __slots__ = ()

    def __new__(cls, name: str) -> Method:
        return super().__new__(cls, name.upper())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.__eq__(self, other.upper())

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class RateLimit(NamedTuple):
    """A bucket of tokens: its name, its window in seconds, and how many tokens a window allows."""

    group: str
    window: float
    tokens: int


class OperationKey(NamedTuple):
    """The place of an operation in the document. `id` is empty if the document has none for it."""

    id: str
    method: str
    path: str
    tags: tuple[str, ...]

    @property
    def derived_name(self) -> str:
        """GET /markets/{region_id}/orders/ -> get_markets_region_id_orders."""
        words = re.sub(r'[{}]', '', self.path).strip('/')
        return re.sub(r'[^0-9A-Za-z_]', '_', f'{self.method.lower()}_{words}')


class ResponseSpec(NamedTuple):
    """The response with one status, as described: the body's type, the headers' types, examples of the body, and the
    media types that it can have."""

    schema: Schema | None
    headers: dict[str, Schema]
    examples: list[Any]
    media_types: tuple[str, ...] = ()


class OperationReader(Protocol):
    """What an operation asks the reader of its format."""

    document: Mapping[str, Any]

    def places(self) -> Iterator[OperationKey]: ...
    def raw(self, place: OperationKey) -> Mapping[str, Any]: ...
    def base_url_of(self, place: OperationKey) -> str: ...
    def parameters(self, place: OperationKey) -> list[Parameter]: ...
    def undeclared(self, name: str) -> Parameter | None: ...
    def endpoint(self, place: OperationKey) -> Mapping[str, Any]: ...
    def responses(self, place: OperationKey) -> dict[str, ResponseSpec]: ...
    def response_types(self, place: OperationKey) -> list[str]: ...
    def security(self, place: OperationKey) -> list[dict[str, list[str]]]: ...
    def scheme(self, name: str) -> SecurityScheme: ...
    def has_writes(self, place: OperationKey) -> bool: ...
    def help_of(self, operation: Operation) -> str: ...


class Operation:
    __doc__ = HelpText(
        """One operation of the API. Call it with its parameters to get a call that a client executes:

            call = app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all')
        """,
        lambda operation: operation.help_text(),
    )

    def __init__(self, reader: OperationReader, place: OperationKey, bind: Callable[..., Any]) -> None:
        self._reader = reader
        self._bind = bind
        self.place = place
        #: The operationId; of an operation that has none, a name made of its method and path.
        self.id = place.id or place.derived_name
        self.method = Method(place.method)
        #: Below the base of the API, with its placeholders: '/markets/{region_id}/orders'.
        self.path = place.path
        self.tags = list(place.tags)

    def __call__(self, /, *unnamed: Any, **params: Any) -> Any:
        """Check `params` and make a call of them: a pair (Request, Response). Arguments are given by name.

        Raises CallError (a ValueError) that names every fault; nothing is sent. SpecError, if the description of
        a parameter is broken.
        """
        if unnamed:
            names = ', '.join(
                f'{parameter.python_name}='
                for parameter in self.parameters
                if parameter.required and parameter.location != 'header'
            )
            raise CallError(self.id, [('', f'arguments are given by name{": " + names if names else ""}')])
        return self._read(self._bind, self, params)

    @property
    def operationId(self) -> str:
        """The id, by the name that EsiPy 1.x had."""
        return self.id

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """What the document says of this operation, as it stands there."""
        return self._reader.raw(self.place)

    @cached_property
    def base_url(self) -> str:
        """The address that the path is below: the server of this operation."""
        return self._read(self._reader.base_url_of, self.place)

    @cached_property
    def endpoint(self) -> Mapping[str, Any]:
        """The options beside its path in a table of endpoints; empty in other descriptions."""
        return self._reader.endpoint(self.place)

    def undeclared(self, name: str) -> Parameter | None:
        """What an argument is that `accepts` does not have: None, a fault, but where any query parameter is taken."""
        return self._reader.undeclared(name)

    @cached_property
    def url(self) -> str:
        """Address without its scheme, placeholders unfilled: '//host/base/path/{id}' (as in 1.x)."""
        return self.base_url[self.base_url.find('//') :] + self.path

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Everything that a call may be given, the body among them (location 'body'), in the document's order."""
        found = self._read(self._reader.parameters, self.place)
        _name_arguments(found)
        return found

    @cached_property
    def body(self) -> Parameter | None:
        """The parameter that is sent as the body; None if the operation has none."""
        return next((p for p in self.parameters if p.location == 'body'), None)

    @cached_property
    def accepts(self) -> dict[str, Parameter]:
        """Every name that an argument may have: the declared ones first, then `body`, the old names of headers,
        and the names as identifiers."""
        names = {parameter.argument: parameter for parameter in self.parameters}
        for parameter in self.parameters:
            names.setdefault('body' if parameter.location == 'body' else parameter.python_name, parameter)
        for old, header in HEADERS.items():
            if header in names:
                names.setdefault(old, names[header])
        return names

    @cached_property
    def header_names(self) -> frozenset[str]:
        """Lower-case names of the declared header parameters."""
        return frozenset(p.name.lower() for p in self.parameters if p.location == 'header')

    @cached_property
    def responses(self) -> dict[str, ResponseSpec]:
        """By status as text, and 'default'."""
        return self._read(self._reader.responses, self.place)

    def _read(self, read: Callable[..., T], *arguments: Any) -> T:
        """Return what `read` returns. A SpecError of it gets the id of the operation."""
        try:
            return read(*arguments)
        except SpecError as error:
            kind = 'not supported' if isinstance(error, Unsupported) else 'broken description'
            start, reason = f'{self.id}: {kind}: ', str(error)
            raise type(error)(reason if reason.startswith(start) else start + reason) from None

    def response_for(self, status: int) -> ResponseSpec | None:
        """Return what the document says about a response with this status; None if it says nothing."""
        responses = self.responses
        return responses.get(str(status)) or responses.get(f'{status // 100}XX') or responses.get('default')

    @cached_property
    def security(self) -> list[dict[str, list[str]]]:
        """The document's security requirement: any one of these, {scheme: [scopes]}."""
        return self._read(self._reader.security, self.place)

    def schemes_of(self, need: Mapping[str, list[str]]) -> list[SecurityScheme]:
        """How the credentials of an alternative of `security` are sent."""
        return [self._read(self._reader.scheme, name) for name in need]

    @cached_property
    def accept(self) -> str | None:
        """The `Accept` header that the responses need; None if they are JSON, which is requested anyway."""
        try:
            return accepted(self._reader.response_types(self.place))
        except SpecError:  # reported when a response is read
            return None

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that a token must carry."""
        return tuple(str(scope) for need in self.security[:1] for scopes in need.values() for scope in scopes)

    @property
    def required_roles(self) -> tuple[str, ...]:
        """In-game roles of which the character needs one (`x-required-roles`)."""
        roles = self.raw.get('x-required-roles')
        return tuple(map(str, roles)) if isinstance(roles, list) else ()

    @cached_property
    def roles_operation(self) -> Operation | None:
        """The operation of the same description that returns the roles of a character; None if there is none."""
        named = (place for place in self._reader.places() if place.method == 'get')
        place = next((place for place in named if _ROLES.fullmatch(place.path)), None)
        return None if place is None else Operation(self._reader, place, self._bind)

    @cached_property
    def rate_limit(self) -> RateLimit | None:
        """The bucket that this operation draws from (`x-rate-limit`); None where the document names none."""
        limit: Any = self.raw.get('x-rate-limit')
        try:
            found = RateLimit(str(limit['group']), seconds(str(limit['window-size'])), int(limit['max-tokens']))
        except (TypeError, KeyError, ValueError, OverflowError):
            return None
        return found if 0 < found.window < math.inf and found.tokens > 0 else None

    @property
    def cache_age(self) -> int | None:
        """For how many seconds a response stays fresh, according to the document; None if it does not say."""
        declared = (self.raw.get(name) for name in ('x-client-cache-ttl', 'x-cache-age', 'x-cached-seconds'))
        return next((age for age in declared if type(age) is int and age >= 0), None)

    @cached_property
    def paging(self) -> str | None:
        """How a list is divided into pages, one of PAGINATIONS; None where it is not divided."""
        if self.method != 'GET':
            return None
        names = {p.name for p in self.parameters if p.location == 'query'}
        if self.raw.get('x-pagination') == 'cursor' or (names >= {'before', 'after'} and self._responds_with_cursor()):
            return 'cursor'
        return next((kind for kind in PAGINATIONS if PARAMETERS.get(kind) in names), None)

    def _responds_with_cursor(self) -> bool:
        spec = self.response_for(200)
        return spec is not None and spec.schema is not None and 'cursor' in spec.schema.properties

    @property
    def summary(self) -> str:
        """What it does, in one line of the description."""
        return str(self.raw.get('summary') or '')

    @property
    def description(self) -> str:
        """What it does, as the description has it."""
        return str(self.raw.get('description') or '')

    @cached_property
    def has_writes(self) -> bool:
        """Whether the description has methods with side effects at the same path (RFC 9110 section 9.2.1)."""
        return self._reader.has_writes(self.place)

    @property
    def deprecated(self) -> bool:
        """Whether the description calls it deprecated."""
        return bool(self.raw.get('deprecated', False))

    @property
    def __signature__(self) -> inspect.Signature:
        """For editors and notebooks: parameters that must be given come without a default."""
        import inspect  # on first use: with it, esipy takes a third longer to import

        by_name = {p.python_name: p for p in self.parameters if p.location != 'header' and p.python_name.isidentifier()}
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if p.required and not p.has_default else p.default,
                )
                for name, p in sorted(by_name.items(), key=lambda item: not item[1].required or item[1].has_default)
            ]
        )

    def help_text(self) -> str:
        """Return what `help()` shows: arguments, fields of the body and of the response, scopes, rate limit."""
        return self._reader.help_of(self)

    def __repr__(self) -> str:
        return f'<Operation {self.id}: {self.method} {self.path}>'

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self._reader, self.place, self._bind)


def _name_arguments(parameters: list[Parameter]) -> None:
    """Give each parameter a name of its own as an argument. Where several have the same name, it is the path's, else
    the query's; the others are named with their location before it: `query_id`. `body` is always the body."""
    has_body = any(parameter.location == 'body' for parameter in parameters)
    names = {parameter.name for parameter in parameters}
    taken = {'body'} if has_body else set()
    for parameter in sorted(parameters, key=lambda p: _RANKS.get(p.location, len(_RANKS))):
        name = parameter.name
        if parameter.location == 'body':
            name = 'body' if name in taken else name
        elif name in taken:
            name = f'{parameter.location}_{name}'
            while name in taken or name in names:
                name += '_'
        taken.add(name)
        parameter.argument = name


#: Whose a name is that several parameters have.
_RANKS = {location: rank for rank, location in enumerate(('path', 'query', 'formData', 'header', 'cookie', 'body'))}


def _make(reader: OperationReader, place: OperationKey, bind: Callable[..., Any]) -> Operation:
    return Operation(reader, place, bind)


#: Where the roles of a character are, with or without the version in front that old paths have.
_ROLES = re.compile(r'(/(latest|dev|legacy|v\d+))?/characters/{character_id}/roles/?')

#: The kinds of pagination, and the query parameter of each, by which it is
#: recognised. A cursor has two parameters (`before`, `after`), and `x-pagination` in the description.
PAGINATIONS = ('pages', 'cursor', 'from_id', 'last_mail_id', 'from_event', 'max_war_id')
PARAMETERS = {kind: kind for kind in PAGINATIONS[2:]} | {'pages': 'page'}


def seconds(window: str) -> float:
    """'15m' -> 900.0. Units s, m, h, d; a bare number is seconds. Raises ValueError for anything else."""
    unit = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}.get(window[-1:].lower())
    return float(window[:-1]) * unit if unit else float(window)
