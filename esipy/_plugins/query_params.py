"""QueryParams: what every query asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esipy._message.serialize import texts_of
from esipy._plugins.base import CallContext, Plugin


class QueryParams(Plugin):
    """`QueryParams({'language': 'de'})`: query parameters of every request that does not bring its own.

    Nearer than these are an endpoint's `query_params`, then the call's own, then `client.request(call, params=…)`. A
    list is sent item by item; None takes a parameter away.
    """

    call_options = ('params',)

    def __init__(self, default_query_params: Mapping[str, Any] | None = None) -> None:
        self.default_query_params = dict(default_query_params or {})

    def prepare(self, call: CallContext) -> None:
        query, nearest = call.query, call.call_option('params')
        own = [pair for pair in query if pair[0] not in nearest]
        known = {name for name, _ in own} | nearest.keys()
        further = {**self.default_query_params, **call.endpoint_option('query_params')}
        query[:] = [*own, *_pairs({name: further[name] for name in further if name not in known}), *_pairs(nearest)]


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, text) for name, value in values.items() if value is not None for text in texts_of(value)]
