"""A list that can change while a client reads it: its records, each with the number of its last change.

A record is made when it is first read, so that a list of a million records costs nothing before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from esipy._sandbox.errors import SandboxError


@dataclass
class Record:
    """One record, as it was set or last changed."""

    data: Any
    #: Grows with every change of the list: what cursors count.
    sequence: int


class Listing:
    """The records of one list. It is not thread-safe: callers hold the lock of the world."""

    def __init__(self, make: Callable[[int], Any], identity: str | None, count: int, page_size: int, created: float):
        self._make = make
        self.identity = identity
        self.page_size = page_size
        #: When it last changed.
        self.modified = created
        #: The ids of removed records.
        self.gone: set[Any] = set()
        #: Until when the server's cache returns the list as it was.
        self.until: float | None = None
        self._held: Listing | None = None
        self._slots: Sequence[int | Record] = range(count)
        self._made: dict[int, Any] = {}
        self._fresh = count
        self._sequence = count

    def __len__(self) -> int:
        return len(self._slots)

    def data(self, position: int) -> Any:
        """Return the record at a position."""
        slot = self._slots[position]
        if isinstance(slot, Record):
            return slot.data
        if slot not in self._made:
            if len(self._made) > 20_000:
                self._made.clear()
            self._made[slot] = self._make(slot)
        return self._made[slot]

    def sequence(self, position: int) -> int:
        """Return the number of the last change of a record; at the beginning that is its position plus 1."""
        slot = self._slots[position]
        return slot.sequence if isinstance(slot, Record) else slot + 1

    @property
    def newest(self) -> int:
        """The number of the last change."""
        return self._sequence

    def key(self, position: int) -> Any:
        return key_of(self.data(position), self.identity)

    def all(self) -> Iterator[Any]:
        return (self.data(position) for position in range(len(self)))

    def find(self, key: Any) -> int | None:
        """Return the position of the record with this id."""
        return next((position for position in range(len(self)) if self.key(position) == key), None)

    def held(self, now: float, age: int) -> Listing:
        """Return the list as a server's cache returns it: as it was at the first request, for `age` seconds."""
        if self._held is None or self.until is None or now >= self.until:
            self._held = copy(self)
            self._held._slots = self._slots[:]
            self.until = int(now) + age
        return self._held

    def resize(self, count: int, page_size: int | None, now: float) -> None:
        """Make the list anew, with `count` records."""
        self._slots = range(count)
        self._fresh = self._sequence = count
        self.gone.clear()
        self._made.clear()
        self.page_size = page_size or self.page_size
        self.modified = now

    def replace(self, records: Sequence[Any], now: float) -> None:
        """Replace all records by these."""
        self._slots = [Record(data, self._next()) for data in records]
        self.modified = now

    def insert(self, data: Any, now: float, at: int | None = None) -> Any:
        """Insert a record at a position (None: at the end). Missing fields, or all of it if it is None, are made."""
        made = self._make(self._fresh)
        self._fresh += 1
        if data is None:
            data = made
        elif isinstance(data, dict) and isinstance(made, dict):
            data = {**made, **data}
        elif isinstance(data, dict) or isinstance(made, dict):
            kind = 'an object' if isinstance(made, dict) else f'a value such as {made!r}'
            raise SandboxError(f'{data!r} cannot be inserted: a record of this list is {kind}')
        slots = self._editable()
        slots.insert(len(slots) if at is None else at, Record(data, self._next()))
        self.modified = now
        self.gone.discard(key_of(data, self.identity))
        return data

    def remove(self, key: Any, now: float) -> Any:
        position = self._position(key)
        data = self.data(position)
        del self._editable()[position]
        self.gone.add(key)
        self.modified = now
        return data

    def edit(self, key: Any, changes: dict[str, Any], now: float, *, to_end: bool = False) -> Any:
        """Change fields of a record; with `to_end` it moves to the end (in lists that are ordered by last change)."""
        position = self._position(key)
        data = {**self.data(position), **changes}
        slots = self._editable()
        record = Record(data, self._next())
        if to_end:
            del slots[position]
            slots.append(record)
        else:
            slots[position] = record
        self.modified = now
        return data

    def _position(self, key: Any) -> int:
        position = self.find(key)
        if position is None:
            raise SandboxError(f'no record with {self.identity or "id"} {key!r} in this list')
        return position

    def _editable(self) -> list[int | Record]:
        if not isinstance(self._slots, list):
            self._slots = list(self._slots)
        return self._slots

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence


def key_of(data: Any, identity: str | None) -> Any:
    return data.get(identity) if identity and isinstance(data, dict) else data
