"""Who may do what: tokens, scopes, roles, the character; and what a bad request is told."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from esipy.sandbox import Sandbox

from .calling import OLD, Caller

WALLET = '/characters/90000001/wallet'


def error(response: Any) -> str:
    assert response.headers['Content-Type'] == 'application/json'
    return str(response.json()['error'])


def test_no_token_no_response(call: Caller) -> None:
    response = call(WALLET)
    assert response.status_code == 401
    assert 'No authorization header' in error(response)
    assert response.headers['WWW-Authenticate'] == 'Bearer'
    assert call(WALLET, headers={'Authorization': 'Basic eDp5'}).status_code == 401
    assert 'Invalid token' in error(call(WALLET, token='nonsense'))
    assert call('/status').status_code == 200


def test_a_token_lives_for_twenty_minutes(esi: Sandbox, call: Caller) -> None:
    token = esi.token()
    assert call(WALLET, token=token).status_code == 200
    esi.clock.move(1190)
    assert call(WALLET, token=token).status_code == 200
    esi.clock.move(20)
    response = call(WALLET, token=token)
    assert response.status_code == 401
    assert 'expired' in error(response)
    assert call(WALLET, token=esi.token(lifetime=5)).status_code == 200


def test_a_token_can_be_taken_back(esi: Sandbox, call: Caller) -> None:
    one, other = esi.token(), esi.token()
    esi.revoke(one)
    assert call(WALLET, token=one).status_code == 401
    assert call(WALLET, token=other).status_code == 200
    esi.revoke()
    assert call(WALLET, token=other).status_code == 401


def test_a_missing_scope_is_named(esi: Sandbox, call: Caller) -> None:
    token = esi.token(scopes=['esi-assets.read_assets.v1'])
    response = call(WALLET, token=token)
    assert response.status_code == 403
    assert 'esi-wallet.read_character_wallet.v1' in error(response)
    assert call('/characters/90000001/assets', token=token).status_code == 200
    assert call(WALLET, token=esi.token(scopes='a esi-wallet.read_character_wallet.v1')).status_code == 200


def test_a_token_is_one_characters(esi: Sandbox, call: Caller) -> None:
    assert call('/characters/90000002/wallet', token=esi.token()).status_code == 403
    assert call('/characters/90000002/wallet', token=esi.token(90000002)).status_code == 200


def test_a_missing_role_is_named(esi: Sandbox, call: Caller) -> None:
    path = '/corporations/98000001/wallets'
    assert call(path, token=esi.token()).status_code == 200
    assert call(path, token=esi.token(roles=['Accountant'])).status_code == 200
    response = call(path, token=esi.token(roles=['Director']))
    assert response.status_code == 403
    assert 'Junior_Accountant' in error(response)


def test_a_token_has_the_shape_of_a_jwt(esi: Sandbox) -> None:
    _, claims, _ = esi.token(90000007, scopes=['a', 'b']).split('.')
    read = json.loads(base64.urlsafe_b64decode(claims + '=='))
    assert (read['sub'], read['scp']) == ('CHARACTER:EVE:90000007', ['a', 'b'])


def test_old_apps_send_the_token_in_the_query(document: Callable[..., Any], caller: Callable[..., Caller]) -> None:
    with Sandbox(document(OLD)) as esi:
        token = esi.token()
        response = caller(esi)('/latest/characters/90000001/wallet/', params={'token': token})
        assert response.status_code == 200
        assert token not in repr(esi.log) + repr(esi.log.entries)


@pytest.mark.parametrize(
    ('path', 'named'),
    [
        ('/markets/10000002/orders?order_type=bye', 'query.order_type'),
        ('/markets/10000002/orders?page=0', 'query.page'),
        ('/markets/10000002/orders?page=one', 'query.page'),
        ('/markets/10000002/orders?page=1.5', 'query.page'),
        ('/markets/ten/orders', 'path.region_id'),
        ('/markets/99999999999999999999999/orders', 'path.region_id'),
        ('/markets/10000002/history', 'query.type_id'),
        ('/freelance-jobs?limit=9', 'query.limit'),
        ('/freelance-jobs?limit=101', 'query.limit'),
        ('/freelance-jobs?after=nonsense', 'query.after'),
        ('/freelance-jobs?after=0&before=0', 'query.before'),
    ],
)
def test_parameters_are_checked(path: str, named: str, call: Caller) -> None:
    response = call(path)
    assert response.status_code == 400
    assert named in error(response)
    assert response.json()['details'][0]['location'] == named


def test_headers_are_checked(call: Caller) -> None:
    assert call('/status', headers={'Accept-Language': 'de'}).status_code == 200
    assert 'header.Accept-Language' in error(call('/status', headers={'Accept-Language': 'klingon'}))


@pytest.mark.parametrize(
    ('body', 'named'),
    [
        ([], 'at least 1'),
        (['34'], 'body[0]: expected integer'),
        ([True], 'expected integer, but got boolean'),
        ([34, 34], 'unique'),
        ({'ids': [34]}, 'expected array'),
        (list(range(1, 1002)), 'at most 1000'),
        ([2**63], '64 bits'),
    ],
)
def test_bodies_are_checked(body: Any, named: str, call: Caller) -> None:
    response = call('/universe/names', 'POST', json=body)
    assert response.status_code == 400
    assert named in error(response)


@pytest.mark.parametrize('data', [b'', b'{', b'[NaN]', b'\xff', b'[' * 100_000, b'[' + b'9' * 5000 + b']'])
def test_bodies_that_are_not_json(data: bytes, call: Caller) -> None:
    response = call('/universe/names', 'POST', data=data, headers={'Content-Type': 'application/json'})
    assert response.status_code == 400
    assert 'body' in error(response)


def test_a_body_of_another_type(call: Caller) -> None:
    response = call('/universe/names', 'POST', data='ids=34', headers={'Content-Type': 'text/plain'})
    assert response.status_code == 415


def test_a_fault_deep_in_a_body_is_placed(call: Caller) -> None:
    fitting = {'name': 'x', 'description': '', 'ship_type_id': 587, 'items': [{'flag': 'Roof', 'quantity': 0}]}
    response = call.signed('/characters/90000001/fittings', 'POST', json=fitting)
    places = {detail['location'] for detail in response.json()['details']}
    assert places == {'body.items[0].type_id', 'body.items[0].flag', 'body.items[0].quantity'}


def test_old_lists_are_comma_separated(document: Callable[..., Any], caller: Callable[..., Caller]) -> None:
    with Sandbox(document(OLD)) as esi:
        call = caller(esi)
        path = '/latest/characters/90000001/mail/'
        assert call.signed(path, params={'labels': '1,3'}).status_code == 200
        assert call.signed(path, params={'labels': '1,x'}).status_code == 400
        assert set(call.signed(path, params={'labels': '1,x'}).json()) == {'error'}
