"""Where the records are in a response, and which of their fields is their id."""

from __future__ import annotations

from typing import NamedTuple

from esipy._sandbox.generate import kind_of, merged_keywords
from esipy._spec.model import Operation, ResponseSpec
from esipy._spec.schema import Schema

#: The field that identifies a record, where it does not follow from the last word of the path.
_IDENTITIES = {'assets': 'item_id', 'calendar': 'event_id', 'blueprints': 'item_id', 'journal': 'id'}


class Shape(NamedTuple):
    """The schema of a response, the list in it (if there is one), and the id field of a record.

    `field` is None if the response itself is the list; `item` is None if there is no list. `id_name`: the name that an
    id field has by the path: /wars -> war_id.
    """

    schema: Schema | None
    field: str | None = None
    item: Schema | None = None
    identity: str | None = None
    id_name: str = ''


def success(operation: Operation) -> tuple[int, ResponseSpec | None]:
    """Return the status of a success, and its part of the description."""
    statuses = sorted(status for status in operation.responses if status.startswith('2') and status.isdecimal())
    if statuses:
        return int(statuses[0]), operation.responses[statuses[0]]
    return 200, operation.responses.get('2XX')


def shape_of(operation: Operation) -> Shape:
    """Return the shape of the successful response of an operation."""
    spec = success(operation)[1]
    schema = spec.schema if spec else None
    if schema is None:
        return Shape(None)
    if kind_of(schema) == 'array':
        item = items_of(schema)
        return Shape(schema, None, item, _identity(operation, item) if item is not None else None, id_name(operation))
    lists = {name: items_of(field) for name, field in schema.properties.items() if kind_of(field) == 'array'}
    records = {name: item for name, item in lists.items() if item is not None and kind_of(item) == 'object'}
    if len(records) != 1:
        return Shape(schema)
    name, item = next(iter(records.items()))
    return Shape(schema, name, item, _identity(operation, item), id_name(operation))


def items_of(schema: Schema) -> Schema | None:
    return next((part.items for part in schema.parts if part.items is not None), None)


def _identity(operation: Operation, item: Schema) -> str | None:
    """Return the field with the id of a record; '' for a list of ids."""
    if kind_of(item) != 'object':
        is_id = kind_of(item) == 'integer' or merged_keywords(item).get('format') == 'uuid'
        return '' if is_id and not merged_keywords(item).get('enum') else None
    known = item.properties
    own = id_name(operation)
    wanted = [_IDENTITIES.get(_last_word(operation), ''), own, own.split('_', 1)[-1], 'id']
    found = next((name for name in wanted if name in known), None)
    if found is None:
        ids = [name for name in known if name.endswith('_id') and kind_of(known[name]) in ('integer', 'string')]
        found = next((name for name in ids if name in item.required), ids[0] if ids else None)
    return found


def id_name(operation: Operation) -> str:
    return f'{_singular(_last_word(operation))}_id'


def _last_word(operation: Operation) -> str:
    words = [part for part in operation.path.strip('/').split('/') if not part.startswith('{')]
    return words[-1].replace('-', '_') if words else ''


def _singular(plural: str) -> str:
    return plural[:-3] + 'y' if plural.endswith('ies') else plural.removesuffix('s')
