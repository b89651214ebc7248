"""Does an address name this machine?"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine.

    A page in a browser can make its own name resolve to 127.0.0.1 (DNS rebinding), but it still sends that name.
    """
    try:
        name = urlsplit(f'//{host}').hostname or ''
    except ValueError:  # half of an IPv6 address
        return False
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == 'localhost' or name.endswith('.localhost')  # RFC 6761 section 6.3
