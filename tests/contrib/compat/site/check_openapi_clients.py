"""`esi.openapi_clients`: operations by tag and name; what they return and raise."""

import itertools
import pickle
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import override_settings

from esipy.contrib.django import errors
from esipy.contrib.django.compat import exceptions
from esipy.contrib.django.compat.openapi_clients import ESIClientProvider, EsiOperation
from esipy.contrib.django.compat.rate_limiting import ESIRateLimitBucket
from esipy.contrib.django.compat.records import Record
from esipy.contrib.django.compat.signals import esi_request_statistics
from esipy.exceptions import APIException, CallError, LimitedError, PaginationError, SnapshotError
from esipy.sandbox import Sandbox
from tests import servers
from tests.contrib.compat.site.conftest import Token

DATE = '2026-08-04'
CHARACTER = 90000001


@pytest.fixture
def provider(esi_sandbox: Sandbox) -> ESIClientProvider:
    return ESIClientProvider(DATE, 'My App', '1.0', ua_url='https://example.com')


@pytest.fixture
def esi(provider: ESIClientProvider) -> Any:
    return provider.client


@pytest.fixture
def token(esi_sandbox: Sandbox) -> Token:
    return Token(esi_sandbox.token(CHARACTER), CHARACTER)


# ------------------------------------------------------------------ what comes back


def test_an_object(esi: Any) -> None:
    status = esi.Status.GetStatus().result()
    assert status.players > 0
    assert status['players'] == status.players
    assert type(status.start_time) is datetime
    assert status.start_time.utcoffset() == timedelta(0)
    assert status.model_dump()['start_time'] is status.start_time
    assert dict(status)['players'] == status.players
    assert pickle.loads(pickle.dumps(status)) == status
    with pytest.raises(AttributeError):
        _ = status.nothing
    with pytest.raises(KeyError):
        _ = status['nothing']


def test_a_list_of_all_pages(esi: Any, esi_sandbox: Sandbox) -> None:
    orders = esi.Market.GetMarketsRegionIdOrders(region_id=10000002, order_type='all')
    everything = orders.results()
    assert type(everything) is list
    assert len(everything) > len(orders.result())
    assert {type(order).__mro__[1] for order in everything} == {Record}
    assert all(order.price > 0 for order in everything)
    assert len(orders(page=2).results()) == len(orders(page=2).result())


def test_a_single_object_is_an_object(esi: Any) -> None:
    operation = esi.Character.GetCharactersDetail(character_id=CHARACTER)
    assert operation.results() == operation.result()
    assert operation.results().name


def test_a_field_that_is_not_there_is_none() -> None:
    with (
        servers.Server(
            lambda visit: visit.send(servers.response_bytes({'name': 'Somebody', 'later': {'from': 1}}))
        ) as server,
        override_settings(ESI_API_URL=server.url),
    ):
        document = Path(__file__).parent / 'characters.json'
        found = ESIClientProvider(DATE, 'app', '1', spec_file=document).client.Character.GetCharacter(id=1).result()
        assert (found.name, found.alliance_id, found.birthday) == ('Somebody', None, None)
        assert found.model_dump() == {'name': 'Somebody', 'alliance_id': None, 'birthday': None, 'later': {'from': 1}}
        assert (found.later.from_, found.later['from'], getattr(found.later, 'from')) == (1, 1, 1)
        assert found.model_dump_json(exclude_none=True) == '{"name": "Somebody", "later": {"from": 1}}'


def test_numbers_and_texts(esi: Any, token: Token) -> None:
    assert isinstance(esi.Wallet.GetCharactersCharacterIdWallet(character_id=CHARACTER, token=token).result(), float)
    assert all(isinstance(number, int) for number in esi.Universe.GetUniverseTypes().results())


def test_a_response_too(esi: Any) -> None:
    orders = esi.Market.GetMarketsRegionIdOrders(region_id=10000002, order_type='all')
    for found, response in (orders.result(return_response=True), orders.results(return_response=True)):
        assert found
        assert (response.status_code, response.is_success) == (200, True)
        assert int(response.headers['x-pages']) == 5
        assert response.json()
        assert '[' in response.text


def test_a_body(esi: Any) -> None:
    assert esi.Universe.PostUniverseNames(body=[30000142]).result()[0].name == 'Jita'


