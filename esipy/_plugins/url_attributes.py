"""What traces show of an address: no credentials, and of the query only values that are known to be harmless."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

#: In place of a value that is not shown, as in OpenTelemetry's conventions for `url.full`.
REDACTED = 'REDACTED'


class URLAttributes:
    """Returns the attributes of an address; `shown`: the query parameters whose values are part of them."""

    def __init__(self, shown: frozenset[str]) -> None:
        self._shown = shown

    def __call__(self, url: str) -> dict[str, Any]:
        base, _, query = url.partition('#')[0].partition('?')
        scheme, _, rest = base.partition('://')
        authority, slash, path = rest.partition('/')
        authority = authority.rpartition('@')[2]
        address, port = _server(scheme, authority)
        full = f'{scheme}://{authority}{slash}{path}'
        if query:
            full = f'{full}?{"&".join(map(self._pair, query.split("&")))}'
        return {'server.address': address, 'server.port': port, 'url.full': full}

    def _pair(self, pair: str) -> str:
        name, equals, _ = pair.partition('=')
        if not equals:
            return REDACTED
        return pair if name in self._shown else f'{name}={REDACTED}'


@lru_cache(maxsize=256)
def _server(scheme: str, authority: str) -> tuple[str, int]:
    """Return host and port."""
    default = 443 if scheme == 'https' else 80
    try:
        split = urlsplit(f'//{authority}')
        return split.hostname or '', split.port or default
    except ValueError:
        return '', default
