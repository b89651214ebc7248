"""A day of 30 characters, by the clock: nobody has to sign in again, and whatever could succeed did."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from esipy import App, EsiClient, clock
from esipy.exceptions import SSOUnavailableError
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.integration.signed import CLIENT, security, signed_in

CHARACTERS = range(90000001, 90000031)
HOUR = 3600
#: A round of calls every 10 minutes: tokens live for 20.
STEP = 600
#: When the SSO is down, and when its keys change, in seconds from the beginning. (New keys make all tokens new at once:
#: 10 minutes of life are left to them when the SSO goes down.)
DOWN = range(11 * HOUR + STEP, 12 * HOUR + STEP)
ROTATIONS = (5 * HOUR, 17 * HOUR + STEP)


@pytest.mark.timeout(180)
def test_a_day_of_30_characters_and_8_threads() -> None:
    with Sandbox() as esi:
        esi.sso.rotate = True
        store = MemoryTokens()
        dice = random.Random(30)
        good_until = {
            character: signed_in(store, esi, character, left=dice.randrange(1200)).expires_at
            for character in CHARACTERS
        }
        operation = App.create(esi.document).op['get_characters_character_id_wallet']
        whole = security(esi, store=store)
        failed: list[tuple[int, str]] = []
        seen: set[str] = set()

        with EsiClient(whole, cache=None, user_agent='tests') as esi_client, ThreadPoolExecutor(8) as pool:

            def call(character: int) -> str:
                one = esi_client.as_character(character)
                try:
                    response = one.request(operation(character_id=character), raise_on_error=True)
                except SSOUnavailableError as error:
                    # It could not succeed: the old token is past its end, and no other to be had.
                    return 'down' if clock.time() >= good_until[character] else repr(error)
                assert response.ok
                if one.security.token_expiry is not None:
                    good_until[character] = one.security.token_expiry
                return 'ok'

            for now in range(0, 24 * HOUR, STEP):
                if now in ROTATIONS:
                    esi.sso.rotate_keys()
                if now == DOWN.start:
                    esi.faults.add('downtime', operation='sso', seconds=len(DOWN))
                # Each several times, from different threads, in another order each time.
                wanted = [character for character in CHARACTERS for _ in range(2)]
                dice.shuffle(wanted)
                outcomes = list(pool.map(call, wanted))
                seen.update(outcomes)
                allowed = {'ok', 'down'} if now in DOWN[STEP:] else {'ok'}
                failed += [(now, outcome) for outcome in outcomes if outcome not in allowed]
                if now not in DOWN:  # with the keys of that hour
                    claims = esi_client.as_character(CHARACTERS[0]).security.verify()
                    assert claims['sub'] == f'CHARACTER:EVE:{CHARACTERS[0]}'
                clock.move(STEP)

        assert failed == []
        assert seen == {'ok', 'down'}
        assert store.characters(CLIENT) == list(CHARACTERS)
        assert esi.sso.reuses == 0
        # 23 hours at 3 refreshes an hour, at most, and what the keys' rotations cost.
        assert 30 * 23 * 2 < esi.sso.refreshes < 30 * (24 * 3 + 3)
        assert esi.log.count('sso.jwks') == 3
