"""Faults of plugins and services: lines that get lost, calls that outlive a closed client, mocks of another class."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from esipy.exceptions import RequestLimitError
from esipy.plugins import (
    Elapsed,
    InnerLogger,
    JsonDataMock,
    Mock,
    OuterLogger,
    Plugin,
    Pool,
    RateLimit,
    ServiceClientFormatter,
    mock_manager,
)
from esipy.service import ServiceClient, json_decoder, json_encoder
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes, wait_until

pytestmark = pytest.mark.usefixtures('no_leaks')


def logger_with(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger('lines')
    logger.addHandler(handler)
    return logger, stream


FORMATS: dict[str, dict[str, str]] = {
    'the example of the docs': {
        'fmt': '%(service_name)s %(endpoint)s ',
        'request_fmt': '> %(method)s',
        'response_fmt': '< %(status_code)s',
        'exception_fmt': '! %(exception_repr)s',
    },
    'headers without their format': {
        'fmt': '%(endpoint)s ',
        'request_fmt': '> %(headers)s',
        'response_fmt': '< %(headers)s',
    },
    'headers with their format': {
        'fmt': '%(endpoint)s ',
        'request_fmt': '> %(headers)s',
        'response_fmt': '< %(headers)s',
        'headers_fmt': '%(name)s=%(value)s',
        'headers_sep': ' ',
    },
    'nothing but the common part': {'fmt': '%(endpoint)s %(message)s'},
    'nothing at all': {},
    'braces': {'fmt': '{endpoint} ', 'request_fmt': '> {full_url}', 'response_fmt': '< {status_text}', 'style': '{'},
    'dollars': {'fmt': '$endpoint ', 'request_fmt': '> $full_url', 'response_fmt': '< $status_text', 'style': '$'},
}


@pytest.mark.parametrize('options', FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize('kind', [InnerLogger, OuterLogger])
def test_every_record_is_a_line(kind: Callable[..., Plugin], options: dict[str, Any]) -> None:
    logger, stream = logger_with(ServiceClientFormatter(**options))
    with Server(lambda visit: visit.send(response_bytes({'a': 1}))) as server, client(plugins=[kind(logger)]) as esi:
        esi.request(app_at(server.url).op['get_thing']())
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    if options:
        assert all('get_thing' in line for line in lines)


RECORDS: dict[str, dict[str, Any]] = {
    'an ordinary one': {},
    'a request': {'action': 'REQUEST'},
    'a response': {'action': 'RESPONSE', 'status_code': 200},
    'an unknown status': {'action': 'RESPONSE', 'status_code': 799},
    'an odd status': {'action': 'RESPONSE', 'status_code': 'OK'},
    'an exception': {'action': 'EXCEPTION', 'exception': ValueError('x')},
    'an exception of a body': {'action': 'EXCEPTION', 'exception': ValueError('x'), 'status_code': 200},
    'another action': {'action': 'SOMETHING'},
    'an action that is not a text': {'action': ['REQUEST']},
    'headers that are a text': {'action': 'REQUEST', 'headers': 'a: b'},
    'params that are a text': {'action': 'REQUEST', 'params': 'a=b', 'url': 'http://x/'},
    'params as pairs': {'action': 'REQUEST', 'params': [('a', 'b')], 'url': 'http://x/'},
    'params that are no pairs': {'action': 'REQUEST', 'params': [1, 2], 'url': 'http://x/'},
    'params of other lengths': {'action': 'REQUEST', 'params': ((1,),), 'url': 'http://x/'},
    'params that no encoding has': {'action': 'REQUEST', 'params': {'a': '\ud800'}, 'url': 'http://x/'},
    'some of the fields': {'service_name': 'ESI'},
}

#: What begins every line, in each style: fields that only the records of the loggers have.
BEGINNINGS = {
    '%': '%(message)s %(service_name)s %(endpoint)s %(full_url)s %(attempt)s ',
    '{': '{message} {service_name} {endpoint} {full_url} {attempt} ',
    '$': '$message ${service_name} $endpoint $full_url $attempt ',
}


@pytest.mark.parametrize('style', BEGINNINGS)
@pytest.mark.parametrize('extra', RECORDS.values(), ids=RECORDS)
def test_the_common_part_may_name_fields_that_other_records_lack(extra: dict[str, Any], style: Any) -> None:
    logger, stream = logger_with(ServiceClientFormatter(BEGINNINGS[style], style=style))
    logger.info('made by hand', extra=extra)
    assert stream.getvalue().startswith('made by hand ')


@pytest.mark.parametrize('extra', RECORDS.values(), ids=RECORDS)
def test_a_record_that_an_app_made_is_a_line_too(extra: dict[str, Any]) -> None:
    formatter = ServiceClientFormatter(
        '%(message)s ', '> %(full_url)s %(headers)s', '< %(status_code)s %(status_text)s', '! %(exception_repr)s'
    )
    logger, stream = logger_with(formatter)
    logger.info('made by hand', extra=extra)
    assert stream.getvalue().startswith('made by hand ')


# ---------------------------------------------------------------------- close


@pytest.mark.parametrize('limit', [lambda: Pool(1), lambda: RateLimit(period=60, limit=1)], ids=['Pool', 'RateLimit'])
def test_calls_that_wait_when_the_client_is_closed_end_with_an_error(limit: Callable[[], Any]) -> None:
    arrived, go = threading.Event(), threading.Event()

    def page(visit: Visit) -> None:
        arrived.set()
        go.wait(20)
        visit.send(response_bytes({'a': 1}))

    throttle = limit()
    with Server(page) as server:
        esi = client(plugins=[throttle], cache=None)
        call = app_at(server.url).op['get_thing']
        errors: list[Any] = []

        def ask(number: int) -> None:
            try:
                errors.append(esi.request(call(page=number)))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        threads[0].start()
        assert arrived.wait(20)
        for thread in threads[1:]:
            thread.start()
        until = time.monotonic() + 20
        while throttle.pending < 3 and time.monotonic() < until:
            time.sleep(0.01)
        esi.close()
        go.set()
        for thread in threads:
            thread.join(20)
    assert [type(one) for one in errors].count(RequestLimitError) == 3
    assert len(server.visits) == 1
    assert throttle.pending == 0


def test_closing_one_client_leaves_the_waiting_calls_of_another() -> None:
    arrived, go = threading.Event(), threading.Event()

    def page(visit: Visit) -> None:
        arrived.set()
        go.wait(20)
        visit.send(response_bytes({'a': 1}))

    pool = Pool(1)
    with Server(page) as server, client(plugins=[pool], cache=None) as staying:
        leaving = client(plugins=[pool], cache=None)
        call = app_at(server.url).op['get_thing']
        results: dict[int, Any] = {}

        def ask(esi: Any, number: int) -> None:
            try:
                results[number] = esi.request(call(page=number)).status
            except Exception as error:
                results[number] = type(error)

        threads = [
            threading.Thread(target=ask, args=(esi, number))
            for number, esi in enumerate([staying, staying, leaving, staying])
        ]
        threads[0].start()
        assert arrived.wait(20)
        for thread in threads[1:]:
            thread.start()
        wait_until(lambda: pool.pending == 3)
        leaving.close()
        go.set()
        for thread in threads:
            thread.join(20)
    assert results == {0: 200, 1: 200, 2: RequestLimitError, 3: 200}


def leave_and_close(esi: Any) -> None:
    with esi:
        pass
    esi.close()


def close_in_threads(esi: Any) -> None:
    threads = [threading.Thread(target=esi.close) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


CLOSINGS: dict[str, Callable[[Any], Any]] = {
    'three times': lambda esi: [esi.close() for _ in range(3)],
    'after a block': leave_and_close,
    'in threads': close_in_threads,
}


@pytest.mark.parametrize('close', CLOSINGS.values(), ids=CLOSINGS)
@pytest.mark.parametrize('kind', [client, lambda plugins: ServiceClient(plugins=plugins)], ids=['client', 'service'])
def test_a_plugin_is_closed_once(kind: Callable[..., Any], close: Callable[[Any], Any]) -> None:
    class Counting(Plugin):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    plugin = Counting()
    close(kind(plugins=[plugin]))
    assert plugin.closed == 1


# ---------------------------------------------------------------------- mocks and parsers

MOCKED = {'get_users': {'path': '/user', 'mock': {'mock_type': 'JsonFileMock', 'file': 'users.json', 'status': 201}}}


#: Changes to MOCKED, and the status and data of the response.
PATCHES: dict[str, tuple[dict[str, Any], int, Any]] = {
    'JSON': ({'mock_type': 'JsonDataMock', 'data': {'a': 1}}, 201, {'a': 1}),
    'bytes': ({'mock_type': 'RawDataMock', 'data': '[]', 'status': 200}, 200, []),
    'a class': ({'mock_type': JsonDataMock, 'data': [2]}, 201, [2]),
    'with a namespace': ({'mock_type': 'default:RawDataMock', 'data': b'3'}, 201, 3),
}


@pytest.mark.parametrize(('patch', 'status', 'data'), PATCHES.values(), ids=PATCHES)
def test_a_patch_may_change_the_class_of_a_mock(patch: dict[str, Any], status: int, data: Any) -> None:
    with (
        ServiceClient(spec=MOCKED, base_path='http://127.0.0.1:9', plugins=[Mock()], parser=json_decoder) as service,
        mock_manager.patch_mock_desc(patch),
    ):
        response = service.get_users()
    assert (response.status, response.data) == (status, data)


#: Ways to respond in place of the server.
RESPONDING: dict[str, Callable[[], Any]] = {
    'a patch': lambda: mock_manager.patch_mock_desc({'mock_type': 'JsonDataMock', 'data': {}}),
    'a mock': lambda: mock_manager.use_mock(JsonDataMock(data={})),
    'a function': lambda: mock_manager.use_mock(lambda call: {}),
}


@pytest.mark.parametrize('respond', RESPONDING.values(), ids=RESPONDING)
def test_a_mocked_response_has_its_times(respond: Callable[[], Any]) -> None:
    plugins = [Elapsed(), Mock()]
    with (
        ServiceClient(spec=MOCKED, base_path='http://127.0.0.1:9', plugins=plugins, parser=json_decoder) as service,
        respond(),
    ):
        response = service.get_users()
    assert response.headers_elapsed == 0  # type: ignore[attr-defined]
    assert response.read_elapsed >= 0  # type: ignore[attr-defined]
    assert response.parse_elapsed >= 0  # type: ignore[attr-defined]


class Coding:
    """Parses and serializes, and notes the keywords."""

    seen: list[list[str]]

    def parse(self, data: bytes, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(sorted(kwargs))
        return json_decoder(data)

    def __call__(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(sorted(kwargs))
        return json_encoder(data)


#: Forms of a serializer and a parser that take any keywords, made of the methods of a Coding.
FORMS: dict[str, Callable[[Coding], tuple[Callable[..., Any], Callable[..., Any]]]] = {
    'functions': lambda it: (
        lambda data, *args, **kwargs: it(data, **kwargs),
        lambda data, *args, **kwargs: it.parse(data, **kwargs),
    ),
    'an object and a method': lambda it: (it, it.parse),
    'partials': lambda it: (partial(it.__call__), partial(it.parse)),
}


@pytest.mark.parametrize('form', FORMS.values(), ids=FORMS)
def test_parsers_and_serializers_take_keywords_in_any_form(form: Callable[[Coding], Any]) -> None:
    coding = Coding()
    coding.seen = []
    serializer, parser = form(coding)
    spec = {'make': {'path': '/user', 'method': 'post'}}
    with (
        Server(lambda visit: visit.send(response_bytes({'a': 1}))) as server,
        ServiceClient(spec=spec, base_path=server.url, parser=parser, serializer=serializer) as service,
    ):
        assert service.make(payload={'b': 2}).data == {'a': 1}
    assert coding.seen == [
        ['endpoint_desc', 'request', 'request_params', 'session'],
        ['endpoint_desc', 'response', 'session'],
    ]


def test_functions_that_pass_keywords_on_get_none() -> None:
    spec = {'make': {'path': '/user', 'method': 'post'}}
    with (
        Server(lambda visit: visit.send(response_bytes({'a': 1}))) as server,
        ServiceClient(spec=spec, base_path=server.url, parser=json.loads, serializer=json.dumps) as service,
    ):
        assert service.make(payload={'b': 2}).data == {'a': 1}


def test_the_keywords_are_those_of_aio_service_client() -> None:
    seen: dict[str, Any] = {}

    def parse(data: bytes, session: Any, endpoint_desc: Any, response: Any) -> Any:
        seen.update(parser=(session, endpoint_desc['path'], response.status))
        return data

    def serialize(data: Any, session: Any, endpoint_desc: Any, request_params: Any) -> bytes:
        seen.update(serializer=(session, endpoint_desc['path'], request_params))
        return b'{}'

    spec = {'make': {'path': '/user/{id}', 'method': 'post', 'headers': {'X-A': 'b'}}}
    with (
        Server(lambda visit: visit.send(response_bytes({'a': 1}))) as server,
        ServiceClient(spec=spec, base_path=server.url, parser=parse, serializer=serialize) as service,
    ):
        service.make(payload={'b': 2}, id=5, page=3)
        session = service.client._session
    assert seen['parser'] == (session, '/user/{id}', 200)
    assert seen['serializer'][:2] == (session, '/user/{id}')
    assert seen['serializer'][2] == {
        'method': 'POST',
        'url': f'{server.url}/user/5',
        'params': [('page', '3')],
        'headers': {'X-A': 'b'},
    }


PAYLOADS: dict[str, tuple[dict[str, Any], Any, bytes]] = {
    'text of a streamed request': ({'method': 'put', 'stream_request': True}, 'a "text"', b'a "text"'),
    'bytes of a streamed request': ({'method': 'put', 'stream_request': True}, b'\x00\xff', b'\x00\xff'),
    'a file of a streamed request': ({'method': 'put', 'stream_request': True}, io.BytesIO(b'abc'), b'abc'),
    'a mapping of a streamed request': ({'method': 'put', 'stream_request': True}, {'a': 1}, b'{"a": 1}'),
    'text of any other': ({'method': 'put'}, 'a "text"', b'"a \\"text\\""'),
    'text of a streamed PATCH': ({'method': 'patch', 'stream_request': True}, 'a text', b'a text'),
    'text of a streamed POST': ({'method': 'post', 'stream_request': True}, 'hëllo', 'hëllo'.encode()),
    'of a GET': ({}, {'a': 1}, b'{"a": 1}'),
    'a list of a GET': ({}, [1], b'[1]'),
    'a text of a GET': ({}, 'a', b'"a"'),
    'of a DELETE': ({'method': 'delete'}, {'a': 1}, b'{"a": 1}'),
}


@pytest.mark.parametrize(('endpoint', 'payload', 'body'), PAYLOADS.values(), ids=PAYLOADS)
def test_payloads(endpoint: dict[str, Any], payload: Any, body: bytes) -> None:
    received: list[tuple[bytes, str | None]] = []

    def page(visit: Visit) -> None:
        received.append((visit.body, visit.headers.get('content-type')))
        visit.send(response_bytes({}))

    spec = {'send': {'path': '/user', **endpoint}}
    with Server(page) as server, ServiceClient(spec=spec, base_path=server.url, serializer=json_encoder) as service:
        service.send(payload=payload)
    is_json = body[:1] in b'"{['
    assert received == [(body, 'application/json' if is_json else None)]


@pytest.mark.parametrize(
    'wrap', [lambda word: {'query': word}, lambda word: [word], str], ids=['object', 'list', 'text']
)
def test_responses_to_different_payloads_of_a_get_are_not_mixed_up(wrap: Callable[[str], Any]) -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes(visit.body, headers={'Cache-Control': 'max-age=60'}))

    spec = {'search': {'path': '/search'}}
    with (
        Server(page) as server,
        ServiceClient(spec=spec, base_path=server.url, parser=json_decoder, serializer=json_encoder) as service,
    ):
        found = [service.search(payload=wrap(word)).data for word in ('a', 'b', 'a')]
    assert found == [wrap('a'), wrap('b'), wrap('a')]
