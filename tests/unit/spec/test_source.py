"""Whatever is given as a description: read, or refused with an error that says why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from esipy import App
from esipy._documents.parse import parse, read
from esipy.exceptions import APIException, SpecError
from esipy.sandbox import Sandbox
from tests.cases.documents import LIVE, path_of
from tests.cases.stations import DOCUMENT

JSON = json.dumps(DOCUMENT)
YAML = yaml.safe_dump(DOCUMENT, sort_keys=False)
WITH_BOM = b'\xef\xbb\xbf' + JSON.encode()


def stored(directory: Path, content: str, name: str = 'a description.json') -> Path:
    file = directory / name
    file.write_text(content)
    return file


SOURCES: dict[str, Callable[[Path], Any]] = {
    'a dict': lambda directory: DOCUMENT,
    'bytes of JSON': lambda directory: JSON.encode(),
    'a bytearray': lambda directory: bytearray(JSON.encode()),
    'text of JSON': lambda directory: JSON,
    'JSON after blank lines': lambda directory: '\n \n' + JSON,
    'JSON with a byte order mark': lambda directory: WITH_BOM,
    'text of YAML': lambda directory: YAML,
    'bytes of YAML': lambda directory: YAML.encode(),
    'a Path': lambda directory: stored(directory, JSON),
    'a Path of YAML': lambda directory: stored(directory, YAML, 'a.yaml'),
    'a path': lambda directory: str(stored(directory, JSON)),
    'file://': lambda directory: stored(directory, JSON).as_uri(),
}


@pytest.mark.parametrize('source', SOURCES)
def test_every_kind_of_source(source: str, tmp_path: Path) -> None:
    app = App.create(SOURCES[source](tmp_path))
    assert list(app.op) == [
        'getStation',
        'putStation',
        'postStation',
        'putLoose',
        'postLoose',
        'patchLoose',
        'get_no_id_some_thing',
    ]
    assert app.version == '3.0.3'
    assert app.op['getStation'](name='Jita')[0].url == 'https://stations.example/api/stations/Jita'


@pytest.mark.parametrize('strict', [True, False, 1, None, 'yes'])
def test_strict_is_taken_and_means_nothing(strict: Any) -> None:
    assert len(App.create(DOCUMENT, strict=strict).op) == 7
    assert len(App.create(DOCUMENT, strict).op) == 7


@pytest.mark.parametrize('kind', ['json', 'yaml'])
def test_an_address(kind: str) -> None:
    with Sandbox() as esi:
        if kind == 'yaml':
            app = App.create(f'{esi.url}/meta/openapi.yaml')
        else:
            app = App.create(f'{esi.url}/meta/openapi.json')
        assert 'get_status' in app.op
        with pytest.raises(APIException) as caught:
            App.create(f'{esi.url}/nothing-here')
        assert caught.value.status_code == 404


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    'empty text': (lambda directory: '\n', 'there is nothing in it'),
    'empty bytes': (lambda directory: b'', 'there is nothing in it'),
    'HTML': (lambda directory: '<!doctype html><html></html>', 'HTML or XML'),
    'bytes of HTML': (lambda directory: b'\n<html>', 'HTML or XML'),
    'a JSON list': (lambda directory: b'[1, 2]', 'not an API description: the document is not an object'),
    'a YAML list': (lambda directory: '- 1\n- 2\n', 'not an API description: the document is not an object'),
    'a YAML number': (lambda directory: b'5', 'not an API description: the document is not an object'),
    'a number': (lambda directory: 5, 'not a description: int'),
    'nothing': (lambda directory: None, 'not a description: NoneType'),
    'a list': (lambda directory: [DOCUMENT], 'not a description: list'),
    'a directory': (lambda directory: directory, 'cannot be read'),
    'a directory by its path': (lambda directory: str(directory), 'cannot be read'),
    'a missing file': (lambda directory: directory / 'none.json', 'cannot be read'),
    'a missing file by its path': (lambda directory: str(directory / 'none.json'), 'cannot be read'),
    'a missing file by its URL': (lambda directory: (directory / 'none.json').as_uri(), 'cannot be read'),
    'a path that cannot be one': (lambda directory: 'a\0b', 'cannot be read'),
    'broken text': (lambda directory: b'{"paths": \xff}', 'broken JSON'),
    'broken YAML': (lambda directory: 'openapi: [\n', 'broken YAML'),
    'YAML with Python in it': (lambda directory: 'openapi: !!python/object/apply:os.getcwd []\n', 'broken YAML'),
    'deep JSON': (lambda directory: b'{"a":' + b'[' * 100_000, 'broken JSON'),
    'NaN': (lambda directory: b'{"paths": {}, "x": NaN}', 'broken JSON: it contains NaN'),
    'an infinite number': (lambda directory: b'{"paths": {}, "x": [-Infinity]}', 'broken JSON: it contains -Infinity'),
    'a number that is too large': (lambda directory: b'{"paths": {}, "x": 1e999}', 'broken JSON: it contains 1e999'),
    'a key twice': (lambda directory: 'a: 1\npaths: {}\na: 2\n', "the key 'a' stands twice in one mapping"),
    'a key twice, and its line': (lambda directory: 'a: 1\npaths: {}\na: 2\n', 'line 3'),
    'a key twice, once in quotes': (lambda directory: 'paths: {200: a, "200": b}\n', "'200' stands twice"),
    'a key twice, in a flow': (lambda directory: 'paths: {x: {b: 1, b: 1}}\n', "'b' stands twice"),
    'an empty object': (lambda directory: {}, 'it has no "paths"'),
    'paths that are none': (lambda directory: {**DOCUMENT, 'paths': []}, 'it has no "paths"'),
    'of no version': (lambda directory: {'paths': {}}, 'neither "swagger: 2.0" nor "openapi: 3.x"'),
    'of another version': (lambda directory: {'swagger': '1.2', 'paths': {}}, 'neither "swagger: 2.0" nor'),
    'of a future version': (lambda directory: {'openapi': '4.0.0', 'paths': {}}, 'neither "swagger: 2.0" nor'),
}


@pytest.mark.parametrize('source', REFUSED)
def test_what_is_no_description(source: str, tmp_path: Path) -> None:
    make, reason = REFUSED[source]
    with pytest.raises(SpecError) as caught:
        App.create(make(tmp_path))
    assert reason in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_dict_that_is_edited_later_changes_nothing() -> None:
    document: dict[str, Any] = json.loads(JSON)
    document['components']['itself'] = document
    app, before = App.create(document), App.create(DOCUMENT)
    for node in (document['paths'], document['components'], document):
        node.clear()
    assert list(app.op) == list(before.op)
    assert [p.name for p in app.op['getStation'].parameters] == [p.name for p in before.op['getStation'].parameters]
    assert app.raw['components']['itself'] is app.raw


def test_the_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r'a description\.json: broken JSON'):
        App.create(stored(tmp_path, JSON[:-9]))


@pytest.mark.parametrize('part', range(1, 40))
def test_truncated_json_is_never_read(part: int) -> None:
    with pytest.raises(SpecError, match='broken JSON'):
        App.create(JSON[: len(JSON) * part // 40])


@pytest.mark.parametrize('part', range(1, 40))
def test_truncated_yaml_is_refused_or_what_is_left_of_it_works(part: int) -> None:
    """A YAML document that ends early may be whole by itself; no other error than ours comes of it."""
    try:
        app = App.create(YAML[: len(YAML) * part // 40].encode())
        for operation in app.op.values():
            operation.help_text()
    except SpecError:
        pass


def test_the_truncated_live_document_is_refused() -> None:
    content = path_of(LIVE).read_bytes()
    for part in (2, 3, 5):
        with pytest.raises(SpecError, match='broken JSON'):
            App.create(content[: len(content) // part])


def test_yaml_has_the_types_of_json() -> None:
    """Of YAML 1.1 only: dates that are no text, and `no` that is not Norway."""
    read = parse('a: 2026-08-04\nb: 2026-08-04T00:00:00Z\nc: [no, on, y, true, False, 5, 1.5, null, ~]\n')
    assert read == {
        'a': '2026-08-04',
        'b': '2026-08-04T00:00:00Z',
        'c': ['no', 'on', 'y', True, False, 5, 1.5, None, None],
    }


def test_yaml_with_numbers_for_statuses_and_versions() -> None:
    app = App.create('openapi: 3.1\npaths:\n  /a:\n    get:\n      responses:\n        200: {description: OK}\n')
    assert app.version == '3.1'
    assert app.op['get_a'].response_for(200) is not None
    assert App.create('swagger: 2.0\npaths: {}\n').version == '2.0'


@pytest.mark.parametrize(
    ('servers', 'source', 'base'),
    [
        ([{'url': 'https://a.example/b/'}], '', 'https://a.example/b'),
        ([{'url': '/b'}], 'https://a.example/docs/openapi.json', 'https://a.example/b'),
        ([{'url': '../b'}], 'https://a.example/docs/v1/openapi.json', 'https://a.example/docs/b'),
        ([], 'https://a.example/docs/openapi.json', 'https://a.example'),
        (None, 'https://a.example/docs/openapi.json', 'https://a.example'),
        ([{'url': 'https://{x}.example', 'variables': {'x': {'default': 'y'}}}], '', 'https://y.example'),
    ],
)
def test_where_the_server_is(servers: Any, source: str, base: str) -> None:
    assert read({'openapi': '3.1.0', 'servers': servers, 'paths': {}}, source).base_url == base


@pytest.mark.parametrize(
    'servers',
    [5, 'x', [5], [{'url': 'https://{x}.example'}], [{'url': 'https://{x}', 'variables': 5}], [{'url': 'https://['}]],
)
def test_a_server_that_is_none(servers: Any) -> None:
    with pytest.raises(SpecError):
        App.create({'openapi': '3.1.0', 'servers': servers, 'paths': {}})


def test_a_description_of_no_server_makes_calls_that_say_so() -> None:
    call = App.create({'openapi': '3.1.0', 'paths': {'/a': {'get': {}}}}).op['get_a']()
    assert call[0].path == '/a'
    with pytest.raises(SpecError, match='get_a: the description does not say which server it is for'):
        assert call[0].url


@pytest.mark.parametrize(
    ('more', 'base'),
    [
        ({'host': 'a.example', 'basePath': '/v1/'}, 'http://a.example/v1'),
        ({'host': 'a.example', 'schemes': ['http']}, 'http://a.example'),
        ({'host': 'a.example', 'schemes': ['http', 'https']}, 'https://a.example'),
        ({}, 'http://from.example'),
    ],
)
def test_where_the_server_of_an_old_document_is(more: dict[str, Any], base: str) -> None:
    assert read({'swagger': '2.0', 'paths': {}, **more}, 'http://from.example/swagger.json').base_url == base
