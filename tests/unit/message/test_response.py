"""A response: typed headers, data when it is asked for, and what is not JSON."""

import json
import pickle
from typing import Any

import pytest

from esipy import App
from esipy._message.headers import EXPIRY, RECEIVED, Headers
from esipy._message.response import Response
from esipy.exceptions import UndecodableBodyError
from tests.cases.documents import LIVE, OLD, document
from tests.cases.stations import DOCUMENT

ORDER = {'price': 5.5, 'issued': '2016-09-03T05:12:25Z', 'order_id': 1}


def received(
    status: int = 200,
    raw: bytes | None = b'[]',
    headers: dict[str, str] | None = None,
    *,
    name: str = LIVE,
    operation: str = 'get_markets_region_id_orders',
    **given: Any,
) -> Response:
    response: Response = App.create(document(name)).op[operation](**(given or {'region_id': 1}))[1]
    response.status, response.raw = status, raw
    response.take_headers(headers or {})
    return response


def status_only(raw: bytes | None, status: int = 200) -> Response:
    return received(status, raw, operation='get_status', language='en')


@pytest.mark.parametrize('name', [LIVE, OLD])
@pytest.mark.parametrize('key', ['X-Pages', 'x-pages', 'X-PAGES'])
def test_headers_are_lists_of_their_declared_type(name: str, key: str) -> None:
    response = received(headers={'x-Pages': '3', 'ETag': '"5"', 'X-Other': '7'}, name=name)
    assert response.header[key] == [3]
    assert list(range(1, response.header[key][0] + 1)) == [1, 2, 3]
    assert response.header['etag'] == ['"5"']
    assert response.header['x-other'] == ['7']
    assert response.headers[key] == '3'
    assert key in response.header
    assert response.header.get('nothing') is None
    assert list(response.header) == ['x-Pages', 'ETag', 'X-Other']
    assert response.pages == 3


@pytest.mark.parametrize('text', ['many', '', '3.5', '-', 'true', '9' * 30])
def test_a_header_of_another_type_stays_text(text: str) -> None:
    response = received(headers={'X-Pages': text})
    assert response.header['X-Pages'] == [text]
    assert response.pages is None or text == '9' * 30


def test_no_number_of_pages_is_one_that_python_cannot_read() -> None:
    response = received(headers={'X-Pages': '9' * 5000})
    assert response.pages is None
    assert response.header['X-Pages'] == ['9' * 5000]


def test_headers_outside_the_declared_range_have_their_type_all_the_same() -> None:
    header = {'X-N': {'schema': {'type': 'integer', 'minimum': 1}}, 'X-F': {'schema': {'type': 'number', 'maximum': 1}}}
    responses = {'200': {'headers': {**header, 'X-B': {'schema': {'type': ['null', 'boolean']}}}}}
    response = App.create({'openapi': '3.1.0', 'paths': {'/a': {'get': {'responses': responses}}}}).op['get_a']()[1]
    response.status = 200
    response.take_headers({'x-n': '0', 'x-f': '2.5', 'x-b': 'true'})
    assert dict(response.header) == {'x-n': [0], 'x-f': [2.5], 'x-b': [True]}


def test_notes_of_our_own_are_not_headers() -> None:
    response = received(headers={'ETag': 'a', 'X-Esipy-Received': '1.5', 'X-Esipy-Expiry': '10.0'})
    assert list(response.headers) == ['ETag']
    assert set(response.header) == {'ETag', 'Expires'}
    assert response.expires is not None
    assert response.expires.timestamp() == 10
    assert response.age > 0


@pytest.mark.parametrize('key', ['Warning', 'warning', 'WARNING'])
def test_the_warning(key: str) -> None:
    assert received(headers={key: '199 - upgrade'}).warning == '199 - upgrade'
    assert received().warning is None


def test_data_on_both_documents() -> None:
    for name in (LIVE, OLD):
        data = received(raw=json.dumps([ORDER]).encode(), name=name).data
        assert data[0].price == data[0]['price'] == 5.5
        assert data[0].issued.year == 2016
        assert json.dumps(data) == json.dumps([ORDER])


def test_data_is_worked_out_once() -> None:
    response = received(raw=json.dumps([ORDER]).encode())
    assert response.data is response.data


@pytest.mark.parametrize('status', [400, 401, 403, 404, 420, 429, 500, 503, 599])
def test_error_bodies_decode_too(status: int) -> None:
    response = received(status, b'{"error": "no", "details": [{"x": 1}]}')
    assert response.data.error == response.data['error'] == 'no'
    assert response.data.details[0].x == 1
    assert not response.ok


@pytest.mark.parametrize(
    ('status', 'ok'),
    [(200, True), (201, True), (204, True), (299, True), (304, True)]
    + [(status, False) for status in (101, 301, 302, 303, 307, 308, 399, 400, 404, 420, 500)],
)
def test_ok(status: int, ok: bool) -> None:
    assert received(status).ok is ok


def test_raw_body_only() -> None:
    response = received(raw=b'not JSON')
    response.raw_body_only = True
    assert response.data is None
    assert response.raw == b'not JSON'


@pytest.mark.parametrize(('status', 'raw'), [(204, b''), (204, None), (304, b''), (200, None), (404, b''), (500, b'')])
def test_no_body_no_data(status: int, raw: bytes | None) -> None:
    assert received(status, raw).data is None


BROKEN = [b'', b'<html>', b'{"a": ', b'\xff\xfe\xfd', b'[' * 100_000, b'{"a": 1} 2', b'undefined']


