"""`estimate` foresees how long a run takes. Time passes by moving the clock, so that a busy machine changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.exceptions import LimitedError
from esipy.sandbox import Sandbox

from .counting import AGENT, described


def seconds_to_run(esi: Sandbox, client: EsiClient, calls: list[Any]) -> float:
    """Send the calls one after the other, each as soon as the limits allow it."""
    seconds = 0.0
    for call in calls:
        while True:
            try:
                assert client.request(call).ok
                break
            except LimitedError as error:
                wait = (error.retry_after or 0) + 0.1
                esi.clock.move(wait)
                seconds += wait
    return seconds


def test_an_estimate_is_within_a_tenth() -> None:
    with (
        Sandbox(described(killmail=(60, '15m'), market_order=(30, '15m'))) as esi,
        EsiClient(user_agent=AGENT, cache=None, max_wait=0) as client,
    ):
        app = App.create(esi.document)
        wars = [app.op['get_wars_war_id'](war_id=number) for number in range(1, 151)]
        orders = [
            app.op['get_markets_region_id_orders'](region_id=number, order_type='sell') for number in range(1, 11)
        ]
        assert seconds_to_run(esi, client, wars[:10]) == 0, 'so that the bucket is not fresh'
        estimate = client.estimate([*wars, *orders])
        assert estimate.group == 'killmail'
        assert estimate.tokens == 2 * 160
        assert seconds_to_run(esi, client, [*orders, *wars]) == pytest.approx(estimate.seconds, rel=0.1)
        assert esi.limits.refused == 0
