"""The built-in description: an ESI in small, in our own words, so that nothing needs a download.

Paths, names and fields are those of the real API, and so programs written for that run on this. It has one of
each thing that the API does: every walk, writes with bodies, scopes, roles, limits, routes newer than others.
"""

from __future__ import annotations

from typing import Any

from esipy._sandbox.description import belongings, characters, commons, corporations, letters, market, universe

#: The date that the description stands for.
DATE = '2026-08-04'

_PARTS = (universe, market, characters, belongings, letters, corporations)


def document() -> dict[str, Any]:
    """The description as a new OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for part in _PARTS:
        for method, path, operation in part.operations():
            paths.setdefault(path, {})[method] = operation
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'A small ESI',
            'description': 'What the sandbox of esipy serves when it is given no other description.',
            'version': DATE,
        },
        'servers': [{'url': 'https://esi.evetech.net'}],
        'tags': [{'name': tag} for tag in sorted({o['tags'][0] for item in paths.values() for o in item.values()})],
        'paths': dict(sorted(paths.items())),
        'components': commons.components(DATE, paths),
    }
