"""Headers: what every request says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esipy._plugins.base import CallContext, Plugin
from esipy.exceptions import CallError

#: What a header may be called (RFC 9110 section 5.6.2).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Headers(Plugin):
    """`Headers({'Accept-Language': 'de'})`: headers of every request that does not bring its own.

    Nearer than these are an endpoint's `headers`, then the call's own, then `client.request(call, headers=…)`. None
    takes a header away. They are part of what answers are kept under: a header that differs each time belongs into
    `Plugin.on_send`.
    """

    call_options = ('headers',)

    def __init__(self, headers: Mapping[str, Any] | None = None, *, default_headers: Mapping[str, Any] | None = None):
        self.headers = {**(default_headers or {}), **(headers or {})}
        self._default = _named('Headers', self.headers)
        #: What is sent where nothing is nearer.
        self._alone = _plain(self._default)

    def prepare(self, call: CallContext) -> None:
        headers = call.headers
        if not headers and not call.options and not call.endpoint:
            headers.update(self._alone)
            return
        own = {name.lower(): (name, value) for name, value in headers.items()}
        beside = _named(call.name, call.endpoint_option('headers'))
        nearest = _named(call.name, call.call_option('headers'))
        headers.clear()
        headers.update(_plain({**self._default, **beside, **own, **nearest}))


def _named(where: str, headers: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Name and value of each header by its name in lower case: case does not matter (RFC 9110 section 5.1)."""
    wrong = [(str(name), 'no name of a header') for name in headers if not _NAME.fullmatch(str(name))]
    if wrong:
        raise CallError(where, wrong)
    return {str(name).lower(): (str(name), value) for name, value in headers.items()}


def _plain(headers: Mapping[str, tuple[str, Any]]) -> dict[str, str]:
    return {name: str(value) for name, value in headers.values() if value is not None}
