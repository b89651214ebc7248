"""Headers adds headers to every request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esipy._http.options import misnamed
from esipy._plugins.base import CallContext, Plugin
from esipy.exceptions import CallError

#: A valid header name (RFC 9110 section 5.6.2).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Headers(Plugin):
    """`Headers({'Accept-Language': 'de'})`: headers of every request that does not bring its own.

    An endpoint's `headers` take precedence over these, then the call's own, then `client.request(call, headers=…)`.
    None removes a header. They are part of the cache key: add a header that differs each time in `Plugin.on_send`.
    """

    call_options = ('headers',)

    def __init__(self, headers: Mapping[str, Any] | None = None, *, default_headers: Mapping[str, Any] | None = None):
        self.headers = {**(default_headers or {}), **(headers or {})}
        self._default = _named('Headers', self.headers)
        #: The headers of a call that has no others.
        self._alone = _plain(self._default)

    def prepare(self, call: CallContext) -> None:
        headers = call.headers
        if not headers and not call.options and not call.endpoint:
            headers.update(self._alone)
            return
        own = {name.lower(): (name, value) for name, value in headers.items()}
        of_endpoint = _named(call.name, call.endpoint_option('headers'))
        of_execution = _named(call.name, call.call_option('headers'))
        headers.clear()
        headers.update(_plain({**self._default, **of_endpoint, **own, **of_execution}))


def _named(where: str, headers: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return name and value of each header by its lower-case name: case does not matter (RFC 9110 section 5.1)."""
    wrong = [misnamed(name) for name in headers if not _NAME.fullmatch(str(name))]
    if wrong:
        raise CallError(where, wrong)
    return {str(name).lower(): (str(name), value) for name, value in headers.items()}


def _plain(headers: Mapping[str, tuple[str, Any]]) -> dict[str, str]:
    return {name: str(value) for name, value in headers.values() if value is not None}
