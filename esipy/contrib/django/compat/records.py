"""What a response holds, as sites of django-esi read it: objects with attributes."""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from esipy._message.rows import Row


class Record:
    """An object of a response: `record.name`, and `record['name']` too.

    Dates are aware `datetime` and `date` values. A field that the description has and the response has not is None. A
    field with the name of a keyword is also there with a `_` behind it: `record.from_`.
    """

    _fields: tuple[str, ...] = ()

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    if not TYPE_CHECKING:  # which would believe any name then

        def __getattr__(self, name: str) -> Any:
            keyword_name = name.removesuffix('_')
            if keyword_name in self.__dict__ and keyword.iskeyword(keyword_name):
                return self.__dict__[keyword_name]
            raise AttributeError(f'there is no field {name!r}; there are {", ".join(self.__dict__) or "none"}')

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value, so that `dict(record)` is its fields."""
        yield from self.__dict__.items()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f'<Record {", ".join(f"{name}={value!r}" for name, value in self)}>'

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self._fields, self.__dict__)

    def model_dump(self, mode: str = 'python', *, exclude_none: bool = False, **_: Any) -> dict[str, Any]:
        """Return the fields as a dict, records in it too. `mode`: 'json' for dates as text."""
        names = dict.fromkeys([*self._fields, *self.__dict__])
        values = {name: _dumped(getattr(self, name), mode) for name in names}
        return {name: value for name, value in values.items() if value is not None or not exclude_none}

    def model_dump_json(self, *, exclude_none: bool = False, **_: Any) -> str:
        """Return the fields as JSON."""
        return json.dumps(self.model_dump('json', exclude_none=exclude_none))


def _dumped(value: Any, mode: str) -> Any:
    if isinstance(value, Record):
        return value.model_dump(mode)
    if isinstance(value, list):
        return [_dumped(item, mode) for item in value]
    if mode == 'json' and isinstance(value, date):
        return value.isoformat().replace('+00:00', 'Z')
    return value


def to_records(value: Any) -> Any:
    """Return the data of a response with its rows as records."""
    if isinstance(value, Row):
        build = _builder(type(value))
        return build(value)
    if isinstance(value, list):
        return [to_records(item) for item in value]
    return value


@cache
def _builder(kind: type[Row]) -> Callable[[Row], Record]:
    """The function that makes records of the rows of a class; worked out once for each class."""
    record_class = _record_class(kind.__fields__)
    readers = {name: _READERS[format] for name, format in kind.__dates__ if format in _READERS}

    def build(row: Row) -> Record:
        values = dict.copy(row)
        for name, value in values.items():
            if type(value) is str and name in readers:
                values[name] = readers[name](value)
            elif isinstance(value, (Row, list)):
                values[name] = to_records(value)
        return record_class(values)

    return build


@cache
def _record_class(fields: tuple[str, ...]) -> type[Record]:
    declared = {name: None for name in fields if not hasattr(Record, name)}
    return type('Record', (Record,), {'_fields': fields, **declared})


def _revive(fields: tuple[str, ...], values: dict[str, Any]) -> Record:
    return _record_class(fields)(values)


def _moment(text: str) -> Any:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # what does not fit is left as it was sent
        return text


def _day(text: str) -> Any:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


_READERS: Mapping[str, Callable[[str], Any]] = {'date-time': _moment, 'date': _day}
