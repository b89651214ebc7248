"""`esi.openapi_clients`: operations by tag and name, on esipy's client.

provider = ESIClientProvider('2025-12-16', 'my-app', '1.0')
provider.client.Status.GetStatus().result().players
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any, NoReturn

from esipy._message.response import Response
from esipy._runtime import fork
from esipy._runtime.suggest import closest
from esipy._spec.model import Operation
from esipy._spec.table import snake
from esipy.client import EsiClient
from esipy.contrib.django import clients, conf
from esipy.contrib.django.compat import descriptions
from esipy.contrib.django.compat.cache_view import CacheView
from esipy.contrib.django.compat.exceptions import HTTPNotModified, translated
from esipy.contrib.django.compat.rate_limiting import ESIRateLimitBucket
from esipy.contrib.django.compat.records import to_records
from esipy.contrib.django.compat.responses import EsiResponse
from esipy.contrib.django.compat.statistics import Statistics
from esipy.contrib.django.redis_connection import redis_of
from esipy.events import advise_of_unknown
from esipy.exceptions import APIException, CallError, PaginationError

#: What `results()` walks to the end; other lists are one response.
_PAGED = ('pages', 'cursor')

#: The arguments of a provider.
_PROVIDER_OPTIONS = (
    'compatibility_date',
    'ua_appname',
    'ua_version',
    'ua_url',
    'spec_file',
    'tenant',
    'operations',
    'tags',
    'additional_spec_headers',
)

#: The options of `result()` and `results()`.
_OPTIONS = ('use_etag', 'return_response', 'force_refresh', 'use_cache', 'store_cache', 'last_modified')


class EsiOperation:
    """An operation, with its arguments once it was called: `client.Status.GetStatus()`."""

    def __init__(self, operation: Operation, api: ESIClient) -> None:
        self.operation = operation
        self.api = api
        self.method = operation.method
        self.url = operation.path
        self.token: Any = None
        limit = operation.rate_limit
        #: The rate limit of the operation; None where the description has none.
        self.bucket = ESIRateLimitBucket(limit.group, limit.tokens, limit.window) if limit is not None else None
        self._kwargs: dict[str, Any] = {}

    def __call__(self, **params: Any) -> EsiOperation:
        """Return the operation with arguments: its parameters, `body`, and `token`, a Token that signs it."""
        bound = copy.copy(self)
        bound.token = params.pop('token', self.token)
        bound._kwargs = {**self._kwargs, **{self._name(name): value for name, value in params.items()}}
        return bound

    def _name(self, given: str) -> str:
        """The name of a parameter: `Accept_Language` stands for `Accept-Language`."""
        if given in self.operation.accepts:
            return given
        header = given.replace('_', '-').lower()
        return next((name for name in self.operation.accepts if name.lower() == header), given)

    def required_scopes(self) -> list[str]:
        """Return the scopes that the token needs."""
        return list(self.operation.scopes)

    def result(
        self,
        use_etag: bool | None = None,
        return_response: bool = False,
        force_refresh: bool = False,
        use_cache: bool = True,
        store_cache: bool = True,
        last_modified: datetime | None = None,
        **extra: Any,
    ) -> Any:
        """Return the response's data: an object with attributes, a list, a number, a text; None for an empty body.

        `use_etag`: True raises HTTPNotModified where the data is the same as last time, False never does; None: as the
        setting `ESI_RAISE_NOT_MODIFIED` says. `return_response`: return (data, response). `force_refresh`, `use_cache`:
        ask the server whatever is stored. `store_cache`: False stores nothing, unless HTTPNotModified is to be raised,
        which takes what was stored last time. `last_modified`: ask only for what is newer; HTTPNotModified otherwise.
        `extra`: there are no others; they are accepted with a warning, since django-esi accepts any.

        Raises the errors of `esi.exceptions`; CallError (a ValueError) for arguments that are missing or wrong.
        """
        self._warn_of_unknown(extra)
        collected: list[Response] = []
        site, raises = self._client(use_etag, use_cache and not force_refresh, store_cache)
        self._execute(site.request, last_modified, collected, raise_on_error=True)
        response = collected[-1]
        if response.not_modified and last_modified is not None and response.status == 304:
            raise HTTPNotModified(304, response.headers)
        self._raise_if_unchanged(raises and _is_unchanged(response), collected)
        data = to_records(response.data)
        return (data, EsiResponse(response)) if return_response else data

    def results(
        self,
        use_etag: bool | None = None,
        return_response: bool = False,
        force_refresh: bool = False,
        use_cache: bool = True,
        store_cache: bool = True,
        last_modified: datetime | None = None,
        **extra: Any,
    ) -> Any:
        """Return a whole list; of numbered pages: in one state. Of anything else: what `result` returns.

        Arguments and errors as for `result`; with `return_response` the response is that of the last page.
        """
        if self.operation.paging not in _PAGED or 'page' in self._kwargs:
            return self.result(use_etag, return_response, force_refresh, use_cache, store_cache, last_modified, **extra)
        self._warn_of_unknown(extra)
        collected: list[Response] = []
        site, raises = self._client(use_etag, use_cache and not force_refresh, store_cache)
        found = self._execute(site.all, last_modified, collected)
        self._raise_if_unchanged(raises and found.not_modified, collected)
        data = to_records(list(found))
        return (data, EsiResponse(collected[-1])) if return_response else data

    def results_localized(self, languages: Sequence[str] | str | None = None, **options: Any) -> dict[str, Any]:
        """Return `results()` in each of `languages`, by default those of `ESI_LANGUAGES`: a dict by language."""
        wanted = [languages] if isinstance(languages, str) else list(languages or conf.get('ESI_LANGUAGES'))
        unknown = [language for language in wanted if language not in conf.get('ESI_LANGUAGES')]
        if unknown:
            known = ', '.join(conf.get('ESI_LANGUAGES'))
            fault = f'ESI_LANGUAGES ({known}) does not contain {", ".join(unknown)}'
            raise CallError(self.operation.id, [('languages', fault)])
        return {language: self(Accept_Language=language).results(**options) for language in wanted}

    def _client(self, use_etag: bool | None, reads: bool, stores: bool) -> tuple[EsiClient, bool]:
        """The client with the cache that a call asks for, and whether unchanged data is an error."""
        raises = bool(conf.get('ESI_RAISE_NOT_MODIFIED')) if use_etag is None else use_etag
        site = self.api.esi_client
        if reads and (stores or raises):
            return site, raises
        site = copy.copy(site)
        site.cache = CacheView(site.cache, reads=reads, stores=stores or raises)
        return site, raises

    def _execute(self, run: Any, last_modified: datetime | None, collected: list[Response], **options: Any) -> Any:
        if self.operation.scopes and self.token is None:
            fault = f'is missing: the operation needs a Token with {", ".join(self.operation.scopes)}'
            raise CallError(self.operation.id, [('token', fault)])
        call = self.operation(**self._kwargs)
        if last_modified is not None:
            moment = last_modified if last_modified.tzinfo else last_modified.replace(tzinfo=UTC)
            call[0]._p['header']['If-Modified-Since'] = format_datetime(moment.astimezone(UTC), usegmt=True)
        try:
            return run(call, token=self.token, collect=collected, **options)
        except (APIException, PaginationError) as error:
            found = translated(error, collected[-1] if collected else None, self.operation)
            if found is error:
                raise
            raise found from error

    def _warn_of_unknown(self, extra: Mapping[str, Any]) -> None:
        advise_of_unknown(f'{self.operation.id}: result() and results()', extra, _OPTIONS)

    @staticmethod
    def _raise_if_unchanged(is_unchanged: bool, collected: list[Response]) -> None:
        if is_unchanged:
            raise HTTPNotModified(304, collected[-1].headers)

    def __repr__(self) -> str:
        return f'<EsiOperation {self.operation.id}>'


def _is_unchanged(response: Response) -> bool:
    return response.not_modified or response.from_cache


class ESITag:
    """The operations of a tag: `client.Market.GetMarketsPrices`."""

    def __init__(self, name: str, operations: Mapping[str, Operation], api: ESIClient) -> None:
        self._name = name
        self._operations = operations
        self._api = api

    def __getattr__(self, name: str) -> EsiOperation:
        if name.startswith('__'):
            raise AttributeError(name)
        operation = self._operations.get(name) or self._renamed(name)
        if operation is None:
            nearest = ', '.join(closest(name, self._operations)) or ', '.join(sorted(self._operations))
            raise AttributeError(f'the tag {self._name} has no operation {name!r}; there are: {nearest}')
        return EsiOperation(operation, self._api)

    def _renamed(self, name: str) -> Operation | None:
        """An operation under an earlier name: method and path stay the same when ids change from date to date."""
        found: Operation | None = self._api.operations.get(snake(name))
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._operations})


class ESIClient:
    """The operations of a description by tag: `client.Market`; spaces in a tag are `_`: `client.Faction_Warfare`."""

    def __init__(self, esi_client: EsiClient, app: Any) -> None:
        self.esi_client = esi_client
        self.app = app

    @property
    def operations(self) -> Any:
        return self.app.op

    @cached_property
    def _by_tag(self) -> dict[str, dict[str, Operation]]:
        found: dict[str, dict[str, Operation]] = {}
        for name in self.operations:
            operation = self.operations[name]
            for tag in operation.tags:
                found.setdefault(tag.replace(' ', '_'), {})[operation.id] = operation
        return found

    def __getattr__(self, name: str) -> ESITag:
        if name.startswith('_'):
            raise AttributeError(name)
        if name not in self._by_tag:
            nearest = ', '.join(closest(name, self._by_tag) or sorted(self._by_tag))
            raise AttributeError(f'the description has no tag {name!r}; there are: {nearest}')
        return ESITag(name, self._by_tag[name], self)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._by_tag})

    def purge_all_etags(self) -> int:
        """Remove all stored responses, so that everything is fetched again. Returns how many there were.

        Raises NotImplementedError where the cache is not Redis: others cannot list their entries.
        """
        from django.core.cache import caches

        alias = conf.get('ESI_CACHE_ALIAS')
        client = redis_of(alias)
        if client is None:
            raise NotImplementedError(
                'purge_all_etags() needs a cache in Redis; result(force_refresh=True) fetches one response again'
            )
        begins = caches[alias].make_key('esi_')
        pattern = ''.join(f'[{letter}]' if letter in '*?[]' else letter for letter in begins) + '*'
        return sum(client.delete(*batch) for batch in _batches(client.scan_iter(pattern, count=1000)))


def _batches(names: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := [name for _, name in zip(range(1000), names, strict=False)]:
        yield batch


class ESIClientProvider:
    """Makes the client of an app when it is first used: `provider.client`.

    `compatibility_date`: the date whose API is called. `ua_appname`, `ua_version`, `ua_url`: who calls; the contact
    e-mail of the settings is added. `spec_file`: a description in a file, instead of the server's. `tenant`: the server
    of the game. `additional_spec_headers`: sent with the request for the description.

    `operations` and `tags` are accepted and mean nothing: what is not used takes no memory here. `extra`: there are no
    others; they are accepted with a warning.
    """

    def __init__(
        self,
        compatibility_date: str | date,
        ua_appname: str,
        ua_version: str,
        ua_url: str | None = None,
        spec_file: Any = None,
        tenant: str = 'tranquility',
        operations: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        additional_spec_headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        advise_of_unknown('ESIClientProvider', extra, _PROVIDER_OPTIONS)
        self._date = descriptions.text_of(compatibility_date)
        self._ua_appname = ua_appname
        self._ua_version = ua_version
        self._ua_url = ua_url
        self._spec_file = spec_file
        self._tenant = tenant
        self._headers = dict(additional_spec_headers or {})
        #: The client, and the settings that it was made of; None for one that a test has put in its place.
        self._client: ESIClient | None = None
        self._settings: tuple[Any, ...] | None = None
        self._reset_after_fork()
        fork.reset_after_fork(self)
        if spec_file is None:
            clients.note_description(self._date, tenant)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    @property
    def client(self) -> ESIClient:
        """The client: one for the process, until a setting changes.

        Raises the errors of `esi.exceptions` where the description of the API cannot be loaded.
        """
        state = clients.state_of_settings()
        with self._lock:
            if self._client is None or self._settings not in (None, state):
                self._client, self._settings = self._make(), state
            return self._client

    @property
    def client_async(self) -> NoReturn:
        """There is none. Raises NotImplementedError."""
        raise NotImplementedError(
            'esipy is synchronous, so that there is no client_async: use client, and in an async view '
            'await asgiref.sync.sync_to_async(operation.result)()'
        )

    def _make(self) -> ESIClient:
        name = f'{self._ua_appname.replace(" ", "-")}/{self._ua_version}'
        options: dict[str, Any] = {} if self._tenant == 'tranquility' else {'headers': {'X-Tenant': self._tenant}}
        try:
            app = descriptions.app(self._date, self._tenant, self._spec_file, self._headers)
        except APIException as error:
            raise translated(error, None, None) from error
        client = clients.make_client(
            app=app,
            compatibility_date=self._date,
            user_agent=clients.user_agent(name, self._ua_url),
            plugins=[Statistics(EsiOperation)],
            **options,
        )
        return ESIClient(client, app)

    def __str__(self) -> str:
        return f'ESIClientProvider - {self._ua_appname} ({self._ua_version})'
