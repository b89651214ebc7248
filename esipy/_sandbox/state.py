"""The data of a sandbox, for the program that runs it: `esi.lists` and `esi.data`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esipy._sandbox.control import Control


class List:
    """One list of the sandbox, which may change while a client reads it. Changes have the time of esipy's clock::

        orders = esi.lists.of('get_markets_region_id_orders', region_id=10000002)
        orders.edit(orders[0]['order_id'], price=9.99)

    Indexes and slices read its records, `len()` counts them.
    """

    def __init__(self, control: Control, operation: str, params: dict[str, Any]) -> None:
        self._control = control
        self.operation = operation
        self.params = params

    def _send_command(self, name: str, **arguments: Any) -> Any:
        return self._control(f'lists.{name}', operation=self.operation, params=self.params, **arguments)

    def records(self) -> list[Any]:
        """Return a copy of all records, in order."""
        found: list[Any] = self._send_command('read')
        return found

    def insert(self, record: Any = None, at: int | None = None) -> Any:
        """Insert a record and return it. Missing fields (all of them, if it is None) are made.

        `at`: its index; by default where lists of this pagination grow.
        """
        return self._send_command('insert', record=record, at=at)

    def remove(self, key: Any) -> Any:
        """Remove the record with this id, and return it."""
        return self._send_command('remove', key=key)

    def edit(self, key: Any, **changes: Any) -> Any:
        """Change fields of the record with this id."""
        return self._send_command('edit', key=key, changes=changes)

    def resize(self, records: int, page_size: int | None = None) -> List:
        """Make the list anew, with `records` records, and `page_size` of them on a page."""
        self._send_command('resize', records=records, page_size=page_size)
        return self

    def replace(self, records: Sequence[Any]) -> List:
        """Replace all records by these."""
        self._send_command('replace', records=list(records))
        return self

    def __len__(self) -> int:
        size: int = self._send_command('size')
        return size

    def __getitem__(self, index: int) -> Any:
        return self._send_command('at', index=index)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.records())

    def __repr__(self) -> str:
        return f'<list {self.operation} {self.params}: {len(self)} records>'


class Lists:
    """`esi.lists.of(operation, **params)`: the list that an operation returns."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def of(self, operation: str, /, **params: Any) -> List:
        """Return the list of an operation (by any of its names) and its path parameters.

        Raises SandboxError if the operation does not return a list.
        """
        found = List(self._control, operation, params)
        len(found)
        return found

    def __repr__(self) -> str:
        return '<the lists of a sandbox: .of(operation, **params)>'


class Data:
    """The responses of operations that do not return a list: `esi.data.set('get_status', {...})`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def get(self, operation: str, /, **params: Any) -> Any:
        """Return the value of the operation's response."""
        return self._control('data.get', operation=operation, params=params)

    def set(self, operation: str, value: Any, /, *, check: bool = True, **params: Any) -> None:
        """Respond with `value` from now on. Raises SandboxError if it is not valid, unless `check` is False."""
        self._control('data.set', operation=operation, params=params, value=value, check=check)

    def edit(self, operation: str, changes: dict[str, Any], /, **params: Any) -> None:
        """Change fields of the response."""
        self.set(operation, {**self.get(operation, **params), **changes}, **params)

    def reset(self) -> None:
        """Forget everything that was set."""
        self._control('data.reset')

    def __repr__(self) -> str:
        return '<the data of a sandbox: .get(operation, **params), .set(…), .edit(…), .reset()>'
