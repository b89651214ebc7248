"""Calls that get no response: the made-up one, the errors it stands for, and that no secret is anywhere in them."""

from __future__ import annotations

import contextlib
import json
import logging
import pickle
import re
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.events import API_CALL_STATS
from esipy.exceptions import (
    APIException,
    CallError,
    ClientError,
    ConnectionFailedError,
    DowntimeError,
    EsiError,
    ForbiddenError,
    LimitedError,
    NotFoundError,
    ServerError,
    SpecError,
    TimedOutError,
    UndecodableBodyError,
)
from esipy.plugins import CallContext, Plugin
from tests.integration.test_bad_responses import BROKEN
from tests.integration.things import app_at, client, security
from tests.leaks import holds
from tests.servers import Server, Visit, response_bytes, unused_url, wait_until

SECRET = 'eyJhbGciOiJSUzI1NiJ9.the-secret-token.c2ln'

FAULTS: dict[str, Callable[[Visit], Any]] = {
    **{
        name: BROKEN[name] for name in ('reset', 'closed', 'cut', 'cut chunk', 'redirect to itself', 'too many headers')
    },
    'hang': Visit.hang,
    'html': lambda visit: visit.send(response_bytes(b'<html>')),
    '403': lambda visit: visit.send(response_bytes({'error': 'no'}, 403)),
    '500': lambda visit: visit.send(response_bytes({'error': 'no'}, 500)),
    'redirect to rubbish': BROKEN['redirect to rubbish'],
}


@pytest.mark.parametrize('how', ['security', 'token=', 'session', 'query', 'callable'])
@pytest.mark.parametrize('fault', FAULTS)
def test_no_secret_in_an_error(fault: str, how: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(FAULTS[fault]) as server, client(timeout=(30, 0.3 if fault == 'hang' else 30)) as esi:
        operation = app_at(server.url).op['get_mine']
        call = operation(token=SECRET) if how == 'token=' else operation()
        if how == 'security':
            esi.security = security(SECRET)
        elif how == 'session':
            esi._session.headers['Authorization'] = f'Bearer {SECRET}'
        elif how == 'query':
            call[0]._p['query'].append(('token', SECRET))
        elif how == 'callable':

            def sign(request: Any) -> Any:
                request._p['query'].append(('token', SECRET))
                request._p['header']['Authorization'] = f'Bearer {SECRET}'
                return request

            esi.security = sign
        with pytest.raises(APIException) as caught:
            esi.request(call, raise_on_error=True)
        wait_until(lambda: server.visits, 60)  # the server may read later than the client waits
        assert SECRET in str(server.visits[0].headers) + server.visits[0].target
    error = caught.value
    assert holds(error, SECRET) == []
    assert holds(pickle.loads(pickle.dumps(error)), SECRET) == []
    # urllib3's own debug log has the address, which is the app's doing where it put the token there
    ours = [record.getMessage() for record in caplog.records if record.name.startswith('esipy')]
    assert SECRET not in str(ours)


def test_no_secret_when_nobody_listens_or_in_a_header_that_cannot_be_sent() -> None:
    with client() as esi:
        operation = app_at(unused_url()).op['get_mine']
        with pytest.raises(ConnectionFailedError) as caught:
            esi.request(operation(token=SECRET), raise_on_error=True)
        assert holds(caught.value, SECRET) == []
        call = operation()
        call[0]._p['header']['Authorization'] = f'Bearer {SECRET}\r\nX-Other: 1'
        with pytest.raises(CallError, match='Authorization') as refused:
            esi.request(call)
        assert holds(refused.value, SECRET) == []


@pytest.mark.parametrize('value', ['a\r\nX-Injected: 1', 'a\nb', 'snow ☃', 'a\0b'])
def test_headers_of_an_app_that_cannot_be_sent(value: str) -> None:
    with Server(lambda visit: visit.send(response_bytes({}))) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        call[0]._p['header']['X-Own'] = value
        with pytest.raises(ValueError, match='X-Own'):
            esi.request(call)
        call[0]._p['header'].clear()
        esi._session.headers['X-Own'] = value
        with pytest.raises(ValueError, match='X-Own'):
            esi.request(call)
        assert server.visits == []


def test_the_statistics_hear_of_failures() -> None:
    heard: list[dict[str, Any]] = []
    with Server(Visit.reset) as server, client() as esi:
        API_CALL_STATS.add_receiver(lambda **kwargs: heard.append(kwargs))
        call = app_at(server.url).op['get_thing'](q='x')
        esi.request(call)
        assert [one['status_code'] for one in heard] == [500]
        assert json.loads(heard[0]['message'])['error']
        assert heard[0]['url'] == f'{server.url}/thing?q=x'


STATUSES = {
    400: APIException,
    401: APIException,
    403: ForbiddenError,
    404: NotFoundError,
    407: ClientError,
    408: ClientError,
    420: LimitedError,
    425: ClientError,
    429: LimitedError,
    500: ServerError,
    520: ServerError,
}


#: What each error says that one can do about it.
REMEDIES = {
    400: 'change the request',
    401: 'it needs a token',
    403: 'it needs the scope read',
    404: 'check the ids',
    407: 'check the user name and the password of the proxy',
    408: 'try again later',
    420: 'slow down: try again in 7 s',
    425: 'try again later',
    429: 'slow down: try again in 7 s',
    500: 'try again later',
    520: 'try again later',
}


def test_a_server_that_says_how_long_it_is_down() -> None:
    with Server(lambda visit: visit.send(response_bytes({}, 503, {'Retry-After': '120'}))) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        with pytest.raises(DowntimeError, match='the server is down: try again in 120 s'):
            esi.request(call, raise_on_error=True)


@pytest.mark.parametrize('status', STATUSES)
def test_errors_by_meaning(status: int) -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes({'error': 'why'}, status, {'Retry-After': '7', 'X-Esi-Request-Id': '0123-abc'}))

    with Server(page) as server, client() as esi:
        call = app_at(server.url).op['get_mine'](q='x')
        response = esi.request(call)
        assert (response.status, response.data.error, response.ok) == (status, 'why', False)
        with pytest.raises(STATUSES[status]) as caught:
            esi.request(call, raise_on_error=True)
        with pytest.raises(STATUSES[status]):
            esi.head(call, raise_on_error=True)
    error = caught.value
    assert (error.status_code, error.response, error.request_param) == (status, b'{"error": "why"}', [('q', 'x')])
    place = f'get_mine: GET {server.url}/mine?q=x, request id 0123-abc'
    assert str(error).startswith(f'HTTP Error {status}: why ({place}); ')
    assert REMEDIES[status] in str(error)
    assert error.response_header['retry-after'] == ['7']
    if isinstance(error, LimitedError):
        assert error.retry_after == 7
    if isinstance(error, ForbiddenError):
        assert error.scopes == ('read',)


