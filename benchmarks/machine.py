"""What the figures were measured on, without names or paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

PACKAGES = ('requests', 'urllib3', 'orjson', 'aiopenapi3')


def described() -> dict[str, str]:
    """The machine in words."""
    return {
        'processor': f'{_processor()}, {len(_cores())} cores for us',
        'system': f'{platform.system()} {platform.machine()}',
        'Python': f'{platform.python_implementation()} {platform.python_version()}',
        **{name: _version(name) for name in PACKAGES},
        'load at the start': f'{os.getloadavg()[0]:.1f}' if hasattr(os, 'getloadavg') else 'unknown',
    }


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else set(range(os.cpu_count() or 1))


def _processor() -> str:
    try:
        found = re.search(r'^model name\s*: (.+)$', Path('/proc/cpuinfo').read_text('utf-8'), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or 'unknown processor'


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'not installed'
