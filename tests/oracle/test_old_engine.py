"""Every operation of the old document, drawn and sent by both engines: they agree, or DIFFERENCES says why not."""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
import requests
from requests.adapters import BaseAdapter

from esipy import App, EsiClient
from tests.cases.documents import OLD, REAL, path_of
from tests.oracle.random_arguments import Operation, operations

HERE = Path(__file__).parent
DOCUMENT = path_of(OLD)


class Wire(BaseAdapter):
    """Takes what is sent, and responds with what was ordered."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: requests.PreparedRequest
        self.status = 200
        self.body = '{}'
        self.headers: Mapping[str, str] = {}

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.sent = request
        response = requests.Response()
        response.status_code = self.status
        response.headers.update(self.headers)
        response._content = self.body.encode()
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        pass


class Engine:
    """esipy, sending to no server."""

    def __init__(self) -> None:
        self.app = App.create(DOCUMENT)
        self.wire = Wire()
        self.client = EsiClient(transport_adapter=self.wire, cache=None, headers={'User-Agent': 'oracle'}, limits=None)

    def called(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        request, response = self.app.op[name](**params)
        self.client.request((request, response))
        sent = self.wire.sent
        return {
            'method': sent.method,
            'address': sent.url,
            'headers': dict(sent.headers),
            'body': sent.body and json.loads(sent.body),  # the fields of an object have no order
            'url': request.url,
            'path': request.path,
            'query': [list(pair) for pair in request.query],
        }

    def decoded(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        self.wire.status, self.wire.body, self.wire.headers = (
            recorded['status'],
            recorded['body'],
            recorded['headers'],
        )
        response = self.client.request(self.app.op[recorded['operation']](**recorded['params']))
        headers = {name: [shown(value) for value in values] for name, values in response.header.items()}
        return {'status': response.status, 'headers': headers, 'data': shown(response.data)}


def shown(value: Any) -> Any:
    """What `old_engine.shown` says of pyswagger's values, said of esipy's."""
    if isinstance(value, dict):
        return ['object', {name: both(value, name) for name, _ in value.items()}]  # iterating over an error raises
    if isinstance(value, list):
        return ['list', [shown(item) for item in value]]
    if isinstance(value, date):
        assert str(value) == value.to_json()  # type: ignore[attr-defined]
        return ['date', value.to_json(), value.v.isoformat()]  # type: ignore[attr-defined]
    return [type(value).__name__, value]


def both(row: Any, name: str) -> Any:
    by_key = shown(row[name])
    assert shown(row.get(name)) == by_key
    if not hasattr(dict, name):
        assert shown(getattr(row, name)) == by_key
    return by_key


class Difference(NamedTuple):
    """Where esipy means to differ: why, and what it makes of the old engine's request."""

    reason: str
    change: Callable[[Operation, dict[str, Any], dict[str, Any]], None]


def _token(operation: Operation, params: dict[str, Any], old: dict[str, Any]) -> None:
    if 'token' in params:
        old['query'].remove(['token', params['token']])
        address, _, query = old['address'].partition('?')
        old['address'] = f'{address}?{"&".join(pair for pair in query.split("&") if not pair.startswith("token="))}'
        old['headers']['Authorization'] = f'Bearer {params["token"]}'


def _booleans(operation: Operation, params: dict[str, Any], old: dict[str, Any]) -> None:
    for name in [node['name'] for node in operation.parameters if node.get('type') == 'boolean']:
        for text in ('True', 'False'):
            old['address'] = old['address'].replace(f'{name}={text}', f'{name}={text.lower()}')
            old['query'] = [[name, text.lower()] if pair == [name, text] else pair for pair in old['query']]


def _header_defaults(operation: Operation, params: dict[str, Any], old: dict[str, Any]) -> None:
    for node in operation.parameters:
        if node['in'] == 'header' and 'default' in node and node['name'] not in params:
            assert old['headers'].pop(node['name']) == node['default']


def _path_values(operation: Operation, params: dict[str, Any], old: dict[str, Any]) -> None:
    filled = operation.path
    for node in operation.parameters:
        if node['in'] == 'path':
            text = quote(str(params[node['name']]), safe='')
            leads_away = '..' in text or text == '.'
            filled = filled.replace('{' + node['name'] + '}', text.replace('.', '%2E') if leads_away else text)
    url = old['url'].removesuffix(old['path']) + filled
    if filled != old['path']:
        old.update(path=filled, url=url, address=f'{url}?{old["address"].partition("?")[2]}')


def _whole_numbers(operation: Operation, params: dict[str, Any], old: dict[str, Any]) -> None:
    for name in [node['name'] for node in operation.parameters if node.get('type') == 'number']:
        for pair in old['query']:
            if pair[0] == name and pair[1].endswith('.0'):
                old['address'] = old['address'].replace(f'{name}={pair[1]}', f'{name}={pair[1][:-2]}')
                pair[1] = pair[1][:-2]


