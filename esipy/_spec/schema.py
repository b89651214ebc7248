"""Schema: a type, as JSON Schema describes it. Read lazily, so that cycles do no harm."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from esipy._spec.refs import shown, within
from esipy.exceptions import SpecError


class SchemaReader(Protocol):
    """What a schema asks the reader of its format."""

    document: Mapping[str, Any]

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def separator(self, node: Mapping[str, Any]) -> str: ...
    def schema(self, node: Any) -> Schema: ...


#: What the keywords that are read here must be. Any other value breaks the description at that place.
_KINDS: dict[str, Any] = {
    'type': (str, list),
    'properties': Mapping,
    'items': (Mapping, bool),
    'required': (list, bool),  # Swagger 2.0: a parameter is its own schema, and has a `required` of another meaning
    'enum': list,
    **dict.fromkeys(('allOf', 'oneOf', 'anyOf', 'prefixItems'), list),
    **dict.fromkeys(('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'), (int, float, type(None))),
    **dict.fromkeys(('minLength', 'maxLength', 'minItems', 'maxItems'), (int, float, type(None))),
    **dict.fromkeys(('minProperties', 'maxProperties', 'minContains', 'multipleOf'), (int, float, type(None))),
    **dict.fromkeys(('not', 'if', 'then', 'else', 'contains', 'propertyNames'), (Mapping, bool)),
    **dict.fromkeys(('patternProperties', 'dependentRequired', 'dependentSchemas'), Mapping),
}

#: Bounds of which the largest, or the smallest, applies where a value must fit several schemas.
_LOWER_BOUNDS = frozenset({'minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'})
_UPPER_BOUNDS = frozenset({'maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'})

#: Keywords that say something of values without saying which type these have.
_BOUNDS = (
    _LOWER_BOUNDS | _UPPER_BOUNDS | {'multipleOf', 'items', 'prefixItems', 'uniqueItems', 'required', 'properties'}
)
_BOUNDS |= {'additionalProperties', 'patternProperties', 'dependentRequired'}

#: Keywords by which other schemas apply to the same value.
_RULES = ('oneOf', 'anyOf', 'not', 'if', 'dependentSchemas', 'contains', 'propertyNames')

#: Patterns of names that are matched, since it takes linear time: without groups, and with a repetition only at the end
#: of one that is anchored at its start.
_LITERAL = r'(?:[^()\\|*+?{^]|\\[\w.$^\[\]/-]|\[\^)*'
_SIMPLE_PATTERN = re.compile(rf'\^?{_LITERAL}|\^{_LITERAL}[*+?]\$?')

#: Names that are matched with patterns are not longer.
_MAX_NAME = 200

#: Schemas that one schema may be composed of, or choose from.
_MAX_PARTS = 2000


class Schema:
    """A type: JSON Schema's keywords, with what lies below read on demand.

    Raises SpecError, when it is made, for a keyword whose value makes no sense.
    """

    def __init__(self, reader: SchemaReader, node: Mapping[str, Any]) -> None:
        self._reader = reader
        self.raw = node
        #: This node's own keywords, without those of its `allOf` parts.
        self.own = reader.keywords(node)
        for name, value in self.own.items():
            kinds = _KINDS.get(name)
            if kinds is not None and type(value) is not str:  # most keywords are texts, such as `type`
                _check_keyword(name, value, kinds)
            elif kinds is not None and name != 'type':
                raise SpecError(f'{name!r} cannot be {shown(value)}')

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
        if self.own.get('nullable') is True:  # OpenAPI 3.0, also beside `allOf`, `anyOf` and `oneOf`
            return True
        if self.types:
            return 'null' in self.types
        if self.enum is not None:
            return None in self.enum
        return not self.one_of or any(
            'null' in option.types or option.own.get('nullable') is True or not (option.types or option.one_of)
            for option in self.alternatives
        )

    @cached_property
    def enum(self) -> list[Any] | None:
        """The values that are allowed (`enum`, `const`), each of the declared type: a description in YAML has numbers
        without quotes among texts, and texts among numbers."""
        values = self.keywords.get('enum')
        if 'const' in self.keywords:
            values = [self.keywords['const']]
        kinds = [kind for kind in self.types if kind != 'null']
        if values is None or len(kinds) != 1:
            return values
        return [_of_type(kinds[0], value) for value in values]

    @property
    def separator(self) -> str:
        """What stands between the items of a list where it is text."""
        return self._reader.separator(self.own)

    @cached_property
    def format(self) -> str | None:
        name = self.keywords.get('format')
        return name if isinstance(name, str) else None

    @cached_property
    def items(self) -> Schema | None:
        """What a list holds."""
        parts = (*self.parts[1:], self)
        nodes = [part.own['items'] for part in parts if isinstance(part.own.get('items'), Mapping)]
        return self._composed(nodes) if nodes else None

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """The fields of an object, those of every `allOf` part included; one that several parts describe must fit all
        of them."""
        nodes: dict[str, list[Any]] = {}
        for part in (*self.parts[1:], self):
            for name, node in part.own.get('properties', {}).items():
                nodes.setdefault(name, []).append(node)
        fields: dict[str, Schema] = {}
        for name, found in nodes.items():
            try:
                fields[name] = self._composed(found)
            except SpecError as error:
                raise within(f'field {shown(name)}', error) from None
        return fields

    def _composed(self, nodes: list[Any]) -> Schema:
        """The schema of nodes that all apply, the last one nearest."""
        schemas = list(dict.fromkeys(map(self._reader.schema, nodes)))
        return schemas[0] if len(schemas) == 1 else Schema(self._reader, {'allOf': nodes})

    @cached_property
    def required(self) -> frozenset[str]:
        lists = [part.own.get('required') for part in self.parts]
        return frozenset(name for names in lists if isinstance(names, list) for name in names if isinstance(name, str))

    @cached_property
    def parts(self) -> tuple[Schema, ...]:
        """This schema and all that it is composed of by `allOf`, each once, however they refer to each other."""
        return self._reached(lambda part: map(self._reader.schema, part.own.get('allOf', ())))

    @cached_property
    def additional(self) -> Schema | bool | None:
        """What fields beyond `properties` may hold: a schema, yes or no; None when the document does not say."""
        node = self.keywords.get('additionalProperties')
        return self._reader.schema(node) if isinstance(node, Mapping) else node

    @cached_property
    def one_of(self) -> tuple[Schema, ...]:
        """The alternatives (`oneOf` and `anyOf`), in the order of the document."""
        nodes = [*self.keywords.get('oneOf', ()), *self.keywords.get('anyOf', ())]
        return tuple(dict.fromkeys(map(self._reader.schema, nodes)))

    @cached_property
    def choices(self) -> tuple[tuple[Schema, ...], ...]:
        """The alternatives of each `oneOf` and `anyOf`: a value fits one of each of these. An alternative that only
        names alternatives is replaced by them, so that each is tried once."""
        lists = [part.own[word] for part in self.parts for word in ('oneOf', 'anyOf') if word in part.own]
        schemas = [dict.fromkeys(map(self._reader.schema, nodes)) for nodes in lists if nodes]
        if sum(map(len, schemas)) > _MAX_PARTS:
            raise SpecError(f'a schema is composed of more than {_MAX_PARTS} others')
        flat = [tuple(dict.fromkeys(one for option in found for one in option.named)) for found in schemas]
        return tuple(found for found in flat if found)  # alternatives that only name one another say nothing

    @cached_property
    def named(self) -> tuple[Schema, ...]:
        """This schema; where it only names alternatives, these."""
        reached = self._reached(lambda part: part.one_of if part.only_chooses else ())
        return tuple(part for part in reached if not part.only_chooses)

    def discriminated(self, value: Any) -> Schema | None:
        """Return the alternative that a value names in its discriminator field (Discriminator Object)."""
        rule = self.keywords.get('discriminator')
        field = rule.get('propertyName') if isinstance(rule, Mapping) else None
        kind = value.get(field) if isinstance(field, str) and isinstance(value, Mapping) else None
        if not isinstance(rule, Mapping) or not isinstance(kind, str):
            return None
        names = rule.get('mapping')
        name = names.get(kind, kind) if isinstance(names, Mapping) else kind
        for node in (*self.keywords.get('oneOf', ()), *self.keywords.get('anyOf', ())):
            reference = node.get('$ref') if isinstance(node, Mapping) else None
            if isinstance(reference, str) and name in (reference, reference.rpartition('/')[2]):
                return self._reader.schema(node)
        return None

    @cached_property
    def rules(self) -> bool:
        """Whether other schemas apply to the same value."""
        return any(word in part.own for part in self.parts for word in _RULES)

    @cached_property
    def has_bounds(self) -> bool:
        """Whether keywords say something of the value, whichever type it has."""
        return not _BOUNDS.isdisjoint(self.keywords)

    def each(self, word: str) -> Sequence[Any]:
        """A keyword of this schema and of all its `allOf` parts, where each of them applies; of a schema as Schema."""
        if word not in self.keywords:
            return ()
        found = [part.own[word] for part in self.parts if part.own.get(word) is not None]
        return [*map(self._reader.schema, found)] if word in _RULES else found

    @cached_property
    def conditions(self) -> list[tuple[Schema, Schema | None, Schema | None]]:
        """Schemas, each with those that apply to values which fit it, and to others: `if`, `dependentSchemas`."""
        schema = self._reader.schema
        found: list[tuple[Schema, Schema | None, Schema | None]] = []
        for own in (part.own for part in self.parts):
            then, otherwise = (schema(own[word]) if word in own else None for word in ('then', 'else'))
            if 'if' in own and (then or otherwise):
                found.append((schema(own['if']), then, otherwise))
            for name, node in own.get('dependentSchemas', {}).items():
                found.append((Schema(self._reader, {'type': 'object', 'required': [name]}), schema(node), None))
        return found

    @cached_property
    def first_items(self) -> tuple[Schema, ...]:
        """What the first items of a list are, one by one (`prefixItems`)."""
        return tuple(map(self._reader.schema, self.keywords.get('prefixItems', ())))

    @cached_property
    def is_closed(self) -> bool:
        """Whether a list may hold no more than its `first_items`."""
        return self.keywords.get('items') is False

    def of_pattern(self, name: str) -> list[Schema] | None:
        """What a field of this name holds by `patternProperties`; None where a pattern cannot be matched."""
        found: list[Schema] = []
        for pattern, node in self.keywords.get('patternProperties', {}).items():
            if len(name) > _MAX_NAME or not _SIMPLE_PATTERN.fullmatch(pattern):
                return None
            try:
                if re.search(pattern, name):
                    found.append(self._reader.schema(node))
            except re.error:
                return None
        return found

    @cached_property
    def alternatives(self) -> tuple[Schema, ...]:
        """What a value may be, where `one_of` says so: an alternative that only names alternatives is replaced by them,
        so that each is tried once."""
        reached = self._reached(lambda part: part.one_of if part is self or part.only_chooses else ())
        return tuple(part for part in reached[1:] if not part.only_chooses)

    @cached_property
    def only_chooses(self) -> bool:
        """Whether the schema says nothing but `oneOf` or `anyOf`."""
        return bool(self.one_of) and not self.types and self.enum is None and self.own.get('nullable') is not True

    @cached_property
    def readings(self) -> tuple[Schema, ...]:
        """This schema with all that it is composed of and all that it may be, each once."""
        return self._reached(lambda part: (*part.parts, *part.one_of))

    def _reached(self, step: Callable[[Schema], Iterable[Schema]]) -> tuple[Schema, ...]:
        """This schema and all that `step` leads to from it, in the order in which they are met."""
        found = {self: None}
        waiting = [self]
        for part in waiting:
            new = [other for other in dict.fromkeys(step(part)) if other not in found]
            found.update(dict.fromkeys(new))
            waiting += new
            if len(found) > _MAX_PARTS:
                raise SpecError(f'a schema is composed of more than {_MAX_PARTS} others')
        return tuple(found)

    @property
    def examples(self) -> list[Any]:
        """The document's own examples of such a value."""
        many = self.raw.get('examples')
        return list(many) if isinstance(many, list) else [self.raw['example']] if 'example' in self.raw else []


