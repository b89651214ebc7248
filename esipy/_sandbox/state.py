"""What the sandbox holds, for the program that runs it: `esi.lists` and `esi.data`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esipy._sandbox.control import Control


class List:
    """One list of the sandbox, which may change while it is read. Every change gets its time from esipy's clock::

        orders = esi.lists.of('get_markets_region_id_orders', region_id=10000002)
        orders.edit(orders[0]['order_id'], price=9.99)

    Positions and slices read its records, `len()` counts them.
    """

    def __init__(self, control: Control, operation: str, params: dict[str, Any]) -> None:
        self._control = control
        self.operation = operation
        self.params = params

    def _ask(self, name: str, **arguments: Any) -> Any:
        return self._control(f'lists.{name}', operation=self.operation, params=self.params, **arguments)

    def records(self) -> list[Any]:
        """A copy of all records, in order."""
        found: list[Any] = self._ask('read')
        return found

    def insert(self, record: Any = None, at: int | None = None) -> Any:
        """Put a record in; what it lacks (all of it, if None) is made. Gives the whole record.

        `at`: its position; by default the place where this kind of list grows.
        """
        return self._ask('insert', record=record, at=at)

    def remove(self, key: Any) -> Any:
        """Take the record with this id out, and give it."""
        return self._ask('remove', key=key)

    def edit(self, key: Any, **changes: Any) -> Any:
        """Change fields of the record with this id."""
        return self._ask('edit', key=key, changes=changes)

    def resize(self, records: int, page_size: int | None = None) -> List:
        """Begin again with so many records, and so many of them on a page."""
        self._ask('resize', records=records, page_size=page_size)
        return self

    def replace(self, records: Sequence[Any]) -> List:
        """Exactly these records."""
        self._ask('replace', records=list(records))
        return self

    def __len__(self) -> int:
        size: int = self._ask('size')
        return size

    def __getitem__(self, index: int) -> Any:
        return self._ask('at', index=index)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.records())

    def __repr__(self) -> str:
        return f'<list {self.operation} {self.params}: {len(self)} records>'


class Lists:
    """`esi.lists.of(operation, **params)`: the list that an operation shows."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def of(self, operation: str, /, **params: Any) -> List:
        """By any name of the operation, and its path parameters. Raises SandboxError where it shows no list."""
        found = List(self._control, operation, params)
        len(found)
        return found

    def __repr__(self) -> str:
        return '<the lists of a sandbox: .of(operation, **params)>'


class Data:
    """The answers of operations that show one thing: `esi.data.set('get_status', {...})`."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def get(self, operation: str, /, **params: Any) -> Any:
        """What the operation answers with."""
        return self._control('data.get', operation=operation, params=params)

    def set(self, operation: str, value: Any, /, *, check: bool = True, **params: Any) -> None:
        """Answer with `value` from now on. Refused where it does not fit the description, unless `check` is False."""
        self._control('data.set', operation=operation, params=params, value=value, check=check)

    def edit(self, operation: str, changes: dict[str, Any], /, **params: Any) -> None:
        """Change fields of the answer."""
        self.set(operation, {**self.get(operation, **params), **changes}, **params)

    def reset(self) -> None:
        """Forget everything that was set."""
        self._control('data.reset')

    def __repr__(self) -> str:
        return '<the data of a sandbox: .get(operation, **params), .set(…), .edit(…), .reset()>'
