"""The body and headers of an error status: read as in EsiPy 1.x, but not to be mistaken for the rows of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from esipy._message.headers import Headers
from esipy._message.rows import Row
from esipy.exceptions import ErrorDataError


class ErrorRow(Row):
    """The object in the body of an error status: `data['error']`, `data.error`, `'error' in data`, `data.get('error')`.

    Iterating over it, and asking for what it does not have, raises ErrorDataError, which names the status.
    """

    __slots__ = ('_problem',)
    _problem: tuple[int, str]

    def __init__(self, value: dict[str, Any], status: int, message: str) -> None:
        super().__init__(value)
        object.__setattr__(self, '_problem', (status, message))

    def __iter__(self) -> Iterator[str]:
        raise ErrorDataError(*self._problem)

    def __missing__(self, name: Any) -> Any:
        raise ErrorDataError(*self._problem, field=str(name))

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self.keys()]

    def copy(self) -> ErrorRow:
        return ErrorRow(dict(self.items()), *self._problem)

    def __reduce__(self) -> tuple[Any, ...]:
        return ErrorRow, (dict(self.items()), *self._problem)


class ErrorHeaders(Headers[Any]):
    """The headers of an error status. A missing one raises ErrorDataError, which is a KeyError."""

    __slots__ = ('_problem',)

    def __init__(self, items: Any, status: int, message: str) -> None:
        super().__init__(items)
        self._problem = status, message

    def __getitem__(self, name: str) -> Any:
        try:
            return self._items[name.lower()][1]
        except KeyError:
            raise ErrorDataError(*self._problem, field=name) from None


def as_error_data(value: Any, status: int, message: str) -> Any:
    """Return the data of an error status. APIs send an object; a list stays as it is, or it could not become JSON."""
    return ErrorRow(value, status, message) if isinstance(value, dict) else value
