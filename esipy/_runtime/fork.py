"""What was shared before a `fork()`: locks that another thread held, connections that both sides would use.

An object that owns such a thing has `_renew()`, which makes it anew; `renew_after(object)` has it called in
every child.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Has something that must not be shared with a parent process."""

    def _reset_after_fork(self) -> None: ...


_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def reset_after_fork(owner: ForkAware) -> None:
    """Call `owner._renew()` in every process that is forked off this one, as long as `owner` lives."""
    _objects.add(owner)


def _renew_all() -> None:
    for owner in list(_objects):
        owner._reset_after_fork()


if hasattr(os, 'register_at_fork'):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
