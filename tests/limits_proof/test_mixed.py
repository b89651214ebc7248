"""Three characters, three groups, public calls; 5xx, a 429 out of the blue, and a server that starts anew meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest
import requests

from esipy import App, EsiClient
from esipy.limits import MemoryLimits
from esipy.sandbox import Sandbox

from .counting import AGENT, Witness, described

pytestmark = pytest.mark.measures

CHARACTERS = (90000001, 90000002, 90000003)
CALLS = 30
RULES = described(char_asset=(20, '1s'), char_location=(30, '2s'), killmail=(40, '1s'), status=(30, '1s'))
OUT_OF_THE_BLUE = 3


def test_everything_at_once_and_no_avoidable_rejection() -> None:
    witness = Witness()
    options: dict[str, Any] = {'limits': MemoryLimits(), 'transport_adapter': witness, 'max_wait': 60.0, 'cache': None}
    first = disturbed(Sandbox(RULES).start())
    port, app, tokens = first.port, App.create(first.document), {one: first.token(one) for one in CHARACTERS}
    second = Sandbox(RULES, port)
    with EsiClient(user_agent=AGENT, retry_requests=True, **options) as client:
        threads = [threading.Thread(target=run, args=(client, calls)) for calls in jobs(app, tokens)]
        try:
            for thread in threads:
                thread.start()
            time.sleep(2)
            refused = first.limits.refused
            first.stop()
            disturbed(second.start())  # it has forgotten what was spent
            for thread in threads:
                thread.join()
            refused += second.limits.refused
        finally:
            first.stop()
            second.stop()
    assert refused == 0
    assert witness.statuses[429] == 2 * OUT_OF_THE_BLUE
    assert witness.statuses[200] == len(threads) * CALLS
    assert witness.statuses.keys() == {200, 429, 502}


def disturbed(esi: Sandbox) -> Sandbox:
    for operation in ('get_status', 'get_wars_war_id'):
        esi.faults.add('limited', n=1, operation=operation)
    esi.faults.add('limited', n=1, operation='get_characters_character_id_assets', seconds=1, as_date=True)
    esi.faults.add('status', status=502, share=0.05)
    return esi


def run(client: EsiClient, calls: list[Any]) -> None:
    for call in calls:
        client.request(call, raise_on_error=True)


def jobs(app: App, tokens: dict[int, str]) -> list[list[Any]]:
    """What each thread asks for."""
    op, numbers = app.op, range(1, CALLS + 1)
    own = [
        [op[name](character_id=character, token=token) for _ in numbers]
        for character, token in tokens.items()
        for name in ('get_characters_character_id_assets', 'get_characters_character_id_location')
    ]
    wars = [
        [op['get_wars_war_id'](war_id=1000 * group + number, token=token) for number in numbers]
        for group, token in enumerate(tokens.values(), 1)
    ]
    public = [
        [op['get_status']() for _ in numbers],
        [op['get_universe_types_type_id'](type_id=number) for number in numbers],
    ]
    return [*own, *wars, *public]


def test_everything_that_can_go_wrong_with_a_response() -> None:
    """Errors that cost more; responses that come late, cut short, or after the timeout; and no headers that would
    correct our own count."""
    witness = Witness()
    options: dict[str, Any] = {'limits': MemoryLimits(), 'transport_adapter': witness, 'cache': None, 'timeout': 0.4}
    with Sandbox(described(killmail=(80, '1s')), process=True) as esi, EsiClient(user_agent=AGENT, **options) as client:
        app = App.create(esi.document)
        esi.faults.add('limit_headers')
        esi.faults.add('status', status=404, share=0.15)
        esi.faults.add('status', status=500, share=0.1)
        esi.faults.add('latency', seconds=0.6, share=0.1)
        esi.faults.add('latency', seconds=0.2, share=0.2)
        esi.faults.add('reset', share=0.05)
        esi.faults.add('truncation', share=0.05)
        wanted = (app.op['get_wars_war_id'](war_id=1000 + number) for number in range(150))
        statuses = Counter(response.status for _, response in client.multi_request(wanted, threads=50))
        print(dict(statuses), dict(witness.statuses))
        assert statuses.keys() == {200, 404, 500}
        assert (esi.limits.refused, witness.statuses[429]) == (0, 0)
        assert esi.limits.count('killmail').peak <= 80


def test_others_at_the_same_address() -> None:
    """The headers show what they spend. Until then a request may be rejected, and is repeated."""
    witness = Witness()
    options: dict[str, Any] = {'limits': MemoryLimits(), 'transport_adapter': witness, 'cache': None}
    with Sandbox(described(killmail=(60, '1s'))) as esi, EsiClient(user_agent=AGENT, **options) as client:
        app = App.create(esi.document)
        for _ in range(15):
            assert requests.get(f'{esi.url}/wars').status_code == 200
        assert client.request(app.op['get_wars_war_id'](war_id=1)).status == 200
        (bucket,) = [one for one in client.budget() if one.group == 'killmail']
        assert (bucket.used, bucket.left) == (32, 28)
        wanted = (app.op['get_wars_war_id'](war_id=1000 + number) for number in range(60))
        assert {response.status for _, response in client.multi_request(wanted)} == {200}
        assert esi.limits.refused == 0  # nobody else came between
