"""Each fault does to a plain client what its name says."""

import time
import zlib
from typing import Any

import pytest
import requests

from esipy._sandbox.faults import KINDS
from esipy.sandbox import Fault, Sandbox

from .calling import Caller


def test_the_next_n_requests(esi: Sandbox, call: Caller) -> None:
    fault = esi.faults.add('status', n=2, status=502)
    assert [call('/status').status_code for _ in range(3)] == [502, 502, 200]
    assert fault.hits == 2


def test_one_operation_by_any_of_its_names(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('status', operation='get_status', status=503)
    assert [call(path).status_code for path in ('/status', '/wars', '/status')] == [503, 200, 503]
    esi.faults.clear()
    assert call('/status').status_code == 200


def test_a_share_falls_the_same_way_for_the_same_seed() -> None:
    def run(seed: int) -> list[int]:
        with Sandbox(seed=seed) as esi, requests.Session() as session:
            esi.faults.add('status', share=0.3, status=500)
            return [session.get(f'{esi.url}/status').status_code for _ in range(200)]

    first = run(1)
    assert 35 <= first.count(500) <= 85
    assert run(1) == first != run(2)


def test_a_fault_for_a_block(esi: Sandbox, call: Caller) -> None:
    with esi.faults.add('downtime') as fault:
        statuses = {call('/status').status_code for _ in range(3)}
        assert statuses == {502, 503, 504}
        assert call('/status').headers['Content-Type'] == 'text/html'
        assert 'downtime' in repr(fault)
    assert call('/status').status_code == 200


def test_downtime_ends_by_the_clock(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('downtime', seconds=900, status=503)
    assert call('/meta/openapi.json').status_code == 503
    esi.clock.move(901)
    assert call('/meta/openapi.json').status_code == 200


def test_latency(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('latency', seconds=0.3, n=1)
    began = time.monotonic()
    assert call('/status').status_code == 200
    assert time.monotonic() - began >= 0.3


def test_hang(esi: Sandbox, caller: Any) -> None:
    esi.faults.add('hang', n=1)
    with pytest.raises(requests.exceptions.ReadTimeout), requests.Session() as session:
        session.get(f'{esi.url}/status', timeout=0.3)
    began = time.monotonic()
    esi.faults.add('hang', seconds=0.2, n=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        caller(esi)('/status')
    assert time.monotonic() - began < 20


def test_the_end_does_not_wait_for_what_hangs() -> None:
    began = time.monotonic()
    with Sandbox() as esi, requests.Session() as session:
        esi.faults.add('hang')
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(f'{esi.url}/status', timeout=0.1)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize('after', [None, 10])
def test_reset(after: int | None, esi: Sandbox, call: Caller) -> None:
    esi.faults.add('reset', n=1, after=after)
    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        call('/status')
    assert call('/status').status_code == 200


def test_truncation(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('truncation', n=2)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call('/status')
    response = call('/status', stream=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        response.content  # noqa: B018
    assert int(response.headers['Content-Length']) > 50


def test_a_slow_body(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('slow_body', n=1, seconds=0.05, size=10)
    began = time.monotonic()
    assert 'players' in call('/status').json()
    assert time.monotonic() - began >= 0.4


def test_html_bad_json_and_a_wrong_type(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('html', n=1)
    page = call('/status')
    assert page.status_code == 502
    assert page.text.startswith('<!doctype html>')
    esi.faults.add('html', n=1, status=200, body='<p>hello')
    assert call('/status').text == '<p>hello'
    esi.faults.add('bad_json', n=1)
    broken = call('/status')
    assert broken.headers['Content-Type'] == 'application/json'
    with pytest.raises(ValueError):
        broken.json()
    esi.faults.add('wrong_content_type', n=1, content_type='application/octet-stream')
    odd = call('/status')
    assert odd.headers['Content-Type'] == 'application/octet-stream'
    assert 'players' in odd.json()


def test_a_bomb(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('bomb', n=1, size=20_000_000)
    response = call('/status', stream=True, headers={'Accept-Encoding': 'gzip'})
    packed = response.raw.read(decode_content=False)
    assert len(packed) < 60_000
    plain = zlib.decompress(packed, wbits=31)
    assert len(plain) in range(19_999_990, 20_000_010)
    assert plain[:5] + plain[-4:] == b'[0,0,0,0]'


def test_a_redirect(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('redirect', n=1, location='https://elsewhere.example/x')
    response = call('/status', allow_redirects=False)
    assert (response.status_code, response.headers['Location']) == (302, 'https://elsewhere.example/x')


@pytest.mark.parametrize('status', [420, 429, 500, 502, 503, 504, 520])
def test_any_status_with_any_headers(status: int, esi: Sandbox, call: Caller) -> None:
    esi.faults.add('status', n=1, status=status, headers={'Retry-After': '7'})
    response = call('/status')
    assert (response.status_code, response.headers['Retry-After']) == (status, '7')
    assert response.json()['error']
    esi.faults.add('status', n=1, status=status, body='{"error":"mine"}')
    assert call('/status').json() == {'error': 'mine'}


def test_a_write_that_is_refused_was_not_done(esi: Sandbox, call: Caller) -> None:
    fittings = esi.lists.of('get_characters_character_id_fittings', character_id=90000001)
    count = len(fittings)
    esi.faults.add('status', n=1, status=503)
    body = {
        'name': 'a',
        'description': '',
        'ship_type_id': 1,
        'items': [{'flag': 'Cargo', 'quantity': 1, 'type_id': 2}],
    }
    assert call.signed('/characters/90000001/fittings', 'POST', json=body).status_code == 503
    assert len(fittings) == count
    esi.faults.add('truncation', n=1, after=0)  # this one comes too late to prevent it
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call.signed('/characters/90000001/fittings', 'POST', json=body)
    assert len(fittings) == count + 1


@pytest.mark.parametrize(
    ('kind', 'settings', 'says'),
    [
        ('latancy', {}, "did you mean 'latency'"),
        ('latency', {'second': 1}, "did you mean 'seconds'"),
        ('latency', {'status': 500}, "does not have the setting 'status'"),
        ('status', {'n': 0}, 'at least one'),
        ('status', {'share': 0}, 'a share is above 0'),
        ('status', {'status': 42}, 'not an HTTP status'),
        ('redirect', {}, 'needs its location'),
    ],
)
def test_a_fault_that_does_not_exist(kind: str, settings: Any, says: str, esi: Sandbox) -> None:
    with pytest.raises(ValueError, match=says):
        esi.faults.add(kind, **settings)


def test_an_unknown_operation_is_reported(esi: Sandbox) -> None:
    with pytest.raises(KeyError, match='get_status'):
        esi.faults.add('latency', operation='get_statsu')


def test_every_kind_can_be_ordered() -> None:
    for kind in KINDS:
        settings = {'location': 'https://x.example'} if kind == 'redirect' else {}
        fault = Fault.of(kind, settings)
        assert Fault.of(kind, fault.settings()) == fault
