"""Checked values to the text of a path, a query, a header and a body. Pure: plain values in, text out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode


def joined(value: Any, separators: Sequence[str]) -> str:
    """A value as one text, not yet encoded. `separators`: for lists, for lists in lists, and so on.

    `true` and `false` are written as in JSON (1.x sent Python's `True`).
    """
    if isinstance(value, list):
        return (separators or ',')[0].join(joined(item, separators[1:]) for item in value)
    if isinstance(value, (bool, dict)):
        return json.dumps(value)
    return value if isinstance(value, str) else str(value)


def in_query(value: Any, separators: Sequence[str], exploded: bool) -> list[str]:
    """The texts under one name: one for each item of an exploded list, else one."""
    if isinstance(value, list) and exploded:
        return [joined(item, separators[1:]) for item in value]
    return [joined(value, separators)]


def encoded(segment: str) -> str:
    """Percent-encode a path value whole (RFC 3986 section 3.3), so that it stays within its segment.

    A dot is not reserved, but `.` and `..` as segments mean "here" and "up" (section 5.2.4).
    """
    safe = quote(segment, safe='')
    return safe.replace('.', '%2E') if '..' in safe or safe == '.' else safe


def path(template: str, values: dict[str, str]) -> str:
    """A path with its placeholders filled in."""
    for name, value in values.items():
        template = template.replace('{' + name + '}', encoded(value))
    return template


def with_query(address: str, query: Iterable[tuple[str, str]]) -> str:
    """An address with its query."""
    text = urlencode(list(query))
    return f'{address}?{text}' if text else address


def body(value: Any) -> bytes:
    """A JSON body."""
    return json.dumps(value).encode()
