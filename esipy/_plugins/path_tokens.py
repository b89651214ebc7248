"""PathTokens fills placeholders of paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esipy._message.serialize import joined
from esipy._plugins.base import CallContext, Plugin

_PLACEHOLDER = re.compile(r'{([^{}]+)}')


class PathTokens(Plugin):
    """`PathTokens({'version': 'v2'})`: values for the placeholders of paths that a call does not give.

    An endpoint's `path_tokens` take precedence over `default_tokens`, and the arguments of the call over both.
    """

    def __init__(self, default_tokens: Mapping[str, Any] | None = None) -> None:
        self.default_tokens = dict(default_tokens or {})

    def prepare(self, call: CallContext) -> None:
        given = call.request._p['path']
        missing = [name for name in _PLACEHOLDER.findall(call.operation.path) if name not in given]
        if missing:
            values = {**self.default_tokens, **call.endpoint_option('path_tokens')}
            call.path.update({name: joined(values[name], ()) for name in missing if values.get(name) is not None})


#: The same under the name of older versions of aio-service-client.
PathToken = PathTokens
