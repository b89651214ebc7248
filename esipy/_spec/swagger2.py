"""Swagger 2.0 (https://swagger.io/specification/v2/): the only file that knows its field names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._spec.media import FORM, MULTIPART, Content, kind_of
from esipy._spec.model import OperationKey, ResponseSpec
from esipy._spec.parameter import Parameter, ParameterStyle
from esipy._spec.reader import Reader, draft4, successful
from esipy._spec.refs import is_mapping, listed, mapping, resolve, text
from esipy.exceptions import SpecError

_OF_KIND = {FORM: 'application/x-www-form-urlencoded', MULTIPART: 'multipart/form-data'}


class Swagger2(Reader):
    """A document with `swagger: '2.0'`, found at `source_url`."""

    def __init__(self, document: Mapping[str, Any], source_url: str = '') -> None:
        super().__init__(document, source_url)
        self.version = str(document['swagger'])
        self.base_url = self._base_url(listed(document, 'schemes'))

    def _base_url(self, schemes: list[Any]) -> str:
        """Host and scheme are where the document came from, unless it says otherwise (Swagger Object)."""
        source = urlsplit(self.source_url)
        schemes = [scheme.lower() for scheme in schemes if isinstance(scheme, str)]
        known = [scheme for scheme in schemes if scheme in ('https', 'http')]  # `ws` and `wss` are not called
        schemes = known or schemes or [source.scheme if source.scheme in ('https', 'http') else 'https']
        host = str(self.document.get('host') or source.netloc).rpartition('://')[2].strip('/')
        scheme = 'https' if 'https' in schemes else schemes[0]
        base = str(self.document.get('basePath') or '').strip('/')
        return (f'{scheme}://{host}' if host else '') + (f'/{base}' if base else '')

    def base_url_of(self, place: OperationKey) -> str:
        """An operation may name schemes of its own (Operation Object)."""
        schemes = listed(self.raw(place), 'schemes')
        return self._base_url(schemes) if schemes else self.base_url

    def base_urls(self) -> set[str]:
        schemes = [listed(self.raw(place), 'schemes') for place in self.places()]
        return {self.base_url, *(self._base_url(own) for own in schemes if own)}

    def parameters(self, place: OperationKey) -> list[Parameter]:
        found = super().parameters(place)
        bodies = [parameter for parameter in found if parameter.location in ('body', 'formData')]
        if not bodies:
            return found
        consumes = self._media_types(place, 'consumes')
        if bodies[0].location == 'body':
            names = sorted(consumes or ['application/json'], key=lambda name: name.lower() != 'application/json')
            bodies[0].contents = tuple(Content(name, bodies[0].schema) for name in names)
        else:
            form = self._form(bodies, consumes)
            for parameter in bodies:
                parameter.contents = (form,)
        return found

    def _form(self, fields: list[Parameter], consumes: list[str]) -> Content:
        """The body of which parameters are the fields. One with files is multipart (RFC 7578)."""
        kinds = [kind_of(name) for name in consumes]
        has_files = any(parameter.type == 'file' for parameter in fields)
        kind = MULTIPART if has_files or (MULTIPART in kinds and FORM not in kinds) else FORM
        return Content(_OF_KIND[kind], self.schema({}))

    def _media_types(self, place: OperationKey, field: str) -> list[str]:
        """`consumes` or `produces` of an operation, else of the document."""
        raw = self.raw(place)
        return [str(name) for name in listed(raw if field in raw else self.document, field)]

    def parameter(self, node: Mapping[str, Any]) -> Parameter:
        location = text(node, 'in')
        if location not in ('path', 'query', 'header', 'body', 'formData'):
            raise SpecError(f'parameter {node.get("name")!r}: there is no location {location!r} in Swagger 2.0')
        return Parameter(
            text(node, 'name'),
            location,
            # Parameters other than the body have the schema's keywords among their own.
            self.schema(node.get('schema') or {}) if location == 'body' else self.schema(node),
            required=bool(node.get('required', False)),
            style=ParameterStyle(
                exploded=node.get('collectionFormat') == 'multi' and location in ('query', 'formData'),
                allows_empty=node.get('allowEmptyValue') is True,
            ),
            description=str(node.get('description', '')),
        )

    def responses(self, place: OperationKey) -> dict[str, ResponseSpec]:
        produces = tuple(self._media_types(place, 'produces'))
        return {
            status: ResponseSpec(schema, headers, examples, ('*/*',) if schema.types == ('file',) else produces)
            if schema is not None
            else ResponseSpec(schema, headers, examples)
            for status, (schema, headers, examples, _) in super().responses(place).items()
        }

    def response(self, node: Mapping[str, Any]) -> ResponseSpec:
        headers = {
            name.lower(): self.schema(is_mapping(header, f'header {name}'))
            for name, header in mapping(node, 'headers').items()
        }
        schema = self.schema(node['schema']) if 'schema' in node else None
        return ResponseSpec(schema, headers, list(mapping(node, 'examples').values()))

    def response_types(self, place: OperationKey) -> list[str]:
        nodes = mapping(self.raw(place), 'responses')
        good = [resolve(self.document, node) for node in successful(nodes)]
        has_body = any(isinstance(node, Mapping) and 'schema' in node for node in good)
        return self._media_types(place, 'produces') if has_body else []

    def _schemes(self) -> Mapping[str, Any]:
        return mapping(self.document, 'securityDefinitions')

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return draft4(node, 'x-nullable')

    def separator(self, node: Mapping[str, Any]) -> str:
        return {'ssv': ' ', 'tsv': '\t', 'pipes': '|'}.get(str(node.get('collectionFormat')), ',')
