"""Names that are imported when they are first used (PEP 562), and the error for an extra that is not installed."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # not from typing, whose import would take longer than that of everything else here
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_exports(package: str, files: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a public module. `files` maps each name to the module that defines it::

        __getattr__, __dir__ = lazy_exports(__name__, {'RedisCache': 'esipy._cache.redis'})

    The modules below a package are its attributes as well, as if all of them had been imported.
    """

    def find(name: str) -> Any:
        if name in files:
            value = getattr(import_module(files[name]), name)
            setattr(sys.modules[package], name, value)
            return value
        module = sys.modules[package]
        qualified = f'{package}.{name}'
        if '__path__' in vars(module) and not name.startswith('_'):
            try:
                return import_module(qualified)
            except ModuleNotFoundError as error:
                if error.name != qualified:
                    raise
        raise AttributeError(f'module {package!r} has no attribute {name!r}', name=name, obj=module) from None

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *files})

    return find, listed


def missing_extra(feature: str, package: str, extra: str, error: ImportError) -> ImportError:
    """Return the error for a `feature` whose optional package is not installed; it names the install command."""
    return ImportError(f'{feature} needs {package}: pip install "EsiPy[{extra}]" ({error})')
