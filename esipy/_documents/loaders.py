"""Files of JSON and YAML, which may build on others: `extends: base.yaml`.

YAML is read safely: plain values, no tags. `extends` names a file or a list of them, from the file's own directory;
they are put together in that order, mappings key by key, and what the file itself says wins. All of them are regular
files in the directory of the first one, or below it: a configuration that is not trusted cannot read other files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from esipy._documents.parse import parse
from esipy._runtime.redact import masked_address
from esipy._runtime.suggest import abridged
from esipy._spec.refs import shown
from esipy.exceptions import SpecError

#: Files that a file may build on, through any number of steps.
_MAX_FILES = 100

MAX_BYTES = 64 * 2**20


def configuration_loader(filename: Any) -> dict[str, Any]:
    """The mapping in a file of JSON or YAML (extra `yaml`), distinguished by content.

    Raises SpecError for a file that cannot be read, naming those that led to it, for one that extends itself, and for
    one that extends a file outside its directory.
    """
    file = Path(filename)
    return _load(file, _Chain((), _directory(file), []))


#: The names that aio-service-client has for it.
json_loader = yaml_loader = configuration_loader


class _Chain(NamedTuple):
    """How a file was reached."""

    extended_by: tuple[Path, ...]
    #: No file outside it is read.
    directory: Path
    #: The files that have been read, as often as they were.
    read: list[Path]

    def text(self, file: Path) -> str:
        """The files that led to this one, for an error."""
        return abridged(' -> '.join(masked_address(str(one)) for one in (*self.extended_by, file)), 1000)


def _directory(file: Path) -> Path:
    try:
        return file.parent.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        reason = _reason(error)
    raise SpecError(f'{shown(masked_address(str(file)))}: cannot be read: {reason}')


def _reason(error: Exception) -> str:
    """What went wrong, without the file's name, which stands before it."""
    return abridged(str(getattr(error, 'strerror', None) or error), 200)


def _load(file: Path, chain: _Chain) -> dict[str, Any]:
    data = _read(file, chain)
    document = dict(parse(data, chain.text(file)))
    named = document.get('extends')
    if isinstance(named, Mapping):  # an endpoint of that name
        return document
    document.pop('extends', None)
    bases = [named] if isinstance(named, str) else [] if named is None else named
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise SpecError(f'{chain.text(file)}: extends names a file or a list of files, not {shown(named)}')
    further = chain._replace(extended_by=(*chain.extended_by, file))
    return reduce(_merged, [*(_load(file.parent / base, further) for base in bases), document], {})


def _read(file: Path, chain: _Chain) -> bytes:
    """The bytes of a file. Raises SpecError for one that must not be read, or cannot."""
    where = chain.text(file)
    chain.read.append(file)
    if len(chain.read) > _MAX_FILES:
        raise SpecError(f'{where}: more than {_MAX_FILES} files are included by extends')
    try:
        real = file.resolve()
        if chain.extended_by and not real.is_relative_to(chain.directory):
            raise SpecError(f'{where}: extends leads out of the directory {chain.directory}')
        if real in [other.resolve() for other in chain.extended_by]:
            raise SpecError(f'{where}: extends itself')
        return _bytes_of(real, where) if chain.extended_by else file.read_bytes()
    except SpecError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = _reason(error)
    # Outside: the system's error has the name as it was given, which may be an address with a password.
    raise SpecError(f'{where}: cannot be read: {reason}')


def _bytes_of(file: Path, where: str) -> bytes:
    """The bytes of a regular file. Opening it does not wait for the writer of a pipe, and its kind is checked when
    it is open and cannot be replaced any more."""
    with open(os.open(file, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)), 'rb') as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise SpecError(f'{where}: cannot be read: it is not a regular file')
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SpecError(f'{where}: cannot be read: it is larger than {MAX_BYTES} bytes')
    return data


def _merged(base: Mapping[str, Any], nearer: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(base[name], value)
        if isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
        else value
        for name, value in nearer.items()
    }
    return {**base, **both}
