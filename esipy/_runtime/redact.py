"""Secrets are hidden here, and nowhere else: which names hold one, how a text is masked, what stands for a value."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

_SECRET = re.compile('authorization|cookie|token|secret|password|api[-_]?key', re.IGNORECASE)

#: A query parameter of an address within a text. The name excludes '?' and '&', so that hostile text is read in linear
#: time: each character belongs to one candidate only.
_IN_QUERY = re.compile(r'(?<=[?&])([^=&?\s]+)=[^&\s]*')


@lru_cache(maxsize=1024)  # a program uses the same few names all day
def is_secret(name: str) -> bool:
    """Return whether a header or query parameter of this name holds a value that must not be shown."""
    return _SECRET.search(name) is not None


def masked(text: str) -> str:
    """Return the text with the secrets in the addresses that it contains replaced by `***`."""
    return _IN_QUERY.sub(_mask, text) if '=' in text else text


def _mask(match: re.Match[str]) -> str:
    return f'{match[1]}=***' if is_secret(match[1]) else match[0]


def masked_query(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return query pairs with `***` in place of each secret value."""
    return [(name, '***' if is_secret(name) else value) for name, value in pairs]


def digest(secret: bytes) -> str:
    """Return a text that identifies `secret` without revealing it; it may stand in a cache key."""
    return 'sha256:' + hashlib.sha256(secret).hexdigest()
