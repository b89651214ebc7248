"""Names in error messages: those that are spelt like a misspelt one, and lists of them that stay short."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

#: Names that are compared, and their length: more would take seconds, and what is longer is not a name.
_MAX_NAMES = 5000
_MAX_LENGTH = 200


def closest(name: object, known: Iterable[object], n: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return up to `n` of the `known` names that are spelt like `name`, the closest first."""
    from difflib import get_close_matches  # which only an error needs

    wanted = str(name)
    if len(wanted) > _MAX_LENGTH:
        return []
    names = [text for text in map(str, islice(known, _MAX_NAMES)) if len(text) <= _MAX_LENGTH]
    return get_close_matches(wanted, names, n, cutoff)


def abridged(text: str, length: int) -> str:
    """Return a text, or its beginning if it is longer than `length`."""
    return text if len(text) <= length else f'{text[: length - 3]}...'


def enumerated(names: Iterable[object], most: int = 20, separator: str = ', ', length: int = 80) -> str:
    """Return names one after the other: the first of them, each not longer than `length`, if there are many."""
    first = [abridged(str(name), length) for name in islice(names, most + 1)]
    return separator.join([*first[:most], '…'] if len(first) > most else first)
