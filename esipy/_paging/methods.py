"""The methods of EsiClient that need many calls. Each of these calls takes the way of all (`_call/pipeline.py`).

whole lists, streams, changes      results.py, and a file for each kind of pagination
names and ids in bulk              bulk_names.py
one call for many characters       characters.py
polling for changes                watch.py

They are imported by the first call that needs them: many programs have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from esipy._cache.base import BaseCache
from esipy._message.call import Pair
from esipy._message.pyswagger import to_request
from esipy._message.response import Response
from esipy._plugins.base import Batch
from esipy.exceptions import TokenError

if TYPE_CHECKING:
    from esipy._paging.bulk_names import BatchLookup, Ids, Names
    from esipy._paging.characters import ByCharacter
    from esipy._paging.paginator import Key, Paginator, PagingOptions
    from esipy._paging.results import Changes, WholeList
    from esipy._plugins.chain import Chain
    from esipy._spec.model import Operation
    from esipy.progress import Progress

#: More pages than this are not believed, unless `max_pages` allows them.
MAX_PAGES = 10_000

Result = TypeVar('Result')


class PagingMethods:
    """The part of EsiClient that makes many calls."""

    app: Any
    cache: BaseCache
    security: Any
    service: str

    def _make_fetcher(self, **options: Any) -> Callable[..., Response]:
        """Return what executes the requests of a list: with their bodies, and raising the error of an error status."""
        raise NotImplementedError

    def _vary_context(self) -> Any:
        """What all requests of this client have in common, and responses depend on."""
        raise NotImplementedError

    def as_character(self, character_id: int) -> Any:
        raise NotImplementedError

    @property
    def _chain(self) -> Chain | None:
        """The plugins, if there are any."""
        raise NotImplementedError

    @property
    def plugin_options(self) -> frozenset[str]:
        """The names of the options that the plugins accept for one call."""
        return self._chain.call_options if self._chain is not None else frozenset()

    def _run_batch(self, method: str, operation: str, options: dict[str, Any], run: Callable[[], Result]) -> Result:
        """Return `run()`, which makes the calls of a method, with the plugins around all of them."""
        chain = self._chain
        return run() if chain is None else chain.batch(self._batch(method, operation, options), run)

    def _stream_batch(
        self, method: str, operation: str, options: dict[str, Any], items: Iterator[Result]
    ) -> Iterator[Result]:
        """Return `items`, a generator that makes the calls of a method, with the plugins around all of them."""
        chain = self._chain
        return items if chain is None else chain.stream(self._batch(method, operation, options), items)

    def _batch(self, method: str, operation: str, options: dict[str, Any]) -> Batch:
        of_plugins = {name: value for name, value in options.items() if name in self.plugin_options}
        return Batch(method, operation, self.service, of_plugins)

    def paginate(
        self,
        call: Pair,
        *,
        pagination: str | None = None,
        threads: int = 8,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        progress: Progress | None = None,
        **options: Any,
    ) -> Iterator[Response]:
        """Yield the responses of a paginated list, one by one; numbered pages are fetched ahead in `threads`::

            for page in client.paginate(app.op['get_markets_region_id_orders'](region_id=10000002)):
                print(len(page.data), 'orders, as of', page.headers['Last-Modified'])

        `pagination`: its kind, where the description is wrong: 'pages', 'cursor', 'from_id', 'last_mail_id',
        'from_event', 'max_war_id'. `key`: the field, or a function, that identifies a record, where it is
        not recognised. `max_pages`: a list of more is an error. `progress`: called with (pages done, all pages; None if
        they are not known), or with the first alone if it takes no more.
        `options`: `opt`, `security`, `timeout`, `priority`, and what plugins accept, as in `request`.

        Raises what `request` raises under `raise_on_error`; PaginationError where the end cannot be reached; CallError,
        at once, for a call that cannot be paginated. A list that changes meanwhile warns: `all` returns one snapshot.
        """
        from esipy._paging import results

        chosen = _options(pagination, key, max_pages, progress, streams=True)
        paginator = self._paginator(call, chosen, options)
        pages = results.pages(paginator, bounded(threads))
        return self._stream_batch('paginate', paginator.operation.id, options, pages)

    def records(
        self,
        call: Pair,
        *,
        pagination: str | None = None,
        threads: int = 8,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        progress: Progress | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Yield the records of a paginated list, one by one, in flat memory. Arguments and errors as in `paginate`.

        With pagination by id or by cursor every record that exists throughout comes exactly once.
        """
        from esipy._paging import results

        chosen = _options(pagination, key, max_pages, progress, streams=True)
        paginator = self._paginator(call, chosen, options)
        records = results.records(paginator, bounded(threads))
        return self._stream_batch('records', paginator.operation.id, options, records)

    def all(
        self,
        call: Pair,
        *,
        pagination: str | None = None,
        threads: int = 20,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        max_expiry_wait: float = 10.0,
        progress: Progress | None = None,
        **options: Any,
    ) -> WholeList:
        """Return the whole list; of numbered pages: one snapshot, never parts of two::

            orders = client.all(app.op['get_markets_region_id_orders'](region_id=10000002))
            print(len(orders), 'orders, as of', orders.snapshot)

        `max_expiry_wait`: seconds, in all, to wait for an expiry that is near. Otherwise arguments and errors as in
        `paginate`; SnapshotError where the pages of one state cannot be had.
        """
        from esipy._paging import results

        chosen = _options(pagination, key, max_pages, progress)
        paginator = self._paginator(call, chosen, options)
        run = partial(results.whole, paginator, bounded(threads), max_expiry_wait)
        return self._run_batch('all', paginator.operation.id, options, run)

    def sync(
        self,
        call: Pair,
        cursor: str | None = None,
        *,
        pagination: str | None = None,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        progress: Progress | None = None,
        **options: Any,
    ) -> Changes:
        """Return the records that have changed since `cursor` (None: all), and the cursor for the next time::

            changed, cursor = client.sync(app.op['get_freelance_jobs'](), cursor)

        The cursor is a text, to be kept for as long as you like. Each record comes once, in its latest state. If the
        list shows removed records for a limited time (`x-tombstone-ttl`) and the cursor is older, everything is fetched
        from the start, and the result is `restarted`. Arguments and errors as in `paginate`.
        """
        from esipy._paging import results

        chosen = _options(pagination, key, max_pages, progress)
        paginator = self._paginator(call, chosen, options)
        return self._run_batch('sync', paginator.operation.id, options, partial(results.sync, paginator, cursor))

    def _paginator(self, call: Pair, chosen: PagingOptions, options: dict[str, Any]) -> Paginator:
        from esipy._paging.paginator import Paginator

        request = to_request(call)  # before the options: arguments of an operation that was not called look like some
        return Paginator(self._make_fetcher(**options), request, chosen)

    def names(
        self,
        ids: Iterable[Any],
        *,
        app: Any = None,
        threads: int = 4,
        progress: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Names:
        """Return the names of any number of ids: a dict of id to row (`name`, `category`), and the ids that do not
        exist in its `unknown`::

            names = client.names([30000142, 34])
            print(names[34].name)

        Each name is cached on its own. `app`: whose POST /universe/names is used; by default the client's, else ESI's
        own. `progress`: called with (requests done, all requests), or with the first alone if it takes no more.
        """
        from esipy._paging import bulk_names

        lookup = self._lookup(app, 'post_universe_names', threads, progress, options)
        return self._run_batch('names', lookup.operation.id, options, partial(bulk_names.names, lookup, ids))

    def ids(
        self,
        names: Iterable[str],
        *,
        app: Any = None,
        threads: int = 4,
        progress: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Ids:
        """Return what has exactly these names: a dict of name to rows (`id`, `name`, `category`), and the names that
        nothing has in its `unknown`. Otherwise as `names`."""
        from esipy._paging import bulk_names

        lookup = self._lookup(app, 'post_universe_ids', threads, progress, options)
        return self._run_batch('ids', lookup.operation.id, options, partial(bulk_names.ids, lookup, names))

    def _lookup(
        self, app: Any, operation: str, threads: int, progress: Callable[..., Any] | None, options: dict[str, Any]
    ) -> BatchLookup[Any]:
        from esipy._paging import bulk_names

        app = self.app if app is None else app
        table = bulk_names.built_in() if app is None else app.op
        fetch = self._make_fetcher(**options)
        scope = [self._vary_context(), getattr(app, 'datasource', None)]
        lookup = bulk_names.BatchLookup(fetch, self.cache, table[operation], scope, bounded(threads))
        lookup.progress = progress
        return lookup

    def for_each(
        self,
        characters: Iterable[int],
        call: Callable[..., Pair] | Operation,
        *,
        all_pages: bool = False,
        threads: int = 20,
        progress: Callable[..., Any] | None = None,
        **options: Any,
    ) -> ByCharacter:
        """Make the same call for many characters, each with its own token from the store of the client's security::

            wallets = client.for_each(ids, app.op['get_characters_character_id_wallet'])
            for character_id, response in wallets.results.items():
                print(character_id, response.data)
            for character_id, error in wallets.failures.items():
                print(character_id, error)

        `call`: an operation with a `character_id`, or a function that makes the call for a character's id.
        `all_pages`: the results are whole lists (as from `all`), not Responses. `progress`: called with (characters
        done, all characters), or with the first alone. `options`: as in `paginate`. One character that fails never
        stops the others.
        """
        from esipy._paging import characters as by_character

        if not hasattr(self.security, 'for_character'):
            raise TokenError('for_each() needs EsiClient(EsiSecurity(…, store=…)): the store knows the characters')

        def run(character_id: int) -> Any:
            client = self.as_character(character_id)
            is_operation = hasattr(call, 'operationId')
            made: Pair = call(character_id=character_id) if is_operation else call(character_id)
            if all_pages:
                return client.all(made, threads=1, **options)
            return client.request(made, raise_on_error=True, **options)

        operation = getattr(call, 'operationId', '')
        run_all = partial(by_character.for_each, run, characters, bounded(threads), progress)
        return self._run_batch('for_each', operation, options, run_all)

    def watch(self, call: Pair, *, min_interval: float = 5.0, **options: Any) -> Iterator[Any]:
        """Yield the response to a call, and again each time that it has changed; wait politely in between::

            for response in client.watch(app.op['get_characters_character_id_contracts'](character_id=90000001)):
                print(len(response.data), 'contracts')

        It asks again when the response expires, and never earlier than after `min_interval` seconds: an unchanged one
        is a 304, which costs one token. A list with numbered pages is fetched whole: then a list is yielded, as from
        `all`. While the server is down, it waits and tries again. The generator has no end: leave the loop, or call
        its `close()`. `options` and other errors: as in `paginate`.
        """
        from esipy._paging import watch

        operation = to_request(call).operation
        if operation.paging == 'pages':
            return watch.watch(lambda: self.all(call, **options), min_interval, operation.id)
        fetch = self._make_fetcher(**options)
        return watch.watch(lambda: fetch(to_request(call)), min_interval, operation.id)


def _options(
    pagination: str | None, key: Key | None, max_pages: int, progress: Progress | None, streams: bool = False
) -> PagingOptions:
    from esipy._paging.paginator import PagingOptions

    return PagingOptions(pagination, key, max_pages, progress, streams)


def bounded(threads: int) -> int:
    """Return the number of threads that a client uses, 1 to 100: as 1.x, it takes the nearest of them.

    Raises TypeError for what is not a whole number.
    """
    if not isinstance(threads, int):
        raise TypeError(f'threads must be a whole number from 1 to 100, not {threads!r}')
    return max(min(threads, 100), 1)
