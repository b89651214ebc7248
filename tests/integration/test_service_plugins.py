"""What aio-service-client's README shows, here: each of its examples has a test. And plugins on a service."""

import logging
from pathlib import Path
from typing import Any

import pytest

from esipy.exceptions import CallError, TimedOutError, TooMuchTimePendingError
from esipy.plugins import (
    Elapsed,
    Headers,
    InnerLogger,
    JsonDataMock,
    Mock,
    OuterLogger,
    PathToken,
    PathTokens,
    Pool,
    QueryParams,
    RateLimit,
    Timeout,
    TrackingToken,
    mock_manager,
)
from esipy.service import ServiceClient, build_parameter_object, json_decoder, json_encoder
from tests.servers import Server, Visit, response_bytes

SPEC: dict[str, Any] = {
    'get_users': {'path': '/user', 'method': 'get'},
    'get_user_detail': {'path': '/user/{user_id}', 'method': 'get'},
    'create_user': {'path': '/user', 'method': 'post'},
    'update_user': {'path': '/user/{user_id}', 'method': 'put'},
}
USERS = {'users': {'items': [{'userId': '12', 'username': 'foo'}, {'userId': '13', 'username': 'bar'}], 'count': 2}}


def page(visit: Visit) -> None:
    if visit.path == '/hang':
        visit.hang()
    else:
        visit.send(response_bytes(USERS))


def service(server: Server, *plugins: Any, **endpoints: Any) -> ServiceClient:
    return ServiceClient(
        spec={**SPEC, **endpoints},
        plugins=plugins,
        base_path=server.url,
        parser=json_decoder,
        serializer=json_encoder,
        cache=None,
    )


def test_a_call_and_a_method() -> None:
    with Server(page) as server, service(server, PathToken()) as users:
        response = users.call('get_users')
        assert response.data['users']['count'] == 2
        assert [user['username'] for user in users.get_users().data['users']['items']] == ['foo', 'bar']
        users.call('create_user', payload={'username': 'foobar'})
        users.create_user(payload={'username': 'foobar'})
        assert [(visit.method, visit.path, visit.body) for visit in server.visits[2:]] == [
            ('POST', '/user', b'{"username": "foobar"}')
        ] * 2


def test_build_parameter_object() -> None:
    class RequestModel:
        def __init__(self, param_1: Any = None) -> None:
            self.param_1 = param_1

    class Service:
        @build_parameter_object(arg_class=RequestModel)
        def method_1(self, request: Any) -> Any:
            return request.param_1

    assert Service().method_1(param_1=23) == 23


def test_path_tokens() -> None:
    endpoint1 = {'method': 'get', 'path': '/endpoint/{placeholder1}/{placeholder2}'}
    with Server(page) as server, service(server, PathTokens({'placeholder2': 'foo'}), endpoint1=endpoint1) as client:
        client.call('endpoint1', placeholder1=21)
        client.call('endpoint1', placeholder1=21, placeholder2='a/b')
        assert [visit.path for visit in server.visits] == ['/endpoint/21/foo', '/endpoint/21/a%2Fb']
        with pytest.raises(CallError, match=r'placeholder1: is required'):
            client.call('endpoint1')
        beside = {**endpoint1, 'path_tokens': {'placeholder1': 1, 'placeholder2': 'near'}}
    with Server(page) as server, service(server, PathTokens({'placeholder2': 'foo'}), endpoint1=beside) as client:
        client.call('endpoint1')
        assert server.visits[0].path == '/endpoint/1/near'


def test_headers() -> None:
    endpoint1 = {'method': 'get', 'path': '/endpoint/foo/bar', 'headers': {'X-fake-header': 'header; data'}}
    defaults = Headers(headers={'content-type': 'application/json', 'x-gone': '1', 'X-Fake-Header': 'far'})
    with Server(page) as server, service(server, defaults, endpoint1=endpoint1) as client:
        response = client.call('endpoint1', headers={'X-other-fake-header': 'foo', 'X-Gone': None})
        assert type(response.data) is dict  # by the service's parser, though the request is a copy by now
        sent_headers = server.visits[0].headers
        assert (sent_headers['x-fake-header'], sent_headers['content-type']) == ('header; data', 'application/json')
        assert sent_headers['x-other-fake-header'] == 'foo'
        assert 'x-gone' not in sent_headers


def test_query_params() -> None:
    endpoint1 = {'path': '/', 'query_params': {'b': 'endpoint', 'c': 'endpoint'}}
    with Server(page) as server, service(server, QueryParams({'a': 1, 'b': 2, 'd': 3}), endpoint1=endpoint1) as client:
        client.endpoint1(params={'c': 'call', 'd': None}, e='call')
        pairs = sorted(server.visits[0].query.split('&'))
        assert pairs == ['a=1', 'b=endpoint', 'c=call', 'e=call']


