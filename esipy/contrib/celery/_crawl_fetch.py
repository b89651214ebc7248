"""What a worker does with one unit of a crawl: it fetches a page, hands it to the sink, and reports what came of it."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from esipy._message.response import Response
from esipy._paging import by_page, results
from esipy._paging.paginator import NOTHING, Paginator, PagingOptions
from esipy._paging.snapshot import state_of
from esipy._runtime.redact import masked
from esipy.client import EsiClient
from esipy.contrib.celery._crawl_ledger import Leases, Ledger
from esipy.contrib.celery._crawl_units import CrawlPage, Sink, to_request
from esipy.contrib.celery._process_client import ProcessClient
from esipy.exceptions import (
    APIException,
    ClientError,
    DowntimeError,
    EsiError,
    LimitedError,
    NotFoundError,
    SSOUnavailableError,
)

LOGGER = logging.getLogger('esipy.celery')

#: Seconds for which a call waits for a rate limit. After that another worker may have the unit.
MAX_WAIT = 5.0

#: Seconds to wait if neither the server nor esipy says how long.
DEFAULT_WAIT = 60.0

#: How often a list begins again because it changed while it was read. After that its pages are of several states, which
#: `Crawl.lists()` says.
MAX_RESTARTS = 3

#: Microseconds after which a unit that failed is tried again; doubles with each attempt.
BACKOFF = 1_000_000


class FetchSettings(NamedTuple):
    """What a crawl was made with."""

    crawl: str
    make_client: Callable[[], EsiClient]
    app: Any
    sink: Sink
    #: Microseconds between two attempts during a downtime.
    probe_every: int
    max_attempts: int


class Fetcher:
    """Fetches the units of one crawl. Safe between threads, and in forked processes."""

    def __init__(self, settings: FetchSettings, ledger: Ledger, leases: Leases) -> None:
        self._settings = settings
        self._ledger = ledger
        self._leases = leases
        self._client = ProcessClient(self._make_client)

    def _make_client(self) -> EsiClient:
        client = copy.copy(self._settings.make_client())
        client.max_wait = MAX_WAIT
        return client

    @property
    def client(self) -> EsiClient:
        """The client of this process: its calls do not wait for a rate limit for long."""
        return self._client.get()

    def fetch(self, run: str, unit: dict[str, Any], owner: str) -> None:
        """Fetch a unit that this process has taken."""
        self._leases.add(unit['id'], owner)
        try:
            self._fetch(run, unit, owner)
        except LimitedError as error:
            wait = DEFAULT_WAIT if error.retry_after is None else error.retry_after
            self._report('give_back', unit, owner, wait=round(wait * 1_000_000), is_up=not error.limit)
        except (DowntimeError, SSOUnavailableError):
            self._report('give_back', unit, owner, wait=0, pause=self._settings.probe_every)
        except ClientError as error:
            self._fail(unit, owner, error, is_up=True)
        except APIException as error:
            self._try_again(unit, owner, error, pause_if_many=self._settings.probe_every)
        except EsiError as error:
            self._fail(unit, owner, error)
        except Exception as error:
            self._log_unexpected(unit, error)
            self._try_again(unit, owner, error)
        finally:
            self._leases.remove(unit['id'], owner)

    def _fetch(self, run: str, unit: dict[str, Any], owner: str) -> None:
        request, character = to_request(unit, self._settings.app)
        client = self.client if character is None else self.client.as_character(character)
        paginator = Paginator(client._make_fetcher(priority=unit['priority']), request, PagingOptions())
        try:
            pages = list(self._pages(paginator, unit))
        except NotFoundError:
            if unit['page'] == 1:
                raise
            pages = []  # the list has fewer pages than its first one said
        first = pages[0] if pages else None
        state = (state_of(first) if first is not None else None) or ''
        count = -1 if first is None else by_page.page_count(paginator, first) if paginator.kind == 'pages' else 1
        if self._report('arrived', unit, owner, state=state, pages=count, max_restarts=MAX_RESTARTS) != 'yes':
            return
        rows = 0
        for offset, response in enumerate(pages):
            page = CrawlPage(
                crawl=self._settings.crawl,
                run=run,
                call=unit['list'],
                number=unit['page'] + offset,
                generation=unit['generation'],
                arguments=dict(request._p['path']),
                character=character,
                rows=_rows(paginator, response),
                snapshot=state_of(response),
                not_modified=response.not_modified or response.from_cache,
                response=response,
            )
            rows += len(page.rows)
            self._settings.sink(page)
        is_old = bool(pages) and all(response.not_modified or response.from_cache for response in pages)
        self._report('done', unit, owner, rows=rows, not_modified=is_old)

    def _pages(self, paginator: Paginator, unit: Mapping[str, Any]) -> Iterator[Response]:
        """Yield the responses of a unit: one page, or all of a list that is not numbered."""
        if paginator.kind not in ('pages', None):
            yield from results.pages(paginator, threads=1)
            return
        query: Mapping[str, object] = NOTHING if unit['page'] == 1 else {'page': unit['page']}
        yield paginator.page(query, bypass_cache=unit['generation'] > 1)

    def _log_unexpected(self, unit: Mapping[str, Any], error: Exception) -> None:
        """Log an error that is not esipy's, with its traceback: the address of a database may be in its text."""
        LOGGER.warning(
            'the crawl %s could not process %s, because an unexpected error occurred, for example in its sink (%s); '
            'this was attempt %d of %d\n%s',
            self._settings.crawl,
            unit['list'],
            type(error).__name__,
            unit['attempts'] + 1,
            self._settings.max_attempts,
            masked(traceback.format_exc()),
        )

    def _try_again(self, unit: dict[str, Any], owner: str, error: Exception, **more: Any) -> None:
        if unit['attempts'] + 1 >= self._settings.max_attempts:
            self._fail(unit, owner, error, **more)
        else:
            self._report('give_back', unit, owner, wait=BACKOFF * 2 ** unit['attempts'], counts=True, **more)

    def _fail(self, unit: dict[str, Any], owner: str, error: Exception, **more: Any) -> None:
        unit['attempts'] += 1
        self._report('fail', unit, owner, error=f'{type(error).__name__}: {masked(str(error))}', **more)

    def _report(self, operation: str, unit: dict[str, Any], owner: str, **more: Any) -> Any:
        given = {'unit': unit, 'owner': owner, 'lease': self._leases.microseconds, **more}
        return self._ledger.run_patiently(operation, given)


def _rows(paginator: Paginator, response: Response) -> list[Any]:
    """Return the rows of a response as JSON values; a response that is not a list is one row."""
    value = response.decoded()
    if paginator.kind is None and not isinstance(value, list):
        return [] if value is None else [value]
    return paginator.plain_records(response)
