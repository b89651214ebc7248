"""Headers, QueryParams, PathTokens, Timeout, Elapsed, TrackingToken: defaults of the client, of the endpoint and of
the call, of which the nearer wins."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import pytest

from esipy.cache import DictCache
from esipy.exceptions import CallError
from esipy.plugins import (
    CallContext,
    Elapsed,
    Headers,
    PathToken,
    PathTokens,
    Plugin,
    Pool,
    QueryParams,
    Timeout,
    TrackingToken,
)
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes, wait_until
from tests.unit.plugins.calls import Beside, asking

# --------------------------------------------------------------------- headers


def test_the_nearer_header_wins_in_any_case() -> None:
    plugin = Headers({'X-Client': 'c', 'X-Endpoint': 'c', 'Accept-Language': 'c', 'X-Call': 'c'})
    beside = Beside(headers={'x-endpoint': 'e', 'accept-language': 'e', 'x-call': 'e'})
    with asking(beside, plugin) as asked:
        asked.get(arguments={'Accept-Language': 'own'}, headers={'X-CALL': 'call', 'X-Other': 5})
        sent = asked.last.headers
        assert (sent['x-client'], sent['x-endpoint'], sent['accept-language']) == ('c', 'e', 'own')
        assert (sent['x-call'], sent['x-other']) == ('call', '5')
        asked.get(arguments={'Accept-Language': 'own'}, headers={'accept-language': 'nearest'})
        assert asked.last.headers['accept-language'] == 'nearest'


def test_none_takes_a_header_away() -> None:
    with asking(Headers({'X-A': '1', 'X-B': '2'})) as asked:
        asked.get(arguments={'Accept-Language': 'de'}, headers={'x-a': None, 'accept-language': None})
        assert 'x-a' not in asked.last.headers
        assert 'accept-language' not in asked.last.headers
        assert asked.last.headers['x-b'] == '2'


def test_headers_by_either_name() -> None:
    assert (
        Headers(default_headers={'A': '1'}).headers
        == Headers({'A': '1'}).headers
        == Headers(headers={'A': '1'}).headers
    )


def test_what_is_not_a_header_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(CallError, match="Headers: 'X…': is not a valid header name"):
        Headers({'X A': '1'})
    with asking(Headers()) as asked:
        with pytest.raises(CallError, match="get_thing: 'A…': is not a valid header name"):
            asked.get(headers={'A: Bearer secret': '1'})
        with pytest.raises(CallError, match=r'request headers: X-A: its value has a line break'):
            asked.get(headers={'X-A': '1\r\nX-B: 2'})
        with pytest.raises(CallError, match='get_thing: headers: must map names to values, but is a list'):
            asked.get(headers=['A'])
        assert not asked.server.visits


# --------------------------------------------------------------------- query


def test_the_nearer_query_parameter_wins() -> None:
    plugin = QueryParams({'q': 'client', 'c': 'client', 'e': 'client', 'n': 'client', 'list': ['a', 'b'], 'yes': True})
    with asking(Beside(query_params={'e': 'endpoint', 'n': None, 'q': 'endpoint'}), plugin) as asked:
        asked.get(arguments={'q': 'own'}, params={'z': 1})
        assert parse_qsl(asked.last.query) == [
            ('q', 'own'),
            ('c', 'client'),
            ('e', 'endpoint'),
            ('list', 'a'),
            ('list', 'b'),
            ('yes', 'true'),
            ('z', '1'),
        ]
        asked.get(arguments={'q': 'own'}, params={'q': 'nearest', 'c': None, 'list': (1, 2)})
        assert parse_qsl(asked.last.query)[:2] == [('e', 'endpoint'), ('yes', 'true')]
        assert parse_qsl(asked.last.query)[2:] == [('q', 'nearest'), ('list', '1'), ('list', '2')]


def test_query_parameters_are_part_of_the_cache_key() -> None:
    def fresh(visit: Visit) -> None:
        visit.send(response_bytes({'a': 1}, headers={'Cache-Control': 'max-age=60'}))

    with Server(fresh) as server, client(plugins=[QueryParams()], cache=DictCache()) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call, params={'p': 1})
        assert esi.request(call, params={'p': 1}).from_cache
        assert not esi.request(call, params={'p': 2}).from_cache


# --------------------------------------------------------------------- path


class Forgets(Plugin):
    """Takes the values of a path away, so that there is something to fill in."""

    def prepare(self, call: CallContext) -> None:
        call.path.clear()


def test_path_tokens_fill_what_the_call_leaves_open() -> None:
    assert PathToken is PathTokens
    with asking(PathTokens({'id': 'default'})) as asked:
        asked.get('get_things_id', {'id': 'given'})
        assert asked.last.path == '/things/given'
    with asking(Forgets(), PathTokens({'id': 'de/fault', 'other': 1})) as asked:
        asked.get('get_things_id', {'id': 'given'})
        assert asked.last.path == '/things/de%2Ffault'
    with asking(Beside(path_tokens={'id': 7}), Forgets(), PathTokens({'id': 'default'})) as asked:
        asked.get('get_things_id', {'id': 'given'})
        assert asked.last.path == '/things/7'


# --------------------------------------------------------------------- timeout


def silent(visit: Visit) -> None:
    visit.hang()


class Sees(Plugin):
    """What the timeout and the deadline are when everything is prepared."""

    def on_send(self, call: CallContext) -> None:
        self.timeout = call.timeout
        self.seconds = None if call.deadline is None else call.deadline - call.started


@pytest.mark.parametrize(
    ('endpoint', 'options', 'seen'),
    [
        ({}, {}, 3.0),
        ({'timeout': [1, 2]}, {}, (1, 2)),
        ({'timeout': [1, 2]}, {'timeout': 4}, 4),
        ({}, {'timeout': None}, None),
        ({'timeout': None}, {}, None),
    ],
)
def test_the_nearer_timeout_wins(endpoint: dict[str, Any], options: dict[str, Any], seen: Any) -> None:
    sees = Sees()
    with asking(Beside(**endpoint), Timeout(3.0), sees) as asked:
        asked.get(**options)
    assert sees.timeout == seen
    assert sees.seconds == (None if seen is None else 10.0)


def test_without_a_default_the_client_s_own_timeout_stays() -> None:
    sees = Sees()
    with asking(Timeout(), sees, timeout=2.5) as asked:
        asked.get()
    assert sees.timeout == 2.5


def test_a_server_that_is_silent_for_too_long_has_not_responded() -> None:
    with asking(Timeout(0.1), page=silent) as asked:
        begun = time.monotonic()
        response = asked.get()
        assert response.failed
        assert response.cause.timed_out
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize('wrong', ['5', -1, 0, True, (1, 2, 3), {'a': 1}])
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    with pytest.raises(CallError, match=r'Timeout: timeout: .* is neither a number of seconds nor a pair'):
        Timeout(wrong)
    with asking(Beside(timeout=wrong), Timeout()) as asked, pytest.raises(CallError, match='get_thing: timeout:'):
        asked.get()


# --------------------------------------------------------------------- elapsed


def slow(visit: Visit) -> None:
    data = response_bytes({'a': 1})
    time.sleep(0.1)
    visit.send(data[:-3])
    time.sleep(0.2)
    visit.send(data[-3:])


def test_how_long_the_parts_took() -> None:
    with asking(Elapsed(), page=slow) as asked:
        response = asked.get()
        assert response.headers_elapsed >= 0.1
        assert response.read_elapsed >= 0.15
        assert 0 <= response.parse_elapsed < response.elapsed
        assert response.headers_elapsed + response.read_elapsed <= response.elapsed


def test_each_part_can_be_turned_off() -> None:
    names = ('headers_elapsed', 'read_elapsed', 'parse_elapsed')

    def has_times(response: Any) -> list[bool]:
        return [hasattr(response, name) for name in names]

    with asking(Elapsed(read=False)) as asked:
        assert has_times(asked.get()) == [True, False, True]
        assert has_times(asked.get(read_elapsed=True, parse_elapsed=False)) == [True, True, False]
    with asking(Beside(elapsed={'headers': False, 'read': True}), Elapsed(read=False)) as asked:
        assert has_times(asked.get()) == [False, True, True]
        assert has_times(asked.get(headers_elapsed=True)) == [True, True, True]


def test_what_was_not_sent_took_no_time() -> None:
    with asking(Elapsed(), page=lambda visit: visit.reset()) as asked:
        assert not hasattr(asked.get(), 'headers_elapsed')


def test_waiting_for_a_slot_is_not_the_server_s_time() -> None:
    pool, go = Pool(1), threading.Event()

    def held(visit: Visit) -> None:
        go.wait(20)
        visit.send(response_bytes({'a': 1}))

    with asking(Elapsed(), pool, page=held) as asked, ThreadPoolExecutor(2) as threads:

        def timed() -> tuple[Any, float]:
            begun = time.monotonic()
            response = asked.get(arguments={'q': 'another'})
            return response, time.monotonic() - begun

        threads.submit(asked.get)
        wait_until(lambda: pool.taken == 1)
        behind = threads.submit(timed)
        wait_until(lambda: pool.pending == 1)
        time.sleep(0.2)
        go.set()
        response, seconds = behind.result(20)
    assert response.blocked_by_pool >= 0.2
    assert response.blocked_by_pool + response.headers_elapsed + response.read_elapsed <= seconds


# --------------------------------------------------------------------- tracking token


def test_each_call_has_a_token_of_its_own() -> None:
    with asking(TrackingToken('web-', 12)) as asked:
        tokens = {asked.get().tracking_token for _ in range(5)}
        assert len(tokens) == 5
        assert all(re.fullmatch('web-[A-Z0-9]{12}', token) for token in tokens)
        assert asked.get(tracking_token='mine').tracking_token == 'web-mine'
        assert asked.get(tracking_token='mine', tracking_token_prefix='').tracking_token == 'mine'
        assert re.fullmatch('job-[A-Z0-9]{12}', asked.get(tracking_token_prefix='job-').tracking_token)
        assert not any('mine' in str(visit.headers) for visit in asked.server.visits)
