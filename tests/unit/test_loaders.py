"""Files of JSON and YAML that build on others."""

from pathlib import Path
from typing import Any

import pytest

from esipy.exceptions import SpecError
from esipy.service import configuration_loader, json_loader, yaml_loader


def written(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        file = directory / name.replace('__', '/').replace('_', '.')
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return directory


@pytest.mark.parametrize('loader', [json_loader, yaml_loader, configuration_loader])
def test_json_and_yaml(loader: Any, tmp_path: Path) -> None:
    written(
        tmp_path, a_json='{"get_users": {"path": "/user"}}', a_yaml='get_users:\n  path: /user\n  since: 2026-08-04\n'
    )
    assert loader(tmp_path / 'a.json') == {'get_users': {'path': '/user'}}
    assert loader(str(tmp_path / 'a.yaml')) == {'get_users': {'path': '/user', 'since': '2026-08-04'}}


def test_extends_is_relative_and_the_nearer_wins(tmp_path: Path) -> None:
    written(
        tmp_path,
        a_yaml='extends: [near/b.json, c.yaml]\none: {path: /a}\nlist: [1]\n',
        near__b_json='{"extends": "../d.yaml", "one": {"path": "/b", "timeout": 2}, "two": {"path": "/b"}}',
        c_yaml='two: {path: /c}\nlist: [2, 3]\n',
        d_yaml='one: {path: /d, headers: {A: b}}\nthree: {path: /d}\n',
    )
    assert configuration_loader(tmp_path / 'a.yaml') == {
        'one': {'path': '/a', 'timeout': 2, 'headers': {'A': 'b'}},
        'two': {'path': '/c'},
        'three': {'path': '/d'},
        'list': [1],
    }


def test_an_endpoint_may_be_called_extends(tmp_path: Path) -> None:
    written(tmp_path, a_yaml='extends: {path: /a}\n')
    assert configuration_loader(tmp_path / 'a.yaml') == {'extends': {'path': '/a'}}


BROKEN: dict[str, tuple[dict[str, str], str]] = {
    'missing': ({}, r'a\.yaml: cannot be read'),
    'its base is missing': ({'a_yaml': 'extends: b.yaml'}, r'a\.yaml -> .*b\.yaml: cannot be read'),
    'itself': ({'a_yaml': 'extends: a.yaml'}, r'a\.yaml -> .*a\.yaml: extends itself'),
    'a circle': (
        {'a_yaml': 'extends: b.yaml', 'b_yaml': 'extends: c.json', 'c_json': '{"extends": "./a.yaml"}'},
        r'a\.yaml -> .*b\.yaml -> .*c\.json -> .*a\.yaml: extends itself',
    ),
    'a winding circle': (
        {'a_yaml': 'extends: near/b.yaml', 'near__b_yaml': 'extends: ../near/../a.yaml'},
        r'a\.yaml -> .*b\.yaml -> .*a\.yaml: extends itself',
    ),
    'no file': ({'a_yaml': 'extends: 5'}, r'a\.yaml: extends names a file or a list of files, not 5'),
    'no files': ({'a_yaml': 'extends: [b.yaml, {}]'}, 'extends names a file or a list of files'),
    'a tag': ({'a_yaml': 'a: !include b.yaml'}, r"a\.yaml: broken YAML: .*'!include'.*; tags are not taken"),
    'Python in it': ({'a_yaml': 'a: !!python/object/apply:os.getcwd []'}, 'tags are not taken, only plain values'),
    'a base with a tag': (
        {'a_yaml': 'extends: b.yaml', 'b_yaml': 'a: !env HOME'},
        r'a\.yaml -> .*b\.yaml: broken YAML.*tags are not taken',
    ),
    'broken': ({'a_yaml': 'a: [\n'}, 'broken YAML'),
    'empty': ({'a_yaml': ''}, 'there is nothing in it'),
    'a list': ({'a_yaml': '- a\n'}, 'is not an object'),
}


@pytest.mark.parametrize('kind', BROKEN)
def test_what_cannot_be_loaded(kind: str, tmp_path: Path) -> None:
    files, reason = BROKEN[kind]
    written(tmp_path, **files)
    with pytest.raises(SpecError, match=f'(?s){reason}'):
        configuration_loader(tmp_path / 'a.yaml')


def test_the_same_base_twice_is_no_circle(tmp_path: Path) -> None:
    written(tmp_path, a_yaml='extends: [b.yaml, c.yaml]', b_yaml='extends: c.yaml\nb: 1', c_yaml='c: 1')
    assert configuration_loader(tmp_path / 'a.yaml') == {'b': 1, 'c': 1}
