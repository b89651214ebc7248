"""ServiceClient over a socket: what its table says is sent, and everything EsiClient does happens here too."""

import json
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from esipy import clock
from esipy.cache import DictCache
from esipy.exceptions import (
    CallError,
    ConnectionFailedError,
    NotFoundError,
    SpecError,
    TimedOutError,
    UndecodableBodyError,
    UnknownOperationError,
)
from esipy.limits import MemoryLimits
from esipy.plugins import Headers, InnerLogger
from esipy.service import ServiceClient, json_decoder, json_encoder
from tests.servers import Server, Visit, response_bytes, unused_url

SPEC: dict[str, Any] = {
    'get_users': {'path': '/user', 'method': 'get'},
    'get_user_detail': {
        'path': '/user/{user_id}',
        'headers': {'X-Asks': 'detail', 'X-Way': 'endpoint'},
        'query_params': {'full': True, 'way': 'endpoint'},
        'path_tokens': {'user_id': 'me'},
    },
    'create_user': {'path': '/user', 'method': 'post'},
    'update_user': {'path': '/user/{user_id}', 'method': 'put'},
    'slow': {'path': '/slow', 'timeout': 0.2},
    'close': {'path': '/close'},
}
SECRET = 'Bearer hush-hush'


def echo(visit: Visit) -> None:
    """Tells what it was asked, and may be kept for a minute."""
    received = {'method': visit.method, 'target': visit.target, 'headers': visit.headers, 'body': visit.body.decode()}
    visit.send(response_bytes(received, headers={'Cache-Control': 'max-age=60', 'ETag': '"1"'}))


def client(server: Server, **options: Any) -> ServiceClient:
    return ServiceClient(
        **{'spec': SPEC, 'base_path': server.url, 'parser': json_decoder, 'serializer': json_encoder, **options}
    )


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo) as server:
        yield server


def test_a_call_by_name_and_as_a_method(server: Server) -> None:
    with client(server) as service:
        assert service.call('get_users').data['target'] == '/user'
        response = service.get_users()
        assert (response.status, response.from_cache, response.data['method']) == (200, True, 'GET')
        assert type(response.data) is dict  # what the parser gave, and nothing else
        assert 'get_users' in dir(service)
        assert service.get_users.func == service.call  # type: ignore[attr-defined]
    assert len(server.visits) == 1


def test_a_payload(server: Server) -> None:
    with client(server) as service:
        received = service.call('create_user', payload={'username': 'foobar'}).data
        assert (received['method'], received['target'], json.loads(received['body'])) == (
            'POST',
            '/user',
            {'username': 'foobar'},
        )
        assert received['headers']['content-type'] == 'application/json'
        assert json.loads(service.update_user(['a'], user_id=3).data['body']) == ['a']
        assert service.create_user().data['body'] == ''
        assert service.create_user({}).data['body'] == '{}'
        assert service.create_user(0).data['body'] == '0'


def test_what_stands_beside_the_endpoint_and_what_the_call_says(server: Server) -> None:
    with client(server) as service:
        plain = service.get_user_detail().data
        assert plain['target'] == '/user/me?full=true&way=endpoint'
        assert (plain['headers']['x-asks'], plain['headers']['x-way']) == ('detail', 'endpoint')
        received = service.get_user_detail(
            user_id='a b/c',
            page=2,
            params={'way': 'call', 'full': None, 'headers': [1, 2]},
            headers={'x-way': 'call', 'X-ASKS': None, 'X-Number': 5},
        ).data
        assert received['target'] == '/user/a%20b%2Fc?page=2&way=call&headers=1&headers=2'
        assert received['headers']['x-way'] == 'call'
        assert received['headers']['x-number'] == '5'
        assert 'x-asks' not in received['headers']
        assert service.get_user_detail().data['target'] == plain['target']  # every call starts clean


def test_the_clients_own_headers(server: Server) -> None:
    with client(server, headers={'X-App': 'tests'}) as service:
        received = service.get_users().data['headers']
    assert (received['x-app'], received['accept']) == ('tests', 'application/json')
    assert received['user-agent'].startswith('esipy/')
    with client(server, parser=None, user_agent='tests/1') as service:
        sent = json.loads(service.get_users().data)['headers']
    assert (sent['user-agent'], sent['accept']) == ('tests/1', '*/*')


def test_a_name_that_is_a_method_already_is_called_by_call(server: Server) -> None:
    with client(server) as service:
        assert service.call('close').data['target'] == '/close'