def test_languages(esi: Any, esi_sandbox: Sandbox) -> None:
    system = esi.Universe.GetUniverseSystemsSystemId(system_id=30000142)
    found = system.results_localized(['en', 'de'])
    assert list(found) == ['en', 'de']
    assert len(esi_sandbox.log.calls('get_universe_systems_system_id')) == 2, 'each language has its own response'
    assert list(system.results_localized('fr')) == ['fr']
    assert len(system.results_localized()) == 8
    with pytest.raises(CallError, match=r'ESI_LANGUAGES \(en, .*\) does not contain xx'):
        system.results_localized(['xx'])


# ------------------------------------------------------------------ 304, and the cache


def test_unchanged_data_is_the_same_data(esi: Any, esi_sandbox: Sandbox) -> None:
    status = esi.Status.GetStatus()
    first = status.result()
    assert status.result() == first
    with_clock_moved(esi_sandbox, 31)
    assert status.result() == first
    assert [entry.status for entry in esi_sandbox.log.calls('get_status')] == [200, 304]


def with_clock_moved(esi_sandbox: Sandbox, seconds: float) -> None:
    esi_sandbox.clock.move(seconds)


@pytest.mark.parametrize('paged', [False, True])
@pytest.mark.parametrize('asked', ['argument', 'setting'])
def test_not_modified_where_it_is_asked_for(esi: Any, esi_sandbox: Sandbox, asked: str, paged: bool) -> None:
    options: dict[str, Any] = {'use_etag': True} if asked == 'argument' else {}
    operation: Any = esi.Status.GetStatus().result
    if paged:
        operation = esi.Market.GetMarketsRegionIdOrders(region_id=10000002, order_type='all').results
    with override_settings(ESI_RAISE_NOT_MODIFIED=asked == 'setting'):
        assert operation(**options, store_cache=False)
        for _ in range(2):
            with pytest.raises(exceptions.HTTPNotModified) as caught:
                operation(**options, store_cache=False)
            assert caught.value.status_code == 304
            assert caught.value.headers['etag']
            with_clock_moved(esi_sandbox, 400)
        assert operation(use_etag=False)
        assert operation(**options, force_refresh=True)


def test_options_of_the_cache(esi: Any, esi_sandbox: Sandbox) -> None:
    def count() -> int:
        return len(esi_sandbox.log.calls('get_status'))

    status = esi.Status.GetStatus()
    status.result(store_cache=False)
    status.result(store_cache=False)
    assert count() == 2, 'nothing was stored'
    status.result()
    status.result(store_cache=False)
    assert count() == 3, 'what is stored is used'
    status.result(use_cache=False)
    status.result(force_refresh=True)
    assert count() == 5
    status.result()
    assert count() == 5, 'what was fetched anew is stored'


def test_only_what_is_newer(esi: Any, esi_sandbox: Sandbox) -> None:
    orders = esi.Market.GetMarketsRegionIdOrders(region_id=10000002, order_type='all', page=1)
    newest = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(exceptions.HTTPNotModified):
        orders.result(last_modified=newest)
    assert orders.result(last_modified=datetime(2000, 1, 1))


def test_all_stored_responses_are_removed(redis_url: str, esi_sandbox: Sandbox) -> None:
    caches = {'BACKEND': 'django.core.cache.backends.redis.RedisCache', 'LOCATION': redis_url, 'KEY_PREFIX': 'a*[b'}
    with override_settings(CACHES={'default': caches}):
        esi = ESIClientProvider(DATE, 'app', '1').client
        esi.Status.GetStatus().result()
        assert esi.purge_all_etags() >= 1
        esi.Status.GetStatus().result()
        assert len(esi_sandbox.log.calls('get_status')) == 2


def test_a_cache_that_cannot_list_its_entries(esi: Any) -> None:
    with pytest.raises(NotImplementedError, match='force_refresh=True'):
        esi.purge_all_etags()


# ------------------------------------------------------------------ errors


def test_an_error_of_the_client(esi: Any) -> None:
    with pytest.raises(exceptions.HTTPClientError) as caught:
        esi.Character.GetCharactersDetail(character_id=404).result()
    error = caught.value
    assert (error.status_code, error.data.error) == (404, 'Not found')
    assert 'GetCharactersDetail' in str(error)
    assert isinstance(error.__cause__, APIException)
    assert pickle.loads(pickle.dumps(error)) == error


