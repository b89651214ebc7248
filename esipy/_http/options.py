"""Options of clients and security objects are checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esipy._message.options import is_timeout
from esipy.exceptions import CallError


def check_options(where: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError for `headers`, a `timeout` or other seconds of the wrong kind, which would only be noticed much
    later. The value is not shown: it could contain a token."""
    headers, timeout, session = options['headers'], options['timeout'], options.get('session')
    if session is not None and not hasattr(session, 'send'):
        raise TypeError(f'{where}: session must be a requests.Session, not a {type(session).__name__}')
    if headers is not None and not isinstance(headers, Mapping):
        raise TypeError(f'{where}: headers must be a dict, not a {type(headers).__name__}')
    if not is_timeout(timeout):
        raise TypeError(f'{where}: timeout must be seconds, or a pair of them (connect, between bytes), or None')
    for name in ('deadline', 'max_wait', 'keep_stale', 'stale_if_error'):
        if not isinstance(options.get(name, 0), (int, float, type(None))):
            raise TypeError(f'{where}: {name} must be seconds, not a {type(options[name]).__name__}')


#: What would begin another header (RFC 9110 section 5.5), or has no byte in one.
_UNSENDABLE = re.compile('[\\r\\n\\0]|[^\\x00-\\xff]')

#: What cannot be part of a header's name (RFC 9110 section 5.6.2).
_UNNAMABLE = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")


def misnamed(name: object) -> tuple[str, str]:
    """Return the fault of a header's name. What follows a colon or a space may be a value: a token."""
    begin, rest = _BEGINNING.match(str(name)).groups()  # type: ignore[union-attr]
    return repr(begin + ('…' if rest else '')), 'is not a valid header name'


_BEGINNING = re.compile(r'([^:\s]*)(.*)', re.DOTALL)


def check_headers(headers: Mapping[str, Any]) -> None:
    """Raise CallError, without the value, for a header that cannot be sent."""
    values = ' '.join(map(str, headers.values()))
    is_plain = values.isascii() and values.isprintable()  # nearly always, and checked quickly
    if _UNNAMABLE.search(''.join(map(str, headers))):
        raise CallError('request headers', [misnamed(name) for name in headers if _UNNAMABLE.search(str(name))])
    if not is_plain and _UNSENDABLE.search(values):
        wrong = [name for name in headers if _UNSENDABLE.search(str(headers[name]))]
        reason = 'its value has a line break, a NUL, or a character outside of Latin-1, and cannot be sent'
        raise CallError('request headers', [(name, reason) for name in wrong])
