"""What is kept, for how long, for whom: a server that counts, and clients that should not have asked."""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import pytest

from esipy import EsiClient, clock
from esipy._cache.policy import CachedResponse
from esipy.cache import BaseCache, DictCache, _hash
from esipy.exceptions import UndecodableBodyError
from tests.integration.things import app_at, client, security
from tests.servers import Server, Visit, response_bytes

FRESH = {'Cache-Control': 'max-age=60'}


def date(seconds: float) -> str:
    return formatdate(clock.time() + seconds, usegmt=True)


class Counting(Server):
    """Responds with the number of the visit and the given headers; 304 where the client has the tag."""

    def __init__(self, headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        super().__init__(self._page)
        self.responses = dict(headers or {})
        self.news: dict[str, str] | None = None
        self.status = status
        self.body: bytes | None = None

    def _page(self, visit: Visit) -> None:
        headers = self.responses
        if self.news is not None and {'if-none-match', 'if-modified-since'} & visit.headers.keys():
            visit.send(response_bytes(b'', 304, self.news, length=-1))
            return
        owner = visit.headers.get('authorization', 'nobody')
        body: Any = {'visit': len(self.visits), 'owner': owner}
        visit.send(response_bytes(body if self.body is None else self.body, self.status, headers))


# ---------------------------------------------------------------------- which answer


def test_vary_on_a_header_of_the_call() -> None:
    with Counting({**FRESH, 'Vary': 'Accept-Language, X-Own'}) as server, client() as esi:
        operation = app_at(server.url).op['get_thing']
        german, english = operation(language='de'), operation(language='en')
        for call in (german, english, german, english):
            esi.request(call)
        assert [visit.headers['accept-language'] for visit in server.visits] == ['de', 'en']
        own = operation()
        own[0]._p['header']['X-Own'] = '1'
        esi.request(own)
        assert len(server.visits) == 3


def test_vary_on_a_header_of_the_client() -> None:
    """Which is no part of the key. It may be a secret by another name: its value is not in the cache."""
    cache = DictCache()
    with Counting({**FRESH, 'Vary': 'X-Feature'}) as server:
        call = app_at(server.url).op['get_thing']()
        for feature, hit in [('old', False), ('new', False), ('new', True), ('old', False), (None, False)]:
            with client(cache=cache, headers={'X-Feature': feature} if feature else None) as esi:
                response = esi.request(call)
                assert (response.from_cache, response.data.visit) == (hit, len(server.visits))
                assert esi.request(call).from_cache
            if feature:
                assert feature not in repr(vars(cache))


@pytest.mark.parametrize(
    'kept',
    [
        (200, {1: 2}, b'{}', 'address'),
        [200, {'ETag': 5}, b'{}', 'address'],
        CachedResponse(200, None, b'{}', 'address'),  # type: ignore[arg-type]
        CachedResponse(200, {'ETag': 'a\r\nX-Own: b'}, b'{}', 'address'),
        CachedResponse(200, {'ETag': '\u20ac', 'Last-Modified': '\0'}, b'{}', 'address'),
    ],
    ids=repr,
)
def test_what_nobody_could_have_stored_is_a_miss(kept: Any) -> None:
    class Odd(DictCache):
        def get(self, key: Any, default: Any = None) -> Any:
            return kept

    with Counting(FRESH) as server, client(cache=Odd()) as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).data.visit == 1
        assert not {'if-none-match', 'if-modified-since', 'x-own'} & server.visits[0].headers.keys()


def test_an_entity_tag_that_cannot_be_sent_is_none() -> None:
    with Counting({'ETag': '"a\0b"'}) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        assert [esi.request(call).data.visit for _ in range(2)] == [1, 2]
        assert 'if-none-match' not in server.visits[1].headers


def test_language_of_the_session() -> None:
    cache = DictCache()
    with Counting(FRESH) as server:
        call = app_at(server.url).op['get_thing']()
        for language in ('de', 'en', 'de'):
            with client(cache=cache, headers={'Accept-Language': language}) as esi:
                esi.request(call)
        with client(cache=cache) as esi:
            esi.request(call)
            esi._session.headers['Accept-Language'] = 'de'
            assert esi.request(call).from_cache
        assert len(server.visits) == 3


