"""What a client does in many calls, beside whole lists: empty lists, names that are rejected together, cursors that are
too old, the same call for many characters, polling for changes."""

from __future__ import annotations

import decimal
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy
import pytest

from esipy import App, EsiClient, clock
from esipy._paging.tombstones import dated, split
from esipy.cache import DictCache
from esipy.exceptions import CallError, NotFoundError, ServerError, TokenError, UnknownCharacterError
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens, Tokens
from tests.integration.signed import ONE, TWO, security, signed_in
from tests.integration.signed import client as signing_client
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')


@pytest.fixture
def caller() -> Iterator[EsiClient]:
    with client() as made:
        yield made


# ---------------------------------------------------------------------- a declared 204

#: For each kind of pagination, its query parameters and extensions.
KINDS: dict[str, tuple[list[str], dict[str, str]]] = {
    'whole': ([], {}),
    'pages': (['page'], {}),
    'from_id': (['from_id'], {}),
    'last_mail_id': (['last_mail_id'], {}),
    'from_event': (['from_event'], {}),
    'max_war_id': (['max_war_id'], {}),
    'cursor': (['before', 'after', 'limit'], {'x-pagination': 'cursor'}),
}


def _openapi(url: str, parameters: list[str], extensions: dict[str, str]) -> dict[str, Any]:
    query = [{'name': name, 'in': 'query', 'schema': {'type': 'string'}} for name in parameters]
    responses = {'200': {'description': 'rows'}, '204': {'description': 'no rows'}}
    operation = {'operationId': 'get_rows', 'parameters': query, 'responses': responses, **extensions}
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Rows', 'version': '1'},
        'servers': [{'url': url}],
        'paths': {'/rows': {'get': operation}},
    }


def _swagger(url: str, parameters: list[str], extensions: dict[str, str]) -> dict[str, Any]:
    query = [{'name': name, 'in': 'query', 'type': 'string'} for name in parameters]
    responses = {'200': {'description': 'rows'}, '204': {'description': 'no rows'}}
    operation = {'operationId': 'get_rows', 'parameters': query, 'responses': responses, **extensions}
    return {
        'swagger': '2.0',
        'info': {'title': 'Rows', 'version': '1'},
        'schemes': ['http'],
        'host': url.removeprefix('http://'),
        'paths': {'/rows': {'get': operation}},
    }


@pytest.mark.parametrize('document', [_openapi, _swagger], ids=['openapi', 'swagger'])
@pytest.mark.parametrize('status', [204, 205])
@pytest.mark.parametrize('kind', KINDS)
def test_a_response_without_a_body_is_a_list_without_rows(
    caller: EsiClient, kind: str, status: int, document: Any
) -> None:
    with Server(lambda visit: visit.send(response_bytes(b'', status))) as server:
        call = App.create(document(server.url, *KINDS[kind])).op['get_rows']()
        whole = caller.all(call)
        assert (list(whole), whole.complete, whole.pages) == ([], True, 1)
        assert list(caller.records(call)) == []
        assert [page.status for page in caller.paginate(call)] == [status]
        if kind == 'cursor':
            assert caller.sync(call) == ([], '0')


# ---------------------------------------------------------------------- names


class Directory:
    """Knows the ids of `named`; rejects a request that `rejects` says true of, with 404."""

    def __init__(self, rejects: Any) -> None:
        self.rejects = rejects
        self.requests: list[list[int]] = []

    def __call__(self, visit: Visit) -> None:
        ids = json.loads(visit.body)
        self.requests.append(ids)
        if self.rejects(ids, len(self.requests)):
            visit.send(response_bytes({'error': 'Ensure all IDs are valid before resolving'}, 404))
        else:
            visit.send(response_bytes([{'id': one, 'name': f'name {one}', 'category': 'character'} for one in ids]))


REJECTIONS: dict[str, tuple[Any, list[int]]] = {
    'two good ones together': (lambda ids, number: {3, 4} <= set(ids), []),
    'two that are far apart': (lambda ids, number: {1, 8} <= set(ids), []),
    'more than three at once': (lambda ids, number: len(ids) > 3, []),
    'a passing 404': (lambda ids, number: number == 1, []),
    'passing 404s until every id is asked for alone': (lambda ids, number: len(ids) > 1, []),
    'one that does not exist': (lambda ids, number: 5 in ids, [5]),
    'two that do not exist, and two together': (lambda ids, number: 2 in ids or 7 in ids or {3, 4} <= set(ids), [2, 7]),
}