FAULTS = [
    (b'{"error": "broken"}', 502, exceptions.HTTPServerError),
    (b'{"error": "not yours"}', 403, exceptions.HTTPClientError),
    (b'<html>', 404, exceptions.HTTPClientError),
    (b'<html>', 200, exceptions.ContentTypeError),
    (None, 0, exceptions.RequestError),
]


@pytest.mark.parametrize(('body', 'status', 'kind'), FAULTS)
def test_the_error_of_each_fault(body: bytes | None, status: int, kind: type[Exception]) -> None:
    def page(visit: servers.Visit) -> None:
        if body is not None:
            visit.send(servers.response_bytes(body, status=status))

    with servers.Server(page) as server, override_settings(ESI_API_URL=server.url, ESI_SERVER_ERROR_MAX_RETRIES=0):
        document = Path(__file__).parent / 'characters.json'
        esi = ESIClientProvider(DATE, 'app', '1', spec_file=document).client
        with pytest.raises(kind) as caught:
            esi.Character.GetCharacter(id=1).result()
        assert type(caught.value).__name__ == kind.__name__
        assert 'GetCharacter' in str(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).operation == 'GetCharacter'
        assert 'HTTP Error 0' not in str(pickle.loads(pickle.dumps(caught.value)))
        assert caught.value.status_code == status  # type: ignore[attr-defined]


LISTS = [
    ('3', exceptions.HTTPSnapshotError, exceptions.HTTPServerError, SnapshotError, 503),
    ('many', exceptions.HTTPListError, exceptions.HTTPError, PaginationError, 0),
]


@pytest.mark.parametrize(('pages', 'kind', 'caught_as', 'of_esipy', 'status'), LISTS)
def test_a_list_that_cannot_be_had(
    document: Path, pages: str, kind: Any, caught_as: Any, of_esipy: Any, status: int
) -> None:
    """Each page is of another second; or nobody can say how many pages there are."""
    seconds = itertools.count()

    def page(visit: servers.Visit) -> None:
        modified = format_datetime(datetime(2026, 8, 4, tzinfo=UTC) + timedelta(seconds=next(seconds)), usegmt=True)
        visit.send(servers.response_bytes([{'order_id': 1}], headers={'X-Pages': pages, 'Last-Modified': modified}))

    with servers.Server(page) as server, override_settings(ESI_API_URL=server.url):
        esi = ESIClientProvider(DATE, 'app', '1', spec_file=document).client
        with pytest.raises(caught_as) as caught:
            esi.Market.GetMarketsRegionIdOrders(region_id=10000002, order_type='all').results()
    error = caught.value
    assert type(error) is kind
    assert isinstance(error, of_esipy)
    assert error.status_code == status
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.operation, again.reason) == ('GetMarketsRegionIdOrders', error.reason)
    assert str(again) == f'{"HTTP Error 503" if status else "GetMarketsRegionIdOrders"}: {error.reason}'


