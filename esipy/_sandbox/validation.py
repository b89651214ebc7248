"""Validates JSON values by a schema, as strictly as a server: nothing is converted, and every fault is reported.

The package jsonschema does it, by JSON Schema 2020-12. `_KEYWORDS` has what is different in the older formats and in
the documents of ESI. `esipy._spec.coerce` is the opposite, on the side of the client: it converts what it can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from esipy._runtime.lazy import missing_extra
from esipy._spec.schema import Schema, SchemaReader

try:
    from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
except ImportError as error:
    raise missing_extra('the sandbox', 'jsonschema', 'sandbox', error) from error


class Violation(NamedTuple):
    """One fault: its location ('body.items[3].name'), a message, and the value."""

    location: str
    message: str
    value: Any


def is_valid(value: Any, schema: Schema) -> bool:
    return bool(_validator(schema).is_valid(value))


def violations(value: Any, schema: Schema, where: str = '') -> Iterator[Violation]:
    """Yield everything about `value` that the schema does not allow."""
    for error in _validator(schema).iter_errors(value):
        at = where
        for step in error.absolute_path:
            at += f'[{step}]' if isinstance(step, int) else f'.{step}' if at else str(step)
        message = _MESSAGES.get(error.validator)
        yield Violation(at, message(error.validator_value) if message else error.message, error.instance)


def tag_of(option: Mapping[str, Any]) -> str | None:
    """Return the field that distinguishes an alternative from the others.

    The live document writes {oneOf: [{title: import, properties: {import: ...}}, {title: export, ...}]} and does not
    say that the field is required: taken literally, no response of the real server would be valid.
    """
    title = option.get('title')
    return title if title in (option.get('properties') or {}) and not option.get('required') else None


def matches(pattern: str, text: str) -> bool:
    """Whether a text matches. A pattern of JavaScript that Python cannot read forbids nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


#: The validators of each description: one of the whole, for references, and one of each node.
_known: WeakKeyDictionary[SchemaReader, dict[int, Any]] = WeakKeyDictionary()


def _validator(schema: Schema) -> Any:
    reader = schema._reader
    known = _known.get(reader)
    if known is None:
        known = _known[reader] = {0: _Validator(reader.document, format_checker=_FORMATS)}
    found = known.get(id(schema.raw))
    if found is None:
        found = known[id(schema.raw)] = known[0].evolve(schema=schema.raw)  # which keeps the node, and so its id
    return found


def _type(validator: Any, kinds: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if value is None and _is_nullable(schema):
        return
    if not any(_TYPES.get(kind, lambda value: True)(value) for kind in kinds):
        found = next((kind for kind, test in _TYPES.items() if test(value)), type(value).__name__)
        yield ValidationError(f'expected {" or ".join(kinds)}, but got {found}')
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield ValidationError('expected a number of at most 64 bits')


def _is_nullable(schema: Mapping[str, Any]) -> bool:
    """Whether null is allowed: Swagger 2.0 and OpenAPI 3.0 have other keywords for it."""
    return schema.get('nullable') is True or schema.get('x-nullable') is True or 'null' in (schema.get('type') or ())


def _enum(validator: Any, choices: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if value not in choices and not (value is None and _is_nullable(schema)):
        yield ValidationError('')


def _exclusive(other: str, passes: Callable[[Any, Any], bool]) -> Any:
    """`exclusiveMinimum`, which is a number, or `true` beside `minimum` in the older formats."""

    def check(validator: Any, bound: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
        bound = schema.get(other) if bound is True else bound
        if _TYPES['number'](value) and type(bound) in (int, float) and not passes(value, bound):
            side = 'above' if other == 'minimum' else 'below'
            yield ValidationError(f'expected number to be {side} {bound}')

    return check


def _pattern(validator: Any, pattern: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not matches(pattern, value):
        yield ValidationError('')


def _required(validator: Any, names: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """A parameter of Swagger 2.0 is its own schema, and has a `required` of another meaning."""
    if isinstance(value, dict) and isinstance(names, list):
        for name in sorted(set(names) - value.keys()):
            yield ValidationError('', path=[name], instance=None)


def _additional(validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    known = schema.get('properties') or {}
    for name in value.keys() - known if isinstance(value, dict) else ():
        if allowed is False:
            yield ValidationError('unexpected property', path=[name], instance=value[name])
        elif isinstance(allowed, Mapping):
            yield from validator.descend(value[name], allowed, path=name)


def _one_of(validator: Any, options: list[Any], value: Any, schema: Any) -> Iterator[ValidationError]:
    def is_named(option: Any) -> bool:
        tag = tag_of(option) if isinstance(option, Mapping) else None
        return tag is None or not isinstance(value, dict) or tag in value

    fitting = [option for option in options if is_named(option) and validator.evolve(schema=option).is_valid(value)]
    if len(fitting) != 1:
        yield ValidationError('expected exactly one of the alternatives to fit')


_TYPES: dict[str, Callable[[Any], bool]] = {
    'string': lambda value: isinstance(value, str),
    'boolean': lambda value: isinstance(value, bool),
    'array': lambda value: isinstance(value, list),
    'object': lambda value: isinstance(value, dict),
    'null': lambda value: value is None,
    'integer': lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    'number': lambda value: type(value) in (int, float),
}

_KEYWORDS = {
    'type': _type,
    'enum': _enum,
    'exclusiveMinimum': _exclusive('minimum', lambda value, bound: value > bound),
    'exclusiveMaximum': _exclusive('maximum', lambda value, bound: value < bound),
    'pattern': _pattern,
    'required': _required,
    'additionalProperties': _additional,
    'oneOf': _one_of,
}

_extend: Any = validators.extend
_Validator = _extend(Draft202012Validator, _KEYWORDS)

#: The messages of ESI, by keyword; called with the value of the keyword.
_MESSAGES: dict[Any, Callable[[Any], str]] = {
    'required': lambda names: 'expected required property to be present',
    'enum': lambda choices: f'expected one of {", ".join(map(str, choices))}',
    'const': lambda value: f'expected {value!r}',
    'minimum': lambda bound: f'expected number to be at least {bound}',
    'maximum': lambda bound: f'expected number to be at most {bound}',
    'multipleOf': lambda step: f'expected a multiple of {step}',
    'minLength': lambda length: f'expected length to be at least {length}',
    'maxLength': lambda length: f'expected length to be at most {length}',
    'pattern': lambda pattern: f'expected text to match {pattern}',
    'format': lambda name: f'expected a text of the format {name}',
    'minItems': lambda count: f'expected at least {count} items',
    'maxItems': lambda count: f'expected at most {count} items',
    'uniqueItems': lambda unique: 'expected items to be unique',
    'anyOf': lambda options: 'expected one of the alternatives to fit',
}

#: The formats that are validated; the others are annotations (JSON Schema 2020-12, validation, section 7.2).
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks('date', raises=ValueError)
def _is_date(text: Any) -> bool:
    if isinstance(text, str):
        date.fromisoformat(text)
    return not isinstance(text, str) or bool(re.fullmatch(r'\d{4}-\d\d-\d\d', text, re.ASCII))


@_FORMATS.checks('date-time', raises=ValueError)
def _is_time(text: Any) -> bool:
    if isinstance(text, str):
        datetime.fromisoformat(text.upper())
    shape = r'\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)'
    return not isinstance(text, str) or bool(re.fullmatch(shape, text, re.ASCII))


@_FORMATS.checks('uuid', raises=ValueError)
def _is_uuid(text: Any) -> bool:
    if isinstance(text, str):
        UUID(text)
    return not isinstance(text, str) or len(text) == 36
