"""What a process must not share with its parent after a `fork()`: locks that another thread held, open connections.

An object that owns such a thing replaces it in `_reset_after_fork()`; `reset_after_fork(object)` has that method called
in every child process.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Owns something that must not be shared with a parent process."""

    def _reset_after_fork(self) -> None: ...


_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def reset_after_fork(owner: ForkAware) -> None:
    """Call `owner._reset_after_fork()` in every child process, as long as the object exists."""
    _objects.add(owner)


def _reset_all() -> None:
    for owner in list(_objects):
        owner._reset_after_fork()


if hasattr(os, 'register_at_fork'):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_reset_all)
