"""Celery tasks that keep to rate limits over all workers, and crawls that take many machines: see docs/celery.md."""

from typing import TYPE_CHECKING

from esipy._runtime.lazy import lazy_exports

if TYPE_CHECKING:
    from esipy.contrib.celery._decorators import rate_limit_retry_task, rate_limited_task, retry_when_limited
    from esipy.contrib.celery._redis import waiting_tasks

__all__ = ['rate_limit_retry_task', 'rate_limited_task', 'retry_when_limited', 'waiting_tasks']

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'rate_limit_retry_task': 'esipy.contrib.celery._decorators',
        'rate_limited_task': 'esipy.contrib.celery._decorators',
        'retry_when_limited': 'esipy.contrib.celery._decorators',
        'waiting_tasks': 'esipy.contrib.celery._redis',
    },
)
