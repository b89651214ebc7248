"""python examples/plugin.py

A plugin of your own: the slowest operations of a program, and how often each was served from the cache.

It runs against a local ESI. Without the last block it would run against the real one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

from esipy import EsiApp, EsiClient
from esipy.plugins import CallContext, Plugin
from esipy.sandbox import Sandbox


class Slowest(Plugin):
    """Seconds and calls by operation. One object serves all threads, so it has a lock."""

    public_methods = ('table',)

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds: dict[str, float] = {}
        self._calls: dict[str, int] = {}
        self._hits: dict[str, int] = {}

    @contextmanager
    def around_call(self, call: CallContext) -> Iterator[None]:
        begun = perf_counter()
        try:
            yield
        finally:  # also after an error
            with self._lock:
                self._seconds[call.name] = self._seconds.get(call.name, 0) + perf_counter() - begun
                self._calls[call.name] = self._calls.get(call.name, 0) + 1
                self._hits[call.name] = self._hits.get(call.name, 0) + call.from_cache

    def table(self) -> list[str]:
        return [
            f'{self._seconds[name] * 1000:7.1f} ms  {self._calls[name]} calls, {self._hits[name]} cached  {name}'
            for name in sorted(self._seconds, key=lambda name: -self._seconds[name])
        ]


def main() -> None:
    app, slowest = EsiApp(), Slowest()
    with EsiClient(user_agent='plugin/1.0 (me@example.com)', plugins=[slowest], raise_on_error=True) as client:
        for _ in range(3):
            client.request(app.op['get_status']())
        client.request(app.op['get_markets_prices']())
        client.multi_request(app.op['get_universe_types_type_id'](type_id=number) for number in (34, 35, 36))
    print('\n'.join(slowest.table()))


if __name__ == '__main__':
    with Sandbox() as esi, esi.redirect():
        main()