@pytest.mark.parametrize(('rejects', 'unknown'), REJECTIONS.values(), ids=REJECTIONS)
def test_an_id_is_unknown_only_if_it_was_rejected_alone(rejects: Any, unknown: list[int]) -> None:
    directory = Directory(rejects)
    with Server(directory) as server, client(cache=DictCache()) as caller:
        app = App.create(
            {
                'openapi': '3.1.0',
                'info': {'title': 'Names', 'version': '1'},
                'servers': [{'url': server.url}],
                'paths': {
                    '/universe/names': {
                        'post': {
                            'operationId': 'post_universe_names',
                            'requestBody': {
                                'content': {
                                    'application/json': {
                                        'schema': {'type': 'array', 'items': {'type': 'integer'}, 'maxItems': 8}
                                    }
                                }
                            },
                            'responses': {'200': {'description': 'names'}},
                        }
                    }
                },
            }
        )
        names = caller.names(range(1, 9), app=app, threads=1)
        assert names.unknown == unknown
        assert sorted(names) == [one for one in range(1, 9) if one not in unknown]
        assert [[one] in directory.requests for one in unknown] == [True] * len(unknown)
        seen = len(directory.requests)
        assert caller.names(range(1, 9), app=app).unknown == unknown, 'from the cache'
        assert len(directory.requests) == seen


@pytest.mark.parametrize(
    'value', [34, 34.0, '34', ' 34 ', decimal.Decimal(34), numpy.int32(34), numpy.float64(34)], ids=repr
)
def test_names_take_ids_in_every_form(caller: EsiClient, value: Any) -> None:
    with Sandbox() as esi, esi.redirect():
        assert caller.names([value])[34].name == 'Tritanium'
        assert [entry.body for entry in esi.log.entries] == [[34]]


def test_names_report_progress(caller: EsiClient) -> None:
    reported: list[tuple[int, int]] = []
    with Sandbox() as esi, esi.redirect():
        names = caller.names([34, 35, 30000142], progress=lambda done, total: reported.append((done, total)))
    assert sorted(names) == [34, 35, 30000142]
    assert reported == [(1, 1)]


# ---------------------------------------------------------------------- cursors that are too old


def test_a_cursor_older_than_the_tombstones_starts_over(caller: EsiClient) -> None:
    with Sandbox(records=25, limits=False) as esi:
        document = json.loads(json.dumps(esi.document))
        document['paths']['/freelance-jobs']['get']['x-tombstone-ttl'] = 604800
        call = App.create(document).op['get_freelance_jobs']()
        everything, cursor = caller.sync(call)
        assert len(everything) == 25
        esi.clock.move(6 * 86400)
        changes = caller.sync(call, cursor)
        assert (changes.records, changes.restarted) == ([], False)
        esi.clock.move(8 * 86400)
        changes = caller.sync(call, cursor)
        assert (len(changes.records), changes.restarted) == (25, True)
        _, cursor = changes
        assert not caller.sync(call, cursor).restarted


def jobs(url: str, server_format: str, ttl: Any) -> Any:
    """A call for a list with a cursor, whose description has this `x-tombstone-ttl`."""
    text: dict[str, Any] = {'type': 'string'}
    cursor = {'type': 'object', 'properties': {'before': text, 'after': text}}
    rows: dict[str, Any] = {
        'type': 'array',
        'items': {'type': 'object', 'properties': {'id': {'type': 'integer'}, 'state': text}},
    }
    schema = {'type': 'object', 'properties': {'jobs': rows, 'cursor': cursor}}
    operation: dict[str, Any] = {'operationId': 'get_jobs', 'x-pagination': 'cursor'}
    if ttl is not None:
        operation['x-tombstone-ttl'] = ttl
    if server_format == 'openapi':
        head: dict[str, Any] = {'openapi': '3.1.0', 'servers': [{'url': url}]}
        content: dict[str, Any] = {'content': {'application/json': {'schema': schema}}}
        parameters: list[dict[str, Any]] = [{'name': n, 'in': 'query', 'schema': text} for n in ('before', 'after')]
    else:
        head = {'swagger': '2.0', 'schemes': ['http'], 'host': url.removeprefix('http://')}
        content = {'schema': schema}
        parameters = [{'name': name, 'in': 'query', 'type': 'string'} for name in ('before', 'after')]
    operation |= {'parameters': parameters, 'responses': {'200': {'description': 'OK', **content}}}
    document = {**head, 'info': {'title': 'Jobs', 'version': '1'}, 'paths': {'/jobs': {'get': operation}}}
    return App.create(document).op['get_jobs']()


