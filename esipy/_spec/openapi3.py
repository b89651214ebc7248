"""OpenAPI 3.0 and 3.1 (https://spec.openapis.org/oas/v3.1.1): the only file that knows their field names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from esipy._spec.legacy import BODY_NAMES
from esipy._spec.media import BINARY, FORM, JSON, MULTIPART, TEXT, Content, PartStyle, bare, is_json
from esipy._spec.model import OperationKey, ResponseSpec
from esipy._spec.parameter import Parameter, ParameterStyle
from esipy._spec.reader import METHODS, Reader, draft4, successful
from esipy._spec.refs import Unsupported, is_mapping, listed, mapping, resolve, shown, shown_address, text
from esipy.exceptions import SpecError

#: Header parameters of these names "SHALL be ignored": media types and security schemes say what they hold.
_IGNORED = frozenset({'accept', 'content-type', 'authorization'})

#: In which media type a body is sent, where there is a choice and the value fits several.
_PREFERRED = (JSON, FORM, MULTIPART, TEXT, BINARY)


class OpenAPI3(Reader):
    """A document with `openapi: 3.x`, found at `source_url`."""

    def __init__(self, document: Mapping[str, Any], source_url: str = '') -> None:
        super().__init__(document, source_url)
        self.version = str(document['openapi'])
        self.base_url = self._base_url(listed(document, 'servers') or [{'url': '/'}])
        if 'CompatibilityDate' in mapping(mapping(document, 'components'), 'parameters'):
            # ESI's document has the date as its version; the version of another API says nothing of the kind.
            self.compatibility_date = str(mapping(document, 'info').get('version'))

    def base_url_of(self, place: OperationKey) -> str:
        """The first server of the operation, else of its path, else of the document (Server Object)."""
        for owner in (self.raw(place), self._item(place)):
            servers = listed(owner, 'servers')
            if servers:
                return self._base_url(servers)
        return self.base_url

    def base_urls(self) -> set[str]:
        found = {self.base_url}
        for item in map(self._readable, mapping(self.document, 'paths').values()):
            if isinstance(item, Mapping):
                operations = [self._readable(item[method]) for method in METHODS if method in item]
                owners = [owner for owner in (item, *operations) if isinstance(owner, Mapping) and owner.get('servers')]
                found.update(self._base_url(listed(owner, 'servers')) for owner in owners)
        return found

    def _base_url(self, servers: list[Any]) -> str:
        """The address of the first server; a relative one counts from where the document lies."""
        server = is_mapping(servers[0], 'a server')
        url = urljoin(self.source_url, _filled(server).strip() or '.')
        split = urlsplit(url)
        if split.query or split.fragment:
            raise SpecError(
                f'server address {shown_address(url)} has a query or a fragment, where a path belongs at its end'
            )
        return url.rstrip('/')

    def parameters(self, place: OperationKey) -> list[Parameter]:
        found = super().parameters(place)
        found = [p for p in found if p.location != 'header' or p.name.lower() not in _IGNORED]
        body = is_mapping(resolve(self.document, self.raw(place).get('requestBody') or {}), "'requestBody'")
        if body:
            found.append(self._body(place, body))
        return found

    def _body(self, place: OperationKey, node: Mapping[str, Any]) -> Parameter:
        contents = sorted(self._contents(node), key=lambda content: _PREFERRED.index(content.kind))
        parameter = Parameter(
            BODY_NAMES.get((place.method, place.path), 'body'),
            'body',
            contents[0].schema if contents else self.schema({}),
            required=bool(node.get('required', False)),
            description=str(node.get('description', '')),
        )
        parameter.contents = tuple(contents)
        return parameter

    def _contents(self, node: Mapping[str, Any]) -> Iterator[Content]:
        """In which media types a body may be sent, `application/json` before other kinds of JSON."""
        content = mapping(node, 'content')
        for name in sorted(content, key=lambda name: bare(str(name)) != 'application/json'):
            media = is_mapping(resolve(self.document, content[name]), f'content {name!r}')
            encoding = {
                field: _part_style(is_mapping(entry, f'the encoding of {field!r}'))
                for field, entry in mapping(media, 'encoding').items()
            }
            schema = self.schema(media.get('schema', {}))
            if bare(str(name)) in ('*/*', 'application/*'):  # bytes are not JSON
                yield Content(str(name), schema, encoding, BINARY)
            yield Content(str(name), schema, encoding)

    def parameter(self, node: Mapping[str, Any]) -> Parameter:
        location = text(node, 'in')
        if location not in ('path', 'query', 'header', 'cookie'):
            raise Unsupported(f'parameter {shown(node.get("name"))}: the location {shown(location)}')
        content = mapping(node, 'content')
        style = str(node.get('style') or ('form' if location in ('query', 'cookie') else 'simple'))
        if content:
            name = next(iter(content))
            style = 'json' if is_json(name) else f'content {name}'
        return Parameter(
            text(node, 'name'),
            location,
            self.schema(node.get('schema') or _media(node).get('schema', {})),
            required=bool(node.get('required', False)),
            style=ParameterStyle(
                style,
                exploded=bool(node.get('explode', style == 'form')),
                allows_reserved=node.get('allowReserved') is True,
                allows_empty=node.get('allowEmptyValue') is True,
            ),
            description=str(node.get('description', '')),
        )

    def response(self, node: Mapping[str, Any]) -> ResponseSpec:
        media = _media(node)
        headers = {
            name.lower(): self.schema(is_mapping(resolve(self.document, header), f'header {name}').get('schema') or {})
            for name, header in mapping(node, 'headers').items()
        }
        named = [resolve(self.document, example) for example in mapping(media, 'examples').values()]
        examples = [example.get('value') for example in named if isinstance(example, Mapping)]
        if 'example' in media:
            examples.append(media['example'])
        schema = self.schema(media['schema']) if 'schema' in media else None
        return ResponseSpec(schema, headers, examples, tuple(map(str, mapping(node, 'content'))))

    def response_types(self, place: OperationKey) -> list[str]:
        nodes = mapping(self.raw(place), 'responses')
        good = [resolve(self.document, node) for node in successful(nodes)]
        return [str(name) for node in good if isinstance(node, Mapping) for name in mapping(node, 'content')]

    def _schemes(self) -> Mapping[str, Any]:
        return mapping(mapping(self.document, 'components'), 'securitySchemes')

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        return draft4(node, 'nullable')  # 3.0's words, which are found in documents that call themselves 3.1 too


def _media(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description of the content: that of JSON if there is a choice."""
    content = mapping(node, 'content')
    names = sorted(content, key=lambda name: not is_json(str(name)))
    return mapping(content, names[0]) if names else {}


def _part_style(node: Mapping[str, Any]) -> PartStyle:
    """How a field of a form is written (Encoding Object)."""
    style = node.get('style')
    style = 'form' if style is None and ('explode' in node or 'allowReserved' in node) else style
    kind = node.get('contentType')
    return PartStyle(
        str(kind).partition(',')[0].strip() if kind else None,
        None if style is None else str(style),
        bool(node.get('explode', style in (None, 'form'))),
        node.get('allowReserved') is True,
    )


def _filled(server: Mapping[str, Any]) -> str:
    """A server's address with the defaults of its variables."""
    url = str(server.get('url', ''))
    for name, variable in mapping(server, 'variables').items():
        value = is_mapping(variable, f'variable {name!r}').get('default')
        if value is None or isinstance(value, (Mapping, list)):
            continue
        url = url.replace('{' + str(name) + '}', str(value))
    if '{' in url:
        raise SpecError(f'server address {shown_address(url)} has a variable without a default')
    return url
