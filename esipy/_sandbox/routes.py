"""Finds the operation of a method and a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from esipy._sandbox.http_messages import segments
from esipy._spec.model import Operation
from esipy._spec.reader import Reader

#: The versions at the beginning of a path in the old API; there are none today.
VERSIONS = ('latest', 'dev', 'legacy', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6')


class Found(NamedTuple):
    """The operations of a path by method, and the values of its placeholders as text."""

    operations: Mapping[str, Operation]
    values: dict[str, str]


def normal(path: str) -> str:
    """Return a path without the slash at its end: the two kinds of description differ in it."""
    return path.rstrip('/') or '/'


class Routes:
    """The paths of a description as a tree of segments; a literal segment takes precedence over a placeholder."""

    def __init__(self, reader: Reader) -> None:
        self.base = segments(urlsplit(reader.base_url).path)
        self.base = () if self.base == ('',) else self.base
        self._tree: dict[str, Any] = {}
        self.operations: list[Operation] = []
        for place in reader.places():
            operation = Operation(reader, place, _not_called)
            self.operations.append(operation)
            leaf = self._leaf(place.path)
            leaf.setdefault('', {})[operation.method.upper()] = operation
        self._known: dict[str, Found | None] = {}

    def _leaf(self, path: str) -> dict[str, Any]:
        node = self._tree
        for segment in path.strip('/').split('/'):
            name = '{}' if '{' in segment else f'/{segment}'
            node = node.setdefault(name, {})
        return node

    def find(self, path: str) -> Found | None:
        """Return the operations of a path; None if there are none."""
        try:
            return self._known[path]
        except KeyError:
            found = self._find(path)
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[path] = found
            return found

    def _find(self, path: str) -> Found | None:
        parts = segments(path)
        for start in self._below_base(parts):
            leaf = _walk(self._tree, start)
            if leaf is not None:
                operations = leaf['']
                template = next(iter(operations.values())).path
                return Found(operations, _values(template, start))
        return None

    def _below_base(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return the path below the base; an old version at its beginning stands for the base."""
        ways = [parts[len(self.base) :]] if parts[: len(self.base)] == self.base else []
        if self.base and parts[:1] and parts[0].removeprefix('_') in VERSIONS:
            ways.append(parts[1:])
        return ways


def _not_called(operation: Operation, params: dict[str, Any]) -> None:
    """Nothing: operations are served here, not called."""


def _walk(node: dict[str, Any], parts: tuple[str, ...]) -> dict[str, Any] | None:
    if not parts:
        return node if '' in node else None
    for name in (f'/{parts[0]}', '{}'):
        if name in node and (name != '{}' or parts[0]):
            found = _walk(node[name], parts[1:])
            if found is not None:
                return found
    return None


def _values(template: str, parts: tuple[str, ...]) -> dict[str, str]:
    """Return the values of the placeholders of a template."""
    values = {}
    for segment, part in zip(template.strip('/').split('/'), parts, strict=False):
        if segment.startswith('{'):
            values[segment.strip('{}')] = part
    return values
