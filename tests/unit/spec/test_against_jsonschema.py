"""Schemas and values that are drawn: what the package jsonschema finds valid is sent as it is, and what it finds
invalid is refused, or made to fit."""

import json
import random
from collections import Counter
from typing import Any, ClassVar

from jsonschema import Draft202012Validator

from esipy._spec.coerce import coerce
from esipy._spec.faults import Faults
from esipy._spec.openapi3 import OpenAPI3
from esipy._spec.scalars import same

NAMES = ('a', 'b', 'kind', 'x-q')
KINDS = ('string', 'integer', 'number', 'boolean', 'object', 'array')
SCALARS = (0, 1, 2, 5, -3, 1.5, True, False, None, '', 'a', 'b', 'abc', 'x-q', 1.0, 7)


class Draw:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        share = self.dice.random()
        if depth > 2 or share < 0.45:
            return self.dice.choice(SCALARS)
        if share < 0.7:
            return [self.value(depth + 1) for _ in range(self.dice.randint(0, 3))]
        return {name: self.value(depth + 1) for name in self.dice.sample(NAMES, self.dice.randint(0, 3))}

    def schema(self, depth: int = 0) -> dict[str, Any]:
        drawn: dict[str, Any] = {'type': self.dice.choice(KINDS)} if self.dice.random() < 0.6 else {}
        for _ in range(self.dice.randint(0, 2)):
            word = self.dice.choice((*self.of_values, *(self.of_schemas if depth < 3 else ())))
            drawn[word] = getattr(self, f'_{word}', lambda depth: self.schema(depth + 1))(depth)
        if 'properties' in drawn:
            drawn.setdefault('type', 'object')  # which esipy concludes from it
        return drawn

    of_values: ClassVar[list[str]] = ['enum', 'minimum', 'exclusiveMaximum', 'multipleOf', 'maxLength', 'minItems']
    of_values += ['required', 'uniqueItems', 'minProperties', 'dependentRequired', 'propertyNames']
    of_schemas: ClassVar[list[str]] = ['items', 'prefixItems', 'properties', 'additionalProperties', 'contains', 'not']
    of_schemas += ['patternProperties', 'if', 'then', 'else', 'allOf', 'anyOf', 'dependentSchemas']

    def _enum(self, depth: int) -> Any:
        return [self.dice.choice(SCALARS) for _ in range(3)]

    def _number(self, depth: int) -> Any:
        return self.dice.choice((1, 2, 0.5))

    _minimum = _exclusiveMaximum = _multipleOf = _number

    def _count(self, depth: int) -> Any:
        return self.dice.randint(0, 2)

    _maxLength = _minItems = _minProperties = _count

    def _required(self, depth: int) -> Any:
        return self.dice.sample(NAMES, 2)

    def _uniqueItems(self, depth: int) -> Any:
        return True

    def _dependentRequired(self, depth: int) -> Any:
        return {self.dice.choice(NAMES): [self.dice.choice(NAMES)]}

    def _propertyNames(self, depth: int) -> Any:
        return {'maxLength': 1}

    def _several(self, depth: int) -> Any:
        return [self.schema(depth + 1) for _ in range(2)]

    _prefixItems = _allOf = _anyOf = _several

    def _fields(self, depth: int) -> Any:
        return {name: self.schema(depth + 1) for name in self.dice.sample(NAMES, 2)}

    _properties = _dependentSchemas = _fields

    def _patternProperties(self, depth: int) -> Any:
        return {'^x-': self.schema(depth + 1)}


def test_random_schemas() -> None:
    draw, seen = Draw(1), Counter[str]()
    reader = OpenAPI3({'openapi': '3.1.0', 'paths': {}})
    for _ in range(1500):
        schema = draw.schema()
        validator = Draft202012Validator(schema)
        for value in (draw.value() for _ in range(4)):
            faults = Faults()
            sent = coerce(value, reader.schema(schema), 'value', faults)
            if validator.is_valid(value):
                assert not faults, (json.dumps(schema), value, faults)
                assert same(sent, value), (json.dumps(schema), value, sent)
                seen['valid'] += 1
            else:
                seen['refused' if faults else 'made to fit' if validator.is_valid(sent) else 'accepted'] += 1
    assert seen['valid'] > 1000
    assert seen['refused'] > 1000
    # Types that contradict one another, and values that a later part of the schema makes unfit for an earlier one.
    assert seen['accepted'] < 0.02 * seen.total()
