"""Names of types, which apps import while types are checked. Here each of them is Any."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith('__'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return Any
