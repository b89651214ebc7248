"""Files of JSON and YAML, which may build on others: `extends: base.yaml`.

YAML is read safely: plain values, no tags. `extends` names a file or a list of them, from the file's own directory;
they are put together in that order, mappings key by key, and what the file itself says wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from esipy._documents.parse import parse
from esipy._spec.refs import shown
from esipy.exceptions import SpecError


def configuration_loader(filename: Any) -> dict[str, Any]:
    """The mapping in a file of JSON or YAML (extra `yaml`), told apart by content.

    Raises SpecError for a file that cannot be read, naming those that led to it, and for one that extends itself.
    """
    return _load(Path(filename), ())


#: The names that aio-service-client has for it.
json_loader = yaml_loader = configuration_loader


def _load(file: Path, extended_by: tuple[Path, ...]) -> dict[str, Any]:
    chain = ' -> '.join(map(str, (*extended_by, file)))
    try:
        is_circle = file.resolve() in [other.resolve() for other in extended_by]
        data = b'' if is_circle else file.read_bytes()
    except (OSError, ValueError) as error:
        raise SpecError(f'{chain}: cannot be read: {error}') from None
    if is_circle:
        raise SpecError(f'{chain}: extends itself')
    document = dict(parse(data, chain))
    named = document.get('extends')
    if isinstance(named, Mapping):  # an endpoint of that name
        return document
    document.pop('extends', None)
    bases = [named] if isinstance(named, str) else [] if named is None else named
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise SpecError(f'{chain}: extends names a file or a list of files, not {shown(named)}')
    return reduce(_merged, [*(_load(file.parent / base, (*extended_by, file)) for base in bases), document], {})


def _merged(base: Mapping[str, Any], nearer: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(base[name], value)
        if isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
        else value
        for name, value in nearer.items()
    }
    return {**base, **both}
