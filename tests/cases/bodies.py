"""Bodies in every media type: what is given, and what arrives at the server."""

import decimal
import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

TEXT: dict[str, Any] = {'type': 'string'}
FILE: dict[str, Any] = {'type': 'string', 'format': 'binary'}
NAMED: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'name': {'type': 'string'},
        'count': {'type': 'integer'},
        'tags': {'type': 'array', 'items': {'type': 'string'}},
        'owner': {'type': 'object', 'properties': {'id': {'type': 'integer'}}},
        'private': {'type': 'boolean', 'default': False},
    },
}
WITH_FILES: dict[str, Any] = {
    'type': 'object',
    'required': ['file'],
    'properties': {
        'file': FILE,
        'files': {'type': 'array', 'items': FILE},
        'name': TEXT,
        'owner': {'type': 'object'},
        'tags': {'type': 'array', 'items': TEXT},
        'maybe': {'anyOf': [FILE, {'type': 'null'}]},
        'some': {'anyOf': [{'type': 'array', 'items': FILE}, {'type': 'null'}]},
    },
}

FORM, MULTIPART = 'application/x-www-form-urlencoded', 'multipart/form-data'


class Named(io.BytesIO):
    """An open file."""

    name = '/tmp/pictures/cat.png'


class Case(NamedTuple):
    media_type: str
    schema: dict[str, Any]
    value: Any
    content_type: str
    body: bytes
    encoding: Mapping[str, Any] = MappingProxyType({})


BODIES = [
    Case('application/json', NAMED, {'count': '3'}, 'application/json', b'{"count": 3}'),
    Case('application/json; charset=utf-8', TEXT, 'x', 'application/json; charset=utf-8', b'"x"'),
    Case('application/vnd.api+json', NAMED, {'count': 3}, 'application/vnd.api+json', b'{"count": 3}'),
    Case('*/*', NAMED, {'count': 3}, 'application/json', b'{"count": 3}'),
    Case('text/json', NAMED, {'count': 3}, 'text/json', b'{"count": 3}'),
    Case('application/*+json', NAMED, {'count': '3'}, 'application/json', b'{"count": 3}'),
    Case('*/*', FILE, b'\xff', 'application/octet-stream', b'\xff'),
    Case('*/*', {}, Named(b'png'), 'application/octet-stream', b'png'),
    # patches
    Case('application/merge-patch+json', NAMED, {'name': None}, 'application/merge-patch+json', b'{"name": null}'),
    Case(
        'application/merge-patch+json',
        NAMED,
        {'owner': {'id': None}, 'count': 1},
        'application/merge-patch+json',
        b'{"count": 1, "owner": {"id": null}}',
    ),
    Case('application/merge-patch+json', NAMED, {'tags': None}, 'application/merge-patch+json', b'{"tags": null}'),
    Case(
        'application/json-patch+json',
        {'type': 'array', 'items': {'type': 'object', 'properties': {'op': TEXT, 'path': TEXT, 'value': {}}}},
        [{'op': 'add', 'path': '/a', 'value': None}],
        'application/json-patch+json',
        b'[{"op": "add", "path": "/a", "value": null}]',
    ),
    # forms
    Case(FORM, NAMED, {'name': 'a b&c', 'count': '3'}, FORM, b'name=a+b%26c&count=3'),
    Case(FORM, NAMED, {'tags': ['a', 'b']}, FORM, b'tags=a&tags=b'),
    Case(FORM, NAMED, {'owner': {'id': 5}}, FORM, b'owner=%7B%22id%22%3A5%7D'),
    Case(FORM, NAMED, {}, FORM, b''),
    Case(FORM, NAMED, {'tags': ['a', 'b']}, FORM, b'tags=a,b', {'tags': {'style': 'form', 'explode': False}}),
    Case(FORM, NAMED, {'tags': ['a', 'b']}, FORM, b'tags=a%7Cb', {'tags': {'style': 'pipeDelimited'}}),
    Case(
        FORM, NAMED, {'owner': {'id': 5}}, FORM, b'owner%5Bid%5D=5', {'owner': {'style': 'deepObject', 'explode': True}}
    ),
    Case(FORM, NAMED, {'owner': {'id': 5}}, FORM, b'id=5', {'owner': {'style': 'form'}}),
    Case(FORM, NAMED, {'tags': ['a']}, FORM, b'tags=%5B%22a%22%5D', {'tags': {'contentType': 'application/json'}}),
    Case(FORM, NAMED, {'name': 'a'}, FORM, b'name=%22a%22', {'name': {'contentType': 'application/json'}}),
    # texts and bytes
    Case('text/plain', {'type': 'boolean'}, True, 'text/plain; charset=utf-8', b'true'),
    Case('text/plain', {}, False, 'text/plain; charset=utf-8', b'false'),
    Case('text/plain', {'type': 'number'}, decimal.Decimal('1.5'), 'text/plain; charset=utf-8', b'1.5'),
    Case('text/plain', {'type': 'number'}, 34.0, 'text/plain; charset=utf-8', b'34'),
    Case('text/plain', TEXT, date(2026, 8, 4), 'text/plain; charset=utf-8', b'2026-08-04'),
    Case('application/octet-stream', FILE, Path(__file__), 'application/octet-stream', Path(__file__).read_bytes()),
    Case('text/plain', TEXT, 'hëllo', 'text/plain; charset=utf-8', 'hëllo'.encode()),
    Case('text/plain', {}, b'\xff', 'text/plain; charset=utf-8', b'\xff'),
    Case('text/csv; charset=ascii', TEXT, 'a,b', 'text/csv; charset=ascii', b'a,b'),
    Case('application/xml', NAMED, '<named/>', 'application/xml; charset=utf-8', b'<named/>'),
    Case('application/octet-stream', FILE, b'\x00\x01', 'application/octet-stream', b'\x00\x01'),
    Case('application/octet-stream', {}, bytearray(b'\x00\x01'), 'application/octet-stream', b'\x00\x01'),
    Case('application/octet-stream', FILE, Named(b'png'), 'application/octet-stream', b'png'),
    Case('image/png', FILE, b'png', 'image/png', b'png'),
    Case('image/*', FILE, b'png', 'application/octet-stream', b'png'),
    Case('application/octet-stream', FILE, 'text', 'application/octet-stream', b'text'),
]


