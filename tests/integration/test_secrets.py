"""No secret comes out of esipy, whatever fails: planted ones are looked for in all that a failure leaves behind.

The servers here are the worst there are: what an SSO is told it tells again, in bodies, headers and addresses. Each
test fails when something that guards secrets is taken out; those that hold only one thing say which. That the search
finds what it should is `test_the_search_finds`, which plants a leak in every place that is searched.
"""

from __future__ import annotations

import base64
import getpass
import json
import logging
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import memcache
import pytest
import redis
import requests
from requests.adapters import HTTPAdapter

import esipy
from esipy import AFTER_TOKEN_REFRESH, EsiClient, EsiSecurity, clock
from esipy.cache import BaseCache, DictCache, DummyCache, FileCache, MemcachedCache, RedisCache
from esipy.events import API_CALL_STATS
from esipy.exceptions import (
    APIException,
    CallError,
    EsiError,
    SSOUnavailableError,
    TokenError,
    TokenStoreError,
)
from esipy.limits import MemoryLimits, RedisLimits
from esipy.plugins import InnerLogger, OuterLogger, Pool, RequestLimitError
from esipy.stores import FileTokens, MemoryTokens, RedisLock, RedisTokens, Tokens, TokenStore
from tests import databases
from tests.integration.test_bad_responses import BROKEN
from tests.integration.things import ENDPOINTS, app_at
from tests.leaks import Watch, WatchedCache
from tests.servers import Server, Visit, response_bytes, unused_url

# ---------------------------------------------------------------------- what is planted


def token(mark: str, character_id: int = 90000001, **claims: Any) -> str:
    """A token that names its character; its signature, which makes it good for something, is the secret."""

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b'=').decode()

    all_claims = {'sub': f'CHARACTER:EVE:{character_id}', 'name': 'A', 'owner': 'o', 'scp': 'read', **claims}
    return f'{part({"alg": "RS256", "kid": "k"})}.{part(all_claims)}.{mark}'


CLIENT = 'the-client-id'
SECRET = 'planted+secret/key='
CODE = 'planted+code/of-a-login='
VERIFIER = 'planted~verifier.' * 3
ACCESS = token('planted-first-access-signature')
REFRESH = 'planted+first/refresh='
NEW_ACCESS = token('planted-second-access-signature')
NEW_REFRESH = 'planted+second/refresh='

SECRETS = (
    SECRET,
    CODE,
    VERIFIER,
    ACCESS,
    ACCESS.rpartition('.')[2],
    REFRESH,
    NEW_ACCESS,
    NEW_ACCESS.rpartition('.')[2],
    NEW_REFRESH,
    f'{CLIENT}:{SECRET}',  # what is sent in base64
)


def said(visit: Visit) -> str:
    """All that a visitor has said."""
    return f'{visit.target} {visit.headers} {visit.body.decode()} {visit.form}'


