"""A server that says what it was asked, and calls of it through plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from esipy import EsiClient
from esipy.plugins import CallContext, Plugin
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes


class Beside(Plugin):
    """Puts options beside every endpoint, as a table of endpoints does."""

    def __init__(self, **endpoint: Any) -> None:
        self.endpoint = endpoint

    def around_call(self, call: CallContext) -> None:
        call.endpoint = self.endpoint


class Asked:
    """A client with plugins, and the server that it calls."""

    def __init__(self, server: Server, esi: EsiClient) -> None:
        self.server = server
        self.esi = esi
        self.op = app_at(server.url).op

    def get(self, name: str = 'get_thing', arguments: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return self.esi.request(self.op[name](**(arguments or {})), **options)

    @property
    def last(self) -> Visit:
        return self.server.visits[-1]


def page(visit: Visit) -> None:
    visit.send(response_bytes({'a': 1}))


@contextmanager
def asking(*plugins: Plugin, **options: Any) -> Iterator[Asked]:
    with Server(options.pop('page', page)) as server, client(plugins=plugins, cache=None, **options) as esi:
        yield Asked(server, esi)