class Parts(NamedTuple):
    """A multipart body: its fields, and the parts that arrive (name, filename, content type, content)."""

    value: Any
    parts: list[tuple[str, str | None, str | None, bytes]]
    encoding: Mapping[str, Any] = MappingProxyType({})


OCTETS = 'application/octet-stream'

PARTS = [
    Parts({'file': b'\x00'}, [('file', 'file', OCTETS, b'\x00')]),
    Parts({'file': Named(b'png')}, [('file', 'cat.png', OCTETS, b'png')]),
    Parts({'file': io.BytesIO(b'png')}, [('file', 'file', OCTETS, b'png')]),
    Parts({'file': io.StringIO('text')}, [('file', 'file', OCTETS, b'text')]),
    Parts({'file': 'text'}, [('file', 'file', OCTETS, b'text')]),
    Parts({'file': ('a.txt', 'text')}, [('file', 'a.txt', OCTETS, b'text')]),
    Parts({'file': ('a.png', b'png', 'image/png')}, [('file', 'a.png', 'image/png', b'png')]),
    Parts({'file': ('a.png', io.BytesIO(b'png'), 'image/png')}, [('file', 'a.png', 'image/png', b'png')]),
    Parts({'file': b'x'}, [('file', 'file', 'image/png', b'x')], {'file': {'contentType': 'image/png, image/jpeg'}}),
    Parts(
        {'file': b'1', 'files': [b'2', ('b', b'3')]},
        [('file', 'file', OCTETS, b'1'), ('files', 'files', OCTETS, b'2'), ('files', 'b', OCTETS, b'3')],
    ),
    Parts({'file': b'1', 'files': b'2'}, [('file', 'file', OCTETS, b'1'), ('files', 'files', OCTETS, b'2')]),
    Parts(
        {'file': b'1', 'name': 'hëllo', 'owner': {'id': 5}, 'tags': ['a', 'b']},
        [
            ('file', 'file', OCTETS, b'1'),
            ('name', None, None, 'hëllo'.encode()),
            ('owner', None, 'application/json', b'{"id": 5}'),
            ('tags', None, None, b'a'),
            ('tags', None, None, b'b'),
        ],
    ),
    Parts({'file': Path(__file__)}, [('file', 'bodies.py', OCTETS, Path(__file__).read_bytes())]),
    Parts({'file': b'1', 'maybe': 'x'}, [('file', 'file', OCTETS, b'1'), ('maybe', 'maybe', OCTETS, b'x')]),
    Parts({'file': b'1', 'some': ['x']}, [('file', 'file', OCTETS, b'1'), ('some', 'some', OCTETS, b'x')]),
    Parts(
        {'file': b'1', 'files': (b'2', b'3')},
        [('file', 'file', OCTETS, b'1'), ('files', 'files', OCTETS, b'2'), ('files', 'files', OCTETS, b'3')],
    ),
    Parts(
        {'file': b'1', 'name': 'x'},
        [('file', 'file', OCTETS, b'1'), ('name', None, 'application/json', b'"x"')],
        {'name': {'contentType': 'application/json'}},
    ),
    Parts({'file': ('a"\r\nX-Evil: 1', b'1')}, [('file', 'a%22%0D%0AX-Evil: 1', OCTETS, b'1')]),
]

#: Media type, schema, value, and what the error says.
REFUSED: list[tuple[str, dict[str, Any], Any, str]] = [
    (FORM, NAMED, 'a=b', 'is not an object: the fields of a form'),
    (FORM, NAMED, {'count': 'x'}, 'body.count: '),
    (FORM, NAMED, {'name': b'file'}, 'body.name: '),
    (FORM, WITH_FILES, {}, 'body.file: is required'),
    (MULTIPART, WITH_FILES, {'name': 'x'}, 'body.file: is required'),
    (MULTIPART, WITH_FILES, {'file': b'', 'owner': b'x'}, 'a file where object belongs'),
    (MULTIPART, WITH_FILES, {'file': {'a': 1}}, 'body.file: '),
    ('text/plain', TEXT, {'a': 1}, 'where text belongs (text/plain)'),
    ('application/octet-stream', FILE, {'a': 1}, 'where bytes or a file belongs (application/octet-stream)'),
    ('application/json', NAMED, b'{}', 'is not an object'),
    ('application/json', NAMED, {'name': b'x'}, 'body.name: '),
    ('application/json', {}, Named(b'x'), 'body: '),
]

#: Media types that no body can be sent in.
UNSUPPORTED = ['multipart/mixed', 'multipart/related; type=x', 'no media type', 'a/b\r\nX-Evil: 1']
