"""App: a description made callable. EsiApp: finds, caches and revalidates ESI's own."""

from __future__ import annotations

import copy
import logging
import marshal
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, overload
from urllib.parse import urlsplit, urlunsplit

from esipy import clock
from esipy._cache.base import BaseCache
from esipy._cache.check import check_cache
from esipy._cache.policy import lifetime, validators
from esipy._documents.live import COMPATIBILITY_DATE
from esipy._documents.parse import parse, read
from esipy._documents.source import load
from esipy._message.bind import bind, day_of
from esipy._message.call import Call
from esipy._message.headers import OURS
from esipy._message.lowercase import lowercase
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._runtime import fork
from esipy._runtime.attribute import computed
from esipy._runtime.redact import masked_address, masked_error
from esipy._spec.model import Operation
from esipy._spec.reader import Reader
from esipy._spec.refs import shown
from esipy._spec.table import OpTable
from esipy.events import advise, advise_of_unknown
from esipy.exceptions import APIException, SpecError, UnknownOperationError

LOGGER = logging.getLogger(__name__)

LIVE_DOCUMENT = 'https://esi.evetech.net/meta/openapi.json'


class App:
    """An API description with its operations: `app.op['get_status']()` makes a call.

    Immutable, safe between threads, and it pickles. Operations are read from the document when they are first used.
    """

    def __init__(self, reader: Reader, tenant: str | None = None, compatibility_date: str | None = None) -> None:
        self._reader = reader
        self._tenant = tenant
        self._compatibility_date = compatibility_date or reader.compatibility_date
        self._op = OpTable(reader, self._bind)

    @classmethod
    def create(cls, url: Any, strict: Any = True) -> App:
        """Load a description: Swagger 2.0, OpenAPI 3.0 or 3.1, or a table of endpoints; as JSON or (extra `yaml`) YAML.

        `url`: an address, a path, a `file://` address, a Path, text, bytes, or a dict. `strict` is taken and has no
        meaning: 1.x validated the whole document with it; now a broken part raises an error when it is used.
        Raises SpecError (a ValueError) if it is not a description, APIException if the address fails.
        """
        return cls(load(_own(url) if isinstance(url, dict) else url))

    @computed
    def op(self) -> OpTable:
        """The operations, by any of their names."""
        return self._op

    def by_path(self, method: str, path: str, /, **params: Any) -> tuple[Request, Response]:
        """The call of the operation at a method and path: `app.by_path('GET', '/universe/systems/{system_id}/', …)`.

        Values may stand in the path: '/characters/12345/'. Raises UnknownOperationError with the nearest paths, and
        what `app.op[name](…)` raises.
        """
        operation, given = self._op.at(method, path)
        call: tuple[Request, Response] = operation(**given, **params)
        return call

    @property
    def raw(self) -> Mapping[str, Any]:
        """The document."""
        return self._reader.document

    @property
    def version(self) -> str:
        """The format's version, as the document says it: '2.0', '3.1.0'."""
        return self._reader.version

    @property
    def compatibility_date(self) -> str | None:
        """The day whose API is called; None where the API knows none."""
        return self._compatibility_date

    def _bind(self, operation: Operation, given: dict[str, Any]) -> tuple[Request, Response]:
        parts = bind(operation, given)
        if self._tenant and 'x-tenant' in operation.header_names:
            parts['header'].setdefault('X-Tenant', self._tenant)
        request = Request(operation, parts, self._compatibility_date)
        return Call((request, Response(request)))

    def __repr__(self) -> str:
        info = self.raw.get('info')
        title = info.get('title', '') if isinstance(info, Mapping) else ''
        return f'<App {shown(title)}: {len(self.op)} operations>'

    def __reduce__(self) -> tuple[Any, ...]:
        # Where the document came from may be part of the servers' addresses.
        return _revive, (dict(self.raw), self._reader.source_url, self._tenant, self._compatibility_date)