def test_names_that_are_not_in_the_table(server: Server) -> None:
    with client(server) as service:
        for wrong in (lambda: service.get_user, lambda: service.call('get_user')):
            with pytest.raises(
                UnknownOperationError, match=r"'get_user': no operation of that name; .* did you mean get_users"
            ):
                wrong()
        with pytest.raises(AttributeError):
            service.get_user  # noqa: B018
        assert not hasattr(service, '_repr_html_')
    assert server.visits == []


REFUSED: dict[str, tuple[Callable[[ServiceClient], Any], str]] = {
    'a token without a value': (lambda s: s.update_user({}), 'update_user: user_id: is required'),
    'a misspelt token': (lambda s: s.update_user({}, usr_id=3), "usr_id: unknown parameter, did you mean 'user_id'?"),
    'a misspelt option': (lambda s: s.get_users(timout=3), "timout: did you mean 'timeout'?"),
    'a misspelt header': (lambda s: s.get_users(header={}), "header: did you mean 'headers'?"),
    'an option of a plugin': (
        lambda s: s.get_users(tracking_token='x'),
        'tracking_token: needs the plugin TrackingToken',
    ),
    'a payload that is no JSON': (lambda s: s.create_user({1, 2}), 'payload: the serializer raised TypeError'),
    'a header of two lines': (lambda s: s.get_users(headers={'X-A': 'b\r\nX-C: d'}), 'X-A: its value has a line break'),
    'a header of no name': (lambda s: s.get_users(headers={'X A': 'b'}), "'X…': is not a valid header name"),
    'headers without names': (
        lambda s: s.get_users(headers=['X-A']),
        'headers: must map names to values',
    ),
    'params as a text': (lambda s: s.get_users(params='a=b'), 'params: must map names to values, but is a str'),
    'no time at all': (
        lambda s: s.get_users(timeout=0),
        'get_users: timeout: 0 is neither a number of seconds nor a pair',
    ),
    'a time in words': (
        lambda s: s.get_users(timeout='soon'),
        "timeout: 'soon' is neither a number of seconds nor a pair",
    ),
    'a query that is none': (lambda s: s.get_users(params={'a': object()}), 'get_users: a: '),
}


@pytest.mark.parametrize('kind', REFUSED)
def test_what_is_refused_before_a_byte_is_sent(kind: str, server: Server) -> None:
    call, reason = REFUSED[kind]
    with client(server) as service, pytest.raises(CallError) as caught:
        call(service)
    assert reason in str(caught.value)
    assert server.visits == []
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


MADE_WRONGLY: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    'an unknown option': (
        {'retry_request': True},
        TypeError,
        "unknown option 'retry_request', did you mean 'retry_requests'",
    ),
    'a parser by its path': ({'parser': 'json.loads'}, TypeError, 'parser must be a function, not str'),
    'one in config': ({'config': {'chache': None}}, TypeError, "unknown option 'chache', did you mean 'cache'"),
    'an option like no other': ({'zzz': 1}, TypeError, "unknown option 'zzz'; there are app, base_path"),
    'an endpoint without path': ({'spec': {'a': {}}}, SpecError, "endpoint 'a' has no path"),
    'a token of a taken name': (
        {'spec': {'a': {'path': '/{params}'}}},
        SpecError,
        "the path token 'params' has",
    ),
    'a base that is not an address': ({'base_path': 'example.com'}, SpecError, 'is not an address such as'),
    'another description': (
        {'spec': {'openapi': '3.1.0', 'info': {}, 'paths': {}}},
        SpecError,
        r'this is an API description \(3.1.0\), not a table of endpoints; use it with App and EsiClient',
    ),
    'a missing file': ({'spec': '/no/such/file.yaml'}, SpecError, 'cannot be read'),
}


@pytest.mark.parametrize('kind', MADE_WRONGLY)
def test_what_cannot_be_made(kind: str) -> None:
    options, error, reason = MADE_WRONGLY[kind]
    with pytest.raises(error, match=reason):
        ServiceClient(**{'spec': SPEC, 'base_path': 'http://127.0.0.1', **options})


def test_keywords_only() -> None:
    with pytest.raises(TypeError):
        ServiceClient('users', SPEC)  # type: ignore[call-arg]


