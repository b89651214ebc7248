"""ESI's real documents, read from beside the checkout, and arguments drawn from them.

A checkout without them has documents made for the purpose instead: `tests/cases/made.py`. Both are read here without
esipy, so that what is drawn judges it.
"""

import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.cases import made

SPECS = Path(__file__).parents[2].parent / 'shared' / 'specs'
LIVE, OLD, META = 'esi-openapi-3.1.json', 'esi-swagger-2.0.json', 'esi-meta-swagger-2.0.json'
#: Whether the documents are ESI's own. How many operations they have is known of these alone.
REAL = SPECS.exists()
DATES = {'date-time': '2026-08-04T11:00:00Z', 'date': '2026-08-04'}
METHODS = ('get', 'put', 'post', 'delete', 'patch', 'head', 'options')


def path_of(name: str) -> Path:
    """The file of a document: the real one, or one that is made here."""
    return (SPECS if REAL else _made()) / name


@functools.cache
def _made() -> Path:
    """A directory with the documents that are made; `forget` removes it."""
    directory = Path(tempfile.mkdtemp(prefix='esipy-documents-'))
    for name, make in {LIVE: made.live, OLD: made.old, META: made.meta}.items():
        (directory / name).write_text(json.dumps(make()), 'utf-8')
    return directory


def forget() -> None:
    """Remove the documents that were made, when the tests end: a worker of pytest-xdist calls nothing at its exit."""
    if _made.cache_info().currsize:
        shutil.rmtree(_made())
        _made.cache_clear()


@functools.cache
def document(name: str) -> dict[str, Any]:
    """A document, read once: do not change it."""
    loaded: dict[str, Any] = json.loads(path_of(name).read_bytes())
    return loaded


class Entry(NamedTuple):
    """An operation of a document, as it stands there."""

    id: str
    method: str
    path: str
    raw: Mapping[str, Any]
    #: Parameters with their references followed.
    parameters: list[dict[str, Any]]


@functools.cache
def entries(name: str) -> dict[str, Entry]:
    """The operations of a document by operationId, in its order."""
    whole = document(name)
    found = {}
    for path, item in whole['paths'].items():
        for method in METHODS:
            if method in item:
                raw = item[method]
                nodes = [*item.get('parameters', ()), *raw.get('parameters', ())]
                parameters = [follow(whole, node) for node in nodes]
                found[raw['operationId']] = Entry(raw['operationId'], method, path, raw, parameters)
    return found


def follow(whole: Mapping[str, Any], node: Any) -> Any:
    """A node, its reference followed."""
    while '$ref' in node:
        target: Any = whole
        for part in node['$ref'].removeprefix('#/').split('/'):
            target = target[part]
        node = target
    return node


def arguments(name: str, entry: Entry) -> dict[str, Any]:
    """What a call of the operation must be given, and all that it may be given beside, by the names of `name`."""
    whole = document(name)
    drawn = {}
    for node in entry.parameters:
        if node['name'] in ('X-Compatibility-Date', 'token', 'If-None-Match'):
            continue
        drawn[node['name']] = value(whole, node.get('schema', node))
    body = entry.raw.get('requestBody')
    if body:
        drawn['body'] = value(whole, follow(whole, body)['content']['application/json']['schema'])
    return drawn


def value(whole: Mapping[str, Any], node: Any) -> Any:
    """A value that fits a schema: the least that does."""
    node = follow(whole, node)
    if 'enum' in node:
        return node['enum'][0]
    if 'oneOf' in node:
        return value(whole, node['oneOf'][0])
    draw: Callable[[Mapping[str, Any], Any], Any] = {
        'integer': lambda whole, node: max(1, node.get('minimum', 1)),
        'number': lambda whole, node: max(0.5, node.get('minimum', 0.5)),
        'string': lambda whole, node: DATES.get(node.get('format'), 'x' * max(1, node.get('minLength', 3))),
        'boolean': lambda whole, node: True,
        'array': _list,
        'object': _object,
    }[node.get('type', 'object')]
    return draw(whole, node)


def _list(whole: Mapping[str, Any], node: Any) -> list[Any]:
    first = value(whole, node['items'])
    more = {'integer': [2, 3], 'string': ['xy', 'yx']}.get(follow(whole, node['items']).get('type'), [])
    if 'enum' in node['items']:
        more = node['items']['enum'][1:]
    return [first, *more][: max(1, min(2, node.get('maxItems', 2)))]  # type: ignore[misc]


def _object(whole: Mapping[str, Any], node: Any) -> dict[str, Any]:
    return {name: value(whole, field) for name, field in node.get('properties', {}).items()}


def texts(values: Any) -> Iterator[str]:
    """The scalars of a value as they stand in an address."""
    for item in values if isinstance(values, list) else [values]:
        yield str(item).lower() if isinstance(item, bool) else str(item)