@pytest.mark.parametrize(
    ('status', 'headers', 'limit', 'seconds'),
    [
        (420, {'X-ESI-Error-Limit-Reset': '7'}, 'errors', 7),
        (420, {'X-ESI-Error-Limit-Reset': '7', 'Retry-After': '9'}, 'errors', 9),
        (420, {'X-ESI-Error-Limit-Reset': 'soon'}, 'errors', None),
        (429, {'X-Ratelimit-Group': 'status', 'Retry-After': '9'}, 'status', 9),
        (429, {'X-ESI-Error-Limit-Reset': '7'}, '', None),
        (429, {'Retry-After': '9' * 400}, '', 86400),
    ],
)
def test_a_refusal_says_which_limit_it_was_and_for_how_long(
    status: int, headers: dict[str, str], limit: str, seconds: float | None
) -> None:
    with Server(lambda visit: visit.send(response_bytes({}, status, headers))) as server, client() as esi:
        with pytest.raises(LimitedError) as caught:
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        assert (caught.value.limit, caught.value.retry_after) == (limit, seconds)


@pytest.mark.parametrize(
    ('body', 'status', 'raises'), [({'error': 'no'}, 404, True), ({'error': 'no'}, 404, False), (b'<html>', 502, False)]
)
def test_the_pair_shows_a_response_that_is_raised_too(body: Any, status: int, raises: bool) -> None:
    responses = [response_bytes({}), response_bytes(body, status), response_bytes({}), response_bytes(b'', status)]
    with Server(lambda visit: visit.send(responses[visit.number])) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        with contextlib.suppress(APIException):
            esi.request(call, raise_on_error=raises)
        assert (call[1].status, call[1].ok) == (status, False)
        esi.request(call)
        with contextlib.suppress(APIException):
            esi.head(call, raise_on_error=raises)
        assert (call[1].status, call[1].raw) == (status, None)