def test_without_an_address() -> None:
    with ServiceClient(spec=SPEC) as service, pytest.raises(SpecError, match='does not say which server'):
        service.get_users()
    with ServiceClient() as service, pytest.raises(UnknownOperationError):
        service.call('get_users')


# ------------------------------------------------------------------ parser and serializer


def test_without_parser_and_serializer_bytes_go_as_they_are(server: Server) -> None:
    with client(server, parser=None, serializer=None) as service:
        assert json.loads(service.create_user(b'\x41').data)['body'] == 'A'
        received = json.loads(service.create_user('é', headers={'Content-Type': 'text/plain'}).data)
        assert (received['body'], received['headers']['content-type']) == ('é', 'text/plain')
        assert 'content-type' not in json.loads(service.create_user(b'').data)['headers']
        with pytest.raises(
            CallError, match=r'payload: must be bytes or text, not dict, .*; give it serializer=json_encoder'
        ):
            service.create_user({})


def test_functions_of_ones_own(server: Server) -> None:
    def parser(raw: bytes, response: Any, **unused: Any) -> Any:
        return response.status, response.headers['ETag'], len(raw) > 0, unused

    def serializer(payload: Any, endpoint_desc: Any, *args: Any) -> str:
        return f'{endpoint_desc["path"]}: {payload}'

    with client(server, parser=parser, serializer=serializer) as service:
        assert service.get_users().data == (200, '"1"', True, {})
    with client(server, parser=json.loads, serializer=serializer) as service:
        assert service.create_user(5).data['body'] == '/user: 5'
    with (
        client(server, serializer=lambda payload: 5) as service,
        pytest.raises(CallError, match='serializer returned int'),
    ):
        service.create_user({})


def test_a_parser_that_fails() -> None:
    with (
        Server(lambda visit: visit.send(response_bytes(b'<html>', 502, {'X-Who': 'proxy'}))) as server,
        client(server) as service,
    ):
        with pytest.raises(UndecodableBodyError, match='the parser raised JSONDecodeError') as caught:
            service.get_users()
        error = caught.value
        assert (error.status_code, error.response, error.url) == (502, b'<html>', f'{server.url}/user')
        assert error.response_header['x-who'] == ['proxy']
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_empty_body() -> None:
    with Server(lambda visit: visit.send(response_bytes(b'', 204))) as server:
        with client(server) as service:
            assert service.get_users().data is None
        with client(server, parser=None) as service:
            assert service.get_users().data == b''
        with client(server, spec={'look': {'path': '/', 'method': 'head'}}, parser=None) as service:
            assert service.look().data is None


# ------------------------------------------------------------------ answers that are errors


def test_an_error_status_is_a_response_too() -> None:
    with Server(lambda visit: visit.send(response_bytes({'error': 'none'}, 404))) as server, client(server) as service:
        response = service.get_users()
        assert (response.status, response.ok, response.data) == (404, False, {'error': 'none'})
        with pytest.raises(NotFoundError) as caught:
            service.get_users(raise_on_error=True, headers={'Authorization': SECRET})
        assert caught.value.response == b'{"error": "none"}'
        assert 'hush' not in repr(vars(caught.value))


def test_no_response_is_an_error() -> None:
    with ServiceClient(spec=SPEC, base_path=unused_url()) as service, pytest.raises(ConnectionFailedError) as caught:
        service.get_users(headers={'Authorization': SECRET})
    assert 'hush' not in repr((vars(caught.value), caught.value.__cause__, str(caught.value)))


def test_timeouts_of_the_endpoint_and_of_the_call() -> None:
    with Server(Visit.hang) as server, client(server) as service:
        for call in (service.slow, lambda: service.get_users(timeout=0.2)):
            begun = clock.monotonic()
            with pytest.raises(TimedOutError):
                call()
            assert clock.monotonic() - begun < 20
        with pytest.raises(TimedOutError):
            service.client.request(service.op.slow(), raise_on_error=True)
    assert service.client.timeout == (5.0, 30.0)


# ------------------------------------------------------------------ what EsiClient does


def test_responses_are_stored_by_what_was_requested(server: Server) -> None:
    cache = DictCache()
    with client(server, cache=cache) as service, client(server, cache=cache) as other:
        service.get_users()
        assert other.get_users().from_cache
        assert not service.get_users(page=2).from_cache
        assert not service.get_users(headers={'Accept-Language': 'de'}).from_cache
        assert not service.get_users(headers={'Authorization': SECRET}).from_cache
        assert not service.get_users(headers={'Authorization': 'Bearer another'}).from_cache
        service.get_users().data['mine'] = 1
        assert 'mine' not in service.get_users().data
        service.create_user({'name': 'x'})  # a write makes what was kept old
        assert not service.get_users().from_cache
    with client(server, cache=None) as service:
        service.get_users()
        assert not service.get_users().from_cache


