"""Request bodies in the media types of a description: JSON, forms, texts and bytes."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from esipy._message import serialize
from esipy._message.serialize import Unwritable
from esipy._runtime.suggest import enumerated
from esipy._spec.coerce import coerce
from esipy._spec.faults import Faults, Upload
from esipy._spec.media import BINARY, FORM, JSON, MULTIPART, TEXT, Content, PartStyle, is_json
from esipy._spec.parameter import Parameter, ParameterStyle
from esipy._spec.refs import Unsupported, shown
from esipy._spec.schema import Schema

#: Line breaks and quotes would end a name within a part's header (HTML, "multipart/form-data encoding algorithm").
_QUOTED = {'"': '%22', '\r': '%0D', '\n': '%0A'}

#: The media type of a part.
_MEDIA_TYPE = re.compile(r'[\w.!#$&^+-]+/[\w.!#$&^+-]+ *(;[\x20-\x7e]*)?', re.ASCII)


class Format(NamedTuple):
    """How the body of one call is written."""

    content: Content
    #: Between the parts of a multipart body.
    boundary: str = ''

    @property
    def content_type(self) -> str:
        """The `Content-Type` of the body."""
        if self.boundary:
            return f'multipart/form-data; boundary={self.boundary}'
        return self.content.content_type

    def encode(self, value: Any) -> bytes:
        """The bytes of a value that `fitting` has returned."""
        kind = self.content.kind
        if kind == JSON:
            return serialize.body(value)
        if kind == FORM:
            pairs = [pair for name, item in value.items() for pair in _pairs(name, item, self.content)]
            return serialize.query_text(pairs).encode()
        if kind == MULTIPART:
            parts = [part for name, item in value.items() for part in _parts(name, item, self.content)]
            return b''.join([*(_framed(part, self.boundary) for part in parts), f'--{self.boundary}--\r\n'.encode()])
        return value.content if isinstance(value, Upload) else serialize.text_of(value).encode()


class _Part(NamedTuple):
    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def chosen(parameter: Parameter, value: Any, faults: Faults) -> tuple[Any, Format]:
    """The value of a body, checked, and how it will be written: in the first media type that it fits.

    What does not fit the preferred one is added to `faults`. Raises SpecError where none of them is supported.
    """
    contents = [content for content in parameter.contents if content.is_supported]
    if not contents:
        names = enumerated(content.media_type for content in parameter.contents)
        raise Unsupported(f'a body of {names or "no media type"}')
    if len(contents) > 1 or contents[0].kind != JSON:
        value = _at_hand(value)
    first: Faults | None = None
    for content in contents:
        found = Faults(keeps_null=content.is_merge_patch, takes_files=content.kind == MULTIPART)
        fit = fitting(value, content, parameter.argument, found)
        if not found:
            return fit, format_of(content)
        first = found if first is None else first
    faults.extend(first or ())
    return None, Format(contents[0])


def format_of(content: Content) -> Format:
    """How a body of this content is written."""
    return Format(content, secrets.token_hex(16) if content.kind == MULTIPART else '')


def _at_hand(value: Any) -> Any:
    """A body whose files and iterators have been read: it may be tried in several media types, and sent again."""
    if isinstance(value, Mapping):
        return {name: _at_hand(item) if hasattr(item, 'read') else item for name, item in value.items()}
    if hasattr(value, 'read'):
        return upload_of(value, None)
    return list(value) if isinstance(value, Iterator) else value


def fitting(value: Any, content: Content, where: str, faults: Faults) -> Any:
    """The value as it can be written in a media type; what does not fit is added to `faults`."""
    kind = content.kind
    if kind == JSON:
        return coerce(value, content.schema, where, faults)
    if kind in (FORM, MULTIPART):
        return _form(value, content, where, faults)
    upload = upload_of(value, None)
    # The schema of XML and the like describes the data, not the text.
    is_scalar = not {'object', 'array'}.intersection(content.schema.types)
    if kind == TEXT and upload is None and (is_scalar or isinstance(value, str)):
        if isinstance(value, (Mapping, list, tuple)):
            faults.append((where, f'{shown(value)} where text belongs ({content.media_type})'))
            return None
        return coerce(value, content.schema, where, faults) if is_scalar else value
    if upload is None and kind == BINARY and isinstance(value, str):
        upload = Upload(value.encode())
    if upload is None:
        wanted = 'text' if kind == TEXT else 'bytes or a file'
        faults.append((where, f'{shown(value)} where {wanted} belongs ({content.media_type})'))
    return upload


def _form(value: Any, content: Content, where: str, faults: Faults) -> Any:
    if not isinstance(value, Mapping):
        faults.append((where, f'{shown(value)} is not an object: the fields of a form ({content.media_type})'))
        return None
    fields = {str(name): item for name, item in value.items()}
    if content.kind == MULTIPART:
        known = content.schema.properties
        fields = {name: with_uploads(item, name, known.get(name)) for name, item in fields.items()}
    form = coerce(fields, content.schema, where, faults)
    for name, item in (form or {}).items():
        try:
            for _ in _parts(name, item, content) if content.kind == MULTIPART else _pairs(name, item, content):
                pass
        except Unwritable as error:
            faults.append((f'{where}.{name}', str(error)))
    return form


def with_uploads(value: Any, name: str, schema: Schema | None) -> Any:
    """A field of a form, with files in place of what stands for one: bytes, an open file, or a tuple (filename,
    content) or (filename, content, media type), as `requests` takes them; and a list of these."""
    upload = upload_of(value, name)
    if isinstance(value, (list, tuple)) and upload is None:
        item = next((part.items for part in schema.readings if part.items), None) if schema is not None else None
        return [with_uploads(one, name, item) for one in value]
    if upload is None and isinstance(value, str) and schema is not None and is_file(schema):
        return Upload(value.encode(), name)
    return value if upload is None else upload


def is_file(schema: Schema) -> bool:
    """Whether a field of a form is a file."""
    return any(
        part.types == ('file',) or part.format == 'binary' or 'contentMediaType' in part.keywords
        for part in schema.readings
    )


def upload_of(value: Any, name: str | None) -> Upload | None:
    """Return the content of a file, read to its end, so that it can be sent again; None for any other value."""
    if isinstance(value, Upload):
        return value if value.filename else value._replace(filename=name)
    if isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[0], (str, type(None))):
        inner = Upload(value[1].encode()) if isinstance(value[1], str) else upload_of(value[1], None)
        kind = value[2] if len(value) == 3 else None
        if inner is None or not (kind is None or (isinstance(kind, str) and _MEDIA_TYPE.fullmatch(kind))):
            return None
        return Upload(inner.content, value[0], kind)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Upload(bytes(value), name)
    if isinstance(value, os.PathLike):
        file = Path(value)
        return Upload(file.read_bytes(), file.name)
    read = getattr(value, 'read', None)
    if not callable(read):
        return None
    content = read()
    path = getattr(value, 'name', None)
    filename = re.split(r'[/\\]', path)[-1] if isinstance(path, str) and path[:1] not in ('', '<') else name
    return Upload(content.encode() if isinstance(content, str) else bytes(content), filename)


def _pairs(name: str, value: Any, content: Content) -> list[tuple[str, str]]:
    """A field of a form in the query's form: objects as JSON unless a style is declared (OpenAPI 3.1, Encoding
    Object)."""
    if value is None:
        return []
    style = content.encoding.get(name, PartStyle())
    if isinstance(value, Upload):
        raise Unwritable(f'a file cannot be sent as {content.media_type}')
    if style.style is None:
        if _is_json(style):
            return [(name, serialize.json_text(value))]
        items = value if isinstance(value, list) else [value]
        return [(name, serialize.text_of(item)) for item in items]
    schema = content.schema.properties.get(name, content.schema)
    written = ParameterStyle(style.style, style.exploded, style.allows_reserved)
    parameter = Parameter(name, 'formData', schema, style=written)
    return serialize.in_query(parameter, value)


def _parts(name: str, value: Any, content: Content) -> Iterator[_Part]:
    """The parts of a field: one for each item of a list."""
    style = content.encoding.get(name, PartStyle())
    for item in value if isinstance(value, list) and not _is_json(style) else [value]:
        if isinstance(item, Upload):
            kind = item.content_type or style.content_type or 'application/octet-stream'
            yield _Part(name, item.content, item.filename, kind if '*' not in kind else 'application/octet-stream')
        elif _is_json(style):
            yield _Part(name, serialize.body(item), None, style.content_type)
        elif isinstance(item, (dict, list)):
            if style.content_type not in (None, 'text/plain'):
                raise Unwritable(f'an object or a list cannot be written as {style.content_type}')
            yield _Part(name, serialize.body(item), None, style.content_type or 'application/json')
        elif item is not None:
            yield _Part(name, serialize.text_of(item).encode(), None, style.content_type)


def _is_json(style: PartStyle) -> bool:
    return style.content_type is not None and is_json(style.content_type)


def _framed(part: _Part, boundary: str) -> bytes:
    """A part with its headers (RFC 7578)."""
    lines = [f'--{boundary}', f'Content-Disposition: form-data; name="{_quoted(part.name)}"']
    if part.filename is not None:
        lines[1] += f'; filename="{_quoted(part.filename)}"'
    if part.content_type is not None:
        lines.append(f'Content-Type: {part.content_type}')
    return '\r\n'.join([*lines, '', '']).encode() + part.content + b'\r\n'


def _quoted(text: str) -> str:
    return ''.join(_QUOTED.get(character, character) for character in text)
