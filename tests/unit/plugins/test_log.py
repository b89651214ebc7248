"""The loggers and their formatter: what a record has, what nobody may see, and how lines are made of it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from esipy.cache import DictCache
from esipy.exceptions import UndecodableBodyError
from esipy.plugins import (
    BaseLogger,
    CallContext,
    InnerLogger,
    OuterLogger,
    Plugin,
    Pool,
    QueryParams,
    ServiceClientFormatter,
    TrackingToken,
)
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes, unused_url
from tests.unit.plugins.calls import Beside, asking

BOTH = pytest.mark.parametrize('kind', [InnerLogger, OuterLogger])


class LogRecords(logging.Handler):
    """Keeps the records, and every line that could be made of them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def everything(self) -> str:
        return '\n'.join(f'{record.getMessage()} {vars(record)}' for record in self.records)


@pytest.fixture
def log() -> LogRecords:
    return LogRecords()


@pytest.fixture
def logger(log: LogRecords) -> Iterator[logging.Logger]:
    made = logging.getLogger('tests.plugins.log')
    made.setLevel(logging.DEBUG)
    made.propagate = False
    made.addHandler(log)
    yield made
    made.handlers.clear()
    made.propagate = True
    made.setLevel(logging.NOTSET)


def fields(record: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


# --------------------------------------------------------------------- what is logged


@BOTH
def test_a_request_and_its_response(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    with asking(kind(logger, max_body_length=100), TrackingToken('t-'), Pool(1)) as asked:
        response = asked.get('put_thing', {'body': {'b': 2}})
        url = asked.server.url
    request, answered = log.records
    always = {
        'service_name': 'ESI',
        'endpoint': 'put_thing',
        'method': 'PUT',
        'url': f'{url}/thing',
        'params': {},
        'levelno': logging.INFO,
        'tracking_token': response.tracking_token,
    }
    assert fields(request, *always, 'action', 'msg', 'args') == {
        **always,
        'action': 'REQUEST',
        'msg': '%s',
        'args': ('Sending request',),
    }
    assert request.headers['Content-Type'] == 'application/json'
    assert fields(answered, *always, 'action', 'status_code') == {**always, 'action': 'RESPONSE', 'status_code': 200}
    assert answered.headers['Content-Type'] == 'application/json'
    inner = kind is InnerLogger
    assert request.body == ('{"b": 2}' if inner else "{'b': 2}")
    assert answered.body == ('{"a": 1}' if inner else "{'a': 1}")
    assert hasattr(request, 'blocked_by_pool') == inner, 'the outer one logs before the call waits'
    assert answered.blocked_by_pool == 0.0


def test_the_inner_one_sees_attempts_and_the_outer_one_calls(logger: logging.Logger, log: LogRecords) -> None:
    def page(visit: Visit) -> None:
        first = visit.number == 0
        headers = {'Retry-After': '0'} if first else {'Cache-Control': 'max-age=60'}
        visit.send(response_bytes({'a': 1}, 500 if first else 200, headers))

    def actions() -> list[Any]:
        made = [(record.action, getattr(record, 'status_code', None), record.attempt) for record in log.records]
        log.records.clear()
        return made

    for kind in (InnerLogger, OuterLogger):
        with Server(page) as server:
            esi = client(plugins=[kind(logger)], cache=DictCache(), retry_requests=True)
            call = app_at(server.url).op['get_thing']()
            esi.request(call)
            first = actions()
            esi.request(call)
            if kind is InnerLogger:
                assert first == [('REQUEST', None, 1), ('RESPONSE', 500, 1), ('REQUEST', None, 2), ('RESPONSE', 200, 2)]
                assert actions() == []
            else:
                assert first == [('REQUEST', None, 0), ('RESPONSE', 200, 2)]
                assert log.records[1].from_cache
                assert actions() == [('REQUEST', None, 0), ('RESPONSE', 200, 0)]


@BOTH
def test_no_response_is_logged_once(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    with client(plugins=[kind(logger, on_exception_level=logging.ERROR)]) as esi:
        esi.request(app_at(unused_url()).op['get_thing']())
    assert [record.action for record in log.records] == ['REQUEST', 'EXCEPTION']
    assert log.records[1].levelno == logging.ERROR
    assert 'the connection was refused' in log.records[1].getMessage()
    assert isinstance(log.records[1].exception, Exception)
    assert not hasattr(log.records[1], 'status_code')


@BOTH
def test_a_response_that_cannot_be_read(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    plugin = kind(logger, 10, on_parse_exception_level=logging.WARNING)
    html = response_bytes(b'<html>down</html>', 502)
    with asking(plugin, page=lambda visit: visit.send(html)) as asked, pytest.raises(UndecodableBodyError):
        asked.get()
    record = log.records[-1]
    assert fields(record, 'action', 'levelno', 'status_code', 'body') == {
        'action': 'EXCEPTION',
        'levelno': logging.WARNING,
        'status_code': 502,
        'body': '<html>down',
    }
    assert [one.action for one in log.records].count('EXCEPTION') == 1


@BOTH
def test_a_body_that_cannot_be_unpacked(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    plugin = kind(logger, on_parse_exception_level=logging.WARNING)
    packed = response_bytes(b'no gzip', headers={'Content-Encoding': 'gzip'})
    with asking(plugin, page=lambda visit: visit.send(packed)) as asked, pytest.raises(UndecodableBodyError):
        asked.get()
    assert [(one.action, one.levelno) for one in log.records][1:] == [('EXCEPTION', logging.WARNING)]


@BOTH
def test_what_a_plugin_raises_is_reported(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    class Raises(Plugin):
        def on_send(self, call: CallContext) -> None:
            raise ZeroDivisionError('oops')

    with asking(kind(logger), Raises()) as asked, pytest.raises(ZeroDivisionError):
        asked.get()
    assert [record.getMessage() for record in log.records] == ['Sending request', 'oops']
    assert log.records[1].levelno == logging.CRITICAL


@BOTH
def test_what_no_one_listens_to_is_not_made(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    logger.setLevel(logging.WARNING)
    with asking(kind(logger)) as asked:
        asked.get()
    assert log.records == []


@BOTH
def test_a_note_that_hides_what_every_record_has_is_left_out(
    kind: type[BaseLogger], logger: logging.Logger, log: LogRecords
) -> None:
    class Notes(Plugin):
        def prepare(self, call: CallContext) -> None:
            call.notes.update(name='mine', msg='mine', _private=1, seen=2)

    with asking(Notes(), kind(logger)) as asked:
        asked.get()
    assert log.records[0].name == logger.name
    assert log.records[0].seen == 2
    assert not hasattr(log.records[0], '_private')


# --------------------------------------------------------------------- what nobody may see


@BOTH
@pytest.mark.parametrize(
    ('endpoint', 'options', 'request_body', 'response_body'),
    [
        ({}, {}, '', ''),
        ({}, {'max_body_length': 3}, '{"b', '{"a'),
        ({}, {'max_body_length': 3, 'hidden_request_body': True}, '<HIDDEN>', '{"a'),
        ({'logger': {'hidden_request_body': False}}, {'max_body_length': 3, 'hidden_request_body': True}, '{"b', '{"a'),
        ({'logger': {'hidden_response_body': True}}, {'max_body_length': 3}, '{"b', '<HIDDEN>'),
        ({'stream_request': True, 'stream_response': True}, {'max_body_length': 3}, '<STREAM>', '<STREAM>'),
    ],
)
def test_bodies_are_hidden_or_cut(
    endpoint: dict[str, Any],
    options: dict[str, Any],
    request_body: str,
    response_body: str,
    kind: type[BaseLogger],
    logger: logging.Logger,
    log: LogRecords,
) -> None:
    with asking(Beside(**endpoint), kind(logger, **options)) as asked:
        asked.get('put_thing', {'body': {'b': 2}})
    bodies = [record.body.replace("'", '"') for record in log.records]
    assert bodies == [request_body, response_body]


@BOTH
def test_there_may_be_no_body(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    with asking(kind(logger, 100), page=lambda visit: visit.send(response_bytes(b'', 204))) as asked:
        asked.get('delete_nothing')
    assert [record.body for record in log.records] == ['<NO BODY>', '']


@BOTH
def test_secrets_are_masked(kind: type[BaseLogger], logger: logging.Logger, log: LogRecords) -> None:
    """In headers, queries and messages; and in bodies, where the server says them again."""

    def page(visit: Visit) -> None:
        data = {'you_said': visit.headers['authorization'], 'and': visit.query}
        visit.send(response_bytes(data, headers={'Set-Cookie': 'session=cookie-secret', 'X-Api-Key': 'key-secret'}))

    class Adds(Plugin):
        def prepare(self, call: CallContext) -> None:
            call.headers['X-Api-Key'] = 'key-secret'
            call.headers['Cookie'] = 'session=cookie-secret'

    secrets = ('token-secret', 'query-secret', 'cookie-secret', 'key-secret')
    plugins = [Adds(), QueryParams({'token': 'query-secret'}), kind(logger, max_body_length=1000)]
    with asking(*plugins, page=page, security=security('token-secret')) as asked:
        asked.get('get_mine')
        assert 'token-secret' in asked.last.headers['authorization']
        asked.get('put_mine', {'body': {'x': 1}})
    assert len(log.records) == 4
    assert [secret for secret in secrets if secret in log.everything] == []
    assert log.records[0].headers['X-Api-Key'] == '***'
    assert log.records[0].params == {'token': '***'}
    assert log.records[1].headers['Set-Cookie'] == '***'
    assert 'you_said' in log.records[1].body

    log.records.clear()
    with client(plugins=plugins, security=security('token-secret')) as esi:
        esi.request(app_at(unused_url()).op['get_mine']())
    assert [record.action for record in log.records] == ['REQUEST', 'EXCEPTION']
    assert [secret for secret in secrets if secret in log.everything] == []


# --------------------------------------------------------------------- lines


def lines(logger: logging.Logger, formatter: logging.Formatter) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return stream


def test_lines_of_each_kind(logger: logging.Logger) -> None:
    stream = lines(
        logger,
        ServiceClientFormatter(
            '%(service_name)s %(endpoint)s %(tracking_token)s ',
            request_fmt='> %(method)s %(full_url)s [%(headers)s] %(body)s',
            response_fmt='< %(status_code)s %(status_text)s [%(headers)s] %(body)s',
            exception_fmt='! %(exception_repr)s',
            parse_exception_fmt='? %(status_code)s %(body)s',
            headers_fmt='%(name)s=%(value)s',
            headers_sep=', ',
        ),
    )
    pages = {0: response_bytes({'a': 1}, headers={'X-A': 'b'}), 1: response_bytes(b'<html>', 299)}
    plugins = (TrackingToken(), InnerLogger(logger, 10))
    with asking(*plugins, page=lambda visit: visit.send(pages[visit.number])) as asked:
        asked.get(arguments={'q': 'ü'}, tracking_token='T')
        with pytest.raises(UndecodableBodyError):
            asked.get(tracking_token='T')
        url = asked.server.url
    with client(plugins=[InnerLogger(logger)]) as esi:
        esi.request(app_at(unused_url()).op['get_thing']())
    found = stream.getvalue().splitlines()
    assert found[0] == f'ESI get_thing T > GET {url}/thing?q=%C3%BC [] <NO BODY>'
    assert found[1].startswith(
        'ESI get_thing T < 200 OK [Content-Type=application/json, X-A=b, Content-Length=8] {"a": 1}'
    )
    assert found[3] == 'ESI get_thing T < 299 Unknown [Content-Type=application/json, Content-Length=6] <html>'
    assert found[4] == 'ESI get_thing T ? 299 <html>'
    assert found[5].startswith('ESI get_thing  > GET ')
    assert found[6].startswith("ESI get_thing  ! TransportError('no response from ")


def test_two_handlers_get_the_same_record(logger: logging.Logger) -> None:
    formatter = ServiceClientFormatter('', '%(headers)s', headers_fmt='{name}', style='{', response_fmt='{status_code}')
    first, second = lines(logger, formatter), lines(logger, formatter)
    with asking(InnerLogger(logger)) as asked:
        asked.get()
    assert first.getvalue() == second.getvalue()


def test_records_of_others_are_formatted_as_ever(logger: logging.Logger) -> None:
    stream = lines(logger, ServiceClientFormatter('%(levelname)s %(message)s', request_fmt='%(method)s'))
    logger.warning('hello %s', 'you')
    assert stream.getvalue() == 'WARNING hello you\n'
