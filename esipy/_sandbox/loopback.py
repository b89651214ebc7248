"""Decides whether an address names this machine."""

from __future__ import annotations

import re
from ipaddress import ip_address

#: `uri-host [ ":" port ]` (RFC 9110 section 7.2), and nothing in front of it or behind it.
_HOST = re.compile(r'(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]+))(?::[0-9]*)?')


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine.

    A page in a browser can make its own name resolve to 127.0.0.1 (DNS rebinding), but it still sends that name.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = (found[1] or found[2]).lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == 'localhost' or name.endswith('.localhost')  # RFC 6761 section 6.3
