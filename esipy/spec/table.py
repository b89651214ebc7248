"""The op table: finds an operation by any of its names, and tells the nearest one when there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from esipy.exceptions import SpecError, UnknownOperationError
from esipy.spec.legacy import REMOVED
from esipy.spec.model import Operation, Place
from esipy.spec.reader import Reader


class OpTable(Mapping[str, Operation]):
    """`table['GetStatus']`, `table['get_status']`, `table['Status', 'get_status']`, `table.get_status`.

    An operation is found by its operationId, by the snake case of it, by its method and path
    (`get_markets_region_id_orders`, what EsiPy 1.x apps call it and what no renaming of ids changes), and by a
    tag and any of these. Iterating gives each operation once, by its operationId.
    """

    def __init__(self, reader: Reader, bind: Callable[..., Any]) -> None:
        self._reader = reader
        self._bind = bind
        self._places = list(reader.places())
        self._by_id: dict[str, list[Place]] = {}
        for place in self._places:
            self._by_id.setdefault(place.id or derived_name(place), []).append(place)
        self._derived: dict[str, list[Place]] = {}
        self._made: dict[Place, Operation] = {}
        self._found: dict[Any, Operation] = {}

    def __getitem__(self, name: Any) -> Operation:
        operation = self._found.get(name)
        if operation is None:
            place = self._place(name)
            # Two threads may make the same operation; setdefault lets one of them win for all.
            operation = self._made.setdefault(place, Operation(self._reader, place, self._bind))
            self._found[name] = operation
        return operation

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, name: object) -> bool:
        try:
            self._place(name)
        except UnknownOperationError:
            return False
        return True

    def __getattr__(self, name: str) -> Operation:
        if name.startswith('__'):
            raise AttributeError(name)
        try:
            return self[name]
        except UnknownOperationError as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names()]

    def _place(self, name: Any) -> Place:
        tag, key = name if isinstance(name, tuple) and len(name) == 2 else (None, name)
        if not isinstance(key, str):
            raise UnknownOperationError(repr(name), 'an operation is named by a text, or by a pair (tag, name)')
        places = self._by_id.get(key) or self._names().get(key) or self._names().get(snake(key)) or []
        if tag is not None:
            places = [place for place in places if tag in place.tags]
        if not places:
            raise self._unknown(key, tag)
        if len(places) > 1:
            where = ', '.join(f'{place.method.upper()} {place.path} {list(place.tags)}' for place in places)
            raise SpecError(f'{key!r} names several operations: {where}; ask for one by (tag, name)')
        return places[0]

    def _names(self) -> dict[str, list[Place]]:
        """Snake case, and method + path, which wins where the two disagree. Made when first needed."""
        if not self._derived:
            names: dict[str, list[Place]] = {}
            for place in self._places:
                if place.id:
                    names.setdefault(snake(place.id), []).append(place)
            names.update({derived_name(place): [place] for place in self._places})
            self._derived = names
        return self._derived

    def _unknown(self, name: str, tag: str | None) -> UnknownOperationError:
        gone = REMOVED.get(name) or REMOVED.get(snake(name))
        if gone:
            return UnknownOperationError(name, gone)
        known = [*self._by_id, *self._names()]
        nearest = get_close_matches(name, known, n=3) or get_close_matches(snake(name), known, n=3)
        where = f' under the tag {tag!r}' if tag is not None else ''
        return UnknownOperationError(name, f'no operation of that name{where}', dict.fromkeys(nearest))


def snake(name: str) -> str:
    """GetMarketsRegionIdOrders -> get_markets_region_id_orders."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()


def derived_name(place: Place) -> str:
    """GET /markets/{region_id}/orders/ -> get_markets_region_id_orders."""
    words = re.sub(r'[{}]', '', place.path).strip('/')
    return re.sub(r'[^0-9A-Za-z_]', '_', f'{place.method.lower()}_{words}')