def test_the_pair_shows_what_could_not_be_read_among_many() -> None:
    with Server(lambda visit: visit.send(response_bytes(b'<html>', 500))) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        [(_, response)] = esi.multi_request([call])
        assert isinstance(response.cause, UndecodableBodyError)
        assert (call[1].status, call[1].raw) == (500, b'<html>')


def test_downtime(daily_downtime: None) -> None:
    from esipy import clock

    now = clock.time()
    clock.move((now // 86400) * 86400 + 11 * 3600 + 300 - now)
    with Server(lambda visit: visit.send(response_bytes({'error': 'x'}, 503))) as server, client() as esi:
        with pytest.raises(DowntimeError):
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        clock.move(7200)
        with pytest.raises(ServerError) as caught:
            esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
        assert not isinstance(caught.value, DowntimeError)


def _subclasses(kind: type[EsiError]) -> set[type[EsiError]]:
    return {kind}.union(*(_subclasses(one) for one in kind.__subclasses__() if one.__module__ == 'esipy.exceptions'))


#: What the errors take that are not made like their parents.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    'MissingScopeError': ('get_x', ['read'], 'Aelia'),
    'MissingRoleError': ('get_x', ['Director'], 'Aelia'),
    'IncompleteTokensError': ('expires_in', 'seconds'),
    'UnknownCharacterError': (1, [2, 3]),
    'UnknownOperationError': ('x', 'not there', ['y']),
    'MissingFieldError': ('x', ('y',)),
    'ErrorDataError': (404, 'not found', 'x'),
    'PaginationError': ('get_x', 'no end'),
    'SnapshotError': ('get_x', 'no end'),
}


@pytest.mark.parametrize('kind', sorted(_subclasses(EsiError), key=lambda kind: kind.__name__))  # type: ignore[attr-defined]
def test_every_error_pickles(kind: type[EsiError]) -> None:
    made: EsiError
    if kind.__name__ in ARGUMENTS:
        made = kind(*ARGUMENTS[kind.__name__])
    elif issubclass(kind, APIException):
        made = kind('https://x/y', 503, response=b'{}', request_param=[('a', 'b')], response_header={'a': ['b']})
    elif issubclass(kind, CallError):
        made = kind('get_x', [('a', 'wrong')])
    else:
        made = kind('text')
    made.add_note('a note')
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is kind
    assert (str(again), again.args, vars(again)) == (str(made), made.args, vars(made))


class Notes(Plugin):
    """Notes something that cannot be pickled, and something that can."""

    def on_response(self, call: CallContext) -> None:
        call.notes.update(lock=threading.Lock(), word='kept')


@pytest.mark.parametrize('depth', [1, 100, 500, 900])
def test_an_error_pickles_with_the_results_beside_it(depth: int) -> None:
    body = b'{"a":' * depth + b'1' + b'}' * depth
    with Server(lambda visit: visit.send(response_bytes(body))) as server, client(plugins=[Notes()]) as esi:
        calls = [app_at(server.url).op['get_thing'](), app_at(unused_url()).op['get_thing']()]
        with pytest.raises(ConnectionFailedError) as caught:
            esi.multi_request(calls, raise_on_error=True)
    with contextlib.suppress(UndecodableBodyError):  # too deep for rows
        assert caught.value.results[0][1].data  # type: ignore[attr-defined]
    again = pickle.loads(pickle.dumps(caught.value))
    (_, first), (_, second) = again.results
    assert (first.status, first.raw, first.word, hasattr(first, 'lock')) == (200, body, 'kept', False)
    assert (second.failed, second.cause.reason) == (True, caught.value.results[1][1].cause.reason)  # type: ignore[attr-defined]
    if depth == 1:
        assert first.data.a == 1


def test_a_failed_response_pickles() -> None:
    with Server(Visit.reset) as server, client() as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
    again = pickle.loads(pickle.dumps(response))
    assert (again.status, again.failed, again.data, again.cause.reason) == (
        500,
        True,
        response.data,
        response.cause.reason,  # type: ignore[union-attr]
    )


def test_strict_reports_what_differs_from_the_description() -> None:
    with Server(lambda visit: visit.send(response_bytes([1, 2]))) as server:
        call = app_at(server.url).op['get_thing']()
        with client() as esi:
            assert esi.request(call).data == [1, 2]
        with client(strict=True) as esi, pytest.raises(UndecodableBodyError, match='body'):
            esi.request(call)


ORDER = {
    'type': 'object',
    'required': ['price'],
    'properties': {
        'price': {'type': 'number'},
        'tags': {'type': 'array', 'items': {'type': 'string'}},
        'whole': {'type': 'integer'},
        'sold': {'type': 'boolean'},
    },
}


@pytest.mark.parametrize(
    ('body', 'fault'),
    [
        ({'price': 5}, None),
        ({'price': 5.5, 'whole': 3.0, 'tags': ['a'], 'more': [1]}, None),
        ({'price': '5.5'}, "body.price: '5.5' where 5.5 belongs"),
        ({'price': 1, 'tags': 'a,b'}, "body.tags: 'a,b' where"),
        ({'price': 1, 'tags': ['a', 3]}, r"body.tags\[1\]: 3 where '3' belongs"),
        ({'price': 1, 'sold': 'true'}, "body.sold: 'true' where True belongs"),
        ({'price': 1, 'whole': None}, 'body.whole: null is not allowed'),
        ({'tags': []}, 'body.price: is required'),
    ],
    ids=str,
)
def test_strict_does_not_take_from_the_server_what_a_caller_may_say_loosely(body: Any, fault: str | None) -> None:
    document = {
        'openapi': '3.1.0',
        'info': {'title': 'Orders', 'version': '1'},
        'paths': {
            '/order': {
                'get': {
                    'operationId': 'get_order',
                    'responses': {'200': {'content': {'application/json': {'schema': ORDER}}, 'description': 'OK'}},
                }
            }
        },
    }
    with Server(lambda visit: visit.send(response_bytes(body))) as server, client(strict=True) as esi:
        call = App.create({**document, 'servers': [{'url': server.url}]}).op['get_order']()
        if fault is None:
            assert esi.request(call).data == body
        else:
            with pytest.raises(UndecodableBodyError) as caught:
                esi.request(call)
            assert re.search(fault, caught.value.reason)


def nested(depth: int) -> bytes:
    return b'{"error":' * depth + b'1' + b'}' * depth


@pytest.mark.parametrize('depth', [499, 700, 950, 5000])
@pytest.mark.parametrize(
    ('status', 'kind'), [(200, None), (403, ForbiddenError), (404, NotFoundError), (500, ServerError)]
)
@pytest.mark.parametrize('strict', [False, True])
def test_data_that_is_nested_too_deeply_is_the_error_of_its_status(
    depth: int, status: int, kind: type[APIException] | None, strict: bool
) -> None:
    """Without `strict` the body is JSON, but no rows can be made of it when `data` is asked for. From Python 3.13 on
    they can up to some depth, since functions in C have a limit of their own."""
    level = {
        'type': 'object',
        'properties': {'error': {'anyOf': [{'$ref': '#/components/schemas/L'}, {'type': 'integer'}]}},
    }
    shown = {'description': 'x', 'content': {'application/json': {'schema': {'$ref': '#/components/schemas/L'}}}}
    paths = {'/deep': {'get': {'operationId': 'get_deep', 'responses': {'default': shown}}}}
    with (
        Server(lambda visit: visit.send(response_bytes(nested(depth), status))) as server,
        client(strict=strict) as esi,
    ):
        document = {'openapi': '3.1.0', 'info': {}, 'servers': [{'url': server.url}], 'paths': paths}
        app = App.create({**document, 'components': {'schemas': {'L': level}}})
        if sys.version_info >= (3, 13) and depth < 1000 and not strict:
            data = esi.request(app.op['get_deep']()).data
            for _ in range(depth):
                data = data['error']
            assert data == 1
            return
        with pytest.raises(UndecodableBodyError, match=r'get_deep: GET .*; ') as caught:
            _ = esi.request(app.op['get_deep']()).data
    assert kind is None or isinstance(caught.value, kind)


#: A body of a success status that cannot be used, options of the client, and what the remedy says.
UNUSABLE: dict[str, tuple[bytes, dict[str, Any], str]] = {
    'a page': (b'<html>hello</html>', {}, 'or a proxy on the way, sent something other'),
    'half of it': (b'{"a":', {}, 'raw_body_only=True returns a body as it is'),
    'too large': (b'{"a":"' + b'x' * 5000 + b'"}', {'max_body': 1000}, 'max_body=…'),
    'not as described': (b'[1, 2]', {'strict': True}, 'strict=False accepts what differs'),
}


@pytest.mark.parametrize(('body', 'options', 'remedy'), UNUSABLE.values(), ids=UNUSABLE)
def test_a_body_that_cannot_be_used_has_a_remedy(body: bytes, options: dict[str, Any], remedy: str) -> None:
    page = Server(lambda visit: visit.send(response_bytes(body)))
    with page as server, client(**options) as esi, pytest.raises(UndecodableBodyError) as caught:
        esi.request(app_at(server.url).op['get_thing']())
    assert remedy in caught.value.remedy
    assert str(caught.value).endswith(caught.value.remedy)


# ---------------------------------------------------------------------- calls that are at fault


def test_nothing_is_sent_for_a_call_at_fault() -> None:
    with Server(lambda visit: visit.send(response_bytes({}))) as server, client() as esi:
        app = app_at(server.url)
        with pytest.raises(CallError, match='not a call'):
            esi.request(app.op['get_thing'])  # type: ignore[arg-type]
        with pytest.raises(CallError, match='not a call'):
            esi.request(None)  # type: ignore[arg-type]
        with pytest.raises(KeyError):
            app.op['get_thingy']
        for wrong in ({}, {'id': None}, {'id': 1, 'other': 2}):
            with pytest.raises(ValueError, match='get_things_id'):
                esi.request(app.op['get_things_id'](**wrong))
        assert server.visits == []
        esi.request(app.op['get_things_id'](id='../../x?y=z#\r\nA: b'))
        assert server.visits[0].target == '/things/%2E%2E%2F%2E%2E%2Fx%3Fy%3Dz%23%0D%0AA%3A%20b'


def test_unknown_options_are_reported() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        with EsiClient(header={'x': 'y'}, user_agent='tests', esi_datasource='x', thread=3) as esi:  # type: ignore[call-arg]
            pass
        with Server(lambda visit: visit.send(response_bytes({}))) as server:
            call = app_at(server.url).op['get_thing']()
            esi.request(call, raw_body=True)
            esi.head(call, foo=1)
            esi.multi_request([call], thread=1)
            esi.close()
    assert [str(one.message).split(';')[0].removesuffix(' (the option is ignored)') for one in warned] == [
        "EsiClient: unknown option 'header', did you mean 'headers'?",
        "EsiClient: unknown option 'esi_datasource'",
        "EsiClient: unknown option 'thread', did you mean 'headers'?",
        "request(): unknown option 'raw_body', did you mean 'raw_body_only'?",
        "head(): unknown option 'foo'",
        "multi_request(): unknown option 'thread', did you mean 'threads'?",
    ]
    assert {one.filename for one in warned} == {__file__}


def test_timed_out_is_connection_failed() -> None:
    assert issubclass(TimedOutError, ConnectionFailedError)


def test_a_refused_connection_is_not_called_late() -> None:
    """urllib3 counts "connection refused" among its timeouts."""
    with pytest.raises(ConnectionFailedError) as caught:
        App.create(f'{unused_url()}/openapi.json')
    assert not isinstance(caught.value, TimedOutError)


@pytest.mark.parametrize('source', ['ftp://127.0.0.1/x.json', 'gopher://x', 'HTTP+UNIX://x'])
def test_an_address_of_another_kind_is_reported(source: str) -> None:
    with pytest.raises(SpecError, match='not by'):
        App.create(source)


def test_schemes_in_capitals_and_any_kind_of_path(tmp_path: Path) -> None:
    file = tmp_path / 'x.json'
    file.write_text('{"openapi": "3.1.0", "paths": {}}')
    assert len(App.create('FILE://' + str(file)).op) == 0
    assert len(App.create(PurePath(file)).op) == 0