# ---------------------------------------------------------------------- asking whether it still holds


def test_an_etag_is_sent_and_a_304_is_a_200() -> None:
    with Counting({**FRESH, 'ETag': '"one"', 'X-Old': 'kept', 'Age': '3'}) as server, client() as esi:
        server.news = {'ETag': '"one"', 'Cache-Control': 'max-age=120', 'X-New': 'there'}
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(61)
        response = esi.request(call)
        assert server.visits[1].headers['if-none-match'] == '"one"'
        assert 'if-modified-since' not in server.visits[1].headers
        assert (response.status, response.not_modified, response.from_cache) == (200, True, False)
        assert response.data.visit == 1
        assert (response.headers['X-Old'], response.headers['X-New']) == ('kept', 'there')
        assert response.headers['Cache-Control'] == 'max-age=120'
        assert 'Age' not in response.headers
        assert not [name for name in response.headers if name.startswith('X-Esipy')]
        clock.move(119)
        assert esi.request(call).from_cache
        clock.move(2)
        assert esi.request(call).not_modified


def test_last_modified_is_sent_after_the_etag() -> None:
    modified = 'Wed, 01 Jan 2025 00:00:00 GMT'
    with Counting({'Last-Modified': modified}) as server, client() as esi:
        server.news = {}
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        assert esi.request(call).not_modified
        assert server.visits[1].headers['if-modified-since'] == modified
        server.responses['ETag'] = '"x"'
        server.news = None
        esi.request(call)
        server.news = {}
        esi.request(call)
        assert server.visits[3].headers['if-none-match'] == '"x"'


def test_a_304_without_a_date_does_not_live_longer_for_it() -> None:
    with Counting({'ETag': '"x"', 'Date': date(-3600), 'Expires': date(-3590)}) as server, client() as esi:
        server.news = {'Expires': date(60)}
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(20)
        assert esi.request(call).not_modified
        clock.move(30)
        assert esi.request(call).from_cache
        clock.move(30)
        assert not esi.request(call).from_cache


def test_a_changed_response_replaces_the_stored_one() -> None:
    with Counting({'ETag': '"one"', 'Cache-Control': 'max-age=10'}) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        clock.move(11)
        response = esi.request(call)
        assert (response.data.visit, response.not_modified) == (2, False)
        assert esi.request(call).data.visit == 2


def test_no_etag_body() -> None:
    with Counting({'ETag': '"one"', 'Cache-Control': 'max-age=10'}) as server, client(no_etag_body=True) as esi:
        server.news = {'ETag': '"one"', 'Cache-Control': 'max-age=10'}
        call = app_at(server.url).op['get_thing']()
        assert esi.request(call).data.visit == 1
        clock.move(11)
        bare = esi.request(call)
        assert (bare.status, bare.raw, bare.data, bare.not_modified) == (304, b'', None, True)
        # What the 304 said about freshness counts: do not ask again before.
        assert esi.request(call).from_cache
        assert len(server.visits) == 2


def test_a_304_without_a_condition() -> None:
    with Counting(status=304) as server, client() as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
        assert (response.status, response.data, response.not_modified) == (304, None, False)


def test_a_304_for_a_condition_of_the_call() -> None:
    with Counting(status=304) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        call[0]._p['header']['if-none-match'] = '"mine"'
        response = esi.request(call)
        assert (response.status, response.data, response.not_modified) == (304, None, True)


# ---------------------------------------------------------------------- what is not kept


@pytest.mark.parametrize(
    ('status', 'headers'),
    [
        *((status, {**FRESH, 'ETag': '"x"'}) for status in (206, 401, 403, 408, 420, 425, 429, 520)),
        *((status, {'ETag': '"x"'}) for status in (201, 203, 204, 301, 400, 404, 410, 500, 503)),
    ],
)
def test_what_depends_on_more_than_the_resource_is_not_stored(status: int, headers: dict[str, str]) -> None:
    """Neither is what is not 200 and does not say that it is fresh."""
    with Counting(headers, status) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        esi.request(call)
        assert len(server.visits) == 2
        assert 'if-none-match' not in server.visits[1].headers
        assert esi.cache._dict == {}  # type: ignore[attr-defined]


