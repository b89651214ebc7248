"""Ids for the records of a list: distinct, in the range of their kind, falling from the newest record on."""

from __future__ import annotations

from typing import Any

from esipy._sandbox import words
from esipy._sandbox.dice import Dice
from esipy._sandbox.fabricate import kind_of, said
from esipy._spec.schema import Schema


class Ids:
    """`ids.at(index)`: the id of the record made as number `index` of `count`; later records have larger ones."""

    def __init__(self, field: str, schema: Schema, count: int, dice: Dice, *, rising: bool) -> None:
        self._kind = kind_of(schema)
        self._dice = dice
        self._rising = rising
        low, high = words.id_range(field)
        low, high = max(low, said(schema).get('minimum') or low), min(high, said(schema).get('maximum') or high)
        self._step = max(1, min(97, (high - low) // (4 * max(count, 1))))
        self._bottom = low + dice.below(max(1, (high - low) // 2 - self._step * count))
        self._count = count

    def at(self, index: int) -> Any:
        dice = self._dice.child(index)
        if self._kind == 'string':
            digits = dice.hex(32)
            return f'{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}'
        place = index if self._rising or index >= self._count else self._count - 1 - index
        return self._bottom + place * self._step + dice.below(self._step)
