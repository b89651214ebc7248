"""The buckets of an app, without a worker."""

from celery import Celery

from esipy.contrib.celery._redis import Connections


def connections_to(url: str) -> Connections:
    return Connections(Celery('tests', broker=url, set_as_current=False))