def test_a_body_that_is_not_json_is_not_stored() -> None:
    with Counting({**FRESH, 'ETag': '"x"'}) as server, client() as esi:
        server.body = b'<html>'
        call = app_at(server.url).op['get_thing']()
        for _ in range(2):
            with pytest.raises(UndecodableBodyError):
                esi.request(call)
        assert len(server.visits) == 2
        assert esi.cache._dict == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize('revalidated', [False, True])
def test_a_body_that_nobody_has_read_is_read_when_it_is_wanted(revalidated: bool) -> None:
    with Counting({**FRESH, 'ETag': '"x"'}) as server, client() as esi:
        server.body, server.news = b'<html>', FRESH
        call = app_at(server.url).op['get_thing']()
        assert esi.request(call, raw_body_only=True).raw == b'<html>'
        if revalidated:
            clock.move(61)
        assert esi.request(call, raw_body_only=True).raw == b'<html>'
        with pytest.raises(UndecodableBodyError):
            esi.request(call)
        assert len(server.visits) == 1 + revalidated


def test_made_up_responses_are_not_stored_and_do_not_harm_what_is() -> None:
    with Counting({'ETag': '"x"'}) as server, client() as esi:
        server.news = {}
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        page, server.page = server.page, Visit.reset
        assert esi.request(call).failed
        server.page = page
        assert esi.request(call).data.visit == 1


def test_head_and_the_cache() -> None:
    with Counting(FRESH) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        head = esi.head(call)
        assert (head.data, head.raw, head.status) == (None, None, 200)
        assert esi.cache._dict == {}  # type: ignore[attr-defined]
        assert esi.request(call).data.visit == 2
        assert not esi.head(call).from_cache
        assert [visit.method for visit in server.visits] == ['HEAD', 'GET', 'HEAD']


def test_expired_results_are_reported() -> None:
    with Counting({'Expires': date(-60)}) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        with pytest.warns(UserWarning, match='returned expired result') as caught:
            response = esi.request(call)
        assert response.data.visit == 1
        assert caught[0].filename == __file__


def test_the_warning_header_warns_each_time_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with Counting({**FRESH, 'Warning': '299 - "This route is deprecated"'}) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        for _ in range(3):
            with pytest.warns(UserWarning, match='299 - "This route is deprecated"') as caught:
                esi.request(call)
            assert caught[0].filename == __file__
        with pytest.warns(UserWarning, match='299'):
            esi.head(call)
    assert len([record for record in caplog.records if '299' in record.getMessage()]) == 1


def test_no_cache() -> None:
    with Counting({**FRESH, 'ETag': '"x"'}) as server, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        esi.request(call)
        assert len(server.visits) == 2
        assert 'if-none-match' not in server.visits[1].headers


def test_hits_share_no_data() -> None:
    with Counting(FRESH) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        first = esi.request(call)
        first.data['visit'] = 'changed'
        first.data.more = [1]
        second = esi.request(call)
        assert second.from_cache
        assert second.data.visit == 1
        assert 'more' not in second.data


# ---------------------------------------------------------------------- writes


@pytest.mark.parametrize('write', ['put_thing', 'post_thing', 'delete_thing'])
def test_a_write_is_sent_and_makes_exactly_its_own_read_old(write: str) -> None:
    with Counting({**FRESH, 'ETag': '"x"'}) as server, client() as esi:
        op = app_at(server.url).op
        plain, other = op['get_thing'](), op['get_thing'](q='other')
        esi.request(plain)
        esi.request(other)
        call = op[write]() if write == 'delete_thing' else op[write](body={'a': 1})
        for _ in range(2):
            response = esi.request(call)
            assert not response.from_cache
        assert [visit.method for visit in server.visits[2:]] == [write.split('_')[0].upper()] * 2
        assert 'if-none-match' not in server.visits[2].headers
        assert esi.request(other).from_cache
        assert not esi.request(plain).from_cache
        assert esi.request(plain).data.visit == len(server.visits)


