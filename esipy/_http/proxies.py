"""The address of a proxy is checked before it is used. The libraries below take what follows a `/` in a password for a
path, and show it in errors and log lines."""

from __future__ import annotations

import re
from collections.abc import Mapping

from requests.utils import select_proxy

from esipy._http.raw_response import TransportError

#: The schemes that requests knows; an address without one is taken for http.
_SCHEME = re.compile(r'(?:https?|socks[45][ah]?)://', re.IGNORECASE)

#: What ends the authority of an address (RFC 3986 section 3.2); urllib3 takes a backslash for a slash.
_END = re.compile(r'[/?#\\]')

_HOST_AND_PORT = re.compile(r'(?:\[[0-9A-Fa-f:.]+(?:%[^\s\[\]]+)?\]|[^\s:@\[\]]+)(?::(?P<port>[0-9]{0,5}))?')


def check_proxy(url: str, proxies: Mapping[str, str]) -> None:
    """Raise TransportError, without the address, if the proxy for `url` has none that is valid."""
    proxy = select_proxy(url, dict(proxies)) if proxies else None
    if proxy and not is_valid(proxy):
        raise TransportError(
            'the address of the proxy is not valid: write it as http://user:password@host:port, and special characters '
            'of the user name and password percent-encoded (%2F for /)',
            unsent=True,
        )


def is_valid(address: str) -> bool:
    """Return whether the address of a proxy has a host, and its user name and password end before the host."""
    scheme = _SCHEME.match(address)
    rest = address[scheme.end() :] if scheme else address
    end = _END.search(rest)
    authority = rest[: end.start()] if end else rest
    if '@' in rest[len(authority) :] or (scheme is None and '://' in rest):
        return False
    found = _HOST_AND_PORT.fullmatch(authority.rpartition('@')[2])
    return found is not None and int(found['port'] or 0) < 2**16