def _check_keyword(name: str, value: Any, kinds: Any) -> None:
    """Raise SpecError for a keyword of the wrong kind, or in which something of a wrong kind stands."""
    if not isinstance(value, kinds) or (isinstance(value, float) and not math.isfinite(value)):
        raise SpecError(f'{name!r} cannot be {shown(value)}')
    if name == 'multipleOf' and value is not None and not value > 0:
        raise SpecError(f"'multipleOf' cannot be {shown(value)}")
    wrong: list[Any] = []
    if name == 'type':
        wrong = [value] if not all(isinstance(one, str) for one in value) else []
    elif name == 'dependentRequired':
        wrong = [names for names in value.values() if not isinstance(names, list)]
    elif name == 'patternProperties':
        wrong = [pattern for pattern in value if not isinstance(pattern, str)]
    if wrong:
        raise SpecError(f'{name!r} cannot {"be" if name == "type" else "have"} {shown(wrong[0])}')


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
    if name == 'type':
        return _common_types(one, other)
    return one or other if name in ('uniqueItems', 'readOnly', 'writeOnly') else other


def _common_types(one: Any, other: Any) -> Any:
    """The types that two schemas have in common; of a contradiction the nearer one."""
    first, second = ([kinds] if isinstance(kinds, str) else kinds for kinds in (one, other))
    both = [kind for kind in second if kind in first or (kind == 'integer' and 'number' in first)]
    both += ['integer'] if 'integer' in first and 'number' in second and 'integer' not in both else []
    return both or other


def _of_type(kind: str, value: Any) -> Any:
    """A value of an enum, as a text among texts and as a number among numbers."""
    if kind == 'string' and isinstance(value, bool):
        return str(value).lower()
    if kind == 'string' and isinstance(value, (int, float)):
        return str(value)
    if kind in ('integer', 'number') and isinstance(value, str):
        try:
            return int(value) if kind == 'integer' else float(value)
        except ValueError:
            return value
    return value
