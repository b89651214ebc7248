"""Names of a package that are imported when they are asked for: what most programs do without costs none of them time
at the start (https://peps.python.org/pep-0562/)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(package: str, files: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package. `files`: late names, and the module of each below the package::

        __getattr__, __dir__ = late.names(__name__, {'RedisCache': 'redis'})

    The modules themselves are attributes too, as if they had been imported.
    """

    def find(name: str) -> Any:
        if name in files:
            value = getattr(import_module(f'{package}.{files[name]}'), name)
            setattr(sys.modules[package], name, value)
            return value
        if name in files.values():
            return import_module(f'{package}.{name}')
        raise AttributeError(f'module {package!r} has no attribute {name!r}')

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *files})

    return find, listed
