"""What apps put in the place of the network in their own tests goes on working."""

from __future__ import annotations

from typing import Any
from unittest import mock

import httmock
import pytest
import requests
import requests_mock
import responses
from requests.adapters import BaseAdapter, HTTPAdapter

from esipy import EsiApp, EsiClient, EsiSecurity
from esipy.exceptions import APIException, SSOUnavailableError, UndecodableBodyError
from tests.integration.things import app_at, description

URL = 'https://esi.evetech.net'
FRESH = {'Cache-Control': 'max-age=60', 'Content-Type': 'application/json'}

ENDPOINTS = {
    'issuer': 'x',
    'authorization_endpoint': 'https://login.eveonline.com/v2/oauth/authorize',
    'token_endpoint': 'https://login.eveonline.com/v2/oauth/token',
    'revocation_endpoint': 'https://login.eveonline.com/v2/oauth/revoke',
    'jwks_uri': 'https://login.eveonline.com/oauth/jwks',
}


@pytest.fixture
def client() -> EsiClient:
    return EsiClient(headers={'User-Agent': 'tests'})


@pytest.fixture
def call() -> Any:
    return app_at(URL).op['get_thing'](q='x')


# ---------------------------------------------------------------------- httmock, which 1.x's own tests used


@httmock.urlmatch(scheme='https', netloc=r'esi\.evetech\.net$', path=r'/thing$')
def thing(url: Any, request: Any) -> Any:
    return httmock.response(headers=FRESH, status_code=200, content={'players': 1})


@httmock.all_requests
def nobody_asks(url: Any, request: Any) -> Any:
    raise AssertionError('cached data needs no request')


def test_httmock(client: EsiClient, call: Any) -> None:
    with httmock.HTTMock(thing):
        assert client.request(call).data.players == 1
    with httmock.HTTMock(nobody_asks):
        assert client.request(call).from_cache


def test_httmock_errors_and_rubbish(client: EsiClient, call: Any) -> None:
    @httmock.all_requests
    def html(url: Any, request: Any) -> Any:
        return httmock.response(502, b'<html><body>Some HTML Errors</body></html>', {'Content-Type': 'text/html'})

    with httmock.HTTMock(html), pytest.raises(APIException) as caught:
        client.request(call)
    assert (caught.value.status_code, caught.value.response) == (502, b'<html><body>Some HTML Errors</body></html>')


def test_httmock_sees_the_request(client: EsiClient) -> None:
    @httmock.all_requests
    def look(url: Any, request: Any) -> Any:
        assert request.headers['User-Agent'] == 'tests'
        assert request.headers['Authorization'] == 'Bearer mine'
        assert url.query == 'q=a+b'
        assert request.method == 'GET'
        return httmock.response(200, {'ok': True})

    with httmock.HTTMock(look):
        assert client.request(app_at(URL).op['get_mine'](token='mine', q='a b')).data.ok


def test_httmock_and_304(client: EsiClient, call: Any) -> None:
    @httmock.all_requests
    def first(url: Any, request: Any) -> Any:
        return httmock.response(200, {'server_version': '1'}, {'ETag': '"x"'})

    @httmock.all_requests
    def then(url: Any, request: Any) -> Any:
        assert request.headers['If-None-Match'] == '"x"'
        return httmock.response(304, headers={'ETag': '"x"'})

    with httmock.HTTMock(first):
        client.request(call)
    with httmock.HTTMock(then):
        response = client.request(call)
        assert (response.status, response.data.server_version) == (200, '1')
        client.no_etag_body = True
        assert client.request(call).data is None


def test_httmock_around_the_sso_and_the_document() -> None:
    @httmock.urlmatch(netloc=r'login\.eveonline\.com$')
    def sso(url: Any, request: Any) -> Any:
        if url.path.startswith('/.well-known'):
            return httmock.response(200, ENDPOINTS)
        if url.path == '/oauth/jwks':
            return httmock.response(200, {'keys': []})
        assert request.body == 'grant_type=authorization_code&code=abc' or b'abc' in request.body
        return httmock.response(200, {'access_token': 'a', 'refresh_token': 'r', 'expires_in': 1200})

    @httmock.urlmatch(netloc=r'esi\.evetech\.net$')
    def document(url: Any, request: Any) -> Any:
        return httmock.response(200, description(URL))

    with httmock.HTTMock(sso, document):
        security = EsiSecurity('https://x', 'id', 'key', headers={'User-Agent': 'tests'})
        assert security.auth('abc')['access_token'] == 'a'
        assert EsiApp().op['get_thing']


# ---------------------------------------------------------------------- responses


def test_responses(client: EsiClient, call: Any) -> None:
    with responses.RequestsMock() as mocked:
        mocked.get(f'{URL}/thing', json={'players': 1}, headers={'X-Pages': '3'})
        response = client.request(call)
        assert (response.data.players, response.header['X-Pages']) == (1, [3])
        mocked.get(f'{URL}/thing', body=b'<html>', status=503)
        with pytest.raises(UndecodableBodyError):
            client.request(call)
        mocked.get(f'{URL}/thing', body=requests.exceptions.ConnectTimeout('slow'))
        assert client.request(call).failed


