"""Descriptions of other APIs: they load, and every operation's call is made and sent, or refused with a reason."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from esipy import App
from esipy.exceptions import SpecError
from tests.cases.apis.drawing import APIS, Api, operations
from tests.cases.apis.forge import forge
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes


def page(visit: Visit) -> None:
    visit.send(response_bytes({'seen': visit.target}))


@pytest.fixture(scope='module')
def servers() -> Iterator[tuple[Server, Server]]:
    with Server(page) as main, Server(page) as other:
        yield main, other


@pytest.mark.parametrize('kind', ['dict', 'JSON', 'YAML'])
@pytest.mark.parametrize('name', APIS)
def test_every_operation_is_called_or_refused(name: str, kind: str, servers: tuple[Server, Server]) -> None:
    api, (main, other) = APIS[name], servers
    document = api.make(main.url, other.url)
    if kind == 'YAML' and name == 'forge':
        document['paths'] = dict([*document['paths'].items()][-40:])  # PyYAML writes slowly
    sources = {'JSON': json.dumps, 'YAML': yaml.safe_dump, 'dict': dict}
    app = App.create(sources[kind](document))  # type: ignore[operator]
    wanted = [*operations(document)]
    assert len(app.op) == len(wanted)
    assert kind == 'YAML' or len(wanted) >= api.at_least
    refused = {}
    with client(cache=None) as esi:
        for method, path, operation, given in wanted:
            try:
                call = app.op[operation](**given)
            except SpecError as error:
                refused[operation] = str(error)
                continue
            before = len(main.visits) + len(other.visits)
            esi.request(call, raw_body_only=True)
            assert len(main.visits) + len(other.visits) == before + 1
            visit = (other if '/assets/' in path else main).visits[-1]
            assert (visit.method, visit.headers.get('authorization')) == (method.upper(), None)
            check_path(visit.path, path)
            assert app.by_path(method, path, **given)[0].path == call[0].path
    check_refusals(api, refused, kind)


def check_path(arrived: str, template: str) -> None:
    """The path has a value for each placeholder, in its place."""
    assert '{' not in arrived
    assert len(arrived.split('/')) == len(template.split('/'))
    for part, wanted in zip(arrived.split('/'), template.split('/'), strict=True):
        assert '{' in wanted or unquote(part) == wanted


def check_refusals(api: Api, refused: dict[str, str], kind: str) -> None:
    for operation, reason in api.refuses.items():
        assert reason in refused.pop(operation)
    assert refused == {}


def test_a_forge_has_more_than_a_thousand_operations_and_loads_in_no_time() -> None:
    document = forge('https://forge.example', 'https://files.example')
    text = json.dumps(document)
    app = App.create(text)
    assert len(app.op) > 1000
    call: Any = app.op['repos/upload-asset'](owner='o', repo='r', id=5, name='a.png', body=b'png', token='t')
    assert call[0].url == 'https://files.example/repos/o/r/assets/5'
    assert call[0].headers()['Authorization'] == 'Bearer t'
    update = app.op['repos/update-issues'](owner='o', repo='r', id=1, body={'name': 'x'})[0]
    assert update.data == b'{"name": "x"}'  # and nothing of `private`, which has a default
    listed = app.op['repos/list-issues'](owner='o', repo='r', labels=['a,b', 'c'])[0]
    assert listed.outgoing('GET', {}, None).url.endswith('/issues?per_page=30&page=1&labels=a%2Cb,c')
