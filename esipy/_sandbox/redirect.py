"""Redirects requests for the official hosts to a sandbox, so that programs run unchanged.

Only the connection is another one: `response.url`, redirects and what a program sees of its request stay as they
are. It acts where `requests` chooses a connection, below every adapter that sends through `HTTPAdapter`, and so
for sessions that exist already, for an app's own transport adapter, and for what httmock and others leave through.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

#: The hosts that programs send their requests to.
HOSTS = ('esi.evetech.net', 'login.eveonline.com', 'esi.tech.ccp.is')

_lock = threading.Lock()
_targets: list[tuple[object, str, frozenset[str]]] = []

#: `get_connection` until requests 2.31, `get_connection_with_tls_context` from 2.32 on.
_METHODS = tuple(name for name in ('get_connection', 'get_connection_with_tls_context') if hasattr(HTTPAdapter, name))
_originals: dict[str, Any] = {}


class _Detour:
    """A connection pool to the sandbox that names the official host in what it sends."""

    def __init__(self, pool: Any, host: str) -> None:
        self.__dict__.update(_pool=pool, _host=host)

    def urlopen(self, method: str, url: str, headers: Any = None, **options: Any) -> Any:
        named = {name: value for name, value in dict(headers or {}).items() if name.lower() != 'host'}
        return self._pool.urlopen(method, url, headers={**named, 'Host': self._host}, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Ignore the adapter's settings for certificates: this pool uses plain HTTP on this machine."""


def _target(host: str | None) -> str | None:
    with _lock:
        return next((url for _, url, hosts in reversed(_targets) if host in hosts), None)


def _redirected(name: str, original: Any) -> Any:

    def get_connection(adapter: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        address = urlsplit(request if isinstance(request, str) else request.url)
        url = _target(address.hostname)
        if url is None:
            return original(adapter, request, *args, **kwargs)
        return _Detour(adapter.poolmanager.connection_from_url(url), address.netloc.rpartition('@')[2])

    get_connection.__name__ = name
    return get_connection


@contextmanager
def redirect(url: str, hosts: tuple[str, ...] = HOSTS) -> Iterator[None]:
    """Inside the `with` block, requests of this process for `hosts` go to the sandbox at `url`.

    Blocks nest (the innermost wins) and may be open in several threads at once.
    """
    mark = object()
    with _lock:
        _targets.append((mark, url, frozenset(hosts)))
        if len(_targets) == 1:
            for name in _METHODS:
                _originals[name] = getattr(HTTPAdapter, name)
                setattr(HTTPAdapter, name, _redirected(name, _originals[name]))
    try:
        yield
    finally:
        with _lock:
            _targets[:] = [target for target in _targets if target[0] is not mark]
            if not _targets:
                for name in _METHODS:
                    setattr(HTTPAdapter, name, _originals[name])