def test_responses_post(client: EsiClient) -> None:
    with responses.RequestsMock() as mocked:
        mocked.post(
            f'{URL}/universe/ids', json={'systems': []}, match=[responses.matchers.json_params_matcher(['Jita'])]
        )
        assert client.request(app_at(URL).op['post_universe_ids'](names=['Jita'])).data.systems == []


def test_responses_many(client: EsiClient) -> None:
    with responses.RequestsMock() as mocked:
        mocked.get(f'{URL}/thing', json={'players': 1})
        operation = app_at(URL).op['get_thing']
        pairs = client.multi_request([operation(q=str(number)) for number in range(30)])
        assert [pair[1].data.players for pair in pairs] == [1] * 30


# ---------------------------------------------------------------------- requests-mock


def test_requests_mock(client: EsiClient, call: Any) -> None:
    with requests_mock.Mocker() as mocked:
        mocked.get(f'{URL}/thing', json={'players': 1}, headers=FRESH)
        assert client.request(call).data.players == 1
        assert client.request(call).from_cache
        assert mocked.call_count == 1
        assert mocked.last_request.qs == {'q': ['x']}
        mocked.delete(f'{URL}/nothing', status_code=204)
        assert client.request(app_at(URL).op['delete_nothing']()).status == 204
        mocked.get(f'{URL}/mine', exc=requests.exceptions.ReadTimeout)
        failed = client.request(app_at(URL).op['get_mine']())
        assert (failed.status, failed.failed) == (500, True)


def test_requests_mock_as_adapter(call: Any) -> None:
    adapter = requests_mock.Adapter()
    adapter.register_uri('GET', f'{URL}/thing', json={'players': 2})
    with EsiClient(headers={'User-Agent': 'tests'}, transport_adapter=adapter) as client:
        assert client.request(call).data.players == 2


# ---------------------------------------------------------------------- adapters and patches of an app's own


