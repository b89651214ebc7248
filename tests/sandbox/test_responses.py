"""What stands around a body: entity tags, dates, freshness, compression, HEAD; and what is not there."""

import gzip
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from esipy import clock
from esipy.sandbox import Sandbox, SandboxError

from .calling import LIVE, OLD, Caller


def test_an_entity_tag_gives_304(call: Caller) -> None:
    first = call('/status')
    tag = first.headers['ETag']
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix('W/'), f'"other", {tag}', '*'):
        second = call('/status', headers={'If-None-Match': known})
        assert (second.status_code, second.content) == (304, b'')
        assert second.headers['ETag'] == tag
        assert second.headers['Cache-Control'] == first.headers['Cache-Control']
    assert call('/status', headers={'If-None-Match': '"other"'}).status_code == 200


def test_a_date_gives_304_unless_a_tag_disagrees(call: Caller) -> None:
    since = call('/status').headers['Last-Modified']
    assert call('/status', headers={'If-Modified-Since': since}).status_code == 304
    older = 'Sat, 01 Jan 2000 00:00:00 GMT'
    assert call('/status', headers={'If-Modified-Since': older}).status_code == 200
    assert call('/status', headers={'If-Modified-Since': 'nonsense'}).status_code == 200
    assert call('/status', headers={'If-Modified-Since': since, 'If-None-Match': '"x"'}).status_code == 200


def test_a_change_shows_in_tag_and_date(esi: Sandbox, call: Caller) -> None:
    first = call('/status')
    esi.clock.move(10)
    esi.data.edit('get_status', {'players': 7})
    second = call('/status', headers={'If-None-Match': first.headers['ETag']})
    assert second.json()['players'] == 7
    assert second.headers['ETag'] != first.headers['ETag']
    moved = parsedate_to_datetime(second.headers['Last-Modified']) - parsedate_to_datetime(
        first.headers['Last-Modified']
    )
    assert timedelta(seconds=9) <= moved <= timedelta(seconds=12)
    esi.data.reset()
    assert call('/status').json() == first.json()


def test_freshness_is_the_descriptions(call: Caller) -> None:
    assert call('/status').headers['Cache-Control'] == 'public, max-age=30'
    assert call.signed('/characters/90000001/wallet').headers['Cache-Control'] == 'private, max-age=120'
    assert 'Expires' not in call('/status').headers
    assert 'ETag' not in call('/universe/ids', 'POST', json=['Jita']).headers


def test_expires_by_request_and_where_it_is_declared(
    document: Callable[..., Any], caller: Callable[..., Caller]
) -> None:
    with Sandbox(expires=True) as esi:
        response = caller(esi)('/status')
        life = parsedate_to_datetime(response.headers['Expires']) - parsedate_to_datetime(response.headers['Date'])
        assert life in (timedelta(seconds=30), timedelta(seconds=29))
    with Sandbox(document(OLD)) as esi:
        assert 'Expires' in caller(esi)('/latest/status/').headers


def test_the_date_is_esipys(esi: Sandbox, call: Caller) -> None:
    esi.clock.move(86400)
    shown = parsedate_to_datetime(call('/status').headers['Date'])
    assert abs(shown - datetime.fromtimestamp(clock.time(), UTC)) < timedelta(seconds=5)


def test_the_clock_is_put_back() -> None:
    before = clock.offset()
    with Sandbox() as esi:
        esi.clock.move(1000)
        assert clock.offset() == before + 1000
        assert esi.clock.time() > clock.time() - 5
    assert clock.offset() == before


def test_gzip_for_those_who_take_it(call: Caller) -> None:
    path = '/markets/10000002/orders'
    packed = call(path, headers={'Accept-Encoding': 'gzip'}, stream=True)
    assert packed.headers['Content-Encoding'] == 'gzip'
    assert packed.headers['Vary'] == 'Accept-Encoding'
    plain = call(path, headers={'Accept-Encoding': 'identity'})
    assert 'Content-Encoding' not in plain.headers
    assert gzip.decompress(packed.raw.read()) == plain.content
    assert packed.headers['ETag'] == plain.headers['ETag']
    refused = call(path, headers={'Accept-Encoding': 'gzip;q=0'})
    assert 'Content-Encoding' not in refused.headers
    assert 'Content-Encoding' not in call('/status', headers={'Accept-Encoding': 'gzip'}).headers


