"""Never one 429, and yet nearly all that the windows allow: one process of many threads, and four that share Redis."""

from __future__ import annotations

from collections import Counter

import pytest

from esipy import App, EsiClient
from esipy.sandbox import Sandbox
from tests.databases import Server

from .counting import AGENT, Witness, described, most_in_a_window, share_used
from .processes import together

pytestmark = pytest.mark.measures

TOKENS = 150

#: (calls, seconds of a window): the whole proof takes more than two minutes.
SIZES = [pytest.param(288, 1, id='short'), pytest.param(2000, 5, id='whole', marks=pytest.mark.soak)]


def check(esi: Sandbox, calls: int, window: float, share: float) -> None:
    """By the sandbox's own counts, and by counting its log."""
    seen = esi.log.calls('get_wars_war_id')
    count = esi.limits.count('killmail')
    print(f'{calls} calls: {share_used(seen, TOKENS, window):.1%} of the tokens, {count.refused} refused')
    assert (count.refused, esi.limits.refused) == (0, 0)
    assert Counter(entry.status for entry in seen) == {200: calls}
    assert most_in_a_window(seen, window) == count.peak <= TOKENS
    assert count.spent == 2 * calls
    assert share_used(seen, TOKENS, window) >= share


@pytest.mark.parametrize(('calls', 'window'), SIZES)
def test_a_hundred_threads(calls: int, window: int) -> None:
    witness = Witness()
    with (
        Sandbox(described(killmail=(TOKENS, f'{window}s')), process=True) as esi,
        EsiClient(user_agent=AGENT, cache=None, transport_adapter=witness) as client,
    ):
        app = App.create(esi.document)
        wanted = (app.op['get_wars_war_id'](war_id=1000 + number) for number in range(calls))
        done = client.multi_request(wanted, threads=100)
        assert Counter(response.status for _, response in done) == witness.statuses == {200: calls}
        check(esi, calls, window, 0.9)


@pytest.mark.parametrize(('calls', 'window'), SIZES)
def test_four_processes_that_share_redis(calls: int, window: int, redis_on: Server) -> None:
    with Sandbox(described(killmail=(TOKENS, f'{window}s')), process=True) as esi:
        statuses = together(esi, redis_on, 'get_wars_war_id', processes=4, calls=calls // 4)
        assert statuses == {200: calls}
        check(esi, calls, window, 0.85)
