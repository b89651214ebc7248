"""Checked values to the text of a path, a query, a header and a body. Pure: plain values in, text out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode


def text(value: Any) -> str:
    """A scalar as text: `true` and `false` as JSON writes them (1.x sent Python's `True`)."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return value if isinstance(value, str) else str(value)


def in_path(value: Any) -> str:
    """One path segment, unencoded; a list is joined by commas (OpenAPI 3.1, style simple)."""
    return ','.join(map(text, value)) if isinstance(value, list) else text(value)


in_header = in_path


def in_query(value: Any, exploded: bool) -> list[str]:
    """The texts under one name: one for each item of an exploded list, else one."""
    if isinstance(value, list):
        return [text(item) for item in value] if exploded else [','.join(map(text, value))]
    return [text(value)]


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