class Canned(BaseAdapter):
    """An adapter that sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
        self.asked.append((request, options))
        response = requests.Response()
        response.status_code = 200
        response.request = request
        response.url = request.url
        response._content = b'{"players": 3}'
        return response

    def close(self) -> None:
        pass


def test_transport_adapter(call: Any) -> None:
    adapter = Canned()
    with EsiClient(headers={'User-Agent': 'tests'}, transport_adapter=adapter, timeout=(1, 2)) as client:
        assert client.request(call).data.players == 3
    request, options = adapter.asked[0]
    assert request.url == f'{URL}/thing?q=x'
    assert options['timeout'] == (1, 2)
    assert options['verify'] is True


def test_an_adapter_that_counts(call: Any) -> None:
    class Counting(HTTPAdapter):
        count = 0

        def send(self, request: Any, *args: Any, **options: Any) -> Any:
            type(self).count += 1
            raise requests.exceptions.ConnectionError('no')

    with EsiClient(headers={'User-Agent': 'tests'}, transport_adapter=Counting()) as client:
        assert client.request(call).failed
    assert Counting.count == 1


def test_an_adapter_mounted_later(client: EsiClient, call: Any) -> None:
    client._session.mount('https://esi.evetech.net', Canned())
    assert client.request(call).data.players == 3


@pytest.mark.parametrize('error', [requests.exceptions.ConnectionError, requests.exceptions.Timeout, ConnectionError])
def test_a_patched_send(error: type[Exception], client: EsiClient, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from esipy import clock

    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)
    client.retry_requests = True
    with mock.patch.object(client._session, 'send', side_effect=error) as send:
        assert client.request(call).status == 500
        assert send.call_count == 5


def test_a_patched_request_responds_to_many(client: EsiClient, call: Any) -> None:
    with mock.patch.object(client, 'request', return_value='canned') as request:
        assert client.multi_request([call, call]) == [(call[0], 'canned')] * 2  # type: ignore[comparison-overlap]
    assert request.call_args == mock.call(call, raw_body_only=False, opt={})
    with mock.patch('esipy.client.EsiClient.request', side_effect=[APIException('url', 404), ValueError('mine')]):
        assert client.multi_request([call])[0][1].status == 404
        with pytest.raises(ValueError, match='mine'):
            client.multi_request([call])


class Fake:
    """What 1.x asked of a response."""

    status_code = 200
    headers = FRESH
    content = b'{"players": 4}'
    url = f'{URL}/thing?q=x'


@pytest.mark.parametrize(
    'http_response',
    [
        Fake(),
        mock.Mock(
            spec=requests.Response, **{name: getattr(Fake, name) for name in ('status_code', 'headers', 'content')}
        ),
    ],
)
def test_a_patched_send_that_responds(http_response: Any, client: EsiClient, call: Any) -> None:
    with mock.patch.object(client._session, 'send', return_value=http_response) as send:
        response = client.request(call)
        assert (response.data.players, response.url) == (4, Fake.url)
        assert client.request(call).from_cache
    assert send.call_count == 1


@pytest.mark.parametrize('kind', [None, EsiSecurity])
def test_a_mock_that_signs(kind: Any) -> None:
    signer = mock.MagicMock(spec=kind)
    with responses.RequestsMock() as mocked, EsiClient(signer, headers={'User-Agent': 'tests'}) as signed:
        mocked.get(f'{URL}/mine', json={'players': 1}, headers=FRESH)
        for _ in range(2):
            assert signed.request(app_at(URL).op['get_mine']()).data.players == 1
        mocked.assert_call_count(f'{URL}/mine', 1)
        mocked.put(f'{URL}/mine', json={'error': 'no token'}, status=401)
        assert signed.request(app_at(URL).op['put_mine'](body={})).status == 401
        mocked.assert_call_count(f'{URL}/mine', 2)
    assert signer.called


def test_what_signs_may_give_back_anything_or_be_nothing() -> None:
    def sign(request: Any) -> bool:
        request._p['header']['Authorization'] = 'Bearer mine'
        return True

    with responses.RequestsMock() as mocked:
        mocked.get(f'{URL}/mine', json={'players': 1})
        for signer in (sign, False, ''):
            with EsiClient(signer, headers={'User-Agent': 'tests'}) as client:
                assert client.request(app_at(URL).op['get_mine']()).ok
        assert [call.request.headers.get('Authorization') for call in mocked.calls] == ['Bearer mine', None, None]


def test_what_signs_may_write_to_the_requests_header() -> None:
    def sign(request: Any) -> None:
        request._p['header']['authorization'] = 'Bearer of before'
        request.header.update({'Authorization': f'Bearer {users[0]}', 'X-Own': 'yes', 'X-Other': 'no'})
        del request.header['x-other']
        assert request.header['AUTHORIZATION'] == f'Bearer {users[0]}'
        assert 'X-Other' not in request.header

    users = ['one', 'two']
    call = app_at(URL).op['get_mine'](q='x')
    with responses.RequestsMock() as mocked, EsiClient(sign, headers={'User-Agent': 'tests'}) as client:
        mocked.get(f'{URL}/mine', json={'players': 1}, headers=FRESH)
        assert client.request(call).ok
        assert client.request(call).from_cache
        users.reverse()
        assert not client.request(call).from_cache
        sent = [dict(one.request.headers) for one in mocked.calls]
    assert [headers['Authorization'] for headers in sent] == ['Bearer one', 'Bearer two']
    assert all(headers['X-Own'] == 'yes' and {'X-Other', 'authorization'}.isdisjoint(headers) for headers in sent)
    assert 'Authorization' not in call[0].header
    with pytest.raises(KeyError):
        del call[0].header['Authorization']


def test_a_pair_is_made_ready_by_hand(client: EsiClient, call: Any) -> None:
    with responses.RequestsMock() as mocked:
        mocked.get(f'{URL}/thing', json={'players': 1}, headers=FRESH)
        for _ in range(2):
            request, response = call
            request.reset()
            response.reset()
            assert (response.status, response.raw, response.data, dict(response.header)) == (None, None, None, {})
            client.request(call)
            assert (response.status, response.data.players) == (200, 1)


def test_patched_signals(call: Any) -> None:
    with (
        mock.patch('esipy.client.API_CALL_STATS') as stats,
        mock.patch('esipy.security.AFTER_TOKEN_REFRESH') as refresh,
    ):
        security = EsiSecurity('https://x', 'id', 'key', headers={'User-Agent': 'tests'}, sso_endpoints=ENDPOINTS)
        assert security.signal_token_updated is refresh
        with EsiClient(headers={'User-Agent': 'tests'}, transport_adapter=Canned()) as client:
            client.request(call)
    assert stats.send.call_args.kwargs['status_code'] == 200


def test_a_session_put_in_the_place_of_ours(client: EsiClient, call: Any) -> None:
    """As apps do whose session caches, or signs in by itself."""
    with requests.Session() as session:
        session.headers['User-Agent'] = 'of the session'
        session.mount('https://', canned := Canned())
        client._session = session
        assert client._session is session
        assert client.request(call).data.players == 3
        assert canned.asked[0][0].headers['User-Agent'] == 'of the session'
        security = EsiSecurity('https://x', 'id', 'key', headers={'User-Agent': 'tests'}, sso_endpoints=ENDPOINTS)
        security._session = session
        with pytest.raises(SSOUnavailableError):  # what it says is no token
            security.auth('abc')
        assert canned.asked[1][0].url == ENDPOINTS['token_endpoint']


def test_a_session_of_ones_own(call: Any) -> None:
    with requests.Session() as session:
        session.headers['User-Agent'] = 'of the session'
        session.mount('https://', Canned())
        client = EsiClient(session=session)
        assert client._session is session
        assert client.request(call).data.players == 3
