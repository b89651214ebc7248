"""Calls are served first come, first served."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from esipy import App, EsiClient
from esipy.sandbox import Sandbox

from .counting import AGENT, Witness, described

pytestmark = pytest.mark.measures

CALLERS = 1000


def test_a_thousand_wait_in_order_of_arrival() -> None:
    witness = Witness()
    with (
        Sandbox(described(killmail=(700, '2s')), process=True) as esi,
        EsiClient(user_agent=AGENT, cache=None, transport_adapter=witness, max_wait=100) as client,
    ):
        app = App.create(esi.document)
        esi.faults.add('limited', n=1, seconds=3)  # nobody is served while they gather
        threads = [
            threading.Thread(target=client.request, args=(app.op['get_wars_war_id'](war_id=number),))
            for number in range(1, CALLERS + 1)
        ]
        for thread in threads:
            thread.start()
            time.sleep(0.001)
        for thread in threads:
            thread.join()
        served = [int(url.rpartition('/')[2]) for url in witness.sent]
        assert esi.limits.refused == 0
    order = list(dict.fromkeys(reversed(served)))[::-1]  # the first one went out twice
    assert len(order) == CALLERS
    wrong = sum(later < earlier for earlier, later in pairwise(order))
    print(f'{wrong} of {CALLERS} neighbours out of order')
    assert wrong <= CALLERS // 100


def test_calls_with_priority_go_first() -> None:
    witness = Witness()
    with (
        Sandbox(described(killmail=(10, '1s'))) as esi,
        EsiClient(user_agent=AGENT, cache=None, transport_adapter=witness, max_wait=100) as client,
    ):
        app = App.create(esi.document)
        for number in range(1, 6):
            client.request(app.op['get_wars_war_id'](war_id=number))
        threads = [
            threading.Thread(
                target=client.request,
                args=(app.op['get_wars_war_id'](war_id=number),),
                kwargs={'priority': 1 if number == 11 else 0},
            )
            for number in range(6, 12)
        ]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        for thread in threads:
            thread.join()
        served = [int(url.rpartition('/')[2]) for url in witness.sent][5:]
        assert served.index(11) <= 1
        assert esi.limits.refused == 0
