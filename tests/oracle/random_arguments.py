"""Arguments for an operation, drawn from its parameters in the Swagger document: deterministic, edges included.

Reads the document itself and knows nothing of esipy: what it draws judges both engines.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

#: Draws for each operation, in addition to "what is required" and "everything".
AT_RANDOM = 6

WORDS = (
    'Jita',
    'Caldari Navy',
    '漢字',
    'Ünïcödé ñ',
    'a/b?c&d=e#f;g',
    '100%',
    '1+1=2',
    '"quoted" <b>text</b>',
    "O'Neill",
    '{braces} [brackets]',
    '~tilde-dash_dot.',
    '.hidden',
    '..',
    '.',
    '../../status/',
    '%2e%2e',
    'back\\slash|pipe',
    ' spaces around ',
    'x' * 120,
)

LIMITS = {'int32': (-(2**31), 2**31 - 1), 'int64': (-(2**63), 2**63 - 1)}


class Operation:
    """An operation of a Swagger 2.0 document, with its parameters resolved."""

    def __init__(self, document: Mapping[str, Any], method: str, path: str) -> None:
        self.document = document
        self.method = method
        self.path = path
        self.raw = document['paths'][path][method]
        self.id: str = self.raw['operationId']
        self.parameters = [self.resolved(node) for node in self.raw.get('parameters', [])]

    def resolved(self, node: Any) -> Any:
        while '$ref' in node:
            target: Any = self.document
            for part in node['$ref'].removeprefix('#/').split('/'):
                target = target[part]
            node = target
        return node

    def arguments(self) -> Iterator[dict[str, Any]]:
        """Arguments for several calls."""
        yield self.plain()
        chance = random.Random(f'{self.id}: everything')
        yield {node['name']: self.value(chance, node) for node in self.parameters}
        for turn in range(max(AT_RANDOM, len(WORDS) if self.takes_text() else 0)):
            chance = random.Random(f'{self.id}: {turn}')
            yield {
                node['name']: self.value(chance, node, turn)
                for node in self.parameters
                if node.get('required') or chance.random() < 0.5
            }

    def plain(self) -> dict[str, Any]:
        """What is required, with ordinary values."""
        chance = random.Random(f'{self.id}: required')
        return {node['name']: self.value(chance, node) for node in self.parameters if node.get('required')}

    def takes_text(self) -> bool:
        return any(
            node.get('type') == 'string' and 'enum' not in node and node['name'] != 'token' and node['in'] != 'header'
            for node in self.parameters
        )

    def value(self, chance: random.Random, node: Any, turn: int | None = None) -> Any:
        """A value that fits: an ordinary one, or in a `turn` as often as not an edge, or a number as text."""
        node = self.resolved(node)
        if node.get('in') == 'body':
            return self.value(chance, node['schema'], turn)
        if 'enum' in node:
            return chance.choice(node['enum'])
        return getattr(self, f'_{node["type"]}')(chance, node, turn)

    def _integer(self, chance: random.Random, node: Any, turn: int | None) -> Any:
        least, most = LIMITS[node.get('format', 'int64')]
        least, most = node.get('minimum', least), node.get('maximum', most)
        if turn is None:
            return chance.randint(max(1, least), min(most, 10**6))
        number = chance.choice((least, most, max(0, least), chance.randint(least, most)))
        return str(number) if chance.random() < 0.2 else number

    def _number(self, chance: random.Random, node: Any, turn: int | None) -> Any:
        least, most = node['minimum'], node['maximum']
        if turn is None:
            return round(chance.uniform(least, most), 2)
        return chance.choice((least, most, 0, 0.1 + 0.2, 1e-7, 2.5, '2.5', chance.uniform(least, most)))

    def _boolean(self, chance: random.Random, node: Any, turn: int | None) -> Any:
        return chance.random() < 0.5

    def _string(self, chance: random.Random, node: Any, turn: int | None) -> Any:
        if node.get('name') == 'token':
            return 'a.b-c_d'
        if turn is None or node.get('in') == 'header':
            return f'word{chance.randint(100, 999)}'
        text = WORDS[turn] if 'in' in node else chance.choice(WORDS)
        return text[: node.get('maxLength')].ljust(node.get('minLength', 1), '.')

    def _array(self, chance: random.Random, node: Any, turn: int | None) -> Any:
        least, most = max(1, node.get('minItems', 1)), min(node.get('maxItems', 25), 25)
        size = min(3, most) if turn is None else chance.choice((least, most, chance.randint(least, most)))
        different: dict[str, Any] = {}
        while len(different) < max(least, size):
            # Few of them at the edges, where there are not many different ones.
            item = self.value(chance, node['items'], turn if len(different) < 3 else None)
            different.setdefault(str(item), item)
        items = list(different.values())
        if turn is None:
            return items
        if len(items) < most and 'minItems' not in node['items'] and chance.random() < 0.3:
            items.append(items[0])  # twice the same: dropped where items must be unique
        if node.get('in') == 'query' and chance.random() < 0.3:
            return ','.join('|'.join(map(str, item)) if isinstance(item, list) else str(item) for item in items)
        return items

    def _object(self, chance: random.Random, node: Any, turn: int | None) -> Any:
        fields = {
            name: self.value(chance, field, turn)
            for name, field in node['properties'].items()
            if turn is None or name in node.get('required', ()) or chance.random() < 0.5
        }
        if turn is not None and chance.random() < 0.3:
            fields['zzz'] = {'unknown': [1, 2.5, None, True]}
        return fields

    def examples(self) -> Iterator[tuple[int, Any, dict[str, str]]]:
        """(status, body, headers) for every response of which the document has an example."""
        for status, node in self.raw['responses'].items():
            response = self.resolved(node)
            headers = {name: self.header(name, header) for name, header in response.get('headers', {}).items()}
            for body in response.get('examples', {}).values():
                yield int(status), body, headers

    @staticmethod
    def header(name: str, node: Mapping[str, Any]) -> str:
        if 'enum' in node:
            return str(node['enum'][-1])
        return '17' if node['type'] == 'integer' else f'"{name}", of 1970'


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation of the document."""
    return [Operation(document, method, path) for path, item in document['paths'].items() for method in item]
