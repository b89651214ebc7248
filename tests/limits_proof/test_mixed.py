"""Three characters, three groups, public calls; 5xx, a 429 out of the blue, and a server that starts anew."""

from __future__ import annotations

import threading
from collections import Counter

from esipy import App, EsiClient
from esipy.sandbox import Sandbox

from .counting import AGENT, described

CHARACTERS = (90000001, 90000002, 90000003)
ROUNDS = 15
RULES = described(char_asset=(20, '1s'), char_location=(30, '2s'), killmail=(40, '1s'), status=(30, '1s'))


def test_everything_at_once_and_no_refusal_that_could_be_avoided() -> None:
    esi = Sandbox(RULES, process=True).start()
    port, refused = esi.port, 0
    try:
        app = App.create(esi.document)
        tokens = {character: esi.token(character) for character in CHARACTERS}
        with EsiClient(user_agent=AGENT, cache=None, retry_requests=True, max_wait=100) as client:
            disturb(esi)
            first = work(client, app, tokens)
            refused += esi.limits.refused
            esi.stop()
            esi = Sandbox(RULES, port, process=True).start()  # it has forgotten what was spent; we have not
            tokens = {character: esi.token(character) for character in CHARACTERS}
            disturb(esi)
            second = work(client, app, tokens)
            refused += esi.limits.refused
    finally:
        esi.stop()
    assert refused == 0
    assert first.keys() == second.keys() == {200}
    assert sum(first.values()) == sum(second.values()) == ROUNDS * (3 * len(CHARACTERS) + 2)


def disturb(esi: Sandbox) -> None:
    esi.faults.add('status', status=502, share=0.05)
    esi.faults.add('limited', n=2)
    esi.faults.add('limited', n=1, seconds=1, as_date=True)


def work(client: EsiClient, app: App, tokens: dict[int, str]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    lock = threading.Lock()

    def run(*calls: object) -> None:
        for call in calls:
            answer = client.request(call)
            with lock:
                statuses[answer.status] += 1

    threads = [threading.Thread(target=run, args=calls) for calls in jobs(app, tokens)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def jobs(app: App, tokens: dict[int, str]) -> list[list[object]]:
    op = app.op
    own = [
        [op[name](character_id=character, token=token) for _ in range(ROUNDS)]
        for character, token in tokens.items()
        for name in ('get_characters_character_id_assets', 'get_characters_character_id_location')
    ]
    wars = [
        [op['get_wars_war_id'](war_id=1000 * group + number, token=token) for number in range(1, ROUNDS + 1)]
        for group, token in enumerate(tokens.values(), 1)
    ]
    public = [
        [op['get_status']() for _ in range(ROUNDS)],
        [op['get_universe_types_type_id'](type_id=number) for number in range(1, ROUNDS + 1)],
    ]
    return [*own, *wars, *public]
