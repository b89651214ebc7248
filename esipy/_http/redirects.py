"""Redirects: where a response leads, and what may go there (RFC 9110 section 15.4). Pure.

The caller's token, cookies, keys and body stay on the origin that they were meant for: its scheme, host and port (RFC
6454).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

#: Statuses that name another place for the same request.
REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: As in requests.
MAX_REDIRECTS = 30

_SAFE = frozenset({'GET', 'HEAD', 'OPTIONS'})
_PORTS = {'http': 80, 'https': 443}

#: All that another origin learns of the caller.
_PUBLIC = frozenset({'accept', 'accept-encoding', 'accept-language', 'user-agent'})

#: Headers of a body that is not sent again.
_OF_THE_BODY = frozenset({'content-type', 'content-length', 'transfer-encoding', 'content-encoding'})


class Redirect(NamedTuple):
    """The request that follows."""

    method: str
    url: str
    #: The body goes along.
    keeps_body: bool
    #: To the same origin: headers and `auth` go along.
    is_same_origin: bool

    def headers(self, sent: Mapping[str, str]) -> dict[str, str]:
        """The headers of the next request, of those that were `sent`."""
        kept = sent.items() if self.is_same_origin else [pair for pair in sent.items() if pair[0].lower() in _PUBLIC]
        return {name: value for name, value in kept if self.keeps_body or name.lower() not in _OF_THE_BODY}


def redirect_of(method: str, url: str, status: int, location: str | None) -> Redirect | None:
    """Return the request that follows a response; None for a response that is not followed.

    A 303 is followed by a GET. Otherwise the request is repeated unchanged: after a 301 or 302, requests and browsers
    make a GET of a POST, which does not do what was requested. A request with side effects, and a body, never go to
    another origin; nor is anything but http and https followed.
    """
    if status not in REDIRECTS or not location:
        return None
    target = urljoin(url, _in_utf_8(location.strip()))
    try:
        split, source = urlsplit(target), urlsplit(url)
        is_same_origin = origin(split) == origin(source)
    except ValueError:
        return None
    if split.scheme not in _PORTS or not split.hostname:
        return None
    following = 'GET' if status == 303 and method != 'HEAD' else method
    if following not in _SAFE and not is_same_origin:
        return None
    keeps_body = following == method and is_same_origin
    return Redirect(following, split._replace(fragment='').geturl(), keeps_body, is_same_origin)


def _in_utf_8(location: str) -> str:
    """Headers are read as ISO 8859-1; addresses that are not percent-encoded are in UTF-8 nearly always."""
    try:
        return location if location.isascii() else location.encode('latin-1').decode()
    except UnicodeError:
        return location


def origin(split: SplitResult) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port (RFC 6454). Raises ValueError for a port that is not a number."""
    return split.scheme, split.hostname, split.port or _PORTS.get(split.scheme)
