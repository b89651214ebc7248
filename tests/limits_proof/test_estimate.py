"""What `estimate` says before is what the run then takes."""

from __future__ import annotations

import pytest

from esipy import App, EsiClient
from esipy.sandbox import Sandbox

from .counting import AGENT, Watch, described


def test_an_estimate_is_within_a_tenth() -> None:
    with (
        Sandbox(described(killmail=(60, '1s'), market_order=(30, '1s')), process=True) as esi,
        EsiClient(user_agent=AGENT, cache=None) as client,
    ):
        app = App.create(esi.document)
        wars = [app.op['get_wars_war_id'](war_id=number) for number in range(1, 151)]
        orders = [
            app.op['get_markets_region_id_orders'](region_id=number, order_type='sell') for number in range(1, 11)
        ]
        client.multi_request(wars[:10])  # so that the bucket is not fresh
        told = client.estimate([*wars, *orders])
        assert told.group == 'killmail'
        assert told.tokens == 2 * 160
        with Watch() as watch:
            client.multi_request([*wars, *orders], threads=50)
        print(f'estimated {told.seconds:.2f} s, took {watch.seconds:.2f} s')
        assert watch.seconds == pytest.approx(told.seconds, rel=0.1)
        assert esi.limits.refused == 0
