"""What a client does in many calls: whole lists, names in bulk. Each of these calls goes the way of all (client.py).

the walks     paging/
names, ids    names.py

Both are imported by the first call that needs them: many programs have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from esipy._cache.base import BaseCache
from esipy._message.pyswagger import to_request
from esipy._message.request import Request
from esipy._message.response import Response

if TYPE_CHECKING:
    from esipy._paging.bulk_names import BatchLookup, Ids, Names
    from esipy._paging.paginator import Key, Paginator
    from esipy._paging.results import Changes, WholeList
    from esipy.progress import Progress

#: More pages than this are not believed, unless `max_pages` says so.
MAX_PAGES = 10_000

#: What `app.op[name](...)` returns.
Call = tuple[Request, Response]


class PagingMethods:
    """The part of EsiClient that walks lists."""

    app: Any
    cache: BaseCache

    def _make_fetcher(self, **options: Any) -> Callable[..., Response]:
        """What executes the requests of a walk: with their bodies, and raising what an error status stands for."""
        raise NotImplementedError

    def _vary_context(self) -> Any:
        """What all calls of this client say, and answers depend on."""
        raise NotImplementedError

    def paginate(
        self,
        call: Call,
        *,
        walk: str | None = None,
        threads: int = 8,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        progress: Progress | None = None,
        **options: Any,
    ) -> Iterator[Response]:
        """The answers of a list of many pages, one by one; numbered pages are fetched ahead in `threads`::

            for page in client.paginate(app.op['get_markets_region_id_orders'](region_id=10000002)):
                print(len(page.data), 'orders, as of', page.headers['Last-Modified'])

        `walk`: how, where the description errs: 'pages', 'cursor', 'from_id', 'last_mail_id', 'from_event',
        'max_war_id'. `key`: the field, or a function, that tells a record from all others, where it is not recognised.
        `max_pages`: more are not believed. `progress`: called with (pages done, all pages; None if nobody knows), or
        with the first alone if it takes no more.
        `options`: `opt`, `security`, `timeout`, `priority`, and what plugins take, as in `request`.

        Raises what `request` raises under `raise_on_error`; WalkError where the end cannot be reached; CallError, at
        once, for what is no list. A list that changes meanwhile warns: `all` gives one state of it.
        """
        from esipy._paging import results

        found = self._walk(call, walk, key, max_pages, progress, options, streams=True)
        return results.pages(found, bounded(threads))

    def records(
        self,
        call: Call,
        *,
        walk: str | None = None,
        threads: int = 8,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        progress: Progress | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """The records of a list of many pages, one by one, in flat memory. Arguments and errors as in `paginate`.

        In walks from an id and by a cursor every record that exists throughout comes exactly once.
        """
        from esipy._paging import results

        found = self._walk(call, walk, key, max_pages, progress, options, streams=True)
        return results.records(found, bounded(threads))

    def all(
        self,
        call: Call,
        *,
        walk: str | None = None,
        threads: int = 20,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        patience: float = 10.0,
        progress: Progress | None = None,
        **options: Any,
    ) -> WholeList:
        """The whole list; of numbered pages: in one state, never parts of two::

            orders = client.all(app.op['get_markets_region_id_orders'](region_id=10000002))
            print(len(orders), 'orders, as of', orders.snapshot)

        `patience`: seconds, in all, to wait for an expiry that is near. Otherwise arguments and errors as in
        `paginate`; SnapshotError where the pages of one state cannot be had.
        """
        from esipy._paging import results

        found = self._walk(call, walk, key, max_pages, progress, options)
        return results.whole(found, bounded(threads), patience)

    def sync(
        self,
        call: Call,
        cursor: str | None = None,
        *,
        walk: str | None = None,
        key: Key | None = None,
        max_pages: int = MAX_PAGES,
        progress: Progress | None = None,
        **options: Any,
    ) -> Changes:
        """The records of a cursor listing that changed since `cursor` (None: all), and the cursor to come back with::

            changed, cursor = client.sync(app.op['get_freelance_jobs'](), cursor)

        The cursor is a text, to be kept for as long as you like. Each record comes once, as it was last seen. Arguments
        and errors as in `paginate`.
        """
        from esipy._paging import results

        return results.sync(self._walk(call, walk, key, max_pages, progress, options), cursor)

    def _walk(
        self,
        call: Call,
        walk: str | None,
        key: Key | None,
        max_pages: int,
        progress: Progress | None,
        options: Mapping[str, Any],
        streams: bool = False,
    ) -> Paginator:
        from esipy._paging.paginator import Paginator

        return Paginator(self._make_fetcher(**options), to_request(call), walk, key, max_pages, progress, streams)

    def names(self, ids: Iterable[Any], *, app: Any = None, threads: int = 4, **options: Any) -> Names:
        """What the things with these ids are called, however many: a dict of id to row (`name`, `category`), and the
        ids that belong to nothing in its `unknown`::

            names = client.names([30000142, 34])
            print(names[34].name)

        Each name is kept in the cache on its own. `app`: whose POST /universe/names is asked; by default
        the client's, else ESI's own.
        """
        from esipy._paging import bulk_names as bulk

        return bulk.names(self._desk(app, 'post_universe_names', threads, options), ids)

    def ids(self, names: Iterable[str], *, app: Any = None, threads: int = 4, **options: Any) -> Ids:
        """The things that have exactly these names: a dict of name to rows (`id`, `name`, `category`), and the names
        that nothing has in its `unknown`. Otherwise as `names`."""
        from esipy._paging import bulk_names as bulk

        return bulk.ids(self._desk(app, 'post_universe_ids', threads, options), names)

    def _desk(self, app: Any, operation: str, threads: int, options: Mapping[str, Any]) -> BatchLookup[Any]:
        from esipy._paging import bulk_names as bulk

        app = self.app if app is None else app
        table = bulk.built_in() if app is None else app.op
        ask = self._make_fetcher(**options)
        said = [self._vary_context(), getattr(app, 'datasource', None)]
        return bulk.BatchLookup(lambda call: ask(call[0]), self.cache, table[operation], said, bounded(threads))


def bounded(threads: int) -> int:
    """As many threads as a client uses, 1 to 100. Raises TypeError for what is no number of them."""
    if not isinstance(threads, int):
        raise TypeError(f'threads is a whole number, from 1 to 100, not {threads!r}')
    return max(min(threads, 100), 1)
