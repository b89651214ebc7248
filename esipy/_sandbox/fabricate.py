"""Values made from a schema: true to it, believable, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from esipy._sandbox import words
from esipy._sandbox.consistent import consistent
from esipy._sandbox.dice import Dice
from esipy._sandbox.fits import fits, tag_of
from esipy._sandbox.patterns import matching
from esipy._spec.schema import Schema

#: A type that holds itself is followed this far; below, only what is required is filled in.
DEPTH = 5

#: And this far at the utmost, for a type that requires itself without end.
ABYSS = 30

_ALPHABET = 'abcdefghijklmnopqrstuvwxyz'


def fabricate(schema: Schema, dice: Dice, name: str = '', depth: int = 0, age: int = 0) -> Any:
    """A value that fits `schema`, for a field called `name`; `age` counts the newer records beside it."""
    keywords = said(schema)
    if 'const' in keywords:
        return keywords['const']
    if keywords.get('enum'):
        return dice.pick([choice for choice in keywords['enum'] if choice is not None] or [None])
    if depth > ABYSS:
        return None
    if any(part.one_of for part in schema.parts):
        return _alternative(schema, dice, name, depth, age)
    return _typed(schema, dice, name, depth, age)


def said(schema: Schema) -> Mapping[str, Any]:
    """The keywords of a schema and of all that it is composed of; its own win."""
    if len(schema.parts) == 1:
        return schema.keywords
    together: dict[str, Any] = {}
    for part in reversed(schema.parts):
        together.update(part.keywords)
    return together


def kind_of(schema: Schema) -> str | None:
    """The one type that a value of this schema is given."""
    kinds = [kind for part in schema.parts for kind in part.types]
    return next((kind for kind in kinds if kind != 'null'), kinds[0] if kinds else None)


def _typed(schema: Schema, dice: Dice, name: str, depth: int, age: int) -> Any:
    kind = kind_of(schema)
    if kind == 'object' or (kind is None and schema.properties):
        return _object(schema, dice, depth, age)
    if kind == 'array':
        return array(schema, dice, name, depth)
    if kind == 'integer':
        return _integer(schema, dice, name)
    if kind == 'number':
        return _number(schema, dice, name)
    if kind == 'boolean':
        return dice.chance(0.5)
    if kind == 'null':
        return None
    return _string(schema, dice, name, age)


def _alternative(schema: Schema, dice: Dice, name: str, depth: int, age: int) -> Any:
    """The first alternative, in an order of the dice, whose value fits the whole."""
    options = [option for part in schema.parts for option in part.one_of]
    start = dice.below(len(options))
    value: Any = None
    for turn in range(len(options)):
        option = options[(start + turn) % len(options)]
        value = _tagged(option, fabricate(option, dice.child('option', turn), name, depth + 1, age), dice, depth)
        if schema.properties and (value is None or isinstance(value, dict)):
            value = {**_object(schema, dice, depth, age), **(value or {})}
        if fits(value, schema):
            break
    return value


def _tagged(option: Schema, value: Any, dice: Dice, depth: int) -> Any:
    """An alternative with a tag always shows it (`fits.tag_of`)."""
    tag = tag_of(option.raw)
    if tag is None or not isinstance(value, dict) or value.get(tag) is not None:
        return value
    return {**value, tag: fabricate(option.properties[tag], dice.child('tag', tag), tag, depth + 1)}


def _object(schema: Schema, dice: Dice, depth: int, age: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, field in schema.properties.items():
        if name in schema.required or (depth < DEPTH and dice.child(name, 'there').chance(0.9)):
            result[name] = fabricate(field, dice.child(name), name, depth + 1, age)
    _settle(result, schema, age)
    for name in sorted(schema.required - result.keys()):
        result[name] = words.text(name, dice.child(name))
    if isinstance(schema.additional, Schema) and not schema.properties and depth < DEPTH:
        for index in range(3):
            key = words.text('key', dice.child('key', index)).replace(' ', '_').lower()
            result[key] = fabricate(schema.additional, dice.child(key), key, depth + 1)
    return result


def _settle(made: dict[str, Any], schema: Schema, age: int) -> None:
    """Remove the contradictions of a record, where its schema allows it."""
    settled = consistent(made, age)
    for name in made.keys() - settled.keys() - schema.required:
        del made[name]
    for name, value in settled.items():
        if name in made and value is not made[name] and fits(value, schema.properties[name]):
            made[name] = value


def array(schema: Schema, dice: Dice, name: str, depth: int) -> list[Any]:
    """A few items; as many as the schema wants."""
    keywords = said(schema)
    least, most = keywords.get('minItems') or 0, keywords.get('maxItems')
    wanted = least if depth >= DEPTH else max(least, dice.between(1, 4))
    wanted = wanted if most is None else min(wanted, most)
    items: list[Any] = []
    for item in _items(schema, dice, words.one_of_many(name), depth):
        if len(items) >= wanted:
            break
        if not keywords.get('uniqueItems') or item not in items:
            items.append(item)
    return items


def _items(schema: Schema, dice: Dice, name: str, depth: int) -> Iterator[Any]:
    item_schema = next((part.items for part in schema.parts if part.items is not None), None)
    for index in range(1_000):
        child = dice.child(index)
        yield words.title(child) if item_schema is None else fabricate(item_schema, child, name, depth + 1, index)


def _integer(schema: Schema, dice: Dice, name: str) -> int:
    low, high = _bounds(said(schema))
    wanted = words.whole(name, dice)
    first = next((example for example in schema.examples if type(example) is int), None)
    if first is not None and words.kind_of(name) in (None, 'other'):
        wanted = first + dice.below(1_000) if abs(first) > 10_000 else max(1, first + dice.below(10) - 5)
    return _multiple(said(schema), int(_within(wanted, low, high, dice)), low)


def _number(schema: Schema, dice: Dice, name: str) -> float:
    low, high = _bounds(said(schema))
    wanted = words.number(name, dice)
    if low <= wanted <= high:
        number: float = wanted
    elif math.isfinite(low) and math.isfinite(high):
        number = round(low + (high - low) * dice.fraction(), 6)
    else:
        number = low if math.isfinite(low) else high
    step = said(schema).get('multipleOf')
    return math.ceil(number / step) * step if step else number


def _bounds(keywords: Mapping[str, Any]) -> tuple[float, float]:
    """The lowest and highest number allowed; exclusive ones are drawn in by a little."""
    low, high = keywords.get('minimum'), keywords.get('maximum')
    above, below = keywords.get('exclusiveMinimum'), keywords.get('exclusiveMaximum')
    step = 1 if keywords.get('type') == 'integer' else 0.001
    lows = [bound for bound in (low, None if above is None else above + step) if bound is not None]
    highs = [bound for bound in (high, None if below is None else below - step) if bound is not None]
    return max(lows, default=-math.inf), min(highs, default=math.inf)


def _within(wanted: float, low: float, high: float, dice: Dice) -> float:
    if low <= wanted <= high:
        return wanted
    if math.isfinite(low) and math.isfinite(high):
        return math.ceil(low) + dice.below(math.floor(high) - math.ceil(low) + 1)
    return math.ceil(low) + dice.below(100) if math.isfinite(low) else math.floor(high) - dice.below(100)


def _multiple(keywords: Mapping[str, Any], number: int, low: float) -> int:
    step = keywords.get('multipleOf')
    if not step:
        return number
    rounded = int(number // step * step)
    return rounded if rounded >= low else rounded + int(step)


def _string(schema: Schema, dice: Dice, name: str, age: int) -> str:
    keywords = said(schema)
    shape = keywords.get('format')
    if shape == 'date-time':
        return words.moment(name, dice, age).strftime('%Y-%m-%dT%H:%M:%SZ')
    if shape == 'date':
        return words.day(name, dice, age).isoformat()
    if shape == 'uuid':
        digits = dice.hex(32)
        return f'{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}'
    texts = [example for example in schema.examples if isinstance(example, str) and fits(example, schema)]
    text = dice.pick(texts) if texts else _FORMATS[shape](dice) if shape in _FORMATS else words.text(name, dice)
    if keywords.get('pattern'):
        text = matching(keywords['pattern'], text, dice)
    return _of_length(text, keywords.get('minLength') or 0, keywords.get('maxLength'), dice)


def _of_length(text: str, least: int, most: int | None, dice: Dice) -> str:
    while len(text) < least:
        text += dice.pick(_ALPHABET)
    return text if most is None else text[:most]


#: Formats that have no check of their own but a shape that readers expect; all others are plain text.
_FORMATS: dict[Any, Any] = {
    'uri': lambda dice: f'https://example.org/{dice.hex(8)}',
    'email': lambda dice: f'{dice.pick(_ALPHABET)}{dice.hex(4)}@example.org',
    'ipv4': lambda dice: f'192.0.2.{dice.between(1, 254)}',
    'ipv6': lambda dice: f'2001:db8::{dice.hex(4)}',
    'hostname': lambda dice: f'{dice.pick(_ALPHABET)}{dice.hex(4)}.example.org',
    'time': lambda dice: f'{dice.below(24):02d}:{dice.below(60):02d}:00Z',
    'byte': lambda dice: dice.hex(8),
}