def test_a_write_that_fails_leaves_the_read_alone() -> None:
    with Counting(FRESH) as server, client() as esi:
        op = app_at(server.url).op
        esi.request(op['get_thing']())
        server.status = 400
        esi.request(op['delete_thing']())
        assert esi.request(op['get_thing']()).from_cache


@pytest.mark.parametrize('how', ['garbage', 'reset'])
def test_a_write_whose_response_is_lost_makes_the_read_stale(how: str) -> None:
    """It may have been done."""
    with Counting(FRESH) as server, client() as esi:
        op = app_at(server.url).op
        esi.request(op['get_thing']())
        page = server.page
        server.page = Visit.reset if how == 'reset' else lambda visit: visit.send(response_bytes(b'<html>'))
        with contextlib.suppress(UndecodableBodyError):
            assert esi.request(op['put_thing'](body={})).failed
        server.page = page
        assert not esi.request(op['get_thing']()).from_cache


def test_a_write_that_was_never_sent_leaves_the_read_alone() -> None:
    cache = DictCache()
    with Counting(FRESH) as server:
        op = app_at(server.url).op
        with client(cache=cache) as esi:
            esi.request(op['get_thing']())
    with client(cache=cache) as esi:
        assert esi.request(op['delete_thing']()).failed
        assert esi.request(op['get_thing']()).from_cache


def test_a_write_makes_only_the_callers_read_old() -> None:
    with Counting(FRESH) as server, client() as esi:
        op = app_at(server.url).op
        for token in ('a', 'b'):
            esi.request(op['get_mine'](token=token))
        esi.request(op['put_mine'](token='a', body={}))
        assert esi.request(op['get_mine'](token='b')).from_cache
        assert not esi.request(op['get_mine'](token='a')).from_cache


def test_a_post_that_only_reads_is_never_served_from_the_cache() -> None:
    with Counting(FRESH) as server, client() as esi:
        call = app_at(server.url).op['post_universe_ids'](body=['Jita'])
        esi.request(call)
        esi.request(call)
        assert len(server.visits) == 2
        assert esi.cache._dict == {}  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- whose


def sign_in_header(request: Any) -> Any:
    request._p['header']['Authorization'] = f'Bearer {current}'
    return request


def sign_in_lower_case(request: Any) -> Any:
    request._p['header']['authorization'] = f'Bearer {current}'


def sign_in_query(request: Any) -> Any:
    request._p['query'].append(('token', current))
    return request


def sign_in_own_header(request: Any) -> Any:
    request._p['header']['X-Token'] = current
    return request


current = ''


