"""Tasks that keep the tables of tokens clean. Their names are django-esi's, which schedules of sites have in them.

Without Celery they are functions.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import wraps
from typing import Any

from esipy.contrib.django import import_name, installed, refresh
from esipy.contrib.django.errors import IncompleteResponseError, TokenError
from esipy.contrib.django.now import now
from esipy.contrib.django.querysets import expired_before

LOGGER = logging.getLogger(__name__)

#: Rows that are read at a time.
_CHUNK = 500

#: Seconds over which the runs of all sites are spread: most schedules begin at the full hour.
_JITTER = 60.0

#: After so many tokens in a row to which the SSO did not respond, a run ends: it is down.
_FAILURES = 5


def _task(spread: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """A task of Celery, where that is installed: under this module's name, and under that of django-esi unless it is
    installed too. `spread`: the task begins at a random moment of the minute after it came."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            from celery import shared_task
        except ImportError:
            return function

        @wraps(function)
        def run(task: Any, *args: Any, **kwargs: Any) -> Any:
            request = task.request
            if spread and not request.called_directly and not request.is_eager and not request.retries:
                raise task.retry(countdown=random.uniform(0, _JITTER), max_retries=1)
            return function(*args, **kwargs)

        names = [f'{__name__}.{function.__name__}']
        if not import_name.is_taken():
            names.append(f'{import_name.NAME}.tasks.{function.__name__}')
        tasks = [shared_task(bind=True, name=name, ignore_result=True)(run) for name in names]
        return tasks[-1]

    return decorate


@_task()
def cleanup_callbackredirect(max_age: float = 300) -> int:
    """Delete logins that began more than `max_age` seconds ago. Returns how many rows there were."""
    rows = installed.model('CallbackRedirect').objects
    deleted, _ = rows.filter(created__lte=now() - timedelta(seconds=max_age)).delete()
    return int(deleted)


@_task(spread=True)
def cleanup_token() -> int:
    """Refresh all tokens that have expired, and delete those that cannot be refreshed. Returns how many it looked at.

    While the SSO is down nothing is deleted.
    """
    return _clean_up(_due())


@_task(spread=True)
def cleanup_token_subset(fraction: int = 48) -> int:
    """Do the same for every `fraction`-th token, another part of them in each run: once an hour, 48 runs see all.

    Those that were refreshed longest ago come first. Raises ValueError for a `fraction` below 1.
    """
    if fraction < 1:
        raise ValueError(f'cleanup_token_subset(): fraction must be 1 or more, not {fraction!r}')
    due = _due()
    count = -(-installed.model('Token').objects.count() // fraction)
    return _clean_up(due.order_by('created')[:count])


@_task()
def refresh_or_delete_token(token_pk: int) -> None:
    """Refresh one token, or delete it where it cannot be refreshed. One that does not exist is ignored: messages of
    this task may be older than the token is gone."""
    token = installed.model('Token').objects.filter(pk=token_pk).first()
    if token is not None and token.expired:
        token.refresh_or_delete()


def _due() -> Any:
    """The tokens that have expired."""
    return installed.model('Token').objects.filter(created__lte=expired_before())


def _clean_up(due: Any) -> int:
    """Refresh or delete tokens, one after the other, in bounded memory."""
    failures = seen = 0
    for token in _tokens(due):
        seen += 1
        failures = 0 if _refreshed_or_deleted(token) else failures + 1
        if failures == _FAILURES:
            LOGGER.warning('the SSO does not respond: the tokens are cleaned up by the next run')
            break
    return seen


def _tokens(due: Any) -> Iterator[Any]:
    """The tokens that are due now: their ids are read first, and each row when it is its turn."""
    ids = list(due.values_list('pk', flat=True))
    for start in range(0, len(ids), _CHUNK):
        rows = installed.model('Token').objects.in_bulk(ids[start : start + _CHUNK])
        for pk in ids[start : start + _CHUNK]:
            row = rows.pop(pk, None)  # nobody needs it any more when the next ones are read
            if row is not None:
                yield row


def _refreshed_or_deleted(token: Any) -> bool:
    """Return whether the SSO did respond, or did not have to."""
    if not token.expired:  # it was refreshed meanwhile
        return True
    try:
        token.refresh()
    except IncompleteResponseError as error:
        LOGGER.info('the token of character %s is not refreshed yet: %s', token.character_id, error)
        return False
    except TokenError as error:
        refresh.delete(token, error)
    return True
