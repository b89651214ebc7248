"""Swagger 2.0 (https://swagger.io/specification/v2/): the only file that knows its field names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._spec.model import Parameter, ResponseSpec
from esipy._spec.reader import Reader, draft4
from esipy._spec.refs import is_mapping, listed, mapping, text
from esipy.exceptions import SpecError


class Swagger2(Reader):
    """A document with `swagger: '2.0'`, found at `source_url`."""

    def __init__(self, document: Mapping[str, Any], source_url: str = '') -> None:
        super().__init__(document)
        self.version = str(document['swagger'])
        # Host and scheme are where the document came from, unless it says otherwise (Swagger Object).
        source = urlsplit(source_url)
        schemes = listed(document, 'schemes') or [source.scheme or 'https']
        host = document.get('host') or source.netloc
        scheme = 'https' if 'https' in schemes else schemes[0]
        self.base_url = (f'{scheme}://{host}' if host else '') + str(document.get('basePath') or '').rstrip('/')

    def parameter(self, node: Mapping[str, Any]) -> Parameter:
        location = text(node, 'in')
        if location == 'formData':
            raise SpecError(f'parameter {node.get("name")!r}: forms are not supported, only JSON bodies')
        return Parameter(
            text(node, 'name'),
            location,
            # Parameters other than the body have the schema's keywords among their own.
            self.schema(node.get('schema') or {}) if location == 'body' else self.schema(node),
            required=bool(node.get('required', False)),
            exploded=node.get('collectionFormat') == 'multi',
            description=str(node.get('description', '')),
        )

    def answer(self, node: Mapping[str, Any]) -> ResponseSpec:
        headers = {
            name.lower(): self.schema(is_mapping(header, f'header {name}'))
            for name, header in mapping(node, 'headers').items()
        }
        schema = self.schema(node['schema']) if 'schema' in node else None
        return ResponseSpec(schema, headers, list(mapping(node, 'examples').values()))

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return draft4(node, 'x-nullable')

    def separator(self, node: Mapping[str, Any]) -> str:
        return {'ssv': ' ', 'tsv': '\t', 'pipes': '|'}.get(str(node.get('collectionFormat')), ',')
