"""What a description says, in one form for all formats: Operation, Parameter, Answer, Schema.

Everything is read from the document when it is asked for and kept from then on; a `reader.Reader` (one per
format) does the reading.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from esipy._spec.legacy import HEADERS
from esipy._spec.refs import shown
from esipy.exceptions import CallError, SpecError

if TYPE_CHECKING:
    import inspect

    from esipy._spec.reader import Reader

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
    """Where an operation stands in the document. `id` is empty where the document gives it none."""

    id: str
    method: str
    path: str
    tags: tuple[str, ...]

    @property
    def derived_name(self) -> str:
        """GET /markets/{region_id}/orders/ -> get_markets_region_id_orders."""
        words = re.sub(r'[{}]', '', self.path).strip('/')
        return re.sub(r'[^0-9A-Za-z_]', '_', f'{self.method.lower()}_{words}')


#: What the keywords that are read here must be. Any other value breaks the description at that place.
_KINDS: dict[str, Any] = {
    'type': (str, list),
    'properties': Mapping,
    'items': (Mapping, bool),
    'required': (list, bool),  # Swagger 2.0: a parameter is its own schema, and has a `required` of another meaning
    'enum': list,
    **dict.fromkeys(('allOf', 'oneOf', 'anyOf'), list),
    **dict.fromkeys(('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'), (int, float, type(None))),
    **dict.fromkeys(('minLength', 'maxLength', 'minItems', 'maxItems'), (int, float)),
}


#: Bounds of which the largest, or the smallest, applies where a value must fit several schemas.
_LOWER_BOUNDS = frozenset({'minimum', 'exclusiveMinimum', 'minLength', 'minItems'})
_UPPER_BOUNDS = frozenset({'maximum', 'exclusiveMaximum', 'maxLength', 'maxItems'})


def _both(name: str, one: Any, other: Any) -> Any:
    """A keyword of two schemas that both apply; `other` is the nearer one."""
    if other is None:
        return one
    if name in _LOWER_BOUNDS:
        return max(one, other)
    if name in _UPPER_BOUNDS:
        return min(one, other)
    if name == 'enum':
        return [value for value in one if value in other]
    return one or other if name == 'uniqueItems' else other


class Schema:
    """A type: JSON Schema's keywords, with what lies below read on demand (so that cycles do no harm).

    Raises SpecError, when it is made, for a keyword whose value makes no sense.
    """

    def __init__(self, reader: Reader, node: Mapping[str, Any]) -> None:
        self._reader = reader
        self.raw = node
        #: This node's own keywords, without those of its `allOf` parts.
        self.own = reader.keywords(node)
        for name, kinds in _KINDS.items():
            if name in self.own and not isinstance(self.own[name], kinds):
                raise SpecError(f'{name!r} cannot be {shown(self.own[name])}')

    @cached_property
    def keywords(self) -> Mapping[str, Any]:
        """The keywords, those of every `allOf` part included: all bounds and enums apply (JSON Schema 2020-12, section
        10.2.1.1); of the others the nearest one does."""
        if 'allOf' not in self.own:
            return self.own
        together: dict[str, Any] = {}
        for part in (*self.parts[1:], self):
            for name, value in part.own.items():
                known = together.get(name)
                together[name] = value if known is None else _both(name, known, value)
        return together

    @cached_property
    def types(self) -> tuple[str, ...]:
        """'object', 'array', 'string', 'integer', 'number', 'boolean', 'null'; empty when anything goes."""
        kind = self.keywords.get('type')
        if kind is None:
            return ('object',) if 'properties' in self.keywords else ()
        return (kind,) if isinstance(kind, str) else tuple(kind)

    @cached_property
    def is_nullable(self) -> bool:
        """Whether null is a value of this type."""
        if self.types:
            return 'null' in self.types
        return not self.one_of or any(option.is_nullable for option in self.one_of)

    @property
    def separator(self) -> str:
        """What stands between the items of a list where it is text."""
        return self._reader.separator(self.own)

    @cached_property
    def format(self) -> str | None:
        return self.keywords.get('format')

    @cached_property
    def items(self) -> Schema | None:
        """What a list holds."""
        node = self.keywords.get('items')
        return self._reader.schema(node) if isinstance(node, Mapping) else None

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """The fields of an object, those of every `allOf` part included."""
        return {
            name: self._reader.schema(node)
            for part in (*self.parts[1:], self)
            for name, node in part.own.get('properties', {}).items()
        }

    @cached_property
    def required(self) -> frozenset[str]:
        lists = [part.own.get('required') for part in self.parts]
        return frozenset(name for names in lists if isinstance(names, list) for name in names)

    @cached_property
    def parts(self) -> tuple[Schema, ...]:
        """This schema and all that it is composed of by `allOf`, each once, however they refer to each other."""
        found = [self]
        for part in found:
            for node in part.own.get('allOf', ()):
                other = self._reader.schema(node)
                if other not in found:
                    found.append(other)
        return tuple(found)

    @cached_property
    def additional(self) -> Schema | bool | None:
        """What fields beyond `properties` may hold: a schema, yes or no; None when the document does not say."""
        node = self.keywords.get('additionalProperties')
        return self._reader.schema(node) if isinstance(node, Mapping) else node

    @cached_property
    def one_of(self) -> tuple[Schema, ...]:
        """The alternatives (`oneOf` and `anyOf`)."""
        nodes = [*self.keywords.get('oneOf', ()), *self.keywords.get('anyOf', ())]
        return tuple(self._reader.schema(node) for node in nodes)

    @property
    def examples(self) -> list[Any]:
        """The document's own examples of such a value."""
        many = self.raw.get('examples')
        return list(many) if isinstance(many, list) else [self.raw['example']] if 'example' in self.raw else []


