"""What the program that runs a sandbox may ask of its SSO, by name and with plain values; see `control`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from esipy._sandbox.sso.forge import forge
from esipy._sandbox.sso.server import Server


def commands(server: Server) -> dict[str, Callable[..., Any]]:
    return {
        'token.issue': server.tokens.issue,
        'token.revoke': server.revoke,
        'sso.get': server.get,
        'sso.set': server.set,
        'sso.counts': server.counts,
        'sso.register': server.clients.register,
        'sso.grant': server.grant,
        'sso.sell': server.sell,
        'sso.rotate_keys': server.rotate_keys,
        'sso.forge': partial(forge, server),
        'characters.read': server.people.offered,
        'characters.add': server.people.add,
        'characters.remove': server.people.remove,
        'characters.replace': server.people.replace,
    }
