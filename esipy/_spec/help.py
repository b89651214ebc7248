"""The text of `help(operation)`: what a call takes, what it returns, and where the vendor describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from esipy._runtime.redact import masked_address
from esipy._runtime.suggest import enumerated
from esipy.exceptions import SpecError

if TYPE_CHECKING:
    from esipy._spec.model import Operation
    from esipy._spec.parameter import Parameter
    from esipy._spec.schema import Schema

#: Where a vendor describes its operations for people, by the host of the API.
PAGES = {'esi.evetech.net': 'https://developers.eveonline.com/api-explorer#/operations/{id}'}

#: How far a type is followed into its fields, and how many lines of them are shown.
_DEPTH = 3
_FIELDS = 60


def operation_help(operation: Operation, hidden: str) -> str:
    """Return the help of an operation: arguments (headers last), fields of the body and of the response, what it needs.

    `hidden`: the header that a client fills in.
    """
    lines = [
        operation.summary or operation.description,
        '',
        f'{operation.method} {masked_address(operation.base_url)}{operation.path}',
    ]
    taken = [parameter for parameter in operation.parameters if parameter.name != hidden]
    own = [parameter for parameter in taken if parameter.location not in ('header', 'cookie')]
    for title, parameters in (('Arguments', own), ('Headers', [one for one in taken if one not in own])):
        shown = [line for parameter in parameters for line in _argument(parameter)]
        lines += ['', f'{title}:', *shown] if shown else []
    lines += ['', *_response(operation)]
    lines += [''] if operation.scopes or operation.required_roles or operation.rate_limit else []
    if operation.scopes:
        lines.append(f'Needs the scope {", ".join(operation.scopes)}')
    if operation.required_roles:
        lines.append(f'Needs one of the roles {", ".join(operation.required_roles)}')
    limit = operation.rate_limit
    if limit is not None:
        lines.append(f'Rate limit: {limit.tokens} tokens in {limit.window:g} s, shared by the group {limit.group!r}')
    page = _page(operation)
    return '\n'.join([*lines, *(['', f'Described at {page}'] if page else [])])


def _argument(parameter: Parameter) -> Iterator[str]:
    default = f'default {parameter.default!r}'
    need = default if parameter.has_default else 'required' if parameter.required else 'optional'
    choice = f', one of {enumerated(parameter.enum)}' if parameter.enum else ''
    yield f'  {parameter.argument} ({parameter.location}, {parameter.type}, {need}{choice}): {parameter.description}'
    if parameter.location == 'body':
        yield from _fields(parameter.schema, 2)


def _response(operation: Operation) -> list[str]:
    """The fields of a success; what is broken in the description is left out."""
    try:
        statuses = [status for status in operation.responses if status.startswith('2')]
        schema = next((found for status in statuses if (found := operation.responses[status].schema) is not None), None)
        if schema is None:
            return ['Response: no content'] if statuses else ['Response: not described']
        return [f'Response: {_kind(schema)}', *_fields(schema, 1)]
    except SpecError as error:
        return [f'Response: its description is broken: {error}']


def _fields(schema: Schema, level: int) -> list[str]:
    lines = list(_walk(schema, level, level + _DEPTH))
    return lines if len(lines) <= _FIELDS else [*lines[:_FIELDS], f'{"  " * level}… and {len(lines) - _FIELDS} more']


def _walk(schema: Schema, level: int, deepest: int) -> Iterator[str]:
    if level == deepest:
        return
    holder, _ = _innermost(schema)
    for name, field in holder.properties.items():
        note = '' if name in holder.required else ', optional'
        text = ' '.join(str(field.raw.get('description', '')).split())
        yield f'{"  " * level}{name} ({_kind(field)}{note}){f": {text}" if text else ""}'
        yield from _walk(field, level + 1, deepest)


def _kind(schema: Schema) -> str:
    """A type in words: 'integer', 'date-time', 'list of objects', 'one of buy, sell'."""
    if schema.enum:
        return f'one of {enumerated(schema.enum)}'
    if schema.items is not None:
        inner, depth = _innermost(schema)
        name = 'list' if inner.items is not None else _kind(inner)
        return 'list of ' * depth + (name if name.startswith('one of') else f'{name}s')
    kind = next((kind for kind in schema.types if kind != 'null'), 'any value')
    return schema.format if kind == 'string' and schema.format else kind


def _innermost(schema: Schema) -> tuple[Schema, int]:
    """What a list of lists holds in the end, and how many lists are around it: no more than people read."""
    depth = 0
    while schema.items is not None and depth < _DEPTH:
        schema, depth = schema.items, depth + 1
    return schema, depth


def _page(operation: Operation) -> str:
    """Return the address of the vendor's page about the operation; empty if it is not known."""
    for node in (operation.raw, operation._reader.document):
        documentation = node.get('externalDocs')
        if isinstance(documentation, Mapping) and documentation.get('url'):
            return str(documentation['url'])
    page = PAGES.get(urlsplit(operation.base_url).hostname or '', '')
    return page.format(id=operation.id) if operation._reader.document.get('openapi') else ''
