"""Values made from a schema: valid, realistic, and the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from esipy._sandbox import field_values
from esipy._sandbox.consistent import consistent
from esipy._sandbox.patterns import matching
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.validation import is_valid, tag_of
from esipy._spec.schema import Schema

#: Down to this depth optional fields are filled in; below it only required ones are (a type may contain itself).
OPTIONAL_DEPTH = 5

#: The greatest depth, for a type that requires itself without end.
MAX_DEPTH = 30

_ALPHABET = 'abcdefghijklmnopqrstuvwxyz'


def generate(schema: Schema, rng: SeededRandom, name: str = '', depth: int = 0, age: int = 0) -> Any:
    """Return a value that is valid by `schema`, for a field called `name`; `age` counts the newer records."""
    keywords = merged_keywords(schema)
    if 'const' in keywords:
        return keywords['const']
    if keywords.get('enum'):
        return rng.pick([choice for choice in keywords['enum'] if choice is not None] or [None])
    if depth > MAX_DEPTH:
        return None
    if any(part.one_of for part in schema.parts):
        return _alternative(schema, rng, name, depth, age)
    return _typed(schema, rng, name, depth, age)


def merged_keywords(schema: Schema) -> Mapping[str, Any]:
    """Return the keywords of a schema and of its parts; its own take precedence."""
    if len(schema.parts) == 1:
        return schema.keywords
    together: dict[str, Any] = {}
    for part in reversed(schema.parts):
        together.update(part.keywords)
    return together


def kind_of(schema: Schema) -> str | None:
    """Return the type of the values that are made for this schema."""
    kinds = [kind for part in schema.parts for kind in part.types]
    return next((kind for kind in kinds if kind != 'null'), kinds[0] if kinds else None)


def _typed(schema: Schema, rng: SeededRandom, name: str, depth: int, age: int) -> Any:
    kind = kind_of(schema)
    if kind == 'object' or (kind is None and schema.properties):
        return _object(schema, rng, depth, age)
    if kind == 'array':
        return array(schema, rng, name, depth)
    if kind == 'integer':
        return _integer(schema, rng, name)
    if kind == 'number':
        return _number(schema, rng, name)
    if kind == 'boolean':
        return rng.chance(0.5)
    if kind == 'null':
        return None
    return _string(schema, rng, name, age)


def _alternative(schema: Schema, rng: SeededRandom, name: str, depth: int, age: int) -> Any:
    """Return the value of the first alternative, in a seeded order, that is valid by the whole schema."""
    options = [option for part in schema.parts for option in part.one_of]
    start = rng.below(len(options))
    value: Any = None
    for turn in range(len(options)):
        option = options[(start + turn) % len(options)]
        value = _tagged(option, generate(option, rng.child('option', turn), name, depth + 1, age), rng, depth)
        if schema.properties and (value is None or isinstance(value, dict)):
            value = {**_object(schema, rng, depth, age), **(value or {})}
        if is_valid(value, schema):
            break
    return value


def _tagged(option: Schema, value: Any, rng: SeededRandom, depth: int) -> Any:
    """Return the value with the tag of its alternative, if that has one (`validation.tag_of`)."""
    tag = tag_of(option.raw)
    if tag is None or not isinstance(value, dict) or value.get(tag) is not None:
        return value
    return {**value, tag: generate(option.properties[tag], rng.child('tag', tag), tag, depth + 1)}


def _object(schema: Schema, rng: SeededRandom, depth: int, age: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, field in schema.properties.items():
        if name in schema.required or (depth < OPTIONAL_DEPTH and rng.child(name, 'there').chance(0.9)):
            result[name] = generate(field, rng.child(name), name, depth + 1, age)
    _settle(result, schema, age)
    for name in sorted(schema.required - result.keys()):
        result[name] = field_values.text(name, rng.child(name))
    if isinstance(schema.additional, Schema) and not schema.properties and depth < OPTIONAL_DEPTH:
        for index in range(3):
            key = field_values.text('key', rng.child('key', index)).replace(' ', '_').lower()
            result[key] = generate(schema.additional, rng.child(key), key, depth + 1)
    return result


def _settle(made: dict[str, Any], schema: Schema, age: int) -> None:
    """Remove the contradictions of a record, where its schema allows it."""
    settled = consistent(made, age)
    for name in made.keys() - settled.keys() - schema.required:
        del made[name]
    for name, value in settled.items():
        if name in made and value is not made[name] and is_valid(value, schema.properties[name]):
            made[name] = value


def array(schema: Schema, rng: SeededRandom, name: str, depth: int) -> list[Any]:
    """Return a few items, as many as the schema allows."""
    keywords = merged_keywords(schema)
    least, most = keywords.get('minItems') or 0, keywords.get('maxItems')
    wanted = least if depth >= OPTIONAL_DEPTH else max(least, rng.between(1, 4))
    wanted = wanted if most is None else min(wanted, most)
    items: list[Any] = []
    for item in _items(schema, rng, field_values.one_of_many(name), depth):
        if len(items) >= wanted:
            break
        if not keywords.get('uniqueItems') or item not in items:
            items.append(item)
    return items


def _items(schema: Schema, rng: SeededRandom, name: str, depth: int) -> Iterator[Any]:
    item_schema = next((part.items for part in schema.parts if part.items is not None), None)
    for index in range(1_000):
        child = rng.child(index)
        yield field_values.title(child) if item_schema is None else generate(item_schema, child, name, depth + 1, index)


def _integer(schema: Schema, rng: SeededRandom, name: str) -> int:
    low, high = _bounds(merged_keywords(schema))
    wanted = field_values.whole(name, rng)
    first = next((example for example in schema.examples if type(example) is int), None)
    if first is not None and field_values.kind_of(name) in (None, 'other'):
        wanted = first + rng.below(1_000) if abs(first) > 10_000 else max(1, first + rng.below(10) - 5)
    return _multiple(merged_keywords(schema), int(_within(wanted, low, high, rng)), low)


def _number(schema: Schema, rng: SeededRandom, name: str) -> float:
    low, high = _bounds(merged_keywords(schema))
    wanted = field_values.number(name, rng)
    if low <= wanted <= high:
        number: float = wanted
    elif math.isfinite(low) and math.isfinite(high):
        number = round(low + (high - low) * rng.fraction(), 6)
    else:
        number = low if math.isfinite(low) else high
    step = merged_keywords(schema).get('multipleOf')
    return math.ceil(number / step) * step if step else number


def _bounds(keywords: Mapping[str, Any]) -> tuple[float, float]:
    """Return the lowest and the highest allowed number, for exclusive bounds a little inside."""
    low, high = keywords.get('minimum'), keywords.get('maximum')
    above, below = keywords.get('exclusiveMinimum'), keywords.get('exclusiveMaximum')
    step = 1 if keywords.get('type') == 'integer' else 0.001
    lows = [bound for bound in (low, None if above is None else above + step) if bound is not None]
    highs = [bound for bound in (high, None if below is None else below - step) if bound is not None]
    return max(lows, default=-math.inf), min(highs, default=math.inf)


def _within(wanted: float, low: float, high: float, rng: SeededRandom) -> float:
    if low <= wanted <= high:
        return wanted
    if math.isfinite(low) and math.isfinite(high):
        return math.ceil(low) + rng.below(math.floor(high) - math.ceil(low) + 1)
    return math.ceil(low) + rng.below(100) if math.isfinite(low) else math.floor(high) - rng.below(100)


def _multiple(keywords: Mapping[str, Any], number: int, low: float) -> int:
    step = keywords.get('multipleOf')
    if not step:
        return number
    rounded = int(number // step * step)
    return rounded if rounded >= low else rounded + int(step)


def _string(schema: Schema, rng: SeededRandom, name: str, age: int) -> str:
    keywords = merged_keywords(schema)
    shape = keywords.get('format')
    if shape == 'date-time':
        return field_values.moment(name, rng, age).strftime('%Y-%m-%dT%H:%M:%SZ')
    if shape == 'date':
        return field_values.day(name, rng, age).isoformat()
    if shape == 'uuid':
        digits = rng.hex(32)
        return f'{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}'
    texts = [example for example in schema.examples if isinstance(example, str) and is_valid(example, schema)]
    text = rng.pick(texts) if texts else _FORMATS[shape](rng) if shape in _FORMATS else field_values.text(name, rng)
    if keywords.get('pattern'):
        text = matching(keywords['pattern'], text, rng)
    return _of_length(text, keywords.get('minLength') or 0, keywords.get('maxLength'), rng)


def _of_length(text: str, least: int, most: int | None, rng: SeededRandom) -> str:
    while len(text) < least:
        text += rng.pick(_ALPHABET)
    return text if most is None else text[:most]


#: Formats that are not validated but have a usual form; all others are plain text.
_FORMATS: dict[Any, Any] = {
    'uri': lambda rng: f'https://example.org/{rng.hex(8)}',
    'email': lambda rng: f'{rng.pick(_ALPHABET)}{rng.hex(4)}@example.org',
    'ipv4': lambda rng: f'192.0.2.{rng.between(1, 254)}',
    'ipv6': lambda rng: f'2001:db8::{rng.hex(4)}',
    'hostname': lambda rng: f'{rng.pick(_ALPHABET)}{rng.hex(4)}.example.org',
    'time': lambda rng: f'{rng.below(24):02d}:{rng.below(60):02d}:00Z',
    'byte': lambda rng: rng.hex(8),
}
