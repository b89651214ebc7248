"""What the sandbox saw."""

import pytest

from esipy.sandbox import Sandbox, UnexpectedCallsError

from .calling import Caller


def test_an_entry_has_everything(esi: Sandbox, call: Caller) -> None:
    token = esi.token()
    call('/characters/90000001/contacts?standing=5', 'POST', token=token, json=[95000001], headers={'X-Mine': 'yes'})
    (entry,) = esi.log.entries
    assert entry.operation == 'PostCharactersCharacterIdContacts'
    assert (entry.method, entry.path, entry.status) == ('POST', '/characters/90000001/contacts?standing=5', 201)
    assert entry.params['standing'] == 5.0
    assert entry.params['character_id'] == entry.character_id == 90000001
    assert entry.params['watched'] is False
    assert entry.body == [95000001]
    assert entry.headers['x-mine'] == 'yes'
    assert abs(entry.time - esi.clock.time()) < 10
    assert 0 <= entry.duration < 60
    assert entry.faults == []


def test_no_entry_holds_a_token(esi: Sandbox, call: Caller) -> None:
    token = esi.token()
    call(f'/status?token={token}&code=abc&x=1', token=token, headers={'Cookie': f'session={token}'})
    entry = esi.log.entries[0]
    assert token not in repr(entry) + str(entry) + repr(esi.log)
    assert entry.headers['authorization'] == '<hidden>'
    assert entry.path == '/status?token=<hidden>&code=<hidden>&x=1'


def test_calls_are_found_by_what_they_were(esi: Sandbox, call: Caller) -> None:
    call('/status')
    call('/markets/10000002/orders?page=2')
    call('/markets/10000002/orders?page=3')
    call('/nowhere')
    log = esi.log
    assert log.count('get_status') == log.count('GetStatus') == 1
    assert log.count('get_markets_region_id_orders') == 2
    assert log.count('get_markets_region_id_orders', page=2) == 1
    assert log.count(status=404) == 1
    assert log.calls(path='/nowhere')[0].operation is None
    assert [entry.status for entry in log] == [200, 200, 200, 404]
    assert len(log) == 4
    assert 'GET /nowhere -> 404' in repr(log)
    with pytest.raises(KeyError, match='get_status'):
        log.calls('get_statsu')
    log.clear()
    assert len(log) == 0


def test_assertions(esi: Sandbox, call: Caller) -> None:
    esi.log.assert_not_called('get_status')
    call('/status')
    esi.log.assert_called('get_status')
    esi.log.assert_called('get_status', times=1, status=200)
    with pytest.raises(UnexpectedCallsError, match=r'expected 2 call\(s\) of get_status, but there were 1'):
        esi.log.assert_called('get_status', times=2)
    with pytest.raises(AssertionError, match='at least one call of get_wars'):
        esi.log.assert_called('get_wars')
    with pytest.raises(AssertionError, match='GET /status -> 200'):
        esi.log.assert_not_called('get_status')


def test_faults_are_noted(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('status', n=1, status=503)
    call('/status')
    assert esi.log.calls('get_status')[0].faults == ['status']
    assert str(esi.log.entries[0]) == 'GET /status -> 503 (status)'
