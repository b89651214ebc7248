"""What the sandbox's EVE holds: lists, single things, and what was changed in them.

Everything is made on demand from the description and the seed, kept, and changed by writes (`writes`) and by the
program that runs the sandbox (`esi.lists`, `esi.data`). One lock for all of it: answers are cached above.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from esipy import clock
from esipy._sandbox import words
from esipy._sandbox.dice import Dice
from esipy._sandbox.fabricate import fabricate, kind_of, said
from esipy._sandbox.fits import fits
from esipy._sandbox.identity import Ids
from esipy._sandbox.listing import Listing
from esipy._sandbox.mend import mend
from esipy._sandbox.names import Names, alliance_of, membership
from esipy._sandbox.routes import normal
from esipy._sandbox.shapes import Shape, shape_of, success, word
from esipy._sandbox.walks import ID_WALKS
from esipy._spec.model import Operation
from esipy._spec.schema import Schema

#: Query parameters that choose a part of a list instead of another list.
_CHOOSING = frozenset(
    {*ID_WALKS, 'page', 'before', 'after', 'limit', 'order_type', 'labels', 'state', 'datasource', 'language', 'token'}
)


@dataclass(frozen=True)
class Size:
    """How long lists are: `records` of those that are walked, `page_size` of them in one answer, `few` elsewhere."""

    records: int = 430
    page_size: int = 100
    few: int = 5


class World:
    """All data, by the path that shows it."""

    def __init__(self, seed: object, size: Size, operations: list[Operation]) -> None:
        self.seed = seed
        self.size = size
        self.born = clock.time()
        self.lock = threading.RLock()
        #: Grows with every change; what was answered before is then no longer true.
        self.version = 0
        self.names = Names(seed)
        self.missing: list[tuple[str | None, dict[str, Any]]] = []
        self._lists: dict[Any, Listing] = {}
        self._singles: dict[Any, tuple[Any, float]] = {}
        self._shapes: dict[Operation, Shape] = {}
        self._gets = {normal(o.path): o for o in operations if o.method == 'GET'}

    def changed(self) -> float:
        """To be called with every change; the time of it."""
        self.version += 1
        return clock.time()

    def rename(self, kind: str, number: int, name: str) -> None:
        """Call a thing something else from now on, in every response."""
        with self.lock:
            self.names.rename(kind, number, name)
            self.changed()

    def get(self, path: str) -> Operation | None:
        """The operation that shows what lies at a path."""
        return self._gets.get(normal(path))

    def shape(self, operation: Operation) -> Shape:
        if operation not in self._shapes:
            self._shapes[operation] = shape_of(operation)
        return self._shapes[operation]

    def listing(self, operation: Operation, values: Mapping[str, Any]) -> Listing:
        """The list that an operation shows for these parameters."""
        shape = self.shape(operation)
        pins = self._pins(operation, shape.item, values)
        key = (normal(operation.path), *sorted(_ids(operation, values).items()), *sorted(pins.items()))
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = self._new_listing(operation, shape, values, Dice(self.seed, *key))
        return found

    def _new_listing(self, operation: Operation, shape: Shape, values: Mapping[str, Any], dice: Dice) -> Listing:
        examples = _example_records(operation, shape)
        count, page_size = self._sizes(operation, shape, len(examples))
        make = _Maker(shape, self._pins(operation, shape.item, values), examples, dice, operation.paging, count)
        item = shape.item
        assert item is not None
        return Listing(lambda index: self.agreed(make.record(index), item), shape.identity, count, page_size, self.born)

    def _sizes(self, operation: Operation, shape: Shape, examples: int) -> tuple[int, int]:
        listed = shape.schema.properties[shape.field] if shape.schema and shape.field else shape.schema
        keywords = said(listed) if listed else {}
        least, most = keywords.get('minItems') or 0, keywords.get('maxItems') or 1_000_000
        choices = said(shape.item).get('enum') if shape.item else None
        if operation.paging:
            return self.size.records, min(self.size.page_size, most)
        count = min(max(examples or self.size.few, least), most, len(choices) if choices else most)
        return count, max(count, 1)

    def single(self, operation: Operation, values: Mapping[str, Any]) -> tuple[Any, float]:
        """What an operation shows where that is no list: the value, and when it last changed."""
        key = self._single_key(operation, values)
        found = self._singles.get(key)
        if found is not None:
            return found
        above = self._above(operation, values)
        return self._made_single(operation, values, above), above.modified if above else self.born

    def set_single(self, operation: Operation, values: Mapping[str, Any], value: Any) -> None:
        self._singles[self._single_key(operation, values)] = (value, self.changed())

    def reset_singles(self) -> None:
        self._singles.clear()
        self.changed()

    def _single_key(self, operation: Operation, values: Mapping[str, Any]) -> Any:
        return (operation.method, normal(operation.path), *sorted(_ids(operation, values).items()))

    def _made_single(self, operation: Operation, values: Mapping[str, Any], above: Listing | None) -> Any:
        """From the example or the schema, with the ids of the request and what its list says of it."""
        schema = self.shape(operation).schema
        if schema is None:
            return None
        dice = Dice(self.seed, normal(operation.path), *sorted(_ids(operation, values).items()))
        answer = success(operation)[1]
        examples = answer.examples if answer else []
        name = word(operation).removesuffix('_id')
        made = mend(examples[0], schema, dice, name) if examples else fabricate(schema, dice, name)
        if not isinstance(made, dict):
            return made
        for name, value in {
            **_listed_fields(above, values.get(_last_placeholder(operation))),
            **self._known(operation, values),
        }.items():
            _pin(made, schema, name, value)
        for name, value in self._pins(operation, schema, values).items():
            _pin(made, schema, name, value)
        return self.agreed(made, schema)

    def agreed(self, made: Any, schema: Schema) -> Any:
        """The value, with the names and kinds that its ids have everywhere; unchanged where those do not fit."""
        found = self.names.agree(made)
        return found if found == made or fits(found, schema) else made

    def envelope(self, operation: Operation, values: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """The fields that stand beside the records of a list, and when they last changed."""
        value, modified = self.single(operation, values)
        return (dict(value) if isinstance(value, dict) else {}), modified

    def _pins(self, operation: Operation, schema: Schema | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """The ids of the request that are fields of the answer too."""
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

    def _known(self, operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
        """What other responses say of the thing that the path ends with: its name, and to whom it belongs."""
        last = _last_placeholder(operation)
        number = values.get(last)
        kind = words.kind_of(last) if operation.path.rstrip('/').endswith('}') else None
        if kind is None or kind in ('other', 'event', 'contract') or not isinstance(number, int):
            return {}
        belongs = {'character': membership, 'corporation': alliance_of}.get(kind)
        return {'name': self.names.of(kind, number), **(belongs(number) if belongs else {})}

    def _above(self, operation: Operation, values: Mapping[str, Any]) -> Listing | None:
        """The list in which a thing stands, which may say more of it: /calendar of /calendar/{event_id}."""
        path = normal(operation.path)
        parent = self.get(path.rpartition('/')[0]) if path.endswith('}') else None
        if parent is None or not self.shape(parent).identity or parent.paging == 'pages':
            return None
        return self.listing(parent, values)

    def is_missing(self, operation: Operation, values: Mapping[str, Any]) -> bool:
        """Ids below 1 and the id 404 belong to nothing; what was deleted, or declared missing, is gone."""
        ids = _ids(operation, values)
        if any(isinstance(value, int) and (value < 1 or value == 404) for value in ids.values()):
            return True
        for path, gone in self.missing:
            if (path is None or path == normal(operation.path)) and gone.items() <= values.items():
                return True
        return self._was_removed(operation, values)

    def _was_removed(self, operation: Operation, values: Mapping[str, Any]) -> bool:
        above = self._above(operation, values)
        return above is not None and values.get(_last_placeholder(operation)) in above.gone


#: Fields that a list and a detail call differently.
ALIASES = {'event_response': 'response', 'event_date': 'date'}


def _listed_fields(above: Listing | None, key: Any) -> dict[str, Any]:
    """What the list above says of a thing."""
    position = above.find(key) if above is not None and len(above) <= 10_000 else None
    record = above.data(position) if above is not None and position is not None else None
    if not isinstance(record, dict):
        return {}
    return {str(ALIASES.get(name, name)): value for name, value in record.items()}


class _Maker:
    """Makes the records of one list."""

    def __init__(
        self, shape: Shape, pins: dict[str, Any], examples: list[Any], dice: Dice, paging: str | None, count: int
    ) -> None:
        assert shape.item is not None
        self._item, self._identity, self._pins = shape.item, shape.identity, pins
        self._examples, self._dice, self._keeps_ids = examples, dice, paging is None
        self._rising, self._count = paging == 'cursor', count
        field = self._item.properties.get(shape.identity or '') if shape.identity else self._item
        name = shape.word if shape.identity in (None, '', 'id') else shape.identity
        self._ids = None
        if shape.identity is not None and field is not None and not said(field).get('enum'):
            self._ids = Ids(name, field, count, dice, rising=self._rising)

    def record(self, index: int) -> Any:
        dice = self._dice.child(index)
        if index < len(self._examples):
            made = mend(self._examples[index], self._item, dice)
        else:
            is_newer = self._rising or index >= self._count
            made = fabricate(self._item, dice, age=self._count - 1 - index if is_newer else index)
        return self._identified(made, index)

    def _identified(self, made: Any, index: int) -> Any:
        choices = said(self._item).get('enum')
        if choices:
            return choices[index % len(choices)]
        if not isinstance(made, dict):
            is_example = self._keeps_ids and index < len(self._examples)
            own = made if self._ids is None or is_example else self._ids.at(index)
            return own if fits(own, self._item) else made
        if self._ids is not None and not (self._keeps_ids and index < len(self._examples)):
            _pin(made, self._item, self._identity or '', self._ids.at(index))
        for name, value in self._pins.items():
            _pin(made, self._item, name, value)
        return made


def _pin(made: dict[str, Any], schema: Schema, name: str, value: Any) -> None:
    """Set a field, if it is one and takes such a value."""
    field = schema.properties.get(name)
    if field is not None and fits(value, field):
        made[name] = value


def _example_records(operation: Operation, shape: Shape) -> list[Any]:
    answer = success(operation)[1]
    for example in answer.examples if answer else []:
        records = example.get(shape.field) if shape.field and isinstance(example, dict) else example
        if isinstance(records, list):
            return records
    return []


def _ids(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a path's placeholders."""
    names = (segment.strip('{}') for segment in operation.path.split('/') if segment.startswith('{'))
    return {name: values[name] for name in names if name in values}


def _last_placeholder(operation: Operation) -> str:
    return operation.path.rpartition('{')[2].partition('}')[0]


def is_list(shape: Shape) -> bool:
    """Whether an answer of this shape is kept as records."""
    return shape.item is not None and (shape.field is None or kind_of(shape.item) == 'object')