def _body_defaults(operation: Operation, params: dict[str, Any], old: dict[str, Any]) -> None:
    node = next((node for node in operation.parameters if node['in'] == 'body'), None)
    if node is None or not isinstance(old['body'], dict):
        return
    given = params.get(node['name']) or {}
    filled = [
        name
        for name, field in node['schema'].get('properties', {}).items()
        if 'default' in field and given.get(name) is None and name in old['body']
    ]
    for name in filled:
        assert old['body'].pop(name) == node['schema']['properties'][name]['default']
    if filled:
        old['headers']['Content-Length'] = str(len(json.dumps(old['body'])))


DIFFERENCES = [
    Difference('whole numbers are written without a fraction', _whole_numbers),
    Difference('a default in a body says what the server assumes: it is not sent', _body_defaults),
    Difference('a token in the query would stand in logs and cache keys: it goes into the header', _token),
    Difference("booleans are written as JSON writes them: 1.x sent Python's 'True' and 'False'", _booleans),
    Difference(
        "a header's default is the server's business, and would overrule an app's own Accept-Language",
        _header_defaults,
    ),
    Difference("a path's value stays in its segment: a blank is %20, not +, and dots do not lead up", _path_values),
]


def disagreements(old: Any, new: Any, where: str = '') -> Iterator[str]:
    """Where two values, as `shown` tells them, are not the same."""
    (old_kind, *old_value), (new_kind, *new_value) = old, new
    if (old_kind, new_kind) == ('float', 'int') and old_value == [float(*new_value)]:
        return  # 7 where a number may have a fraction: 1.x made 7.0 of it, a row holds what the response says
    if old_kind == new_kind == 'object' and old_value[0].keys() == new_value[0].keys():
        for name in old_value[0]:
            yield from disagreements(old_value[0][name], new_value[0][name], f'{where}.{name}')
    elif old_kind == new_kind == 'list' and len(old_value[0]) == len(new_value[0]):
        for index, pair in enumerate(zip(old_value[0], new_value[0], strict=True)):
            yield from disagreements(*pair, f'{where}[{index}]')
    elif old != new:
        yield f'{where}: {new}, not {old}'


@pytest.fixture(scope='module')
def sample() -> list[Operation]:
    if importlib.util.find_spec('pyswagger') is None:
        pytest.skip('pyswagger is not installed: pip install "EsiPy[pyswagger]"')
    return operations(json.loads(DOCUMENT.read_bytes()))


@pytest.fixture(scope='module')
def questions(sample: list[Operation]) -> dict[str, Any]:
    calls = [[operation.id, params] for operation in sample for params in operation.arguments()]
    responses = [
        {
            'operation': operation.id,
            'params': operation.plain(),
            'status': status,
            'headers': {**headers, 'Content-Type': 'application/json; charset=utf-8', 'X-Undeclared': '5'},
            'body': json.dumps(body),
        }
        for operation in sample
        for status, body, headers in operation.examples()
    ]
    return {'calls': calls, 'answers': responses}


@pytest.fixture(scope='module')
def old(questions: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp('oracle') / 'old.json'
    run = [sys.executable, '-W', 'ignore', str(HERE / 'old_engine.py'), str(DOCUMENT), str(output)]
    done = subprocess.run(run, input=json.dumps(questions), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(output.read_text('utf-8'))
    return made


@pytest.fixture(scope='module')
def new() -> Engine:
    return Engine()


def test_every_operation_has_random_arguments(sample: list[Operation], old: dict[str, Any], new: Engine) -> None:
    names = sorted(operation.id for operation in sample)
    assert not REAL or len(names) == 204
    assert names == sorted(old['operations']) == sorted(new.app.op)


def test_requests(sample: list[Operation], questions: dict[str, Any], old: dict[str, Any], new: Engine) -> None:
    by_id = {operation.id: operation for operation in sample}
    used: set[str] = set()
    wrong = []
    for (name, params), before in zip(questions['calls'], old['calls'], strict=True):
        expected = before
        for difference in DIFFERENCES:
            changed = copy.deepcopy(expected)
            difference.change(by_id[name], params, changed)
            if changed != expected:
                used.add(difference.reason)
            expected = changed
        found = new.called(name, params)
        wrong += [
            f'{name}({params}): {part} is {found[part]!r}, not {expected[part]!r}'
            for part in expected
            if found[part] != expected[part]
        ]
    assert not wrong, '\n'.join(wrong)
    assert used == {difference.reason for difference in DIFFERENCES}, 'a difference that does not occur'


def test_responses(questions: dict[str, Any], old: dict[str, Any], new: Engine) -> None:
    successes = [recorded for recorded in questions['answers'] if recorded['status'] < 300]
    assert not REAL or len(successes) == 184
    wrong = []
    for recorded, before in zip(questions['answers'], old['answers'], strict=True):
        found = new.decoded(recorded)
        name = f'{recorded["operation"]} {recorded["status"]}'
        assert found['status'] == before['status'] == recorded['status']
        wrong += [f'{name}: data{problem}' for problem in disagreements(before['data'], found['data'])]
        if found['headers'] != before['headers']:
            wrong.append(f'{name}: headers are {found["headers"]}, not {before["headers"]}')
    assert not wrong, '\n'.join(wrong)
