"""A storm of failing calls on operations under the error limit: never a 420, and the last errors are left unused."""

from __future__ import annotations

from collections import Counter

import pytest

from esipy import App, EsiClient
from esipy.sandbox import Sandbox
from tests.databases import Server

from .counting import AGENT, described, errors_by_window
from .processes import together

pytestmark = pytest.mark.measures


@pytest.mark.parametrize(
    ('calls', 'window'),
    [pytest.param(600, 2, id='short'), pytest.param(1200, 60, id='whole', marks=pytest.mark.soak)],
)
def test_a_storm_of_errors(calls: int, window: int) -> None:
    with (
        Sandbox(described(), process=True, limits={'errors': {'window': window}}) as esi,
        EsiClient(user_agent=AGENT, cache=None) as client,
    ):
        app = App.create(esi.document)
        op = app.op['get_universe_types_type_id']
        client.request(op(type_id=587))  # how long a window is, only the server knows
        esi.faults.add('status', operation='get_universe_types_type_id', status=404, share=0.3)
        done = client.multi_request((op(type_id=number + 1000) for number in range(calls)), threads=50)
        statuses = Counter(response.status for _, response in done)
        by_window = errors_by_window(esi.log.calls('get_universe_types_type_id'), window)
        print(dict(statuses), dict(by_window))
        assert set(statuses) == {200, 404}
        assert sum(by_window.values()) == statuses[404] > 0.25 * calls
        assert max(by_window.values()) == esi.limits.count('errors').peak <= 95
        assert esi.limits.refused == 0


@pytest.mark.soak
def test_a_storm_from_four_processes_that_share_redis(redis_on: Server) -> None:
    """The window of three seconds is not described; the first responses show it."""
    name, window = 'get_universe_types_type_id', 3
    with Sandbox(process=True, limits={'errors': {'window': window}}) as esi:
        esi.faults.add('status', operation=name, status=404, share=0.3)
        statuses = together(esi, redis_on, name, processes=4, calls=200)
        by_window = errors_by_window(esi.log.calls(name), window)
        assert statuses.keys() == {200, 404}
        assert sum(by_window.values()) == statuses[404] > 200
        assert max(by_window.values()) == esi.limits.count('errors').peak <= 95
        assert esi.limits.refused == 0
