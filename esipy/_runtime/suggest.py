"""Suggestions for misspelt names, for error messages."""

from __future__ import annotations

from collections.abc import Iterable


def closest(name: object, known: Iterable[object], n: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return up to `n` of the `known` names that are spelt like `name`, the closest first."""
    from difflib import get_close_matches  # which only an error needs

    return get_close_matches(str(name), map(str, known), n, cutoff)
