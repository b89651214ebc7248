"""Every operation of every document answers, and an independent validator finds its responses true to the document."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker

from esipy._documents.parse import read
from esipy._sandbox.generate import generate
from esipy._sandbox.routes import Routes
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.shapes import success
from esipy._spec.model import Operation
from esipy.sandbox import Sandbox
from tests.cases.documents import REAL

from .calling import LIVE, META, OLD, Caller

#: What must exist before it can be changed: the placeholder or parameter, where it is listed, its field there.
LISTED = {
    'fitting_id': ('/characters/90000001/fittings', 'fitting_id'),
    'label_id': ('/characters/90000001/mail/labels', 'label_id'),
    'mail_id': ('/characters/90000001/mail', 'mail_id'),
    'event_id': ('/characters/90000001/calendar', 'event_id'),
    'contact_ids': ('/characters/90000001/contacts', 'contact_id'),
}


def tagged(node: Any) -> Any:
    """Alternatives with their tag required, as the live document means and does not say.

    It writes {oneOf: [{title: import, properties: {import: ...}}, {title: export, ...}]}: by the letter every object
    is_valid every alternative, and so none is_valid exactly one; no response of the real server would be valid.
    """
    if isinstance(node, dict):
        node = {key: tagged(value) for key, value in node.items()}
        for option in node['oneOf'] if isinstance(node.get('oneOf'), list) else ():
            if option.get('title') in option.get('properties', {}) and 'required' not in option:
                option['required'] = [option['title']]
        return node
    return [tagged(item) for item in node] if isinstance(node, list) else node


def validator(document: Any, operation: Operation) -> Any:
    """jsonschema's validator for the successful answer of an operation; None where it has no body."""
    response = success(operation)[1]
    if response is None or response.schema is None:
        return None
    schema = json.loads(json.dumps(response.schema.raw))
    if 'swagger' in document:
        whole = {'allOf': [schema], 'definitions': document.get('definitions', {})}
        return Draft4Validator(whole, format_checker=FormatChecker())
    whole = {'allOf': [schema], 'components': document.get('components', {})}
    return Draft202012Validator(tagged(whole), format_checker=FormatChecker())


class Asker:
    """Makes a good request for any operation."""

    def __init__(self, call: Caller, base: str) -> None:
        self._call = call
        self._base = base
        self._token = call.esi.token()

    def ask(self, operation: Operation) -> Any:
        path, query, body = operation.path, {}, None
        for parameter in operation.parameters:
            value = self._value(operation, parameter)
            if parameter.location == 'path':
                path = path.replace('{' + parameter.name + '}', str(value))
            elif parameter.location == 'query' and parameter.required:
                listed = isinstance(value, list) and not parameter.exploded
                query[parameter.name] = ','.join(map(str, value)) if listed else value
            elif parameter.location == 'body':
                body = value
        return self._call(self._base + path, str(operation.method), token=self._token, params=query, json=body)

    def _value(self, operation: Operation, parameter: Any) -> Any:
        if parameter.name == 'character_id' and parameter.location == 'path':
            return 90000001
        if (
            operation.path.rstrip('/').endswith('/contacts')
            and operation.method == 'PUT'
            and parameter.location == 'body'
        ):
            return self._listed('contact_ids')[:2]
        if parameter.name in LISTED and operation.path.startswith('/characters') and parameter.required:
            found = self._listed(parameter.name)
            return found[:2] if parameter.name.endswith('s') else found[0]
        return generate(parameter.schema, SeededRandom('asked', operation.path, parameter.name), parameter.name)

    def _listed(self, name: str) -> list[Any]:
        path, field = LISTED[name]
        found = self._call(self._base + path, token=self._token).json()
        return [record[field] for record in (found['labels'] if isinstance(found, dict) else found)]


@pytest.mark.parametrize('name', [None, LIVE, OLD, META], ids=lambda name: name or 'built-in')
@pytest.mark.parametrize('seed', [0, 'another'])
def test_every_operation(
    name: str | None, seed: Any, document: Callable[..., Any], caller: Callable[..., Caller]
) -> None:
    with Sandbox(document(name), seed=seed) as esi:
        raw = esi.document
        asker = Asker(caller(esi), raw.get('basePath', ''))
        operations = sorted(
            Routes(read(raw)).operations, key=lambda o: ('GET', 'POST', 'PUT', 'DELETE').index(o.method)
        )
        assert operations
        assert not REAL or len(operations) == {None: 65, LIVE: 225, OLD: 204, META: 14}[name]
        wrong = []
        for operation in operations:
            response = asker.ask(operation)
            if response.status_code != success(operation)[0]:
                wrong.append(f'{operation.id}: {response.status_code} {response.text[:200]}')
                continue
            judge = validator(raw, operation)
            assert bool(response.content) == (judge is not None), operation.id
            if judge is not None:
                wrong += [
                    f'{operation.id}: {e.message[:200]} at {list(e.path)}' for e in judge.iter_errors(response.json())
                ]
        assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize('name', [None, LIVE, OLD], ids=lambda name: name or 'built-in')
def test_every_page_is_true_to_the_document(
    name: str | None, document: Callable[..., Any], caller: Callable[..., Caller]
) -> None:
    with Sandbox(document(name), records=23, page_size=10) as esi:
        raw, call = esi.document, caller(esi)
        base, token = raw.get('basePath', ''), esi.token()
        paged = [o for o in Routes(read(raw)).operations if o.paging == 'pages']
        assert paged
        for operation in paged:
            path = operation.path.replace('{character_id}', '90000001').replace('{division}', '1')
            path = re.sub(r'{\w+}', '10000002', path)
            sizes = []
            for page in (1, 2, 3):
                response = call(base + path, token=token, params={'page': page, 'order_type': 'all'})
                assert response.status_code == 200, (operation.id, response.text)
                validator(raw, operation).validate(response.json())
                sizes.append(len(response.json()))
            assert response.headers['X-Pages'] == '3'
            assert sizes == [10, 10, 3], operation.id
            assert call(base + path, token=token, params={'page': 4}).status_code == 404


def test_ids_of_the_request_come_back(call: Caller) -> None:
    assert call('/universe/types/587').json()['type_id'] == 587
    assert call('/wars/600001').json()['id'] == 600001
    assert call.signed('/characters/90000001/calendar/1500123').json()['event_id'] == 1500123
    assert {order['type_id'] for order in call('/markets/10000002/orders?type_id=34').json()} == {34}


def test_names_and_ids_lead_to_each_other(call: Caller) -> None:
    ids = call('/universe/ids', 'POST', json=['Jita', 'Tritanium', 'Some Pilot']).json()
    assert ids['systems'] == [{'id': 30000142, 'name': 'Jita'}]
    assert ids['inventory_types'] == [{'id': 34, 'name': 'Tritanium'}]
    pilot = ids['characters'][0]['id']
    assert call('/universe/names', 'POST', json=[pilot, 30000142]).json() == [
        {'category': 'character', 'id': pilot, 'name': 'Some Pilot'},
        {'category': 'solar_system', 'id': 30000142, 'name': 'Jita'},
    ]
    assert call(f'/characters/{pilot}').json()['name'] == 'Some Pilot'


def test_one_record_for_each_id_of_a_body(call: Caller) -> None:
    response = call('/characters/affiliation', 'POST', json=[90000007, 90000005]).json()
    assert [record['character_id'] for record in response] == [90000007, 90000005]
    assert call('/characters/affiliation', 'POST', json=[90000007, 404]).status_code == 404
    call.esi.missing(id=90000005)
    assert call('/characters/affiliation', 'POST', json=[90000007, 90000005]).status_code == 404
