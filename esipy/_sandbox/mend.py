"""The document's own examples, mended where they do not fit the document's own schema."""

from __future__ import annotations

from typing import Any

from esipy._sandbox.dice import Dice
from esipy._sandbox.fabricate import fabricate
from esipy._sandbox.fits import fits
from esipy._spec.schema import Schema


def mend(example: Any, schema: Schema, dice: Dice, name: str = '') -> Any:
    """`example` with as little changed as possible so that it fits."""
    if fits(example, schema):
        return example
    mended = example
    if isinstance(example, dict):
        mended = _object(example, schema, dice)
    elif isinstance(example, list):
        mended = _list(example, schema, dice, name)
    return mended if fits(mended, schema) else fabricate(schema, dice, name)


def _object(example: dict[str, Any], schema: Schema, dice: Dice) -> dict[str, Any]:
    known = schema.properties
    kept = {name: mend(value, known[name], dice.child(name), name) for name, value in example.items() if name in known}
    missing = sorted(schema.required - kept.keys())
    return {**kept, **{name: fabricate(known[name], dice.child(name), name) for name in missing if name in known}}


def _list(example: list[Any], schema: Schema, dice: Dice, name: str) -> list[Any]:
    items = schema.items
    if items is None:
        return example
    return [mend(value, items, dice.child(index), name.removesuffix('s')) for index, value in enumerate(example)]
