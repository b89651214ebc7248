"""The fields of esipy's log records: stable names, no secrets, and an expected revocation once, at INFO."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonjsonlogger.json import JsonFormatter

from esipy._runtime.log_fields import log_fields
from esipy.exceptions import TokenRevokedError
from esipy.limits import MemoryLimits
from tests.integration.test_telemetry_traces import in_turn
from tests.integration.things import app_at, client, security
from tests.leaks import forms
from tests.servers import Server, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')

ROOT = Path(__file__).parents[2]


class LogLines:
    """What a JSON formatter makes of esipy's records."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def of(self, name: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self._stream.getvalue().splitlines()) if line['name'] == name]

    def text(self) -> str:
        return self._stream.getvalue()


@pytest.fixture
def lines() -> Iterator[LogLines]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter('%(name)s %(levelname)s %(message)s'))
    logger = logging.getLogger('esipy')
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield LogLines(stream)
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_a_retry(lines: LogLines) -> None:
    failed = response_bytes({'error': 'x'}, 500, {'X-Esi-Request-ID': 'abc'})
    with (
        Server(in_turn(failed, response_bytes({}, headers={'X-Esi-Request-ID': 'def'}))) as server,
        client(retry_requests=True, cache=None) as esi,
    ):
        esi.request(app_at(server.url).op['get_thing']())
    first, again, second = lines.of('esipy.client')
    wait = again.pop('wait')
    assert 0 < wait < 1
    message = again.pop('message')
    assert message.startswith('[failure #1] <Request get_thing()> 500: retry in')
    assert again == {
        'name': 'esipy.client',
        'levelname': 'WARNING',
        'operation': 'get_thing',
        'status': 500,
        'attempt': 1,
        'x_esi_request_id': 'abc',
    }
    assert (first['levelname'], first['status'], first['attempt']) == ('DEBUG', 500, 1)
    assert (second['status'], second['attempt'], second['x_esi_request_id']) == (200, 2, 'def')
    assert 0 < second['elapsed'] < 20


def test_a_rate_limit(lines: LogLines) -> None:
    limited = {'X-Ratelimit-Group': 'things', 'X-Ratelimit-Limit': '4/2s', 'X-Ratelimit-Remaining': '0'}
    rejected = response_bytes({'error': 'slow down'}, 429, {**limited, 'Retry-After': '1'})
    with (
        Server(in_turn(response_bytes({}, headers=limited), rejected, response_bytes({}))) as server,
        client(cache=None, limits=MemoryLimits()) as esi,
    ):
        for number in range(2):
            esi.request(app_at(server.url).op['get_thing'](page=number))
    waits = [line for line in lines.of('esipy.limits') if 'wait' in line]
    (rejection,) = [line for line in lines.of('esipy.limits') if 'status' in line]
    assert len(waits) == 2
    assert all(line['operation'] == 'get_thing' and line['bucket'] == 'things' and line['wait'] > 0 for line in waits)
    assert (rejection['operation'], rejection['status'], rejection['bucket']) == ('get_thing', 429, 'things')
    assert rejection['levelname'] == 'WARNING'


def test_a_grant_that_is_gone_is_logged_once_at_info(lines: LogLines) -> None:
    with Server(in_turn(response_bytes({'error': 'invalid_grant'}, 400))) as sso:
        one = security('old', sso.url)
        one.update_token({'access_token': 'old', 'expires_in': -1, 'refresh_token': 'the-refresh-token'})
        with client(security=one) as esi:
            for _ in range(5):
                with pytest.raises(TokenRevokedError):
                    esi.request(app_at(sso.url).op['get_mine']())
    gone = [line for line in lines.of('esipy.security') if 'sign in again' in line['message']]
    assert [line['levelname'] for line in gone] == ['INFO']
    assert gone[0]['message'].startswith('the refresh token of an unknown character is no longer valid')
    assert not [line for line in lines.of('esipy.security') if line['levelname'] != 'INFO']


def test_no_secret_is_in_a_record(lines: LogLines) -> None:
    secrets = ['the-secret-token-of-a-character', 'the-other-secret-of-the-query']
    with Server(in_turn(response_bytes({'error': secrets[0]}, 500))) as server:
        one = security(secrets[0], server.url)
        with client(security=one, cache=None, retry_requests=True, retries=2) as esi:
            esi.request(app_at(server.url).op['get_mine'](q=secrets[1]))
    shown = [form for form in forms(secrets[0]) if form in lines.text()]
    assert 'get_mine' in lines.text()
    assert shown == []


def test_the_page_lists_all_fields() -> None:
    fields = log_fields('x', status=1, attempt=1, wait=1, elapsed=1, bucket='x', headers={'X-ESI-Request-ID': 'x'})
    page = (ROOT / 'docs' / 'monitoring.md').read_text('utf-8')
    table = page[page.index('## Logs') :]
    assert re.findall(r'^\| `(\w+)` \|', table, re.MULTILINE) == list(fields)


def test_fields_do_not_hide_those_of_every_record() -> None:
    fields = log_fields('x', status=1, attempt=1, wait=1, elapsed=1, bucket='x', headers={'X-ESI-Request-ID': 'x'})
    assert not fields.keys() & vars(logging.makeLogRecord({})).keys()
