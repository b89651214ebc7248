"""What the sandbox makes up does not contradict itself, within a record and between operations."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

from esipy import App, EsiClient
from esipy._sandbox.consistent import consistent
from esipy.sandbox import Sandbox

FIRST = 90000001

#: (operation, its parameters, what is true of each of its records)
RECORDS: list[tuple[str, dict[str, Any], Callable[[Mapping[str, Any]], bool]]] = [
    (
        'get_markets_region_id_orders',
        {'region_id': 10000002},
        lambda it: 1 <= it['min_volume'] <= it['volume_remain'] <= it['volume_total'] and it['price'] > 0,
    ),
    ('get_markets_region_id_history', {'region_id': 1, 'type_id': 34}, lambda it: it['lowest'] <= it['highest']),
    (
        'get_contracts_public_region_id',
        {'region_id': 10000002},
        lambda it: it['date_issued'] < it['date_expired'] and it.get('price', 0) >= 0,
    ),
    (
        'get_characters_character_id_contracts',
        {'character_id': FIRST},
        lambda it: (
            it['date_issued'] <= it.get('date_accepted', it['date_issued'])
            and it.get('date_accepted', '') <= it.get('date_completed', '9')
            and it['date_issued'] < it['date_expired']
            and (it['status'] != 'outstanding' or (it['acceptor_id'] == 0 and 'date_completed' not in it))
        ),
    ),
    (
        'get_characters_character_id_industry_jobs',
        {'character_id': FIRST},
        lambda it: it['start_date'] < it['end_date'] and ('completed_date' in it) <= (it['status'] == 'delivered'),
    ),
    (
        'get_characters_character_id_skillqueue',
        {'character_id': FIRST},
        lambda it: it.get('start_date', '') < it.get('finish_date', '9'),
    ),
    (
        'get_characters_character_id_skills',
        {'character_id': FIRST},
        lambda it: it['active_skill_level'] <= it['trained_skill_level'],
    ),
    (
        'get_characters_character_id_wallet_transactions',
        {'character_id': FIRST},
        lambda it: it['quantity'] > 0 and it['unit_price'] > 0,
    ),
]


@pytest.mark.parametrize(('operation', 'params', 'is_true'), RECORDS, ids=[record[0] for record in RECORDS])
@pytest.mark.parametrize('seed', [0, 1, 'another'])
def test_no_record_contradicts_itself(
    operation: str, params: dict[str, Any], is_true: Callable[[Mapping[str, Any]], bool], seed: Any
) -> None:
    with Sandbox(seed=seed) as esi:
        records = esi.lists.of(operation, **params).records()
    assert records
    assert [record for record in records if not is_true(record)] == []


def test_dates_of_the_past_are_in_the_past(esi: Sandbox) -> None:
    now = '2026-08-02'  # the data is of the day before, on every day
    orders = esi.lists.of('get_markets_region_id_orders', region_id=10000002).records()
    contracts = esi.lists.of('get_contracts_public_region_id', region_id=10000002).records()
    assert all(order['issued'] < now for order in orders)
    assert all(contract['date_issued'] < now for contract in contracts)


@pytest.mark.parametrize(
    ('record', 'expected'),
    [
        (
            {'min_volume': 9, 'volume_remain': 5, 'volume_total': 7},
            {'min_volume': 5, 'volume_remain': 7, 'volume_total': 9},
        ),
        ({'volume_remain': 9, 'volume_total': 7}, {'volume_remain': 7, 'volume_total': 9}),
        ({'lowest': 3.0, 'average': 2.0, 'highest': 1.0}, {'lowest': 1.0, 'average': 2.0, 'highest': 3.0}),
        ({'declared': '2026-02-01', 'finished': '2026-01-01'}, {'declared': '2026-01-01', 'finished': '2026-02-01'}),
        ({'lowest': None, 'highest': 1}, {'lowest': None, 'highest': 1}),
        ({'lowest': 'a', 'highest': 1}, {'lowest': 'a', 'highest': 1}),
    ],
)
def test_values_that_are_ordered(record: dict[str, Any], expected: dict[str, Any]) -> None:
    assert consistent(record) == {**record, **expected}


def test_the_skill_points_are_the_sum_of_the_skills(esi: Sandbox) -> None:
    for changed in (False, True):
        if changed:
            esi.lists.of('get_characters_character_id_skills', character_id=FIRST).resize(50)
        url = f'{esi.url}/characters/{FIRST}/skills'
        sheet = requests.get(url, headers={'Authorization': f'Bearer {esi.token(FIRST)}'}).json()
        assert sheet['total_sp'] == sum(skill['skillpoints_in_skill'] for skill in sheet['skills'])


def test_a_killmail_of_the_list_has_one_final_blow(esi: Sandbox) -> None:
    (reference, *_) = esi.lists.of('get_characters_character_id_killmails_recent', character_id=FIRST).records()
    kill = requests.get(f'{esi.url}/killmails/{reference["killmail_id"]}/{reference["killmail_hash"]}').json()
    assert kill['killmail_id'] == reference['killmail_id']
    assert [one['final_blow'] for one in kill['attackers']].count(True) == 1
    assert kill['victim']['damage_taken'] == sum(one['damage_done'] for one in kill['attackers'])


@pytest.mark.parametrize('seed', [0, 'another'])
def test_a_character_has_one_name_everywhere(seed: Any) -> None:
    with (
        Sandbox(seed=seed) as esi,
        esi.redirect(),
        EsiClient(user_agent='tests', cache=None, raise_on_error=True) as client,
    ):
        app = App.create(esi.spec_url)

        def name_of(character_id: int) -> set[str]:
            security = esi.sso.grant(character_id)
            claims = _claims(security['access_token'])
            (named,) = client.request(app.op['post_universe_names'](body=[character_id])).data
            detail = client.request(app.op['get_characters_character_id'](character_id=character_id)).data
            found = client.request(app.op['post_universe_ids'](body=[detail.name])).data
            assert [one.id for one in found.characters] == [character_id]
            return {claims['name'], named.name, detail.name}

        for character in esi.sso.characters:
            assert name_of(character.id) == {character.name}
        esi.sso.characters.add(FIRST, 'Somebody Else')
        assert name_of(FIRST) == {'Somebody Else'}
        (other,) = name_of(95_000_000)
        assert other not in {character.name for character in esi.sso.characters}


def test_a_character_is_in_one_corporation_everywhere(esi: Sandbox) -> None:
    detail = requests.get(f'{esi.url}/characters/{FIRST}').json()
    (affiliation,) = requests.post(f'{esi.url}/characters/affiliation', json=[FIRST]).json()
    corporation = requests.get(
        f'{esi.url}/corporations/{detail["corporation_id"]}', headers={'X-Compatibility-Date': '2026-08-04'}
    ).json()
    assert affiliation['corporation_id'] == detail['corporation_id']
    assert len({one['alliance_id'] for one in (detail, affiliation, corporation) if 'alliance_id' in one}) == 1


def test_a_name_beside_an_id_is_the_name_of_that_id(esi: Sandbox) -> None:
    event = esi.data.get('get_characters_character_id_calendar_event_id', character_id=FIRST, event_id=1_500_500)
    owner = requests.get(f'{esi.url}/characters/{event["owner_id"]}').json()
    assert (event['owner_type'], event['owner_name']) == ('character', owner['name'])


def _claims(token: str) -> dict[str, Any]:
    from jose import jwt

    claims: dict[str, Any] = jwt.get_unverified_claims(token)
    return claims
