"""Examples of the description, corrected where they are not valid by its own schema."""

from __future__ import annotations

from typing import Any

from esipy._sandbox.generate import generate
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.validation import is_valid
from esipy._spec.schema import Schema


def conform(example: Any, schema: Schema, rng: SeededRandom, name: str = '') -> Any:
    """Return `example`, with as few changes as possible, so that it is valid."""
    if is_valid(example, schema):
        return example
    corrected = example
    if isinstance(example, dict):
        corrected = _object(example, schema, rng)
    elif isinstance(example, list):
        corrected = _list(example, schema, rng, name)
    return corrected if is_valid(corrected, schema) else generate(schema, rng, name)


def _object(example: dict[str, Any], schema: Schema, rng: SeededRandom) -> dict[str, Any]:
    known = schema.properties
    kept = {
        name: conform(value, known[name], rng.child(name), name) for name, value in example.items() if name in known
    }
    missing = sorted(schema.required - kept.keys())
    return {**kept, **{name: generate(known[name], rng.child(name), name) for name in missing if name in known}}


def _list(example: list[Any], schema: Schema, rng: SeededRandom, name: str) -> list[Any]:
    items = schema.items
    if items is None:
        return example
    return [conform(value, items, rng.child(index), name.removesuffix('s')) for index, value in enumerate(example)]
