"""Mock: what answers instead of the server, how often, and what it may say."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.cache import DictCache
from esipy.exceptions import MockError, NotFoundError
from esipy.plugins import (
    BaseMock,
    CallContext,
    Elapsed,
    InnerLogger,
    JsonDataMock,
    JsonFileMock,
    Mock,
    OuterLogger,
    Plugin,
    RawDataMock,
    RawFileMock,
    mock_manager,
)
from tests.integration.things import app_at, client
from tests.unit.plugins.calls import Beside

#: Where nobody listens: what is mocked is not sent.
NOWHERE = 'http://127.0.0.1:9'
OP = app_at(NOWHERE).op

STATUS = {
    'openapi': '3.1.0',
    'info': {'title': 'Status', 'version': '1'},
    'servers': [{'url': NOWHERE}],
    'paths': {
        '/status': {
            'get': {
                'operationId': 'get_status',
                'responses': {
                    '200': {
                        'description': 'OK',
                        'headers': {'X-Pages': {'schema': {'type': 'integer'}}},
                        'content': {
                            'application/json': {
                                'schema': {
                                    'type': 'object',
                                    'required': ['players'],
                                    'properties': {'players': {'type': 'integer'}, 'vip': {'type': 'boolean'}},
                                }
                            }
                        },
                    }
                },
            }
        }
    },
}


def mocked(*plugins: Plugin, **mock: Any) -> EsiClient:
    """A client whose endpoints have a `mock` beside them."""
    beside = [Beside(mock=mock)] if mock else []
    return client(plugins=[*beside, *plugins, Mock()], cache=None)


def get(esi: EsiClient, name: str = 'get_thing', **arguments: Any) -> Any:
    return esi.request(OP[name](**arguments))


# --------------------------------------------------------------------- beside the endpoint


def test_a_mock_beside_the_endpoint(tmp_path: Path) -> None:
    file = tmp_path / 'thing.json'
    file.write_text('{"a": "ä"}', 'utf-8')
    assert get(mocked(mock_type='JsonDataMock', data={'a': [1, None]})).data == {'a': [1, None]}
    assert get(mocked(mock_type='default:RawDataMock', data='{"a": 2}')).data.a == 2
    assert get(mocked(mock_type='RawDataMock', data=b'{"a": 3}')).raw == b'{"a": 3}'
    assert get(mocked(mock_type='esipy.plugins.RawDataMock', data=b'{"a": 4}')).data.a == 4
    assert get(mocked(mock_type=f'{__name__}.Ours', word='hello')).data.a == 'hello'
    assert get(mocked(mock_type='RawFileMock', file=str(file))).data.a == 'ä'
    assert get(mocked(mock_type='JsonFileMock', file=file)).data.a == 'ä'
    given = get(mocked(mock_type=JsonDataMock, data={'error': 'x'}, status=404, headers={'X-A': 'b'}))
    assert (given.status, given.headers['x-a'], given.headers['content-type']) == (404, 'b', 'application/json')


def test_a_mocked_response_is_handled_like_any_other() -> None:
    mock = {'mock_type': 'JsonDataMock', 'data': {'a': 1}, 'headers': {'Cache-Control': 'max-age=60', 'X-Pages': '4'}}
    esi = client(plugins=[Beside(mock=mock), Mock()], cache=DictCache())
    first = get(esi)
    assert (first.pages, first.header['X-Pages'], first.attempts) == (4, [4], 1)
    assert get(esi).from_cache
    error = mocked(mock_type='JsonDataMock', data={'error': 'gone'}, status=404)
    with pytest.raises(NotFoundError):
        error.request(OP['get_thing'](), raise_on_error=True)


@pytest.mark.parametrize('place', ['before', 'after'])
def test_a_mocked_response_is_measured(place: str) -> None:
    """Wherever Elapsed stands among the plugins; and not where the call says so."""
    plugins: list[Plugin] = [Beside(mock={'mock_type': 'JsonDataMock', 'data': {'a': 1}})]
    plugins += [Elapsed(), Mock()] if place == 'before' else [Mock(), Elapsed()]
    esi = client(plugins=plugins, cache=None)
    parts = ('headers_elapsed', 'read_elapsed', 'parse_elapsed')
    assert [part for part in parts if get(esi).notes.get(part, -1) >= 0] == [*parts]
    unmeasured = esi.request(OP['get_thing'](), read_elapsed=False, parse_elapsed=False)
    assert [part for part in parts if part in unmeasured.notes] == ['headers_elapsed']


class Ours(BaseMock):
    def __init__(self, *, word: str, **more: Any) -> None:
        super().__init__(**more)
        self.word = word

    def _body(self) -> bytes:
        return json.dumps({'a': self.word}).encode()


def test_mocks_of_one_s_own() -> None:
    ours = Mock({'ours': __name__})
    esi = client(plugins=[Beside(mock={'mock_type': 'ours:Ours', 'word': 'hello'}), ours])
    assert get(esi).data.a == 'hello'


class Dates(json.JSONEncoder):
    def default(self, value: object) -> str:
        return str(value)


def test_json_data_with_an_encoder() -> None:
    assert get(mocked(mock_type='JsonDataMock', data={'a': {1}}, json_encoder=Dates)).data.a == '{1}'


@pytest.mark.parametrize(
    ('mock', 'message'),
    [
        ({'status': 200}, 'get_thing: no mock; use mock_manager.use_mock(…), or `mock` in the table of endpoints'),
        (
            {'mock_type': 'esipy.plugins.RawDateMock'},
            "mock_type 'esipy.plugins.RawDateMock' cannot be imported: module 'esipy.plugins' has no attribute",
        ),
        ({'mock_type': 'nowhere.at.All'}, "'nowhere.at.All' cannot be imported: No module named 'nowhere'"),
        ({'mock_type': 'JsonDateMock'}, "mock_type 'JsonDateMock': esipy._plugins.mock has no JsonDateMock"),
        ({'mock_type': 'other:Mock'}, "mock_type 'other:Mock': namespaces are default"),
        ({'mock_type': 'RawDataMock'}, "missing 1 required keyword-only argument: 'data'"),
        ({'mock_type': 'RawDataMock', 'data': b'', 'stauts': 200}, "unexpected keyword argument 'stauts'"),
        ({'mock_type': 'RawDataMock', 'data': {}}, 'RawDataMock: data is bytes or text, not dict'),
        ({'mock_type': 'JsonDataMock', 'data': {1, 2}}, 'JsonDataMock: Object of type set is not JSON serializable'),
        ({'mock_type': 'RawFileMock', 'file': '/no/such'}, 'RawFileMock: /no/such: No such file or directory'),
    ],
)
def test_a_mock_that_cannot_be_is_reported(mock: Mapping[str, Any], message: str) -> None:
    with pytest.raises(MockError) as caught:
        get(mocked(**mock))
    assert message in str(caught.value)


def test_a_file_that_is_not_json_is_reported(tmp_path: Path) -> None:
    (tmp_path / 'x').write_text('{')
    with pytest.raises(MockError, match=r'JsonFileMock: .*x: not JSON: '):
        get(mocked(mock_type='JsonFileMock', file=tmp_path / 'x'))


# --------------------------------------------------------------------- told by a test


def test_without_a_mock_nothing_is_sent() -> None:
    with pytest.raises(MockError, match='get_thing: no mock'):
        get(mocked())


def test_a_function_raw_responses() -> None:
    seen: list[CallContext] = []

    def responses(call: CallContext) -> Any:
        seen.append(call)
        return {'q': dict(call.request.query)['q']}

    with mock_manager.use_mock(responses, limit=0):
        assert get(mocked(), q='x').data.q == 'x'
        assert get(mocked(), q='y').data.q == 'y'
    assert [call.name for call in seen] == ['get_thing'] * 2
    with mock_manager.use_mock(lambda call: '{"a": 1}'):
        assert get(mocked()).data.a == 1
    with mock_manager.use_mock(lambda call: call.make_response(b'{}', 503)):
        assert get(mocked()).status == 503


@mock_manager.use_mock(JsonDataMock(data={'a': 5}))
def test_as_a_decorator() -> None:
    assert get(mocked()).data.a == 5
    with pytest.raises(MockError):
        get(mocked())


@pytest.mark.parametrize('_again', [1, 2])
@mock_manager.use_mock(RawDataMock(data='{"a": 6}'))
def test_a_decorator_counts_anew_each_time(_again: int) -> None:
    assert get(mocked()).data.a == 6


def test_offset_and_limit() -> None:
    esi = mocked(mock_type='JsonDataMock', data={'a': 'beside'})
    with mock_manager.use_mock(JsonDataMock(data={'a': 'used'}), offset=1, limit=2):
        assert [get(esi).data.a for _ in range(5)] == ['beside', 'used', 'used', 'beside', 'beside']
    with mock_manager.use_mock(JsonDataMock(data={'a': 'used'}), limit=0):
        assert [get(esi).data.a for _ in range(3)] == ['used'] * 3
    assert get(esi).data.a == 'beside'
    with pytest.raises(ValueError, match='negative'), mock_manager.use_mock(RawDataMock(data=''), offset=-1):
        pass


def test_only_for_a_service_and_an_endpoint_and_the_latest_first() -> None:
    esi = mocked(mock_type='JsonDataMock', data={'a': 'beside'})
    with mock_manager.use_mock(JsonDataMock(data={'a': 'other'}), service_name='other', limit=0):
        assert get(esi).data.a == 'beside'
    with mock_manager.use_mock(JsonDataMock(data={'a': 'mine'}), endpoint='get_mine', limit=0):
        assert get(esi).data.a == 'beside'
        with mock_manager.use_mock(JsonDataMock(data={'a': 'any'}), service_name='ESI', limit=1):
            assert [get(esi, 'get_mine').data.a for _ in range(2)] == ['any', 'mine']


def test_what_stands_beside_can_be_patched() -> None:
    esi = mocked(mock_type='JsonDataMock', data={'a': 'beside'})
    created = mock_manager.patch_mock_desc({'data': {'a': 'patched'}, 'status': 201}, endpoint='get_thing')
    with created, pytest.raises(MockError, match='status 201 is not in the description; it has 200'):
        get(esi)
    with mock_manager.patch_mock_desc({'data': {'a': 'patched'}}):
        assert [get(esi).data.a for _ in range(2)] == ['patched', 'beside']


def test_between_threads_each_use_is_counted_once() -> None:
    results: list[str] = []
    esi = mocked(mock_type='JsonDataMock', data={'a': 'beside'})

    def work() -> None:
        for number in range(50):
            results.append(get(esi, q=f'{threading.get_ident()}-{number}').data.a)

    with mock_manager.use_mock(JsonDataMock(data={'a': 'used'}), offset=50, limit=100):
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (results.count('used'), results.count('beside')) == (100, 300)


def test_mocks_and_loggers_work_together() -> None:
    logger = logging.getLogger('tests.mock')
    esi = mocked(InnerLogger(logger), OuterLogger(logger), mock_type='JsonDataMock', data={'a': 1})
    assert get(esi).data.a == 1


# --------------------------------------------------------------------- checked against the description


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ({'vip': True}, 'get_status: the mock does not match the description: body.players: is required'),
        ({'players': 'many'}, "body.players: 'many' is not an integer"),
        ([], 'body: '),
    ],
)
def test_a_mock_that_breaks_the_description_is_reported(data: Any, message: str) -> None:
    call = App.create(STATUS).op['get_status']()
    with mock_manager.use_mock(JsonDataMock(data=data)), pytest.raises(MockError) as caught:
        mocked().request(call)
    assert message in str(caught.value)


def test_a_mock_that_keeps_to_the_description_is_fine() -> None:
    call = App.create(STATUS).op['get_status']()
    with mock_manager.use_mock(JsonDataMock(data={'players': 1})):
        assert mocked().request(call).data.players == 1
    with mock_manager.use_mock(RawDataMock(data='down', status=503)):
        assert mocked().request(call, raw_body_only=True).status == 503


def test_a_mock_that_is_not_json_is_reported() -> None:
    call = App.create(STATUS).op['get_status']()
    with mock_manager.use_mock(RawDataMock(data='<html>')), pytest.raises(MockError, match='not JSON'):
        mocked().request(call)


def test_the_files_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    mock = JsonFileMock(file=tmp_path / 'later')
    raw = RawFileMock(file=tmp_path / 'later')
    (tmp_path / 'later').write_text('{"a": 1}')
    for one in (mock, raw):
        with mock_manager.use_mock(one):
            assert get(mocked()).data.a == 1
