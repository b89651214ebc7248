"""What somebody may have meant, for errors that tell the way out."""

from __future__ import annotations

from collections.abc import Iterable


def closest(name: object, known: Iterable[object], n: int = 1, cutoff: float = 0.6) -> list[str]:
    """Up to `n` of the `known` names that are spelled like `name`, the nearest first."""
    from difflib import get_close_matches  # which only an error needs

    return get_close_matches(str(name), map(str, known), n, cutoff)
