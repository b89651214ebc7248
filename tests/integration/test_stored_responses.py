"""What is stored, with which headers, for whom, and when it becomes invalid: RFC 9111 and RFC 5861 over a socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esipy import App, EsiClient, clock
from esipy._cache.envelope import seal, unseal
from esipy._cache.policy import CachedResponse
from esipy.cache import BaseCache, DictCache, FileCache, _hash
from esipy.exceptions import DowntimeError, ServerError
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


def document(url: str, server_format: str = 'openapi') -> dict[str, Any]:
    """A path that can be read and written, in several languages; another one that can only be read."""
    if server_format == 'openapi':
        parameters = [
            {'name': 'Accept-Language', 'in': 'header', 'schema': {'type': 'string'}},
            {'name': 'X-Compatibility-Date', 'in': 'header', 'schema': {'type': 'string'}},
            {'name': 'q', 'in': 'query', 'schema': {'type': 'string'}},
            *({'name': name, 'in': 'header', 'schema': {'type': 'string'}} for name in ('Cache-Control', 'Pragma')),
        ]
        head: dict[str, Any] = {'openapi': '3.1.0', 'servers': [{'url': url}]}
    else:
        parameters = [
            {'name': 'Accept-Language', 'in': 'header', 'type': 'string'},
            {'name': 'X-Compatibility-Date', 'in': 'header', 'type': 'string'},
            {'name': 'q', 'in': 'query', 'type': 'string'},
        ]
        head = {'swagger': '2.0', 'schemes': ['http'], 'host': url.removeprefix('http://')}
    responses = {'200': {'description': 'OK'}}
    methods = ('get', 'post', 'put', 'patch', 'delete')
    return {
        **head,
        'info': {'title': 'Things', 'version': '1'},
        'paths': {
            '/thing': {
                method: {'operationId': f'{method}_thing', 'parameters': parameters, 'responses': responses}
                for method in methods
            },
            '/other': {'get': {'operationId': 'get_other', 'parameters': parameters, 'responses': responses}},
        },
    }


class Numbered:
    """Answers each request with its number, fresh for a minute, or as `headers` say."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers or {'Cache-Control': 'max-age=60'}
        self.status = 200

    def __call__(self, visit: Visit) -> None:
        visit.send(
            response_bytes(
                {'number': visit.number}, self.status, {k.replace('_', '-'): v for k, v in self.headers.items()}
            )
        )


