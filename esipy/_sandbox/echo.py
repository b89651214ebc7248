"""Responses that depend on the body of a request: names for ids, ids for names, one record for each id."""

from __future__ import annotations

from typing import Any

from esipy._sandbox.generate import generate, kind_of
from esipy._sandbox.names import CATEGORIES
from esipy._sandbox.routes import normal
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.validation import is_valid
from esipy._sandbox.world import World
from esipy._spec.model import Operation
from esipy._spec.schema import Schema

#: Returned if the response does not depend on the body.
NOTHING = object()


class UnknownIdError(Exception):
    """One of the ids in a body does not exist."""


def echo(operation: Operation, schema: Schema | None, body: Any, world: World) -> Any:
    """Return the response to a list of ids or names; NOTHING for any other body."""
    if schema is None or not isinstance(body, list):
        return NOTHING
    path = normal(operation.path)
    if path == '/universe/ids':
        return _ids(schema, body, world)
    if kind_of(schema) != 'array' or schema.items is None or kind_of(schema.items) != 'object':
        return NOTHING
    field = _field(operation, schema.items)
    if field is None:
        return NOTHING
    if any(_is_unknown(item, world) for item in body):
        raise UnknownIdError
    return [_record(path, schema.items, field, item, world) for item in body]


def _ids(schema: Schema, names: list[str], world: World) -> dict[str, Any]:
    """Return ids by category, with the names that the description has for the categories."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        kind, number = world.names.find(name)
        category = 'inventory_types' if kind == 'type' else f'{kind}s'
        if category in schema.properties:
            found.setdefault(category, []).append({'id': number, 'name': name})
    return found


def _field(operation: Operation, item: Schema) -> str | None:
    """Return the field of a record that has the id from the body."""
    named = operation.body.name.rstrip('s') if operation.body else ''
    wanted = ('id', named, f'{named}_id', *(name for name in item.properties if name.endswith('_id')))
    required = [name for name in wanted if name in item.required]
    return next((name for name in (*required, *wanted) if name in item.properties), None)


def _is_unknown(item: Any, world: World) -> bool:
    if not isinstance(item, int):
        return False
    return item < 1 or item == 404 or any(gone.get('id') == item for _, gone in world.missing)


def _record(path: str, schema: Schema, field: str, item: Any, world: World) -> Any:
    made = generate(schema, SeededRandom(world.seed, path, item))
    fields = {field: item}
    if path == '/universe/names':
        kind = world.names.kind(item)
        fields |= {'category': CATEGORIES.get(kind, kind), 'name': world.names.of(kind, item)}
    known = schema.properties
    made |= {name: value for name, value in fields.items() if name in known and is_valid(value, known[name])}
    return world.agreed(made, schema)
