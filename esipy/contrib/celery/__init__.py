"""Celery tasks that keep to rate limits over all workers, and crawls that take many machines: see docs/celery.md."""

from typing import TYPE_CHECKING

from esipy._runtime.lazy import lazy_exports

if TYPE_CHECKING:
    from esipy.contrib.celery._crawl import Crawl, CrawlList, CrawlOptions, CrawlProgress, FailedUnit
    from esipy.contrib.celery._crawl_units import FIRST, CrawlPage, Unit
    from esipy.contrib.celery._decorators import rate_limit_retry_task, rate_limited_task, retry_when_limited
    from esipy.contrib.celery._redis import waiting_tasks
    from esipy.contrib.celery._setup import WorkerSetup, configure_worker
    from esipy.contrib.celery._sinks import JsonLines, Parquet, Sqlite

__all__ = [
    'FIRST',
    'Crawl',
    'CrawlList',
    'CrawlOptions',
    'CrawlPage',
    'CrawlProgress',
    'FailedUnit',
    'JsonLines',
    'Parquet',
    'Sqlite',
    'Unit',
    'WorkerSetup',
    'configure_worker',
    'rate_limit_retry_task',
    'rate_limited_task',
    'retry_when_limited',
    'waiting_tasks',
]

_FILES = {
    '_crawl': ('Crawl', 'CrawlList', 'CrawlOptions', 'CrawlProgress', 'FailedUnit'),
    '_crawl_units': ('FIRST', 'CrawlPage', 'Unit'),
    '_decorators': ('rate_limit_retry_task', 'rate_limited_task', 'retry_when_limited'),
    '_redis': ('waiting_tasks',),
    '_setup': ('WorkerSetup', 'configure_worker'),
    '_sinks': ('JsonLines', 'Parquet', 'Sqlite'),
}

__getattr__, __dir__ = lazy_exports(
    __name__, {name: f'{__name__}.{module}' for module, names in _FILES.items() for name in names}
)
