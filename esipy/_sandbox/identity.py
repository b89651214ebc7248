"""Ids for the records of a list: distinct, in the range of their kind, decreasing from the newest record on."""

from __future__ import annotations

from typing import Any

from esipy._sandbox import field_values
from esipy._sandbox.generate import kind_of, merged_keywords
from esipy._sandbox.seeded import SeededRandom
from esipy._spec.schema import Schema


class Ids:
    """`ids.at(index)` returns the id of record number `index` of `count`; newer records have larger ids."""

    def __init__(self, field: str, schema: Schema, count: int, rng: SeededRandom, *, rising: bool) -> None:
        self._kind = kind_of(schema)
        self._rng = rng
        self._rising = rising
        low, high = field_values.id_range(field)
        low, high = (
            max(low, merged_keywords(schema).get('minimum') or low),
            min(high, merged_keywords(schema).get('maximum') or high),
        )
        self._step = max(1, min(97, (high - low) // (4 * max(count, 1))))
        self._bottom = low + rng.below(max(1, (high - low) // 2 - self._step * count))
        self._count = count

    def at(self, index: int) -> Any:
        rng = self._rng.child(index)
        if self._kind == 'string':
            digits = rng.hex(32)
            return f'{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}'
        place = index if self._rising or index >= self._count else self._count - 1 - index
        return self._bottom + place * self._step + rng.below(self._step)
