"""What errors say, and that the data of an error status cannot be mistaken for rows."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from esipy import App
from esipy.exceptions import (
    APIException,
    ClientError,
    ConnectionFailedError,
    DowntimeError,
    ErrorDataError,
    ForbiddenError,
    LimitedError,
    MissingFieldError,
    NotFoundError,
    ServerError,
    TimedOutError,
    UndecodableBodyError,
)
from tests.integration.things import app_at, client, description
from tests.leaks import Watch
from tests.servers import Server, Visit, response_bytes, unused_url

pytestmark = pytest.mark.usefixtures('no_leaks')

HTML = b'<!DOCTYPE html><html><body>Bad Gateway</body></html>'


def error_for(page: Callable[[Visit], Any], **options: Any) -> APIException:
    with Server(page) as server, client(cache=None, **options) as esi:
        with pytest.raises(APIException) as caught:
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        return caught.value


#: Bodies of an error, and what is shown of them.
MESSAGES: dict[str, tuple[bytes, str]] = {
    'as ESI does': (b'{"error": "Not found"}', 'Not found'),
    'another field': (b'{"message": "no such thing"}', 'no such thing'),
    'two fields': (b'{"error": "invalid", "error_description": "too old"}', 'invalid: too old'),
    'an object': (b'{"error": {"code": 7}}', '{"code": 7}'),
    'RFC 9457': (b'{"title": "Out of credit", "status": 404}', 'Out of credit'),
    'another object': (b'{"code": 7}', '{"code": 7}'),
    'a text': (b'"just a text"', 'just a text'),
    'a list': (b'["a", "b"]', '["a", "b"]'),
    'line breaks': (b'{"error": "one\\n   two"}', 'one two'),
    'an empty object': (b'{}', 'not found'),
}


@pytest.mark.parametrize(('body', 'shown'), MESSAGES.values(), ids=MESSAGES)
def test_the_servers_own_message(body: bytes, shown: str) -> None:
    error = error_for(lambda visit: visit.send(response_bytes(body, 404, {'X-Esi-Request-Id': 'abc-1'})))
    assert str(error).startswith(f'HTTP Error 404: {shown} (get_thing: GET http://127.0.0.1:')
    assert '/thing, request id abc-1); check the ids' in str(error)
    assert error.response == body


def test_a_long_message_is_cut() -> None:
    error = error_for(lambda visit: visit.send(response_bytes({'error': 'x' * 5_000_000}, 400)))
    assert len(str(error)) < 1000
    assert len(error.response) > 5_000_000


FAILURES: dict[str, tuple[Callable[[Visit], Any], str]] = {
    'reset': (Visit.reset, 'the connection was closed'),
    'closed': (Visit.close, 'the connection was closed'),
    'cut short': (
        lambda visit: (visit.send(response_bytes(b'{}', length=99)), visit.close()),
        'the response was cut short',
    ),
    'not HTTP': (lambda visit: visit.send(b'SSH-2.0-OpenSSH_9.6\r\n\r\n'), ''),
    'slow': (Visit.hang, 'it did not respond in time'),
    'silent within the headers': (
        lambda visit: (visit.send(b'HTTP/1.1 200 OK\r\nContent-'), visit.hang()),
        'it did not respond in time',
    ),
    'silent within the body': (
        lambda visit: (visit.send(response_bytes(b'{"a"', length=9)), visit.hang()),
        'it did not respond in time',
    ),
    'compressed and cut': (
        lambda visit: visit.send(response_bytes(gzip.compress(b'{"a": 1}')[:-4], headers={'Content-Encoding': 'gzip'})),
        'ends early',
    ),
}


@pytest.mark.parametrize(('page', 'words'), FAILURES.values(), ids=FAILURES)
def test_no_response_in_plain_words(page: Callable[[Visit], Any], words: str) -> None:
    error = error_for(page, timeout=0.3 if words == 'it did not respond in time' else 10)
    assert isinstance(error, ConnectionFailedError)
    text = str(error)
    assert text.startswith('HTTP Error 500: ')
    assert words in text
    assert 'get_thing: GET http://' in text
    for name in ('Error(', 'Pool', 'urllib3', 'HTTPConnection', 'object at', 'Max retries'):
        assert name not in text
    assert (
        isinstance(error, TimeoutError) is isinstance(error, TimedOutError) is (words == 'it did not respond in time')
    )


def test_nobody_listens() -> None:
    with client() as esi, pytest.raises(ConnectionFailedError) as caught:
        esi.request(app_at(unused_url()).op['get_thing'](), raise_on_error=True)
    assert 'no response from 127.0.0.1: the connection was refused' in str(caught.value)
    assert str(caught.value).endswith('check the network, or use the sandbox (esipy.sandbox)')


def test_a_proxy_that_nobody_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', unused_url())
    with client() as esi, pytest.raises(ConnectionFailedError) as caught:
        esi.request(app_at('http://api.example').op['get_thing'](), raise_on_error=True)
    assert 'no response from api.example: the proxy cannot be reached' in str(caught.value)
    assert str(caught.value).endswith('check the settings of the proxy, such as HTTPS_PROXY')


def test_a_response_that_is_cut_short() -> None:
    error = error_for(FAILURES['cut short'][0])
    assert 'the response was cut short' in str(error)
    assert str(error).endswith('; try again later')


def test_redirects_in_a_circle() -> None:
    error = error_for(lambda visit: visit.send(response_bytes(status=302, headers={'Location': visit.target})))
    assert isinstance(error, ConnectionFailedError)
    assert 'the server sent more than 30 redirects for one request' in str(error)
    assert str(error).endswith('they probably never end: check the address, or report it to the operator of the server')


# ---------------------------------------------------------------------- both at once

UNDECODABLE: dict[str, tuple[int, bytes, type[APIException]]] = {
    'html 404': (404, HTML, NotFoundError),
    'html 403': (403, HTML, ForbiddenError),
    'html 420': (420, HTML, LimitedError),
    'html 429': (429, HTML, LimitedError),
    'text 400': (400, b'no', ClientError),
    'broken JSON 401': (401, b'{"error": ', ClientError),
    'html 500': (500, HTML, ServerError),
    'html 502': (502, HTML, ServerError),
    'nothing decodable 503': (503, b'\xff\xfe\x00', ServerError),
    'deep 500': (500, b'[' * 100_000, ServerError),
}


@pytest.mark.parametrize(('status', 'body', 'kind'), UNDECODABLE.values(), ids=UNDECODABLE)
@pytest.mark.parametrize('raise_on_error', [True, False])
def test_an_error_status_whose_body_cannot_be_decoded(
    status: int, body: bytes, kind: type[APIException], raise_on_error: bool
) -> None:
    data = response_bytes(body, status, {'Retry-After': '7'})
    with (
        Server(lambda visit: visit.send(data)) as server,
        client() as esi,
        pytest.raises(UndecodableBodyError) as caught,
    ):
        esi.request(app_at(server.url).op['get_thing'](), raise_on_error=raise_on_error)
    error = caught.value
    assert isinstance(error, kind)
    assert error.status_code == status
    assert error.reason
    if isinstance(error, LimitedError):
        assert error.retry_after == 7
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))


def test_downtime_with_a_page_for_people() -> None:
    error = error_for(lambda visit: visit.send(response_bytes(HTML, 503, {'Retry-After': '900'})))
    assert isinstance(error, DowntimeError)
    assert isinstance(error, UndecodableBodyError)


# ---------------------------------------------------------------------- not rows


def error_response(body: Any = None, status: int = 404) -> Any:
    with (
        Server(lambda visit: visit.send(response_bytes(body or {'error': 'Not found'}, status))) as server,
        client() as esi,
    ):
        return esi.request(app_at(server.url).op['get_thing']())


MISTAKES: dict[str, Callable[[Any], Any]] = {
    'a loop': lambda response: list(response.data),
    'extend': lambda response: [].extend(response.data),
    'an item': lambda response: response.data[0],
    'unpacked': lambda response: [*response.data],
    'sorted': lambda response: sorted(response.data),
    'a field': lambda response: response.data['price'],
    'an attribute': lambda response: response.data.price,
    'a header': lambda response: response.header['X-Pages'],
    'the first of a header': lambda response: range(response.header['X-Pages'][0]),
}


@pytest.mark.parametrize('mistake', MISTAKES.values(), ids=MISTAKES)
def test_the_data_of_an_error_is_not_rows(mistake: Callable[[Any], Any]) -> None:
    response = error_response()
    with pytest.raises(ErrorDataError) as caught:
        mistake(response)
    assert '404' in str(caught.value)
    assert 'Not found' in str(caught.value)
    assert isinstance(caught.value, (KeyError, AttributeError, TypeError))
    assert isinstance(caught.value, MissingFieldError)


def test_what_programs_for_1x_do_with_an_error() -> None:
    response = error_response()
    data = response.data
    assert isinstance(data, dict)
    assert 'error' in data
    assert 'other' not in data
    assert data['error'] == data.error == data.get('error') == 'Not found'  # type: ignore[attr-defined]
    assert data.get('other') is None
    assert data.get('other', 7) == 7
    assert not hasattr(data, 'other')
    assert json.dumps(data) == '{"error": "Not found"}'
    assert json.dumps(data, indent=1, sort_keys=True)
    assert dict(data) == {**data} == {'error': 'Not found'} == data
    assert [*data.keys()] == ['error']
    assert [*data.items()] == [('error', 'Not found')]
    assert len(data) == 1
    assert bool(data)
    assert str(data) == "{'error': 'Not found'}"
    for again in (copy.copy(data), copy.deepcopy(data), pickle.loads(pickle.dumps(data)), data.copy()):
        assert dict(again) == dict(data)
        with pytest.raises(ErrorDataError):
            list(again)
    assert response.header.get('X-Pages') is None
    assert 'X-Pages' not in response.header
    assert response.header['Content-Type'] == ['application/json']


# ---------------------------------------------------------------------- Expires, where the server sends Cache-Control

DATE = 'Sun, 06 Nov 1994 08:49:37 GMT'
EXPIRES: dict[str, tuple[dict[str, str], str | None]] = {
    'max-age': ({'Cache-Control': 'max-age=60', 'Date': DATE}, 'Sun, 06 Nov 1994 08:50:37 GMT'),
    'max-age and Age': (
        {'Cache-Control': 'public, max-age=60', 'Age': '10', 'Date': DATE},
        'Sun, 06 Nov 1994 08:50:27 GMT',
    ),
    'sent by the server': ({'Cache-Control': 'max-age=60', 'Expires': DATE, 'Date': DATE}, DATE),
    'no freshness': ({'Date': DATE}, None),
    'max-age in quotes': ({'Cache-Control': 'max-age="60"', 'Date': DATE}, 'Sun, 06 Nov 1994 08:50:37 GMT'),
    'max-age within quotes': (
        {'Cache-Control': 'x="a, max-age=9", max-age=60', 'Date': DATE},
        'Sun, 06 Nov 1994 08:50:37 GMT',
    ),
    'several ages': (
        {'Cache-Control': 'max-age=60', 'Age': '10, 20', 'Date': DATE},
        'Sun, 06 Nov 1994 08:50:27 GMT',
    ),
    'max-age is not a number': ({'Cache-Control': 'max-age=soon', 'Date': DATE}, DATE),
    'no-cache': ({'Cache-Control': 'no-cache, max-age=60', 'Date': DATE}, DATE),
    'no-store': ({'Cache-Control': 'no-store', 'Date': DATE}, DATE),
    'shared caches only': ({'Cache-Control': 's-maxage=60', 'Date': DATE}, None),
}


@pytest.mark.parametrize(('headers', 'expected'), EXPIRES.values(), ids=EXPIRES)
@pytest.mark.parametrize('cached', [False, True])
def test_expires_for_programs_that_read_it(headers: dict[str, str], expected: str | None, cached: bool) -> None:
    with Server(lambda visit: visit.send(response_bytes({}, headers=headers))) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        for _ in range(2 if cached else 1):
            response = esi.request(call)
    if expected is None:
        assert 'expires' not in response.header
    else:
        assert response.header['expires'][0] == expected
    assert ('Expires' in response.headers) is ('Expires' in headers), 'headers stay what was received'


@pytest.mark.parametrize('status', [302, 404, 502])
@pytest.mark.parametrize('header', ['Location', 'Content-Location', 'Link', 'Refresh'])
@pytest.mark.parametrize('body', [b'{}', b'<html>'])
def test_an_address_in_a_header_may_repeat_a_secret(status: int, header: str, body: bytes) -> None:
    """The server sends the caller back with the token that it got in the query."""
    value = 'ftp://u:planted@x/?a=b&token=planted&c=d'
    with Server(lambda visit: visit.send(response_bytes(body, status, {header: value}))) as server, client() as esi:
        with Watch(['planted']) as watch, pytest.raises(APIException) as caught:
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        watch.error(caught.value)
    assert watch.leaks() == []
    assert caught.value.response_header[header] == ['ftp://***@x/?a=b&token=***&c=d']


@pytest.mark.parametrize('body', [b'[' * 100_000, b'{"a":' * 2000 + b'1' + b'}' * 2000, b'<html>', b'"\xff"'])
@pytest.mark.parametrize('raw_body_only', [False, True])
def test_a_token_in_the_query_is_in_no_error_of_the_body(body: bytes, raw_body_only: bool) -> None:
    """Also where the body is decoded later, by the data of the response."""
    document = description('http://127.0.0.1:1')
    document['paths']['/thing']['get']['parameters'] = [{'name': 'token', 'in': 'query', 'schema': {'type': 'string'}}]
    with Server(lambda visit: visit.send(response_bytes(body))) as server, client() as esi:
        document['servers'] = [{'url': server.url}]
        call = App.create(document).op['get_thing'](token='planted')
        with Watch(['planted'], exempt=('urllib3',)) as watch:
            try:
                response = esi.request(call, raw_body_only=raw_body_only)
                response.raw_body_only = False
                repr(response.data)
            except UndecodableBodyError as error:
                watch.error(error)
    assert watch.leaks() == []