def show_jobs(visit: Visit) -> None:
    """Three records, none older, and none that has changed since; any cursor that is not one of these is an error."""
    query = dict(parse_qsl(urlsplit(visit.target).query))
    if query.items() <= {'before': 'first', 'after': 'mark'}.items():
        found = [] if query else [{'id': number, 'state': 'open'} for number in range(3)]
        cursor = {} if query else {'cursor': {'before': 'first', 'after': 'mark'}}
        visit.send(response_bytes({'jobs': found, **cursor}))
    else:
        visit.send(response_bytes({'error': 'no such cursor'}, 400))


@pytest.mark.parametrize('server_format', ['openapi', 'swagger'])
@pytest.mark.parametrize(
    ('ttl', 'days', 'restarted'),
    [
        (604800, 6.9, False),
        (604800, 7.1, True),
        (604800.0, 7.1, True),
        ('604800', 6.9, False),
        ('604800', 7.1, True),
        (86400, 1.1, True),
        (None, 1000, False),
        (0, 1000, False),
        (-1, 1000, False),
        (True, 1000, False),
        ('a week', 1000, False),
        ([604800], 1000, False),
    ],
)
def test_after_how_long_a_cursor_is_too_old(
    caller: EsiClient, server_format: str, ttl: Any, days: float, restarted: bool
) -> None:
    with Server(show_jobs) as server:
        call = jobs(server.url, server_format, ttl)
        everything, cursor = caller.sync(call)
        assert len(everything) == 3
        for _ in range(2):  # a cursor counts from when it was received last
            clock.move(days * 86400)
            changes = caller.sync(call, cursor)
            assert (len(changes.records), changes.restarted) == ((3, True) if restarted else (0, False))
            _, cursor = changes


@pytest.mark.parametrize('server_format', ['openapi', 'swagger'])
@pytest.mark.parametrize(('then', 'now'), [(604800, None), (None, 604800), (604800, 0)])
def test_a_cursor_outlives_a_change_of_the_description(
    caller: EsiClient, server_format: str, then: Any, now: Any
) -> None:
    """Of one without a time the age is not known: it is used."""
    with Server(show_jobs) as server:
        _, cursor = caller.sync(jobs(server.url, server_format, then))
        clock.move(8 * 86400)
        changes = caller.sync(jobs(server.url, server_format, now), cursor)
        assert (changes.records, changes.restarted) == ([], False)


@pytest.mark.parametrize(
    'cursor', ['0', 'MTcwMDAwMDAwMA==', 'a~b', '~', '1700000000~', '7~a', '9' * 30 + '~a', '\uff11' * 10 + '~a']
)
def test_a_cursor_without_a_time_is_passed_on_as_it_is(cursor: str) -> None:
    assert split(cursor) == (cursor, None)
    assert split(dated(cursor, 1.7e9)) == (cursor, 1.7e9)


# ---------------------------------------------------------------------- many characters


def test_the_same_call_for_many_characters() -> None:
    store, done = MemoryTokens(), list[tuple[int, int]]()
    with Sandbox(limits=False) as esi:
        for character in (ONE, TWO):
            signed_in(store, esi, character)
        operation = App.create(esi.document).op['get_characters_character_id_wallet']
        with signing_client(security(esi, store=store)) as caller:
            by_character = caller.for_each(
                [ONE, TWO, 90000077], operation, progress=lambda count, total: done.append((count, total))
            )
            assert {one: response.data for one, response in by_character.results.items()} == {
                one: caller.as_character(one).request(operation(character_id=one)).data for one in (ONE, TWO)
            }
            assert [type(error) for error in by_character.failures.values()] == [UnknownCharacterError]
            assert sorted(done) == [(1, 3), (2, 3), (3, 3)]
            other = caller.for_each([ONE], lambda one: operation(character_id=TWO))
            assert [error.status_code for error in other.failures.values()] == [403]  # type: ignore[attr-defined]
            assert 'Token is for another character' in str(other.failures[ONE])
            assert 'and a token of this character' in str(other.failures[ONE])
            assets = App.create(esi.document).op['get_characters_character_id_assets']
            whole = caller.for_each([ONE, TWO], assets, all_pages=True)
            assert [result.complete for result in whole.results.values()] == [True, True]


