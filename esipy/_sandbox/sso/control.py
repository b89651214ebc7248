"""The commands of the SSO, for the program that runs a sandbox; see `esipy._sandbox.control`."""

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
        'characters.read': server.characters.offered,
        'characters.add': server.characters.add,
        'characters.remove': server.characters.remove,
        'characters.replace': server.characters.replace,
    }
