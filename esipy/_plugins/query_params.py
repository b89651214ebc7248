"""QueryParams adds query parameters to every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esipy._message.serialize import texts_of
from esipy._plugins.base import CallContext, Plugin


class QueryParams(Plugin):
    """`QueryParams({'language': 'de'})`: query parameters of every request that does not bring its own.

    An endpoint's `query_params` take precedence over these, then the call's own, then `client.request(call, params=…)`.
    A list is sent as one parameter for each item; None removes a parameter.
    """

    call_options = ('params',)

    def __init__(self, default_query_params: Mapping[str, Any] | None = None) -> None:
        self.default_query_params = dict(default_query_params or {})

    def prepare(self, call: CallContext) -> None:
        query, of_execution = call.query, call.call_option('params')
        own = [pair for pair in query if pair[0] not in of_execution]
        known = {name for name, _ in own} | of_execution.keys()
        further = {**self.default_query_params, **call.endpoint_option('query_params')}
        query[:] = [
            *own,
            *_pairs({name: further[name] for name in further if name not in known}),
            *_pairs(of_execution),
        ]


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, text) for name, value in values.items() if value is not None for text in texts_of(value)]