def _own(document: dict[str, Any]) -> Any:
    """A copy of a description that an app has made, and may go on editing: operations are read from it later."""
    try:
        return marshal.loads(marshal.dumps(document))  # the quickest that there is for the types of JSON
    except ValueError:  # others, as from a loader of YAML or TOML
        try:
            return copy.deepcopy(document)
        except RecursionError:
            raise SpecError('description: not an API description: it is nested too deeply') from None


def _revive(document: Mapping[str, Any], source_url: str, tenant: str | None, compatibility_date: str | None) -> App:
    return App(read(document, source_url), tenant, compatibility_date)


class _OldDocument:
    """`EsiApp.get_latest_swagger` and the others. No `__getattr__`, behind which IPython would complete nothing."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, app: None, kind: type | None = None) -> _OldDocument: ...

    @overload
    def __get__(self, app: EsiApp, kind: type | None = None) -> App: ...

    def __get__(self, app: EsiApp | None, kind: type | None = None) -> _OldDocument | App:
        return self if app is None else app._old_document(self._name)


class EsiApp:
    """ESI's App, found, cached and kept up to date: `EsiApp().op['get_status']()`.

    `cache`: a BaseCache; None: none; by default a DictCache. `cache_time`: seconds for which the document is taken
    from there without asking; 0: for ever; None: as long as the server says. `cache_prefix`: before its keys.
    `meta_url`: where the document is. `datasource`: the server of the game, 'tranquility' or 'singularity'.
    `compatibility_date`: 'YYYY-MM-DD', the day whose API is called. Raises CallError for anything else.

    The cache holds the document's bytes. When the server cannot be reached the last copy is used, with a warning;
    where there is none, making an EsiApp raises APIException.
    """

    def __init__(
        self,
        cache: Any = False,
        cache_time: float | None = 86400,
        cache_prefix: str = 'esipy',
        meta_url: str = LIVE_DOCUMENT,
        datasource: str = 'tranquility',
        compatibility_date: Any = None,
        **unknown: Any,
    ) -> None:
        advise_of_unknown('EsiApp', unknown, _OPTIONS)
        self.meta_url = meta_url
        self.cache_time = cache_time
        self.expire = 86400 if cache_time is not None and cache_time < 0 else cache_time
        self.cache_prefix = cache_prefix
        self.esi_meta_cache_key = f'{cache_prefix}:app:meta_swagger_url'
        self.caching = cache is not None
        self.cache: BaseCache = check_cache(cache)
        self.datasource = datasource
        self.compatibility_date = None if compatibility_date is None else day_of(compatibility_date, 'EsiApp')
        # Documents that this object has read already, so that the same bytes are not read again.
        self._made: dict[str, tuple[bytes, App]] = {}
        self._reset_after_fork()
        fork.reset_after_fork(self)
        self._app: App | None = self._document(meta_url, self.esi_meta_cache_key)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    @computed
    def app(self) -> App:
        """The App of the document at `meta_url`, loaded again after `clear_cached_endpoints`."""
        app = self._app
        if app is None:
            app = self._app = self._document(self.meta_url, self.esi_meta_cache_key)
        return app

    @computed
    def op(self) -> OpTable:
        """The operations of `app`."""
        return self.app.op

    def by_path(self, method: str, path: str, /, **params: Any) -> tuple[Request, Response]:
        """The call of the operation at a method and path, as `App.by_path`."""
        return self.app.by_path(method, path, **params)

    get_latest_swagger = _OldDocument()
    get_dev_swagger = _OldDocument()
    get_legacy_swagger = _OldDocument()
    get__latest_swagger = _OldDocument()
    get__dev_swagger = _OldDocument()
    get__legacy_swagger = _OldDocument()
    get_v1_swagger = _OldDocument()
    get_v2_swagger = _OldDocument()
    get_v3_swagger = _OldDocument()
    get_v4_swagger = _OldDocument()
    get_v5_swagger = _OldDocument()
    get_v6_swagger = _OldDocument()

    def _old_document(self, name: str) -> App:
        """The App of `get_latest_swagger`, …; the one of the live document where the server has only that."""
        try:
            url = self.op[name].url
        except UnknownOperationError:
            # Not the old meta document, which listed the others: this is the one document that there is.
            return self.app
        if 'swagger.json' not in url:
            raise AttributeError(f'{name} is not the name of a Swagger document')
        scheme = self.meta_url.partition(':')[0]
        return self._document(f'{scheme}:{url}', f'{self.cache_prefix}:app:{url}')

    def clear_cached_endpoints(self, prefix: str | None = None) -> None:
        """Forget the documents, here and in the cache; the next use loads them again."""
        prefix = self.cache_prefix if prefix is None else prefix
        operations = () if self._app is None else self._app.op.values()
        for key in [*(f'{prefix}:app:{operation.url}' for operation in operations), self.esi_meta_cache_key]:
            try:
                self.cache.invalidate(key)
            except Exception as error:
                LOGGER.warning('%s: the copy in the cache cannot be deleted: %s', key, masked_error(error))
        self._made.clear()
        self._app = None

    # ------------------------------------------------------------------ finding a document

    def _document(self, url: str, key: str) -> App:
        """The App of a document: from the cache while that is fresh, else from the server, else from the cache."""
        with self._lock:
            cached = self._from_cache(url, key)
            claim = f'{key}:claim'
            if cached is None:
                cached = self._awaited(url, key, claim)
            if cached is not None and clock.time() < cached.until:
                return cached.app
            try:
                return self._loaded(url, key, cached)
            finally:
                if cached is None:
                    self._give_up(claim)

    def _awaited(self, url: str, key: str, claim: str) -> _CachedDocument | None:
        """The copy that another worker is fetching for the cache at this moment; None once it is our turn: then the
        claim is ours. Workers that start at once would all ask for the same large document."""
        until = clock.monotonic() + _CLAIMED
        pause = 0.02
        while not self._claim(claim) and clock.monotonic() < until:
            clock.sleep(pause)
            pause = min(2 * pause, 0.25)
            cached = self._from_cache(url, key)
            if cached is not None:
                return cached
        cached = self._from_cache(url, key)  # the thread or process that had the claim before us may have stored it
        if cached is not None:
            self._give_up(claim)
        return cached

    def _claim(self, claim: str) -> bool:
        try:
            return self.cache.acquire(claim, _CLAIMED)
        except Exception as error:
            LOGGER.debug('%s: the cache cannot coordinate the download of processes: %s', claim, masked_error(error))
            return True

    def _give_up(self, claim: str) -> None:
        try:
            self.cache.invalidate(claim)
        except Exception as error:
            LOGGER.debug('%s: the cache cannot release the download for others: %s', claim, masked_error(error))

    def _loaded(self, url: str, key: str, cached: _CachedDocument | None) -> App:
        """The App of the document that the server has, or that was kept while the server is down."""
        try:
            content, headers = self._fetched(url, cached)
            app = self._make(key, content, url)
        except (APIException, SpecError) as error:
            if cached is None:
                raise
            message = f'{masked_address(url)} cannot be read ({error}); using the last copy'
            LOGGER.warning(message)
            advise(message)
            return cached.app
        self._remember(url, key, content, headers)
        return app

    def _from_cache(self, url: str, key: str) -> _CachedDocument | None:
        """The copy in the cache. An entry that is none is a miss."""
        try:
            content, headers, until = self.cache.get(key, None)
            headers = {name: value for name, value in headers.items() if {type(name), type(value)} == {str}}
            address = headers[_ADDRESS]
            if isinstance(content, bytes) and _without_query(address) == _without_query(url):
                app = self._make(key, content, url)
                elsewhere = [base for base in sorted(app._reader.base_urls()) if not _is_believable(base, url)]
                if elsewhere:
                    LOGGER.warning(
                        '%s: the copy in the cache is ignored, because its server is %s',
                        masked_address(url),
                        masked_address(elsewhere[0]),
                    )
                    return None
                if address != self._address(url):  # of another date or server of the game: better than none
                    return _CachedDocument(app, content, {}, 0.0)
                until = float('inf') if self.expire == 0 else float(until)
                return _CachedDocument(app, content, headers, until)
        except Exception as error:
            LOGGER.debug('%s: nothing in the cache (%s)', key, masked_error(error))
        return None

    def _fetched(self, url: str, cached: _CachedDocument | None) -> tuple[bytes, dict[str, str]]:
        from esipy._documents import fetch  # an App that is made from a file needs no transport

        response = fetch.get_with_retries(self._address(url), validators(cached.headers) if cached is not None else {})
        if response.status == 304 and cached is not None:
            return cached.content, {**cached.headers, **response.headers}
        return response.content, response.headers

    def _address(self, url: str) -> str:
        """Return where a document is requested: the old ones by server of the game, the live one by date. What the
        query of `url` already says stays, but for a date that EsiApp was given."""
        split = urlsplit(url)
        if split.path.endswith('swagger.json'):
            name, value, is_given = 'datasource', self.datasource, False
        else:
            date = self.compatibility_date
            name, value, is_given = 'compatibility_date', date or COMPATIBILITY_DATE, date is not None
        parts = [part for part in split.query.split('&') if part]
        named = [part for part in parts if part.partition('=')[0] == name]
        if is_given or not named:
            parts = [part for part in parts if part not in named] + [f'{name}={value}']
        return urlunsplit(split._replace(query='&'.join(parts), fragment=''))

    def _make(self, key: str, content: bytes, url: str) -> App:
        known = self._made.get(key)
        if known is not None and known[0] == content:
            return known[1]
        tenant = None if self.datasource == 'tranquility' else self.datasource
        app = App(read(parse(content, url), url), tenant, self.compatibility_date)
        self._made[key] = (content, app)
        return app

    def _remember(self, url: str, key: str, content: bytes, headers: dict[str, str]) -> None:
        now = clock.time()
        fresh = lifetime(lowercase(headers), now) if self.expire is None else self.expire
        headers = {**headers, _ADDRESS: self._address(url)}
        try:
            # Kept for ever: a copy is better than none when the server is down. `now + fresh` says how long unasked.
            self.cache.set(key, (content, headers, now + (fresh or 0.0)), 0)
        except Exception as error:
            LOGGER.warning('%s: the document cannot be cached: %s', key, masked_error(error))

    def __repr__(self) -> str:
        count = 'not loaded' if self._app is None else f'{len(self._app.op)} operations'
        return f'<EsiApp of {urlsplit(self.meta_url).hostname}, {self.datasource}: {count}>'


def _without_query(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query='', fragment=''))


def _is_believable(base_url: str, url: str) -> bool:
    """Whether a kept copy of the document at `url` may say that the API is at `base_url`: on the document's own server,
    or where ESI is. An attacker who can write to the cache could otherwise have everybody's tokens sent to a server of
    their own."""
    there, own = urlsplit(base_url), urlsplit(url)
    return there[:2] in (own[:2], ('https', own.netloc), urlsplit(LIVE_DOCUMENT)[:2])


class _CachedDocument(NamedTuple):
    """A copy of a document: used without asking `until` then."""

    app: App
    content: bytes
    headers: dict[str, str]
    until: float


_OPTIONS = ('cache', 'cache_time', 'cache_prefix', 'meta_url', 'datasource', 'compatibility_date')

#: The note on a kept document: where it came from. Apps that want another one may share the cache.
_ADDRESS = OURS + 'Address'

#: Seconds for which a worker has a document to itself; then the others go for it themselves.
_CLAIMED = 30