def test_timeouts_from_far_and_near() -> None:
    hang = {'path': '/hang'}
    with Server(page) as server:
        with service(server, Timeout(0.1), slow=hang) as client, pytest.raises(TimedOutError):
            client.slow()
        with service(server, Timeout(60), slow={**hang, 'timeout': 0.1}) as client, pytest.raises(TimedOutError):
            client.slow()
        with service(server, Timeout(60), slow={**hang, 'timeout': 60}) as client, pytest.raises(TimedOutError):
            client.slow(timeout=0.1)


def test_elapsed_and_tracking_token() -> None:
    with Server(page) as server, service(server, Elapsed(), TrackingToken(prefix='users-', length=4)) as client:
        response = client.get_users()
        assert 0 <= response.headers_elapsed <= response.read_elapsed + response.headers_elapsed <= response.elapsed  # type: ignore[attr-defined]
        assert response.parse_elapsed >= 0  # type: ignore[attr-defined]
        assert (response.tracking_token[:6], len(response.tracking_token)) == ('users-', 10)  # type: ignore[attr-defined]
        named = client.get_users(tracking_token='mine', tracking_token_prefix='my-', read_elapsed=False)
        assert named.tracking_token == 'my-mine'  # type: ignore[attr-defined]
        assert not hasattr(named, 'read_elapsed')
        assert server.visits[1].query == ''
    beside = {'path': '/', 'elapsed': {'headers': False}}
    with Server(page) as server, service(server, Elapsed(), beside=beside) as client:
        assert not hasattr(client.beside(), 'headers_elapsed')
        assert hasattr(client.beside(headers_elapsed=True), 'headers_elapsed')


def test_loggers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logger = logging.getLogger('of.plugins')
    up = {'path': '/up', 'method': 'put', 'stream_request': True}
    hidden = {'path': '/user', 'method': 'post', 'logger': {'hidden_request_body': True}}
    plugins = OuterLogger(logger, max_body_length=1000), InnerLogger(logger, max_body_length=1000)
    with Server(page) as server, service(server, *plugins, up=up, hidden=hidden) as client:
        client.hidden({'username': 'hidden name'})
        assert 'hidden name' not in str([vars(record) for record in caplog.records])
        caplog.clear()
        client.create_user({'username': 'foobar'})
        assert 'foobar' in str([vars(record) for record in caplog.records])
        client.up(iter([b'abc']))
    assert len([record for record in caplog.records if record.name == 'of.plugins']) == 8
    assert server.visits[2].body == b'abc'  # a logger has not read it


def test_pool_and_rate_limit() -> None:
    with Server(page) as server, service(server, Pool(limit=1), RateLimit(limit=1, period=30, timeout=0.1)) as client:
        response = client.get_users()
        assert response.blocked_by_pool >= 0  # type: ignore[attr-defined]
        assert response.blocked_by_ratelimit >= 0  # type: ignore[attr-defined]
        with pytest.raises(TooMuchTimePendingError):
            client.get_users()
        assert len(server.visits) == 1


def test_mocks(tmp_path: Path) -> None:
    (tmp_path / 'user').write_text('{"userId": "12"}')
    beside = {'path': '/a/{b}', 'mock': {'mock_type': 'RawFileMock', 'file': str(tmp_path / 'user')}}
    with Server(page) as server, service(server, Mock(), mocked=beside) as client:
        client.client.service = 'users'
        assert client.mocked(b=1).data == {'userId': '12'}
        with mock_manager.use_mock(JsonDataMock(data=[1], status=404), service_name='users', endpoint='get_users'):
            assert (client.get_users().status, server.visits) == (404, [])
        with (
            mock_manager.patch_mock_desc({'mock_type': 'RawDataMock', 'file': None}, endpoint='mocked'),
            pytest.raises(Exception, match='mocked'),
        ):
            client.mocked(b=1)


def test_a_mocked_stream() -> None:
    down = {'path': '/down', 'stream_response': True, 'mock': {'mock_type': 'RawDataMock', 'data': 'made up'}}
    with Server(page) as server, service(server, Mock(), down=down) as client:
        assert client.down().stream.read() == b'made up'  # type: ignore[union-attr]


def test_plugins_by_their_paths() -> None:
    config = {
        'spec': SPEC,
        'parser': 'esipy.service.json_decoder',
        'plugins': [
            'esipy.plugins.PathToken',
            {'type': 'esipy.plugins.Headers', 'headers': {'X-App': 'configured'}},
            {'type': 'esipy.plugins.InnerLogger', 'logger': 'configured'},
        ],
    }
    with Server(page) as server, ServiceClient.from_config({**config, 'base_path': server.url}) as client:
        assert client.get_user_detail(user_id=5).data == USERS
        assert (server.visits[0].path, server.visits[0].headers['x-app']) == ('/user/5', 'configured')
