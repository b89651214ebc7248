"""The reference has every public name: its entry is made from a docstring, and an example shows how it is used."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contrib.django import site
from tests.test_docs import blocks

ROOT = Path(__file__).parent.parent
PAGE = ROOT / 'docs' / 'reference.md'
SECTION = re.compile(r'^##+ (\S.*)$', re.MULTILINE)
DIRECTIVE = re.compile(r'^\.\. auto(\w+):: (\S+)$', re.MULTILINE)
#: Public modules, as CONTRIBUTING has it: files of `esipy/`; and the two frameworks.
MODULES = [
    *sorted(f'esipy.{path.stem}' for path in (ROOT / 'esipy').glob('*.py') if not path.stem.startswith('_')),
    'esipy',
    'esipy.contrib.celery',
    'esipy.contrib.django',
    'esipy.contrib.django.decorators',
    'esipy.contrib.django.models',
]
#: Modules whose names stand in the section of another one, and what is no part of the public API.
ELSEWHERE = {'esipy.app', 'esipy.client', 'esipy.security', 'esipy.paging', 'esipy.clock'}
#: Names that EsiPy 1.x or django-esi had beside the ones that are shown, and bases of classes that are.
OTHER_NAMES = {
    '__version__', 'BaseLogger', 'BaseMock', 'MockManager', 'PathToken', 'json_loader', 'yaml_loader',
    'CachedResponse', 'Scope', 'CallbackRedirect', 'advise', 'advise_of_unknown', 'unknown_option', 'emit',
    'has_receivers',
    'with_count', 'with_total', 'Signal', 'Receiver',
}  # fmt: skip


def public(module: ModuleType) -> Iterator[str]:
    """The names of a public module: what it lists, or what it defines."""
    listed = getattr(module, '__all__', None)
    defined = (
        name
        for name, value in vars(module).items()
        if not name.startswith('_') and getattr(value, '__module__', None) == module.__name__
    )
    yield from defined if listed is None else listed


@pytest.fixture(scope='module')
def page() -> str:
    site.configure()
    return PAGE.read_text('utf-8')


@pytest.fixture(scope='module')
def entries(page: str) -> set[int]:
    """The objects that have an entry, by their identity."""
    found: set[int] = set()
    for kind, path in DIRECTIVE.findall(page):
        if kind == 'module':
            module = importlib.import_module(path)
            found |= {id(getattr(module, name)) for name in public(module)}
        else:
            module_name, _, name = path.rpartition('.')
            found.add(id(getattr(importlib.import_module(module_name), name)))
    return found


@pytest.fixture(scope='module')
def shown(page: str) -> set[str]:
    """The names that the examples use. All examples are compiled, and most of them run, in tests/test_docs.py."""
    names = set()
    for block in blocks(page):
        if block.info[:1] == ('python',):
            for node in ast.walk(ast.parse(block.code)):
                if isinstance(node, ast.alias):
                    names.add(node.name)
                elif isinstance(node, ast.Name):
                    names.add(node.id)
    return names


@pytest.mark.parametrize('name', [module for module in MODULES if module not in ELSEWHERE])
def test_every_public_name_has_an_entry_and_an_example(name: str, entries: set[int], shown: set[str]) -> None:
    module = importlib.import_module(name)
    names = sorted(public(module))
    assert names
    values = {one: getattr(module, one) for one in names if one not in OTHER_NAMES}
    documented = {one: value for one, value in values.items() if inspect.isclass(value) or inspect.isroutine(value)}
    assert [one for one, value in documented.items() if id(value) not in entries] == []
    if name != 'esipy.exceptions':  # docs/errors.md shows these
        assert [one for one in values if one not in shown] == []


@pytest.mark.parametrize('name', MODULES)
def test_every_public_name_and_method_has_a_docstring(name: str, page: str) -> None:
    module = importlib.import_module(name)
    without = []
    for one in public(module):
        value = getattr(module, one)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        without += [one] if not inspect.getdoc(value) else []
        without += [f'{one}.{method}' for method in _undocumented(value)]
    assert without == []


def _undocumented(value: Any) -> Iterator[str]:
    """The public methods and properties of a class of ours that have no docstring, not even one of a base."""
    if inspect.isclass(value):
        for name, method in vars(value).items():
            function = getattr(method, 'fget', getattr(method, 'func', method))  # of a property
            ours = (getattr(function, '__module__', None) or '').startswith('esipy')
            is_test = name.startswith('test_')  # of a contract: its name says what it tests
            counts = ours and inspect.isroutine(function) and not name.startswith('_') and not is_test
            if counts and not (inspect.getdoc(function) or inspect.getdoc(getattr(value, name))):
                yield name