@pytest.mark.parametrize('cache', [DictCache(), None], ids=['shared', 'own'])
@pytest.mark.parametrize('operation', ['get_mine', 'get_thing'])
@pytest.mark.parametrize('sign', [sign_in_header, sign_in_lower_case, sign_in_query, sign_in_own_header])
def test_two_characters_never_meet(
    sign: Any, operation: str, cache: BaseCache | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = DictCache() if cache else False
    with Counting(FRESH) as server:
        call = app_at(server.url).op[operation]()
        with client(security=sign, cache=shared) as esi:
            for who in ('alice', 'bob', 'alice', 'bob'):
                monkeypatch.setitem(globals(), 'current', who)
                visit = server.visits[esi.request(call).data.visit - 1]
                assert who in str(visit.headers) + visit.target
            assert len(server.visits) == 2
            assert 'alice' not in repr(esi.cache._dict.keys())  # type: ignore[attr-defined]
    assert call[0]._p['header'] == {}
    assert call[0]._p['query'] == []


@pytest.mark.parametrize(
    'how', ['token=', 'header', 'lower-case header', 'query', 'session', 'auth', 'cookie', 'security']
)
def test_whoever_signs_it(how: str) -> None:
    cache = DictCache()
    with Counting(FRESH) as server:
        for who in ('alice', 'bob', 'alice', 'bob', None, None):
            with client(cache=cache) as esi:
                call = app_at(server.url).op['get_mine']()
                if who is None:
                    pass
                elif how == 'token=':
                    call = app_at(server.url).op['get_mine'](token=who)
                elif how == 'header':
                    call[0]._p['header']['Authorization'] = f'Bearer {who}'
                elif how == 'lower-case header':
                    call[0]._p['header']['authorization'] = f'Bearer {who}'
                elif how == 'query':
                    call[0]._p['query'].append(('token', who))
                elif how == 'session':
                    esi._session.headers['authorization'] = f'Bearer {who}'
                elif how == 'auth':
                    esi._session.auth = (who, 'password')
                elif how == 'cookie':
                    esi._session.cookies.set('sid', who)
                else:
                    esi.security = security(who)
                esi.request(call)
        assert len(server.visits) == 3
        sent = [
            visit.headers.get('authorization', visit.headers.get('cookie', visit.target)) for visit in server.visits
        ]
        assert len(set(sent)) == 3
        assert 'alice' not in repr(list(cache._dict))


def test_the_token_of_the_call_is_stronger_than_the_clients() -> None:
    with Counting(FRESH) as server, client(security=security('of-the-client')) as esi:
        esi.request(app_at(server.url).op['get_mine'](token='of-the-call'))
        assert server.visits[0].headers['authorization'] == 'Bearer of-the-call'


def test_one_security_object_for_many_users() -> None:
    many = security('alice')
    with Counting(FRESH) as server, client(security=many) as esi:
        call = app_at(server.url).op['get_mine']()
        for who in ('alice', 'bob', 'alice', 'bob'):
            many.update_token({'access_token': who, 'expires_in': 1200, 'refresh_token': 'r'})
            assert esi.request(call).data.owner == f'Bearer {who}'
        assert len(server.visits) == 2


def test_users_that_change_while_threads_ask() -> None:
    """Whatever happens between looking and signing: what is kept under a name was got with that name's token."""
    many = security('user-0')
    cache = DictCache()
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 3
            many.update_token({'access_token': f'user-{number}', 'expires_in': 1200, 'refresh_token': 'r'})

    with Counting({'Cache-Control': 'max-age=1', 'ETag': '"x"'}) as server, client(security=many, cache=cache) as esi:
        changer = threading.Thread(target=change)
        changer.start()
        call = app_at(server.url).op['get_mine']()
        try:
            esi.multi_request([call] * 300, threads=10)
        finally:
            stop.set()
            changer.join()
    from esipy._cache.keys import owner_of

    for key, value in cache._dict.items():
        content = pickle.loads(pickle.dumps(value.content))
        owner = next(name for name in ('user-0', 'user-1', 'user-2') if owner_of(f'Bearer {name}') in repr(key))
        assert owner.encode() in content


def test_public_calls_are_shared() -> None:
    cache = DictCache()
    with Counting(FRESH) as server:
        for who in ('alice', 'bob'):
            with client(cache=cache, security=security(who)) as esi:
                esi.request(app_at(server.url).op['get_thing']())
        assert len(server.visits) == 1
        assert 'authorization' not in server.visits[0].headers


def test_another_server_another_response() -> None:
    with Counting(FRESH) as one, Counting(FRESH) as two, client() as esi:
        call = app_at(one.url).op['get_thing']()
        for _ in range(2):
            assert esi.request(call).url.startswith(one.url)
            assert esi.request(call, opt={'url_netloc': two.netloc}).url.startswith(two.url)
        assert (len(one.visits), len(two.visits)) == (1, 1)


# ---------------------------------------------------------------------- caches of apps


class OtherNames(BaseCache):
    """Written for 1.x, with names of its own for the arguments."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.times: list[Any] = []

    def set(self, k: Any, v: Any, seconds: int = 300) -> None:  # type: ignore[override]
        self.times.append(seconds)
        self.kept[_hash(k)] = pickle.dumps(v)

    def get(self, k: Any, otherwise: Any = None) -> Any:
        found = self.kept.get(_hash(k))
        return otherwise if found is None else pickle.loads(found)

    def invalidate(self, k: Any) -> None:
        self.kept.pop(_hash(k), None)


def test_a_cache_of_ones_own_that_pickles() -> None:
    cache = OtherNames()
    with Counting({**FRESH, 'ETag': '"x"'}) as server:
        for _ in range(2):
            with client(cache=cache) as esi:
                esi.request(app_at(server.url).op['get_thing']())
        with client(cache=cache) as esi:
            esi.request(app_at(server.url).op['delete_thing']())
        assert len(server.visits) == 2
    assert cache.kept == {}
    assert cache.times == [60 + 7 * 86400]


class Broken(BaseCache):
    def set(self, *args: Any) -> None:
        raise OSError('the cache is dead')

    def get(self, *args: Any) -> Any:
        raise OSError('the cache is dead')

    def invalidate(self, *args: Any) -> None:
        raise OSError('the cache is dead')


def test_a_dead_cache_is_logged_once_and_fails_no_call(caplog: pytest.LogCaptureFixture) -> None:
    with Counting(FRESH) as server, client(cache=Broken()) as esi:
        op = app_at(server.url).op
        for _ in range(3):
            assert esi.request(op['get_thing']()).ok
            assert esi.request(op['delete_thing']()).ok
    assert len(caplog.records) == 3


class Rubbish(DictCache):
    value: Any = None

    def get(self, key: Any, default: Any = None) -> Any:
        return self.value


@pytest.mark.parametrize(
    'value',
    [
        'text',
        b'bytes',
        (1, 2, 3),
        (200, {}, 'text', 'url'),
        ('200', {}, b'{}', 'url'),
        (200, None, b'{}', 'url'),
        {'a': 1},
        [200, {}, b'{}', 'url'],
        (200, {'X-Esipy-Expiry': 'soon'}, b'{}', 'url'),
        (200, {'X-Esipy-Expiry': [9e9]}, b'{}', 'url'),
        (200, {5: '6'}, b'{}', 'url'),
        (200, {'ETag': 6}, b'{}', 'url'),
        (True, {}, b'{}', 'url'),
        CachedResponse(404, {'X-Esipy-Expiry': '1', 'X-Esipy-Received': '1'}, b'{}', 'url'),
        CachedResponse(404, {'ETag': '"x"'}, b'{}', 'url'),
        CachedResponse(403, {'X-Esipy-Expiry': '9e9', 'X-Esipy-Received': '1'}, b'{}', 'url'),
        (429, {'X-Esipy-Expiry': '9e9', 'X-Esipy-Received': '1'}, b'{}', 'url'),
        (99, {'X-Esipy-Expiry': '9e9', 'X-Esipy-Received': '1'}, b'{}', 'url'),
        (600, {'X-Esipy-Expiry': '9e9', 'X-Esipy-Received': '1'}, b'{}', 'url'),
        ('404', {'X-Esipy-Expiry': '9e9', 'X-Esipy-Received': '1'}, b'{}', 'url'),
        CachedResponse(200, {'ETag': '"x"\r\nX-Other: y'}, b'{}', 'url'),
        CachedResponse(200, {'ETag': '"\N{GREEK SMALL LETTER LAMDA}"'}, b'{}', 'url'),
        CachedResponse(200, {'Last-Modified': ' today'}, b'{}', 'url'),
    ],
)
def test_rubbish_in_a_cache_is_a_miss(value: Any) -> None:
    cache = Rubbish()
    cache.value = value
    with Counting(FRESH) as server, client(cache=cache) as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).data.visit == 1


@pytest.mark.parametrize('until', ['1e300', 'inf', 'rubbish'])
def test_an_expiry_that_is_none_is_not_reported(until: str) -> None:
    cache = Rubbish()
    cache.value = CachedResponse(200, {'X-Esipy-Expiry': until, 'X-Esipy-Received': str(clock.time())}, b'{}', 'url')
    with Counting(FRESH) as server, client(cache=cache) as esi:
        response = esi.request(app_at(server.url).op['get_thing']())
        assert (response.expires is None) is response.from_cache


def test_a_cache_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match='BaseCache'):
        EsiClient(cache={}, user_agent='x')  # type: ignore[arg-type]


def test_old_tests_put_a_dict_in_its_place() -> None:
    with Counting(FRESH) as server, client() as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        assert esi.cache._dict != {}  # type: ignore[attr-defined]
        esi.cache._dict = {}  # type: ignore[attr-defined]
        esi.request(call)
        assert len(server.visits) == 2