def echo(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Callable[[Visit], Any]:
    """A response that tells again what it was told."""

    def page(visit: Visit) -> None:
        received = said(visit)
        whole = {'error': received, 'error_description': received, 'error_uri': received} if body is None else body
        shown = whole + received.encode() if isinstance(whole, bytes) else whole
        more = {name: value.format(received=requests.utils.quote(received)) for name, value in (headers or {}).items()}  # type: ignore[attr-defined]
        more['X-Received'] = requests.utils.quote(received)  # type: ignore[attr-defined]
        visit.send(response_bytes(shown, status, more, reason='Whatever'))

    return page


#: What an SSO may do instead of giving tokens.
SSO_FAULTS: dict[str, Callable[[Visit], Any]] = {
    'invalid_grant': echo(400, {'error': 'invalid_grant'}),
    'invalid_client': echo(401, {'error': 'invalid_client'}),
    'an error that nobody knows': echo(400),
    '403 page': echo(403, b'<html>'),
    '404': echo(404),
    '429': echo(429),
    '500': echo(500),
    '503 page': echo(503, b'<html>'),
    'page': echo(200, b'<html>'),
    'JSON that ends': echo(200, b'{"access_token": "'),
    'a list': echo(200, []),
    'no token': lambda visit: visit.send(response_bytes({'expires_in': 1, 'refresh_token': NEW_REFRESH})),
    'a redirect': echo(307, b'', {'Location': 'http://localhost:1/{received}'}),
    'a redirect here': echo(302, b'', {'Location': '/thing?{received}'}),
    'reset': Visit.reset,
    'hang': Visit.hang,
    'cut': lambda visit: (visit.send(response_bytes(said(visit).encode(), length=99_999)), visit.close()),
    'no HTTP': lambda visit: (visit.send(said(visit).encode() + b'\r\n\r\n'), visit.close()),
    'a bad header': lambda visit: visit.send(b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 70_000 + b'\r\n\r\n'),
    'not compressed': echo(200, b'planted', {'Content-Encoding': 'gzip'}),
    'too large': lambda visit: visit.send(response_bytes(said(visit).encode() + b'x' * 3_000_000)),
}


class World(Server):
    """An SSO and an API. `sso`, `api`: what they do instead."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.sso: Callable[[Visit], Any] | None = None
        self.api: Callable[[Visit], Any] | None = None
        self.keys: list[dict[str, str]] = []

    def _page(self, visit: Visit) -> None:
        published = {'/.well-known/oauth-authorization-server': self._metadata(), '/oauth/jwks': {'keys': self.keys}}
        of_sso = visit.path in published or visit.path.startswith('/v2/oauth/')
        fault = self.sso if of_sso else self.api
        if fault is not None:
            fault(visit)
        elif visit.path in published:
            visit.send(response_bytes(published[visit.path]))
        elif visit.path == '/v2/oauth/token':
            new = {'access_token': NEW_ACCESS, 'refresh_token': NEW_REFRESH, 'expires_in': 1200, 'scope': 'read'}
            visit.send(response_bytes(new))
        else:
            visit.send(response_bytes({'a': 1}, headers={'ETag': '"1"', 'Cache-Control': 'max-age=60'}))

    def _metadata(self) -> dict[str, str]:
        return {name: url.replace('https://login.eveonline.com', self.url) for name, url in ENDPOINTS.items()}

    def security(self, pkce: bool = False, **options: Any) -> EsiSecurity:
        """With tokens of which the first is too old."""
        proof = {'code_verifier': VERIFIER} if pkce else {'secret_key': SECRET}
        chosen = {'headers': {'User-Agent': 'tests'}, 'timeout': 0.3, **proof, **options}
        where = chosen.pop('sso_endpoints_url', f'{self.url}/.well-known/oauth-authorization-server')
        one = EsiSecurity('http://localhost:1/callback', CLIENT, sso_endpoints_url=where, **chosen)
        one.update_token({'access_token': ACCESS, 'expires_in': -1, 'refresh_token': REFRESH})
        return one

    def client(self, security: Any = None, **options: Any) -> EsiClient:
        return EsiClient(security, **{'user_agent': 'tests', 'timeout': 0.3, 'deadline': 5.0, **options})

    def call(self, name: str = 'get_mine', **params: Any) -> Any:
        return app_at(self.url).op[name](**params)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as server:
        yield server


@pytest.fixture
def watch() -> Iterator[Watch]:
    with Watch(SECRETS) as one:
        yield one


@contextmanager
def failing(watch: Watch, kind: type[BaseException] | tuple[type[BaseException], ...] = EsiError) -> Iterator[None]:
    """Something that must fail, and whose error is searched."""
    with pytest.raises(kind) as caught:
        yield
    watch.error(caught.value)


# ---------------------------------------------------------------------- the search


def leak_in_log() -> None:
    logging.getLogger('esipy.anything').debug('the form: %s', {'code': CODE})


def leak_in_log_of_others() -> None:
    logging.getLogger('urllib3.connectionpool').debug('GET /?token=%s', requests.utils.quote(ACCESS))  # type: ignore[attr-defined]


def leak_in_traceback_of_log() -> None:
    try:
        raise ValueError(REFRESH)
    except ValueError:
        logging.getLogger('esipy').exception('it failed')


def leak_in_extra_of_log() -> None:
    logging.getLogger('esipy').info('nothing', extra={'headers': {'Authorization': f'Bearer {ACCESS}'}})


def leak_in_warning() -> None:
    warnings.warn(f'cannot send {VERIFIER}', stacklevel=2)


def leak_in_signal() -> None:
    API_CALL_STATS.send(url='x', headers={'Authorization': f'Basic {base64.b64encode(SECRET.encode()).decode()}'})


def raising(error: Exception) -> Callable[[], None]:
    def leak() -> None:
        raise error

    return leak


def leak_in_context() -> None:
    try:
        raise ValueError(CODE)
    except ValueError:
        raise TokenError('clean') from None


def with_attribute(error: Exception, name: str, value: Any) -> Exception:
    setattr(error, name, value)
    return error


def noted(error: Exception, text: str) -> Exception:
    error.add_note(text)
    return error


class Deep:
    def __init__(self) -> None:
        self.list = [{'a': (NEW_REFRESH.encode(),)}]


LEAKS: dict[str, Callable[[], None]] = {
    'a log record': leak_in_log,
    'a log record of urllib3': leak_in_log_of_others,
    'the traceback of a log record': leak_in_traceback_of_log,
    'the extra of a log record': leak_in_extra_of_log,
    'a warning': leak_in_warning,
    'a signal': leak_in_signal,
    'the text of an error': raising(TokenError(f'no {SECRET}')),
    'a part of a token': raising(TokenError(f'no {ACCESS[-40:]}…')),
    'the start of a token': raising(TokenError(f'no {REFRESH}'[:20] + REFRESH)),
    'an attribute of an error': raising(with_attribute(TokenError('clean'), 'response', CODE.encode())),
    'deep in an error': raising(with_attribute(TokenError('clean'), 'thing', Deep())),
    'a note': raising(noted(TokenError('clean'), REFRESH)),
    'a cause': raising(with_attribute(TokenError('clean'), '__cause__', ValueError(NEW_ACCESS))),
    'a context': leak_in_context,
    'an error in a form': raising(TokenError(requests.utils.quote(CODE, safe=''))),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize('leak', LEAKS.values(), ids=LEAKS)
def test_the_search_finds(leak: Callable[[], None]) -> None:
    with Watch(SECRETS) as watch:
        try:
            leak()
        except TokenError as error:
            watch.error(error)
    assert watch.leaks()


def test_the_search_finds_in_caches_and_texts() -> None:
    with Watch(SECRETS) as watch:
        cache = WatchedCache(watch, DictCache())
        cache.get(('x', f'Bearer {ACCESS}'))
        cache.set('key', {'a': [REFRESH]})
        cache.invalidate(CODE)
        watch.text('output', f'… {VERIFIER} …')
    assert [one.partition(':')[0] for one in watch.leaks()] == ['a key', 'a cache', 'a key', 'output']


def test_the_search_finds_nothing_where_nothing_is() -> None:
    with Watch(SECRETS) as watch:
        logging.getLogger('esipy').info('planted, but no secret')
        watch.error(TokenError('planted'))
    assert watch.leaks() == []


# ---------------------------------------------------------------------- the SSO


@pytest.mark.parametrize('pkce', [False, True], ids=['secret', 'pkce'])
@pytest.mark.parametrize('fault', SSO_FAULTS)
def test_an_sso_that_repeats_what_it_received(fault: str, pkce: bool, world: World, watch: Watch) -> None:
    """Fails when `endpoint._refusal` tells the response's body or `request_param`, when `errors.no_answer` leaves the
    request in an error, or when redirects are followed."""
    store = MemoryTokens()
    one = world.security(pkce, store=store)
    world.sso = SSO_FAULTS[fault]
    with world.client(one) as esi:
        with failing(watch):
            esi.request(world.call())
        responses = esi.multi_request([world.call(q=str(number)) for number in range(2)], threads=2)
        for request, response in responses:
            watch.text('an answer', f'{request!r} {response!r} {response.cause!r} {response.raw!r} {response.header}')
            if response.cause is not None:
                watch.error(response.cause)
    with failing(watch):
        one.auth(CODE)
    with failing(watch):
        one.refresh(['read'])
    if fault in ('429', '500', '503 page', 'reset', 'hang', 'cut', 'no HTTP', 'a bad header', 'not compressed'):
        with failing(watch, SSOUnavailableError):
            one.revoke()
    assert one.refresh_token == (NEW_REFRESH if fault == 'no token' else REFRESH)
    watch.text('a repr', f'{one!r} {esi!r} {store!r}')
    assert watch.leaks() == []


@pytest.mark.parametrize('fault', ['500', 'page', 'JSON that ends', 'a list', 'a redirect', 'reset', 'hang', 'refused'])
def test_an_sso_that_is_down_from_the_start(fault: str, world: World, watch: Watch) -> None:
    where = {}
    if fault == 'refused':
        where = {'sso_endpoints_url': unused_url()}
    else:
        world.sso = SSO_FAULTS[fault]
    one = world.security(**where)  # type: ignore[arg-type]
    with failing(watch, SSOUnavailableError):
        one.get_auth_uri('state')
    with failing(watch, SSOUnavailableError):
        one.auth(CODE)
    with failing(watch, SSOUnavailableError):
        one.verify()
    assert watch.leaks() == []


def test_what_is_not_an_address_of_an_sso(world: World, watch: Watch) -> None:
    one = world.security()
    for address in ('http://login.example/token', 'https://login.example:x/', 'file:///token', 'https://[', ''):
        one.oauth_token = address
        with failing(watch, (EsiError, ValueError)):
            one.auth(CODE)
        with failing(watch, (EsiError, ValueError)):
            one.refresh()
    assert watch.leaks() == []


def test_wrong_tokens(world: World, watch: Watch) -> None:
    """What `verify` refuses. The errors are python-jose's, or json's, which carry the text that they could not read."""
    header, claims, signature = ACCESS.split('.')
    none = base64.urlsafe_b64encode(b'{"alg": "none"}').rstrip(b'=').decode()
    tokens = [
        ACCESS,
        REFRESH,
        'planted-first-access-signature',
        f'{header}.{claims}',
        f'{header}.{signature}.{claims}',
        f'{signature}.{claims}.{header}',
        f'{none}.{claims}.{signature}',
        f'{header}.{signature}{claims}.{signature}',
        f'é{ACCESS}',
        f'{ACCESS}.{ACCESS}',
        ACCESS.encode(),
    ]
    world.keys = [{'kid': 'k', 'kty': 'RSA', 'n': 'AQAB', 'e': 'AQAB'}]
    one = world.security()
    for wrong in tokens:
        one.update_token({'access_token': wrong, 'expires_in': 60})
        with failing(watch, Exception):
            one.verify()
    one.jwks_key_set = None
    one.jwks_key = {'kty': 'RSA', 'n': 'rubbish', 'e': '!'}
    one.update_token({'access_token': ACCESS, 'expires_in': 60})
    with failing(watch, Exception):
        one.verify()
    assert watch.leaks() == []


def test_tokens_that_are_incomplete_or_cannot_be_sent(world: World, watch: Watch) -> None:
    one = world.security()
    for wrong in (
        {'refresh_token': REFRESH, 'expires_in': 60},
        {'refresh_token': REFRESH},
    ):
        with failing(watch, (EsiError, TypeError)):
            one.update_token(wrong)
    with world.client(one) as esi:
        for text in (f'{ACCESS}\r\nX: 1', f'{ACCESS}\0', f'{ACCESS}☃'):
            one.update_token({'access_token': text, 'expires_in': 60})
            with failing(watch, CallError):
                esi.request(world.call())
    one.refresh_token = None
    with failing(watch, TokenError):
        one.refresh()
    for text in (f'{ACCESS}\ud800', f'\udfff{ACCESS}'):
        one.update_token({'access_token': text, 'expires_in': 60})
        for options in ({'security': one}, {'headers': {'X-Api-Key': text}}, {'headers': {'Authorization': text}}):
            with world.client(**options) as esi, failing(watch, CallError):
                esi.request(world.call())
    with failing(watch, CallError):
        EsiSecurity('http://x', CLIENT, code_verifier=VERIFIER[:42] + '!', sso_endpoints=ENDPOINTS).get_auth_uri('s')
    assert watch.leaks() == []


# ---------------------------------------------------------------------- the API

CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

API_FAULTS: dict[str, Callable[[Visit], Any]] = {
    **{
        name: BROKEN[name] for name in ('reset', 'closed', 'cut', 'cut chunk', 'redirect to itself', 'too many headers')
    },
    'redirect to rubbish': BROKEN['redirect to rubbish'],
    'redirect away': lambda visit: visit.send(response_bytes(b'', 302, {'Location': 'http://localhost:1/x'})),
    'hang': Visit.hang,
    'page': lambda visit: visit.send(response_bytes(b'<html>', headers={'Content-Type': 'text/html'})),
    'JSON that ends': lambda visit: visit.send(response_bytes(b'{"a": ')),
    '400': lambda visit: visit.send(response_bytes({'error': 'no'}, 400)),
    '401': lambda visit: visit.send(response_bytes({'error': 'no'}, 401)),
    '403': lambda visit: visit.send(response_bytes({'error': 'no'}, 403)),
    '404': lambda visit: visit.send(response_bytes({'error': 'no'}, 404)),
    '420': lambda visit: visit.send(response_bytes({'error': 'no'}, 420, {'X-Esi-Error-Limit-Reset': '60'})),
    '429': lambda visit: visit.send(response_bytes({'error': 'no'}, 429, {'Retry-After': '60'})),
    '502': lambda visit: visit.send(response_bytes(b'<html>', 502, {'Content-Type': 'text/html'})),
    'too large': lambda visit: visit.send(response_bytes(b'"' + b'x' * 3_000_000 + b'"')),
    'a warning': lambda visit: visit.send(response_bytes({}, 500, {'Warning': '199 - "upgrade"'})),
    'no HTTP': SSO_FAULTS['no HTTP'],
    'another HTTP': lambda visit: (visit.send(f'HTTP/9.9 {said(visit)}\r\n\r\n'.encode()), visit.close()),
    'no chunk': lambda visit: (visit.send(b'%s%s\r\n' % (CHUNKED, said(visit).encode())), visit.close()),
    'redirect with all': echo(302, b'', {'Location': 'http://localhost:1/x/{received}'}),
    '400 with all': echo(400),
    '403 with all': echo(403, {'error': 'forbidden'}),
    '404 page with all': echo(404, b'<html>'),
    '500 with all': echo(500, None, {'Warning': '199 - "{received}"'}),
}


def by_security(world: World, **options: Any) -> tuple[EsiClient, Any]:
    return world.client(world.security(), **options), world.call()


def by_parameter(world: World, **options: Any) -> tuple[EsiClient, Any]:
    """As programs for EsiPy 1.x do it."""
    return world.client(**options), world.call(token=ACCESS)


def by_session(world: World, **options: Any) -> tuple[EsiClient, Any]:
    esi = world.client(**options)
    esi._session.headers['Authorization'] = f'Bearer {ACCESS}'
    return esi, world.call()


def by_callable(world: World, **options: Any) -> tuple[EsiClient, Any]:
    def sign(request: Any) -> Any:
        request._p['header']['Authorization'] = f'Bearer {ACCESS}'
        return request

    return world.client(sign, **options), world.call()


def by_address(world: World, **options: Any) -> tuple[EsiClient, Any]:
    """An app that puts it into the address, past esipy."""
    call = world.call()
    call[0]._p['query'].append(('token', ACCESS))
    return world.client(**options), call


def by_signed_address(world: World, **options: Any) -> tuple[EsiClient, Any]:
    """The same, when it is signed."""

    def sign(request: Any) -> Any:
        request._p['query'].append(('token', ACCESS))
        return request

    return world.client(sign, **options), world.call()


WAYS: dict[str, Callable[..., tuple[EsiClient, Any]]] = {
    'a security object': by_security,
    'a parameter': by_parameter,
    'the session': by_session,
    'a callable': by_callable,
    'the address': by_address,
    'an address that is signed': by_signed_address,
}

#: urllib3 shows the addresses that it asks for. A token is in one only where an app has put it there itself.
EXEMPT = {'the address': ('urllib3',), 'an address that is signed': ('urllib3',)}


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('fault', API_FAULTS)
def test_an_api_that_fails(fault: str, way: str, world: World) -> None:
    """With all that is logged by those who want to see everything. Fails when `errors.no_answer` or `masked` let an
    address pass as it is, and when a logger shows headers or parameters without a look at their names."""
    log = logging.getLogger('app')
    loggers = [OuterLogger(log, max_body_length=10_000), InnerLogger(log, max_body_length=10_000)]
    with Watch(SECRETS, exempt=EXEMPT.get(way, ())) as watch:
        cache = WatchedCache(watch, DictCache())
        options = {'cache': cache, 'max_body': 2**20, 'max_wait': 0.05, 'limits': MemoryLimits(), 'plugins': loggers}
        esi, call = WAYS[way](world, **options)
        world.api = API_FAULTS[fault]
        with esi:
            for _ in range(2):
                with failing(watch):
                    esi.request(call, raise_on_error=True)
            if fault not in ('page', '404 page with all', 'JSON that ends', 'too large', '502', '420', '429'):
                response = esi.request(call)
                watch.text('an answer', f'{response!r} {response.cause!r} {response.url}')
            watch.text('a budget', repr(esi.budget()))
        watch.text('a repr', f'{esi!r} {call!r}')
    assert world.visits
    assert {record.__dict__.get('action') for record in watch.records} >= {'REQUEST'}
    assert watch.leaks() == []


def test_limits_that_are_reached(world: World, redis_on: databases.Server) -> None:
    """Nor is a secret in what they keep, in memory or in Redis. Fails when `draws.user` takes a token as it is."""
    with redis.Redis(port=redis_on.port) as server, Watch(SECRETS, exempt=('urllib3',)) as watch:
        server.flushall()
        exhausted = {'X-Ratelimit-Group': 'g', 'X-Ratelimit-Limit': '150/15m', 'X-Ratelimit-Remaining': '0'}
        world.api = lambda visit: visit.send(
            response_bytes({}, 429, {**exhausted, 'X-Ratelimit-Used': '150', 'Retry-After': '60'})
        )
        for limits in (MemoryLimits(), RedisLimits(server)):
            for way in WAYS.values():
                esi, call = way(world, limits=limits, max_wait=0.05)
                with esi:
                    for one in (call, call, world.call(token=CODE), world.call(token=CODE)):
                        with failing(watch):
                            esi.request(one, raise_on_error=True)
                watch.text('a budget', f'{esi.budget()} {limits!r}')
            watch.things.append(('limits', vars(limits)))
        kept = [(key, _of_redis(server, key)) for key in server.scan_iter()]
        watch.text('Redis', repr(kept))
    assert kept
    assert watch.leaks() == []


def _of_redis(server: Any, key: bytes) -> Any:
    kind = server.type(key).decode()
    return server.zrange(key, 0, -1) if kind == 'zset' else server.hgetall(key) if kind == 'hash' else server.get(key)


def test_a_crowd_before_a_pool(world: World, watch: Watch) -> None:
    held, going_on = threading.Event(), threading.Event()

    def hold(visit: Visit) -> None:
        held.set()
        going_on.wait(5)
        visit.send(response_bytes({}))

    world.api = hold
    with world.client(world.security(), plugins=[Pool(limit=1, hard_limit=1, timeout=0.01)], cache=None) as esi:
        first = threading.Thread(target=lambda: esi.request(world.call()))
        first.start()
        held.wait(5)
        for _ in range(2):
            with failing(watch, RequestLimitError):
                esi.request(world.call(token=ACCESS))
        going_on.set()
        first.join()
    assert watch.leaks() == []


def test_a_network_that_is_not_there(watch: Watch, world: World) -> None:
    class Broken(HTTPAdapter):
        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
            raise requests.ConnectionError(f'cannot send {request.url}', request=request)

    for security in (world.security(), lambda request: request):
        for call in (app_at(unused_url()).op['get_mine'](), app_at(unused_url()).op['get_mine'](token=ACCESS)):
            with world.client(security, retry_requests=True, retries=2) as esi, failing(watch, APIException):
                esi.request(call, raise_on_error=True)
            with world.client(security, transport_adapter=Broken()) as esi, failing(watch, APIException):
                esi.request(call, raise_on_error=True)
    with failing(watch, SSOUnavailableError):
        EsiSecurity(
            'http://x', CLIENT, SECRET, sso_endpoints=ENDPOINTS, headers={'User-Agent': 'x'}, transport_adapter=Broken()
        ).auth(CODE)
    assert watch.leaks() == []


# ---------------------------------------------------------------------- what apps bring


class Telling(BaseCache):
    """A cache that raises all it was given."""

    def set(self, key: Any, value: Any, expire: int | None = 300) -> None:  # type: ignore[override]
        raise RuntimeError(key, value)

    def get(self, key: Any, default: Any = None) -> Any:
        raise RuntimeError(key)

    def invalidate(self, key: Any) -> None:
        raise RuntimeError(key)


@pytest.mark.parametrize('way', WAYS)
def test_a_cache_that_raises(way: str, world: World) -> None:
    """Its words go to the log: there must be nothing in what it is given."""
    with Watch(SECRETS, exempt=EXEMPT.get(way, ())) as watch:
        esi, call = WAYS[way](world, cache=Telling())
        with esi:
            assert esi.request(call).status == 200
        world.security(cache=Telling()).auth(CODE)
    assert any('RuntimeError' in record.getMessage() for record in watch.records)
    assert watch.leaks() == []


def tells(**received: Any) -> None:
    raise RuntimeError(f'cannot keep {received}')


def fails_over_another(**received: Any) -> None:
    try:
        json.loads(received['refresh_token'])
    except ValueError as error:
        raise RuntimeError(received['access_token'], received) from error


class OwnSignal:
    def send(self, **received: Any) -> None:
        raise RuntimeError(received)


@pytest.mark.parametrize('receiver', [tells, fails_over_another, OwnSignal()], ids=['text', 'chain', 'own'])
def test_a_receiver_that_raises(receiver: Any, world: World, watch: Watch) -> None:
    """Fails when `events._traceback_without_secrets` hides nothing."""
    own = {} if callable(receiver) else {'signal_token_updated': receiver}
    if callable(receiver):
        AFTER_TOKEN_REFRESH.add_receiver(receiver)
    with world.client(world.security(**own)) as esi:
        assert esi.request(world.call()).status == 200
    assert any('RuntimeError' in record.getMessage() for record in watch.records)
    assert watch.leaks() == []


class TellingStore(TokenStore):
    """A store of an app's own, which raises what it was given."""

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        raise RuntimeError(ACCESS, REFRESH)

    def set(self, tokens: Tokens) -> None:
        raise RuntimeError(tuple(tokens), f'SET {tokens.refresh_token}')

    def delete(self, client_id: str, character_id: int) -> None:
        raise RuntimeError(REFRESH)

    def characters(self, client_id: str) -> list[int]:
        return []

    def lock(self, client_id: str, character_id: int) -> Any:
        raise RuntimeError(REFRESH)


def telling_lock(name: str) -> Any:
    raise RuntimeError(f'cannot lock {name}')


@pytest.mark.parametrize('options', [{'store': TellingStore()}, {'lock': telling_lock}], ids=['store', 'lock'])
def test_a_store_or_a_lock_that_raises(options: dict[str, Any], world: World, watch: Watch) -> None:
    """Fails when `ResilientStore._warn` repeats the words of an error."""
    one = world.security(**options)
    with world.client(one) as esi:
        assert esi.request(world.call()).status == 200
        one.auth(CODE)
        identity = one.identity
        one.update_token({'access_token': NEW_ACCESS, 'expires_in': -1})
        one._tokens.change(lambda state: replace(state, identity=identity))
        assert esi.request(world.call(q='2')).status == 200
    one.revoke()
    assert any('RuntimeError' in record.getMessage() for record in watch.records)
    assert watch.leaks() == []


PLANTED = Tokens(CLIENT, 90000001, REFRESH, ACCESS, 4e9, ('read',), 'A', 'o')


def test_stores_that_fail(tmp_path: Path, redis_on: databases.Server, world: World, watch: Watch) -> None:
    """What they keep, they keep; it is in no error of theirs, and in no repr."""
    file = FileTokens(tmp_path / 'tokens.json', wait=0.1)
    with redis.Redis(port=redis_on.port) as server:
        _let_stores_fail(file, server, world, watch)
    assert watch.leaks() == []


def _let_stores_fail(file: FileTokens, server: Any, world: World, watch: Watch) -> None:
    shared = RedisTokens(server, prefix='secrets')
    memory = MemoryTokens(wait=0.1)
    stores: list[TokenStore] = [file, shared, memory]
    for store in stores:
        store.set(PLANTED)
        watch.text('a repr', f'{store!r} {store.get(CLIENT, 90000001)!r} {store.get(CLIENT, 90000001)}')
        with failing(watch, (TypeError, ValueError)):
            store.set(PLANTED._replace(scopes=[REFRESH]))  # type: ignore[arg-type]
        with failing(watch, (TypeError, ValueError)):
            store.set(PLANTED._replace(expires_at=REFRESH))  # type: ignore[arg-type]
    file.path.write_bytes(file.path.read_bytes()[:-4])
    with failing(watch, TokenStoreError):
        file.get(CLIENT, 90000001)
    server.hset(f'secrets:tokens:{CLIENT}', '90000001', f'{REFRESH} {ACCESS}')
    with failing(watch, TokenStoreError):
        shared.get(CLIENT, 90000001)
    server.set('secrets:tokens:other', 'text')  # of another type: what is sent is refused, and repeated
    with failing(watch, TokenStoreError):
        shared.set(PLANTED._replace(client_id='other'))
    server.config_set('maxmemory', '1')
    try:
        with failing(watch, TokenStoreError):
            shared.set(PLANTED)
        one = world.security(store=shared, lock=RedisLock(server, prefix='secrets'))
        one.auth(CODE)
    finally:
        server.config_set('maxmemory', '0')


def test_characters_and_scopes(world: World, watch: Watch) -> None:
    store = MemoryTokens()
    store.set(PLANTED)
    one = world.security(store=store)
    with failing(watch):
        one.for_character(90000002)
    with world.client(one) as esi, failing(watch):
        store.set(PLANTED._replace(scopes=('other',)))
        esi.as_character(90000001).request(world.call())
    assert watch.leaks() == []


# ---------------------------------------------------------------------- login


def test_logins_that_fail(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Pasted: what is right and what is wrong; and an SSO that refuses the code."""
    monkeypatch.setitem(sys.modules, 'ipykernel', sys)
    back = 'http://localhost:1/callback'
    shown: list[str] = []
    lines: list[str] = []

    def box(prompt: str) -> str:
        shown.extend(capfd.readouterr())
        address = next(line.strip() for text in shown for line in text.splitlines() if '/authorize?' in line)
        state = parse_qs(urlsplit(address).query)['state'][0]
        if not lines:
            raise EOFError
        return lines.pop(0).format(state=state)

    def run(*pasted: str) -> None:
        lines[:] = pasted
        shown.clear()
        where = f'{world.url}/.well-known/oauth-authorization-server'
        with failing(watch):
            esipy.login(CLIENT, redirect_uri=back, headers={'User-Agent': 'x'}, sso_endpoints_url=where)
        shown.extend(capfd.readouterr())
        watch.text('output', ''.join(shown))

    monkeypatch.setattr(getpass, 'getpass', box)
    code = requests.utils.quote(CODE, safe='')  # type: ignore[attr-defined]
    run(f'{back}?code={code}', f'{back}?code={code}&state=wrong', CODE, f'http://other/?code={code}&state={{state}}')
    run(f'{back}?code={code}&code=2&state={{state}}')
    run(f'{back}?error={code}&error_description={code}&state={{state}}')
    world.sso = lambda visit: (SSO_FAULTS['an error that nobody knows'] if visit.body else _as_ever(world))(visit)
    run(f'{back}?code={code}&state={{state}}')
    assert watch.leaks() == []


def _as_ever(world: World) -> Callable[[Visit], Any]:
    def page(visit: Visit) -> None:
        fault, world.sso = world.sso, None
        world.page(visit)
        world.sso = fault

    return page


# ---------------------------------------------------------------------- the five caches


@pytest.fixture(scope='module')
def redis_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Server]:
    with databases.redis_server(tmp_path_factory.mktemp('redis')) as server:
        yield server


@pytest.fixture(scope='module')
def memcached_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Server]:
    with databases.memcached_server(tmp_path_factory.mktemp('memcached')) as server:
        yield server


Opened = tuple[BaseCache, Callable[[], bytes]]


def _dummy(directory: Path, request: pytest.FixtureRequest) -> Opened:
    return DummyCache(), lambda: b''


def _dict(directory: Path, request: pytest.FixtureRequest) -> Opened:
    cache = DictCache()
    return cache, lambda: repr(vars(cache)).encode()


def _file(directory: Path, request: pytest.FixtureRequest) -> Opened:
    cache = FileCache(directory)
    request.addfinalizer(cache.close)
    return cache, lambda: b''.join(one.read_bytes() for one in directory.rglob('*') if one.is_file())


def _redis(directory: Path, request: pytest.FixtureRequest) -> Opened:
    server = redis.Redis(port=request.getfixturevalue('redis_on').port)
    request.addfinalizer(server.close)
    server.flushall()
    return RedisCache(server), lambda: b''.join(key + (server.get(key) or b'') for key in server.scan_iter())


def _memcached(directory: Path, request: pytest.FixtureRequest) -> Opened:
    port = request.getfixturevalue('memcached_on').port
    server = memcache.Client([f'127.0.0.1:{port}'])
    request.addfinalizer(server.disconnect_all)
    return MemcachedCache(server), lambda: _all_of_memcached(port)


def _all_of_memcached(port: int) -> bytes:
    """Every key and every value, by its own protocol."""
    with socket.create_connection(('127.0.0.1', port), timeout=5) as connection:
        reader = connection.makefile('rb')
        connection.sendall(b'lru_crawler metadump all\r\n')
        keys = []
        while (line := reader.readline()).startswith(b'key='):
            keys.append(requests.utils.unquote(line.split()[0][4:].decode()).encode())  # type: ignore[attr-defined]
        found = b''
        for key in keys:
            connection.sendall(b'get ' + key + b'\r\n')
            head = reader.readline()
            found += head + (reader.read(int(head.split()[3])) if head.startswith(b'VALUE') else b'')
            while reader.readline() not in (b'END\r\n', b''):
                pass
        return found


CACHES = {'dummy': _dummy, 'dict': _dict, 'file': _file, 'redis': _redis, 'memcached': _memcached}


@pytest.mark.parametrize('name', CACHES)
def test_nothing_secret_is_in_a_cache(name: str, world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Keys, entries, and all bytes that the store has. Fails when `make_cache_key` takes the Authorization header or a
    token of the query as it is."""
    opened, everything = CACHES[name](tmp_path / 'cache', request)
    kept = b''
    with Watch(SECRETS, exempt=('urllib3',)) as watch:
        cache = WatchedCache(watch, opened)
        for way in WAYS.values():
            esi, call = way(world, cache=cache, stale_if_error=60.0, remember_refusals=True)
            with esi:
                for status in (200, 200, 403):
                    world.api = API_FAULTS['403'] if status == 403 else None
                    clock.move(120 if status == 403 else 0)
                    esi.request(call)
                    kept += everything()
                world.api = None
                esi.request(world.call('put_mine', body={}))
        one = world.security(cache=cache)
        one.auth(CODE)
        kept += everything()
        watch.text('what the store has', kept)
        watch.text('a repr', repr(opened))
    assert name == 'dummy' or b'{"a": 1}' in kept
    assert watch.leaks() == []
