"""Made data: true to any schema, and the same for the same seed on any machine."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from esipy._documents.parse import read
from esipy._sandbox.examples import conform
from esipy._sandbox.generate import generate
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.validation import is_valid
from esipy._spec.schema import Schema

OBJECT = {'type': 'object'}

SCHEMAS: dict[str, Any] = {
    'nothing said': {},
    'an integer in a range': {'type': 'integer', 'minimum': 7, 'maximum': 9},
    'an integer above': {'type': 'integer', 'exclusiveMinimum': 1_000_000},
    'an integer below': {'type': 'integer', 'maximum': -5},
    'a multiple': {'type': 'integer', 'multipleOf': 7, 'minimum': 15},
    'a number in a range': {'type': 'number', 'exclusiveMinimum': 0, 'maximum': 0.5},
    'a number above': {'type': 'number', 'minimum': 10_000_000_000},
    'a choice': {'enum': ['a', 5, None]},
    'a constant': {'const': {'a': [1]}},
    'a long text': {'type': 'string', 'minLength': 200},
    'a short text': {'type': 'string', 'maxLength': 3},
    'a date': {'type': 'string', 'format': 'date'},
    'a time': {'type': 'string', 'format': 'date-time'},
    'a uuid': {'type': 'string', 'format': 'uuid'},
    'an address': {'type': 'string', 'format': 'uri'},
    'an unknown format': {'type': 'string', 'format': 'warp-drive'},
    'an unknown number format': {'type': 'integer', 'format': 'int128'},
    'a pattern': {'type': 'string', 'pattern': r'^[A-Z]{2,4}-\d+(foo|bar)?\.[^a-z]$'},
    'a pattern of a colour': {'type': 'string', 'pattern': '^#[0-9a-f]{6}$'},
    'a list of a size': {'type': 'array', 'items': {'type': 'integer'}, 'minItems': 12, 'maxItems': 12},
    'a list without repeats': {'type': 'array', 'items': {'enum': ['a', 'b', 'c']}, 'uniqueItems': True, 'minItems': 3},
    'an empty list': {'type': 'array', 'items': {'type': 'integer'}, 'maxItems': 0},
    'a list of anything': {'type': 'array'},
    'nothing or a number': {'type': ['null', 'integer']},
    'a map': {'type': 'object', 'additionalProperties': {'type': 'array', 'items': {'type': 'integer'}}},
    'required and unknown': {'type': 'object', 'required': ['what']},
    'composed': {
        'allOf': [
            {'type': 'object', 'properties': {'a': {'type': 'integer'}}, 'required': ['a']},
            {'properties': {'b': {'type': 'string'}}, 'required': ['b']},
        ]
    },
    'composed of one': {'allOf': [{'type': 'integer', 'minimum': 3}], 'maximum': 4},
    'one of several': {
        'oneOf': [
            {'properties': {'a': {'type': 'integer'}}, 'required': ['a'], 'additionalProperties': False, **OBJECT},
            {'properties': {'b': {'type': 'integer'}}, 'required': ['b'], 'additionalProperties': False, **OBJECT},
            {'type': 'string'},
        ]
    },
    'any of several': {'anyOf': [{'type': 'integer', 'minimum': 5}, {'type': 'boolean'}]},
    'an object and one of several': {
        'type': 'object',
        'properties': {'kind': {'type': 'string'}},
        'required': ['kind'],
        'oneOf': [
            {'properties': {'x': {'const': 1}}, 'required': ['x']},
            {'properties': {'y': {'const': 2}}, 'required': ['y']},
        ],
    },
}  # fmt: skip


def schema(node: Any, **components: Any) -> Schema:
    return read({'openapi': '3.1.0', 'paths': {}, 'components': {'schemas': components}}).schema(node)


@pytest.mark.parametrize('name', SCHEMAS)
def test_any_schema_is_obeyed(name: str) -> None:
    judge = Draft202012Validator(SCHEMAS[name], format_checker=FormatChecker())
    for seed in range(50):
        value = generate(schema(SCHEMAS[name]), SeededRandom(seed), 'field')
        judge.validate(value)
        assert is_valid(value, schema(SCHEMAS[name]))


def test_a_type_that_holds_itself_ends() -> None:
    node = {
        'type': 'object',
        'properties': {
            'name': {'type': 'string'},
            'parts': {'type': 'array', 'items': {'$ref': '#/components/schemas/Node'}},
        },
        'required': ['name', 'parts'],
    }
    made = generate(schema({'$ref': '#/components/schemas/Node'}, Node=node), SeededRandom(0))
    judge = Draft202012Validator({'$ref': '#/components/schemas/Node', 'components': {'schemas': {'Node': node}}})
    judge.validate(made)
    assert len(json.dumps(made)) < 100_000
    endless = {'type': 'object', 'properties': {'next': {'$ref': '#/components/schemas/E'}}, 'required': ['next']}
    assert generate(schema({'$ref': '#/components/schemas/E'}, E=endless), SeededRandom(0))['next']


def test_field_names_decide_what_is_believable() -> None:
    fields = {
        name: {'type': 'integer'}
        for name in ('character_id', 'corporation_id', 'alliance_id', 'region_id', 'solar_system_id', 'home_station_id')
    }
    made = generate(schema({'type': 'object', 'properties': fields, 'required': list(fields)}), SeededRandom(0))
    assert 90_000_001 <= made['character_id'] < 98_000_000 < made['corporation_id'] < 99_000_000 < made['alliance_id']
    assert made['region_id'] // 1_000_000 == 10
    assert made['solar_system_id'] // 1_000_000 == 30
    assert made['home_station_id'] // 1_000_000 == 60
    when = {'type': 'string', 'format': 'date-time'}
    issued, expires = (generate(schema(when), SeededRandom(1), name) for name in ('issued', 'expires'))
    assert issued < '2026-08-01T11:05:00Z' < expires
    assert re.fullmatch('[A-Z]{4}', generate(schema({'type': 'string'}), SeededRandom(0), 'ticker'))


def test_a_new_field_changes_no_other() -> None:
    fields = {'b': {'type': 'integer'}, 'd': {'type': 'string'}}
    before = generate(schema({'type': 'object', 'properties': fields, 'required': ['b', 'd']}), SeededRandom(5))
    more = {'a': {'type': 'integer'}, **fields, 'e': {'type': 'number'}}
    after = generate(schema({'type': 'object', 'properties': more, 'required': list(more)}), SeededRandom(5))
    assert {name: after[name] for name in fields} == before


@pytest.mark.parametrize(
    ('example', 'mended'),
    [
        ({'a': 1, 'b': 'x'}, {'a': 1, 'b': 'x'}),
        ({'a': '1', 'b': 'x', 'c': 3}, {'a': int, 'b': 'x'}),
        ({'b': 'x'}, {'a': int, 'b': 'x'}),
        ('nonsense', {'a': int, 'b': str}),
    ],
)
def test_examples_are_mended_as_little_as_possible(example: Any, mended: dict[str, Any]) -> None:
    target = schema(
        {
            'type': 'object',
            'properties': {'a': {'type': 'integer'}, 'b': {'type': 'string'}},
            'required': ['a', 'b'],
            'additionalProperties': False,
        }
    )
    made = conform(example, target, SeededRandom(0))
    assert is_valid(made, target)
    for name, wanted in mended.items():
        assert made[name] == wanted or isinstance(made[name], wanted)


DIGEST = """
import hashlib, json
from esipy._sandbox.control import ControlApi
from esipy._sandbox.request_handler import RequestHandler, Settings
from esipy._sandbox.description import document
from esipy._documents.parse import read
core = RequestHandler(read(document()), Settings(seed=7))
control_api = ControlApi(core)
values = {'character_id': 90000001, 'region_id': 10000002, 'type_id': 34, 'corporation_id': 98000001,
          'system_id': 30000142, 'war_id': 600001, 'mail_id': 370000500, 'event_id': 1500500, 'contract_id': 190000001,
          'killmail_id': 110000001, 'killmail_hash': '0' * 40}
values_by_id = {}
for operation in core.routes.operations:
    if operation.method == 'GET':
        names = {p.name for p in operation.parameters if p.required and p.name in values}
        params = {n: values[n] for n in sorted(names)}
        values_by_id[operation.id] = control_api('data.get', operation=operation.id, params=params)
print(hashlib.sha256(json.dumps(values_by_id, sort_keys=True).encode()).hexdigest())
"""


ROOT = Path(__file__).parents[2]


def _told_by(salt: str) -> str:
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path]), 'PYTHONHASHSEED': salt}
    done = subprocess.run([sys.executable, '-c', DIGEST], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_same_seed_is_the_same_data_everywhere() -> None:
    digests = {salt: _told_by(salt) for salt in ('0', '1')}
    # Written down, so that it holds between machines, Pythons and releases: change it with the description only.
    assert set(digests.values()) == {'90efb28a6d35f209172a8210978b0867410cd954b32470cd9f3a4dfc280077f8'}, digests