class Parameter:
    """One thing that an operation takes. `location` (also under the name `in`): path, query, header or body."""

    def __init__(
        self,
        name: str,
        location: str,
        schema: Schema,
        *,
        required: bool = False,
        exploded: bool = False,
        separator: str | None = None,
        description: str = '',
    ) -> None:
        self.name = name
        self.location = location
        self.schema = schema
        self.required = required or location == 'path'
        #: A list in the query: one `name=value` for each item (True), or one for all, with `separators` between.
        self.exploded = exploded
        self._separator = separator
        self.description = description or str(schema.raw.get('description', ''))
        self.has_default = 'default' in schema.keywords
        self.default = schema.keywords.get('default')

    @property
    def type(self) -> str | None:
        """The first declared type, as in 1.x."""
        return self.schema.types[0] if self.schema.types else None

    @property
    def format(self) -> str | None:
        return self.schema.format

    @property
    def enum(self) -> list[Any] | None:
        return self.schema.keywords.get('enum')

    @cached_property
    def separators(self) -> tuple[str, ...]:
        """What stands between the items of a list, between the items of a list in that list, and so on."""
        found = [self._separator or self.schema.separator]
        item = self.schema.items
        while item is not None and item.types == ('array',) and len(found) < 5:
            found.append(item.separator)
            item = item.items
        return tuple(found)

    @property
    def python_name(self) -> str:
        """The name as an identifier: `X-Compatibility-Date` can be given as `x_compatibility_date`."""
        if keyword.iskeyword(self.name):
            return f'{self.name}_'
        return self.name if self.name.isidentifier() else re.sub(r'\W', '_', self.name).lower()

    def __repr__(self) -> str:
        need = 'required ' if self.required else ''
        return f'<{need}{self.location} parameter {self.name}: {self.type}>'


# EsiPy 1.x read it as getattr(parameter, 'in'), a name that a class body cannot spell.
setattr(Parameter, 'in', property(lambda self: self.location))


class ResponseSpec(NamedTuple):
    """What comes back with one status: the body's type, the headers' types, examples of the body."""

    schema: Schema | None
    headers: dict[str, Schema]
    examples: list[Any]


