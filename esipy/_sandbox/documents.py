"""The description, at the paths where the real server has it, with its dates and its changelog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._sandbox.dates import Dates, since
from esipy._sandbox.http_messages import to_json
from esipy._sandbox.routes import VERSIONS, normal
from esipy._spec.model import Operation
from esipy._spec.reader import METHODS, Reader

LIVE_PATH = '/meta/openapi.json'
OLD_PATH = '/latest/swagger.json'
META_PATH = '/swagger.json'

#: With and without a dash before the version: the latter had no base path once.
_OLD_PATHS = re.compile(rf'/_?({"|".join(VERSIONS)})/swagger\.json')


class Documents:
    """The bytes of the description, by path and date."""

    def __init__(self, reader: Reader, dates: Dates) -> None:
        self._reader = reader
        self._dates = dates
        self._bytes: dict[str, bytes] = {}
        self.is_old = reader.version == '2.0'
        #: The path of the description, as on the real server.
        self.path = OLD_PATH if self.is_old else LIVE_PATH

    def find(self, path: str, date: str | None) -> bytes | None:
        """Return the document at a path; None if there is none."""
        path = normal(path)
        if self.is_old:
            if path == META_PATH:
                return self._cached('meta', lambda: meta_document(self._reader.document))
            return self._cached('whole', lambda: self._reader.document) if _OLD_PATHS.fullmatch(path) else None
        if path not in (LIVE_PATH, LIVE_PATH.replace('.json', '.yaml')):  # JSON is YAML too
            return None
        asked = date or self._dates.own
        return self._cached(asked, lambda: self._as_of(asked))

    def _cached(self, key: str, make: Any) -> bytes:
        if key not in self._bytes:
            self._bytes[key] = to_json(make())
        return self._bytes[key]

    def _as_of(self, asked: str) -> Mapping[str, Any]:
        """Return the description of a date: without later routes, and with that date as its version."""
        if asked == self._dates.own:
            return self._reader.document
        document = dict(self._reader.document)
        document['info'] = {**document['info'], 'version': asked}
        document['paths'] = {
            path: {key: node for key, node in item.items() if not _is_newer(key, node, asked)}
            for path, item in document['paths'].items()
        }
        components = dict(document.get('components') or {})
        parameters = dict(components.get('parameters') or {})
        if 'CompatibilityDate' in parameters:
            schema = {**parameters['CompatibilityDate'].get('schema', {}), 'enum': [asked]}
            parameters['CompatibilityDate'] = {**parameters['CompatibilityDate'], 'schema': schema}
            document['components'] = {**components, 'parameters': parameters}
        return document


def _is_newer(key: str, node: Any, asked: str) -> bool:
    return key in METHODS and str(node.get('x-compatibility-date', '')) > asked


def pointing_at(document: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the description with another server in it."""
    if str(document.get('swagger', '')) == '2.0':
        at = urlsplit(url)
        return {**document, 'host': at.netloc, 'schemes': [at.scheme]}
    base = urlsplit(str((document.get('servers') or [{'url': '/'}])[0].get('url', ''))).path.rstrip('/')
    return {**document, 'servers': [{'url': url + base}]}


def meta_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the small document of the old API that lists the paths of the others."""
    names = [*VERSIONS, *(f'_{version}' for version in ('latest', 'dev', 'legacy'))]
    return {
        'swagger': '2.0',
        'info': {'title': 'The paths of the descriptions', 'version': '1'},
        'host': document.get('host', 'localhost'),
        'schemes': document.get('schemes', ['https']),
        'produces': ['application/json'],
        'paths': {f'/{name}/swagger.json': {'get': _meta_operation(name)} for name in names},
    }


def _meta_operation(name: str) -> dict[str, Any]:
    response = {'description': 'The description', 'schema': {'type': 'object'}}
    return {
        'operationId': f'get_{name}_swagger',
        'summary': f'The description, version {name}',
        'tags': ['Swagger'],
        'responses': {'200': response},
        'x-cached-seconds': 60,
    }


def changelog(operations: list[Operation]) -> dict[str, Any]:
    """Return all routes, by the date from which on they exist."""
    changes: dict[str, list[dict[str, str]]] = {}
    for operation in operations:
        if since(operation):
            changes.setdefault(since(operation), []).append(
                {
                    'method': str(operation.method),
                    'path': operation.path,
                    'compatibility_date': since(operation),
                    'type': 'new',
                    'description': 'New route.',
                }
            )
    return {'changelog': {date: changes[date] for date in sorted(changes, reverse=True)}}
