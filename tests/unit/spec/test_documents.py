"""Documents in every encoding and spelling, and those that are made to hang whoever reads them."""

import codecs
import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from esipy import App
from esipy._documents import yaml_loader
from esipy._documents.parse import parse
from esipy._documents.source import path_of
from esipy._message.rows import Row
from esipy.exceptions import CallError, EsiError, MissingFieldError, SpecError
from esipy.service import configuration_loader
from tests.cases.stations import DOCUMENT

#: YAML takes no keys of more than 1024 characters, so that this is read as JSON or not at all.
JSON = json.dumps({**DOCUMENT, 'x-' + 'a' * 2000: 1}, ensure_ascii=False)
YAML = yaml.safe_dump(DOCUMENT, sort_keys=False, allow_unicode=True)


@pytest.mark.parametrize('text', [JSON, YAML], ids=['JSON', 'YAML'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be', 'utf-32', 'utf-32-be'])
def test_every_encoding_of_unicode(text: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / 'a.txt'
    file.write_bytes(text.encode(encoding))
    for source in (text.encode(encoding), file, str(file), file.as_uri()):
        assert App.create(source).version == '3.0.3'


@pytest.mark.parametrize('text', [JSON, YAML], ids=['JSON', 'YAML'])
@pytest.mark.parametrize('before', ['\ufeff', '\ufeff\n'], ids=repr)
def test_text_with_a_byte_order_mark(before: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / 'a.txt'
    file.write_text(before + text, 'utf-8')
    for source in (before + text, (before + text).encode(), file):
        assert App.create(source).version == '3.0.3'


@pytest.mark.parametrize('content', [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b'\xff\xfe\xff', b'a: \xe9', b'\xff'])
def test_bytes_that_are_not_text(content: bytes) -> None:
    with pytest.raises(SpecError):
        App.create(content)


#: An address, the path that it names here, and on Windows; None where it is refused.
ADDRESSES = [
    ('file:///dir/a.json', '/dir/a.json', '/dir/a.json'),
    ('file:/dir/a.json', '/dir/a.json', '/dir/a.json'),
    ('FILE:///dir/a.json', '/dir/a.json', '/dir/a.json'),
    ('file://localhost/dir/a.json', '/dir/a.json', '/dir/a.json'),
    ('file:///dir/a%20b%23.json', '/dir/a b#.json', '/dir/a b#.json'),
    ('file:///C:/dir/a.json', '/C:/dir/a.json', 'C:/dir/a.json'),
    ('file:///c|/dir/a.json', '/c|/dir/a.json', 'c:/dir/a.json'),
    ('file:/C:/dir/a.json', '/C:/dir/a.json', 'C:/dir/a.json'),
    ('file://C:/dir/a.json', None, 'C:/dir/a.json'),
    ('file://server/share/a.json', None, '//server/share/a.json'),
]


@pytest.mark.parametrize(('address', 'here', 'on_windows'), ADDRESSES)
def test_the_address_of_a_file(address: str, here: str | None, on_windows: str) -> None:
    assert PurePosixPath(path_of(address, is_windows=True)) == PurePosixPath(on_windows)
    if here is None:
        with pytest.raises(SpecError, match='this is a file on the machine'):
            path_of(address, is_windows=False)
    else:
        assert PurePosixPath(path_of(address, is_windows=False)) == PurePosixPath(here)


@pytest.mark.parametrize('name', ['a.json', 'a b.json', 'ü#.json'])
@pytest.mark.parametrize('before', ['file:', 'File:', 'FILE:', 'file://', 'file://localhost'])
def test_addresses_with_fewer_slashes(before: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(JSON)
    assert App.create(before + file.as_uri().removeprefix('file://')).version == '3.0.3'


@pytest.mark.parametrize('field', ['webhooks', 'components'])
def test_a_document_without_paths(field: str) -> None:
    """OpenAPI 3.1, OpenAPI Object: one of paths, webhooks and components is enough."""
    app = App.create({'openapi': '3.1.0', 'info': {}, field: {}})
    assert list(app.op) == []
    with pytest.raises(KeyError, match='this description has 0 operations'):
        app.op['get_a']
    with pytest.raises(SpecError, match='it has no "paths"'):
        App.create({'openapi': '3.1.0', 'info': {}, field: {}, 'paths': None})


# ---------------------------------------------------------------------- YAML 1.2

#: Scalars of the core schema (YAML 1.2.2, section 10.3.2), and what they are.
SCALARS: list[tuple[str, Any]] = [
    ('11:00', '11:00'),
    ('1_000', '1_000'),
    ('-1_000', '-1_000'),
    ('12_', '12_'),
    ('010', 10),
    ('0o17', 15),
    ('0x1F', 31),
    ('0b11', '0b11'),
    ('190:20:30', '190:20:30'),
    ('190:20:30.15', '190:20:30.15'),
    ('1_0.5', '1_0.5'),
    ('+3', 3),
    ('-007', -7),
    ('1e3', 1000.0),
    ('.5', 0.5),
    ('5.', 5.0),
    ('12e03', 12000.0),
    ('-2E+05', -200000.0),
    ('.inf', float('inf')),
    ('-.INF', -float('inf')),
    ('yes', 'yes'),
    ('No', 'No'),
    ('on', 'on'),
    ('OFF', 'OFF'),
    ('y', 'y'),
    ('true', True),
    ('False', False),
    ('TRUE', True),
    ('tRUE', 'tRUE'),
    ('null', None),
    ('Null', None),
    ('~', None),
    ('', None),
    ('nULL', 'nULL'),
    ('2026-08-04', '2026-08-04'),
    ('2026-08-04T11:00:00Z', '2026-08-04T11:00:00Z'),
    ('2026-08-04 11:00:00', '2026-08-04 11:00:00'),
    ('=', '='),
    ('<<', '<<'),
    ('"5"', '5'),
    ("'true'", 'true'),
    ('!!str 5', '5'),
    ('1.2.3', '1.2.3'),
    ('v1', 'v1'),
    ('0.1.0', '0.1.0'),
    ('12345678901234567890', 12345678901234567890),
]


@pytest.fixture(params=['C', 'Python'])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """PyYAML with its parser in C, and without."""
    if request.param == 'Python':
        monkeypatch.delattr(yaml, 'CSafeLoader', raising=False)
    monkeypatch.setattr(yaml_loader, '_loader', yaml_loader._loader.__wrapped__)
    return str(request.param)


@pytest.mark.parametrize(('text', 'value'), SCALARS)
def test_scalars(text: str, value: Any, loader: str) -> None:
    found = parse(f'openapi: {text}\n')['openapi']
    assert (found, type(found)) == (value, type(value))
    assert parse(f'a: [x, {text or "~"}]')['a'][1] == value


@pytest.mark.parametrize(
    'value', ['!!binary AAA=', '!!set {a}', '!!timestamp 2026-08-04', '!!omap [a: 1]', '!!python/tuple [1]', '!mine 5']
)
def test_values_that_json_does_not_have(value: str, loader: str) -> None:
    with pytest.raises(SpecError, match=r'broken YAML: could not determine a constructor for the tag(.|\n)*line 2'):
        parse(f'openapi: 3.1.0\na: {value}\n')


def test_keys_are_texts(loader: str) -> None:
    text = '200: a\n1.0: b\ntrue: c\nnull: d\non: e\n010: f\n2026-08-04: g\n'
    assert list(parse(text)) == ['200', '1.0', 'true', 'null', 'on', '010', '2026-08-04']


#: What stands in a schema of texts, and what it is.
WITHOUT_QUOTES: list[tuple[str, Any]] = [
    ('enum: [1.10, 010, true, 11:00, null]', ['1.10', '010', 'true', '11:00', None]),
    ('enum: [1, 0x1F, 1e3, .5, False]', ['1', '0x1F', '1e3', '.5', 'False']),
    ('default: 1.0', '1.0'),
    ('const: 0x1F', '0x1F'),
    ('example: 1e3', '1e3'),
    ('maxLength: 5', 5),
]


@pytest.mark.parametrize(('text', 'value'), WITHOUT_QUOTES)
def test_what_an_enum_of_texts_has_without_quotes(text: str, value: Any, loader: str) -> None:
    assert parse(f'a: {{type: string, {text}}}')['a'][text.partition(':')[0]] == value
    assert parse(f'{text}\ntype: string\n')[text.partition(':')[0]] == value


def test_an_enum_of_numbers_has_numbers(loader: str) -> None:
    assert parse('a: {type: integer, enum: [1, 010]}')['a']['enum'] == [1, 10]
    for kind in ('[string, "null"]', '[string, null]', '["null", string]'):
        read = parse(f'a: {{type: {kind}, enum: [010, null]}}')['a']
        assert (sorted(read['type']), read['enum']) == (['null', 'string'], ['010', None])
    assert parse('a: {type: [string, integer], enum: [010]}')['a']['enum'] == [10]


def test_a_key_of_a_merged_mapping_may_stand_twice() -> None:
    text = 'a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\nc: {<<: [*b, *a], y: 3}\nd: *b\ne: {<<: *b}'
    read = parse(text)
    assert (read['b'], read['c'], read['e']) == ({'x': 2, 'y': 1}, {'x': 2, 'y': 3}, {'x': 2, 'y': 1})


def test_merge_keys_and_aliases(loader: str) -> None:
    text = 'a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}]}\nd: *a\ne: &e {<<: *e, f: 1}\n'
    assert parse(text) == {
        'a': {'x': 1, 'y': 2},
        'b': {'x': 1, 'y': 3},
        'c': {'x': 1, 'y': 2, 'z': 4},
        'd': {'x': 1, 'y': 2},
        'e': {'f': 1},
    }


# ---------------------------------------------------------------------- made to hang


def doubling(line: str) -> str:
    """Thirty lines, each of which has the one before ten times."""
    return '\n'.join(
        ['a0: &a0 {k: 1}', *(line.format(n=n, before=', '.join([f'*a{n - 1}'] * 10)) for n in range(1, 30))]
    )


HOSTILE_YAML = {
    'lists of lists': doubling('a{n}: &a{n} [{before}]'),
    'objects of objects': doubling('a{n}: &a{n} {{x: [{before}]}}'),
    'itself in a list': 'a: &a [*a]',
    'itself in an object': 'a: &a {b: {c: *a}}',
    'deep lists': 'a: ' + '[' * 40_000,
    'deep objects': 'a: ' + '{a: ' * 40_000,
    'deep blocks': '- ' * 40_000,
    'deep indents': '\n'.join(' ' * depth + 'a:' for depth in range(3000)),
    'a long number': 'a: ' + '9' * 100_000,
    'an object as a key': '? {a: 1}\n: 2',
    'a list as a key': '? [a]\n: 2',
    'a tag': 'a: !!python/object/apply:os.getcwd []',
}


@pytest.mark.parametrize('kind', HOSTILE_YAML)
def test_hostile_yaml_is_refused_at_once_and_shortly(kind: str, loader: str) -> None:
    begun = time.process_time()
    with pytest.raises(SpecError) as caught:
        parse(HOSTILE_YAML[kind])
    assert len(str(caught.value)) < 1000
    assert time.process_time() - begun < 20


def test_merge_keys_that_multiply_are_bounded(loader: str) -> None:
    """With a PyYAML that keeps each pair once this is small, with others it is 10^30 pairs."""
    errors = []  # type: ignore[var-annotated]
    with collecting(errors):
        assert parse(doubling('a{n}: &a{n} {{<<: [{before}]}}'))['a29'] == {'k': 1}
    assert [error for error in errors if 'merge keys' not in error] == []


@pytest.mark.parametrize('merge', ['*base', '[*base]', '[*base, {z: 1}]'])
def test_merge_keys_that_stand_for_many_items_are_refused(
    merge: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_loader, '_MAX_MERGED', 1000)
    base = ', '.join(f'k{number}: 1' for number in range(50))
    for count in (10, 30):
        text = f'base: &base {{{base}}}\n' + ''.join(f'm{number}: {{<<: {merge}}}\n' for number in range(count))
        if count == 10:
            assert parse(text)['m9']['k49'] == 1
        else:
            with pytest.raises(SpecError, match='merge keys'):
                parse(text)


def test_a_large_document_with_aliases_is_read(loader: str) -> None:
    items = '\n'.join(f'i{n}: {{<<: *base, x: *list, n: {n}}}' for n in range(500))
    document = parse(f'base: &base {{a: 1, b: 2}}\nlist: &list [1, 2, 3]\n{items}\n')
    assert document['i499'] == {'a': 1, 'b': 2, 'x': [1, 2, 3], 'n': 499}


@contextmanager
def collecting(errors: list[str]) -> Iterator[None]:
    """Adds the text of esipy's own error, if one is raised."""
    try:
        yield
    except EsiError as error:
        errors.append(str(error))


LINKS = 20_000


def chain(kind: str, count: int = LINKS) -> dict[str, Any]:
    """Schemas, each of which refers to the next one."""
    link: dict[str, Any] = {
        '$ref': lambda ref: {'$ref': ref},
        'allOf': lambda ref: {'allOf': [{'$ref': ref}]},
        'anyOf': lambda ref: {'anyOf': [{'$ref': ref}]},
        'oneOf twice': lambda ref: {'oneOf': [{'$ref': ref}, {'$ref': ref, 'title': 'x'}]},
        'items': lambda ref: {'type': 'array', 'items': {'$ref': ref}},
        'properties': lambda ref: {'type': 'object', 'properties': {'a': {'$ref': ref}}},
        'circle': lambda ref: {'anyOf': [{'$ref': ref}, {'$ref': '#/components/schemas/S0'}]},
    }
    made = {f'S{n}': link[kind](f'#/components/schemas/S{n + 1}') for n in range(count)}
    return {**made, f'S{count}': {'type': 'integer'}}


def with_schemas(schemas: dict[str, Any], version: str = '3.1.0') -> App:
    ref = {'$ref': '#/components/schemas/S0'}
    content = {'application/json': {'schema': ref}}
    operation = {
        'operationId': 'a',
        'parameters': [{'in': 'query', 'name': 'q', 'schema': ref}],
        'requestBody': {'content': content},
        'responses': {'200': {'description': 'OK', 'content': content, 'headers': {'X-A': {'schema': ref}}}},
    }
    document = {'openapi': version, 'servers': [{'url': 'https://a.example'}], 'paths': {'/a': {'post': operation}}}
    return App.create(json.dumps({**document, 'components': {'schemas': schemas}}))


@pytest.mark.parametrize('count', [50, LINKS])
@pytest.mark.parametrize('kind', ['$ref', 'allOf', 'anyOf', 'oneOf twice', 'items', 'properties', 'circle'])
def test_long_chains_end_in_a_result_or_a_short_error(kind: str, count: int) -> None:
    begun = time.process_time()
    errors: list[str] = []
    for version in ('3.0.3', '3.1.0'):
        app = with_schemas(chain(kind, count), version)
        for use in (
            lambda app: app.op['a'](body=5),
            lambda app: app.op['a'](body='x'),
            lambda app: app.op['a'](q=[5]),
            lambda app: app.op['a'](body={'a': {'a': 'x'}}),
            lambda app: app.op['a'].help_text(),
            lambda app: app.op['a'].paging,
            _read,
        ):
            with collecting(errors):
                use(app)
    assert max(map(len, errors), default=0) < 2000
    assert time.process_time() - begun < 60


def _read(app: App) -> None:
    """Read a response by its description."""
    response = app.op['a'](body=None)[1]
    response.status, response.raw = 200, b'[{"a": [1, {"a": 2}]}]'
    response.take_headers({'X-A': '5'})
    assert response.data[0]['a'][1]['a'] == 2
    assert response.header['X-A'] == ['5'] or response.header['X-A'] == [5]


FIRST = {'$ref': '#/components/chain/C0'}

#: The places of an operation that a reference may stand in: the path, what the chain ends at, and a call.
CHAINS: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    'a path': (FIRST, {'get': {'operationId': 'a'}}, {}),
    'an operation': ({'get': FIRST}, {'operationId': 'a'}, {}),
    'a parameter': ({'get': {'operationId': 'a', 'parameters': [FIRST]}}, {'in': 'query', 'name': 'q'}, {}),
    'a parameter of a path': ({'get': {'operationId': 'a'}, 'parameters': [FIRST]}, {'in': 'query', 'name': 'q'}, {}),
    'a schema': (
        {'get': {'operationId': 'a', 'parameters': [{'in': 'query', 'name': 'q', 'schema': FIRST}]}},
        {'type': 'string'},
        {'q': 'x'},
    ),
    'a body': ({'get': {'operationId': 'a', 'requestBody': FIRST}}, {'content': {}}, {}),
    'the content of a body': (
        {'get': {'operationId': 'a', 'requestBody': {'content': {'application/json': FIRST}}}},
        {'schema': {}},
        {'body': {}},
    ),
}


@pytest.mark.parametrize('place', CHAINS)
def test_a_chain_of_references_is_bounded(place: str) -> None:
    """One of 50 is followed; a longer one is refused by its first reference."""
    item, end, given = CHAINS[place]
    for count in (50, 2000):
        chain = {f'C{n}': {'$ref': f'#/components/chain/C{n + 1}'} for n in range(count)}
        document = {'openapi': '3.1.0', 'servers': [{'url': 'https://a.example'}], 'paths': {'/a': item}}
        document['components'] = {'chain': {**chain, f'C{count}': end}}
        if count == 50:
            assert App.create(document).op['a'](**given)[0].path == '/a'
        else:
            with pytest.raises(
                SpecError, match=r"reference '#/components/chain/C0' leads through more than 100 others"
            ):
                App.create(document).op['a'](**given)


def test_alternatives_that_double_are_tried_once() -> None:
    schemas = {
        f'S{n}': {'anyOf': [{'$ref': f'#/components/schemas/{side}{n + 1}'} for side in 'ST']} for n in range(40)
    }
    schemas |= {
        f'T{n}': {'anyOf': [{'$ref': f'#/components/schemas/{side}{n + 1}'} for side in 'ST']} for n in range(40)
    }
    app = with_schemas({**schemas, 'S40': {'type': 'integer'}, 'T40': {'type': 'boolean'}})
    assert app.op['a'](body=5)[0].data == b'5'
    with pytest.raises(CallError) as caught:
        app.op['a'](body='x')
    assert len(str(caught.value)) < 1000


LONG = 'x' * 1_000_000
MANY = [{'type': 'integer', 'maximum': -n} for n in range(1000)]


@pytest.mark.parametrize(
    'operation',
    [
        {'parameters': LONG},
        {'parameters': [{'in': 'query', 'name': 'q', 'schema': {'type': {'a': LONG}}}]},
        {'parameters': [{'in': 'query', 'name': 'q', 'schema': {'type': 'string', 'enum': [LONG] * 50}}]},
        {
            'parameters': [
                {'in': 'query', 'name': 'q', 'schema': {'type': 'string', 'enum': list(map(str, range(10**5)))}}
            ]
        },
        {'parameters': [{'in': 'query', 'name': 'q', 'schema': {'$ref': f'#/{LONG}'}}]},
        {'parameters': [{'in': 'query', 'name': 'q', 'schema': {'$ref': LONG}}]},
        {'parameters': [{'in': 'query', 'name': 'q', 'style': LONG, 'schema': {}}]},
        {'requestBody': {'content': {LONG: {}}}},
        {'requestBody': {'content': {f'multipart/{n}': {} for n in range(10**4)}}},
        {
            'requestBody': {
                'content': {
                    'application/json': {
                        'schema': {'anyOf': [{'type': 'integer', 'title': str(n)} for n in range(1000)]}
                    }
                }
            }
        },
        {'servers': [{'url': '{' + LONG}]},
        {'security': [{LONG: []}]},
        {'security': LONG},
    ],
)
def test_errors_stay_short(operation: dict[str, Any]) -> None:
    app = App.create({'openapi': '3.1.0', 'paths': {'/a': {'post': {'operationId': 'a', **operation}}}})
    errors: list[str] = []
    for given in ({'q': 'y'}, {'body': 'x'}, {'token': 'ä'}, {'zzz': 1}):
        with collecting(errors):
            _ = app.op['a'](**given)[0].url
    assert 0 < max(map(len, errors)) < 3000


@pytest.mark.parametrize(
    'source', [LONG, f'ftp://{LONG}', f'file://{LONG}/a', f'file:///{LONG}', f'a: {LONG}: b\n', '{' + LONG]
)
def test_errors_about_a_source_stay_short(source: str) -> None:
    with pytest.raises(SpecError) as caught:
        App.create(source)
    assert len(str(caught.value)) < 2000


def test_values_in_errors_stay_short() -> None:
    app = with_schemas({'S0': {'type': 'integer'}})
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    for value in (LONG, [LONG] * 100, {LONG: 1}, list(range(10**6)), deep, 10**5000, b'x' * 10**6):
        with pytest.raises(CallError) as caught:
            app.op['a'](body=value)
        assert len(str(caught.value)) < 2000


def test_paths_with_many_placeholders_are_matched_in_time() -> None:
    """A path of thirty placeholders next to each other fits a long text in countless ways."""
    names = [f'p{n}' for n in range(30)]
    nodes = [{'in': 'path', 'name': name, 'required': True, 'schema': {'type': 'string'}} for name in names]
    paths = {'/x/' + ''.join(f'{{{name}}}' for name in names): {'get': {'operationId': 'a', 'parameters': nodes}}}
    paths['/y/' + '-'.join(f'{{{name}}}' for name in names)] = {'get': {'operationId': 'b', 'parameters': nodes}}
    app = App.create({'openapi': '3.1.0', 'servers': [{'url': 'https://a.example'}], 'paths': paths})
    begun = time.process_time()
    for path in ('/x/' + 'a' * 200 + '/', '/y/' + '-' * 200 + '!/z'):
        with pytest.raises(EsiError):
            app.by_path('GET', path + '/no')
    assert time.process_time() - begun < 20
    assert app.op['a'](**dict.fromkeys(names, 'v'))[0].path == '/x/' + 'v' * 30


def test_braces_without_end_are_read_in_linear_time() -> None:
    path = '/' + '{' * 200_000
    begun = time.process_time()
    app = App.create({'openapi': '3.1.0', 'servers': [{'url': 'https://a.example'}], 'paths': {path: {'get': {}}}})
    (operation,) = app.op.values()
    with pytest.raises(EsiError):
        _ = operation()[0].outgoing('GET', {}, None)
    assert time.process_time() - begun < 20


def test_a_description_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {'properties': {'a': deep}}
    with pytest.raises(SpecError, match='nested too deeply'):
        App.create({'openapi': '3.1.0', 'paths': {}, 'x': deep})
    with pytest.raises(SpecError, match='broken JSON'):
        App.create('{"openapi": "3.1.0", "paths": ' + '{"a":' * 100_000 + '1' + '}' * 100_001)
    while deep:  # nothing else takes it apart without recursion
        deep = deep['properties']['a']


def test_an_operation_described_500_levels_deep_is_used() -> None:
    schema: dict[str, Any] = {'type': 'integer'}
    for _ in range(200):
        schema = {'type': 'object', 'properties': {'a': schema}}
    value: Any = 5
    for _ in range(200):
        value = {'a': value}
    app = with_schemas({'S0': schema})
    assert json.loads(app.op['a'](body=copy.deepcopy(value))[0].data) == value


# ---------------------------------------------------------------------- extends


def written(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        file = directory / name.replace('__', '/').replace('_', '.')
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
    return directory


OUTSIDE = [
    '../secret.yaml',
    'sub/../../secret.yaml',
    '{outside}/secret.yaml',
    'link.yaml',
    'sub/link.yaml',
    '/etc/hostname',
]


@pytest.mark.parametrize('base', OUTSIDE)
def test_extends_stays_in_its_directory(base: str, tmp_path: Path) -> None:
    inside = tmp_path / 'inside'
    written(tmp_path, secret_yaml='password: hush\n', inside__sub__x_yaml='x: 1')
    (inside / 'link.yaml').symlink_to(tmp_path / 'secret.yaml')
    (inside / 'sub' / 'link.yaml').symlink_to('../../secret.yaml')
    written(inside, a_yaml=f'extends: {base.format(outside=tmp_path)}\na: 1\n')
    with pytest.raises(SpecError, match='extends leads out of the directory') as caught:
        configuration_loader(inside / 'a.yaml')
    assert 'hush' not in str(caught.value)


def test_extends_below_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, a_yaml='extends: sub/b.yaml\n', sub__b_yaml='extends: ../c.yaml\nb: 1\n', c_yaml='c: 1\n')
    (tmp_path / 'link').symlink_to(tmp_path)
    (tmp_path / 'd.yaml').symlink_to(tmp_path / 'c.yaml')
    (tmp_path / 'e.yaml').write_text('extends: d.yaml')
    assert configuration_loader(tmp_path / 'a.yaml') == {'b': 1, 'c': 1}
    assert configuration_loader(tmp_path / 'link' / 'a.yaml') == {'b': 1, 'c': 1}
    assert configuration_loader(tmp_path / 'e.yaml') == {'c': 1}
    monkeypatch.chdir(tmp_path)
    assert configuration_loader('a.yaml') == {'b': 1, 'c': 1}


@pytest.mark.parametrize('extends', ['base', '[base]', '[other, base]', 'between'])
@pytest.mark.parametrize('kind', ['fifo', 'directory', 'device', 'socket'])
def test_extends_reads_regular_files_only(kind: str, extends: str, tmp_path: Path) -> None:
    """In a process of its own, since the wrong answer is to wait for ever."""
    import socket

    if kind == 'fifo':
        os.mkfifo(tmp_path / 'base')
    elif kind == 'directory':
        (tmp_path / 'base').mkdir()
    elif kind == 'socket':
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(tmp_path / 'base'))
    else:
        (tmp_path / 'base').symlink_to('/dev/zero')
    (tmp_path / 'a.yaml').write_text(f'extends: {extends}\n')
    (tmp_path / 'between').write_text('extends: base\n')
    (tmp_path / 'other').write_text('a: 1\n')
    program = 'import sys\nfrom esipy.service import configuration_loader\nconfiguration_loader(sys.argv[1])'
    run = [sys.executable, '-c', program, str(tmp_path / 'a.yaml')]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert 'SpecError' in done.stderr
    assert 'regular file' in done.stderr or 'cannot be read' in done.stderr or 'leads out' in done.stderr


def test_extends_that_doubles_is_bounded(tmp_path: Path) -> None:
    for n in range(30):
        (tmp_path / f'{n}.yaml').write_text(f'extends: [{n + 1}.yaml, {n + 1}.yaml]\n')
    (tmp_path / '30.yaml').write_text('a: 1\n')
    with pytest.raises(SpecError, match='more than 100 files are included by extends'):
        configuration_loader(tmp_path / '0.yaml')


def test_errors_about_many_values_name_the_first_of_them() -> None:
    app = with_schemas({'S0': {'type': 'array', 'items': {'type': 'integer'}}})
    with pytest.raises(CallError) as caught:
        app.op['a'](body=['x'] * 20_000)
    assert len(str(caught.value)) < 5000
    assert len(caught.value.faults) == 20_000
    many = {str(number): {'path': 5} for number in range(20_000)}
    with pytest.raises(SpecError) as broken:
        App.create({'a': {'path': '/a'}, **many})
    assert len(str(broken.value)) < 10_000
    with pytest.raises(MissingFieldError) as missing:
        _ = Row(dict.fromkeys(map(str, range(20_000)))).absent
    assert len(str(missing.value)) < 5000
    same = {f'/{number}': {'get': {'operationId': 'same'}} for number in range(10_000)}
    with pytest.raises(SpecError, match='names several operations') as several:
        App.create({'openapi': '3.1.0', 'paths': same}).op['same']
    assert len(str(several.value)) < 5000
