"""What is imported when it is asked for, so that it costs nobody else time at the start: most names of a package
(https://peps.python.org/pep-0562/), and what the extras bring."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(package: str, files: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package. `files`: its late names, and the module below it that has each::

        __getattr__, __dir__ = late.names(__name__, {'RedisCache': 'redis'})

    Its modules are attributes as well, as if all of them had been imported.
    """

    def find(name: str) -> Any:
        if name in files:
            value = getattr(import_module(f'{package}.{files[name]}'), name)
            setattr(sys.modules[package], name, value)
            return value
        whole = f'{package}.{name}'
        if not name.startswith('_'):
            try:
                return import_module(whole)
            except ModuleNotFoundError as error:
                if error.name != whole:
                    raise
        raise AttributeError(
            f'module {package!r} has no attribute {name!r}', name=name, obj=sys.modules[package]
        ) from None

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *files})

    return find, listed


def missing(what: str, package: str, extra: str, error: ImportError) -> ImportError:
    """The error of `what` needs an extra that is not installed, with the way out."""
    return ImportError(f'{what} needs {package}: pip install "EsiPy[{extra}]" ({error})')