def test_many_characters_need_a_store(caller: EsiClient) -> None:
    with pytest.raises(TokenError, match='store='):
        caller.for_each([ONE], lambda one: None)  # type: ignore[arg-type,return-value]


def test_many_characters_are_a_list() -> None:
    why = r'for_each\(\): characters: must be a list of character ids, not 90000001'
    with (
        Sandbox() as esi,
        signing_client(security(esi, store=MemoryTokens())) as caller,
        pytest.raises(CallError, match=why),
    ):
        caller.for_each(ONE, lambda one: None)  # type: ignore[arg-type,return-value]


def test_a_store_that_is_filled_with_refresh_tokens_alone() -> None:
    store = MemoryTokens()
    with Sandbox() as esi:
        store.set(Tokens('sandbox', ONE, esi.sso.grant(ONE)['refresh_token']))
        operation = App.create(esi.document).op['get_characters_character_id_wallet']
        with signing_client(security(esi, store=store)) as caller:
            assert caller.for_each([ONE], operation).results[ONE].ok
        assert store.get('sandbox', ONE).scopes  # type: ignore[union-attr]


def test_an_operation_that_was_not_called(caller: EsiClient) -> None:
    with Sandbox() as esi:
        operation: Any = App.create(esi.document).op['get_markets_region_id_orders']
    with pytest.raises(CallError, match='not a call: Operation'):
        caller.all(operation, region_id=10000002)


# ---------------------------------------------------------------------- polling


def rows_at(url: str) -> Any:
    return App.create(_openapi(url, [], {})).op['get_rows']()


