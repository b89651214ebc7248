"""A page of 1000 market orders, 246 kB: from bytes to what an app reads of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle
from typing import Any

import esipy
from benchmarks.measure import BASELINE, ESIPY, WALL, Options, Result, alternate
from benchmarks.responses import REGION, orders
from esipy._message.response import Response

#: Different pages: none is in the processor's cache when it comes again.
PAGES = 24


def results(options: Options) -> dict[str, Result]:
    app = esipy.App.create(options.document)
    request, _ = app.op['GetMarketsRegionIdOrders'](region_id=REGION)

    def data(raw: bytes) -> Any:
        response = Response(request)
        response.status, response.raw = 200, raw
        return response.data

    def read(rows: Any) -> None:
        for row in rows:
            row.price  # noqa: B018

    def read_with_dates(rows: Any) -> None:
        for row in rows:
            row.price, row.issued  # noqa: B018

    def measured(pages: list[bytes], reading: Callable[[Any], None]) -> Result:
        bodies = cycle(pages)
        contenders: dict[str, Callable[[], Any]] = {
            BASELINE: lambda: json.loads(next(bodies)),
            ESIPY: lambda: reading(data(next(bodies))),
        }
        try:
            import orjson

            contenders['orjson'] = lambda: orjson.loads(next(bodies))
        except ImportError:
            pass
        # A whole walk through the pages each time: everybody reads the same.
        return alternate(contenders, rounds=options.rounds(25), number=len(pages), clock=WALL)

    pages = [orders(number) for number in range(PAGES)]
    return {
        'rows-dates': measured(pages, read_with_dates),
        'rows': measured(pages, read),
    }
