"""Directories for this user alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_MODE = 0o700


def make_private_directory(path: Path) -> bool:
    """Make a directory, and those above it that are missing, for this user alone, whatever the umask. Return whether it
    is new; one that exists is not changed. Raises OSError."""
    is_new = False
    missing = [part for part in (path, *path.parents) if not part.exists()]
    for part in reversed(missing):
        try:
            part.mkdir(mode=_MODE)
        except FileExistsError:  # another process has made it meanwhile
            continue
        if os.name == 'posix' and part.stat().st_mode & _MODE != _MODE:
            part.chmod(_MODE)
        is_new = part == path
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return is_new