class _Help:
    """`help(operation)` tells about that operation, `help(Operation)` about the class."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __get__(self, operation: Operation | None, owner: type[Operation]) -> str:
        return self._text if operation is None else operation.help_text()


class Operation:
    __doc__ = _Help(
        """One operation of the API. Call it with its parameters to get a call that a client executes:

            call = app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all')
        """
    )

    def __init__(self, reader: Reader, place: OperationKey, bind: Callable[..., Any]) -> None:
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
        return self._told(self._bind, self, params)

    @property
    def operationId(self) -> str:
        return self.id

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """What the document says of this operation, as it stands there."""
        return self._reader.raw(self.place)

    @property
    def base_url(self) -> str:
        return self._reader.base_url

    @cached_property
    def endpoint(self) -> Mapping[str, Any]:
        """The options that stand beside it in a table of endpoints; empty in other descriptions."""
        return self._reader.endpoint(self.place)

    def undeclared(self, name: str) -> Parameter | None:
        """What an argument is that `accepts` does not have: None, a fault, but where any query parameter is taken."""
        return self._reader.undeclared(name)

    @cached_property
    def url(self) -> str:
        """Address without its scheme, placeholders unfilled: '//host/base/path/{id}' (as in 1.x)."""
        base = self._reader.base_url
        return base[base.find('//') :] + self.path

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Everything that a call may be given, the body among them (location 'body'), in the document's order."""
        return self._told(self._reader.parameters, self.place)

    @cached_property
    def body(self) -> Parameter | None:
        return next((p for p in self.parameters if p.location == 'body'), None)

    @cached_property
    def accepts(self) -> dict[str, Parameter]:
        """Every name that an argument may have: the declared ones first, then `body`, the old names of headers,
        and the names as identifiers."""
        names = {parameter.name: parameter for parameter in self.parameters}
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
    def answers(self) -> dict[str, ResponseSpec]:
        """By status as text, and 'default'."""
        return self._told(self._reader.answers, self.place)

    def _told(self, read: Callable[..., T], *arguments: Any) -> T:
        """What `read` returns; what it finds broken in the document is told with the operation's name."""
        try:
            return read(*arguments)
        except SpecError as error:
            start, reason = f'{self.id}: broken description: ', str(error)
            raise SpecError(reason if reason.startswith(start) else start + reason) from None

    def answer(self, status: int) -> ResponseSpec | None:
        """What the document says of an answer with this status; None if it does not."""
        answers = self.answers
        return answers.get(str(status)) or answers.get(f'{status // 100}XX') or answers.get('default')

    @cached_property
    def security(self) -> list[dict[str, list[str]]]:
        """The document's security requirement: any one of these, {scheme: [scopes]}."""
        return self._told(self._reader.security, self.place)

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that a token must carry."""
        return tuple(scope for need in self.security[:1] for scopes in need.values() for scope in scopes)

    @property
    def required_roles(self) -> tuple[str, ...]:
        """In-game roles of which the character needs one (`x-required-roles`)."""
        roles = self.raw.get('x-required-roles')
        return tuple(map(str, roles)) if isinstance(roles, list) else ()

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
        """For how many seconds an answer stays fresh, as far as the document knows."""
        told = (self.raw.get(name) for name in ('x-client-cache-ttl', 'x-cache-age', 'x-cached-seconds'))
        return next((age for age in told if type(age) is int and age >= 0), None)

    @cached_property
    def paging(self) -> str | None:
        """How a list is divided into pages, one of PAGINATIONS; None where it is not divided."""
        if self.method != 'GET':
            return None
        names = {p.name for p in self.parameters if p.location == 'query'}
        if self.raw.get('x-pagination') == 'cursor' or (names >= {'before', 'after'} and self._answers_with_cursor()):
            return 'cursor'
        return next((kind for kind in PAGINATIONS if PARAMETERS.get(kind) in names), None)

    def _answers_with_cursor(self) -> bool:
        answer = self.answer(200)
        return answer is not None and answer.schema is not None and 'cursor' in answer.schema.properties

    @property
    def summary(self) -> str:
        return str(self.raw.get('summary') or '')

    @property
    def description(self) -> str:
        return str(self.raw.get('description') or '')

    @cached_property
    def has_writes(self) -> bool:
        """Whether the description has methods with side effects at the same path (RFC 9110 section 9.2.1)."""
        return self._reader.has_writes(self.place)

    @property
    def deprecated(self) -> bool:
        return bool(self.raw.get('deprecated', False))

    @property
    def __signature__(self) -> inspect.Signature:
        """For editors and notebooks: parameters that must be given come without a default."""
        import inspect  # when it is asked for: with it, esipy takes a third longer to import

        shown = {p.python_name: p for p in self.parameters if p.location != 'header' and p.python_name.isidentifier()}
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if p.required and not p.has_default else p.default,
                )
                for name, p in sorted(shown.items(), key=lambda item: not item[1].required or item[1].has_default)
            ]
        )

    def help_text(self) -> str:
        """Summary, address, scopes and every parameter, for `help()`."""
        lines = [self.summary or self.description, '', f'{self.method} {self.base_url}{self.path}', '']
        for p in self.parameters:
            if p.name == COMPATIBILITY_DATE:
                continue
            need = f'default {p.default!r}' if p.has_default else 'required' if p.required else 'optional'
            choice = f', one of {", ".join(map(str, p.enum))}' if p.enum else ''
            lines.append(f'  {p.name} ({p.location}, {p.type}, {need}{choice}): {p.description}')
        if self.scopes:
            lines += ['', f'Needs the scope {", ".join(self.scopes)}']
        if self.required_roles:
            lines += [f'Needs one of the roles {", ".join(self.required_roles)}']
        return '\n'.join(lines)

    def __repr__(self) -> str:
        return f'<Operation {self.id}: {self.method} {self.path}>'

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self._reader, self.place, self._bind)


def _make(reader: Reader, place: OperationKey, bind: Callable[..., Any]) -> Operation:
    return Operation(reader, place, bind)


#: The kinds of pagination, and the query parameter of each, by which it is
#: recognised. A cursor has two parameters (`before`, `after`), and `x-pagination` in the description.
PAGINATIONS = ('pages', 'cursor', 'from_id', 'last_mail_id', 'from_event', 'max_war_id')
PARAMETERS = {kind: kind for kind in PAGINATIONS[2:]} | {'pages': 'page'}


def seconds(window: str) -> float:
    """'15m' -> 900.0. Units s, m, h, d; a bare number is seconds. Raises ValueError for anything else."""
    unit = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}.get(window[-1:].lower())
    return float(window[:-1]) * unit if unit else float(window)
