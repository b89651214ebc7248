"""OpenAPI 3.0 and 3.1 (https://spec.openapis.org/oas/v3.1.1): the only file that knows their field names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from esipy.exceptions import SpecError
from esipy.spec.legacy import BODY_NAMES
from esipy.spec.model import Answer, Parameter, Place
from esipy.spec.reader import Reader, draft4
from esipy.spec.refs import resolve


class OpenAPI3(Reader):
    """A document with `openapi: 3.x`, found at `source_url`."""

    def __init__(self, document: Mapping[str, Any], source_url: str = '') -> None:
        super().__init__(document)
        self.version = str(document['openapi'])
        # A relative server address counts from where the document lies (OpenAPI 3.1, Server Object).
        server = (document.get('servers') or [{'url': '/'}])[0]
        self.base_url = urljoin(source_url, _filled(server)).rstrip('/')
        if 'CompatibilityDate' in ((document.get('components') or {}).get('parameters') or {}):
            # ESI's document has the date as its version; the version of another API says nothing of the kind.
            self.compatibility_date = str((document.get('info') or {}).get('version'))

    def parameters(self, place: Place) -> list[Parameter]:
        found = [parameter for parameter in super().parameters(place) if parameter.location != 'cookie']
        body = resolve(self.document, self.raw(place).get('requestBody'))
        if body:
            found.append(
                Parameter(
                    BODY_NAMES.get((place.method, place.path), 'body'),
                    'body',
                    self.schema(_media(body).get('schema', {})),
                    required=bool(body.get('required', False)),
                    description=str(body.get('description', '')),
                )
            )
        return found

    def parameter(self, node: Mapping[str, Any]) -> Parameter:
        location = node['in']
        style = node.get('style', 'form' if location in ('query', 'cookie') else 'simple')
        return Parameter(
            node['name'],
            location,
            self.schema(node.get('schema') or _media(node).get('schema', {})),
            required=bool(node.get('required', location == 'path')),
            exploded=bool(node.get('explode', style == 'form')),
            description=str(node.get('description', '')),
        )

    def answer(self, node: Mapping[str, Any]) -> Answer:
        media = _media(node)
        headers = {
            name.lower(): self.schema(resolve(self.document, header).get('schema') or {})
            for name, header in (node.get('headers') or {}).items()
        }
        examples = [resolve(self.document, example).get('value') for example in (media.get('examples') or {}).values()]
        if 'example' in media:
            examples.append(media['example'])
        return Answer(self.schema(media['schema']) if 'schema' in media else None, headers, examples)

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return draft4(node, 'nullable') if self.version.startswith('3.0') else node


def _media(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is said of the content: JSON's if there is a choice."""
    content = node.get('content') or {}
    media: Mapping[str, Any] = content.get('application/json') or next(iter(content.values()), {})
    return media


def _filled(server: Mapping[str, Any]) -> str:
    """A server's address with the defaults of its variables."""
    url = str(server.get('url', ''))
    for name, variable in (server.get('variables') or {}).items():
        url = url.replace('{' + name + '}', str(variable.get('default', '')))
    if '{' in url:
        raise SpecError(f'server address {url!r} has a variable without a default')
    return url