class AppsOwn(BaseCache):
    """As apps write them: three methods, with argument names of their own."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}

    def set(self, name: Any, what: Any, seconds: Any = 300) -> None:
        assert what.content is not None, 'nothing but responses was stored here by 1.x'
        self.values[name] = what

    def get(self, name: Any, otherwise: Any = None) -> Any:
        return self.values.get(name, otherwise)

    def invalidate(self, name: Any) -> None:
        self.values.pop(name, None)


CACHES: dict[str, Callable[[Path], BaseCache]] = {
    'DictCache': lambda directory: DictCache(),
    'FileCache': lambda directory: FileCache(directory / 'cache'),
    'sealed FileCache': lambda directory: FileCache(directory / 'cache', secret='a secret'),
    "an app's own": lambda directory: AppsOwn(),
}


@pytest.fixture(params=CACHES)
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCache]:
    made = CACHES[request.param](tmp_path)
    yield made
    if isinstance(made, FileCache):
        made.close()


VARIANTS: list[dict[str, Any]] = [
    {},
    {'Accept-Language': 'de'},
    {'Accept-Language': 'fr'},
    {'X_Compatibility_Date': '2026-01-01'},
    {'Accept-Language': 'de', 'X_Compatibility_Date': '2026-01-01'},
]


@pytest.mark.parametrize('server_format', ['openapi', 'swagger'])
@pytest.mark.parametrize('method', ['post', 'put', 'patch', 'delete'])
def test_a_write_makes_every_variant_of_its_url_invalid(cache: BaseCache, method: str, server_format: str) -> None:
    with Server(Numbered()) as server, client(cache=cache) as caller:
        op = App.create(document(server.url, server_format)).op
        dates = [variant.get('X_Compatibility_Date') for variant in VARIANTS]
        words = [{k: v for k, v in variant.items() if k != 'X_Compatibility_Date'} for variant in VARIANTS]

        def read(name: str, **more: Any) -> list[bool]:
            return [
                caller.request(op[name](**arguments, **more), compatibility_date=date).from_cache
                for arguments, date in zip(words, dates, strict=True)
            ]

        assert read('get_thing') == read('get_other') == read('get_thing', q='x') == [False] * 5
        assert read('get_thing') == read('get_other') == read('get_thing', q='x') == [True] * 5
        assert caller.request(op[f'{method}_thing']()).ok
        assert read('get_thing') == [False] * 5, 'in whatever language, of whatever date'
        assert read('get_other') == read('get_thing', q='x') == [True] * 5, 'another URL'


def test_a_write_leaves_what_others_have_stored(cache: BaseCache) -> None:
    with Server(Numbered()) as server, client(cache=cache) as caller:
        op = App.create({**document(server.url), 'security': [{'key': []}]}).op
        mine, yours = op['get_thing'](token='mine'), op['get_thing'](token='yours')
        assert not caller.request(mine).from_cache
        assert not caller.request(yours).from_cache
        caller.request(op['put_thing'](token='mine'))
        assert caller.request(yours).from_cache
        assert not caller.request(mine).from_cache


@pytest.mark.parametrize('server_format', ['openapi', 'swagger'])
@pytest.mark.parametrize('method', ['post', 'put', 'patch', 'delete'])
def test_a_write_with_a_token_makes_the_public_responses_invalid(
    cache: BaseCache, method: str, server_format: str
) -> None:
    """Reading needs no token, and writing does: the write has changed what everybody reads."""
    with Server(Numbered()) as server, client(cache=cache) as caller:
        op = App.create(document(server.url, server_format)).op
        calls = [op['get_thing'](), op['get_thing'](**{'Accept-Language': 'de'})]
        other = op['get_other']()
        for expected in (False, True):
            assert [caller.request(call).from_cache for call in (*calls, other)] == [expected] * 3

        def sign(request: Any) -> Any:
            request._p['header']['Authorization'] = 'Bearer mine'
            return request

        assert caller.request(op[f'{method}_thing'](), security=sign).ok
        assert [caller.request(call).from_cache for call in (*calls, other)] == [False, False, True]


def test_another_client_with_the_same_cache_writes(cache: BaseCache) -> None:
    with Server(Numbered()) as server, client(cache=cache) as one, client(cache=cache) as other:
        op = App.create(document(server.url)).op
        for language in ('de', 'fr'):
            one.request(op['get_thing'](**{'Accept-Language': language}))
        other.request(op['post_thing']())
        for language in ('de', 'fr'):
            assert not one.request(op['get_thing'](**{'Accept-Language': language})).from_cache


@pytest.mark.parametrize('status', [400, 404, 500])
def test_a_write_that_fails_invalidates_nothing(status: int) -> None:
    numbered = Numbered()
    with Server(numbered) as server, client(cache=DictCache()) as caller:
        op = App.create(document(server.url)).op
        caller.request(op['get_thing']())
        numbered.status = status
        caller.request(op['put_thing']())
        assert caller.request(op['get_thing']()).from_cache


# ---------------------------------------------------------------------- headers


@pytest.mark.parametrize(('sent', 'age'), [('7', 7), ('0', 0), (None, 0), ('7, 30', 7), ('soon', 0)])
@pytest.mark.parametrize('freshness', ['max-age=600', 'max-age=60, stale-if-error=600'])
def test_the_age_of_a_cached_response_grows(cache: BaseCache, sent: str | None, age: int, freshness: str) -> None:
    numbered = Numbered(Cache_Control=freshness, **({} if sent is None else {'age': sent}))
    with Server(numbered) as server, client(cache=cache) as caller:
        call = App.create(document(server.url)).op['get_other']()
        first = caller.request(call)
        assert first.headers.get('Age') == sent
        numbered.status = 503
        clock.move(100)
        cached = caller.request(call)
        assert cached.from_cache or cached.stale
        assert age + 100 <= int(cached.headers['age']) < age + 110
        assert age + 100 <= cached.age < age + 110
        clock.move(50)
        assert age + 150 <= cached.age < age + 160
        assert [name.lower() for name in cached.headers].count('age') == 1


@pytest.fixture
def caller_with_cache() -> Iterator[EsiClient]:
    with client(cache=DictCache()) as made:
        yield made


@pytest.mark.parametrize(
    'named', ['keep-alive, X-Mine , x-other', 'X-OTHER,x-mine', 'close,, X-Mine,\tX-Other', 'x-mine, ']
)
def test_headers_that_concern_the_connection_are_not_stored(cache: BaseCache, named: str) -> None:
    gone = {'X_Mine': 'a', **({'X_Other': 'b'} if 'other' in named.lower() else {})}
    headers = {'Cache_Control': 'max-age=60', 'Connection': named, **gone, 'Keep_Alive': 'timeout=5', 'X_Kept': 'c'}
    with Server(Numbered(**headers)) as server, client(cache=cache) as caller:
        call = App.create(document(server.url)).op['get_other']()
        caller.request(call)
        cached = caller.request(call)
    assert cached.from_cache
    names = {name.lower() for name in cached.headers}
    assert names.isdisjoint({'connection', 'x-mine', 'x-other', 'keep-alive'})
    assert cached.headers['X-Kept'] == 'c'


@pytest.mark.parametrize('name', ['User-Agent', 'Origin', 'X-Anything', 'user-agent, origin'])
def test_vary_counts_whatever_header_it_names(name: str) -> None:
    shared = DictCache()
    with Server(Numbered(Cache_Control='max-age=60', Vary=name)) as server:
        call = App.create(document(server.url)).op['get_other']()

        def read(value: str) -> bool:
            headers = {'User-Agent': 'same', **{part.strip(): value for part in name.split(',')}}
            with EsiClient(headers=headers, cache=shared) as caller:
                return caller.request(call).from_cache

        assert [read('a'), read('a'), read('b'), read('b')] == [False, True, False, True]


# ---------------------------------------------------------------------- what a request says (RFC 9111 section 5.2.1)

#: What the response said, how long ago, what the request says, and whether the stored response is used.
DIRECTIVES = [
    ('max-age=60', 10, 'no-cache', False),
    ('max-age=60', 10, 'NO-CACHE', False),
    ('max-age=60', 10, 'max-age=0', False),
    ('max-age=60', 10, 'max-age=5', False),
    ('max-age=60', 10, 'max-age=20', True),
    ('max-age=60', 10, 'max-age=rubbish', False),
    ('max-age=60', 10, 'min-fresh=40', True),
    ('max-age=60', 10, 'min-fresh=55', False),
    ('max-age=60', 10, 'max-stale', True),
    ('max-age=60', 100, 'max-stale', True),
    ('max-age=60', 100, 'max-stale=60', True),
    ('max-age=60', 100, 'max-stale=20', False),
    ('max-age=60, must-revalidate', 100, 'max-stale', False),
    ('max-age=60', 100, 'max-stale, max-age=50', False),
    ('max-age=60', 10, 'no-store', True),
    ('max-age=60', 10, 'only-if-cached', True),
    ('max-age=60', 10, 'no-transform, x="no-cache"', True),
]


@pytest.mark.parametrize('where', ['call', 'session'])
@pytest.mark.parametrize(('response', 'moved', 'request_', 'used'), DIRECTIVES)
def test_directives_of_a_request(response: str, moved: int, request_: str, used: bool, where: str) -> None:
    with Server(Numbered(Cache_Control=response, ETag='"1"')) as server, client(cache=DictCache()) as caller:
        op = App.create(document(server.url)).op['get_thing']
        caller.request(op())
        clock.move(moved)
        if where == 'session':
            caller._session.headers['Cache-Control'] = request_
        found = caller.request(op(**({'Cache-Control': request_} if where == 'call' else {})))
        assert found.from_cache is used
        assert len(server.visits) == (1 if used else 2)
        assert used or server.visits[1].headers['cache-control'] == request_


def test_pragma_counts_where_there_is_no_cache_control(caller_with_cache: EsiClient) -> None:
    with Server(Numbered()) as server:
        op = App.create(document(server.url)).op['get_thing']
        caller_with_cache.request(op())
        assert not caller_with_cache.request(op(Pragma='no-cache')).from_cache
        assert caller_with_cache.request(op(**{'Pragma': 'no-cache', 'Cache-Control': 'max-age=9'})).from_cache


def test_a_request_whose_response_is_not_to_be_stored(caller_with_cache: EsiClient) -> None:
    with Server(Numbered()) as server:
        op = App.create(document(server.url)).op['get_thing']
        for _ in range(2):
            assert not caller_with_cache.request(op(**{'Cache-Control': 'no-store'})).from_cache


def test_only_if_cached_sends_nothing(caller_with_cache: EsiClient) -> None:
    with Server(Numbered()) as server:
        op = App.create(document(server.url)).op['get_thing']
        response = caller_with_cache.request(op(**{'Cache-Control': 'only-if-cached'}))
        assert (response.status, response.ok, server.visits) == (504, False, [])
        assert 'only-if-cached' in response.data.error
        clock.move((11 * 3600 + 300 - clock.time()) % 86400)  # the time of ESI's daily maintenance
        with pytest.raises(ServerError, match='send the request without only-if-cached') as caught:
            caller_with_cache.request(op(**{'Cache-Control': 'only-if-cached'}), raise_on_error=True)
        assert not isinstance(caught.value, DowntimeError)


# ---------------------------------------------------------------------- HEAD, and other resources that a write names


@pytest.mark.parametrize(
    ('seen', 'fresh_after'),
    [
        ({'ETag': '"1"', 'Cache-Control': 'max-age=600'}, True),
        ({'ETag': '"2"', 'Cache-Control': 'max-age=600'}, False),
        ({'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT', 'Cache-Control': 'max-age=600'}, True),
        ({'Last-Modified': 'Sun, 06 Nov 1994 08:49:38 GMT', 'Cache-Control': 'max-age=600'}, False),
        ({'ETag': '"1"', 'Cache-Control': 'max-age=0'}, False),
    ],
)
def test_the_response_to_a_head_updates_the_stored_one(
    cache: BaseCache, seen: dict[str, str], fresh_after: bool
) -> None:
    stored = {'ETag': '"1"', 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT', 'Cache-Control': 'max-age=60'}

    def page(visit: Visit) -> None:
        if visit.method == 'HEAD':
            visit.send(
                response_bytes({'number': 0}, headers={**seen, 'X-New': 'yes'}).partition(b'\r\n\r\n')[0] + b'\r\n\r\n'
            )
        else:
            visit.send(response_bytes({'number': 0}, headers=stored))

    with Server(page) as server, client(cache=cache) as caller:
        call = App.create(document(server.url)).op['get_thing']()
        caller.request(call)
        clock.move(30)
        assert caller.head(call).ok
        clock.move(100)
        found = caller.request(call)
        assert found.from_cache is fresh_after
        if fresh_after:
            assert found.headers['X-New'] == 'yes'
            assert found.data.number == 0


@pytest.mark.parametrize('header', ['Location', 'Content-Location'])
@pytest.mark.parametrize(
    ('place', 'invalid'),
    [
        ('/thing?q=x', True),
        ('thing?q=x', True),
        ('{url}/thing?q=x', True),
        ('/thing?q=x#part', True),
        ('/thing?q=y', False),
        ('/other?q=x', False),
        ('http://127.0.0.1:1/thing?q=x', False),
        ('http://[/thing?q=x', False),
        ('', False),
    ],
)
def test_a_write_names_another_resource(cache: BaseCache, header: str, place: str, invalid: bool) -> None:
    numbered = Numbered()
    with Server(numbered) as server, client(cache=cache) as caller:
        op = App.create(document(server.url)).op
        other = [op['get_thing'](q='x'), op['get_thing'](q='x', **{'Accept-Language': 'de'})]
        for call in other:
            caller.request(call)
        numbered.headers[header] = place.format(url=server.url)
        numbered.status = 201
        assert caller.request(op['post_thing']()).status == 201
        numbered.headers.pop(header)
        numbered.status = 200
        assert [caller.request(call).from_cache for call in other] == [not invalid] * 2


# ---------------------------------------------------------------------- RFC 5861


@pytest.mark.parametrize('status', [500, 502, 503, 420, 'closed'])
@pytest.mark.parametrize('validator', [{}, {'ETag': '"x"'}])
def test_the_servers_own_stale_if_error(cache: BaseCache, status: int | str, validator: dict[str, str]) -> None:
    numbered = Numbered(Cache_Control='max-age=60, stale-if-error=600', **validator)

    def page(visit: Visit) -> None:
        if visit.number and status == 'closed':
            visit.close()
        else:
            numbered(visit)

    with Server(page) as server, client(cache=cache) as caller:
        call = App.create(document(server.url)).op['get_other']()
        caller.request(call)
        numbered.status = status if isinstance(status, int) else 200
        clock.move(70)
        stale = caller.request(call)
        assert (stale.stale, stale.status, stale.data.number) == (True, 200, 0)
        clock.move(600)
        assert caller.request(call).status == (500 if status == 'closed' else status)


@pytest.mark.parametrize('directive', ['must-revalidate', 'no-cache'])
def test_no_stale_response_where_the_server_forbids_it(caller_with_cache: EsiClient, directive: str) -> None:
    numbered = Numbered(Cache_Control=f'max-age=0, stale-if-error=600, {directive}', ETag='"x"')
    with Server(numbered) as server:
        call = App.create(document(server.url)).op['get_other']()
        caller_with_cache.request(call)
        numbered.status = 503
        assert caller_with_cache.request(call).status == 503


@pytest.mark.parametrize(('swr', 'moved', 'stale'), [(600, 70, True), (600, 700, False), (0, 70, False)])
def test_a_stale_response_while_another_thread_revalidates(
    caller_with_cache: EsiClient, swr: int, moved: int, stale: bool
) -> None:
    numbered = Numbered(Cache_Control=f'max-age=60, stale-while-revalidate={swr}')
    arrived, go = threading.Event(), threading.Event()

    def page(visit: Visit) -> None:
        if visit.number == 1:
            arrived.set()
            go.wait(20)
        numbered(visit)

    with Server(page) as server:
        call = App.create(document(server.url)).op['get_other']
        caller_with_cache.request(call())
        clock.move(moved)
        thread = threading.Thread(target=lambda: caller_with_cache.request(call()))
        thread.start()
        assert arrived.wait(20)
        if not stale:
            threading.Timer(0.2, go.set).start()
        response = caller_with_cache.request(call())
        go.set()
        thread.join()
    assert (response.stale, response.data.number) == ((True, 0) if stale else (False, 1))


# ---------------------------------------------------------------------- envelopes

RESPONSE = CachedResponse(200, {'X-Esipy-Expiry': '2000000000.0', 'X-Esipy-Received': '1.0'}, b'{"a": 1}', 'u')


@pytest.mark.parametrize('secret', [None, b'a secret'])
@pytest.mark.parametrize('value', [RESPONSE, {'a': [1, b'x', (2,)]}])
def test_an_entry_belongs_to_one_name(secret: bytes | None, value: Any) -> None:
    data = seal('esi_one', value, secret)
    assert unseal('esi_one', data, secret) == value
    with pytest.raises(ValueError, match='another key'):
        unseal('esi_two', data, secret)


@pytest.mark.parametrize(('written', 'read'), [(b'one', b'two'), (b'one', None), (None, b'two')])
def test_an_entry_needs_the_right_secret(written: bytes | None, read: bytes | None) -> None:
    with pytest.raises(ValueError, match='secret'):
        unseal('esi_one', seal('esi_one', RESPONSE, written), read)


def test_every_changed_byte_of_a_sealed_entry_is_noticed() -> None:
    data = seal('esi_one', RESPONSE, b'a secret')
    for index in range(len(data)):
        with pytest.raises(ValueError):
            unseal('esi_one', data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :], b'a secret')


@pytest.mark.parametrize('constant', ['Infinity', '-Infinity', 'NaN', '1e999', '-1e999'])
def test_an_infinite_number_in_an_entry_is_a_miss(constant: str) -> None:
    whole = seal('esi_one', {'until': 7})
    broken = whole.replace(b'7', constant.encode())
    size = len(broken) - len(whole)
    length = whole.index(b'V') + 1
    broken = broken[:length] + (int.from_bytes(whole[length : length + 8]) + size).to_bytes(8) + broken[length + 8 :]
    with pytest.raises(ValueError, match=constant.strip('-')):
        unseal('esi_one', broken)


NUMBERS = ['inf', '+inf', '-inf', 'Infinity', 'nan', '1e999', '-1e999', 'x', '']


def with_note(shared: DictCache, name: str, note: str) -> None:
    """Write another value into a note of all responses that are stored."""
    for key, stored in list(shared._dict.items()):
        shared.set(key, stored._replace(headers={**stored.headers, name: note}))


@pytest.mark.parametrize('name', ['X-Esipy-Expiry', 'X-Esipy-Received'])
@pytest.mark.parametrize('note', NUMBERS)
def test_an_infinite_time_in_a_stored_response_is_not_fresh(note: str, name: str) -> None:
    shared = DictCache()
    with Server(Numbered()) as server, client(cache=shared) as caller:
        call = App.create(document(server.url)).op['get_other']()
        caller.request(call)
        with_note(shared, name, note)
        assert not caller.request(call).from_cache


@pytest.mark.parametrize('name', ['X-Esipy-Expiry', 'X-Esipy-Received'])
@pytest.mark.parametrize('note', NUMBERS)
def test_an_infinite_time_in_a_response_that_is_returned_stale_is_no_error(note: str, name: str) -> None:
    shared = DictCache()
    numbered = Numbered(Cache_Control='max-age=60, stale-if-error=600')
    with Server(numbered) as server, client(cache=shared) as caller:
        call = App.create(document(server.url)).op['get_other']()
        caller.request(call)
        with_note(shared, name, note)
        numbered.status = 503
        clock.move(70)
        response = caller.request(call)
        assert (response.stale, response.status) in ((True, 200), (False, 503))
        assert response.stale is (name == 'X-Esipy-Received'), 'of an unknown age, but not beyond its time'
        assert not response.stale or int(response.headers['Age']) >= 0


def test_a_copied_entry_is_a_miss(tmp_path: Path) -> None:
    """One character must never see what another one has stored, whoever can write to the store."""
    shared = FileCache(tmp_path / 'cache')
    with Server(Numbered()) as server, client(cache=shared) as caller:
        op = App.create({**document(server.url), 'security': [{'key': []}]}).op
        mine, yours = op['get_other'](token='mine'), op['get_other'](token='yours')
        caller.request(mine)
        caller.request(yours)
        names = list(shared._cache)
        entries = {name: shared._cache[name] for name in names}
        for name, other in zip(names, names[1:] + names[:1], strict=True):
            shared._cache[name] = entries[other]
        assert not caller.request(mine).from_cache
        assert not caller.request(yours).from_cache
    shared.close()
    assert all(name == _hash(name) or name.startswith('esi_') for name in names)