@pytest.mark.parametrize(
    'error', [errors.SSOUnavailableError(), errors.TokenInvalidError('gone'), errors.TokenDatabaseError('locked')]
)
@pytest.mark.parametrize('method', ['result', 'results'])
def test_errors_of_a_token_stay_what_they_are(
    esi: Any, token: Token, monkeypatch: pytest.MonkeyPatch, error: Exception, method: str
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(token, 'valid_access_token', fail)
    assets = esi.Assets.GetCharactersCharacterIdAssets(character_id=CHARACTER, token=token)
    with pytest.raises(errors.DjangoEsiException) as caught:
        getattr(assets, method)()
    assert caught.value is error


def test_they_are_errors_of_aiopenapi3_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    theirs = types.ModuleType('aiopenapi3.errors')

    class HTTPError(Exception):
        pass

    class HTTPClientError(HTTPError):
        def __init__(self, http_status: int, headers: Any, data: Any) -> None:
            raise AssertionError('it has other arguments')

    theirs.HTTPError, theirs.HTTPClientError = HTTPError, HTTPClientError  # type: ignore[attr-defined]
    assert not isinstance(exceptions.HTTPClientError(404), HTTPError)
    monkeypatch.setitem(sys.modules, 'aiopenapi3.errors', theirs)
    error = exceptions.HTTPClientError(status_code=404, headers={'a': 'b'}, data=b'')
    assert isinstance(error, HTTPClientError)
    assert isinstance(error, exceptions.HTTPClientError)
    assert (error.status_code, error.headers, str(error)) == (404, {'a': 'b'}, 'HTTP Error 404')
    assert isinstance(exceptions.HTTPNotModified(304, {}), HTTPError)
    assert pickle.loads(pickle.dumps(error)) == error


def test_a_rate_limit(esi: Any, esi_sandbox: Sandbox) -> None:
    esi_sandbox.faults.add('limited', status=429, seconds=77, operation='get_status', n=1)
    with pytest.raises(exceptions.ESIBucketLimitException) as caught:
        esi.Status.GetStatus().result()
    assert isinstance(caught.value, LimitedError)
    assert caught.value.bucket.slug == 'status'
    assert 70 < caught.value.reset <= 78  # type: ignore[operator]
    assert caught.value.retry_after == caught.value.reset


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (LimitedError('', 420, retry_after=7.2), 'the error limit is reached; try again in 8 s'),
        (LimitedError('', 420), 'the error limit is reached; try again later'),
        (LimitedError('', 429, limit='status'), 'the rate limit status is reached; try again later'),
        (LimitedError('', 429), 'the rate limit of this route is reached; try again later'),
    ],
)
def test_how_long_a_limit_blocks_is_said_where_it_is_known(error: LimitedError, text: str) -> None:
    found: Any = exceptions.translated(error, None, None)
    assert str(found) == text
    assert found.reset == (error.retry_after or 60), 'sites wait for so long'


def test_the_exceptions_of_limits() -> None:
    bucket = ESIRateLimitBucket('orders', 10, 60)
    for error, text in [
        (exceptions.ESIErrorLimitException(), 'the error limit is reached; try again later'),
        (exceptions.ESIErrorLimitException(12), 'the error limit is reached; try again in 12 s'),
        (exceptions.ESIErrorLimitException(reset=12, message='mine'), 'mine'),
        (exceptions.ESIBucketLimitException(bucket, 3.5), 'the rate limit orders is reached; try again in 4 s'),
        (exceptions.ESIBucketLimitException(''), 'the rate limit of this route is reached; try again later'),
        (exceptions.TaskBucketLimitException(bucket, 2), 'the rate limit orders is reached; try again in 2 s'),
        (exceptions.TaskBucketLimitException('', 2), 'the rate limit of this task is reached; try again in 2 s'),
    ]:
        again = pickle.loads(pickle.dumps(error))
        assert (str(error), str(again), again.reset) == (text, text, error.reset)
    assert isinstance(ESIRateLimitBucket.MARKET_DATA_HISTORY, ESIRateLimitBucket)


# ------------------------------------------------------------------ operations, tokens, arguments


def test_names(esi: Any) -> None:
    assert 'GetStatus' in dir(esi.Status)
    assert {'Status', 'Corporation_Projects'} <= set(dir(esi))
    with pytest.raises(AttributeError, match='GetStatus'):
        _ = esi.Status.GetStatos
    with pytest.raises(AttributeError, match='Status'):
        _ = esi.Statos
    assert esi.Character.GetCharactersCharacterId.operation.id == 'GetCharactersDetail', 'its name of an earlier date'


def test_an_operation(esi: Any, token: Token) -> None:
    wallet = esi.Wallet.GetCharactersCharacterIdWallet(character_id=CHARACTER)
    assert isinstance(wallet, EsiOperation)
    assert wallet.required_scopes() == ['esi-wallet.read_character_wallet.v1']
    assert (wallet.bucket.slug, wallet.method, wallet.token) == ('char-wallet', 'GET', None)  # type: ignore[union-attr]
    assert wallet(token=token).result() > 0


BAD = [
    ({'nope': 1}, 'nope'),
    ({'token': 'missing'}, 'token: is missing'),
    ({'character_id': None}, 'character_id'),
]


@pytest.mark.parametrize(('arguments', 'message'), BAD)
def test_bad_arguments(esi: Any, token: Token, arguments: dict[str, Any], message: str) -> None:
    given = {'character_id': CHARACTER, 'token': token, **arguments}
    given = {name: value for name, value in given.items() if value not in (None, 'missing')}
    with pytest.raises(ValueError, match=message):
        esi.Wallet.GetCharactersCharacterIdWallet(**given).result()


