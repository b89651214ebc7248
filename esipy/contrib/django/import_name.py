"""`import esi`, where django-esi is not installed: the same modules under another name, not a second copy of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

NAME = 'esi'

_PACKAGE = 'esipy.contrib.django.compat'

#: Modules that both labels have in common: what is patched in them takes effect.
_SHARED = {f'{NAME}.{name}': f'esipy.contrib.django.{name}' for name in ('decorators', 'errors', 'urls', 'views')}


class _Loader(Loader):
    """Loads the module of another name."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the one of the other name there


class _Finder(MetaPathFinder):
    """Finds `esi` and the modules in it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != NAME and not fullname.startswith(f'{NAME}.'):
            return None
        found = _SHARED.get(fullname, _PACKAGE + fullname[len(NAME) :])
        if not _exists(found):
            return None
        return ModuleSpec(fullname, _Loader(found), is_package=hasattr(sys.modules.get(found), '__path__'))


def _exists(name: str) -> bool:
    if name in sys.modules:
        return True
    parent, _, _ = name.rpartition('.')
    return PathFinder.find_spec(name, getattr(import_module(parent), '__path__', None)) is not None


def install() -> None:
    """Make `import esi` give the modules of this package, unless django-esi is installed."""
    if not is_taken() and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def is_taken() -> bool:
    """Return whether another package has the name. A directory that an uninstalled package left behind is none."""
    known: Any = sys.modules.get(NAME)
    if known is not None:
        return bool(known.__name__ != _PACKAGE)
    spec = PathFinder.find_spec(NAME)
    return spec is not None and spec.origin is not None
