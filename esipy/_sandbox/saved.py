"""ESI's own description, saved on this machine, for sandboxes that have all of its operations."""

from __future__ import annotations

import os
from pathlib import Path

from esipy._documents import fetch, live
from esipy._documents.parse import parse, read
from esipy._runtime.lazy import missing_extra
from esipy.exceptions import SpecError

LIVE = f'https://esi.evetech.net{live.LIVE_PATH}?compatibility_date={live.COMPATIBILITY_DATE}'

HOW = 'python -m esipy sandbox save-spec'


def place() -> Path:
    """Where the copy is: in the directory that this system has for data of the user's programs."""
    try:
        import platformdirs
    except ImportError as error:
        raise missing_extra("a saved copy of ESI's description", 'platformdirs', 'sandbox', error) from None
    return platformdirs.user_data_path('esipy', appauthor=False) / 'esi-openapi.json'


def path_of_copy() -> Path:
    """The last saved copy. Raises SpecError, which says how to save one, where there is none."""
    path = place()
    if not path.is_file():
        raise SpecError(
            f"there is no saved copy of ESI's description in {path}: save one with `{HOW}`, or with "
            'esipy.sandbox.save_spec(), which asks the real server once'
        )
    return path


def save_spec(path: str | os.PathLike[str] | None = None) -> Path:
    """Save ESI's own description, for `Sandbox('live')`, and return the path of the copy.

    It asks the real server, once; nothing else of the sandbox uses the network.

    Args:
        path: Where to save it; by default in the user's data directory, where `'live'` finds it.

    Raises:
        APIException: The server cannot be reached; an earlier copy is kept.
        SpecError: What the server sent is not a description.
    """
    raw = fetch.get(LIVE)
    read(parse(raw.content, LIVE))
    target = place() if path is None else Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f'{target.name}.{os.getpid()}')
    try:
        unfinished.write_bytes(raw.content)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target
