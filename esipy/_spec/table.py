"""The op table: finds an operation by any of its names, and names the nearest one when there is none."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from esipy._runtime.suggest import closest, enumerated
from esipy._spec.legacy import REMOVED
from esipy._spec.model import Operation, OperationKey
from esipy._spec.reader import METHODS, Reader
from esipy._spec.refs import shown_address
from esipy.exceptions import SpecError, UnknownOperationError


class OpTable(Mapping[str, Operation]):
    """`table['GetStatus']`, `table['get_status']`, `table['Status', 'get_status']`, `table.get_status`.

    An operation is found by its operationId, by the snake case of it, by its method and path
    (`get_markets_region_id_orders`, what EsiPy 1.x apps call it and what no renaming of ids changes), and by a
    tag and any of these. Iterating gives each operation once, by its operationId; where several have the same, by
    method and path.
    """

    def __init__(self, reader: Reader, bind: Callable[..., Any]) -> None:
        self._reader = reader
        self._bind = bind
        self._by_id: dict[str, list[OperationKey]] = {}
        for place in reader.places():
            self._by_id.setdefault(place.id or place.derived_name, []).append(place)
        self._made: dict[OperationKey, Operation] = {}
        self._found: dict[Any, Operation] = {}

    def __getitem__(self, name: Any) -> Operation:
        try:
            return self._found[name]
        except (KeyError, TypeError):  # not used yet, or a list, which cannot be looked up
            operation = self._found[name] = self._operation(self._place(name))
        return operation

    def _operation(self, place: OperationKey) -> Operation:
        # Two threads may make the same operation; setdefault lets one of them win for all.
        return self._made.get(place) or self._made.setdefault(place, Operation(self._reader, place, self._bind))

    def at(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation at a method and path, and what the path itself gives: its placeholders' values, where it has
        values in their places: '/characters/{character_id}/' or '/characters/12345/'.

        Of several that fit the one with fewest placeholders is meant. A slash at the end says nothing, nor does a
        version in front ('/latest', '/v4') where the description's own paths have none. Raises
        UnknownOperationError with the nearest paths; SpecError for a path that is described in another document.
        """
        wanted = path.rstrip('/') or '/'
        shorter = _VERSION.sub('', path).rstrip('/') or '/'
        fitting = self._fitting(wanted) or self._fitting(shorter)
        found = [(place, match) for place, match in fitting if place.method == method.lower()]
        if not found:
            self._check_references(
                lambda known: _pattern(known).fullmatch(wanted) or _pattern(known).fullmatch(shorter)
            )
            raise self._nowhere(method.upper(), shorter, [place for place, _ in fitting])
        place, match = min(found, key=lambda one: len(one[1].groups()))
        names = _PLACEHOLDER.findall(place.path) if match.groups() else []
        given = {name: unquote(text) for name, text in zip(names, match.groups(), strict=True) if text[:1] != '{'}
        return self._operation(place), given

    def _fitting(self, path: str) -> list[tuple[OperationKey, re.Match[str]]]:
        return [(place, match) for place, pattern in self._patterns if (match := pattern.fullmatch(path))]

    @cached_property
    def _patterns(self) -> list[tuple[OperationKey, re.Pattern[str]]]:
        """Every place, and what paths lead to it."""
        places = [place for places in self._by_id.values() for place in places]
        return [(place, _pattern(place.path)) for place in places]

    def _check_references(self, is_meant: Callable[[str], object]) -> None:
        """Raise SpecError for an operation that is described in another document."""
        for path, reference in self._reader.references().items():
            if is_meant(path):
                raise SpecError(
                    f'{path} is described in another document, {shown_address(reference)}, which is not read'
                )

    def _nowhere(self, method: str, path: str, elsewhere: list[OperationKey]) -> UnknownOperationError:
        name = f'{method} {path}'
        if elsewhere:
            return UnknownOperationError(
                name, 'the path has no operation of that method', [f'{p.method.upper()} {p.path}' for p in elsewhere]
            )
        known = [f'{place.method.upper()} {place.path}' for place, _ in self._patterns]
        return UnknownOperationError(name, 'no operation at that path', closest(name, known, n=3))

    def __iter__(self) -> Iterator[str]:
        for name, places in self._by_id.items():
            if len(places) == 1:
                yield name
            else:
                yield from (self._exact_name(place) for place in places)

    def __len__(self) -> int:
        return sum(map(len, self._by_id.values()))

    def __contains__(self, name: object) -> bool:
        try:
            self._place(name)
        except UnknownOperationError:
            return False
        except SpecError:  # it names several
            return True
        return True

    def __getattr__(self, name: str) -> Operation:
        if name.startswith('_'):
            raise AttributeError(name)
        return self[name]

    def _ipython_key_completions_(self) -> list[str]:
        """What IPython offers behind `app.op['`: today's ids, and the names that programs use."""
        return [*dict.fromkeys([*filter(str.isidentifier, self._names), *self._by_id])]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *filter(str.isidentifier, self._names or self._by_id)]

    def __reduce__(self) -> tuple[Any, ...]:
        return OpTable, (self._reader, self._bind)

    def _place(self, name: Any) -> OperationKey:
        tag, key = name if isinstance(name, tuple) and len(name) == 2 else (None, name)
        if not isinstance(key, str):
            raise UnknownOperationError(repr(name), 'an operation is named by a text, or by a pair (tag, name)')
        places = self._by_id.get(key) or self._names.get(key) or self._names.get(snake(key)) or []
        if tag is not None:
            places = [place for place in places if tag in place.tags]
        if not places:
            raise self._unknown(key, tag)
        if len(places) > 1:
            where = enumerated(f'{self._exact_name(place)!r} {list(place.tags)}' for place in places)
            raise SpecError(f'{key!r} names several operations: {where}; ask for one of these, or by (tag, name)')
        return places[0]

    @cached_property
    def _names(self) -> Mapping[str, list[OperationKey]]:
        """Snake case, and method + path, which wins where the two disagree; and method and path as they are."""
        by_id: dict[str, list[OperationKey]] = defaultdict(list)
        by_path: dict[str, list[OperationKey]] = defaultdict(list)
        if not self._reader.has_old_names:
            return {}
        for place in [place for places in self._by_id.values() for place in places]:
            by_id[snake(place.id)].append(place)
            by_path[place.derived_name].append(place)
            by_path[f'{place.method} {place.path}'].append(place)
        by_id.pop('', None)
        return {**by_id, **by_path}

    def _exact_name(self, place: OperationKey) -> str:
        """A name that no other operation has."""
        name = place.derived_name
        return name if self._by_id.get(name, self._names[name]) == [place] else f'{place.method} {place.path}'

    def _unknown(self, name: str, tag: str | None) -> UnknownOperationError:
        gone = REMOVED.get(name) or REMOVED.get(snake(name))
        if gone and self._reader.has_old_names:
            return UnknownOperationError(name, gone)
        known = [*self._by_id, *filter(str.isidentifier, self._names)]
        nearest = closest(name, known, n=3) or closest(snake(name), known, n=3)
        self._check_references(lambda path: any(name == OperationKey('', m, path, ()).derived_name for m in METHODS))
        where = f' under the tag {tag!r}' if tag is not None else ''
        reason = f'no operation of that name{where}; this description has {len(self)} operations'
        return UnknownOperationError(name, reason, dict.fromkeys(nearest))

    def __repr__(self) -> str:
        return f'<OpTable: {len(self)} operations>'


_PLACEHOLDER = re.compile(r'{([^{}]*)}')

#: What EsiPy 1.x's paths began with.
_VERSION = re.compile(r'^/(latest|dev|legacy|v\d+)(?=/)')


#: More placeholders than this in one segment of a path are not distinguished by their values.
_MAX_PLACEHOLDERS = 4


def _pattern(path: str) -> re.Pattern[str]:
    """What paths lead to a template: any value in the place of a placeholder, or a placeholder of any name."""
    path = path.rstrip('/') or '/'
    if any(segment.count('{') > _MAX_PLACEHOLDERS for segment in path.split('/')):
        return re.compile(re.escape(path))
    literals = _PLACEHOLDER.split(path)[::2]
    return re.compile('([^/]+)'.join(map(re.escape, literals)))


def snake(name: str) -> str:
    """GetMarketsRegionIdOrders -> get_markets_region_id_orders."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()
