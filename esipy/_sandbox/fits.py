"""Does a JSON value fit a schema? As strict as a server is: nothing is converted, everything wrong is told.

`esipy._spec.coerce` is its opposite on the client's side: it takes loose input and makes it fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from esipy._spec.schema import Schema


class Misfit(NamedTuple):
    """Where it is ('body.items[3].name'), what is wrong, and the value that is there."""

    location: str
    message: str
    value: Any


def fits(value: Any, schema: Schema) -> bool:
    return next(misfits(value, schema), None) is None


def misfits(value: Any, schema: Schema, where: str = '') -> Iterator[Misfit]:
    """Everything about `value` that its schema does not allow."""
    for part in schema.parts:
        yield from _own(value, part, where)
    if isinstance(value, dict):
        yield from _fields(value, schema, where)


def _own(value: Any, schema: Schema, where: str) -> Iterator[Misfit]:
    """What one schema says itself, without the parts that it is composed of."""
    words = schema.keywords
    declared = words.get('type')
    kinds = [declared] if isinstance(declared, str) else declared
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield Misfit(where, f'expected {" or ".join(kinds)}, but got {_kind(value)}', value)
        return
    if 'enum' in words and value not in words['enum'] and not (value is None and 'null' in (kinds or ())):
        yield Misfit(where, f'expected one of {", ".join(map(str, words["enum"]))}', value)
    if 'const' in words and value != words['const']:
        yield Misfit(where, f'expected {words["const"]!r}', value)
    yield from (Misfit(where, message, value) for message in _limits(value, schema))
    yield from _alternatives(value, schema, where)
    if isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            yield from misfits(item, schema.items, f'{where}[{index}]')


def _limits(value: Any, schema: Schema) -> Iterator[str]:
    if _is(value, 'number'):
        yield from _range(value, schema.keywords)
    elif isinstance(value, str):
        yield from _text(value, schema)
    elif isinstance(value, list):
        yield from _size(value, schema.keywords)


def _range(value: float, words: Mapping[str, Any]) -> Iterator[str]:
    if words.get('minimum') is not None and value < words['minimum']:
        yield f'expected number to be at least {words["minimum"]}'
    if words.get('maximum') is not None and value > words['maximum']:
        yield f'expected number to be at most {words["maximum"]}'
    if words.get('exclusiveMinimum') is not None and value <= words['exclusiveMinimum']:
        yield f'expected number to be above {words["exclusiveMinimum"]}'
    if words.get('exclusiveMaximum') is not None and value >= words['exclusiveMaximum']:
        yield f'expected number to be below {words["exclusiveMaximum"]}'
    if words.get('multipleOf') and value % words['multipleOf']:
        yield f'expected a multiple of {words["multipleOf"]}'
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield 'expected a number of at most 64 bits'


def _text(value: str, schema: Schema) -> Iterator[str]:
    words = schema.keywords
    if len(value) < (words.get('minLength') or 0):
        yield f'expected length to be at least {words["minLength"]}'
    if words.get('maxLength') is not None and len(value) > words['maxLength']:
        yield f'expected length to be at most {words["maxLength"]}'
    if words.get('pattern') and not matches(words['pattern'], value):
        yield f'expected text to match {words["pattern"]}'
    if not _FORMATS.get(schema.format or '', lambda text: True)(value):
        yield f'expected a text of the format {schema.format}'


def _size(value: list[Any], words: Mapping[str, Any]) -> Iterator[str]:
    if len(value) < (words.get('minItems') or 0):
        yield f'expected at least {words["minItems"]} items'
    if words.get('maxItems') is not None and len(value) > words['maxItems']:
        yield f'expected at most {words["maxItems"]} items'
    if words.get('uniqueItems') and _has_twins(value):
        yield 'expected items to be unique'


def _has_twins(items: list[Any]) -> bool:
    try:
        return len(set(items)) < len(items)
    except TypeError:  # lists and objects cannot be looked up
        return any(item in items[:index] for index, item in enumerate(items))


def _alternatives(value: Any, schema: Schema, where: str) -> Iterator[Misfit]:
    one, some = schema.keywords.get('oneOf') or (), schema.keywords.get('anyOf') or ()
    fitting = [_has_tag(value, option) and fits(value, option) for option in schema.one_of]
    if one and sum(fitting[: len(one)]) != 1:
        yield Misfit(where, 'expected exactly one of the alternatives to fit', value)
    if some and not any(fitting[len(one) :]):
        yield Misfit(where, 'expected one of the alternatives to fit', value)


def tag_of(option: Schema) -> str | None:
    """The field that tells an alternative from the others.

    The live document writes {oneOf: [{title: import, properties: {import: ...}}, {title: export, ...}]} and forgets
    to say that the field is required: taken literally, no answer of the real server would be valid.
    """
    title = option.keywords.get('title')
    return title if title in option.properties and not option.required else None


def _has_tag(value: Any, option: Schema) -> bool:
    tag = tag_of(option)
    return tag is None or not isinstance(value, dict) or tag in value


def _fields(value: dict[str, Any], schema: Schema, where: str) -> Iterator[Misfit]:
    prefix = f'{where}.' if where else ''
    for name in sorted(schema.required - value.keys()):
        yield Misfit(prefix + name, 'expected required property to be present', None)
    known = schema.properties
    for name, item in value.items():
        if name in known:
            yield from misfits(item, known[name], prefix + name)
        elif schema.additional is False:
            yield Misfit(prefix + name, 'unexpected property', item)
        elif isinstance(schema.additional, Schema):
            yield from misfits(item, schema.additional, prefix + name)


def _is(value: Any, kind: str) -> bool:
    if kind == 'integer':
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    if kind == 'number':
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, _TYPES.get(kind, object))


_TYPES: dict[str, type | tuple[type, ...]] = {
    'string': str,
    'boolean': bool,
    'array': list,
    'object': dict,
    'null': type(None),
}


def _kind(value: Any) -> str:
    return next((kind for kind in (*_TYPES, 'integer', 'number') if _is(value, kind)), type(value).__name__)


def matches(pattern: str, text: str) -> bool:
    """A pattern that Python cannot read (it is JavaScript's dialect) forbids nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _is_date(text: str) -> bool:
    return bool(re.fullmatch(r'\d{4}-\d\d-\d\d', text, re.ASCII)) and _reads(date.fromisoformat, text)


def _is_time(text: str) -> bool:
    shape = r'\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)'
    return bool(re.fullmatch(shape, text, re.ASCII)) and _reads(datetime.fromisoformat, text.upper())


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and _reads(UUID, text)


def _reads(reader: Any, text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


#: The formats that are checked; any other only tells a reader what is meant (JSON Schema 2020-12, 7.2).
_FORMATS: dict[str, Any] = {'date': _is_date, 'date-time': _is_time, 'uuid': _is_uuid}