def test_a_stale_response_is_revalidated() -> None:
    def page(visit: Visit) -> None:
        fresh = visit.headers.get('if-none-match') != '"1"'
        visit.send(
            response_bytes(
                {'a': 1} if fresh else b'', 200 if fresh else 304, {'ETag': '"1"', 'Cache-Control': 'max-age=0'}
            )
        )

    with Server(page) as server, client(server) as service:
        service.get_users()
        response = service.get_users()
        assert (response.not_modified, response.status, response.data) == (True, 200, {'a': 1})


def test_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(clock, 'sleep', pauses.append)

    def page(visit: Visit) -> None:
        visit.send(response_bytes({'attempt': visit.number}, 500 if visit.number < 2 else 200))

    with Server(page) as server, client(server, retry_requests=True) as service:
        response = service.get_users()
        assert (response.attempts, response.data) == (3, {'attempt': 2})
        assert len(pauses) == 2


def test_limits() -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes({'visit': visit.number}, 200 if visit.number else 429, {'Retry-After': '1'}))

    with Server(page) as server, client(server) as service:
        assert service.get_users().status == 429
    with Server(page) as server, client(server, limits=MemoryLimits()) as service:
        response = service.get_users()
        assert (response.status, response.attempts) == (200, 2)
        assert response.elapsed >= 1
        assert [budget.server for budget in service.client.budget()] != []


def test_a_security_callable_signs(server: Server) -> None:
    def sign(request: Any) -> Any:
        request._p['header']['Authorization'] = SECRET
        return request

    with client(server, security=sign) as service:
        assert service.get_users().data['headers']['authorization'] == SECRET
        assert 'authorization' not in service.get_users(security=None).data['headers']


def test_the_same_get_of_many_threads_goes_out_once() -> None:
    gate = threading.Event()

    def page(visit: Visit) -> None:
        gate.wait(10)
        echo(visit)

    with Server(page) as server, client(server) as service:
        found: list[Any] = []
        threads = [threading.Thread(target=lambda: found.append(service.get_users().data)) for _ in range(8)]
        for thread in threads:
            thread.start()
        while not server.visits:
            clock.sleep(0.01)
        gate.set()
        for thread in threads:
            thread.join(20)
        assert len(found) == 8
        assert len(server.visits) == 1


def test_a_payload_is_serialized_once(server: Server) -> None:
    written: list[Any] = []

    def serializer(payload: Any) -> str:
        written.append(payload)
        return f'{len(written)}'

    spec = {method: {'path': '/x', 'method': method} for method in ('get', 'post', 'delete')}
    for method in spec:
        for cache in (DictCache(), None):
            with client(server, spec=spec, serializer=serializer, cache=cache) as service:
                written.clear()
                assert service.call(method, payload=[method]).data['body'] == '1'
                assert written == [[method]]


def test_errors_of_many_calls_pickle_with_what_can_be_pickled(server: Server) -> None:
    with client(server) as service:
        calls = [service.op.get_users(), service.op.create_user(payload={1})]
        with pytest.raises(CallError) as caught:
            service.client.multi_request(calls, raise_on_error=True)
    assert len(caught.value.results) == 2  # type: ignore[attr-defined]
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.faults) == (str(caught.value), caught.value.faults)


def test_many_calls_at_once(server: Server) -> None:
    with client(server) as service:
        calls = [service.op.get_user_detail(user_id=n) for n in range(30)]
        pairs = service.client.multi_request(calls, threads=5)
        assert [response.data['target'] for _, response in pairs] == [
            f'/user/{n}?full=true&way=endpoint' for n in range(30)
        ]
        made = service.client.multi_request([service.op.create_user(payload={'n': n}) for n in range(3)])
        assert [json.loads(response.data['body']) for _, response in made] == [{'n': 0}, {'n': 1}, {'n': 2}]
        (_, failed), (_, done) = service.client.multi_request([service.op.update_user(), service.op.get_users()])
        assert (failed.failed, done.status) == (True, 200)
        assert isinstance(failed.cause, CallError)


