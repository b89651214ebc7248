"""Bytes to values: JSON with orjson where the extra `speed` is installed, else with the standard library; texts; and
bytes as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from esipy._spec.media import BINARY, JSON, TEXT, bare, is_json, is_within, kind_of

#: orjson makes a float of an integer beyond 64 bits, and loses its last digits. Such a number has 19 digits or more,
#: which are looked for in a copy whose digits are all zeros: the regular expression alone takes longer than orjson.
_LONG_NUMBER = re.compile(rb'-9[0-9]{18}|[0-9]{20}')
_DIGITS_TO_ZEROS = bytes.maketrans(b'0123456789', b'0' * 10)
_MANY_ZEROS = b'0' * 19


@lru_cache(maxsize=1)
def _fast() -> Callable[[bytes], Any] | None:
    try:
        import orjson
    except ImportError:
        return None
    loads: Callable[[bytes], Any] = orjson.loads
    return loads


def decode(raw: bytes) -> Any:
    """The JSON value in `raw`. Raises ValueError, with the place, for what is none."""
    fast = _fast()
    if fast is not None and not _has_long_number(raw):
        try:
            return fast(raw)
        except ValueError:
            pass  # the standard library accepts more, and reports the place of an error in the same way everywhere
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError('nested too deeply') from None


def _has_long_number(raw: bytes) -> bool:
    return _MANY_ZEROS in raw.translate(_DIGITS_TO_ZEROS) and _LONG_NUMBER.search(raw) is not None


@lru_cache(maxsize=256)  # the same few all day; to work it out takes a fifth of the time to read a tiny body
def body_kind(content_type: str, declared: tuple[str, ...]) -> str:
    """Whether a body is JSON, TEXT or BINARY, by its `Content-Type` and the media types that the description has.

    Raises ValueError for HTML where something else is declared: it is the error page of a proxy.
    """
    name = bare(content_type)
    if not declared or is_json(name) or (not name and any(map(is_json, declared))):
        return JSON
    if name and is_within(name, declared):
        return TEXT if kind_of(name) == TEXT else BINARY
    if any(map(is_json, declared)):
        return JSON
    if name == 'text/html':
        raise ValueError(f'text/html, where the description says {", ".join(declared[:5])}')
    return TEXT if kind_of(declared[0]) == TEXT else BINARY


_CHARSET = re.compile(r';\s*charset="?([\w.:-]{1,40})', re.IGNORECASE | re.ASCII)


def decoded_text(raw: bytes, content_type: str) -> str:
    """A body as text, in its charset, UTF-8 where none is named. Raises ValueError for what is not."""
    charset = _CHARSET.search(content_type)
    try:
        return raw.decode(charset[1] if charset else 'utf-8').removeprefix('\ufeff')
    except LookupError:
        raise ValueError('text in an unknown charset') from None
