"""All lists of the real documents: recognised, and walked from end to end on a sandbox that serves them."""

from __future__ import annotations

from typing import Any

import pytest

from esipy import App
from esipy._spec.model import PAGINATIONS, Operation
from esipy.sandbox import Sandbox
from tests.cases.documents import LIVE, OLD, REAL, document
from tests.cases.pagination import PAGINATIONS as OF_THE_DOCUMENT
from tests.integration.things import client

pytestmark = pytest.mark.usefixtures('no_leaks')

CHARACTER = 90000001

#: Values for the path, by name; any other is a small number.
VALUES = {
    'character_id': CHARACTER,
    'corporation_id': 98000001,
    'alliance_id': 99000001,
    'region_id': 10000002,
    'structure_id': 1_030_000_000_001,
    **dict.fromkeys(('job_id', 'project_id', 'campaign_id'), '5d2a6b1e-0000-4000-8000-000000000001'),
}


def test_every_list_of_the_live_document_is_recognised() -> None:
    operations = App.create(document(LIVE)).op.values()
    assert {kind: len(paths) for kind, paths in OF_THE_DOCUMENT.items()} == {
        'pages': 40, 'cursor': 7, 'from_id': 2, 'last_mail_id': 1, 'from_event': 1, 'max_war_id': 1,
    }  # fmt: skip
    table = {path: kind for kind, paths in OF_THE_DOCUMENT.items() for path in paths}
    assert {operation.path: operation.paging for operation in operations if operation.paging} == table
    assert set(table.values()) == set(PAGINATIONS)


def test_the_old_document_says_the_same_of_the_same_paths() -> None:
    live = {one.path: one.paging for one in App.create(document(LIVE)).op.values() if one.paging}
    old = {one.path.rstrip('/'): one.paging for one in App.create(document(OLD)).op.values() if one.paging}
    assert not REAL or len(old) == 49
    both = old.keys() & live.keys()
    assert both
    assert not REAL or len(both) == 45
    assert {path: old[path] for path in both} == {path: live[path] for path in both}


def arguments(operation: Operation, token: str) -> dict[str, Any]:
    found: dict[str, Any] = {'token': token} if operation.scopes else {}
    for parameter in operation.parameters:
        if parameter.required and not parameter.has_default and parameter.location in ('path', 'query'):
            found[parameter.name] = parameter.enum[0] if parameter.enum else VALUES.get(parameter.name, 1)
    return found


@pytest.mark.parametrize(('name', 'count'), [(LIVE, 52), (OLD, 49)])
def test_every_list_is_walked_to_its_end(name: str, count: int) -> None:
    with Sandbox(document(name), records=25, page_size=10) as esi, client(cache=None) as walker:
        token = esi.token(CHARACTER)
        operations = [operation for operation in App.create(esi.document).op.values() if operation.paging]
        assert operations
        assert not REAL or len(operations) == count
        for operation in operations:
            given = arguments(operation, token)
            path = {name: value for name, value in given.items() if f'{{{name}}}' in operation.path}
            true = esi.lists.of(operation.id, **path).records()
            found = walker.all(operation(**given))
            streamed = list(walker.records(operation(**given)))
            assert len(found) == len(streamed) <= len(true), operation.id
            assert all(record in true for record in found), operation.id
            if 'state' not in {parameter.name for parameter in operation.parameters}:
                assert len(found) == 25, operation.id
