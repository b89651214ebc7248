"""Values as bytes, for the shared stores: never a pickle, so that what somebody plants there is at worst a miss.

An answer:    magic, 'A', length of its head, length of its body, head (JSON), body as it is
Another value: magic, 'V', length, JSON with tags for what JSON has no word for
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from esipy._cache.policy import CachedResponse

#: Changes when the layout does: an entry of another version is a miss.
_MAGIC = b'esipy2\x01'
_START = len(_MAGIC)
_ANSWER = struct.Struct('>cIQ')
_VALUE = struct.Struct('>cQ')


def seal(value: Any) -> bytes:
    """A CachedResponse, or JSON values, bytes, tuples and sets in any mixture, as bytes.

    Raises TypeError for anything else.
    """
    if type(value) is CachedResponse:
        status, headers, content, url = value
        head = json.dumps([status, headers, url]).encode()
        return b''.join((_MAGIC, _ANSWER.pack(b'A', len(head), len(content)), head, content))
    body = json.dumps(_tagged(value)).encode()
    return b''.join((_MAGIC, _VALUE.pack(b'V', len(body)), body))


def unseal(data: Any) -> Any:
    """The value in an envelope. Raises ValueError for whatever is no envelope of ours: broken, old or foreign."""
    if not isinstance(data, bytes) or not data.startswith(_MAGIC):
        raise ValueError('not an entry of esipy')
    try:
        return _answer(data) if data.startswith(b'A', _START) else _value(data)
    except (struct.error, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f'broken entry: {error!r}') from None


def _answer(data: bytes) -> CachedResponse:
    _, head_size, body_size = _ANSWER.unpack_from(data, _START)
    start = _START + _ANSWER.size
    body = start + head_size
    if len(data) != body + body_size:
        raise ValueError('an entry cut short')
    status, headers, url = json.loads(data[start:body])
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        raise ValueError('an entry whose headers are none')
    return CachedResponse(int(status), headers, data[body:], str(url))


def _value(data: bytes) -> Any:
    kind, size = _VALUE.unpack_from(data, _START)
    start = _START + _VALUE.size
    if kind != b'V' or len(data) != start + size:
        raise ValueError('an entry cut short')
    return _untagged(json.loads(data[start:]))


def _tagged(value: Any) -> Any:
    """JSON values; what JSON has no word for becomes an object with a tag as its only key."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return {'!bytes': base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, tuple):
        return {'!tuple': [_tagged(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        name = '!set' if isinstance(value, set) else '!frozenset'
        return {name: [_tagged(item) for item in sorted(value, key=repr)]}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith('!') for key in value):
            return {key: _tagged(item) for key, item in value.items()}
        return {'!dict': [[_tagged(key), _tagged(item)] for key, item in value.items()]}
    raise TypeError(f'{type(value).__name__} cannot be kept in a shared cache: JSON values, bytes, tuples and sets can')


_UNTAG: dict[str, Any] = {
    '!bytes': lambda content: base64.b64decode(content, validate=True),
    '!tuple': lambda content: tuple(map(_untagged, content)),
    '!set': lambda content: set(map(_untagged, content)),
    '!frozenset': lambda content: frozenset(map(_untagged, content)),
    '!dict': lambda content: {_untagged(key): _untagged(item) for key, item in content},
}


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag, content = next(iter(value.items()), ('', None))
    if tag.startswith('!'):
        return _UNTAG[tag](content)
    return {key: _untagged(item) for key, item in value.items()}
