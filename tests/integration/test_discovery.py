"""What the SSO publishes: asked for once, kept in a cache, and believed only if it was ours that put it there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from jose.exceptions import JWTError

from esipy import EsiSecurity, clock
from esipy._sso import discovery
from esipy.cache import BaseCache, DictCache, FileCache
from esipy.exceptions import SSOUnavailableError, TokenError
from esipy.sandbox import Sandbox
from tests.integration.signed import ONE, at_once, security
from tests.servers import Server, response_bytes


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        yield sandbox


@pytest.fixture(params=[DictCache, FileCache])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCache]:
    made = request.param() if request.param is DictCache else FileCache(tmp_path / 'cache')
    yield made
    if isinstance(made, FileCache):
        made.close()


def restart() -> None:
    """As if the process began anew: what it remembers of the SSO is gone."""
    discovery.memory.forget()


def requested(esi: Sandbox) -> tuple[int, int]:
    return esi.log.count('sso.discovery'), esi.log.count('sso.jwks')


def test_1000_objects_ask_once(esi: Sandbox) -> None:
    at_once(20, lambda number: [security(esi) for _ in range(50)])
    assert requested(esi) == (1, 1)


def test_a_process_that_starts_while_the_sso_is_down_knows_it_all(esi: Sandbox, cache: BaseCache) -> None:
    """Without the second look into the cache, in `_first`, the object is made without knowing, and warns."""
    token = esi.token(ONE)
    security(esi, cache=cache)
    restart()
    clock.move(discovery.FRESH * 3)
    esi.faults.add('downtime', operation='sso')
    one = security(esi, cache=cache)
    one.update_token({'access_token': token, 'expires_in': 1200})
    assert one.oauth_token == f'{esi.url}/v2/oauth/token'
    with pytest.raises(JWTError, match='expired'):  # which it could not say without the keys
        one.verify()
    assert requested(esi) == (2, 2)


def test_within_a_day_another_process_does_not_ask(esi: Sandbox, cache: BaseCache) -> None:
    for _ in range(3):
        security(esi, cache=cache)
        restart()
    assert requested(esi) == (1, 1)
    clock.move(discovery.FRESH + 1)
    security(esi, cache=cache)
    assert requested(esi) == (2, 2)


def test_what_a_process_knows_is_asked_for_again_after_a_day(esi: Sandbox) -> None:
    """A key that was withdrawn is not trusted for as long as a process lives."""
    old = esi.token(ONE)
    one = security(esi)
    esi.sso.rotate_keys()
    one.update_token({'access_token': old, 'expires_in': 1200})
    ignoring_age = {'verify_exp': False}
    assert one.verify(options=ignoring_age)  # nothing tells of it yet
    clock.move(discovery.FRESH + 1)
    with pytest.raises(JWTError):
        one.verify(options=ignoring_age)
    assert requested(esi)[1] >= 2


def test_what_a_process_knows_is_good_enough_while_the_sso_is_down(esi: Sandbox) -> None:
    token = esi.token(ONE)
    one = security(esi)
    clock.move(discovery.FRESH + 1)
    esi.faults.add('downtime', operation='sso')
    one.update_token({'access_token': token, 'expires_in': 1200})
    for _ in range(3):
        assert one.verify(options={'verify_exp': False})
    assert requested(esi)[1] == 2  # and not each time


def test_keys_that_were_rotated_are_asked_for_in_spite_of_the_cache(esi: Sandbox, cache: BaseCache) -> None:
    security(esi, cache=cache)
    clock.move(discovery.COOL_DOWN + 1)
    esi.sso.rotate_keys()
    restart()
    one = security(esi, cache=cache)
    one.update_token({'access_token': esi.token(ONE), 'expires_in': 1200})
    assert one.verify()['sub'] == f'CHARACTER:EVE:{ONE}'
    restart()
    again = security(esi, cache=cache)  # the new ones are kept
    again.update_token({'access_token': esi.token(ONE), 'expires_in': 1200})
    assert again.verify()
    assert requested(esi) == (1, 2)


def entries(cache: DictCache, esi: Sandbox) -> list[tuple[str, Any]]:
    names = [f'esipy:sso:sandbox:{url}' for url in (esi.sso.endpoints_url, f'{esi.url}/oauth/jwks')]
    return [(name, cache.get(name)) for name in names]


def planted(entry: Any) -> list[Any]:
    """What somebody who can write to the cache may try."""
    text = entry['text'].replace('127.0.0.1', 'localhost').replace('"keys"', '"keys":[],"k"')
    return [
        {**entry, 'text': text},
        {**entry, 'seal': 'x'},
        {**entry, 'seal': None},
        {**entry, 'seal': 'ü'},
        {**entry, 'asked': 'now'},
        {'text': text},
        text,
        [],
        5,
        None,
    ]


def test_what_somebody_else_puts_into_the_cache_is_a_miss(esi: Sandbox) -> None:
    """Without the comparison of seals, the refresh tokens of this application go where the first entry says."""
    cache = DictCache()
    security(esi, cache=cache)
    for number, bad in enumerate(zip(*(planted(entry) for _, entry in entries(cache, esi)), strict=True), 2):
        for (name, _), value in zip(entries(cache, esi), bad, strict=True):
            cache.set(name, value, 0)
        restart()
        one = security(esi, cache=cache)
        assert one.oauth_token == f'{esi.url}/v2/oauth/token'
        assert requested(esi) == (number, number)


def test_another_applications_entries_are_not_read(esi: Sandbox) -> None:
    cache = DictCache()
    security(esi, cache=cache)
    restart()
    security(esi, cache=cache, secret_key='another')
    assert requested(esi) == (2, 2)


def test_no_secret_is_in_the_cache(esi: Sandbox) -> None:
    cache = DictCache()
    security(esi, cache=cache, secret_key='the-secret-key')
    assert 'the-secret-key' not in repr(entries(cache, esi))
    assert all(value for _, value in entries(cache, esi))


def test_a_cache_that_raises_fails_nothing(esi: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(BaseCache):
        def get(self, key: Any, default: Any = None) -> Any:
            raise OSError('redis://user:planted@127.0.0.1/0 is away')

        set = get  # type: ignore[assignment]

    assert security(esi, cache=Broken()).oauth_issuer
    assert 'Broken.get raised OSError: redis://***@127.0.0.1/0 is away; esipy goes on without the cache' in caplog.text
    assert 'planted' not in caplog.text


def test_many_objects_do_not_each_wait_for_an_sso_that_hangs(esi: Sandbox) -> None:
    esi.faults.add('hang', operation='sso')
    for _ in range(10):
        with pytest.warns(UserWarning, match='the SSO is not available'):
            one = security(esi, timeout=(2, 2))
    assert requested(esi) == (1, 0)
    esi.faults.clear()
    assert one.oauth_issuer  # at its use it is asked at once


@pytest.mark.parametrize(
    ('fault', 'settings'), [('html', {}), ('status', {'status': 500}), ('reset', {}), ('bad_json', {})]
)
def test_keys_that_cannot_be_had(esi: Sandbox, fault: str, settings: Any) -> None:
    esi.faults.add(fault, operation='sso.jwks', **settings)
    with pytest.warns(UserWarning, match='the SSO is not available'):
        one: EsiSecurity = security(esi)
    one.update_token({'access_token': esi.token(ONE), 'expires_in': 1200})
    with pytest.raises(SSOUnavailableError):
        one.verify()
    assert one.identity is None
    esi.faults.clear()
    assert one.verify()


def test_tokens_of_unknown_keys_do_not_make_it_ask_a_down_sso_again_and_again(esi: Sandbox) -> None:
    one = security(esi)
    clock.move(discovery.COOL_DOWN + 1)
    esi.faults.add('downtime', operation='sso')
    one.update_token({'access_token': esi.sso.forge(header={'kid': 'unknown'}), 'expires_in': 1200})
    with pytest.raises(SSOUnavailableError):
        one.verify()
    for _ in range(5):
        with pytest.raises(JWTError, match='does not publish'):
            one.verify()
    assert requested(esi) == (1, 2)


def test_two_keys_of_either_kind(esi: Sandbox) -> None:
    one = security(esi)
    esi.sso.rotate_keys(keep=True)
    for algorithm in ('RS256', 'ES256'):
        esi.sso.algorithm = algorithm
        clock.move(discovery.COOL_DOWN + 1)
        one.update_token({'access_token': esi.token(ONE), 'expires_in': 1200})
        assert one.verify()['sub'] == f'CHARACTER:EVE:{ONE}'


def test_an_old_page_cannot_be_made_new(esi: Sandbox) -> None:
    """Without the time in the seal, keys that the SSO has thrown away long ago are trusted for another day."""
    cache = DictCache()
    security(esi, cache=cache)
    clock.move(discovery.FRESH + 1)
    for name, entry in entries(cache, esi):
        cache.set(name, {**entry, 'asked': clock.time()}, 0)
    restart()
    security(esi, cache=cache)
    assert requested(esi) == (2, 2)


def test_what_is_published_is_read_over_tls_only(esi: Sandbox) -> None:
    """Who is on the way could have the tokens sent to himself, or name keys of his own."""
    with pytest.raises(TokenError, match='over https only'):
        EsiSecurity('http://x', 'id', 'key', headers={'User-Agent': 'x'}, sso_endpoints_url='http://login.example/')
    one = security(esi)
    one.jwks_key_set = None
    one._endpoints = {**(one._endpoints or {}), 'jwks_uri': 'http://login.example/keys'}
    one.update_token({'access_token': esi.token(ONE), 'expires_in': 1200})
    with pytest.raises(TokenError, match='over https only'):
        one.verify()


def test_a_page_that_leads_away_from_tls(esi: Sandbox) -> None:
    with responses.RequestsMock() as mock:
        mock.get('https://login.example/', status=302, headers={'Location': 'http://login.example/page'})
        mock.get('http://login.example/page', json={'token_endpoint': 'https://elsewhere.example/token'})
        with pytest.warns(UserWarning, match='the SSO is not available'):
            EsiSecurity(
                'http://x', 'id', 'key', headers={'User-Agent': 'x'}, sso_endpoints_url='https://login.example/'
            )


@pytest.mark.parametrize('place', ['https://[', 'http://[::1', 'http://sso.example/x', 'file:///x', 'javascript:x'])
def test_metadata_with_an_address_that_cannot_be_used(place: str) -> None:
    """Keys are fetched, and secrets sent, over TLS only; an address that cannot be read is not trusted either."""
    names = ('token_endpoint', 'authorization_endpoint', 'revocation_endpoint', 'jwks_uri')
    metadata = {'issuer': 'https://sso.example', **dict.fromkeys(names, place)}
    with (
        Server(lambda visit: visit.send(response_bytes(metadata))) as sso,
        pytest.raises(TokenError, match='over https only'),
    ):
        EsiSecurity('http://localhost/cb', 'id', 'key', headers={'User-Agent': 'tests'}, sso_endpoints_url=sso.url)


@pytest.mark.parametrize(
    'login', ['javascript:alert(1)', 'data:text/html,x', 'file:///x', 'https://a\r\nX: y', '//a', ' x']
)
def test_browsers_are_sent_to_web_addresses_alone(login: str) -> None:
    page = {'issuer': 'https://sso.example', 'token_endpoint': 'https://x/t', 'authorization_endpoint': login}
    own = EsiSecurity('http://localhost/cb', 'id', 'key', headers={'User-Agent': 'tests'}, sso_endpoints=page)
    with pytest.raises(TokenError, match='http or https'):
        own.get_auth_uri('state')