def test_calls_are_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with client(server, name='users', logger=None) as service:
        service.get_users(headers={'Authorization': SECRET}, params={'token': 'hush'})
        with pytest.raises(CallError):
            service.update_user()
    received = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert received[0] == ('esipy.service.users', 'INFO', f'[get_users] GET {server.url}/user')
    assert received[-1][:2] == ('esipy.service.users', 'WARNING')
    assert 'hush' not in caplog.text
    with client(server, logger=logging.getLogger('mine')) as service:
        service.get_users()
    assert caplog.records[-1].name == 'mine'


class Digest:
    """Some `auth` of an app: nothing tells two of them apart but that they are two."""

    def __init__(self, word: str) -> None:
        self._word = word

    def __repr__(self) -> str:
        return '<Digest at 0x7f0000000000>'  # where the one before was, too

    def __call__(self, prepared: Any) -> Any:
        prepared.headers['Authorization'] = self._word
        return prepared


def with_auth(auth: Any) -> dict[str, Any]:
    session = requests.Session()
    session.auth = auth
    return {'session': session}


def with_params(word: str) -> dict[str, Any]:
    session = requests.Session()
    session.params = {'api_key': word}
    return {'session': session}


OWNER: dict[str, Callable[[str], dict[str, Any]]] = {
    'a key among the headers': lambda word: {'headers': {'X-Api-Key': word}},
    'a cookie': lambda word: {'headers': {'Cookie': word}},
    'a key of a plugin': lambda word: {'plugins': [Headers({'X-Api-Key': word})]},
    'a pair': lambda word: with_auth((word, 'x')),
    'an object of requests': lambda word: with_auth(requests.auth.HTTPBasicAuth(word, 'x')),
    'an object': lambda word: with_auth(Digest(word)),
    'the query': with_params,
}


@pytest.mark.parametrize('how', OWNER)
def test_two_users_of_one_cache_never_meet(how: str) -> None:
    """Whatever it is that tells who they are. And it is not in the cache, whose entries others may read."""
    responses = iter('abcd')
    cache = DictCache()

    def page(visit: Visit) -> None:
        visit.send(response_bytes(next(responses), headers={'Cache-Control': 'max-age=60', 'Vary': 'X-Api-Key'}))

    with Server(page) as server:
        seen = []
        for word in ('word-of-one', 'word-of-two'):
            with client(server, cache=cache, **OWNER[how](word)) as one:
                seen += [one.get_users().data, one.get_users().data]
    assert seen == ['a', 'a', 'b', 'b']
    assert 'word-of' not in repr(vars(cache))


def test_along_a_redirect_to_another_host_goes_no_secret() -> None:
    """Neither what the client has among its headers nor what a plugin adds. On its own origin it goes on."""

    def lead(visit: Visit) -> None:
        to = {'/user': there.url.replace('127.0.0.1', 'localhost'), '/close': f'{here.url}/end'}.get(visit.path)
        visit.send(response_bytes({}) if to is None else response_bytes(status=302, headers={'Location': to}))

    secrets = {'X-Api-Key': 'hush', 'Authorization': SECRET, 'X-Token': 'hush'}
    options = {'headers': {**secrets, 'X-Way': 'along'}, 'plugins': [Headers({'X-Secret': 'hush'})]}
    with Server(echo) as there, Server(lead) as here, client(here, **options) as one:
        assert one.get_users().ok
        assert one.call('close').ok
    assert 'x-way' not in there.visits[0].headers, 'nothing of the caller at all'
    assert 'hush' not in repr(there.visits[0].headers)
    assert [visit.headers['x-api-key'] for visit in here.visits] == ['hush'] * 3


def test_a_server_that_repeats_the_clients_secrets(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Those of the client, of a plugin and of the call are hidden in what it says."""
    log = InnerLogger(logging.getLogger('repeats'), max_body_length=1000)
    options = {'headers': {'Authorization': SECRET}, 'plugins': [Headers({'X-Api-Key': 'hush-of-plugin'}), log]}
    with caplog.at_level(logging.INFO, 'repeats'), client(server, **options) as one:
        assert 'hush-hush' in one.call('get_users', headers={'X-Token': 'hush-of-call'}).raw.decode()  # type: ignore[union-attr]
    bodies = [vars(record)['body'] for record in caplog.records if record.name == 'repeats']
    assert '***' in bodies[-1]
    assert 'hush' not in repr(bodies)