def test_head_is_get_without_a_body(call: Caller) -> None:
    get, head = call('/status'), call('/status', 'HEAD')
    assert head.status_code == 200
    assert head.content == b''
    assert head.headers['ETag'] == get.headers['ETag']
    assert head.headers['Content-Length'] == str(len(get.content))
    assert call('/universe/names', 'HEAD').status_code == 405


def test_nowhere_and_not_so(call: Caller) -> None:
    nowhere = call('/nowhere')
    assert (nowhere.status_code, nowhere.json()) == (404, {'error': 'Not found'})
    wrong = call('/status', 'DELETE')
    assert (wrong.status_code, wrong.headers['Allow']) == (405, 'GET, HEAD')
    assert 'error' in wrong.json()


def test_what_does_not_exist(esi: Sandbox, call: Caller) -> None:
    assert call('/characters/90000009').status_code == 200
    for number in (0, -5, 404):
        assert call(f'/characters/{number}').json() == {'error': 'Not found'}
    esi.missing(character_id=90000009)
    assert call('/characters/90000009').status_code == 404
    esi.missing('get_universe_types_type_id', type_id=34)
    assert call('/universe/types/34').status_code == 404
    assert call('/universe/types/35').status_code == 200


@pytest.mark.parametrize(
    ('path', 'status'),
    [('/status', 200), ('/freelance-jobs', 404), ('/meta/changelog', 404)],
)
def test_without_a_date_it_is_the_oldest(path: str, status: int, call: Caller) -> None:
    assert call(path, headers={'X-Compatibility-Date': None}).status_code == status
    assert call(path, headers={'X-Compatibility-Date': '2026-08-04'}).status_code == 200


def test_a_route_newer_than_the_date_is_not_there(call: Caller) -> None:
    assert call('/freelance-jobs', headers={'X-Compatibility-Date': '2025-12-15'}).status_code == 404
    assert call('/freelance-jobs', headers={'X-Compatibility-Date': '2025-12-16'}).status_code == 200


def test_a_date_must_be_one_and_not_in_the_future(esi: Sandbox, call: Caller) -> None:
    for wrong in ('2026-02-30', '20260804', 'today', ''):
        assert call('/status', headers={'X-Compatibility-Date': wrong}).status_code == 400
    ahead = datetime.fromtimestamp(clock.time(), UTC) + timedelta(days=2)
    response = call('/status', headers={'X-Compatibility-Date': ahead.date().isoformat()})
    assert response.status_code == 400
    assert 'in the future' in response.json()['error']
    esi.clock.move(3 * 86400)
    assert call('/status', headers={'X-Compatibility-Date': ahead.date().isoformat()}).status_code == 200


