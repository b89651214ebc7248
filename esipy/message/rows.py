"""JSON to data: objects become rows, which answer to `row.price` and to `row['price']`.

A row is a dict that holds the JSON values as they came. What a schema adds is worked out once for each
schema: which fields are dates (turned into dates when they are read), and which hold rows themselves.
Everything that a row does per field is done by C code, since a page of market orders has 12000 of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import methodcaller
from typing import Any

from esipy.exceptions import MissingFieldError
from esipy.message.dates import FORMATS
from esipy.spec.model import Schema

Build = Callable[[Any], Any]


class Row(dict[str, Any]):
    """An object of an answer. A field that is not there raises MissingFieldError (AttributeError and KeyError)."""

    __slots__ = ()
    _plain = dict.__getitem__
    _fields: tuple[str, ...] = ()
    _dates: tuple[tuple[str, str], ...] = ()

    def __missing__(self, name: str) -> Any:
        raise MissingFieldError(name, tuple(self))

    def __getattr__(self, name: str) -> Any:
        # Only what the schema did not declare comes here. It may hold objects that are no rows yet.
        value = self[name]
        if type(value) in (dict, list):
            self[name] = value = rows(value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def copy(self) -> Row:
        return type(self)(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self._fields, self._dates, dict(self))


class _DatedRow(Row):
    """A row with dates: stored as text, read as dates."""

    __slots__ = ()
    _readers: dict[str, Callable[[str], Any]] = {}

    def __getitem__(self, name: str) -> Any:
        value = dict.__getitem__(self, name)
        return self._readers[name](value) if name in self._readers and type(value) is str else value

    def get(self, name: str, default: Any = None) -> Any:
        value = dict.get(self, name, default)
        return self._readers[name](value) if name in self._readers and type(value) is str else value


def _revive(fields: tuple[str, ...], dates: tuple[tuple[str, str], ...], values: dict[str, Any]) -> Row:
    return row_class(fields, dates)(values)


@lru_cache(maxsize=None)
def row_class(fields: tuple[str, ...], dates: tuple[tuple[str, str], ...] = ()) -> type[Row]:
    """The class of rows with these fields, of which some are dates: pairs (name, format)."""
    kind = _DatedRow if dates else Row
    readers = {name: FORMATS[format] for name, format in dates}
    body: dict[str, Any] = {'__slots__': (), '_fields': fields, '_dates': dates, '_readers': readers}
    for name in fields:
        # A field named like a method of dict (`items`) is left to row['items'].
        if name.isidentifier() and not hasattr(_DatedRow, name):
            body[name] = property(
                _date_getter(name, readers[name]) if name in readers else methodcaller('_plain', name)
            )
    return type('Row', (kind,), body)


def _date_getter(name: str, read: Callable[[str], Any]) -> Callable[[Row], Any]:
    def get(row: Row) -> Any:
        value = dict.__getitem__(row, name)
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
    """The function that turns a JSON value of this schema into data; made once for each schema."""
    if schema is None:
        return rows
    made: Build | None = schema.__dict__.get('_builder')
    if made is None:
        made = schema.__dict__['_builder'] = _make(schema)
    return made


def _make(schema: Schema) -> Build:
    fields = _fields(schema)
    item = next((part.items for part in _parts(schema) if part.items is not None), None)
    if fields and item is None:
        return _object_builder(fields)
    if item is not None and not fields:
        return _list_builder(item)
    return rows


def _parts(schema: Schema) -> list[Schema]:
    """The schema with all that it is composed of and all that it may be: reading asks for any of them."""
    found = [schema]
    for part in found:
        found.extend(other for other in (*part.parts, *part.one_of) if other not in found)
    return found


def _fields(schema: Schema) -> dict[str, Schema]:
    return {name: field for part in reversed(_parts(schema)) for name, field in part.properties.items()}


def _object_builder(fields: dict[str, Schema]) -> Build:
    dates = tuple((name, str(field.format)) for name, field in fields.items() if field.format in FORMATS)
    kind = row_class(tuple(fields), dates)
    nested = [(name, field) for name, field in fields.items() if _holds_objects(field)]

    def build(value: Any) -> Any:
        if type(value) is not dict:
            return rows(value)
        row = kind(value)
        for name, field in nested:
            # The builder is asked for here, not when this one is made: a type may hold itself.
            if name in value:
                row[name] = builder(field)(value[name])
        return row

    return build if nested else _Flat(kind)


class _Flat:
    """Builds rows that hold no other rows."""

    def __init__(self, kind: type[Row]) -> None:
        self.kind = kind

    def __call__(self, value: Any) -> Any:
        return self.kind(value) if type(value) is dict else rows(value)


def _list_builder(item: Schema) -> Build:
    def build(value: Any) -> Any:
        if type(value) is not list:
            return rows(value)
        each = builder(item)
        if isinstance(each, _Flat):
            kind = each.kind
            return [kind(entry) if type(entry) is dict else rows(entry) for entry in value]
        return [each(entry) for entry in value]

    return build


def _holds_objects(schema: Schema) -> bool:
    """Whether a value of this schema can hold an object anywhere, as far as the schema tells."""
    return any(
        part.properties or part.items is not None or 'object' in part.types or not part.types for part in _parts(schema)
    )