def test_who_calls(esi: Any, esi_sandbox: Sandbox) -> None:
    esi.Status.GetStatus().result()
    headers = esi_sandbox.log.calls('get_status')[0].headers
    assert headers['user-agent'].startswith('My-App/1.0 (admin@example.com; +https://example.com) esipy/')
    assert headers['x-compatibility-date'] == DATE


def test_the_signal_of_each_response(esi: Any) -> None:
    got: list[dict[str, Any]] = []

    def receive(sender: Any, **sent: Any) -> None:
        got.append({'sender': sender, **sent})

    esi_request_statistics.connect(receive)
    try:
        esi.Status.GetStatus().result()
        esi.Status.GetStatus().result()
    finally:
        esi_request_statistics.disconnect(receive)
    assert [(one['operation'], one['status_code'], one['bucket']) for one in got] == [
        ('GetStatus', 200, 'status'),
        ('GetStatus', 0, 'status'),
    ]
    assert got[0]['latency'] > 0
    assert got[0]['sender'] is EsiOperation
    assert got[0]['headers']['etag']


def test_options_that_do_not_exist(esi: Any) -> None:
    """django-esi accepts any: a site that has one of an earlier release goes on working, and reads of it."""
    with pytest.warns(UserWarning, match="unknown option 'use_caches', did you mean 'use_cache'"):
        assert esi.Status.GetStatus().results(use_caches=False).players
    with pytest.warns(UserWarning, match="unknown option 'tag', did you mean 'tags'"):
        ESIClientProvider(DATE, 'app', '1', tag=['Status'])


def test_asynchronous_code(provider: ESIClientProvider) -> None:
    """There is no client for it; the remedy in the message works."""
    with pytest.raises(NotImplementedError, match='sync_to_async'):
        _ = provider.client_async

    async def view() -> Any:
        return await sync_to_async(provider.client.Status.GetStatus().result)()

    assert async_to_sync(view)().players


# ------------------------------------------------------------------ providers


@pytest.fixture
def document(esi_sandbox: Sandbox, tmp_path: Path) -> Path:
    import json

    path = tmp_path / 'openapi.json'
    path.write_text(json.dumps(esi_sandbox.document))
    return path


def test_a_description_in_a_file(document: Path, esi_sandbox: Sandbox) -> None:
    provider = ESIClientProvider(date(2026, 8, 4), 'app', '1', spec_file=str(document), tags=['Status'])
    assert provider.client.Status.GetStatus().result().players
    assert [entry.operation for entry in esi_sandbox.log.entries] == ['GetStatus']
    assert str(provider) == 'ESIClientProvider - app (1)'


def test_a_description_that_cannot_be_loaded() -> None:
    with servers.Server(lambda visit: visit.send(servers.response_bytes(b'{}', status=503))) as server:
        address = server.url
    provider = ESIClientProvider(DATE, 'app', '1')
    with override_settings(ESI_API_URL=address), pytest.raises(exceptions.RequestError):
        _ = provider.client


def test_one_description_for_all_providers(esi_sandbox: Sandbox) -> None:
    first, second = (ESIClientProvider(DATE, name, '1').client for name in ('a', 'b'))
    assert first.app is second.app
    assert first.esi_client is not second.esi_client


def test_one_client_until_a_setting_changes(provider: ESIClientProvider) -> None:
    before = provider.client
    assert provider.client is before
    with override_settings(ESI_USER_CONTACT_EMAIL='other@example.com'):
        assert provider.client is not before


def test_another_tenant(esi_sandbox: Sandbox) -> None:
    ESIClientProvider(DATE, 'app', '1', tenant='singularity').client.Status.GetStatus().result()
    assert esi_sandbox.log.calls('get_status')[0].headers['x-tenant'] == 'singularity'


def test_headers_for_the_description() -> None:
    with Sandbox() as esi, override_settings(ESI_API_URL=esi.url):
        provider = ESIClientProvider(DATE, 'app', '1', additional_spec_headers={'X-Proxy': 'yes'})
        assert provider.client.Status.GetStatus().result()


@pytest.mark.parametrize('day', ['today', '2026-8-4', None], ids=repr)
def test_what_is_not_a_date(day: Any) -> None:
    with pytest.raises(ValueError, match='compatibility_date'):
        ESIClientProvider(day, 'app', '1')
