"""OpenAPI 3.0 and 3.1 (https://spec.openapis.org/oas/v3.1.1): the only file that knows their field names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from esipy._spec.legacy import BODY_NAMES
from esipy._spec.model import OperationKey, Parameter, ResponseSpec
from esipy._spec.reader import Reader, draft4
from esipy._spec.refs import is_mapping, listed, mapping, resolve, text
from esipy.exceptions import SpecError


class OpenAPI3(Reader):
    """A document with `openapi: 3.x`, found at `source_url`."""

    def __init__(self, document: Mapping[str, Any], source_url: str = '') -> None:
        super().__init__(document)
        self.version = str(document['openapi'])
        # A relative server address counts from where the document lies (OpenAPI 3.1, Server Object).
        server = is_mapping(next(iter(listed(document, 'servers')), {'url': '/'}), 'a server')
        self.base_url = urljoin(source_url, _filled(server)).rstrip('/')
        if 'CompatibilityDate' in mapping(mapping(document, 'components'), 'parameters'):
            # ESI's document has the date as its version; the version of another API says nothing of the kind.
            self.compatibility_date = str(mapping(document, 'info').get('version'))

    def parameters(self, place: OperationKey) -> list[Parameter]:
        found = [parameter for parameter in super().parameters(place) if parameter.location != 'cookie']
        body = is_mapping(resolve(self.document, self.raw(place).get('requestBody') or {}), "'requestBody'")
        if body:
            found.append(
                Parameter(
                    BODY_NAMES.get((place.method, place.path), 'body'),
                    'body',
                    self.schema(_media(body, only_json=True).get('schema', {})),
                    required=bool(body.get('required', False)),
                    description=str(body.get('description', '')),
                )
            )
        return found

    def parameter(self, node: Mapping[str, Any]) -> Parameter:
        location = text(node, 'in')
        style = node.get('style', 'form' if location in ('query', 'cookie') else 'simple')
        return Parameter(
            text(node, 'name'),
            location,
            self.schema(node.get('schema') or _media(node).get('schema', {})),
            required=bool(node.get('required', False)),
            exploded=bool(node.get('explode', style == 'form')),
            separator={'spaceDelimited': ' ', 'pipeDelimited': '|'}.get(style),
            description=str(node.get('description', '')),
        )

    def answer(self, node: Mapping[str, Any]) -> ResponseSpec:
        media = _media(node)
        headers = {
            name.lower(): self.schema(is_mapping(resolve(self.document, header), f'header {name}').get('schema') or {})
            for name, header in mapping(node, 'headers').items()
        }
        named = [resolve(self.document, example) for example in mapping(media, 'examples').values()]
        examples = [example.get('value') for example in named if isinstance(example, Mapping)]
        if 'example' in media:
            examples.append(media['example'])
        return ResponseSpec(self.schema(media['schema']) if 'schema' in media else None, headers, examples)

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return draft4(node, 'nullable')  # 3.0's words, which are found in documents that call themselves 3.1 too


def _media(node: Mapping[str, Any], only_json: bool = False) -> Mapping[str, Any]:
    """What is said of the content: JSON's if there is a choice."""
    content = mapping(node, 'content')
    json = [name for name in content if re.match(r'application/([\w.-]+\+)?json\b|(\*|application)/\*', name)]
    if content and only_json and not json:
        raise SpecError(f'a body of {", ".join(content)}: only JSON is supported')
    return mapping(content, (json or [*content])[0]) if content else {}


def _filled(server: Mapping[str, Any]) -> str:
    """A server's address with the defaults of its variables."""
    url = str(server.get('url', ''))
    for name, variable in mapping(server, 'variables').items():
        url = url.replace('{' + name + '}', str(is_mapping(variable, f'variable {name!r}').get('default', '')))
    if '{' in url:
        raise SpecError(f'server address {url!r} has a variable without a default')
    return url
