"""Descriptions with something else in one or two places: they work, or raise esipy's own errors, and nothing else."""

import copy
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from esipy import App
from esipy._spec.model import Operation
from esipy.exceptions import EsiError
from tests.cases.apis.cluster import cluster
from tests.cases.apis.drawing import operations
from tests.cases.apis.forge import forge
from tests.cases.apis.payments import payments
from tests.cases.stations import DOCUMENT

FORGE = forge('http://a.example', 'http://b.example')
DOCUMENTS = {
    'stations': DOCUMENT,
    'payments': payments('http://a.example', 'http://b.example'),
    'cluster': cluster('http://a.example', 'http://b.example'),
    'forge': {**FORGE, 'paths': dict([*FORGE['paths'].items()][-10:])},
}

ODD: list[Any] = [None, 5, -1, 1.5, 'x', '', [], [5], [[]], [None], ['a'], {}, {'a': 1}, True, '#/components', 'é\r\n']
ODD += [{'$ref': '#/x'}, {'$ref': 5}, {'$ref': '#'}, {'$ref': 'other.yaml'}, {'type': 'string'}, {'allOf': [{}]}]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its key."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in [*items]:
        yield node, key
        yield from places(value)


@pytest.mark.parametrize('name', DOCUMENTS)
def test_an_odd_value_anywhere_is_an_error_of_ours_or_none(name: str) -> None:
    rng = random.Random(5)
    given = {operation: arguments for _, _, operation, arguments in operations(DOCUMENTS[name])}
    for _ in range(40):
        document = copy.deepcopy(DOCUMENTS[name])
        everywhere = [*places(document)]
        for _ in range(rng.choice([1, 1, 2, 3])):
            holder, key = rng.choice(everywhere)
            holder[key] = copy.deepcopy(rng.choice(ODD))
        with suppress(EsiError):
            for operation in App.create(document).op.values():
                use(operation, given.get(operation.id, {}))  # type: ignore[arg-type]


def use(operation: Operation, arguments: dict[str, Any]) -> None:
    """All that can be asked of an operation."""
    with suppress(EsiError):
        operation(**arguments)[0].outgoing('GET', {}, None)
    with suppress(EsiError):
        operation(token='x', body={'a': 1}, name='x')
    with suppress(EsiError):
        response = operation(**arguments)[1]
        response.status, response.raw = 200, b'{"a": [1, {"id": 2}], "items": [{"built": "2016-09-03T05:12:25Z"}]}'
        response.take_headers({'X-Pages': '5', 'Link': 'x'})
        _ = response.data, response.header
        response.check()
    for ask in (operation.help_text, lambda: operation.__signature__, lambda: operation.url, lambda: operation.paging):
        with suppress(EsiError):
            ask()
    with suppress(EsiError):
        _ = operation.scopes, operation.rate_limit, operation.cache_age, operation.accept, operation.required_roles
