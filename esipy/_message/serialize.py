"""Checked values to the text of a path, a query, a header and a cookie. Pure: plain values in, text out.

The styles are those of OpenAPI 3.1 ("Style Values"), which are expansions of RFC 6570; 'delimited' is Swagger 2.0's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from esipy._runtime.suggest import abridged
from esipy._spec.parameter import Parameter
from esipy._spec.refs import Unsupported, shown

Pairs = list[tuple[str, str]]


class Unwritable(Exception):
    """A value that has no text in this place; the message says why."""


class Encoded(str):
    """Text that is percent-encoded already, but for the separators in it."""

    __slots__ = ()


#: What `allowReserved` leaves as it is. `&`, `+` and `#` would be read as the end of the value, or as a space; brackets
#: do not belong into a query (RFC 3986 section 3.4).
_RESERVED = ":/?@!$'()*,;="

#: Larger numbers are written with an exponent.
_MAX_WHOLE = 1e40

#: The separator between items in one text; percent-encoded where it is not allowed in a query.
_SEPARATORS = {'form': ',', 'spaceDelimited': '%20', 'pipeDelimited': '%7C'}

#: The styles of each location.
_STYLES = {
    'path': ('simple', 'label', 'matrix', 'json', 'delimited'),
    'query': ('form', 'spaceDelimited', 'pipeDelimited', 'deepObject', 'json', 'delimited'),
    'header': ('simple', 'json', 'delimited'),
    'cookie': ('form', 'json'),
    'formData': ('form', 'spaceDelimited', 'pipeDelimited', 'deepObject', 'json', 'delimited'),
}


def text_of(value: Any) -> str:
    """One value as text. `true` and `false` are written as in JSON (1.x sent Python's `True`)."""
    if isinstance(value, str):
        return value
    if value is None:
        raise Unwritable('null cannot be written here')
    if isinstance(value, (bool, dict, list)):
        return json_text(value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _MAX_WHOLE:
            return str(int(value))
        return repr(value).replace('e+', 'e')  # a plus is read as a space
    return str(value)


def json_text(value: Any) -> str:
    """A value as JSON, as short as it can be."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def joined(value: Any, separators: Sequence[str]) -> str:
    """A value as one text, not yet encoded. `separators`: for lists, for lists in lists, and so on."""
    if isinstance(value, list):
        return (separators or ',')[0].join(joined(item, separators[1:]) for item in value)
    return text_of(value)


def texts_of(value: Any) -> list[str]:
    """The texts of a value that no description has: one for each item of a list."""
    return [joined(item, ',') for item in value] if isinstance(value, (list, tuple)) else [text_of(value)]


def in_query(parameter: Parameter, value: Any) -> Pairs:
    """The pairs (name, text) that a query parameter, or a field of a form, becomes."""
    _check_style(parameter)
    name, style = parameter.name, parameter.style
    if style == 'json':
        return [(name, json_text(value))]
    if style == 'delimited':
        items = value if isinstance(value, list) and parameter.exploded else [value]
        separators = parameter.separators[1:] if items is value else parameter.separators
        return [(name, joined(item, separators)) for item in items]
    encode = _reserving if parameter.allows_reserved else quote_plus
    if not isinstance(value, (list, dict)):
        if style == 'deepObject':
            raise _undefined(parameter, 'a single value')
        text = text_of(value)
        return [(name, Encoded(encode(text)) if parameter.allows_reserved else text)]
    if style == 'deepObject':
        return _deep(parameter, value, encode)
    if parameter.exploded:
        pairs = [(name, item) for item in value] if isinstance(value, list) else value.items()
        texts = [(key, _scalar(parameter, item)) for key, item in pairs]
        return [(key, Encoded(encode(text)) if parameter.allows_reserved else text) for key, text in texts]
    separator = _SEPARATORS[style]
    return [(name, Encoded(separator.join(encode(_scalar(parameter, item)) for item in _flat(value))))]


def _deep(parameter: Parameter, value: Any, encode: Callable[[str], str]) -> Pairs:
    """`filter[owner]=me&filter[size]=3`. Only objects of single values have this form (OpenAPI 3.1)."""
    if not isinstance(value, dict):
        raise _undefined(parameter, 'a list')
    texts = [(f'{parameter.name}[{key}]', _scalar(parameter, item)) for key, item in value.items()]
    return [(key, Encoded(encode(text)) if parameter.allows_reserved else text) for key, text in texts]


def in_path(parameter: Parameter, value: Any) -> str:
    """The text for a placeholder of the path."""
    _check_style(parameter)
    style, name = parameter.style, encoded(parameter.name)
    if style in ('json', 'delimited') or (style == 'simple' and not isinstance(value, (list, dict))):
        text = json_text(value) if style == 'json' else joined(value, parameter.separators)
        if not text:
            raise Unwritable('an empty text cannot stand in a path')
        return text
    items = [encoded(_scalar(parameter, item)) for item in _flat(value)]
    fields = [f'{encoded(key)}={encoded(_scalar(parameter, item))}' for key, item in _fields(value)]
    parts = fields if fields and parameter.exploded else items
    if style == 'matrix':
        if isinstance(value, list) and parameter.exploded:
            parts = [f'{name}={item}' for item in items]
        elif not (fields and parameter.exploded):
            parts = [f'{name}={",".join(items)}'] if any(items) else [name]
        text = ''.join(f';{part}' for part in parts)
    elif style == 'label':
        text = '.' + ('.' if parameter.exploded else ',').join(parts)
    else:
        text = ','.join(parts)
    if text.replace('%2E', '.') in ('', '.', '..'):
        raise Unwritable('an empty text cannot stand in a path')
    return Encoded(text)


def in_header(parameter: Parameter, value: Any) -> str:
    """The text of a header; nothing is percent-encoded there."""
    _check_style(parameter)
    if parameter.style == 'json':
        return json.dumps(value)
    if parameter.style == 'delimited' or not isinstance(value, (list, dict)):
        return joined(value, parameter.separators)
    if isinstance(value, dict) and parameter.exploded:
        return ','.join(f'{key}={_scalar(parameter, item)}' for key, item in value.items())
    return ','.join(_scalar(parameter, item) for item in _flat(value))


def in_cookie(parameter: Parameter, value: Any) -> str:
    """A pair for the `Cookie` header, percent-encoded where RFC 6265 section 4.1.1 allows no other characters."""
    _check_style(parameter)
    if isinstance(value, (list, dict)) and parameter.style == 'form' and parameter.exploded:
        raise _undefined(parameter, 'a list or an object with explode: true')
    check_cookie(parameter.name)
    items = [json_text(value)] if parameter.style == 'json' else [_scalar(parameter, item) for item in _flat(value)]
    return f'{parameter.name}={",".join(quote(item, safe=_IN_COOKIE) for item in items)}'


def check_cookie(name: str) -> None:
    """Raise Unsupported for what cannot be the name of a cookie (RFC 6265 section 4.1.1)."""
    if not _COOKIE_NAME.fullmatch(name):
        raise Unsupported(f'a cookie cannot be called {shown(name)}')


_COOKIE_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


#: Characters of a cookie that stay as they are.
_IN_COOKIE = "!#$&'()*+-./:<=>?@[]^_`{|}~"


def _check_style(parameter: Parameter) -> None:
    if parameter.style not in _STYLES.get(parameter.location, ()):
        style = parameter.style
        style = abridged(style, 80) if style.startswith('content ') else f'style {shown(style)}'
        raise Unsupported(f'parameter {shown(parameter.name)}: {style} in a {parameter.location}')


def _flat(value: Any) -> list[Any]:
    """The items of a list, or the names and values of an object one after the other."""
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    return value if isinstance(value, list) else [value]


def _fields(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _scalar(parameter: Parameter, value: Any) -> str:
    if isinstance(value, (list, dict)):
        raise _undefined(parameter, 'a list or an object within another')
    return text_of(value)


def _undefined(parameter: Parameter, what: str) -> Unsupported:
    return Unsupported(
        f'parameter {shown(parameter.name)}: style {parameter.style!r} does not define how {what} is written '
        f'in a {parameter.location}'
    )


def _reserving(text: str) -> str:
    """Percent-encoded, but for reserved characters and what is encoded already (RFC 6570 section 3.2.3)."""
    return ''.join(
        part if number % 2 else quote(part, safe=_RESERVED) for number, part in enumerate(_TRIPLET.split(text))
    )


_TRIPLET = re.compile('(%[0-9A-Fa-f]{2})')


def encoded(segment: str) -> str:
    """Percent-encode a path value whole (RFC 3986 section 3.3), so that it stays within its segment.

    A dot is not reserved, but `.` and `..` as segments mean "here" and "up" (section 5.2.4).
    """
    safe = quote(segment, safe='')
    return safe.replace('.', '%2E') if '..' in safe or safe == '.' else safe


def path(template: str, values: dict[str, str]) -> str:
    """A path with its placeholders filled in."""
    for name, value in values.items():
        template = template.replace('{' + name + '}', value if type(value) is Encoded else encoded(value))
    return template


def query_text(query: Iterable[tuple[str, str]]) -> str:
    """Return the pairs as they are written in an address or in a form."""
    pairs = list(query)
    if not any(type(value) is Encoded for _, value in pairs):
        return urlencode(pairs)
    return '&'.join(
        f'{quote_plus(name)}={value if type(value) is Encoded else quote_plus(value)}' for name, value in pairs
    )


def with_query(address: str, query: Iterable[tuple[str, str]]) -> str:
    """An address with its query; one that its path has already stays."""
    text = query_text(query)
    return f'{address}{"&" if "?" in address else "?"}{text}' if text else address


def body(value: Any) -> bytes:
    """A JSON body."""
    return json.dumps(value).encode()