class Changing:
    """Responds with a number that changes as `numbers` says, by ETag; a negative number is that error status."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def __call__(self, visit: Visit) -> None:
        number = self.numbers[min(visit.number, len(self.numbers) - 1)]
        headers = {'Cache-Control': 'max-age=60', 'ETag': f'"{number}"'}
        if number < 0:
            visit.send(response_bytes({'error': 'not now'}, -number))
        elif visit.headers.get('if-none-match') == f'"{number}"':
            visit.send(response_bytes(b'', 304, headers, length=-1))
        else:
            visit.send(response_bytes([{'number': number}], headers=headers))


def test_watching_yields_what_has_changed() -> None:
    with Server(Changing(1, 1, 1, 2, -503, 2, 3)) as server, client(cache=DictCache()) as caller:
        seen, all_seen = [], threading.Event()

        def work() -> None:
            watching = caller.watch(rows_at(server.url))
            for response in watching:
                seen.append(response.data[0]['number'])
                if len(seen) == 3:
                    break
            watching.close()  # type: ignore[attr-defined]
            all_seen.set()

        thread = threading.Thread(target=work)
        thread.start()
        while not all_seen.wait(0.05):
            clock.move(61)
        thread.join()
    assert seen == [1, 2, 3]
    assert len(server.visits) >= 7


def test_watching_ends_with_an_error_that_will_not_pass(caller: EsiClient) -> None:
    with Server(Changing(-404)) as server, pytest.raises(NotFoundError):
        next(caller.watch(rows_at(server.url)))


def test_a_list_of_pages_is_watched_as_a_whole(caller: EsiClient) -> None:
    with Sandbox(records=30, limits=False) as esi:
        call = App.create(esi.document).op['get_markets_region_id_orders'](region_id=10000002, order_type='all')
        first = next(caller.watch(call))
        assert len(first) == len(caller.all(call))
        assert first.expires_in > 0


# ---------------------------------------------------------------------- an expired token that is answered with 403

FORBIDDEN: dict[str, tuple[Any, int]] = {
    'the words of old routes': ({'error': 'token is expired', 'sso_status': 401}, 2),
    'without a status': ({'error': 'token is expired'}, 2),
    'other words': ({'error': 'The access token has expired'}, 2),
    "the SSO's status alone": ({'error': 'Unauthorized', 'sso_status': 401}, 2),
    'as a description': ({'error': 'invalid_token', 'error_description': 'Token expired'}, 2),
    'a missing role': ({'error': 'Character does not have required role(s)', 'sso_status': 200}, 1),
    'an expired contract': ({'error': 'contract has expired'}, 1),
    "the SSO's status as text": ({'error': 'Unauthorized', 'sso_status': '401'}, 2),
    'in a field of its own': ({'detail': 'token has expired'}, 2),
    'in an object': ({'error': {'message': 'token is expired'}}, 2),
    'in a list': ({'errors': [{'message': 'Token Is Expired'}]}, 2),
    'as a code': ({'error': 'expired_token'}, 2),
    'as the code of RFC 6750': ({'error': 'invalid_token'}, 2),
    'about the JWT': ({'error': 'JWT has expired'}, 2),
    'about the signature': ({'error': 'Signature has expired'}, 2),
    'behind much else': ({'trace': 'x' * 5000, 'error': 'token is expired'}, 2),
    'not an object': (['token is expired'], 2),
    'a text': ('token is expired', 2),
    'not JSON': (b'token is expired', 2),
    'a page': (b'<html><h1>token is expired</h1></html>', 2),
    'with a byte order mark': (b'\xef\xbb\xbf{"error": "token is expired"}', 2),
    'with escaped letters': (b'{"error": "token is \\u0065xpired"}', 2),
    'in UTF-16': ('{"error": "token is expired"}'.encode('utf-16'), 2),
    'invalid': ({'error': 'The token is invalid'}, 2),
    'an invalid one': ({'error': 'invalid access token'}, 2),
    'no longer valid': ({'error': 'token is no longer valid'}, 2),
    'invalid for a scope': ({'error': 'token is invalid for scope x'}, 1),
    'a contract and a token': ({'error': 'contract expired; token required'}, 1),
    'a token without a scope': ({'error': 'token is not valid for scope(s): x'}, 1),
    'nested too deeply': (b'[' * 100_000, 1),
    'far behind': (b'x' * 70_000 + b'token is expired', 1),
}


@pytest.mark.parametrize(('body', 'attempts'), FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_403_for_an_expired_token_refreshes_it_once(body: Any, attempts: int) -> None:
    store = MemoryTokens()
    with Sandbox(limits=False) as esi:
        signed_in(store, esi, left=1200)
        signer = security(esi, store=store).for_character(ONE)

        def page(visit: Visit) -> None:
            visit.send(response_bytes(body, 403) if visit.number == 0 else response_bytes({'a': 1}))

        with Server(page) as server, signing_client(signer) as caller:
            document = _openapi(server.url, [], {})
            document['components'] = {'securitySchemes': {'OAuth2': {'type': 'oauth2', 'flows': {}}}}
            document['paths']['/rows']['get']['security'] = [{'OAuth2': []}]
            response = caller.request(App.create(document).op['get_rows'](), raw_body_only=True)
            tokens = [visit.headers['authorization'] for visit in server.visits]
    assert response.attempts == attempts == len(set(tokens))
    assert response.status == (200 if attempts == 2 else 403)


@pytest.mark.parametrize(
    'words', ['error="invalid_token", error_description="expired"', 'error_description="The access token expired"']
)
def test_a_403_whose_challenge_names_the_token_refreshes_it_once(words: str) -> None:
    challenge = {'WWW-Authenticate': f'Bearer realm="esi", {words}'}
    store = MemoryTokens()
    with Sandbox(limits=False) as esi:
        signed_in(store, esi, left=1200)
        signer = security(esi, store=store).for_character(ONE)

        def page(visit: Visit) -> None:
            visit.send(
                response_bytes({'error': 'no'}, 403, challenge) if visit.number == 0 else response_bytes({'a': 1})
            )

        with Server(page) as server, signing_client(signer) as caller:
            document = _openapi(server.url, [], {})
            document['components'] = {'securitySchemes': {'OAuth2': {'type': 'oauth2', 'flows': {}}}}
            document['paths']['/rows']['get']['security'] = [{'OAuth2': []}]
            response = caller.request(App.create(document).op['get_rows'](), raw_body_only=True)
    assert (response.status, response.attempts) == (200, 2)


def test_a_client_that_raises_on_error() -> None:
    with Server(Changing(-500, 1)) as server, client(raise_on_error=True, cache=None) as raising:
        call = rows_at(server.url)
        with pytest.raises(ServerError):
            raising.request(call)
        assert raising.request(call).ok
        server.page = Changing(-500)
        assert raising.request(call, raise_on_error=False).status == 500
        with pytest.raises(ServerError) as caught:
            raising.multi_request([call])
        assert [pair[1].status for pair in caught.value.results] == [500]  # type: ignore[attr-defined]
        with pytest.raises(ServerError):
            raising.head(call)
