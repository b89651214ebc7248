"""JSON to data: objects become rows, whose fields are `row.price` and `row['price']`.

A row is a dict that holds the JSON values as they came. What a schema adds is worked out once for each
schema: which fields are dates (turned into dates when they are read), and which hold rows themselves.
Everything that a row does per field is done by C code, since a page of market orders has 12000 of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from operator import methodcaller
from typing import Any, ClassVar

from esipy._message.dates import FORMATS
from esipy._runtime.attribute import HelpText
from esipy._runtime.suggest import abridged
from esipy._spec.schema import Schema
from esipy.exceptions import MissingFieldError, SpecError

LOGGER = logging.getLogger('esipy.client')

Build = Callable[[Any], Any]


class Row(dict[str, Any]):
    __doc__ = HelpText(
        """An object of a response. A field that is missing raises MissingFieldError (AttributeError and KeyError).""",
        lambda row: _row_help(row),
    )

    __slots__ = ()
    __plain__ = dict.__getitem__
    __fields__: tuple[str, ...] = ()
    __dates__: tuple[tuple[str, str], ...] = ()

    def __missing__(self, name: str) -> Any:
        raise MissingFieldError(name, tuple(self))

    def __getattr__(self, name: str) -> Any:
        # Only fields that the schema does not declare come here. A field of a name such as `__deepcopy__` must not be
        # taken for a method: it is read as row['__deepcopy__'].
        if _is_special(name):
            raise MissingFieldError(name, tuple(self))
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise MissingFieldError(name, tuple(self))
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def copy(self) -> Row:
        return type(self)(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self.__fields__, self.__dates__, dict(self))


class _DatedRow(Row):
    # A row with dates: stored as text, read as dates.
    __doc__ = vars(Row)['__doc__']
    __slots__ = ()
    __readers__: ClassVar[dict[str, Callable[[str], Any]]] = {}

    def __getitem__(self, name: str) -> Any:
        value = dict.__getitem__(self, name)
        return self.__readers__[name](value) if name in self.__readers__ and type(value) is str else value

    def get(self, name: str, default: Any = None) -> Any:
        value = dict.get(self, name, default)
        return self.__readers__[name](value) if name in self.__readers__ and type(value) is str else value


def _row_help(row: Row) -> str:
    """What `help(row)` shows."""
    lines = [f'A row with {len(row)} fields. Read one as row.name or as row["name"]; a row is a dict.', '']
    for name in row:
        value = row[name]
        lines.append(f'  {name} ({type(value).__name__}): {abridged(repr(value), 80)}')
    return '\n'.join(lines)


def _is_special(name: str) -> bool:
    """Whether Python itself asks for an attribute of this name."""
    return name.startswith('__') and name.endswith('__')


def _revive(fields: tuple[str, ...], dates: tuple[tuple[str, str], ...], values: dict[str, Any]) -> Row:
    return row_class(fields, dates)(values)


@cache
def row_class(fields: tuple[str, ...], dates: tuple[tuple[str, str], ...]) -> type[Row]:
    """The class of rows with these fields, of which some are dates: pairs (name, format)."""
    if not fields:
        return Row
    kind = _DatedRow if dates else Row
    readers = {name: FORMATS[format] for name, format in dates}
    body: dict[str, Any] = {'__slots__': (), '__fields__': fields, '__dates__': dates, '__readers__': readers}
    body['__doc__'] = vars(Row)['__doc__']
    for name in fields:
        # A field named like a method of dict (`items`) is left to row['items'].
        if name.isidentifier() and not hasattr(_DatedRow, name) and not _is_special(name):
            body[name] = property(
                _date_getter(name, readers[name]) if name in readers else methodcaller('__plain__', name)
            )
    return type('Row', (kind,), body)


def _date_getter(name: str, read: Callable[[str], Any]) -> Callable[[Row], Any]:
    get_json = dict.__getitem__

    def get(row: Row) -> Any:
        value = get_json(row, name)
        return read(value) if type(value) is str else value

    return get


def rows(value: Any) -> Any:
    """Any JSON value with its objects as rows, where no schema says more."""
    if isinstance(value, dict):
        return Row({name: rows(item) for name, item in value.items()})
    if isinstance(value, list):
        return [rows(item) for item in value]
    return value


def builder(schema: Schema | None) -> Build:
    """Return the function that turns a JSON value of this schema into data; it is made once for each schema.

    If the description is broken there (SpecError), the response is read all the same, without dates.
    """
    if schema is None:
        return rows
    made: Build | None = schema.__dict__.get('_builder')
    if made is None:
        try:
            made = _make(schema)
        except SpecError as error:
            LOGGER.warning('the description of a response is broken (%s); its fields keep the types of JSON', error)
            made = rows
        schema.__dict__['_builder'] = made
    return made


def _make(schema: Schema) -> Build:
    fields = _fields(schema)
    parts = schema.readings
    item = next((part.items for part in parts if part.items is not None), None)
    others = next((part.additional for part in parts if isinstance(part.additional, Schema)), None)
    of_object = _ObjectBuilder(schema, fields, others) if fields or others is not None else rows
    if item is None:
        return of_object
    of_list = _list_builder(item)
    return lambda value: of_list(value) if type(value) is list else of_object(value)


def _fields(schema: Schema) -> dict[str, Schema]:
    return {name: field for part in reversed(schema.readings) for name, field in part.properties.items()}


class _ObjectBuilder:
    """Builds rows of one class, and the rows in them. `others`: what a field holds that the schema does not name."""

    def __init__(self, schema: Schema, fields: dict[str, Schema], others: Schema | None) -> None:
        formats = ((name, _date_format(field)) for name, field in fields.items())
        dates = tuple((name, format) for name, format in formats if format is not None)
        self.kind = row_class(tuple(fields), dates)
        self.known = frozenset(fields)
        self.nested = [(name, field) for name, field in fields.items() if _holds_objects(field)]
        self.others = others
        #: An object with as many fields as this is taken for one that holds what is required and nothing else (so
        #: no rows in it) without looking closer. -1: always look.
        self.plain = -1 if self.nested or others is not None else len(schema.required & self.known)

    def __call__(self, value: Any) -> Any:
        if type(value) is not dict:
            return rows(value)
        row = self.kind(value)
        for name, field in self.nested:
            # The builder is looked up here, not when this one is made, since a type may contain itself.
            if name in value:
                row[name] = builder(field)(value[name])
        if not self.known.issuperset(value):
            build = builder(self.others)
            for name in value.keys() - self.known:
                row[name] = build(value[name])
        return row


def _date_format(field: Schema) -> str | None:
    """The format of a field that is a date, or one among other things: `anyOf: [{format: date-time}, {type: null}]`."""
    return next((part.format for part in field.readings if part.format in FORMATS), None)


def _list_builder(item: Schema) -> Build:
    def build(value: list[Any]) -> Any:
        each = builder(item)
        if isinstance(each, _ObjectBuilder):
            kind, plain = each.kind, each.plain
            for index, entry in enumerate(value):
                value[index] = kind(entry) if type(entry) is dict and len(entry) == plain else each(entry)
            return value
        return [each(entry) for entry in value]

    return build


def _holds_objects(schema: Schema) -> bool:
    """Return whether a value of this schema can contain an object anywhere, as far as the schema says."""
    return any(
        part.properties or part.items is not None or 'object' in part.types or not part.types
        for part in schema.readings
    )
