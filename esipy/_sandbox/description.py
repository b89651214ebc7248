"""The built-in description: `esi.json`, a small ESI in our own words, so that nothing needs a download.

Paths, names and fields are those of the real API, so that programs written for that run on this. It has one of each
thing that the API does: every pagination, writes with bodies, scopes, roles, limits, routes newer than others.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def document() -> dict[str, Any]:
    """Return a new copy of the description: an OpenAPI 3.1 document."""
    text = files('esipy._sandbox').joinpath('esi.json').read_bytes()
    loaded: dict[str, Any] = json.loads(text)
    return loaded