@pytest.mark.parametrize('raw', BROKEN, ids=lambda raw: repr(raw[:10]))
def test_a_body_that_is_not_json(raw: bytes) -> None:
    response = received(raw=raw, headers={'Content-Type': 'text/html'})
    with pytest.raises(UndecodableBodyError) as caught:
        response.data  # noqa: B018
    error = caught.value
    assert error.status_code == 200
    assert error.response == raw
    assert dict(error.request_param)['order_type'] == 'all'
    assert 'not JSON' in error.reason
    assert 'text/html' in str(error)
    assert len(str(error)) < 1000
    other = pickle.loads(pickle.dumps(error))
    assert (str(other), other.reason, other.response) == (str(error), error.reason, raw)


def test_json_that_is_nested_too_deeply_to_be_rows() -> None:
    raw = b'[' * 900 + b']' * 900
    response = received(raw=raw)

    def at_depth(depth: int) -> Any:
        return at_depth(depth - 1) if depth else response.data

    with pytest.raises(UndecodableBodyError, match='nested too deeply'):
        at_depth(300)


@pytest.mark.parametrize(
    ('raw', 'value'), [(b'1.5', 1.5), (b'"x"', 'x'), (b'null', None), (b'true', True), (b'[]', [])]
)
def test_bare_values(raw: bytes, value: Any) -> None:
    assert status_only(raw).data == value


def test_byte_order_marks_and_other_encodings() -> None:
    assert status_only(b'\xef\xbb\xbf{"players": 5}').data.players == 5
    assert status_only('{"a": "é"}'.encode('utf-16')).data.a == 'é'


def test_a_shown_response_shares_no_mutable_data() -> None:
    shown = received()
    latest = received(raw=json.dumps([{**ORDER, 'new': {'list': [1]}}]).encode(), headers={'ETag': 'a'})
    assert latest.data[0].price == 5.5
    assert latest.header['etag'] == ['a']
    shown.copy_from(latest)
    latest.data[0].new.list.append(2)
    latest.data[0].price = 0
    latest.data.append(1)
    latest.header['etag'].append('b')
    assert shown.status == 200
    assert shown.data == [{**ORDER, 'new': {'list': [1]}}]
    assert shown.header['etag'] == ['a']


def test_two_responses_of_the_same_bytes_share_no_mutable_data() -> None:
    raw = json.dumps([{**ORDER, 'new': {'list': [1]}}]).encode()
    headers = {'ETag': 'a'}
    one, other = received(raw=raw, headers=headers), received(raw=raw, headers=headers)
    one.data[0].new.list.append(2)
    one.data.clear()
    one.header['etag'].clear()
    assert other.data[0].new.list == [1]
    assert other.header['etag'] == ['a']


def test_strict_reports_how_a_body_differs() -> None:
    good = {'players': 5, 'server_version': '1', 'start_time': '2016-09-03T05:12:25Z'}
    status_only(json.dumps(good).encode()).check()
    status_only(b'{"anything": "goes"}', 599).check() if 'default' not in received().operation.responses else None
    wrong = status_only(json.dumps({**good, 'players': 'many', 'server_version': None}).encode())
    assert wrong.data.players == 'many'
    with pytest.raises(UndecodableBodyError) as caught:
        wrong.check()
    assert "body.players: 'many' is not an integer" in caught.value.reason
    assert 'body.server_version: None where string belongs' in caught.value.reason


def test_a_response_pickles_with_its_data() -> None:
    response = received(raw=json.dumps([ORDER]).encode(), headers={'X-Pages': '2'})
    for value in (response, pickle.loads(pickle.dumps(response))):
        other = pickle.loads(pickle.dumps(value))
        assert other.data == [ORDER]
        assert other.data[0].issued.year == 2016
        assert other.header['x-pages'] == [2]
        assert (other.status, other.raw, other.operation.id) == (200, response.raw, response.operation.id)
        assert value.data is value.data


def test_its_repr_shows_what_it_is() -> None:
    assert repr(received(raw=b'[1]')) == '<Response of GetMarketsRegionIdOrders: 200, 3 bytes>'
    assert repr(received(raw=None)) == '<Response of GetMarketsRegionIdOrders: 200, 0 bytes>'


def test_headers_in_any_case() -> None:
    headers = Headers({'ETag': 'a', 'X-Pages': '3'})
    assert (headers['etag'], headers.get('X-PAGES'), len(headers)) == ('a', '3', 2)
    assert 'Etag' in headers
    assert 5 not in headers  # type: ignore[comparison-overlap]
    assert repr(headers) == "{'ETag': 'a', 'X-Pages': '3'}"
    with pytest.raises(KeyError):
        headers['nothing']
    assert pickle.loads(pickle.dumps(headers))['etag'] == 'a'


@pytest.mark.parametrize(
    ('headers', 'expected'),
    [
        ({}, (None, 0.0, None)),
        ({'X-Pages': '9' * 5000, 'Age': '7'}, (None, 7.0, None)),
        ({'X-Pages': '-1', 'Age': 'old'}, (None, 0.0, None)),
        ({EXPIRY: 'soon', RECEIVED: 'just now', 'X-Pages': '3'}, (None, 0.0, 3)),
        ({EXPIRY: '1e300'}, (None, 0.0, None)),
        ({EXPIRY: 'inf'}, (None, 0.0, None)),
    ],
)
def test_headers_that_make_no_sense_raise_nothing(headers: dict[str, str], expected: Any) -> None:
    """Not even a server that says what we note among the headers of a kept response."""
    response = received(raw=b'[]', headers=headers)
    assert (response.expires, response.age, response.pages) == expected


def test_a_response_whose_status_is_not_described() -> None:
    response: Response = App.create(DOCUMENT).op['getStation'](name='x')[1]
    response.status, response.raw = 418, b'{"error": {"a": 1}}'
    response.take_headers({'X-A': '1'})
    assert response.data.error.a == 1
    assert response.header['x-a'] == ['1']
