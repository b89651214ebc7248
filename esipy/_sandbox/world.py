"""The data of the sandbox: lists, single values, and what was changed in them.

Everything is made on demand from the description and the seed, is kept, and is changed by writes (`writes`) and by the
program that runs the sandbox (`esi.lists`, `esi.data`). One lock guards all of it; `request_handler` caches responses.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from esipy import clock
from esipy._sandbox import field_values
from esipy._sandbox.examples import conform
from esipy._sandbox.generate import generate, kind_of, merged_keywords
from esipy._sandbox.identity import Ids
from esipy._sandbox.listing import Listing
from esipy._sandbox.names import Names, alliance_of, membership
from esipy._sandbox.pagination import START_ID_PARAMETERS
from esipy._sandbox.routes import normal
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.shapes import Shape, id_name, shape_of, success
from esipy._sandbox.validation import is_valid
from esipy._spec.model import Operation
from esipy._spec.schema import Schema

#: Query parameters that choose a part of a list instead of another list.
_CHOOSING = frozenset(
    {
        *START_ID_PARAMETERS,
        'page',
        'before',
        'after',
        'limit',
        'order_type',
        'labels',
        'state',
        'datasource',
        'language',
        'token',
    }
)


@dataclass(frozen=True)
class Size:
    """How long lists are: `records` in paginated ones, `page_size` of them in one response, `few` in the others."""

    records: int = 430
    page_size: int = 100
    few: int = 5


class World:
    """All data, by the path of the operation that returns it."""

    def __init__(self, seed: object, size: Size, operations: list[Operation]) -> None:
        self.seed = seed
        self.size = size
        self.created = clock.time()
        self.lock = threading.RLock()
        #: Grows with every change: responses that were made before are then out of date.
        self.version = 0
        self.names = Names(seed)
        self.missing: list[tuple[str | None, dict[str, Any]]] = []
        self._lists: dict[Any, Listing] = {}
        self._singles: dict[Any, tuple[Any, float]] = {}
        self._shapes: dict[Operation, Shape] = {}
        self._gets = {normal(o.path): o for o in operations if o.method == 'GET'}

    def changed(self) -> float:
        """Count a change and return its time. Every change calls it."""
        self.version += 1
        return clock.time()

    def rename(self, kind: str, number: int, name: str) -> None:
        """Give a thing another name, in every response from now on."""
        with self.lock:
            self.names.rename(kind, number, name)
            self.changed()

    def get(self, path: str) -> Operation | None:
        """Return the GET operation of a path."""
        return self._gets.get(normal(path))

    def shape(self, operation: Operation) -> Shape:
        if operation not in self._shapes:
            self._shapes[operation] = shape_of(operation)
        return self._shapes[operation]

    def listing(self, operation: Operation, values: Mapping[str, Any]) -> Listing:
        """Return the list that an operation returns for these parameters."""
        shape = self.shape(operation)
        pins = self._pins(operation, shape.item, values)
        key = (normal(operation.path), *sorted(_ids(operation, values).items()), *sorted(pins.items()))
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = self._new_listing(operation, shape, values, SeededRandom(self.seed, *key))
        return found

    def _new_listing(self, operation: Operation, shape: Shape, values: Mapping[str, Any], rng: SeededRandom) -> Listing:
        examples = _example_records(operation, shape)
        count, page_size = self._sizes(operation, shape, len(examples))
        make = _RecordFactory(shape, self._pins(operation, shape.item, values), examples, rng, operation.paging, count)
        item = shape.item
        assert item is not None
        return Listing(
            lambda index: self.agreed(make.record(index), item), shape.identity, count, page_size, self.created
        )

    def _sizes(self, operation: Operation, shape: Shape, examples: int) -> tuple[int, int]:
        listed = shape.schema.properties[shape.field] if shape.schema and shape.field else shape.schema
        keywords = merged_keywords(listed) if listed else {}
        least, most = keywords.get('minItems') or 0, keywords.get('maxItems') or 1_000_000
        choices = merged_keywords(shape.item).get('enum') if shape.item else None
        if operation.paging:
            return self.size.records, min(self.size.page_size, most)
        count = min(max(examples or self.size.few, least), most, len(choices) if choices else most)
        return count, max(count, 1)

    def single(self, operation: Operation, values: Mapping[str, Any]) -> tuple[Any, float]:
        """Return the value of an operation that does not return a list, and the time of its last change."""
        key = self._single_key(operation, values)
        found = self._singles.get(key)
        if found is not None:
            return found
        parent_list = self._containing_list(operation, values)
        return self._made_single(operation, values, parent_list), parent_list.modified if parent_list else self.created

    def set_single(self, operation: Operation, values: Mapping[str, Any], value: Any) -> None:
        self._singles[self._single_key(operation, values)] = (value, self.changed())

    def reset_singles(self) -> None:
        self._singles.clear()
        self.changed()

    def _single_key(self, operation: Operation, values: Mapping[str, Any]) -> Any:
        return (operation.method, normal(operation.path), *sorted(_ids(operation, values).items()))

    def _made_single(self, operation: Operation, values: Mapping[str, Any], parent_list: Listing | None) -> Any:
        """Make a value from the example or the schema, with the ids of the request and the fields of its record."""
        schema = self.shape(operation).schema
        if schema is None:
            return None
        rng = SeededRandom(self.seed, normal(operation.path), *sorted(_ids(operation, values).items()))
        spec = success(operation)[1]
        examples = spec.examples if spec else []
        name = id_name(operation).removesuffix('_id')
        made = conform(examples[0], schema, rng, name) if examples else generate(schema, rng, name)
        if not isinstance(made, dict):
            return made
        for name, value in {
            **_listed_fields(parent_list, values.get(_last_placeholder(operation))),
            **self._identity_fields(operation, values),
        }.items():
            _pin(made, schema, name, value)
        for name, value in self._pins(operation, schema, values).items():
            _pin(made, schema, name, value)
        return self.agreed(made, schema)

    def agreed(self, made: Any, schema: Schema) -> Any:
        """Return the value with the names and kinds that its ids have everywhere, if it is still valid then."""
        found = self.names.agree(made)
        return found if found == made or is_valid(found, schema) else made

    def envelope(self, operation: Operation, values: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """Return the fields beside the records of a list, and the time of their last change."""
        value, modified = self.single(operation, values)
        return (dict(value) if isinstance(value, dict) else {}), modified

    def _pins(self, operation: Operation, schema: Schema | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ids of the request that are fields of the response too."""
        if schema is None:
            return {}
        chosen = {p.name for p in operation.parameters if p.location in ('path', 'query')} - _CHOOSING
        pins = {
            name: value
            for name, value in values.items()
            if name in chosen and name in schema.properties and isinstance(value, (int, str, float))
        }
        last = _last_placeholder(operation)
        if (
            last in values
            and last not in pins
            and 'id' in schema.properties
            and operation.path.rstrip('/').endswith('}')
        ):
            pins['id'] = values[last]
        return pins

    def _identity_fields(self, operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the name of the thing at the end of the path, and its owner, as other responses have them."""
        last = _last_placeholder(operation)
        number = values.get(last)
        kind = field_values.kind_of(last) if operation.path.rstrip('/').endswith('}') else None
        if kind is None or kind in ('other', 'event', 'contract') or not isinstance(number, int):
            return {}
        belongs = {'character': membership, 'corporation': alliance_of}.get(kind)
        return {'name': self.names.of(kind, number), **(belongs(number) if belongs else {})}

    def _containing_list(self, operation: Operation, values: Mapping[str, Any]) -> Listing | None:
        """Return the list that contains a thing, and may have more fields of it: /calendar for /calendar/{event_id}."""
        path = normal(operation.path)
        parent = self.get(path.rpartition('/')[0]) if path.endswith('}') else None
        if parent is None or not self.shape(parent).identity or parent.paging == 'pages':
            return None
        return self.listing(parent, values)

    def is_missing(self, operation: Operation, values: Mapping[str, Any]) -> bool:
        """Whether the response is 404: for ids below 1, the id 404, and what was deleted or declared missing."""
        ids = _ids(operation, values)
        if any(isinstance(value, int) and (value < 1 or value == 404) for value in ids.values()):
            return True
        for path, gone in self.missing:
            if (path is None or path == normal(operation.path)) and gone.items() <= values.items():
                return True
        return self._was_removed(operation, values)

    def _was_removed(self, operation: Operation, values: Mapping[str, Any]) -> bool:
        parent_list = self._containing_list(operation, values)
        return parent_list is not None and values.get(_last_placeholder(operation)) in parent_list.gone


#: Fields that have one name in a list, and another one in the detail.
ALIASES = {'event_response': 'response', 'event_date': 'date'}


def _listed_fields(parent_list: Listing | None, key: Any) -> dict[str, Any]:
    """Return the fields of a thing in the list that contains it."""
    position = parent_list.find(key) if parent_list is not None and len(parent_list) <= 10_000 else None
    record = parent_list.data(position) if parent_list is not None and position is not None else None
    if not isinstance(record, dict):
        return {}
    return {str(ALIASES.get(name, name)): value for name, value in record.items()}


class _RecordFactory:
    """Makes the records of one list."""

    def __init__(
        self, shape: Shape, pins: dict[str, Any], examples: list[Any], rng: SeededRandom, paging: str | None, count: int
    ) -> None:
        assert shape.item is not None
        self._item, self._identity, self._pins = shape.item, shape.identity, pins
        self._examples, self._rng, self._keeps_ids = examples, rng, paging is None
        self._rising, self._count = paging == 'cursor', count
        field = self._item.properties.get(shape.identity or '') if shape.identity else self._item
        name = shape.id_name if shape.identity in (None, '', 'id') else shape.identity
        self._ids = None
        if shape.identity is not None and field is not None and not merged_keywords(field).get('enum'):
            self._ids = Ids(name, field, count, rng, rising=self._rising)

    def record(self, index: int) -> Any:
        rng = self._rng.child(index)
        if index < len(self._examples):
            made = conform(self._examples[index], self._item, rng)
        else:
            is_newer = self._rising or index >= self._count
            made = generate(self._item, rng, age=self._count - 1 - index if is_newer else index)
        return self._identified(made, index)

    def _identified(self, made: Any, index: int) -> Any:
        choices = merged_keywords(self._item).get('enum')
        if choices:
            return choices[index % len(choices)]
        if not isinstance(made, dict):
            is_example = self._keeps_ids and index < len(self._examples)
            own = made if self._ids is None or is_example else self._ids.at(index)
            return own if is_valid(own, self._item) else made
        if self._ids is not None and not (self._keeps_ids and index < len(self._examples)):
            _pin(made, self._item, self._identity or '', self._ids.at(index))
        for name, value in self._pins.items():
            _pin(made, self._item, name, value)
        return made


def _pin(made: dict[str, Any], schema: Schema, name: str, value: Any) -> None:
    """Set a field, if the schema has it and the value is valid for it."""
    field = schema.properties.get(name)
    if field is not None and is_valid(value, field):
        made[name] = value


def _example_records(operation: Operation, shape: Shape) -> list[Any]:
    spec = success(operation)[1]
    for example in spec.examples if spec else []:
        records = example.get(shape.field) if shape.field and isinstance(example, dict) else example
        if isinstance(records, list):
            return records
    return []


def _ids(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the placeholders of a path."""
    names = (segment.strip('{}') for segment in operation.path.split('/') if segment.startswith('{'))
    return {name: values[name] for name in names if name in values}


def _last_placeholder(operation: Operation) -> str:
    return operation.path.rpartition('{')[2].partition('}')[0]


def is_list(shape: Shape) -> bool:
    """Whether a response of this shape is kept as records."""
    return shape.item is not None and (shape.field is None or kind_of(shape.item) == 'object')
