"""Values as bytes, for the shared caches: never a pickle, so that an entry planted by somebody else is at worst a miss.

A response:    magic, seal, 'A', length of its head, length of its body, head (JSON), body as it is
Another value: magic, seal, 'V', length, JSON with tags for what JSON cannot express

Every entry contains the name under which it is stored, and the name of a response identifies its request and its owner:
an entry that is copied to another name is a miss. The seal is a MAC (HMAC-SHA256) with the cache's secret, or zeros.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from typing import Any

from esipy._cache.policy import CachedResponse
from esipy._runtime.strict_json import finite, refuse

#: Changes when the layout does: an entry of another version is a miss.
_MAGIC = b'esipy2\x02'
_SEAL_SIZE = hashlib.sha256().digest_size
_UNSEALED = bytes(_SEAL_SIZE)
_START = len(_MAGIC) + _SEAL_SIZE
_RESPONSE = struct.Struct('>cIQ')
_VALUE = struct.Struct('>cQ')


def seal(name: str, value: Any, secret: bytes | None = None) -> bytes:
    """Return a CachedResponse, or JSON values, bytes, tuples and sets in any mixture, as bytes to store under `name`.

    Raises TypeError for anything else.
    """
    if type(value) is CachedResponse:
        status, headers, content, url = value
        head = json.dumps([name, status, headers, url]).encode()
        entry = b''.join((_RESPONSE.pack(b'A', len(head), len(content)), head, content))
    else:
        body = json.dumps([name, _tagged(value)]).encode()
        entry = b''.join((_VALUE.pack(b'V', len(body)), body))
    return b''.join((_MAGIC, _mac(entry, secret), entry))


def unseal(name: str, data: Any, secret: bytes | None = None) -> Any:
    """Return the value of an entry that was stored under `name`.

    Raises ValueError for an entry that is broken, of another version, of another name, or without the right seal.
    """
    if not isinstance(data, bytes) or not data.startswith(_MAGIC):
        raise ValueError('it was written by another version of esipy, or not by esipy')
    if not hmac.compare_digest(data[len(_MAGIC) : _START], _mac(data[_START:], secret)):
        raise ValueError('it was changed, or written with another secret= than that of this cache')
    try:
        stored_as, value = _response(data) if data.startswith(b'A', _START) else _value(data)
    except (struct.error, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f'it is broken: {error!r}') from None
    if stored_as != name:
        raise ValueError('it belongs to another key')
    return value


def _mac(entry: bytes, secret: bytes | None) -> bytes:
    return _UNSEALED if secret is None else hmac.new(secret, entry, hashlib.sha256).digest()


def _response(data: bytes) -> tuple[Any, CachedResponse]:
    _, head_size, body_size = _RESPONSE.unpack_from(data, _START)
    start = _START + _RESPONSE.size
    body = start + head_size
    if len(data) != body + body_size:
        raise ValueError('it is cut short')
    name, status, headers, url = _loads(data[start:body])
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        raise ValueError('its headers are not headers')
    return name, CachedResponse(int(status), headers, data[body:], str(url))


def _value(data: bytes) -> tuple[Any, Any]:
    kind, size = _VALUE.unpack_from(data, _START)
    start = _START + _VALUE.size
    if kind != b'V' or len(data) != start + size:
        raise ValueError('it is cut short')
    name, value = _loads(data[start:])
    return name, _untagged(value)


def _loads(text: bytes) -> Any:
    return json.loads(text, parse_constant=refuse, parse_float=finite)


def _tagged(value: Any) -> Any:
    """JSON values; what JSON cannot express becomes an object with a tag as its only key."""
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
    raise TypeError(
        f'a shared cache cannot store a value of type {type(value).__name__}: '
        'it stores JSON values, bytes, tuples and sets'
    )


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
