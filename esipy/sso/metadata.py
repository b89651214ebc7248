"""Where the SSO's endpoints are (RFC 8414): asked once for each process and address."""

from __future__ import annotations

import threading
from typing import Any

import requests
from requests.exceptions import RequestException

from esipy.exceptions import SSOUnavailableError

_known: dict[str, dict[str, str]] = {}
_lock = threading.Lock()


def discover(session: requests.Session, url: str, timeout: Any) -> dict[str, str]:
    """The metadata document at `url`. Raises SSOUnavailableError where there is none to be had."""
    with _lock:
        known = _known.get(url)
    if known is not None:
        return dict(known)
    try:
        response = session.get(url, timeout=timeout)
        found = response.json() if response.status_code == 200 else None
    except (RequestException, ValueError) as error:
        raise SSOUnavailableError(url, 500, response=type(error).__name__.encode()) from None
    if not isinstance(found, dict) or 'token_endpoint' not in found:
        raise SSOUnavailableError(url, response.status_code, response=b'no metadata')
    endpoints = {name: value for name, value in found.items() if isinstance(value, str)}
    with _lock:
        _known[url] = endpoints
    return dict(endpoints)