def test_the_days_turn_at_eleven(esi: Sandbox, call: Caller) -> None:
    now = datetime.fromtimestamp(clock.time(), UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    esi.clock.move((midnight - now).total_seconds() + 10.9 * 3600)
    today = {'X-Compatibility-Date': midnight.date().isoformat()}
    assert call('/status', headers=today).status_code == 400
    esi.clock.move(0.2 * 3600)
    assert call('/status', headers=today).status_code == 200


def test_languages(document: Callable[..., Any], call: Caller, caller: Callable[..., Caller]) -> None:
    english = call('/universe/types/587').json()
    german = call('/universe/types/587', headers={'Accept-Language': 'de'}).json()
    assert german == {
        **english,
        'name': f'{english["name"]} (de)',
        'description': f'{english["description"]} (de)',
    }
    with Sandbox(document(OLD)) as esi:
        old = caller(esi)
        path = '/latest/universe/types/587/'
        assert old(path, params={'language': 'fr'}).json()['name'].endswith('(fr)')
        assert old(path, headers={'Accept-Language': 'fr'}).json()['name'].endswith('(fr)')
        assert '(' not in old(path).json()['name']


def test_the_document_as_the_server_has_it(call: Caller) -> None:
    whole = call('/meta/openapi.json')
    assert whole.json()['servers'] == [{'url': 'https://esi.evetech.net'}]
    assert call('/meta/openapi.json', headers={'If-None-Match': whole.headers['ETag']}).status_code == 304
    earlier = call('/meta/openapi.json?compatibility_date=2025-12-15').json()
    assert earlier['info']['version'] == '2025-12-15'
    assert earlier['components']['parameters']['CompatibilityDate']['schema']['enum'] == ['2025-12-15']
    assert earlier['paths']['/freelance-jobs'] == {}
    assert 'get' in earlier['paths']['/corporations/{corporation_id}/projects']
    assert call('/meta/openapi.json?compatibility_date=2999-01-01').status_code == 400
    assert call('/latest/swagger.json').status_code == 404
    assert call('/__sandbox__/document.json').json()['servers'] == [{'url': call.esi.url}]


def test_the_old_document_and_the_one_that_lists_it(
    document: Callable[..., Any], caller: Callable[..., Caller]
) -> None:
    with Sandbox(document(OLD)) as esi:
        call = caller(esi)
        for version in ('latest', 'dev', 'legacy', 'v1', 'v6', '_latest', '_dev'):
            assert call(f'/{version}/swagger.json').json()['host'] == 'esi.evetech.net'
        listing = call('/swagger.json').json()
        assert listing['paths']['/latest/swagger.json']['get']['operationId'] == 'get_latest_swagger'
        assert esi.spec_url == f'{esi.url}/latest/swagger.json'
        assert esi.document['host'] == esi.url.removeprefix('http://')
        assert esi.document['schemes'] == ['http']


@pytest.mark.parametrize('path', ['/latest/status/', '/latest/status', '/v1/status/', '/dev/status', '/legacy/status'])
def test_old_versions_and_slashes(path: str, document: Callable[..., Any], caller: Callable[..., Caller]) -> None:
    with Sandbox(document(OLD)) as esi:
        assert caller(esi)(path).status_code == 200


def test_meta_routes_return_the_description(document: Callable[..., Any], caller: Callable[..., Caller]) -> None:
    with Sandbox(document(LIVE)) as esi:
        call = caller(esi)
        dates = call('/meta/compatibility-dates').json()['compatibility_dates']
        assert dates[0] == '2026-08-04'
        assert dates == sorted(dates, reverse=True)
        changes = call('/meta/changelog').json()['changelog']
        assert {'/freelance-jobs'} <= {change['path'] for change in changes['2025-12-16']}


def test_responses_can_be_set(esi: Sandbox, call: Caller) -> None:
    esi.data.set('get_status', {'players': 1, 'server_version': '2', 'start_time': '2026-08-01T11:00:00Z'})
    assert call('/status').json()['players'] == 1
    with pytest.raises(SandboxError, match='is not valid'):
        esi.data.set('get_status', {'players': 'many'})
    esi.data.set('get_status', {'players': 'many'}, check=False)
    assert call('/status').json() == {'players': 'many'} == esi.data.get('get_status')
    esi.data.set('get_wars', [3, 2, 1])
    assert call('/wars?max_war_id=3').json() == [2, 1]
    esi.data.set(
        'get_characters_detail', {**esi.data.get('get_characters_detail', character_id=5), 'name': 'Me'}, character_id=5
    )
    assert call('/characters/5').json()['name'] == 'Me'


def test_connections_stay_open_and_requests_may_come_together(esi: Sandbox) -> None:
    request = b'GET /status HTTP/1.1\r\nHost: x\r\n\r\n'
    with socket.create_connection(('127.0.0.1', esi.port), timeout=30) as client:
        client.sendall(request * 3)
        received = b''
        while received.count(b'HTTP/1.1 200 OK') < 3 or not received.endswith(b'}'):
            received += client.recv(65536)
    with socket.create_connection(('127.0.0.1', esi.port), timeout=30) as client:
        client.sendall(b'GET /status HTTP/1.0\r\n\r\n')
        received = b''
        while data := client.recv(65536):
            received += data
        assert received.endswith(b'}')


#: The beginnings of requests with a body in chunks, and with the length of a body.
CHUNKS = b'POST /universe/ids HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
LENGTH = b'POST /universe/ids HTTP/1.1\r\nContent-Length: '


@pytest.mark.parametrize(
    ('sent', 'status'),
    [
        (b'nonsense\r\n\r\n', b'400'),
        (b'GET /status SPDY/3\r\n\r\n', b'400'),
        (b'GET /status HTTP/1.1\r\nno colon\r\n\r\n', b'400'),
        (b'POST /universe/ids HTTP/1.1\r\nContent-Length: many\r\n\r\n', b'400'),
        (b'POST /universe/ids HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n', b'413'),
        (b'POST /universe/ids HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', b'400'),
        (b'POST /universe/ids HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', b'400'),
        (b'GET /status HTTP/1.1\r\nX: ' + b'a' * 70_000, b'431'),
        (b'GET /status HTTP/1.1\r\nX : 1\r\n\r\n', b'400'),
        (b'GET /status HTTP/1.1\r\nX: 1\nHost: localhost\r\n\r\n', b'400'),
        (b'GET /status HTTP/1.1\r\nX: 1\rHost: localhost\r\n\r\n', b'400'),
        (b'GET /status HTTP/1.1\r\nX: 1\0\r\n\r\n', b'400'),
        (b'GET http://a/status HTTP/1.1\r\nHost: b\r\n\r\n', b'400'),
        (b'GET HTTP://a?/status HTTP/1.1\r\nHost: b\r\n\r\n', b'400'),
        (LENGTH + b'9' * 5000 + b'\r\n\r\n', b'413'),
        (LENGTH + b'0x1\r\n\r\na', b'400'),
        (LENGTH + b'+1\r\n\r\na', b'400'),
        (LENGTH + b'1\r\nContent-Length: 2\r\n\r\na', b'400'),
        (LENGTH + b'1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', b'400'),
        (CHUNKS.replace(b'1.1', b'1.0') + b'0\r\n\r\n', b'400'),
        (CHUNKS + b'0x2\r\n[]\r\n0\r\n\r\n', b'400'),
        (CHUNKS + b'+2\r\n[]\r\n0\r\n\r\n', b'400'),
        (CHUNKS + b'0_2\r\n[]\r\n0\r\n\r\n', b'400'),
        (CHUNKS + b' 2\r\n[]\r\n0\r\n\r\n', b'400'),
        (CHUNKS + b'-2\r\n[]\r\n0\r\n\r\n', b'400'),
        (CHUNKS + b'1\r\n[]\r\n0\r\n\r\n', b'400'),
        (CHUNKS + b'f' * 16 + b'\r\n', b'413'),
    ],
)
def test_bytes_that_are_not_a_request(sent: bytes, status: bytes, esi: Sandbox) -> None:
    with socket.create_connection(('127.0.0.1', esi.port), timeout=30) as client:
        client.sendall(sent)
        assert client.recv(65536).split()[1] == status


def test_bodies_in_chunks_and_on_demand(esi: Sandbox) -> None:
    head = b'POST /universe/ids HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n'
    with socket.create_connection(('127.0.0.1', esi.port), timeout=30) as client:
        client.sendall(head + b'Transfer-Encoding: chunked\r\n\r\n3\r\n["J\r\n5;x=y\r\nita"]\r\n0\r\n\r\n')
        assert b'30000142' in _all(client)
    with socket.create_connection(('127.0.0.1', esi.port), timeout=30) as client:
        client.sendall(head + b'Expect: 100-continue\r\nContent-Length: 8\r\n\r\n')
        assert client.recv(100) == b'HTTP/1.1 100 Continue\r\n\r\n'
        client.sendall(b'["Jita"]')
        assert b'30000142' in _all(client)


def test_no_value_begins_a_header_of_its_own() -> None:
    """A description of one's own may allow any text where the response repeats it."""
    text = {'schema': {'type': 'string'}}
    content = {'application/json': {'schema': {'type': 'object', 'properties': {'a': {'type': 'integer'}}}}}
    operation = {
        'operationId': 'get_a',
        'parameters': [{'name': 'language', 'in': 'query', **text}],
        'responses': {'200': {'description': 'OK', 'headers': {'Content-Language': text}, 'content': content}},
    }
    document = {
        'openapi': '3.1.0',
        'info': {'title': 'A', 'version': '1'},
        'servers': [{'url': 'http://a.example'}],
        'paths': {'/a': {'get': operation}},
    }
    with Sandbox(document) as esi:
        for end in ('\r\n', '\n', '\r', '\0'):
            response = requests.get(f'{esi.url}/a', params={'language': f'de{end}X-Evil: 1'})
            assert response.status_code == 200
            assert 'X-Evil' not in response.headers
            assert response.headers['Content-Language'].replace(' ', '') == 'deX-Evil:1'


def _all(client: socket.socket) -> bytes:
    received = b''
    while data := client.recv(65536):
        received += data
    return received
